//! What has been measured, as it grows.

use std::borrow::Cow;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use flowgate_event::Timestamp;
use foldhash::{SharedSeed, fast::SeedableRandomState};
use hashbrown::{HashMap, HashTable};

use crate::{
    Limits,
    snapshot::{BUCKET_COUNT, BUCKETS, Durations, Family, Snapshot},
};

/// What stands for a source or value beyond the limit.
const OTHER: &str = "_other";

/// The label of what is folded though its labels differ.
const OTHER_LABEL: &str = "label";

/// The longest label value, in octets; a longer one is cut.
const MAX_LABEL_VALUE_BYTES: usize = 1024;

/// The longest source or label name, in octets; a longer one is cut.
const MAX_NAME_BYTES: usize = 256;

/// What is measured, and under which label.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// Who says so: protocol and direction, or the metric of the sibling protocol.
    pub(crate) source: &'a str,
    /// What follows the source in the family's name; nothing for the sibling protocol.
    pub(crate) kind: &'static str,
    /// The name of the label.
    pub(crate) label: &'a str,
    /// The label's value.
    pub(crate) value: &'a str,
}

/// Counters and durations by family and label value.
#[derive(Debug)]
pub(crate) struct Series {
    families: Vec<Group>,
    /// Where each family is, by source, kind and label.
    places: HashTable<usize>,
    hasher: SeedableRandomState,
    limits: Limits,
    /// Measurements that were folded.
    folded: u64,
}

/// A family as it grows.
#[derive(Debug)]
struct Group {
    source: Box<str>,
    kind: &'static str,
    /// Source and kind.
    name: Arc<str>,
    label: Arc<str>,
    cells: HashMap<Arc<str>, Cell, SeedableRandomState>,
    buckets: [u64; BUCKET_COUNT],
}

/// What one label value has.
#[derive(Debug, Default)]
struct Cell {
    counter: u64,
    durations: Durations,
}

impl Series {
    pub(crate) fn new(limits: Limits, hasher: SeedableRandomState) -> Self {
        Self { families: Vec::new(), places: HashTable::new(), hasher, limits, folded: 0 }
    }

    /// Counts one more.
    pub(crate) fn count(&mut self, subject: Subject<'_>) {
        self.change(subject, |_, cell| cell.counter += 1);
    }

    /// Notes a duration.
    pub(crate) fn observe(&mut self, subject: Subject<'_>, duration: Duration) {
        let shorter = |(bound, _): &(u64, &str)| Duration::from_nanos(*bound) < duration;
        let bucket = BUCKETS.partition_point(shorter);
        self.change(subject, |buckets, cell| {
            if let Some(count) = buckets.get_mut(bucket) {
                *count += 1;
            }
            cell.durations.add(Durations { count: 1, sum: duration });
        });
    }

    pub(crate) const fn folded(&self) -> u64 {
        self.folded
    }

    /// What there is now. Cost: O(families × label values), without copying a text.
    pub(crate) fn snapshot(&self, started: Timestamp) -> Snapshot {
        let mut families: Vec<Family> = self.families.iter().map(Group::snapshot).collect();
        families.sort_unstable_by(|a, b| a.order().cmp(&b.order()));
        Snapshot { families, ..Snapshot::new(started) }
    }

    /// Changes the cell of a subject, or the one that it is folded into.
    fn change(
        &mut self,
        subject: Subject<'_>,
        change: impl FnOnce(&mut [u64; BUCKET_COUNT], &mut Cell),
    ) {
        let source = legal(subject.source, Colon::Legal);
        let label = legal(subject.label, Colon::Illegal);
        let value = cut(subject.value, MAX_LABEL_VALUE_BYTES);
        let (place, family_is_folded) = self.family(&source, subject.kind, &label);
        let Some(family) = self.families.get_mut(place) else {
            // Invariant: families are never removed.
            debug_assert!(false, "a family is where it was found");
            return;
        };
        let fits = family.cells.len() < self.limits.max_label_value_count;
        let value_is_folded = !fits && !family.cells.contains_key(value);
        let value = if value_is_folded { OTHER } else { value };
        if family_is_folded || value_is_folded {
            self.folded += 1;
        }
        let Group { cells, buckets, .. } = family;
        if let Some(cell) = cells.get_mut(value) {
            change(buckets, cell);
        } else {
            change(buckets, cells.entry(Arc::from(value)).or_default());
        }
    }

