//! What a connection has carried.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Messages of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Volume {
    /// WAMP messages.
    pub messages: u64,
    /// Octets of the serialized WAMP messages, without framing, lengths and terminators.
    pub bytes: u64,
}

/// The WAMP messages of a connection, HELLO to GOODBYE, across sessions.
///
/// Received counts when handed to the caller, sent when fed to the connection.
/// The router's session statistics count the same messages, so that once both ends have processed
/// all of them its `sent` equals our `received` and the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Router to client.
    pub received: Volume,
    /// Client to router.
    pub sent: Volume,
}

/// A view of a connection's [`Traffic`] that outlives it.
#[derive(Debug, Clone, Default)]
pub struct TrafficCounter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    received: Direction,
    sent: Direction,
}

/// One direction; a single half of the connection writes it.
#[derive(Debug, Default)]
struct Direction {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl TrafficCounter {
    /// What has been carried so far.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        Traffic { received: self.0.received.volume(), sent: self.0.sent.volume() }
    }

    pub(crate) fn count_received(&self, bytes: usize) {
        self.0.received.count(bytes);
    }

    pub(crate) fn count_sent(&self, bytes: usize) {
        self.0.sent.count(bytes);
    }
}

impl Direction {
    fn count(&self, bytes: usize) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn volume(&self) -> Volume {
        Volume {
            messages: self.messages.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}
