//! What is counted in a run, and whether and when requests may be sent.

use std::num::NonZeroU64;

use hdrhistogram::Histogram;

use crate::LoadError;
use crate::pace::Pace;

/// Longest time that is told apart from longer ones.
const LATENCY_MAX_NS: u64 = 60_000_000_000;

/// How long the driver does not wake for requests that nobody has room for.
const REST_NS: u64 = 100_000;

/// An empty histogram of nanoseconds, with three digits.
pub(crate) fn histogram() -> Result<Histogram<u64>, LoadError> {
    Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3)
        .map_err(|_| LoadError::Options("the histogram has no bounds"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Requests are sent, and nothing is counted.
    Warmup,
    /// Requests are sent, and operations are counted.
    Measured,
    /// Nothing is sent.
    Draining,
}

/// The books of a run.
#[derive(Debug)]
pub(crate) struct Record {
    phase: Phase,
    pace: Option<Pace>,
    /// Until when no client is woken for a request: the last ones had no room for theirs.
    rests_until_ns: u64,
    /// Requests since the beginning.
    sent_count: u64,
    operation_count: u64,
    request_count: u64,
    received_count: u64,
    latency: Histogram<u64>,
    /// When [`Self::progress`] was asked last, and how many operations there were.
    seen: (u64, u64),
}

impl Record {
    pub(crate) fn new() -> Result<Self, LoadError> {
        Ok(Self {
            phase: Phase::Warmup,
            pace: None,
            rests_until_ns: 0,
            sent_count: 0,
            operation_count: 0,
            request_count: 0,
            received_count: 0,
            latency: histogram()?,
            seen: (0, 0),
        })
    }

    /// Sends at a fixed rate from then on, if there is one.
    pub(crate) fn at_rate(
        self,
        per_s: Option<NonZeroU64>,
        start_ns: u64,
        client_count: usize,
    ) -> Self {
        let pace = per_s.map(|per_s| Pace::new(per_s, start_ns, client_count));
        Self { pace, ..self }
    }

    /// Counts from now on.
    pub(crate) const fn measure(&mut self) {
        self.phase = Phase::Measured;
    }

    /// Sends and counts no longer.
    pub(crate) const fn drain(&mut self) {
        self.phase = Phase::Draining;
    }

    /// Whether requests are sent at a fixed rate.
    pub(crate) const fn is_paced(&self) -> bool {
        self.pace.is_some()
    }

    fn pace(&self) -> Option<&Pace> {
        self.pace.as_ref().filter(|_| self.phase != Phase::Draining)
    }

    /// When the driver has to wake for the next request.
    pub(crate) fn next_due_ns(&self) -> Option<u64> {
        self.pace().map(|pace| pace.next_ns().max(self.rests_until_ns))
    }

    /// Requests that were sent since the beginning.
    pub(crate) const fn sent_count(&self) -> u64 {
        self.sent_count
    }

    /// Learns that no client had room for what was due: when one has, it is because of a message,
    /// and there is no need to wake for every request until then.
    pub(crate) const fn rest(&mut self, now_ns: u64) {
        self.rests_until_ns = now_ns + REST_NS;
    }

    /// The clients whose requests have become due; every request is announced once.
    pub(crate) fn due(&mut self, now_ns: u64) -> impl Iterator<Item = usize> + use<> {
        let pace = self.pace.as_mut().filter(|_| self.phase != Phase::Draining);
        pace.map(|pace| pace.due(now_ns)).into_iter().flatten()
    }

    /// Lets a client send a request; returns the time from which its latency counts, or `None`
    /// if nothing may be sent now.
    pub(crate) fn request(&mut self, client: usize, now_ns: u64) -> Option<u64> {
        if self.phase == Phase::Draining {
            return None;
        }
        let requested_ns = match &mut self.pace {
            Some(pace) => pace.take(client, now_ns)?,
            None => now_ns,
        };
        self.sent_count += 1;
        self.request_count += u64::from(self.phase == Phase::Measured);
        Some(requested_ns)
    }

    /// Counts a message that came.
    pub(crate) const fn received(&mut self) {
        self.received_count += 1;
    }

    /// Counts an operation that was requested then.
    pub(crate) fn operation(&mut self, requested_ns: u64, now_ns: u64) {
        if self.phase == Phase::Measured {
            self.operation_count += 1;
            self.latency.saturating_record(now_ns.saturating_sub(requested_ns).max(1));
        }
    }

    /// Operations that were completed while it was measured.
    pub(crate) const fn operation_count(&self) -> u64 {
        self.operation_count
    }

    /// Requests that were sent while it was measured.
    pub(crate) const fn request_count(&self) -> u64 {
        self.request_count
    }

    /// Messages that came since the beginning.
    pub(crate) const fn received_count(&self) -> u64 {
        self.received_count
    }

    pub(crate) const fn latency_mut(&mut self) -> &mut Histogram<u64> {
        &mut self.latency
    }

    /// One line about where the run is.
    pub(crate) fn progress(&mut self, now_ns: u64, end_ns: u64) -> String {
        let (seen_ns, seen_count) =
            std::mem::replace(&mut self.seen, (now_ns, self.operation_count));
        let left_s = end_ns.saturating_sub(now_ns) as f64 / 1e9;
        if self.phase != Phase::Measured {
            return format!("warming up, {left_s:.1} s left");
        }
        let per_s = (self.operation_count - seen_count) as f64
            / (now_ns.saturating_sub(seen_ns).max(1) as f64 / 1e9);
        let p99_us = self.latency.value_at_quantile(0.99) as f64 / 1e3;
        format!("measuring, {left_s:.1} s left: {per_s:.0}/s, p99 so far {p99_us:.0} µs")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_measured_is_counted() {
        let mut record = Record::new().unwrap();
        assert_eq!(record.request(0, 5), Some(5));
        record.operation(5, 7);
        assert_eq!((record.request_count(), record.operation_count()), (0, 0));
        record.measure();
        assert_eq!(record.request(0, 6), Some(6));
        record.operation(6, 9);
        assert_eq!((record.request_count(), record.operation_count()), (1, 1));
        assert_eq!(record.latency_mut().max(), 3);
        record.drain();
        assert_eq!(record.request(0, 9), None);
        record.operation(6, 9);
        assert_eq!((record.request_count(), record.operation_count()), (1, 1));
    }

    #[test]
    fn at_a_rate_latencies_count_from_when_a_request_was_due() {
        let mut record = Record::new().unwrap().at_rate(NonZeroU64::new(1000), 0, 1);
        record.measure();
        assert_eq!(record.due(0).collect::<Vec<_>>(), [0]);
        assert_eq!(record.request(0, 0), Some(0));
        assert_eq!((record.due(1).count(), record.request(0, 1)), (0, None));
        assert_eq!(record.next_due_ns(), Some(1_000_000));
        // The router stalled: the request goes out late, and that is part of its latency.
        assert_eq!(record.due(7_000_000).collect::<Vec<_>>(), [0]);
        let requested_ns = record.request(0, 7_000_000).unwrap();
        assert_eq!(requested_ns, 1_000_000);
        record.drain();
        assert_eq!((record.next_due_ns(), record.due(8_000_000).count()), (None, 0));
    }
}
