//! Shares of a whole.

use std::sync::Arc;

use crate::cell::{Cells, Local, Number, Shard};
use crate::series::{Core, Metric, Sealed, Series};

/// How many of all: cache hits, calls that were answered.
///
/// Two counts and their ratio, from 0 to 1 for Prometheus (`_ratio`, `NaN` of nothing) and in
/// percent on the console, beside the two counts (0 of nothing).
#[derive(Debug, Clone)]
pub struct Percentage {
    series: Arc<Series<PercentageCore>>,
}

impl Percentage {
    /// Counts one case: whether it is one of those that the percentage is of.
    #[inline]
    pub fn count(&self, is_part: bool) {
        self.add(u64::from(is_part), 1);
    }

    /// Counts `whole` cases, `part` of which are those that the percentage is of.
    #[inline]
    pub fn add(&self, part: u64, whole: u64) {
        let cell = self.series.core.cells.shared();
        cell.whole.add_shared(whole);
        cell.part.add_shared_last(part);
    }

    /// The two counts, part and whole.
    #[must_use]
    pub fn value(&self) -> (u64, u64) {
        let mut total = (0, 0);
        self.series.core.read(&mut total);
        total
    }
}

/// A [`Percentage`] in the hands of one thread.
#[derive(Debug)]
pub struct LocalPercentage {
    cell: Local<PartAndWhole>,
    /// Keeps the series from being folded for good while it may still change.
    _series: Arc<Series<PercentageCore>>,
}

impl LocalPercentage {
    /// Counts one case: whether it is one of those that the percentage is of.
    #[inline]
    pub fn count(&self, is_part: bool) {
        self.add(u64::from(is_part), 1);
    }

    /// Counts `whole` cases, `part` of which are those that the percentage is of.
    #[inline]
    pub fn add(&self, part: u64, whole: u64) {
        let cell = self.cell.cell();
        cell.whole.add_owned(whole);
        cell.part.add_owned_last(part);
    }
}

impl Metric for Percentage {
    type Local = LocalPercentage;

    fn local(&self, shard: &Shard) -> LocalPercentage {
        let cell = self.series.core.cells.local(shard, PartAndWhole::default);
        LocalPercentage { cell, _series: Arc::clone(&self.series) }
    }
}

impl Sealed for Percentage {
    type Core = PercentageCore;

    fn from_series(series: Arc<Series<PercentageCore>>) -> Self {
        Self { series }
    }
}

#[derive(Debug)]
pub struct PercentageCore {
    cells: Cells<PartAndWhole>,
}

/// The part is written last and read first, so that no reader ever sees more than the whole.
#[derive(Debug, Default)]
struct PartAndWhole {
    part: Number,
    whole: Number,
}

impl Core for PercentageCore {
    type Spec = ();
    type Total = (u64, u64);

    fn new(_spec: &()) -> Self {
        Self { cells: Cells::new(PartAndWhole::default()) }
    }

    fn zero(_spec: &()) -> (u64, u64) {
        (0, 0)
    }

    fn read(&self, total: &mut (u64, u64)) {
        for cell in self.cells.iter() {
            total.0 = total.0.wrapping_add(cell.part.load_then());
            total.1 = total.1.wrapping_add(cell.whole.load());
        }
    }

    fn merge(total: &mut (u64, u64), other: &(u64, u64)) {
        total.0 = total.0.wrapping_add(other.0);
        total.1 = total.1.wrapping_add(other.1);
    }

    fn activity(&self) -> u64 {
        let mut total = (0, 0);
        self.read(&mut total);
        total.1
    }
}
