//! What a closed window says.

use std::time::Duration;

use flowgate_event::Timestamp;

use crate::{Account, Totals};

/// The figures of one closed window: the `stats` argument of `wamp.session.on_stats` without
/// `serializer`, which the meter does not know.
///
/// The windows of a session follow each other without a gap: a window ends where the next starts.
/// Source: "Session Statistics" of Crossbar.io's documentation; `received` and `sent` are additions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Report {
    /// Number of this report within its session, from 1, without gaps.
    pub cycle: u64,
    /// Start of the window, the event's `timestamp`: for the first report the arrival of HELLO,
    /// for every other the end of the window before.
    pub start: Timestamp,
    /// Length of the window, a whole number of nanoseconds.
    pub duration: Duration,
    /// Whether this is the session's first report, true exactly once in a session that reports.
    pub first: bool,
    /// Whether this is the session's last report, true at most once: the session has left.
    /// A session that is not reported on leave has no last report.
    pub last: bool,
    /// What the router received from the client within the window.
    pub received: Account,
    /// What the router sent to the client within the window.
    pub sent: Account,
}

impl Report {
    /// Both directions together: the event's `bytes`, `messages` and `rated_messages`.
    #[must_use]
    pub fn total(&self) -> Account {
        self.received + self.sent
    }

    /// The two directions as [`Totals`], to sum reports up.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals { received: self.received, sent: self.sent }
    }

    /// End of the window, which is the start of the next.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.start.after(self.duration)
    }
}
