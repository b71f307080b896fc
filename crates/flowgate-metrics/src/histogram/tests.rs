//! Where values land, against bounds computed the slow way.

use std::sync::Arc;
use std::time::Duration;

use flowgate_event::Timestamp;
use proptest::prelude::*;

use super::buckets::{CHUNK_COUNT, CHUNK_LENGTH, Layout};
use super::distribution::{Distribution, NATIVE_COUNT_MAX};
use super::{Buckets, BucketsError, Place};
use crate::{Descriptor, Exemplar, Metric, Registry, Unit};

/// Values of all magnitudes.
fn values() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0..64_u32).prop_map(|(value, shift)| value >> shift)
}

fn units() -> impl Strategy<Value = Unit> {
    prop_oneof![Just(Unit::Seconds), Just(Unit::Bytes)]
}

proptest! {
    #[test]
    fn the_classic_bucket_is_the_first_whose_bound_is_not_below(
        mut bounds in proptest::collection::vec(values(), 0..40), value in values(), unit in units(),
    ) {
        bounds.sort_unstable();
        bounds.dedup();
        let buckets = Buckets::new(bounds.clone()).unwrap();
        let classic_only = Layout::new(buckets.clone().classic_only(), unit);
        let layout = Layout::new(buckets, unit);
        for value in bounds.iter().flat_map(|bound| [*bound, bound.saturating_add(1)]).chain([value]) {
            let naive = bounds.iter().filter(|bound| **bound < value).count();
            prop_assert_eq!(layout.place(value).classic, naive);
            prop_assert_eq!(classic_only.place(value), Place { classic: naive, native: None });
        }
    }

    #[test]
    fn the_place_of_a_size_is_that_of_its_bucket(value in values(), exponent in 0..26_u32) {
        let layout = Layout::new(Buckets::sizes(), Unit::Bytes);
        prop_assert_eq!(layout.bounds.len() + 1, Buckets::SIZE_COUNT);
        let bound = 1_u64 << exponent;
        for value in [value, bound - 1, bound, bound + 1] {
            prop_assert_eq!(Buckets::size_place(value), layout.place(value).classic, "{}", value);
        }
    }

    #[test]
    fn values_that_were_counted_elsewhere_are_as_if_recorded(
        values in proptest::collection::vec(0..100_000_000_u64, 0..100),
    ) {
        let registry = Registry::new();
        let buckets = || Buckets::sizes().classic_only();
        let one_by_one = registry.histogram(Descriptor::new("one_by_one", "Sizes."), buckets()).unwrap();
        let together = registry.histogram(Descriptor::new("together", "Sizes."), buckets()).unwrap();
        let mut counts = [0; Buckets::SIZE_COUNT];
        for value in &values {
            one_by_one.record(*value);
            counts[Buckets::size_place(*value)] += 1;
        }
        together.record_counted(&counts, values.iter().sum()).unwrap();
        let (one_by_one, together) = (one_by_one.distribution(), together.distribution());
        prop_assert_eq!(one_by_one.classic, together.classic);
        prop_assert_eq!(one_by_one.sum, together.sum);
    }

    #[test]
    fn a_native_bucket_holds_what_lies_between_its_bounds(value in values(), unit in units()) {
        prop_assume!(value != 0);
        let layout = Layout::new(Buckets::native_only(), unit);
        let index = layout.place(value).native.unwrap();
        prop_assert!(index < CHUNK_COUNT * CHUNK_LENGTH);
        #[expect(clippy::cast_precision_loss, reason = "compared with room for it")]
        let value = unit.scale(value as f64);
        let (upper, lower) = (layout.native_bound(index), layout.native_bound(index) / 2_f64.powf(0.125));
        prop_assert!(lower * (1.0 - 1e-12) < value && value <= upper * (1.0 + 1e-12), "{lower} {value} {upper}");
    }

    #[test]
    fn every_value_is_counted_once_in_each_kind_of_bucket(
        values in proptest::collection::vec((values(), any::<bool>()), 0..100),
    ) {
        let registry = Registry::new();
        let descriptor = Descriptor::new("time", "Time.").unit(Unit::Seconds);
        let histogram = registry.histogram(descriptor, Buckets::latency()).unwrap();
        let local = histogram.local(&registry.shard());
        for (value, is_local) in &values {
            if *is_local { local.record(*value) } else { histogram.record(*value) }
        }
        let distribution = histogram.distribution();
        prop_assert_eq!(distribution.count(), values.len() as u64);
        prop_assert_eq!(distribution.native_count(), values.len() as u64);
        let sum = values.iter().fold(0_u64, |sum, (value, _)| sum.wrapping_add(*value));
        prop_assert_eq!(histogram.sum(), sum);
        let zeros = values.iter().filter(|(value, _)| *value == 0).count();
        prop_assert_eq!(distribution.zero, zeros as u64);
    }

    #[test]
    fn halving_the_resolution_keeps_counts_and_order(counts in proptest::collection::vec(0..9_u64, 576)) {
        let mut distribution = Distribution::new(Layout::new(Buckets::native_only(), Unit::Seconds));
        distribution.native = counts;
        let native = distribution.native().unwrap();
        prop_assert!(native.buckets.len() <= NATIVE_COUNT_MAX);
        prop_assert!(native.buckets.is_sorted_by(|one, other| one.0 < other.0));
        let sum: u64 = native.buckets.iter().map(|(_, count)| count).sum();
        prop_assert_eq!(sum, distribution.native_count());
    }
}