    /// The place of a family, and whether others are folded into it.
    fn family(&mut self, source: &str, kind: &'static str, label: &str) -> (usize, bool) {
        if let Some(place) = self.find(source, kind, label) {
            return (place, source == OTHER);
        }
        let is_folded = self.families.len() >= self.limits.max_family_count;
        let (source, label) = match (is_folded, kind) {
            (false, _) => (source, label),
            (true, "") => (OTHER, OTHER_LABEL),
            (true, _) => (OTHER, label),
        };
        let place = self.find(source, kind, label);
        (place.unwrap_or_else(|| self.create(source, kind, label)), is_folded)
    }

    fn find(&self, source: &str, kind: &'static str, label: &str) -> Option<usize> {
        let hash = self.hasher.hash_one((source, kind, label));
        let is_it = |place: &usize| {
            self.families.get(*place).is_some_and(|family| family.is(source, kind, label))
        };
        self.places.find(hash, is_it).copied()
    }

    fn create(&mut self, source: &str, kind: &'static str, label: &str) -> usize {
        let Self { families, places, hasher, .. } = self;
        let place = families.len();
        families.push(Group::new(source, kind, label, hasher.clone()));
        let hash = hasher.hash_one((source, kind, label));
        places.insert_unique(hash, place, |place| {
            families
                .get(*place)
                .map_or(0, |family| hasher.hash_one((&*family.source, family.kind, &*family.label)))
        });
        place
    }
}

impl Group {
    fn new(source: &str, kind: &'static str, label: &str, hasher: SeedableRandomState) -> Self {
        let separator = if kind.is_empty() { "" } else { "_" };
        Self {
            source: Box::from(source),
            kind,
            name: Arc::from([source, separator, kind].concat()),
            label: Arc::from(label),
            cells: HashMap::with_hasher(hasher),
            buckets: [0; BUCKET_COUNT],
        }
    }

    fn is(&self, source: &str, kind: &'static str, label: &str) -> bool {
        *self.source == *source && self.kind == kind && *self.label == *label
    }

    fn snapshot(&self) -> Family {
        let mut counters = Vec::new();
        let mut durations = Vec::new();
        for (value, cell) in &self.cells {
            if cell.counter > 0 {
                counters.push((Arc::clone(value), cell.counter));
            }
            if cell.durations.count > 0 {
                durations.push((Arc::clone(value), cell.durations));
            }
        }
        counters.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        durations.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let (name, label) = (Arc::clone(&self.name), Arc::clone(&self.label));
        Family { name, label, counters, durations, buckets: self.buckets }
    }
}

/// Whether a name may have colons: that of a metric may, that of a label may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colon {
    Legal,
    Illegal,
}

/// A name that Prometheus takes: what is not a letter, digit, underscore or legal colon becomes an
/// underscore, and one more underscore comes before a digit at the beginning.
fn legal(name: &str, colon: Colon) -> Cow<'_, str> {
    let is_legal =
        |c: char| c.is_ascii_alphanumeric() || c == '_' || (c == ':' && colon == Colon::Legal);
    let name = cut(name, MAX_NAME_BYTES);
    let begins_well = name.starts_with(|c: char| !c.is_ascii_digit());
    if begins_well && name.chars().all(is_legal) {
        return Cow::Borrowed(name);
    }
    let first = if begins_well { "" } else { "_" };
    let rest = name.chars().map(|c| if is_legal(c) { c } else { '_' });
    Cow::Owned(first.chars().chain(rest).collect())
}

/// The longest beginning of a text that has at most so many octets.
fn cut(text: &str, max_bytes: usize) -> &str {
    let boundary = (0..=max_bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    boundary.and_then(|at| text.get(..at)).unwrap_or_default()
}

/// The hasher of all tables of an observer.
pub(crate) fn hasher(seed: u64) -> SeedableRandomState {
    SeedableRandomState::with_seed(seed, SharedSeed::global_fixed())
}
