//! Moments as text.

use std::fmt;

use flowgate_event::Timestamp;

/// The time of day of a moment, in UTC, as `14:31:28.518998`.
pub(crate) struct TimeOfDay(pub(crate) Timestamp);

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let seconds = nanos / 1_000_000_000;
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        write!(f, "{hour:02}:{minute:02}:{second:02}.{:06}", nanos / 1000 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_day_is_written_in_utc() {
        let moment = Timestamp::from_nanos(1_574_692_288_518_998_111);
        assert_eq!(TimeOfDay(moment).to_string(), "14:31:28.518998");
    }
}