#[test]
fn bounds_are_inclusive_also_at_powers_of_two() {
    let layout = Layout::new(Buckets::sizes(), Unit::Bytes);
    let place = |value| layout.place(value);
    assert_eq!(place(64), Place { classic: 0, native: Some(6 * 8) });
    assert_eq!(place(65), Place { classic: 1, native: Some(6 * 8 + 1) });
    assert_eq!(place(0), Place { classic: 0, native: None });
    assert_eq!(place(u64::MAX).classic, 10);
}

#[test]
fn halved_buckets_have_the_bounds_of_every_second_one() {
    let mut distribution = Distribution::new(Layout::new(Buckets::native_only(), Unit::Seconds));
    distribution.native.fill(1);
    let native = distribution.native().unwrap();
    // 576 buckets from -240 to 335 at 8 per power of two are 145 at 2.
    assert_eq!((native.schema, native.buckets.len()), (1, 145));
    // 2^(-240/8) = 2^(-60/2) is a bound of both; the buckets below belong to it.
    assert_eq!(native.buckets.first(), Some(&(-60, 1)));
    assert_eq!(native.buckets.get(1), Some(&(-59, 4)));
}

#[test]
fn quantiles_lie_within_a_bucket_of_the_truth() {
    for buckets in
        [Buckets::native_only(), Buckets::new((1..=100).map(|b| b * 10)).unwrap().classic_only()]
    {
        let registry = Registry::new();
        let histogram = registry.histogram(Descriptor::new("size", "Sizes."), buckets).unwrap();
        assert_eq!(histogram.distribution().quantile(0.5), None);
        (1..=1000).for_each(|value| histogram.record(value));
        for (share, truth) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0)] {
            let found = histogram.distribution().quantile(share).unwrap();
            assert!((found / truth - 1.0).abs() < 0.1, "{share}: {found}");
        }
    }
}

#[test]
fn classic_buckets_alone_take_no_memory_for_native_ones() {
    let registry = Registry::new();
    let histogram =
        registry.histogram(Descriptor::new("size", "Sizes."), Buckets::sizes().classic_only());
    let histogram = histogram.unwrap();
    histogram.record_duration(Duration::from_nanos(100));
    let distribution = histogram.distribution();
    assert_eq!((distribution.count(), distribution.native.len()), (1, 0));
    assert!(distribution.native().is_none());
    assert!(histogram.series.core.cells.shared().native.is_empty());
}

#[test]
fn bounds_must_ascend_and_be_few() {
    assert_eq!(Buckets::new([1, 2, 2]), Err(BucketsError::NotAscending(2)));
    assert_eq!(Buckets::new(0..255), Err(BucketsError::TooMany(255)));
    assert!(Buckets::new(0..254).is_ok());
}

/// A reader never finds fewer values in the native buckets than in the classic ones, since a
/// histogram whose count is below one of its buckets is refused by scrapers.
#[test]
fn native_buckets_are_never_behind_classic_ones() {
    let registry = Registry::new();
    let histogram =
        registry.histogram(Descriptor::new("size", "Sizes."), Buckets::sizes()).unwrap();
    let layout = Arc::clone(&histogram.series.core.layout);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let local = histogram.local(&registry.shard());
                (0..200_000).for_each(|value| local.record(value % 5_000));
            });
        }
        scope.spawn(|| (0..50_000).for_each(|value| histogram.record(value)));
        let mut total = Distribution::new(layout);
        while total.count() < 450_000 {
            total.clear();
            crate::series::Core::read(&histogram.series.core, &mut total);
            assert!(total.native_count() >= total.count());
        }
        assert_eq!((total.count(), total.native_count()), (450_000, 450_000));
    });
}

#[test]
fn a_bucket_has_a_new_example_each_tenth_of_a_second_at_most() {
    let registry = Registry::new();
    let descriptor = Descriptor::new("time", "Time.").unit(Unit::Seconds);
    let histogram = registry.histogram(descriptor, Buckets::new([10, 20]).unwrap()).unwrap();
    let local = histogram.local(&registry.shard());
    let mut made = Vec::new();
    for (value, millis) in [(1, 1000), (2, 1099), (11, 1099), (3, 1100), (99, 1150)] {
        let at = Timestamp::from_nanos(millis * 1_000_000);
        local.record_sampled(value, at, || {
            made.push(value);
            Some(Exemplar::trace(value.into(), 1, at))
        });
    }
    assert_eq!(made, [1, 11, 3, 99]);
    assert_eq!(histogram.count(), 5);
    let latest = |bucket| histogram.series.core.exemplar(bucket).map(|(value, _)| value);
    assert_eq!([0, 1, 2].map(latest), [Some(3), Some(11), Some(99)]);
}

#[test]
fn counts_that_do_not_belong_to_the_buckets_are_refused() {
    let registry = Registry::new();
    let native = registry.histogram(Descriptor::new("native", "Sizes."), Buckets::sizes()).unwrap();
    assert_eq!(native.record_counted(&[1], 1), Err(BucketsError::Native));
    let few = Buckets::new([1, 2]).unwrap().classic_only();
    let few = registry.histogram(Descriptor::new("few", "Sizes."), few).unwrap();
    assert_eq!(few.record_counted(&[1, 1, 1, 1], 1), Err(BucketsError::Beyond(4)));
    assert_eq!((few.count(), few.sum()), (0, 0));
    assert_eq!(few.record_counted(&[1, 1, 1], 6), Ok(()));
    assert_eq!((few.count(), few.sum()), (3, 6));
}
