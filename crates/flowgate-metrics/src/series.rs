//! One labelled value, and what all kinds of values have in common.

use std::fmt::Debug;
use std::sync::Arc;

use crate::cell::{Number, Shard};
use crate::label::Labels;

/// What a kind of metric is made of; the registry and the encoders know no more of it.
pub trait Core: Debug + Send + Sync + 'static {
    /// What has to be known to make one, apart from name and labels.
    type Spec: Debug + Clone + PartialEq + Send + Sync;
    /// What one is worth at a moment.
    type Total: Debug + Clone + Send + Sync;

    fn new(spec: &Self::Spec) -> Self;
    /// Nothing counted yet.
    fn zero(spec: &Self::Spec) -> Self::Total;
    /// Adds what is in the cells. Takes no lock.
    fn read(&self, total: &mut Self::Total);
    /// Adds what another series was worth.
    fn merge(total: &mut Self::Total, other: &Self::Total);
    /// A number that changes when the series is used.
    fn activity(&self) -> u64;
    /// Whether it stands for something that is still there, like an open connection.
    fn is_held(&self) -> bool {
        false
    }
}

/// A kind of metric: [`Counter`](crate::Counter), [`Gauge`](crate::Gauge),
/// [`Histogram`](crate::Histogram) or [`Percentage`](crate::Percentage).
///
/// Sealed: what a kind is made of is private.
pub trait Metric: Clone + Sealed {
    /// The handle for the thread of one [`Shard`].
    type Local;

    /// A handle that only this thread uses, and that writes where nobody else does.
    ///
    /// Costs an allocation the first time; keep what it returns.
    fn local(&self, shard: &Shard) -> Self::Local;
}

pub trait Sealed {
    type Core: Core;
    fn from_series(series: Arc<Series<Self::Core>>) -> Self;
}

/// One value of a family, with its labels.
#[derive(Debug)]
pub struct Series<C> {
    pub(crate) labels: Labels,
    pub(crate) core: C,
    /// A moment before the first thing was counted, in nanoseconds; 0 if there is no clock.
    pub(crate) created_ns: u64,
    /// The activity that was seen last, and the tick at which it was new.
    seen: Number,
    active_at: Number,
}

impl<C: Core> Series<C> {
    pub(crate) fn new(labels: Labels, spec: &C::Spec, created_ns: u64, tick: u64) -> Self {
        let active_at = Number::default();
        active_at.store(tick);
        Self { labels, core: C::new(spec), created_ns, seen: Number::default(), active_at }
    }

    /// Notes whether anything has happened since the last call.
    pub(crate) fn note_activity(&self, tick: u64) {
        let activity = self.core.activity();
        if activity != self.seen.load() {
            self.seen.store(activity);
            self.active_at.store(tick);
        }
    }

    pub(crate) fn active_at(&self) -> u64 {
        self.active_at.load()
    }
}
