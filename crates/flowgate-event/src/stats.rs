//! What metering reports: the vocabulary between the meter and the meta API.

use std::{
    ops::{Add, AddAssign, Sub},
    time::Duration,
};

use crate::Timestamp;

/// Messages of one direction, or of both together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Account {
    /// Octets of the serialized WAMP messages, without framing.
    pub bytes: u64,
    /// WAMP messages.
    pub messages: u64,
    /// Rated messages: each message counts its octets divided by the rated message size, rounded
    /// up.
    pub rated_messages: u64,
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

impl Sub for Account {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.wrapping_sub(other.bytes),
            messages: self.messages.wrapping_sub(other.messages),
            rated_messages: self.rated_messages.wrapping_sub(other.rated_messages),
        }
    }
}

/// One closed window of a session's meter: what `wamp.session.on_stats` publishes.
///
/// The windows of a session follow each other without gap, and their sum is the session's total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The number of the window, from 1.
    pub cycle: u64,
    /// When the window began.
    pub start: Timestamp,
    /// How long the window was.
    pub duration: Duration,
    /// Whether this is the session's first report.
    pub first: bool,
    /// Whether this is the session's last report.
    pub last: bool,
    /// What the router received from the session.
    pub received: Account,
    /// What the router sent to the session.
    pub sent: Account,
}

impl Report {
    /// Both directions together.
    #[must_use]
    pub fn total(&self) -> Account {
        self.received + self.sent
    }
}
