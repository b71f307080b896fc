//! When requests are due that are sent at a fixed rate, whatever becomes of the earlier ones.
//!
//! Request `n` of the run is due `n` intervals after its beginning, and belongs to client
//! `n % client_count`.
//! A client that has no room sends later, and the latency counts from when the request was due:
//! a router that stalls cannot hide how long the requests had to wait that it kept from being
//! sent ("coordinated omission").

use std::num::NonZeroU64;

const NS_PER_S: u64 = 1_000_000_000;

/// The schedule of a run.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    start_ns: u64,
    per_s: NonZeroU64,
    /// Requests of the run that [`Self::due`] has announced.
    announced_count: u64,
    /// Requests that each client has taken.
    taken_counts: Vec<u64>,
}

impl Pace {
    pub(crate) fn new(per_s: NonZeroU64, start_ns: u64, client_count: usize) -> Self {
        Self { start_ns, per_s, announced_count: 0, taken_counts: vec![0; client_count] }
    }

    /// When a request of the run is due, counted from 0.
    pub(crate) fn due_ns(&self, request: u64) -> u64 {
        let (seconds, rest) = (request / self.per_s, request % self.per_s);
        let ns = seconds.saturating_mul(NS_PER_S).saturating_add(rest * NS_PER_S / self.per_s);
        self.start_ns.saturating_add(ns)
    }

    /// When the next request is due that has not been announced.
    pub(crate) fn next_ns(&self) -> u64 {
        self.due_ns(self.announced_count)
    }

    /// The client of the next request that has become due; every request is announced once.
    pub(crate) fn due(&mut self, now_ns: u64) -> Option<usize> {
        if self.next_ns() > now_ns {
            return None;
        }
        let clients = self.taken_counts.len() as u64;
        let client = self.announced_count.checked_rem(clients)?;
        self.announced_count += 1;
        usize::try_from(client).ok()
    }

    /// When the next request of a client is due that it has not taken.
    pub(crate) fn next_ns_of(&self, client: usize) -> u64 {
        let taken = self.taken_counts.get(client).copied().unwrap_or_default();
        self.due_ns(taken * self.taken_counts.len() as u64 + client as u64)
    }

    /// Takes the next request of a client, if it is due; returns when it was.
    pub(crate) fn take(&mut self, client: usize, now_ns: u64) -> Option<u64> {
        let due_ns = self.next_ns_of(client);
        let count = self.taken_counts.get_mut(client).filter(|_| due_ns <= now_ns)?;
        *count += 1;
        Some(due_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_at_the_rate_and_go_round() {
        let mut pace = Pace::new(NonZeroU64::new(3).unwrap(), 10, 2);
        assert_eq!(
            (0..4).map(|n| pace.due_ns(n)).collect::<Vec<_>>(),
            [10, 333_333_343, 666_666_676, 1_000_000_010]
        );
        assert_eq!(pace.due(9), None);
        let due: Vec<usize> = std::iter::from_fn(|| pace.due(1_000_000_010)).collect();
        assert_eq!(due, [0, 1, 0, 1]);
    }

    #[test]
    fn what_a_client_sends_late_was_due_before() {
        let mut pace = Pace::new(NonZeroU64::new(1000).unwrap(), 0, 2);
        assert_eq!(pace.take(1, 0), None);
        // Client 1 has stalled for a second: its requests are due since long ago.
        let taken: Vec<u64> = std::iter::from_fn(|| pace.take(1, 5_000_000)).collect();
        assert_eq!(taken, [1_000_000, 3_000_000, 5_000_000]);
        assert_eq!(pace.take(0, 5_000_000), Some(0));
    }

    #[test]
    fn schedules_do_not_overflow() {
        let pace = Pace::new(NonZeroU64::new(1_000_000).unwrap(), 0, 1);
        // A year.
        assert_eq!(pace.due_ns(31_536_000 * 1_000_000), 31_536_000 * NS_PER_S);
    }
}
