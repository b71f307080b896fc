//! Values that go up and down.

use std::sync::Arc;

use crate::cell::{Cells, Local, Number, Shard};
use crate::series::{Core, Metric, Sealed, Series};

/// A value that goes up and down: open connections, bytes in queues.
///
/// What is only known by asking is better a pull; see [`Registry::pull`](crate::Registry::pull).
#[derive(Debug, Clone)]
pub struct Gauge {
    series: Arc<Series<GaugeCore>>,
}

impl Gauge {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Takes one away.
    #[inline]
    pub fn dec(&self) {
        self.add(-1);
    }

    /// Adds an amount, which may be negative; nanoseconds if the unit is seconds.
    #[inline]
    pub fn add(&self, amount: i64) {
        self.series.core.cells.shared().add_shared(amount.cast_unsigned());
    }

    /// One more for as long as the guard lives, however it ends: by return, panic or abort.
    #[must_use = "the guard takes away what it added as soon as it is dropped"]
    pub fn hold(&self) -> Held {
        self.inc();
        Held { gauge: self.clone() }
    }

    /// The sum of what all threads have added.
    #[must_use]
    pub fn value(&self) -> i64 {
        let mut total = 0;
        self.series.core.read(&mut total);
        total
    }
}

/// One thing that a [`Gauge`] counts, for as long as it lives; see [`Gauge::hold`].
#[derive(Debug)]
pub struct Held {
    gauge: Gauge,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

/// A [`Gauge`] in the hands of one thread.
///
/// What one thread adds another may take away: only the sum has a meaning, and while a scrape runs
/// it may be off by what moved in that moment.
#[derive(Debug)]
pub struct LocalGauge {
    cell: Local<Number>,
    /// Keeps the series from being folded for good while it may still change.
    _series: Arc<Series<GaugeCore>>,
}

impl LocalGauge {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Takes one away.
    #[inline]
    pub fn dec(&self) {
        self.add(-1);
    }

    /// Adds an amount, which may be negative; nanoseconds if the unit is seconds.
    #[inline]
    pub fn add(&self, amount: i64) {
        self.cell.cell().add_owned(amount.cast_unsigned());
    }
}

impl Metric for Gauge {
    type Local = LocalGauge;

    fn local(&self, shard: &Shard) -> LocalGauge {
        let cell = self.series.core.cells.local(shard, Number::default);
        LocalGauge { cell, _series: Arc::clone(&self.series) }
    }
}

impl Sealed for Gauge {
    type Core = GaugeCore;

    fn from_series(series: Arc<Series<GaugeCore>>) -> Self {
        Self { series }
    }
}

#[derive(Debug)]
pub struct GaugeCore {
    /// Two's complement.
    cells: Cells<Number>,
}

impl Core for GaugeCore {
    type Spec = ();
    type Total = i64;

    fn new(_spec: &()) -> Self {
        Self { cells: Cells::new(Number::default()) }
    }

    fn zero(_spec: &()) -> i64 {
        0
    }

    fn read(&self, total: &mut i64) {
        for cell in self.cells.iter() {
            *total = total.wrapping_add(cell.load().cast_signed());
        }
    }

    fn merge(total: &mut i64, other: &i64) {
        *total = total.wrapping_add(*other);
    }

    fn activity(&self) -> u64 {
        let mut total = 0;
        self.read(&mut total);
        total.cast_unsigned()
    }

    fn is_held(&self) -> bool {
        self.activity() != 0
    }
}
