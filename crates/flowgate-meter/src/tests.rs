//! Scenarios of single sessions, and the edges of the types.

use std::num::NonZeroU64;
use std::time::Duration;

use flowgate_event::Timestamp;

use crate::{
    Account, Due, RatedMessageSize, RatedMessageSizeError, Report, SessionMeter, StatsConfig,
    Traffic,
};

const HELLO_AT: Timestamp = Timestamp::from_nanos(1_574_688_364_518_998_111);

fn at(millis: u64) -> Timestamp {
    HELLO_AT.after(Duration::from_millis(millis))
}

fn account(bytes: u64, messages: u64, rated_messages: u64) -> Account {
    Account { bytes, messages, rated_messages }
}

/// No trigger at all; tests switch on the one they are about.
fn silent() -> StatsConfig {
    StatsConfig { trigger_on_join: false, trigger_on_leave: false, ..StatsConfig::default() }
}

fn after_rated(count: u64) -> StatsConfig {
    StatsConfig { trigger_after_rated_messages: NonZeroU64::new(count), ..silent() }
}

fn after_secs(secs: u64) -> StatsConfig {
    StatsConfig { trigger_after_duration: Some(Duration::from_secs(secs)), ..silent() }
}

/// A session of which HELLO (100 bytes) and WELCOME (600 bytes) are counted, not yet joined.
fn shaken(config: StatsConfig) -> SessionMeter {
    let mut meter = SessionMeter::new(Some(config), HELLO_AT);
    assert_eq!(meter.received(100), Due::NotYet);
    assert_eq!(meter.sent(600, Traffic::Ordinary), Due::NotYet);
    meter
}

/// A session that joined at 2 ms, and what it reported then.
fn joined(config: StatsConfig) -> (SessionMeter, Option<Report>) {
    let mut meter = shaken(config);
    let report = meter.joined(at(2));
    (meter, report)
}

#[test]
fn rating_rounds_up_per_message() {
    let check = |size: u64, bytes: usize, rated: u64| {
        let size = RatedMessageSize::try_from(size).unwrap();
        assert_eq!(size.rate(bytes), rated, "{bytes} bytes by {size:?}");
    };
    check(512, 0, 0);
    check(512, 1, 1);
    check(512, 511, 1);
    check(512, 512, 1);
    check(512, 513, 2);
    check(512, 1024, 2);
    check(512, 1025, 3);
    check(1, 0, 0);
    check(1, 7, 7);
    check(1 << 63, 1, 1);
    check(1, 1 << 63, 1 << 63);
    check(2, (1 << 63) - 1, 1 << 62);
    check(1 << 62, (1 << 62) + 1, 2);
    check(1 << 63, 1 << 63, 1);
}

#[test]
fn a_rated_message_size_is_a_power_of_two() {
    for shift in 0..64 {
        let size_bytes = 1_u64 << shift;
        assert_eq!(RatedMessageSize::try_from(size_bytes).unwrap().bytes(), size_bytes);
    }
    assert_eq!(RatedMessageSize::try_from(256_u32).unwrap().bytes(), 256);
    assert_eq!(RatedMessageSize::default().bytes(), 512);

    let refused = |size_bytes: u64, error: RatedMessageSizeError, message: &str| {
        assert_eq!(RatedMessageSize::try_from(size_bytes), Err(error));
        assert_eq!(error.to_string(), message);
    };
    refused(0, RatedMessageSizeError::Zero, "the rated message size must be a power of two, not 0");
    refused(
        6,
        RatedMessageSizeError::NotPowerOfTwo { size_bytes: 6 },
        "the rated message size must be a power of two, not 6 (next to it: 4 and 8)",
    );
    refused(
        u64::MAX,
        RatedMessageSizeError::NotPowerOfTwo { size_bytes: u64::MAX },
        "the rated message size must be a power of two, not 18446744073709551615 (at most 9223372036854775808)",
    );
}

#[test]
fn defaults_are_those_of_the_documentation() {
    assert_eq!(
        StatsConfig::default(),
        StatsConfig {
            rated_message_size: RatedMessageSize::try_from(512_u64).unwrap(),
            trigger_after_rated_messages: None,
            trigger_after_duration: None,
            trigger_on_join: true,
            trigger_on_leave: true,
        }
    );
}

#[test]
fn the_join_report_covers_hello_to_welcome() {
    let (meter, report) = joined(StatsConfig::default());
    assert_eq!(
        report,
        Some(Report {
            cycle: 1,
            start: HELLO_AT,
            duration: Duration::from_millis(2),
            first: true,
            last: false,
            received: account(100, 1, 1),
            sent: account(600, 1, 2),
        })
    );
    assert_eq!(report.unwrap().total(), account(700, 2, 3));
    assert_eq!(meter.totals(), report.unwrap().totals());
}

