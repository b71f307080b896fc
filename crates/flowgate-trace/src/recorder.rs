//! The writing end: from facts to records in a ring.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flowgate_event::Timestamp;
use flowgate_wire::MessageType;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use rtrb::{Consumer, Producer, RingBuffer};

use crate::facts::Facts;
use crate::frame::Frame;
use crate::record::{MessageRecord, RecordedEncryption, RecordedStep};
use crate::switch::{Depth, Switch};

/// How many URIs a recorder keeps, so that records share them; beyond, it starts anew.
const NAMES_COUNT_MAX: usize = 4096;

/// Records what one worker does; the only writer of its ring.
///
/// Never blocks: when the ring is full the record is dropped and counted, and the next one that
/// finds room says how many are missing before it.
/// At the level of messages and actions a record costs two counted references, a look-up of its
/// URI, and a move into the ring; with payload one counted reference more.
#[derive(Debug)]
pub struct Recorder {
    ring: Producer<MessageRecord>,
    switch: Arc<Switch>,
    dropped_count: Arc<AtomicU64>,
    /// Dropped since the last record that found room.
    gap: u64,
    names: Names,
    /// The moment that `pc` counts from.
    origin: Timestamp,
}

/// The reading end of a [`Recorder`], for a [`Collector`](crate::Collector).
#[derive(Debug)]
pub struct Tap {
    pub(crate) ring: Consumer<MessageRecord>,
    dropped_count: Arc<AtomicU64>,
}

/// What became of a message that was to be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is in the ring.
    Yes,
    /// No trace wants it.
    Unwanted,
    /// The ring is full; the loss is counted.
    Dropped,
}

impl Recorder {
    /// A recorder and its tap, with room for `capacity_count` records between them.
    ///
    /// `origin` is the start of the process: what `pc` in records counts from.
    #[must_use]
    pub fn new(switch: Arc<Switch>, capacity_count: usize, origin: Timestamp) -> (Self, Tap) {
        let (producer, consumer) = RingBuffer::new(capacity_count.max(1));
        let dropped_count = Arc::new(AtomicU64::new(0));
        let recorder = Self {
            ring: producer,
            switch,
            dropped_count: Arc::clone(&dropped_count),
            gap: 0,
            names: Names::default(),
            origin,
        };
        (recorder, Tap { ring: consumer, dropped_count })
    }

    /// Whether any trace runs; to be asked before gathering facts. One relaxed load.
    #[must_use]
    #[inline]
    pub fn is_on(&self) -> bool {
        self.switch.is_on()
    }

    /// Records one message if a trace wants it.
    pub fn record(&mut self, facts: &Facts<'_>) -> Recorded {
        let depth = self.switch.depth();
        if depth == Depth::Off
            || facts.step.is_some_and(|step| !self.switch.wants(step.correlation))
        {
            return Recorded::Unwanted;
        }
        if self.ring.is_full() {
            return self.drop_one();
        }
        let record = self.make(facts, depth);
        match self.ring.push(record) {
            Ok(()) => {
                self.gap = 0;
                Recorded::Yes
            }
            // Only this writer takes room, and there was some.
            Err(_) => self.drop_one(),
        }
    }

    fn make(&mut self, facts: &Facts<'_>, depth: Depth) -> MessageRecord {
        let step = facts.step.as_ref().map(|step| RecordedStep {
            correlation: step.correlation,
            uri: step.uri.map(|uri| self.names.intern(uri)),
            position: step.position,
        });
        let context = facts.step.and_then(|step| step.context);
        let is_anchor = facts.step.is_some_and(|step| step.position.is_anchor());
        MessageRecord {
            seq: 0,
            at: facts.at,
            pc_ns: facts.at.as_nanos().saturating_sub(self.origin.as_nanos()),
            direction: facts.direction,
            message: facts.message,
            who: Arc::clone(facts.who),
            step,
            bytes: facts.bytes as u64,
            request: facts.request,
            object: facts.object,
            queue_ns: facts.queue_ns,
            router_ns: facts.router_ns,
            is_progress: facts.is_progress,
            error: facts.error.map(|error| self.names.intern(error)),
            outcome: facts.outcome,
            undelivered: facts.undelivered,
            frame: match depth {
                Depth::Payload if !is_secret(facts.message) => {
                    facts.frame.map(|(format, bytes)| Frame { format, bytes: bytes.clone() })
                }
                Depth::Payload | Depth::Envelope | Depth::Off => None,
            },
            truncated_bytes: None,
            gap: self.gap,
            foreign_trace: context.map(|context| context.trace),
            foreign_parent: context.filter(|_| is_anchor).map(|context| context.parent),
            encryption: facts
                .encryption
                .map(|encryption| Arc::new(RecordedEncryption::from(encryption))),
        }
    }

    #[cold]
    fn drop_one(&mut self) -> Recorded {
        self.gap += 1;
        self.dropped_count.fetch_add(1, Ordering::Relaxed);
        Recorded::Dropped
    }
}

impl Tap {
    /// How many records the recorder has dropped since it was made.
    #[must_use]
    pub fn dropped_count(&self) -> u64 {
        self.dropped_count.load(Ordering::Relaxed)
    }

    /// Takes the oldest record out of the ring.
    pub fn pop(&mut self) -> Option<MessageRecord> {
        self.ring.pop().ok()
    }
}

/// Whether all of the message is a secret or serves to make one; such frames are never kept.
const fn is_secret(message: MessageType) -> bool {
    matches!(message, MessageType::Authenticate | MessageType::Challenge)
}

/// URIs by their text, so that records share them instead of copying.
#[derive(Debug, Default)]
struct Names {
    names: HashTable<Arc<str>>,
    hasher: FixedState,
}

impl Names {
    fn intern(&mut self, name: &str) -> Arc<str> {
        let Self { names, hasher } = self;
        let hash = hasher.hash_one(name);
        if let Some(known) = names.find(hash, |known| **known == *name) {
            return Arc::clone(known);
        }
        if names.len() >= NAMES_COUNT_MAX {
            names.clear();
        }
        let new: Arc<str> = Arc::from(name);
        names.insert_unique(hash, Arc::clone(&new), |known| hasher.hash_one(&**known));
        new
    }
}

#[cfg(test)]
mod tests;
