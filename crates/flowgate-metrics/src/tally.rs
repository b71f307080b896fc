//! Numbers that one owner adds to side by side.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::cell::Number;

/// Numbers that one owner counts with, and that a [`TallyReader`] brings to the metrics they belong
/// to.
///
/// What is counted in several metrics at once, for every message, costs a handle for each of them
/// and a look-up to find it.
/// Here the numbers lie in one block, at places known when the program is compiled, and the metrics
/// learn of them when somebody looks; see [`Registry::before_reading`](crate::Registry::before_reading).
///
/// ```
/// use flowgate_metrics::{Descriptor, Registry, Tally};
///
/// const JOBS: usize = 0;
/// const OCTETS: usize = 1;
///
/// let registry = Registry::new();
/// let jobs = registry.counter(Descriptor::new("jobs", "Jobs."))?;
/// let octets = registry.counter(Descriptor::new("octets", "What they took."))?;
///
/// let tally = Tally::<2>::new();
/// let reader = std::sync::Mutex::new(tally.reader());
/// let metrics = (jobs.clone(), octets.clone());
/// registry.before_reading(move || {
///     let Ok(mut reader) = reader.lock() else { return };
///     let [more_jobs, more_octets] = reader.take();
///     metrics.0.add(more_jobs);
///     metrics.1.add(more_octets);
/// });
///
/// tally.add(OCTETS, 512);
/// tally.add(JOBS, 1);
/// registry.scrape();
/// assert_eq!((jobs.value(), octets.value()), (1, 512));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It has one owner, who may hand it on to another thread but not share it: adding takes no locked
/// instruction.
#[derive(Debug)]
pub struct Tally<const N: usize> {
    block: Arc<Block<N>>,
    /// Not `Sync`: this is what makes every number single-writer.
    _not_sync: PhantomData<Cell<()>>,
}

/// What reads a [`Tally`], whoever has it.
#[derive(Debug)]
pub struct TallyReader<const N: usize> {
    block: Arc<Block<N>>,
    taken: [u64; N],
}

/// Aligned as [local cells](crate::cell) are, so that no other writer takes its cache lines away.
#[derive(Debug)]
#[repr(align(64))]
struct Block<const N: usize>([Number; N]);

impl<const N: usize> Tally<N> {
    /// All numbers are zero.
    #[must_use]
    pub fn new() -> Self {
        let block = Block(std::array::from_fn(|_| Number::default()));
        Self { block: Arc::new(block), _not_sync: PhantomData }
    }

    /// Adds to one number; it wraps around after 2^64. A place from `N` on is nobody's: nothing
    /// happens.
    ///
    /// Who is shown what was added at a place is also shown what had been added at higher ones.
    #[inline]
    pub fn add(&self, place: usize, amount: u64) {
        if let Some(number) = self.block.0.get(place) {
            number.add_owned_last(amount);
        }
    }

    /// Something that reads it, from zero on. Two readers are told the same, each for itself.
    #[must_use]
    pub fn reader(&self) -> TallyReader<N> {
        TallyReader { block: Arc::clone(&self.block), taken: [0; N] }
    }
}

impl<const N: usize> Default for Tally<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> TallyReader<N> {
    /// What has been added at each place since the last time. Takes no lock.
    pub fn take(&mut self) -> [u64; N] {
        let mut added = [0; N];
        for ((added, taken), number) in added.iter_mut().zip(&mut self.taken).zip(&self.block.0) {
            let value = number.load_then();
            *added = value.wrapping_sub(*taken);
            *taken = value;
        }
        added
    }

    /// Whether the owner is gone: what [`take`](Self::take) returns from now on is the last of it.
    pub fn is_final(&mut self) -> bool {
        // Sees all that the owner did before it let go, unlike a look at the count alone.
        Arc::get_mut(&mut self.block).is_some()
    }
}

#[cfg(test)]
mod tests;
