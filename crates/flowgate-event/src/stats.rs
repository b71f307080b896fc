//! What metering reports: the vocabulary between the meter and the meta API.

use std::{
    ops::{Add, AddAssign},
    time::Duration,
};

use crate::Timestamp;

/// What passed in one direction, or in both together.
///
/// All figures are exact.
/// Arithmetic wraps at 2^64, which is out of reach (58 years at 10 GB/s), so that adding costs one
/// instruction and the difference of two sums stays exact whatever happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Account {
    /// Octets of the serialized WAMP messages, without transport framing.
    ///
    /// Source: `bytes` in "Session Statistics" of Crossbar.io's documentation.
    pub bytes: u64,
    /// Number of WAMP messages.
    ///
    /// Source: `messages` in "Session Statistics".
    pub messages: u64,
    /// Number of rated messages: the sum, message by message, of the message's length divided by
    /// the rated message size and rounded up.
    ///
    /// Source: `rated_messages` in "Session Statistics".
    pub rated_messages: u64,
}

impl Account {
    /// What was added since `earlier`, an older copy of the same account.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            bytes: self.bytes.wrapping_sub(earlier.bytes),
            messages: self.messages.wrapping_sub(earlier.messages),
            rated_messages: self.rated_messages.wrapping_sub(earlier.rated_messages),
        }
    }
}

impl Add for Account {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.wrapping_add(other.bytes),
            messages: self.messages.wrapping_add(other.messages),
            rated_messages: self.rated_messages.wrapping_add(other.rated_messages),
        }
    }
}

impl AddAssign for Account {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// The accounts of both directions, seen from the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Totals {
    /// Messages that the router received from the client.
    pub received: Account,
    /// Messages that the router sent to the client.
    pub sent: Account,
}

impl Totals {
    /// Both directions together.
    #[must_use]
    pub fn total(self) -> Account {
        self.received + self.sent
    }

    /// What was added since `earlier`, older totals of the same session.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            received: self.received.since(earlier.received),
            sent: self.sent.since(earlier.sent),
        }
    }
}

impl Add for Totals {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { received: self.received + other.received, sent: self.sent + other.sent }
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

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
