//! All stats at a moment, by category, container and short name: what people read.

use std::collections::BTreeMap;

use crate::collector::CollectorKind;
use crate::descriptor::{Container, Identity, Measures, Unit, Verbosity};
use crate::histogram::distribution::Distribution;
use crate::label::{Label, Labels};
use crate::rates::{Direction, Rates, Windows};
use crate::scrape::{Scrape, SeriesView, View};
use crate::series::Core;

/// All stats at a moment, for the console and the JSON tree; made by
/// [`Registry::stats`](crate::Registry::stats).
///
/// A stat is what `category.container.short_name` says. Series of one family that differ in other
/// labels than the container are added up.
#[derive(Debug, Clone)]
pub struct Stats {
    /// In the order of category, container, short name.
    stats: BTreeMap<Key, Stat>,
}

/// Category, container and short name.
type Key = (String, String, String);

/// One stat at a moment.
#[derive(Debug, Clone)]
pub struct Stat {
    pub(crate) category: String,
    pub(crate) container: String,
    pub(crate) short_name: String,
    pub(crate) title: String,
    pub(crate) help: String,
    pub(crate) unit: Unit,
    pub(crate) verbosity: Verbosity,
    pub(crate) value: Value,
    /// If it is measured.
    pub(crate) rates: Option<Rates>,
}

/// What a stat is worth, in units.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Count(f64),
    Level(f64),
    Percentage { part: u64, whole: u64 },
    Distribution(Box<Distribution>),
}

impl Stats {
    pub(crate) fn new(scrape: &Scrape, windows: &Windows) -> Self {
        let mut stats = Self { stats: BTreeMap::new() };
        scrape.families.iter().for_each(|view| stats.add(view));
        for stat in stats.stats.values_mut().filter(|stat| stat.rates.is_some()) {
            stat.rates = Some(windows.rates(stat));
        }
        stats
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Stat> {
        self.stats.values()
    }

    fn add(&mut self, view: &View) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "people read no more digits than a float has"
        )]
        match view {
            View::Counter(view) => {
                self.add_series(view, |unit, count| Value::Count(unit.scale(count as f64)));
            }
            View::Gauge(view) => {
                self.add_series(view, |unit, level| Value::Level(unit.scale(level as f64)));
            }
            View::Histogram(view) => {
                self.add_series(view, |_, distribution| {
                    Value::Distribution(Box::new(distribution))
                });
            }
            View::Percentage(view) => {
                self.add_series(view, |_, (part, whole)| Value::Percentage { part, whole });
            }
            View::Collected { collector, samples } => {
                for (labels, value) in samples {
                    let value = match collector.kind {
                        CollectorKind::Counter => Value::Count(*value),
                        CollectorKind::Gauge | CollectorKind::Info => Value::Level(*value),
                    };
                    self.add_one(&collector.identity, &collector.labels, labels, value);
                }
            }
        }
    }

    fn add_series<C: Core>(
        &mut self,
        view: &SeriesView<C>,
        value: impl Fn(Unit, C::Total) -> Value,
    ) {
        let (identity, names) = (&view.family.identity, &view.family.labels);
        for (entry, total) in view.totals(Labels::fetch_values) {
            let value = value(identity.unit(), total);
            self.add_one(identity, names, &entry.series.labels, value);
        }
    }

    fn add_one(&mut self, identity: &Identity, names: &[Label], labels: &Labels, value: Value) {
        let container = match identity.container() {
            Container::Fixed(container) => container,
            Container::Label(label) => {
                let mut pairs = names.iter().zip(labels.values());
                pairs.find(|(name, _)| name.name == label).map_or("", |(_, value)| value)
            }
        };
        let stat = Stat {
            category: identity.category.clone(),
            container: container.to_owned(),
            short_name: identity.short_name.clone(),
            title: identity.title().to_owned(),
            help: identity.help().to_owned(),
            unit: identity.unit(),
            verbosity: identity.verbosity(),
            rates: (identity.measures() == Measures::AverageChange).then(Rates::default),
            value,
        };
        match self.stats.get_mut(&stat.key()) {
            Some(sum) => sum.value.merge(stat.value),
            None => drop(self.stats.insert(stat.key(), stat)),
        }
    }
}

impl Value {
    /// Adds the value of another series of the same stat.
    fn merge(&mut self, other: Self) {
        match (self, other) {
            (Self::Count(sum), Self::Count(value)) | (Self::Level(sum), Self::Level(value)) => {
                *sum += value;
            }
            (Self::Percentage { part, whole }, Self::Percentage { part: p, whole: w }) => {
                *part = part.wrapping_add(p);
                *whole = whole.wrapping_add(w);
            }
            (Self::Distribution(sum), Self::Distribution(value)) => sum.merge(&value),
            (mixed, _) => debug_assert!(false, "series of one stat have one kind: {mixed:?}"),
        }
    }
}

impl Stat {
    pub(crate) fn key(&self) -> Key {
        (self.category.clone(), self.container.clone(), self.short_name.clone())
    }

    /// What the rates are taken of, and what JSON calls the value: a count for histograms, percent
    /// for percentages.
    pub(crate) fn number(&self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "people read no more digits than a float has"
        )]
        match &self.value {
            Value::Count(value) | Value::Level(value) => *value,
            Value::Percentage { whole: 0, .. } => 0.0,
            Value::Percentage { part, whole } => *part as f64 / *whole as f64 * 100.0,
            Value::Distribution(distribution) => distribution.count() as f64,
        }
    }

    /// The unit as it is said.
    pub(crate) fn unit_word(&self) -> &'static str {
        match &self.value {
            Value::Percentage { .. } => "%",
            Value::Count(_) | Value::Level(_) | Value::Distribution(_) => self.unit.word(),
        }
    }

    pub(crate) fn direction(&self) -> Direction {
        match &self.value {
            Value::Count(_) | Value::Distribution(_) => Direction::OnlyUp,
            Value::Level(_) | Value::Percentage { .. } => Direction::UpAndDown,
        }
    }
}
