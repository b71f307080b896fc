//! The observer: requests paired with replies, and what that gives.

use std::time::Duration;

use flowgate_event::Timestamp;

use crate::{
    Batch, Counts, Limits, Snapshot,
    batch::{Outcome, Said},
    pending::{Opened, Pending},
    series::{Series, Subject, hasher},
};

/// The label of everything that is paired.
const LABEL: &str = "message";

/// A connection over which lines come; the shell chooses numbers that it does not use again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u64);

/// Pairs requests with their replies and measures how long they take.
///
/// A request is looked for on the connection of its reply first, and then on all others.
/// Requests of a connection that has closed go on waiting.
/// A duration is the time between the two `now` with which the lines were given.
#[derive(Debug)]
pub struct Observer {
    started: Timestamp,
    now: Timestamp,
    pending: Pending,
    series: Series,
    counts: Counts,
}

impl Observer {
    /// An observer that has seen nothing; a request without a reply is given up after `timeout`.
    ///
    /// Hash tables are seeded from `seed`, which clients must not guess.
    #[must_use]
    pub fn new(now: Timestamp, timeout: Duration, limits: Limits, seed: u64) -> Self {
        Self {
            started: now,
            now,
            pending: Pending::new(timeout, limits, hasher(seed)),
            series: Series::new(limits, hasher(seed)),
            counts: Counts::default(),
        }
    }

    /// Takes into account what has been read from a connection, and empties the batch.
    ///
    /// Requests whose time is over at `now` are given up first.
    /// A `now` before that of an earlier call counts as that one.
    pub fn apply(&mut self, now: Timestamp, connection: ConnectionId, batch: &mut Batch) {
        self.expire(now);
        add_lines(&mut self.counts, &batch.counts);
        for said in batch.said() {
            self.take(connection, said);
        }
        batch.clear();
    }

    /// Gives up the requests whose time is over.
    pub fn expire(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        while let Some(request) = self.pending.expire(self.now) {
            self.counts.timed_out += 1;
            let duration = self.now.since(request.opened);
            let subject = Subject {
                source: request.source(),
                kind: "timeouts",
                label: LABEL,
                value: request.name(),
            };
            self.series.observe(subject, duration);
        }
    }

    /// When [`expire`](Self::expire) has something to do next, if nothing else comes.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.pending.next_deadline()
    }

    /// What has been measured. Cost: O(label values), without formatting: write the
    /// [`page`](crate::page()) after other threads may go on.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.series.snapshot(self.started)
    }

    /// What became of the lines.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { folded: self.series.folded(), ..self.counts }
    }

    /// How many requests wait for a reply.
    #[must_use]
    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    fn take(&mut self, connection: ConnectionId, said: Said<'_>) {
        match said {
            Said::Request { source, id, name } => {
                self.counts.requests += 1;
                match self.pending.open(connection, source, id, name, self.now) {
                    Opened::Waiting => {}
                    Opened::Replaced => self.counts.replaced += 1,
                    Opened::Full => self.counts.unpaired += 1,
                }
            }
            Said::Reply { source, id, outcome } => {
                self.counts.replies += 1;
                if let Some(request) = self.pending.close(connection, id) {
                    self.counts.answered += 1;
                    let kind = match outcome {
                        Outcome::Response => "responses",
                        Outcome::Error => "errors",
                    };
                    let duration = self.now.since(request.opened);
                    let subject = Subject { source, kind, label: LABEL, value: request.name() };
                    self.series.observe(subject, duration);
                }
            }
            Said::Count { metric, label, value } => {
                self.counts.measured += 1;
                self.series.count(Subject { source: metric, kind: "", label, value });
            }
            Said::Duration { metric, label, value, duration } => {
                self.counts.measured += 1;
                let subject = Subject { source: metric, kind: "", label, value };
                self.series.observe(subject, duration);
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn check(&self) {
        self.pending.check();
        let Counts { requests, answered, timed_out, replaced, unpaired, .. } = self.counts;
        let waiting = self.pending.len() as u64;
        assert_eq!(requests, answered + timed_out + replaced + unpaired + waiting);
    }
}

/// Adds what a batch has counted of its lines.
fn add_lines(counts: &mut Counts, batch: &Counts) {
    counts.empty += batch.empty;
    counts.malformed += batch.malformed;
    counts.oversized += batch.oversized;
    counts.ignored += batch.ignored;
}
