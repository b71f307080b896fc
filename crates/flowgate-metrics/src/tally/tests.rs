use std::sync::Mutex;
use std::thread;

use proptest::prelude::*;

use super::*;
use crate::{Descriptor, Registry};

#[test]
fn a_place_that_is_not_there_counts_nothing() {
    let tally = Tally::<2>::new();
    let mut reader = tally.reader();
    tally.add(2, 7);
    tally.add(1, 1);
    assert_eq!(reader.take(), [0, 1]);
}

#[test]
fn numbers_wrap_around_without_a_loss() {
    let tally = Tally::<1>::new();
    let mut reader = tally.reader();
    tally.add(0, u64::MAX);
    assert_eq!(reader.take(), [u64::MAX]);
    tally.add(0, 3);
    assert_eq!(reader.take(), [3]);
}

#[test]
fn the_last_of_an_owner_that_is_gone_is_read() {
    let tally = Tally::<1>::new();
    let mut reader = tally.reader();
    assert!(!reader.is_final());
    thread::spawn(move || tally.add(0, 5)).join().expect("adding does not panic");
    assert!(reader.is_final());
    assert_eq!(reader.take(), [5]);
    assert_eq!(reader.take(), [0]);
}

#[test]
fn what_was_added_is_there_whoever_reads_the_registry() {
    let registry = Registry::new();
    let jobs = registry.counter(Descriptor::new("jobs", "Jobs.")).expect("a good name");
    let tally = Tally::<1>::new();
    let reader = Mutex::new(tally.reader());
    let added = jobs.clone();
    registry.before_reading(move || {
        let [count] = reader.lock().expect("nobody panics").take();
        added.add(count);
    });
    tally.add(0, 1);
    assert_eq!(jobs.value(), 0, "nobody has looked");
    let _ = registry.scrape();
    assert_eq!(jobs.value(), 1);
    tally.add(0, 2);
    let _ = registry.stats();
    assert_eq!(jobs.value(), 3);
    tally.add(0, 3);
    registry.sample(flowgate_event::Timestamp::EPOCH);
    assert_eq!(jobs.value(), 6);
}

/// A reader beside a writer never misses what was added at a higher place before what it sees.
#[test]
fn higher_places_are_seen_with_lower_ones() {
    const COUNT: u64 = 200_000;
    let tally = Tally::<2>::new();
    let mut reader = tally.reader();
    let writer = thread::spawn(move || {
        for _ in 0..COUNT {
            tally.add(1, 1);
            tally.add(0, 1);
        }
    });
    let (mut low, mut high) = (0, 0);
    while low < COUNT {
        let [more_low, more_high] = reader.take();
        low += more_low;
        high += more_high;
        assert!(high >= low, "{high} of {low}");
    }
    writer.join().expect("adding does not panic");
    assert_eq!((low, high), (COUNT, COUNT));
}

proptest! {
    /// However often it is read, by however many, each reader is told the whole, once.
    #[test]
    fn all_that_is_added_is_told_once(steps in prop::collection::vec((0_usize..3, 0_u64..1000, any::<bool>()), 0..200)) {
        let tally = Tally::<3>::new();
        let (mut often, mut once) = (tally.reader(), tally.reader());
        let (mut sums, mut told) = ([0; 3], [0; 3]);
        for (place, amount, is_read) in steps {
            tally.add(place, amount);
            sums[place] += amount;
            if is_read {
                for (told, more) in told.iter_mut().zip(often.take()) {
                    *told += more;
                }
            }
        }
        for (told, more) in told.iter_mut().zip(often.take()) {
            *told += more;
        }
        prop_assert_eq!(told, sums);
        prop_assert_eq!(once.take(), sums);
    }
}
