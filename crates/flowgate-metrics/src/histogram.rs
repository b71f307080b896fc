//! Distributions of durations and sizes.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use flowgate_event::Timestamp;

use crate::cell::{Cells, Local, Number, Shard};
use crate::counter::nanos;
use crate::exemplar::{Exemplar, ExemplarSlot};
use crate::series::{Core, Metric, Sealed, Series};

pub(crate) mod buckets;
pub(crate) mod distribution;
#[cfg(test)]
mod tests;

pub use self::buckets::{Buckets, BucketsError};
use self::buckets::{CHUNK_COUNT, CHUNK_LENGTH, Layout};
use self::distribution::Distribution;

/// How long a [sampled](LocalHistogram::record_sampled) exemplar stays.
const EXEMPLAR_PERIOD_NS: u64 = 100_000_000;

/// How values are distributed: durations, sizes, fan-out.
///
/// Each value lands in a classic bucket, for every scraper, and in a native (exponential) one with
/// a resolution of 9 %, for those that know them.
/// Values are integers: nanoseconds if the unit is seconds, the unit itself otherwise.
#[derive(Debug, Clone)]
pub struct Histogram {
    series: Arc<Series<HistogramCore>>,
}

impl Histogram {
    /// Records a value; nanoseconds if the unit is seconds.
    #[inline]
    pub fn record(&self, value: u64) {
        let core = &self.series.core;
        let place = core.layout.place(value);
        core.cells.shared().record(place, value, Number::add_shared, Number::add_shared_last);
    }

    /// Records a duration in a histogram of seconds.
    #[inline]
    pub fn record_duration(&self, duration: Duration) {
        self.record(nanos(duration));
    }

    /// Records a value and remembers an example of it.
    ///
    /// Never waits: when a scrape reads the bucket's exemplar in this moment, the older one stays.
    pub fn record_with(&self, value: u64, exemplar: Exemplar) {
        self.record(value);
        self.series.core.remember(value, exemplar);
    }

    /// Records values that were counted elsewhere: how many fell into each of the buckets, in order,
    /// and their sum; nanoseconds if the unit is seconds.
    ///
    /// # Errors
    ///
    /// [`BucketsError::Native`], if the histogram has native buckets too, and
    /// [`BucketsError::Beyond`], if there are more counts than buckets; nothing is recorded then.
    pub fn record_counted(&self, counts: &[u64], sum: u64) -> Result<(), BucketsError> {
        let core = &self.series.core;
        if core.layout.is_native {
            return Err(BucketsError::Native);
        }
        if counts.len() > core.layout.bounds.len() + 1 {
            return Err(BucketsError::Beyond(counts.len()));
        }
        let cell = core.cells.shared();
        cell.sum.add_shared(sum);
        for (bucket, count) in cell.classic().zip(counts).filter(|(_, count)| **count != 0) {
            bucket.add_shared_last(*count);
        }
        Ok(())
    }

    /// How many values were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.distribution().count()
    }

    /// The sum of all values; nanoseconds if the unit is seconds. Wraps around after 2^64.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.distribution().sum
    }

    fn distribution(&self) -> Distribution {
        let mut total = Distribution::new(Arc::clone(&self.series.core.layout));
        self.series.core.read(&mut total);
        total
    }
}

/// A [`Histogram`] in the hands of one thread.
#[derive(Debug)]
pub struct LocalHistogram {
    cell: Local<HistogramCell>,
    series: Arc<Series<HistogramCore>>,
}

impl LocalHistogram {
    /// Records a value; nanoseconds if the unit is seconds.
    #[inline]
    pub fn record(&self, value: u64) {
        let place = self.series.core.layout.place(value);
        self.record_at(place, value);
    }

    #[inline]
    fn record_at(&self, place: Place, value: u64) {
        self.cell.cell().record(place, value, Number::add_owned, Number::add_owned_last);
    }

