//! The reading end: from the rings of all workers to the traces.

use std::collections::VecDeque;
use std::time::Duration;

use flowgate_event::Timestamp;

use crate::record::MessageRecord;
use crate::recorder::Tap;
use crate::registry::Registry;

/// How many records wait at most to be put in order.
const WAITING_COUNT_MAX: usize = 1 << 18;

/// Drains the rings of all workers into the traces, in the order of time.
///
/// The messages of one action may pass through several workers.
/// A record waits until it is as old as `settle`, so that those of other workers with an earlier
/// moment can come before it; what comes later than that is taken out of order.
#[derive(Debug)]
pub struct Collector {
    taps: Vec<Tap>,
    /// In the order of time. A deque, since what has settled leaves at the front.
    waiting: VecDeque<MessageRecord>,
    settle: Duration,
    /// Dropped by recorders that are gone.
    dropped_before_count: u64,
}

impl Collector {
    /// A collector without rings yet.
    ///
    /// `settle` is to be longer than a worker takes from reading the clock to recording; 10 ms is
    /// ample.
    #[must_use]
    pub const fn new(settle: Duration) -> Self {
        Self { taps: Vec::new(), waiting: VecDeque::new(), settle, dropped_before_count: 0 }
    }

    /// Adds the ring of a worker.
    pub fn add(&mut self, tap: Tap) {
        self.taps.push(tap);
    }

    /// How many records have been dropped for want of room in the rings.
    #[must_use]
    pub fn dropped_count(&self) -> u64 {
        self.dropped_before_count + self.taps.iter().map(Tap::dropped_count).sum::<u64>()
    }

    /// Moves what has settled by `now` into the traces.
    ///
    /// Costs a sort of what has come since the last time.
    pub fn collect(&mut self, now: Timestamp, registry: &mut Registry) {
        self.drain();
        let settle_ns = u64::try_from(self.settle.as_nanos()).unwrap_or(u64::MAX);
        let settled = now.as_nanos().saturating_sub(settle_ns);
        let count = self.waiting.partition_point(|record| record.at.as_nanos() <= settled);
        let too_many_count = self.waiting.len().saturating_sub(WAITING_COUNT_MAX);
        for record in self.waiting.drain(..count.max(too_many_count)) {
            registry.handle(&record);
        }
    }

    /// Moves everything into the traces, settled or not: before a trace stops, or at the end.
    pub fn flush(&mut self, registry: &mut Registry) {
        self.drain();
        for record in self.waiting.drain(..) {
            registry.handle(&record);
        }
    }

    /// Empties the rings and puts what waits in order.
    fn drain(&mut self) {
        for tap in &mut self.taps {
            // Not until it is empty, which a busy worker may never let it be.
            let count = tap.ring.slots();
            if let Ok(chunk) = tap.ring.read_chunk(count) {
                self.waiting.extend(chunk);
            }
        }
        let dropped_before_count = &mut self.dropped_before_count;
        self.taps.retain(|tap| {
            // Asked in this order: once its recorder is gone, an empty ring stays empty.
            let is_gone = tap.ring.is_abandoned() && tap.ring.is_empty();
            if is_gone {
                *dropped_before_count += tap.dropped_count();
            }
            !is_gone
        });
        // Stable, so that records of one worker with the same moment stay as they were.
        self.waiting.make_contiguous().sort_by_key(|record| record.at);
    }
}

#[cfg(test)]
mod tests;
