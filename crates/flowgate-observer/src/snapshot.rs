//! What has been measured, as data.

use std::sync::Arc;
use std::time::Duration;

use flowgate_event::Timestamp;
use serde::{Deserialize, Serialize};

/// Upper bounds of the buckets, in nanoseconds, and as `le` says them; one more bucket takes what
/// is longer.
pub(crate) const BUCKETS: [(u64, &str); 11] = [
    (5_000_000, "0.005"),
    (10_000_000, "0.01"),
    (25_000_000, "0.025"),
    (50_000_000, "0.05"),
    (100_000_000, "0.1"),
    (250_000_000, "0.25"),
    (500_000_000, "0.5"),
    (1_000_000_000, "1"),
    (2_500_000_000, "2.5"),
    (5_000_000_000, "5"),
    (10_000_000_000, "10"),
];

/// Buckets with the last one, which has no bound.
pub(crate) const BUCKET_COUNT: usize = BUCKETS.len() + 1;

/// All that an observer has measured since it was started.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// When that was, in nanoseconds since the epoch: another value means that counts began anew.
    pub started_ns: u64,
    /// Each name and label once, in the order in which a page shows them.
    pub families: Vec<Family>,
}

/// What has been measured under one name and one label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Family {
    /// The name, such as `wamp_in_responses`; a legal metric name.
    pub name: Arc<str>,
    /// The name of the label, such as `message`; a legal label name.
    pub label: Arc<str>,
    /// How often each label value was counted, in the order of the values.
    pub counters: Vec<(Arc<str>, u64)>,
    /// How many durations each label value has and how much together, in the order of the values.
    pub durations: Vec<(Arc<str>, Durations)>,
    /// How many durations are at most as long as each bound, and longer than the one before: 5,
    /// 10, 25, 50, 100, 250 and 500 ms, 1, 2.5, 5 and 10 s, and any.
    pub buckets: [u64; BUCKET_COUNT],
}

/// Some durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Durations {
    /// How many.
    pub count: u64,
    /// How long together.
    pub sum: Duration,
}

impl Snapshot {
    pub(crate) fn new(started: Timestamp) -> Self {
        Self { started_ns: started.as_nanos(), families: Vec::new() }
    }

    /// Adds what another has measured. Cost: O(families × label values).
    pub(crate) fn add(&mut self, other: &Self) {
        for family in &other.families {
            let place = |own: &Family| own.order().cmp(&family.order());
            match self.families.binary_search_by(place) {
                Ok(at) => {
                    if let Some(own) = self.families.get_mut(at) {
                        own.add(family);
                    }
                }
                Err(at) => self.families.insert(at, family.clone()),
            }
        }
    }
}

impl Family {
    /// Where a family stands on a page: by name, bar and label, octet by octet.
    pub(crate) fn order(&self) -> impl Ord + use<'_> {
        FamilyOrder { name: &self.name, label: &self.label }
    }

    fn add(&mut self, other: &Self) {
        merge(&mut self.counters, &other.counters, |own, more| *own = own.saturating_add(*more));
        merge(&mut self.durations, &other.durations, |own, more| own.add(*more));
        for (own, more) in self.buckets.iter_mut().zip(other.buckets) {
            *own = own.saturating_add(more);
        }
    }
}

impl Durations {
    pub(crate) fn add(&mut self, other: Self) {
        // What other observers send may be anything.
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
    }
}

#[derive(PartialEq, Eq)]
struct FamilyOrder<'a> {
    name: &'a str,
    label: &'a str,
}

impl FamilyOrder<'_> {
    fn octets(&self) -> impl Iterator<Item = u8> {
        self.name.bytes().chain([b'|']).chain(self.label.bytes())
    }
}

impl Ord for FamilyOrder<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.octets().cmp(other.octets())
    }
}

impl PartialOrd for FamilyOrder<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Adds the values of `other` to those of `own`, both in the order of their keys.
fn merge<V: Clone>(
    own: &mut Vec<(Arc<str>, V)>,
    other: &[(Arc<str>, V)],
    add: impl Fn(&mut V, &V),
) {
    for (key, value) in other {
        match own.binary_search_by(|(own, _)| own.cmp(key)) {
            Ok(at) => {
                if let Some((_, own)) = own.get_mut(at) {
                    add(own, value);
                }
            }
            Err(at) => own.insert(at, (Arc::clone(key), value.clone())),
        }
    }
}