#[test]
fn the_handshake_is_rated_by_the_configured_size() {
    let config = StatsConfig {
        rated_message_size: RatedMessageSize::try_from(64_u64).unwrap(),
        ..StatsConfig::default()
    };
    let (_, report) = joined(config);
    assert_eq!(report.unwrap().received, account(100, 1, 2));
    assert_eq!(report.unwrap().sent, account(600, 1, 10));
}

#[test]
fn no_trigger_fires_before_the_session_joined() {
    let config =
        StatsConfig { trigger_after_duration: Some(Duration::from_millis(1)), ..after_rated(1) };
    let mut meter = shaken(config);
    assert_eq!(meter.received(5000), Due::NotYet);
    assert_eq!(meter.deadline(), None);
    assert_eq!(meter.tick(at(1000)), None);
    assert_eq!(meter.close(at(1000)), None);
}

#[test]
fn a_threshold_that_the_handshake_reached_is_reported_on_joining() {
    let (_, report) = joined(after_rated(3));
    assert_eq!(report.unwrap().total(), account(700, 2, 3));
    assert!(report.unwrap().first);

    let (mut meter, report) = joined(after_rated(4));
    assert_eq!(report, None);
    assert_eq!(meter.received(1), Due::Now);
}

#[test]
fn without_a_join_report_the_first_window_goes_on() {
    let (mut meter, report) = joined(after_rated(10));
    assert_eq!(report, None);
    assert_eq!(meter.received(512 * 6), Due::NotYet);
    assert_eq!(meter.sent(1, Traffic::Ordinary), Due::Now);
    let report = meter.close(at(5)).unwrap();
    assert_eq!((report.cycle, report.start, report.first), (1, HELLO_AT, true));
    assert_eq!(report.total().rated_messages, 10);
}

#[test]
fn the_threshold_counts_rated_messages_of_both_directions_per_window() {
    let config = StatsConfig { trigger_on_join: true, ..after_rated(4) };
    let (mut meter, _) = joined(config);
    for cycle in 2..5 {
        assert_eq!(meter.received(1024), Due::NotYet);
        assert_eq!(meter.sent(10, Traffic::Ordinary), Due::NotYet);
        assert_eq!(meter.received(600), Due::Now);
        let report = meter.close(at(cycle * 10)).unwrap();
        assert_eq!((report.cycle, report.first, report.last), (cycle, false, false));
        assert_eq!(report.received, account(1624, 2, 4));
        assert_eq!(report.sent, account(10, 1, 1));
    }
}

#[test]
fn a_due_window_stays_due_until_it_is_closed() {
    let (mut meter, _) = joined(after_rated(4));
    assert_eq!(meter.received(1), Due::Now);
    assert_eq!(meter.received(1), Due::Now);
    assert_eq!(meter.close(at(9)).unwrap().total().messages, 4);
    assert_eq!(meter.close(at(9)), None);
    assert_eq!(meter.received(1), Due::NotYet);
    assert_eq!(meter.close(at(10)), None);
}

#[test]
fn delivering_statistics_never_makes_a_window_due() {
    let (mut meter, _) = joined(after_rated(4));
    for _ in 0..100 {
        assert_eq!(meter.sent(400, Traffic::StatsEvent), Due::NotYet);
    }
    assert_eq!(meter.totals().sent, account(40_600, 101, 102));
    assert_eq!(meter.received(10), Due::Now);
    assert_eq!(meter.close(at(9)).unwrap().total(), account(40_710, 103, 104));
}

#[test]
fn the_duration_trigger_reports_an_idle_session() {
    let (mut meter, _) = joined(after_secs(5));
    assert_eq!(meter.deadline(), Some(at(5000)));
    assert_eq!(meter.tick(at(4999)), None);
    assert_eq!(meter.tick(at(5000)).unwrap().total(), account(700, 2, 3));

    assert_eq!(meter.deadline(), Some(at(10_000)));
    let idle = meter.tick(at(10_003)).unwrap();
    assert_eq!((idle.start, idle.duration), (at(5000), Duration::from_millis(5003)));
    assert_eq!(idle.total(), Account::default());
    assert_eq!(meter.deadline(), Some(at(15_003)));
}

#[test]
fn messages_never_trigger_by_duration() {
    let (mut meter, _) = joined(after_secs(5));
    for _ in 0..1000 {
        assert_eq!(meter.received(100_000), Due::NotYet);
    }
}

