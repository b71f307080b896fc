//! The only place that reads the clock.

use flowgate_event::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Turns the system's clocks into [`Timestamp`]s that never run backwards.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: Instant,
    started_at: Timestamp,
    /// What is to be added to the monotonic clock, modulo 2^64.
    offset_ns: u64,
}

impl Clock {
    /// Reads the wall clock, once; from here on time is what has elapsed since.
    #[allow(clippy::disallowed_methods, reason = "this is the shell's clock")]
    pub(crate) fn start() -> Self {
        let nanos = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_nanos());
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
        // Read first, so that a timer for a moment never fires before it.
        let offset_ns = nanos.wrapping_sub(monotonic_ns());
        Self { started: Instant::now(), started_at: Timestamp::from_nanos(nanos), offset_ns }
    }

    /// The current moment.
    #[inline]
    pub(crate) fn now(self) -> Timestamp {
        Timestamp::from_nanos(self.offset_ns.wrapping_add(monotonic_ns()))
    }

    /// When a timer for `moment` has to fire.
    pub(crate) fn instant(self, moment: Timestamp) -> Instant {
        self.started + moment.since(self.started_at)
    }
}

/// The monotonic clock, as [`Instant`] has it. Read for every batch of messages, where the detour by
/// way of durations costs more than the clock itself.
#[inline]
fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // Neither is negative, and 584 years fit.
    now.tv_sec
        .cast_unsigned()
        .wrapping_mul(NANOS_PER_SECOND)
        .wrapping_add(now.tv_nsec.cast_unsigned())
}
