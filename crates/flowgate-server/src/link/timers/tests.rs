use std::time::Duration;

use tokio::time::Instant;

use super::{Fired, Timers};
use crate::config::Keepalive;

const SECOND: Duration = Duration::from_secs(1);

fn timers() -> (Timers, Instant) {
    let keepalive = Keepalive { interval: 20 * SECOND, timeout: Some(5 * SECOND) };
    let mut timers = Timers::new(Some(keepalive), 10 * SECOND);
    let start = timers.next() - 10 * SECOND;
    timers.opened();
    (timers, start)
}

#[test]
fn a_silent_client_is_pinged_and_then_given_up() {
    let (mut timers, start) = timers();
    assert_eq!(timers.next(), start + 20 * SECOND);
    assert_eq!(timers.fire(start + 19 * SECOND), Fired::Nothing);
    assert_eq!(timers.fire(start + 20 * SECOND), Fired::Ping);
    assert_eq!(timers.next(), start + 25 * SECOND);
    assert_eq!(timers.fire(start + 25 * SECOND), Fired::Silent);
}

#[test]
fn whatever_the_client_sends_counts_as_an_answer() {
    let (mut timers, start) = timers();
    assert_eq!(timers.fire(start + 20 * SECOND), Fired::Ping);
    timers.active();
    assert_eq!(timers.fire(start + 25 * SECOND), Fired::Nothing);
    assert_eq!(timers.next(), start + 45 * SECOND);
    assert_eq!(timers.fire(start + 45 * SECOND), Fired::Ping);
}

#[test]
fn a_session_must_be_opened_in_time() {
    let mut timers = Timers::new(None, 10 * SECOND);
    let deadline = timers.next();
    assert_eq!(timers.fire(deadline), Fired::OpeningTimeout);
    assert_eq!(timers.fire(deadline + SECOND), Fired::Nothing);
}

#[test]
fn statistics_wait_from_the_first_on_and_delay_nothing_else() {
    let mut timers = Timers::new(None, 10 * SECOND);
    let opening = timers.next();
    timers.start_deferral(2 * SECOND);
    let deadline = timers.next();
    timers.start_deferral(5 * SECOND);
    assert_eq!(timers.next(), deadline);
    assert_eq!(timers.fire(opening), Fired::Deferral);
    assert_eq!(timers.next(), opening);
    assert_eq!(timers.fire(opening), Fired::OpeningTimeout);
}

#[test]
fn the_first_limit_for_closing_counts() {
    let mut timers = Timers::new(None, 100 * SECOND);
    timers.start_closing(2 * SECOND);
    let deadline = timers.next();
    timers.start_closing(50 * SECOND);
    assert_eq!(timers.next(), deadline);
    assert_eq!(timers.fire(deadline), Fired::ClosingTimeout);
}