#[test]
fn every_report_moves_the_deadline() {
    let config = StatsConfig { trigger_after_rated_messages: NonZeroU64::new(10), ..after_secs(5) };
    let (mut meter, _) = joined(config);
    assert_eq!(meter.received(512 * 7), Due::Now);
    assert!(meter.close(at(3000)).is_some());
    assert_eq!(meter.deadline(), Some(at(8000)));
    assert_eq!(meter.tick(at(5000)), None);
}

#[test]
fn a_zero_duration_is_no_trigger() {
    let (mut meter, _) = joined(after_secs(0));
    assert_eq!(meter.deadline(), None);
    assert_eq!(meter.tick(at(1_000_000)), None);
}

#[test]
fn a_duration_beyond_time_never_ends() {
    let config = StatsConfig { trigger_after_duration: Some(Duration::MAX), ..silent() };
    let (mut meter, _) = joined(config);
    assert_eq!(meter.deadline(), Some(Timestamp::from_nanos(u64::MAX)));
    assert_eq!(meter.tick(at(1_000_000)), None);
}

#[test]
fn leaving_reports_the_rest_as_last() {
    let (mut meter, _) = joined(StatsConfig::default());
    assert_eq!(meter.received(50), Due::NotYet);
    let last = meter.leave(at(7)).unwrap();
    assert_eq!((last.cycle, last.first, last.last), (2, false, true));
    assert_eq!((last.start, last.end()), (at(2), at(7)));
    assert_eq!(last.total(), account(50, 1, 1));
}

#[test]
fn the_only_report_is_first_and_last() {
    let (mut meter, report) = joined(StatsConfig { trigger_on_leave: true, ..silent() });
    assert_eq!(report, None);
    let only = meter.leave(at(7)).unwrap();
    assert_eq!((only.cycle, only.first, only.last), (1, true, true));
    assert_eq!((only.start, only.total()), (HELLO_AT, account(700, 2, 3)));
}

#[test]
fn nothing_is_due_after_leaving() {
    for trigger_on_leave in [true, false] {
        let config = StatsConfig {
            trigger_on_leave,
            trigger_after_duration: Some(Duration::from_millis(1)),
            ..after_rated(4)
        };
        let (mut meter, _) = joined(config);
        assert_eq!(meter.leave(at(7)).is_some(), trigger_on_leave);
        assert_eq!(meter.received(100_000), Due::NotYet);
        assert_eq!(meter.sent(100_000, Traffic::Ordinary), Due::NotYet);
        assert_eq!(meter.deadline(), None);
        assert_eq!(meter.tick(at(100)), None);
        assert_eq!(meter.close(at(100)), None);
        assert_eq!(meter.joined(at(100)), None);
        assert_eq!(meter.leave(at(100)), None);
        assert_eq!(meter.totals().total().messages, 4);
    }
}

#[test]
fn a_session_that_never_joined_reports_nothing() {
    let mut meter = shaken(StatsConfig::default());
    assert_eq!(meter.leave(at(7)), None);
    assert_eq!(meter.joined(at(8)), None);
    assert_eq!(meter.totals().total(), account(700, 2, 3));
}

#[test]
fn joining_twice_reports_once() {
    let (mut meter, _) = joined(StatsConfig::default());
    assert_eq!(meter.joined(at(3)), None);
}

#[test]
fn a_realm_without_stats_is_counted_and_never_reported() {
    let mut meter = SessionMeter::new(None, HELLO_AT);
    assert_eq!(meter.received(100), Due::NotYet);
    assert_eq!(meter.joined(at(2)), None);
    assert_eq!(meter.sent(600, Traffic::Ordinary), Due::NotYet);
    assert_eq!(meter.deadline(), None);
    assert_eq!(meter.tick(at(100_000)), None);
    assert_eq!(meter.close(at(100_000)), None);
    assert_eq!(meter.leave(at(100_000)), None);
    assert_eq!(meter.totals().received, account(100, 1, 1));
    assert_eq!(meter.totals().sent, account(600, 1, 2));
}

#[test]
fn time_running_backwards_makes_an_empty_window_not_an_overlap() {
    let (mut meter, _) = joined(StatsConfig { trigger_on_join: true, ..after_rated(1) });
    assert_eq!(meter.received(1), Due::Now);
    let back = meter.close(at(1)).unwrap();
    assert_eq!((back.start, back.duration), (at(2), Duration::ZERO));
    assert_eq!(meter.received(1), Due::Now);
    assert_eq!(meter.close(at(4)).unwrap().start, at(2));
}

#[test]
fn the_meter_is_as_small_as_documented() {
    assert_eq!(size_of::<SessionMeter>(), 144);
}