    /// Records a duration in a histogram of seconds.
    #[inline]
    pub fn record_duration(&self, duration: Duration) {
        self.record(nanos(duration));
    }

    /// Records a value and remembers an example of it; see [`Histogram::record_with`].
    pub fn record_with(&self, value: u64, exemplar: Exemplar) {
        self.record(value);
        self.series.core.remember(value, exemplar);
    }

    /// Records a value, and remembers an example of it unless its bucket has one of the last tenth
    /// of a second before `at`: where values are frequent, making examples of all would cost more
    /// than everything else.
    pub fn record_sampled(
        &self,
        value: u64,
        at: Timestamp,
        exemplar: impl FnOnce() -> Option<Exemplar>,
    ) {
        let core = &self.series.core;
        let place = core.layout.place(value);
        self.record_at(place, value);
        if !core.has_exemplar(place.classic, at)
            && let Some(exemplar) = exemplar()
        {
            core.remember(value, exemplar);
        }
    }
}

impl Metric for Histogram {
    type Local = LocalHistogram;

    fn local(&self, shard: &Shard) -> LocalHistogram {
        let core = &self.series.core;
        let cell = core.cells.local(shard, || HistogramCell::new(&core.layout));
        LocalHistogram { cell, series: Arc::clone(&self.series) }
    }
}

impl Sealed for Histogram {
    type Core = HistogramCore;

    fn from_series(series: Arc<Series<HistogramCore>>) -> Self {
        Self { series }
    }
}

#[derive(Debug)]
pub struct HistogramCore {
    pub(crate) layout: Arc<Layout>,
    cells: Cells<HistogramCell>,
    /// One for each classic bucket; there once somebody gave an exemplar.
    exemplars: OnceLock<Box<[ExemplarSlot]>>,
}

impl HistogramCore {
    #[cold]
    fn remember(&self, value: u64, exemplar: Exemplar) {
        let count = self.layout.bounds.len() + 1;
        let slots =
            self.exemplars.get_or_init(|| (0..count).map(|_| ExemplarSlot::default()).collect());
        if let Some(slot) = slots.get(self.layout.place(value).classic) {
            slot.put(value, exemplar);
        }
    }

    /// Whether a classic bucket has an exemplar of the last [`EXEMPLAR_PERIOD_NS`].
    fn has_exemplar(&self, classic: usize, at: Timestamp) -> bool {
        let slot = self.exemplars.get().and_then(|slots| slots.get(classic));
        let since = Timestamp::from_nanos(at.as_nanos().saturating_sub(EXEMPLAR_PERIOD_NS));
        slot.is_some_and(|slot| slot.is_newer(since))
    }

    /// The latest exemplar of a classic bucket.
    pub(crate) fn exemplar(&self, classic: usize) -> Option<(u64, Exemplar)> {
        self.exemplars.get()?.get(classic)?.latest()
    }
}

impl Core for HistogramCore {
    type Spec = Arc<Layout>;
    type Total = Distribution;

    fn new(layout: &Arc<Layout>) -> Self {
        Self {
            layout: Arc::clone(layout),
            cells: Cells::new(HistogramCell::new(layout)),
            exemplars: OnceLock::new(),
        }
    }

    fn zero(layout: &Arc<Layout>) -> Distribution {
        Distribution::new(Arc::clone(layout))
    }

    fn read(&self, total: &mut Distribution) {
        for cell in self.cells.iter() {
            cell.read(total);
        }
    }

    fn merge(total: &mut Distribution, other: &Distribution) {
        total.merge(other);
    }

    fn activity(&self) -> u64 {
        // Every value counts in one of the classic buckets; the last of them has no bound.
        let buckets = self.cells.iter().flat_map(HistogramCell::classic);
        buckets.fold(0, |sum, bucket| sum.wrapping_add(bucket.load()))
    }
}

