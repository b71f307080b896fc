//! All metrics at a moment, as the encoders see them.

use std::sync::Arc;

use crate::collector::Collector;
use crate::counter::CounterCore;
use crate::descriptor::Identity;
use crate::family::{Entry, FamilyCore};
use crate::gauge::GaugeCore;
use crate::histogram::HistogramCore;
use crate::label::{Label, Labels};
use crate::percentage::PercentageCore;
use crate::series::Core;

#[cfg(test)]
mod tests;

/// All metrics at a moment; made by [`Registry::scrape`](crate::Registry::scrape), read by the
/// encoders in [`encode`](crate::encode).
///
/// It holds which series there are. What they are worth is read while they are encoded, so that
/// counting goes on, and no memory is needed for the numbers.
#[derive(Debug, Clone)]
pub struct Scrape {
    pub(crate) families: Vec<View>,
}

/// Which part of a scrape is wanted: everything, unless something is set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Families whose names start with one of these.
    pub families: Vec<String>,
    /// Series with all of these labels.
    pub labels: Vec<(String, String)>,
    /// No more than this many series of each family: those with the highest values.
    pub top: Option<usize>,
}

/// How many series are read at once.
const BLOCK_LENGTH: usize = 64;

#[derive(Debug, Clone)]
pub(crate) enum View {
    Counter(SeriesView<CounterCore>),
    Gauge(SeriesView<GaugeCore>),
    Histogram(SeriesView<HistogramCore>),
    Percentage(SeriesView<PercentageCore>),
    Collected { collector: Arc<Collector>, samples: Vec<(Labels, f64)> },
}

/// The series of a family as they were when somebody looked.
#[derive(Debug)]
pub(crate) struct SeriesView<C: Core> {
    pub(crate) family: Arc<FamilyCore<C>>,
    pub(crate) entries: Arc<Vec<Entry<C>>>,
}

impl<C: Core> Clone for SeriesView<C> {
    fn clone(&self) -> Self {
        Self { family: Arc::clone(&self.family), entries: Arc::clone(&self.entries) }
    }
}

impl<C: Core> From<Arc<FamilyCore<C>>> for SeriesView<C> {
    fn from(family: Arc<FamilyCore<C>>) -> Self {
        let entries = family.view();
        Self { family, entries }
    }
}

impl<C: Core> SeriesView<C> {
    /// What each series is worth, with the entry itself.
    ///
    /// Reads a block of them, and has `fetch` touch what will be needed of their labels, before the
    /// first is used: with nothing between two reads, a processor waits for the memory of many
    /// series at once, which is most of what a long page costs.
    pub(crate) fn totals(&self, fetch: fn(&Labels)) -> impl Iterator<Item = (&Entry<C>, C::Total)> {
        self.entries.chunks(BLOCK_LENGTH).flat_map(move |block| {
            let read = |entry: &Entry<C>| {
                let mut total = C::zero(&self.family.spec);
                entry.read(&mut total);
                fetch(&entry.series.labels);
                total
            };
            let totals: Vec<C::Total> = block.iter().map(read).collect();
            block.iter().zip(totals)
        })
    }

    fn retain(&mut self, filter: &Filter) {
        let is_wanted = |entry: &&Entry<C>| filter.wants(&self.family.labels, &entry.series.labels);
        let mut entries: Vec<_> = self.entries.iter().filter(is_wanted).cloned().collect();
        if let Some(top) = filter.top {
            // The activity is the count, or the gauge's value.
            entries
                .sort_by_key(|entry| std::cmp::Reverse(entry.series.core.activity().cast_signed()));
            entries.truncate(top);
        }
        self.entries = Arc::new(entries);
    }
}

impl Filter {
    fn wants_family(&self, identity: &Identity) -> bool {
        self.families.is_empty()
            || self.families.iter().any(|prefix| identity.family.starts_with(prefix.as_str()))
    }

    fn wants(&self, names: &[Label], labels: &Labels) -> bool {
        self.labels.iter().all(|(name, wanted)| {
            let mut pairs = names.iter().zip(labels.values());
            pairs.any(|(label, value)| label.name == name && value == wanted)
        })
    }
}

impl Scrape {
    pub(crate) fn new(families: Vec<View>) -> Self {
        Self { families }
    }

    /// Only the part that is wanted.
    #[must_use]
    pub fn filtered(mut self, filter: &Filter) -> Self {
        self.families.retain(|view| filter.wants_family(view.identity()));
        self.families.iter_mut().for_each(|view| view.retain(filter));
        self
    }

    /// How many series each family has, by its name.
    ///
    /// One for each set of labels: a histogram counts once.
    pub fn series_counts(&self) -> impl Iterator<Item = (&str, usize)> {
        self.families.iter().map(|view| (view.identity().family.as_str(), view.series_count()))
    }

    /// The families that have something to show.
    pub(crate) fn present(&self) -> impl Iterator<Item = &View> {
        self.families.iter().filter(|view| view.series_count() > 0)
    }
}

impl View {
    pub(crate) fn identity(&self) -> &Identity {
        match self {
            Self::Counter(view) => &view.family.identity,
            Self::Gauge(view) => &view.family.identity,
            Self::Histogram(view) => &view.family.identity,
            Self::Percentage(view) => &view.family.identity,
            Self::Collected { collector, .. } => &collector.identity,
        }
    }

    fn series_count(&self) -> usize {
        match self {
            Self::Counter(view) => view.entries.len(),
            Self::Gauge(view) => view.entries.len(),
            Self::Histogram(view) => view.entries.len(),
            Self::Percentage(view) => view.entries.len(),
            Self::Collected { samples, .. } => samples.len(),
        }
    }

    fn retain(&mut self, filter: &Filter) {
        match self {
            Self::Counter(view) => view.retain(filter),
            Self::Gauge(view) => view.retain(filter),
            Self::Histogram(view) => view.retain(filter),
            Self::Percentage(view) => view.retain(filter),
            Self::Collected { collector, samples } => {
                samples.retain(|(labels, _)| filter.wants(&collector.labels, labels));
                if let Some(top) = filter.top {
                    samples.sort_by(|(_, one), (_, other)| other.total_cmp(one));
                    samples.truncate(top);
                }
            }
        }
    }
}
