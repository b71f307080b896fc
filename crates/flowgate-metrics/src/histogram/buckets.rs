//! Which bucket a value belongs to.

use std::sync::Arc;
use std::time::Duration;

use super::Place;
use crate::counter::nanos;
use crate::descriptor::Unit;

/// The resolution of native buckets: each is 2^(1/8) times as wide as the one before.
///
/// Source: "Native Histograms" of the Prometheus documentation, schema 3.
pub(crate) const SCHEMA: i32 = 3;

/// Native buckets per power of two, at this schema.
const PER_OCTAVE: i32 = 1 << SCHEMA;

/// Native buckets that are allocated together: eight powers of two.
pub(crate) const CHUNK_LENGTH: usize = 64;

/// Chunks for 64 powers of two and one bucket at each end.
pub(crate) const CHUNK_COUNT: usize = 9;

/// The most bounds of classic buckets: each is one series per label set.
const BOUNDS_COUNT_MAX: usize = 254;

/// The buckets of a histogram.
///
/// Bounds are inclusive and in what is recorded: nanoseconds if the unit is seconds.
/// One more bucket, without a bound, is always there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buckets {
    bounds: Vec<u64>,
    is_native: bool,
}

/// Bounds that cannot be, or counts that do not belong to them. The caller's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BucketsError {
    /// A bound is not above the one before.
    #[error("bucket bound {0} is not above the one before it")]
    NotAscending(u64),
    /// There are too many: each is a series of its own for every label set.
    #[error("{0} bucket bounds are more than {BOUNDS_COUNT_MAX}")]
    TooMany(usize),
    /// What was counted in classic buckets alone is not enough for a histogram that has native ones.
    #[error("the histogram has native buckets, which counts of classic ones do not tell")]
    Native,
    /// There are fewer buckets than counts.
    #[error("the histogram has fewer buckets than the {0} that were counted")]
    Beyond(usize),
}

impl Buckets {
    /// For latencies: 25 µs to 10 s in steps of 1, 2.5 and 5, 18 bounds.
    #[must_use]
    pub fn latency() -> Self {
        let bounds_us = [
            25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000,
            500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
        ];
        Self { bounds: bounds_us.map(|us: u64| us * 1_000).to_vec(), is_native: true }
    }

    /// For sizes: 64 bytes to 16 MiB in powers of 4, 10 bounds.
    #[must_use]
    pub fn sizes() -> Self {
        Self { bounds: (3..=12).map(|exponent| 1 << (2 * exponent)).collect(), is_native: true }
    }

    /// How many buckets [`sizes`](Self::sizes) has, with the one without a bound.
    pub const SIZE_COUNT: usize = 11;

    /// Which bucket of [`sizes`](Self::sizes) a size belongs to, counted from 0: for those who
    /// count by themselves, see [`Histogram::record_counted`](crate::Histogram::record_counted).
    #[inline]
    #[must_use]
    pub const fn size_place(bytes: u64) -> usize {
        // Bounds are inclusive, so that one less has the bits that tell, two for each bucket above
        // 64; below 32 there is nothing to tell.
        let place = ((bytes.saturating_sub(1) | 31).ilog2() as usize - 4) / 2;
        if place < Self::SIZE_COUNT { place } else { Self::SIZE_COUNT - 1 }
    }

    /// For how many receivers something has: 1 to 65 536 in powers of 2, 17 bounds.
    #[must_use]
    pub fn fan_out() -> Self {
        Self { bounds: (0..=16).map(|exponent| 1 << exponent).collect(), is_native: true }
    }

    /// With these bounds, in what is recorded.
    ///
    /// # Errors
    ///
    /// [`BucketsError`], unless they ascend and are at most 254.
    pub fn new(bounds: impl IntoIterator<Item = u64>) -> Result<Self, BucketsError> {
        let bounds: Vec<u64> = bounds.into_iter().collect();
        if bounds.len() > BOUNDS_COUNT_MAX {
            return Err(BucketsError::TooMany(bounds.len()));
        }
        let ascending = |(low, high): (&u64, &u64)| if low < high { None } else { Some(*high) };
        match bounds.iter().zip(bounds.iter().skip(1)).find_map(ascending) {
            Some(bound) => Err(BucketsError::NotAscending(bound)),
            None => Ok(Self { bounds, is_native: true }),
        }
    }

    /// With these durations as bounds.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn durations(bounds: impl IntoIterator<Item = Duration>) -> Result<Self, BucketsError> {
        Self::new(bounds.into_iter().map(nanos))
    }

    /// No classic buckets: for scrapers that know native ones, at no cost in series.
    #[must_use]
    pub fn native_only() -> Self {
        Self { bounds: Vec::new(), is_native: true }
    }

    /// Without native buckets: a histogram then takes a fifth of the memory or less.
    #[must_use]
    pub fn classic_only(mut self) -> Self {
        self.is_native = false;
        self
    }
}

/// Buckets in a unit, prepared for finding places.
#[derive(Debug, PartialEq)]
pub struct Layout {
    pub(crate) bounds: Box<[u64]>,
    pub(crate) is_native: bool,
    pub(crate) unit: Unit,
    scale: Scale,
    /// For each native bucket, or each length in bits if there are none, how many classic bounds
    /// lie below all of its values.
    below: Box<[u8]>,
}

