//! What a histogram is worth at a moment.

use std::sync::Arc;

use super::buckets::{CHUNK_COUNT, CHUNK_LENGTH, Layout, SCHEMA};

/// The most native buckets that are shown; beyond, the resolution is halved.
pub(crate) const NATIVE_COUNT_MAX: usize = 160;

/// The counts of all threads, added up.
#[derive(Debug, Clone)]
pub struct Distribution {
    pub(crate) layout: Arc<Layout>,
    /// One count for each bound, and one beyond; not cumulative.
    pub(crate) classic: Vec<u64>,
    /// One count for each native bucket; empty without.
    pub(crate) native: Vec<u64>,
    /// How often the value was zero.
    pub(crate) zero: u64,
    /// The sum of the values, as recorded.
    pub(crate) sum: u64,
}

/// Native buckets as they are shown: those with a count, in ascending order, at a resolution at
/// which there are not too many.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Native {
    pub(crate) schema: i32,
    pub(crate) buckets: Vec<(i32, u64)>,
}

impl Distribution {
    pub(crate) fn new(layout: Arc<Layout>) -> Self {
        let native_count = if layout.is_native { CHUNK_COUNT * CHUNK_LENGTH } else { 0 };
        let classic = vec![0; layout.bounds.len() + 1];
        Self { classic, native: vec![0; native_count], zero: 0, sum: 0, layout }
    }

    pub(crate) fn clear(&mut self) {
        self.classic.fill(0);
        self.native.fill(0);
        self.zero = 0;
        self.sum = 0;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        let classic = self.classic.iter_mut().zip(&other.classic);
        for (sum, count) in classic.chain(self.native.iter_mut().zip(&other.native)) {
            *sum = sum.wrapping_add(*count);
        }
        self.zero = self.zero.wrapping_add(other.zero);
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// How many values there are, by the classic buckets, of which there always is one.
    pub(crate) fn count(&self) -> u64 {
        self.classic.iter().fold(0, |sum, count| sum.wrapping_add(*count))
    }

    /// How many values there are by the native buckets: never less than the classic ones say.
    pub(crate) fn native_count(&self) -> u64 {
        self.native.iter().fold(self.zero, |sum, count| sum.wrapping_add(*count))
    }

    /// The sum in units.
    pub(crate) fn sum_in_units(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a float is what every format has")]
        self.layout.unit.scale(self.sum as f64)
    }

    /// The native buckets that are not empty, at most [`NATIVE_COUNT_MAX`]; `None` without.
    ///
    /// A resolution that has been halved stays so: buckets never become empty again.
    pub(crate) fn native(&self) -> Option<Native> {
        if !self.layout.is_native {
            return None;
        }
        let filled = self.native.iter().enumerate().filter(|(_, count)| **count != 0);
        let mut buckets: Vec<(i32, u64)> =
            filled.map(|(index, count)| (self.layout.schema_index(index), *count)).collect();
        let mut schema = SCHEMA;
        while buckets.len() > NATIVE_COUNT_MAX {
            schema -= 1;
            buckets = halved(&buckets);
        }
        Some(Native { schema, buckets })
    }

    /// The value, in units, that this share of all values does not exceed; `None` of nothing.
    ///
    /// Exact to the width of the bucket that it lies in: 9 % with native buckets.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        let (bounds, counts): (Vec<f64>, &[u64]) = if self.layout.is_native {
            let bounds = (0..self.native.len()).map(|index| self.layout.native_bound(index));
            (bounds.collect(), &self.native)
        } else {
            #[expect(clippy::cast_precision_loss, reason = "a bucket is wider than the loss")]
            let bounds =
                self.layout.bounds.iter().map(|bound| self.layout.unit.scale(*bound as f64));
            (bounds.collect(), &self.classic)
        };
        let zero = if self.layout.is_native { self.zero } else { 0 };
        let total = counts.iter().fold(zero, |sum, count| sum.wrapping_add(*count));
        if total == 0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "a share of a count needs no more")]
        let wanted = share * total as f64;
        let mut passed = zero;
        let mut last = 0.0;
        for (count, bound) in counts.iter().zip(bounds) {
            #[expect(clippy::cast_precision_loss, reason = "a share of a count needs no more")]
            if passed as f64 >= wanted {
                break;
            }
            passed = passed.wrapping_add(*count);
            if *count != 0 {
                last = bound;
            }
        }
        Some(last)
    }
}

/// Buckets of twice the width: two neighbours with the bounds 2^(2k-1) and 2^2k become one.
fn halved(buckets: &[(i32, u64)]) -> Vec<(i32, u64)> {
    let mut wider: Vec<(i32, u64)> = Vec::with_capacity(buckets.len());
    for (index, count) in buckets {
        // Rounds up, below zero too.
        let index = index.saturating_add(1) >> 1;
        match wider.last_mut() {
            Some((last, sum)) if *last == index => *sum = sum.wrapping_add(*count),
            _ => wider.push((index, *count)),
        }
    }
    wider
}
