//! Counts that only go up.

use std::sync::Arc;
use std::time::Duration;

use crate::cell::{Cells, Local, Number, Shard};
use crate::exemplar::{Exemplar, ExemplarSlot};
use crate::series::{Core, Metric, Sealed, Series};

/// A count that only goes up: messages, bytes, errors, seconds spent.
///
/// Anybody may count with it from any thread, by one atomic addition.
/// Where a nanosecond matters, or many threads count the same thing, ask for a [`LocalCounter`].
/// It wraps around after 2^64, or 584 years of nanoseconds.
#[derive(Debug, Clone)]
pub struct Counter {
    series: Arc<Series<CounterCore>>,
}

impl Counter {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds an amount; nanoseconds if the unit is seconds.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.series.core.cells.shared().add_shared(amount);
    }

    /// Adds a duration to a counter of seconds.
    #[inline]
    pub fn add_duration(&self, duration: Duration) {
        self.add(nanos(duration));
    }

    /// Adds an amount and remembers an example of what was counted.
    ///
    /// Never waits: when a scrape reads the exemplar in this moment, the older one stays.
    pub fn add_with(&self, amount: u64, exemplar: Exemplar) {
        self.add(amount);
        self.series.core.exemplar.put(amount, exemplar);
    }

    /// What all threads have counted; nanoseconds if the unit is seconds.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.series.core.cells.iter().fold(0, |sum, cell| sum.wrapping_add(cell.load()))
    }
}

/// A [`Counter`] in the hands of one thread: less than a nanosecond per addition.
#[derive(Debug)]
pub struct LocalCounter {
    cell: Local<Number>,
    series: Arc<Series<CounterCore>>,
}

impl LocalCounter {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds an amount; nanoseconds if the unit is seconds.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.cell.cell().add_owned(amount);
    }

    /// Adds a duration to a counter of seconds.
    #[inline]
    pub fn add_duration(&self, duration: Duration) {
        self.add(nanos(duration));
    }

    /// Adds an amount and remembers an example of what was counted; see [`Counter::add_with`].
    pub fn add_with(&self, amount: u64, exemplar: Exemplar) {
        self.add(amount);
        self.series.core.exemplar.put(amount, exemplar);
    }
}

impl Metric for Counter {
    type Local = LocalCounter;

    fn local(&self, shard: &Shard) -> LocalCounter {
        let cell = self.series.core.cells.local(shard, Number::default);
        LocalCounter { cell, series: Arc::clone(&self.series) }
    }
}

impl Sealed for Counter {
    type Core = CounterCore;

    fn from_series(series: Arc<Series<CounterCore>>) -> Self {
        Self { series }
    }
}

#[derive(Debug)]
pub struct CounterCore {
    cells: Cells<Number>,
    pub(crate) exemplar: ExemplarSlot,
}

impl Core for CounterCore {
    type Spec = ();
    type Total = u64;

    fn new(_spec: &()) -> Self {
        Self { cells: Cells::new(Number::default()), exemplar: ExemplarSlot::default() }
    }

    fn zero(_spec: &()) -> u64 {
        0
    }

    fn read(&self, total: &mut u64) {
        for cell in self.cells.iter() {
            *total = total.wrapping_add(cell.load());
        }
    }

    fn merge(total: &mut u64, other: &u64) {
        *total = total.wrapping_add(*other);
    }

    fn activity(&self) -> u64 {
        let mut total = 0;
        self.read(&mut total);
        total
    }
}

/// Nanoseconds; 584 years at most.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
impl Counter {
    pub(crate) fn cell_count(&self) -> usize {
        self.series.core.cells.iter().count()
    }
}