impl Layout {
    pub(crate) fn new(buckets: Buckets, unit: Unit) -> Arc<Self> {
        let bounds = buckets.bounds.into_boxed_slice();
        let is_native = buckets.is_native;
        let scale = Scale::new(unit);
        let index = |bound: &u64| if is_native { scale.index(*bound) } else { bits(*bound) };
        let indexes: Vec<usize> = bounds.iter().map(index).collect();
        let index_count = if is_native { CHUNK_COUNT * CHUNK_LENGTH } else { LENGTH_COUNT };
        let below = (0..index_count).map(|index| {
            let count = indexes.iter().filter(|bound| **bound < index).count();
            // There are fewer than 255 bounds.
            u8::try_from(count).unwrap_or(u8::MAX)
        });
        Arc::new(Self { below: below.collect(), bounds, is_native, unit, scale })
    }

    /// Where a value belongs: the first bucket whose bound is not below it.
    #[inline]
    pub(crate) fn place(&self, value: u64) -> Place {
        if self.is_native {
            let index = self.scale.index(value);
            Place { classic: self.classic(index, value), native: (value != 0).then_some(index) }
        } else {
            Place { classic: self.classic(bits(value), value), native: None }
        }
    }

    #[inline]
    fn classic(&self, index: usize, value: u64) -> usize {
        // The index ascends with the value, so that bounds with a lower one are below.
        let mut classic = usize::from(self.below.get(index).copied().unwrap_or_default());
        while self.bounds.get(classic).is_some_and(|bound| *bound < value) {
            classic += 1;
        }
        classic
    }

    /// The upper bound of a native bucket, in units.
    pub(crate) fn native_bound(&self, index: usize) -> f64 {
        let exponent = f64::from(self.schema_index(index));
        (exponent / f64::from(PER_OCTAVE)).exp2()
    }

    /// The number that Prometheus gives to a bucket: its upper bound is 2^(number/8).
    pub(crate) fn schema_index(&self, index: usize) -> i32 {
        i32::try_from(index).unwrap_or(i32::MAX).saturating_add(first_index(self.unit))
    }
}

/// Lengths that a value can have in bits, from that of zero on.
const LENGTH_COUNT: usize = 65;

/// The length of a value in bits; ascends with the value.
#[inline]
const fn bits(value: u64) -> usize {
    (u64::BITS - value.leading_zeros()) as usize
}

/// The schema's number of the bucket that comes first: that of the value 1, and one below it.
const fn first_index(unit: Unit) -> i32 {
    match unit {
        // 10^-9 lies between 2^-30 and 2^-29.
        Unit::Seconds => -30 * PER_OCTAVE,
        Unit::None | Unit::Bytes | Unit::Ratio | Unit::Counted(_) => 0,
    }
}

/// How values of a unit find their native buckets.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    /// How many of what is recorded make one unit.
    divisor: f64,
    /// What the first bucket would be, if they were counted from the least exponent of a float.
    first: u64,
}

impl Scale {
    fn new(unit: Unit) -> Self {
        // Never below zero: the exponent of the least value is above the bias's negative.
        let first = EXPONENT_BIAS * PER_OCTAVE + first_index(unit);
        Self { divisor: unit.divisor(), first: u64::try_from(first).unwrap_or_default() }
    }

    /// Which native bucket a value belongs to, counted from the first; ascends with the value.
    #[inline]
    fn index(self, value: u64) -> usize {
        #[expect(clippy::cast_precision_loss, reason = "a bucket is wider than the loss")]
        let bits = (value as f64 / self.divisor).to_bits();
        let fraction = bits & FRACTION_MASK;
        let step = (fraction >> (FRACTION_BITS - 4)) as usize;
        let (passed, next) = STEPS.get(step).copied().unwrap_or_default();
        let octaves = (bits >> FRACTION_BITS) * u64::from(PER_OCTAVE.unsigned_abs());
        let index = octaves + passed + u64::from(fraction > next);
        // Zero has none, and nobody asks.
        usize::try_from(index.wrapping_sub(self.first)).unwrap_or_default()
    }
}

const FRACTION_BITS: u32 = 52;
const FRACTION_MASK: u64 = (1 << FRACTION_BITS) - 1;
const EXPONENT_BIAS: i32 = 1023;

/// For each sixteenth between 1 and 2: how many of the bounds 2^(0/8) to 2^(7/8) lie below it, and
/// the fraction bits of the one that lies in it, if any.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it, and would refuse")]
const STEPS: [(u64, u64); 16] = {
    // The fraction bits of 2^(k/8), rounded to the nearest number.
    let bounds: [u64; 8] = [
        0x0_0000_0000_0000,
        0x1_72b8_3c7d_517b,
        0x3_06fe_0a31_b715,
        0x4_bfda_d536_2a27,
        0x6_a09e_667f_3bcd,
        0x8_ace5_422a_a0db,
        0xa_e89f_995a_d3ad,
        0xd_5818_dcfb_a487,
    ];
    let mut steps = [(0, u64::MAX); 16];
    let mut step = 0;
    while step < 16 {
        let low = (step as u64) << (FRACTION_BITS - 4);
        let high = ((step as u64) + 1) << (FRACTION_BITS - 4);
        let mut bound = 0;
        while bound < 8 {
            if bounds[bound] < low {
                steps[step].0 += 1;
            } else if bounds[bound] < high {
                steps[step].1 = bounds[bound];
            }
            bound += 1;
        }
        step += 1;
    }
    steps
};
