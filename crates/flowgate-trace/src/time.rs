//! Moments as text.

use std::fmt;

use flowgate_event::Timestamp;

/// A moment as `2019-11-25T14:31:28.518Z`, as Crossbar.io writes them.
pub(crate) struct Utc(pub(crate) Timestamp);

/// The time of day of a moment, in UTC, as `14:31:28.518998`.
pub(crate) struct TimeOfDay(pub(crate) Timestamp);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let seconds = nanos / 1_000_000_000;
        let (year, month, day) = date(seconds / 86_400);
        let (hour, minute, second) = time(seconds);
        let millis = nanos / 1_000_000 % 1000;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let (hour, minute, second) = time(nanos / 1_000_000_000);
        write!(f, "{hour:02}:{minute:02}:{second:02}.{:06}", nanos / 1000 % 1_000_000)
    }
}

const fn time(seconds: u64) -> (u64, u64, u64) {
    (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

/// Year, month and day of a day counted from 1970-01-01.
///
/// Counts from March of year 0, so that leap days are last in their years; 400 years have 146097
/// days, and five months from March on 153.
const fn date(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let is_next_year = (month >= 10) as u64;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + is_next_year, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (951_868_800, "2000-03-01T00:00:00.000Z"),
            (1_574_692_288, "2019-11-25T14:31:28.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(Utc(Timestamp::from_nanos(seconds * 1_000_000_000)).to_string(), text);
        }
        let moment = Timestamp::from_nanos(1_574_692_288_518_998_111);
        assert_eq!(Utc(moment).to_string(), "2019-11-25T14:31:28.518Z");
        assert_eq!(TimeOfDay(moment).to_string(), "14:31:28.518998");
    }
}
