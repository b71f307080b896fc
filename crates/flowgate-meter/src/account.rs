//! What was counted: plain sums.

use std::ops::{Add, AddAssign};

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
    /// the [`RatedMessageSize`](crate::RatedMessageSize) and rounded up.
    ///
    /// Source: `rated_messages` in "Session Statistics".
    pub rated_messages: u64,
}

impl Account {
    /// What was added since `earlier`, an older copy of the same account.
    pub(crate) fn since(self, earlier: Self) -> Self {
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
    pub(crate) fn since(self, earlier: Self) -> Self {
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

/// The running sums behind [`Totals`], laid out for counting.
///
/// Figures of one direction are deliberately not neighbours: the compiler would add two neighbours
/// with one vector instruction, which takes more instructions to prepare than it saves, and makes
/// each message wait for the store of the one before.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    bytes: PerDirection,
    messages: PerDirection,
    rated_messages: PerDirection,
}

#[derive(Debug, Default)]
struct PerDirection {
    received: u64,
    sent: u64,
}

impl Counters {
    /// Adds one received message of `bytes` octets that is rated as `rated_messages`.
    #[inline]
    pub(crate) fn count_received(&mut self, bytes: usize, rated_messages: u64) {
        count(&mut self.bytes.received, bytes as u64);
        count(&mut self.messages.received, 1);
        count(&mut self.rated_messages.received, rated_messages);
    }

    /// Adds one sent message of `bytes` octets that is rated as `rated_messages`.
    #[inline]
    pub(crate) fn count_sent(&mut self, bytes: usize, rated_messages: u64) {
        count(&mut self.bytes.sent, bytes as u64);
        count(&mut self.messages.sent, 1);
        count(&mut self.rated_messages.sent, rated_messages);
    }

    /// Rated messages of both directions together.
    #[inline]
    pub(crate) fn rated_messages(&self) -> u64 {
        self.rated_messages.received.wrapping_add(self.rated_messages.sent)
    }

    pub(crate) fn totals(&self) -> Totals {
        Totals {
            received: Account {
                bytes: self.bytes.received,
                messages: self.messages.received,
                rated_messages: self.rated_messages.received,
            },
            sent: Account {
                bytes: self.bytes.sent,
                messages: self.messages.sent,
                rated_messages: self.rated_messages.sent,
            },
        }
    }
}

#[inline]
fn count(sum: &mut u64, amount: u64) {
    *sum = sum.wrapping_add(amount);
}
