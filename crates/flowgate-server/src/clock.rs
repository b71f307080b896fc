//! The only place that reads the clock.

use flowgate_event::Timestamp;
use tokio::time::Instant;

/// Turns the system's clocks into [`Timestamp`]s that never run backwards.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: Instant,
    started_at: Timestamp,
}

impl Clock {
    /// Reads the wall clock, once; from here on time is what has elapsed since.
    #[allow(clippy::disallowed_methods, reason = "this is the shell's clock")]
    pub(crate) fn start() -> Self {
        let nanos = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_nanos());
        Self {
            started: Instant::now(),
            started_at: Timestamp::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)),
        }
    }

    /// The current moment.
    pub(crate) fn now(self) -> Timestamp {
        self.started_at.after(self.started.elapsed())
    }

    /// When a timer for `moment` has to fire.
    pub(crate) fn instant(self, moment: Timestamp) -> Instant {
        self.started + moment.since(self.started_at)
    }
}
