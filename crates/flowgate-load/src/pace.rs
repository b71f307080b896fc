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

    /// The clients whose requests have become due, each once, however many of its requests have:
    /// a rate that nothing can keep up with costs no more than one that is kept.
    ///
    /// Every request is announced once.
    pub(crate) fn due(&mut self, now_ns: u64) -> impl Iterator<Item = usize> + use<> {
        let clients = self.taken_counts.len();
        let due_count = self.due_count(now_ns).max(self.announced_count);
        let new_count = due_count - self.announced_count;
        let first = self.announced_count.checked_rem(clients as u64).unwrap_or_default();
        self.announced_count = due_count;
        let first = usize::try_from(first).unwrap_or_default();
        let count = usize::try_from(new_count).unwrap_or(usize::MAX).min(clients);
        (first..clients).chain(0..first).take(count)
    }

    /// Requests of the run that are due by then, announced or not.
    fn due_count(&self, now_ns: u64) -> u64 {
        let Some(elapsed_ns) = now_ns.checked_sub(self.start_ns) else { return 0 };
        let elapsed_ns = u128::from(elapsed_ns) + 1;
        let count = (elapsed_ns * u128::from(self.per_s.get())).div_ceil(u128::from(NS_PER_S));
        u64::try_from(count).unwrap_or(u64::MAX)
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
        assert_eq!(pace.due(9).count(), 0);
        assert_eq!(pace.due(333_333_342).collect::<Vec<_>>(), [0]);
        assert_eq!(pace.due(333_333_343).collect::<Vec<_>>(), [1]);
        assert_eq!(pace.due(666_666_676).collect::<Vec<_>>(), [0]);
        assert_eq!(pace.due(666_666_676).count(), 0);
        assert_eq!(pace.next_ns(), 1_000_000_010);
        // Three more: a client is named once.
        assert_eq!(pace.due(2_000_000_000).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(pace.next_ns(), 2_000_000_010);
    }

    #[test]
    fn a_rate_beyond_all_means_is_caught_up_with_at_once() {
        let mut pace = Pace::new(NonZeroU64::new(50_000_000).unwrap(), 0, 4);
        assert_eq!(pace.due(3_600 * NS_PER_S).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(pace.due(3_600 * NS_PER_S).count(), 0);
        assert_eq!(pace.next_ns(), 3_600 * NS_PER_S + 20);
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