/// The counts of one thread, or the shared ones.
#[derive(Debug)]
struct HistogramCell {
    /// One count for each bound and one beyond, as far as there is room.
    first: [Number; FIRST_COUNT],
    /// The others, on cache lines of their own.
    more: Box<[Line]>,
    /// Eight powers of two each, made when the first value falls into them.
    native: Box<[OnceLock<Box<Chunk>>]>,
    zero: Number,
    sum: Number,
}

/// As many numbers as fit a cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Line([Number; LINE_LENGTH]);

const LINE_LENGTH: usize = 8;

/// Classic buckets that are found without a further pointer: three cache lines, which is enough for
/// all layouts of [`Buckets`] that have a name.
const FIRST_COUNT: usize = 24;

#[derive(Debug)]
#[repr(align(64))]
struct Chunk([Number; CHUNK_LENGTH]);

/// Where a value belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Index of the classic bucket; the number of bounds for the one without.
    pub(crate) classic: usize,
    /// Index of the native bucket; `None` for zero, and without native buckets.
    pub(crate) native: Option<usize>,
}

impl HistogramCell {
    fn new(layout: &Layout) -> Self {
        let more_count = (layout.bounds.len() + 1).saturating_sub(FIRST_COUNT);
        let chunk_count = if layout.is_native { CHUNK_COUNT } else { 0 };
        Self {
            first: Default::default(),
            more: (0..more_count.div_ceil(LINE_LENGTH)).map(|_| Line::default()).collect(),
            native: (0..chunk_count).map(|_| OnceLock::new()).collect(),
            zero: Number::default(),
            sum: Number::default(),
        }
    }

    /// Adds one value: to the native buckets first, to the classic ones last.
    #[inline]
    fn record(&self, place: Place, value: u64, add: fn(&Number, u64), add_last: fn(&Number, u64)) {
        add(&self.sum, value);
        match place.native {
            Some(index) => {
                if let Some(number) = self.native(index) {
                    add(number, 1);
                }
            }
            None => add(&self.zero, 1),
        }
        match self.first.get(place.classic) {
            Some(number) => add_last(number, 1),
            None => {
                if let Some(number) = self.more(place.classic - FIRST_COUNT) {
                    add_last(number, 1);
                }
            }
        }
    }

    #[inline]
    fn native(&self, index: usize) -> Option<&Number> {
        let chunk = self.native.get(index / CHUNK_LENGTH)?;
        // Looked up in line, which `get_or_init` alone is not.
        let chunk = chunk.get().unwrap_or_else(|| chunk.get_or_init(new_chunk));
        chunk.0.get(index % CHUNK_LENGTH)
    }

    fn more(&self, index: usize) -> Option<&Number> {
        self.more.get(index / LINE_LENGTH)?.0.get(index % LINE_LENGTH)
    }

    /// The counts of the classic buckets, in order, and zeros to the end of the room.
    fn classic(&self) -> impl Iterator<Item = &Number> {
        self.first.iter().chain(self.more.iter().flat_map(|line| &line.0))
    }

    /// Adds all counts: the classic buckets first, so that no value is missing in the native ones
    /// that is there in the classic ones.
    fn read(&self, total: &mut Distribution) {
        for (sum, number) in total.classic.iter_mut().zip(self.classic()) {
            *sum = sum.wrapping_add(number.load_then());
        }
        for (sums, chunk) in total.native.chunks_mut(CHUNK_LENGTH).zip(&self.native) {
            let Some(chunk) = chunk.get() else { continue };
            for (sum, number) in sums.iter_mut().zip(&chunk.0) {
                *sum = sum.wrapping_add(number.load());
            }
        }
        total.zero = total.zero.wrapping_add(self.zero.load());
        total.sum = total.sum.wrapping_add(self.sum.load());
    }
}

#[cold]
fn new_chunk() -> Box<Chunk> {
    Box::new(Chunk(std::array::from_fn(|_| Number::default())))
}
