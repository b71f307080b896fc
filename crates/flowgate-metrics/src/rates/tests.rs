//! Rates by the time that has truly passed.

use std::time::Duration;

use flowgate_event::Timestamp;

use super::{Direction, Rates, Window};

fn after(samples: &[(u64, f64)], direction: Direction) -> Rates {
    let mut window = Window::default();
    for (at_ms, value) in samples {
        window.push(Timestamp::EPOCH.after(Duration::from_millis(*at_ms)), *value, direction);
    }
    window.rates()
}

#[test]
fn there_is_no_rate_before_two_samples() {
    assert_eq!(after(&[], Direction::OnlyUp), Rates::default());
    assert_eq!(after(&[(0, 1e6)], Direction::OnlyUp), Rates::default());
}

#[test]
fn a_rate_is_per_true_second() {
    // 2.5 s, then 10 s because the timer was late.
    let rates = after(&[(0, 0.0), (2_500, 5.0), (12_500, 25.0)], Direction::OnlyUp);
    assert_eq!(rates, Rates { last: 2.0, average: 2.0 });
}

#[test]
fn a_counter_that_starts_anew_has_no_negative_rate() {
    let rates = after(&[(0, 100.0), (1_000, 110.0), (2_000, 4.0)], Direction::OnlyUp);
    assert_eq!(rates, Rates { last: 4.0, average: 7.0 });
}

#[test]
fn a_gauge_may_fall() {
    let rates = after(&[(0, 10.0), (1_000, 4.0)], Direction::UpAndDown);
    assert_eq!(rates, Rates { last: -6.0, average: -6.0 });
}

#[test]
fn the_average_covers_24_samples() {
    let samples: Vec<_> =
        (0..100_u32).map(|n| (u64::from(n) * 1_000, f64::from(n).powi(2))).collect();
    let rates = after(&samples, Direction::OnlyUp);
    // From the sample at 76 s to that at 99 s.
    assert_eq!(rates.average, (99_f64.powi(2) - 76_f64.powi(2)) / 23.0);
    assert_eq!(rates.last, 99_f64.powi(2) - 98_f64.powi(2));
}

#[test]
fn two_samples_at_the_same_moment_have_no_rate() {
    assert_eq!(after(&[(5, 1.0), (5, 2.0)], Direction::OnlyUp), Rates::default());
}
