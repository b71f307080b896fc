//! Whether anything is traced at all.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use flowgate_event::Correlation;

use crate::sampling::Sampling;

/// The switch between the traces and all workers, shared through an `Arc`.
///
/// Off, a message costs one relaxed load ([`is_on`](Self::is_on)).
/// On, it says how much the most demanding of the running traces wants.
#[derive(Debug, Default)]
pub struct Switch {
    level: AtomicU8,
    /// The largest sampling threshold of all running traces: what is above interests none.
    threshold: AtomicU64,
}

/// How much of each message is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Depth {
    /// Nothing.
    Off,
    /// All but the serialized message.
    Envelope,
    /// The serialized message too.
    Payload,
}

impl Switch {
    /// A switch that is off.
    #[must_use]
    pub const fn new() -> Self {
        Self { level: AtomicU8::new(0), threshold: AtomicU64::new(0) }
    }

    /// Whether any trace runs: if not, no facts need to be gathered. One relaxed load.
    #[must_use]
    #[inline]
    pub fn is_on(&self) -> bool {
        self.level.load(Ordering::Relaxed) != 0
    }

    /// Whether a trace wants payloads: if not, no frame needs to be kept. One relaxed load.
    #[must_use]
    #[inline]
    pub fn wants_payload(&self) -> bool {
        self.depth() == Depth::Payload
    }

    /// Whether a trace wants the action; asked once when it begins, it spares gathering facts
    /// about actions that no sample holds.
    #[must_use]
    #[inline]
    pub fn wants(&self, correlation: Correlation) -> bool {
        correlation.spread() <= self.threshold.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn depth(&self) -> Depth {
        match self.level.load(Ordering::Relaxed) {
            0 => Depth::Off,
            1 => Depth::Envelope,
            _ => Depth::Payload,
        }
    }

    /// Takes effect on other threads soon, not at once: records around the moment of switching may
    /// be missing or be in vain.
    pub(crate) fn set(&self, depth: Depth, sampling: Sampling) {
        self.threshold.store(sampling.threshold(), Ordering::Relaxed);
        let level = match depth {
            Depth::Off => 0,
            Depth::Envelope => 1,
            Depth::Payload => 2,
        };
        self.level.store(level, Ordering::Relaxed);
    }
}
