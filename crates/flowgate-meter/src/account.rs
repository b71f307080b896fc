//! The running sums, laid out for counting.

use flowgate_event::{Account, Totals};

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
