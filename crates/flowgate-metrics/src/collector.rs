//! Values that are asked for when somebody looks.

use std::error::Error;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};

use hashbrown::HashTable;

use crate::descriptor::Identity;
use crate::label::{Label, Labels};

/// Why a value could not be had; the stat is absent then.
pub type Failure = Box<dyn Error + Send + Sync>;

/// What kind of value is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollectorKind {
    /// One that only goes up.
    Counter,
    /// One that goes up and down.
    Gauge,
    /// Facts in labels; the value is 1. [`Registry::info`](crate::Registry::info) makes one.
    Info,
}

/// What a collector has to say: values with their labels.
#[derive(Debug)]
pub struct Samples<const N: usize> {
    labels: [Label; N],
    found: Vec<(Labels, f64)>,
    /// Places in what was found, by labels.
    index: HashTable<usize>,
}

impl<const N: usize> Samples<N> {
    /// Says a value, in units (seconds, not nanoseconds), for label values in the order of the
    /// labels; the first one for the same labels counts.
    pub fn push(&mut self, values: [&str; N], value: f64) {
        let Self { labels, found, index } = self;
        let is_it = |at: &usize| found.get(*at).is_some_and(|(labels, _)| labels.matches(&values));
        let new = Labels::new(labels, &values);
        if index.find(new.hash, is_it).is_none() {
            let hash = new.hash;
            found.push((new, value));
            let hash_at = |at: &usize| found.get(*at).map_or(0, |(labels, _)| labels.hash);
            index.insert_unique(hash, found.len() - 1, hash_at);
        }
    }
}

type Collect = dyn Fn() -> Result<Vec<(Labels, f64)>, Failure> + Send + Sync;

/// A stat whose values are asked for.
pub(crate) struct Collector {
    pub(crate) identity: Identity,
    pub(crate) labels: Box<[Label]>,
    pub(crate) kind: CollectorKind,
    collect: Box<Collect>,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Collector {
    pub(crate) fn new<const N: usize>(
        identity: Identity,
        labels: [Label; N],
        kind: CollectorKind,
        collect: impl Fn(&mut Samples<N>) -> Result<(), Failure> + Send + Sync + 'static,
    ) -> Self {
        let run = move || {
            let mut samples = Samples { labels, found: Vec::new(), index: HashTable::new() };
            collect(&mut samples)?;
            Ok(samples.found)
        };
        Self { identity, labels: labels.into(), kind, collect: Box::new(run) }
    }

    /// Asks. A panic is a failure like any other: whoever wants to see the metrics has not caused
    /// it, and needs the others all the more.
    pub(crate) fn run(&self) -> Result<Vec<(Labels, f64)>, Failure> {
        panic::catch_unwind(AssertUnwindSafe(&self.collect))
            .unwrap_or_else(|_| Err("the collector panicked".into()))
    }
}
