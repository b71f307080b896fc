//! Time as data.

use std::time::Duration;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

const NANOS_PER_MILLI: u64 = 1_000_000;

/// A moment: nanoseconds since the Unix epoch, never running backwards within one process.
///
/// The shell reads the wall clock once at start and adds the monotonic time elapsed since, so that
/// differences are exact durations and values can still be printed as dates.
/// Nothing below the shell reads a clock; every input carries its `Timestamp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);

    /// A moment `nanos` nanoseconds after the Unix epoch.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time from `earlier` to `self`; zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The same in nanoseconds, for who counts them.
    #[must_use]
    pub const fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment `duration` later; saturates at the end of time (the year 2554).
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// The moment without what is finer than a millisecond.
    #[must_use]
    pub const fn to_millis(self) -> Self {
        Self(self.0 - self.0 % NANOS_PER_MILLI)
    }

    /// The moment as text, in UTC and milliseconds: `2026-11-21T14:30:00.000Z` (RFC 3339).
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0))
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (year, month, day) = time.to_calendar_date();
        let (hour, minute, second, milli) = time.to_hms_milli();
        let month = u8::from(month);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }

    /// The moment that a text in the form of RFC 3339 names; one before the epoch is the epoch, and
    /// one after the end of time its end.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let nanos = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos();
        Some(Self(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests;
