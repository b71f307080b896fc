//! Where metrics are registered, and what is read out of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use flowgate_event::Timestamp;

use crate::catalogue::Listed;
use crate::cell::{Number, Owners, Shard};
use crate::collector::{Collector, CollectorKind, Failure, Samples};
use crate::counter::{Counter, CounterCore};
use crate::descriptor::{Container, Descriptor, Identity, Measures, Unit};
use crate::family::{Family, FamilyCore};
use crate::gauge::{Gauge, GaugeCore};
use crate::histogram::buckets::Layout;
use crate::histogram::{Buckets, Histogram, HistogramCore};
use crate::label::Label;
use crate::name::{self, NameError};
use crate::percentage::{Percentage, PercentageCore};
use crate::rates::Windows;
use crate::scrape::{Scrape, View};
use crate::series::{Core, Metric, Sealed};
use crate::stats::Stats;

#[cfg(test)]
mod tests;

/// All metrics of a program: made where it starts, and cloned to whoever counts or reads.
///
/// Registering again what is there already, with the same descriptor, gives the same metric.
/// Registering and reading take a lock; counting takes none, see [`Counter`] and [`Shard`].
#[derive(Debug, Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

/// How a registry names and limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryConfig {
    /// What all names start with, without the underscore behind it; may be empty.
    pub prefix: String,
    /// How many sets of values of its open labels a family tells apart; 500.
    pub series_limit: usize,
    /// The time at the start, for the start timestamps of protobuf.
    pub started_at: Option<Timestamp>,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self { prefix: String::new(), series_limit: 500, started_at: None }
    }
}

/// Why something was not registered. The fault of whoever wrote the registration; nothing changes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// A name that some format does not take.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The name belongs to a metric of another kind, meaning, or with other labels.
    #[error("the metric {0:?} is registered with another descriptor, kind or labels")]
    Taken(String),
    /// Another metric stands at the same place on the console.
    #[error("the stat {category}.{container}.{short_name} is registered by the metric {by:?}")]
    StatTaken {
        /// First part of the stat's name.
        category: String,
        /// Second part, or the name of the label that it is the value of.
        container: String,
        /// Third part.
        short_name: String,
        /// The metric that has it.
        by: String,
    },
    /// The label that names the container is not one of the metric's labels.
    #[error("the container label {0:?} is not a label of the metric")]
    ContainerLabel(String),
}

#[derive(Debug)]
struct Inner {
    config: RegistryConfig,
    owners: Arc<Owners>,
    clock: Arc<Clock>,
    families: Mutex<BTreeMap<String, AnyFamily>>,
    windows: Mutex<Windows>,
    /// What to do before anything is read.
    preparations: Mutex<Vec<Preparation>>,
    overflow: Option<Family<Counter, 1>>,
    failures: Option<Family<Counter, 1>>,
}

/// See [`Registry::before_reading`].
#[derive(Clone)]
struct Preparation(Arc<dyn Fn() + Send + Sync>);

impl fmt::Debug for Preparation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Preparation").finish_non_exhaustive()
    }
}

/// The time as the registry was told it last.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    now_ns: Number,
    tick: Number,
}

impl Clock {
    /// Nanoseconds since the epoch, or 0 if nobody ever said.
    pub(crate) fn now_ns(&self) -> u64 {
        self.now_ns.load()
    }

    /// How often the time was said.
    pub(crate) fn tick(&self) -> u64 {
        self.tick.load()
    }
}

#[derive(Debug, Clone)]
pub(crate) enum AnyFamily {
    Counter(Arc<FamilyCore<CounterCore>>),
    Gauge(Arc<FamilyCore<GaugeCore>>),
    Histogram(Arc<FamilyCore<HistogramCore>>),
    Percentage(Arc<FamilyCore<PercentageCore>>),
    Collector(Arc<Collector>),
}

impl AnyFamily {
    pub(crate) fn identity(&self) -> &Identity {
        match self {
            Self::Counter(core) => &core.identity,
            Self::Gauge(core) => &core.identity,
            Self::Histogram(core) => &core.identity,
            Self::Percentage(core) => &core.identity,
            Self::Collector(core) => &core.identity,
        }
    }

    fn note_activity(&self, tick: u64) {
        match self {
            Self::Counter(core) => core.note_activity(tick),
            Self::Gauge(core) => core.note_activity(tick),
            Self::Histogram(core) => core.note_activity(tick),
            Self::Percentage(core) => core.note_activity(tick),
            Self::Collector(_) => {}
        }
    }
}

/// The kinds whose families the registry keeps.
trait Registered: Metric + Sealed {
    fn wrap(core: Arc<FamilyCore<Self::Core>>) -> AnyFamily;
    fn unwrap(family: &AnyFamily) -> Option<&Arc<FamilyCore<Self::Core>>>;
}

macro_rules! registered {
    ($($kind:ident)*) => {$(
        impl Registered for $kind {
            fn wrap(core: Arc<FamilyCore<Self::Core>>) -> AnyFamily {
                AnyFamily::$kind(core)
            }
            fn unwrap(family: &AnyFamily) -> Option<&Arc<FamilyCore<Self::Core>>> {
                if let AnyFamily::$kind(core) = family { Some(core) } else { None }
            }
        }
    )*};
}

registered!(Counter Gauge Histogram Percentage);

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// A registry without a prefix, with the usual limits.
    #[must_use]
    pub fn new() -> Self {
        Self::build(RegistryConfig::default())
    }

    /// A registry whose metrics all start with this prefix and an underscore.
    ///
    /// # Errors
    ///
    /// [`NameError::Metric`], if no name can start with the prefix.
    pub fn with_prefix(prefix: impl Into<String>) -> Result<Self, NameError> {
        Self::with_config(RegistryConfig { prefix: prefix.into(), ..RegistryConfig::default() })
    }

    /// A registry with settings.
    ///
    /// # Errors
    ///
    /// [`NameError::Metric`], if no name can start with the prefix.
    pub fn with_config(config: RegistryConfig) -> Result<Self, NameError> {
        if !config.prefix.is_empty() {
            name::check_metric(&config.prefix)?;
        }
        Ok(Self::build(config))
    }

    /// The prefix has been checked.
    fn build(config: RegistryConfig) -> Self {
        let clock = Arc::new(Clock::default());
        clock.now_ns.store(config.started_at.map_or(0, Timestamp::as_nanos));
        let mut inner = Inner {
            config,
            clock,
            owners: Arc::default(),
            families: Mutex::default(),
            windows: Mutex::default(),
            preparations: Mutex::default(),
            overflow: None,
            failures: None,
        };
        let own = [Label::closed("family")];
        inner.overflow = inner.register::<Counter, 1>(overflow_descriptor(), own, ()).ok();
        inner.failures = inner.register::<Counter, 1>(failures_descriptor(), own, ()).ok();
        Self { inner: Arc::new(inner) }
    }

    /// A counter without labels.
    ///
    /// # Errors
    ///
    /// [`RegisterError`], as for all registrations.
    pub fn counter(&self, descriptor: Descriptor) -> Result<Counter, RegisterError> {
        Ok(self.counters(descriptor, [] as [Label; 0])?.only())
    }

    /// Counters that are told apart by labels.
    ///
    /// # Errors
    ///
    /// [`RegisterError`], as for all registrations.
    pub fn counters<const N: usize>(
        &self,
        descriptor: Descriptor,
        labels: [impl Into<Label>; N],
    ) -> Result<Family<Counter, N>, RegisterError> {
        self.inner.register(descriptor, labels.map(Into::into), ())
    }

    /// A gauge without labels.
    ///
    /// # Errors
    ///
    /// [`RegisterError`], as for all registrations.
    pub fn gauge(&self, descriptor: Descriptor) -> Result<Gauge, RegisterError> {
        Ok(self.gauges(descriptor, [] as [Label; 0])?.only())
    }

    /// Gauges that are told apart by labels.
    ///
    /// # Errors
    ///
    /// [`RegisterError`], as for all registrations.
    pub fn gauges<const N: usize>(
        &self,
        descriptor: Descriptor,
        labels: [impl Into<Label>; N],
    ) -> Result<Family<Gauge, N>, RegisterError> {
        self.inner.register(descriptor, labels.map(Into::into), ())
    }

    /// A histogram without labels.
    ///
    /// # Errors
    ///
    /// [`RegisterError`], as for all registrations.
    pub fn histogram(
        &self,
        descriptor: Descriptor,
        buckets: Buckets,
    ) -> Result<Histogram, RegisterError> {
        Ok(self.histograms(descriptor, [] as [Label; 0], buckets)?.only())
    }

    /// Histograms that are told apart by labels.
    ///
    /// # Errors
    ///
    /// [`RegisterError`], as for all registrations.
    pub fn histograms<const N: usize>(
        &self,
        descriptor: Descriptor,
        labels: [impl Into<Label>; N],
        buckets: Buckets,
    ) -> Result<Family<Histogram, N>, RegisterError> {
        let layout = Layout::new(buckets, descriptor.recorded_unit());
        self.inner.register(descriptor, labels.map(Into::into), layout)
    }

    /// A share of all cases without labels; its unit is [`Unit::Ratio`], whatever was said.
    ///
    /// # Errors
    ///
    /// [`RegisterError`], as for all registrations.
    pub fn percentage(&self, descriptor: Descriptor) -> Result<Percentage, RegisterError> {
        Ok(self.percentages(descriptor, [] as [Label; 0])?.only())
    }

    /// Shares of all cases that are told apart by labels.
    ///
    /// # Errors
    ///
    /// [`RegisterError`], as for all registrations.
    pub fn percentages<const N: usize>(
        &self,
        descriptor: Descriptor,
        labels: [impl Into<Label>; N],
    ) -> Result<Family<Percentage, N>, RegisterError> {
        self.inner.register(descriptor.unit(Unit::Ratio), labels.map(Into::into), ())
    }

    /// A value that is asked for when somebody looks; in the unit of the descriptor, so seconds for
    /// [`Unit::Seconds`].
    ///
    /// What fails or panics is absent from what is shown, never zero, and counted in
    /// `collector_errors_total`.
    /// It runs on the thread that reads the metrics, and must not wait.
    /// The stat goes when the returned guard does.
    ///
    /// # Errors
    ///
    /// [`RegisterError`], as for all registrations; a name that is there already is taken.
    pub fn pull(
        &self,
        descriptor: Descriptor,
        kind: CollectorKind,
        pull: impl Fn() -> Result<f64, Failure> + Send + Sync + 'static,
    ) -> Result<Registration, RegisterError> {
        self.collect(descriptor, kind, [] as [Label; 0], move |samples: &mut Samples<0>| {
            samples.push([], pull()?);
            Ok(())
        })
    }

    /// Like [`pull`](Self::pull), for values that are told apart by labels.
    ///
    /// # Errors
    ///
    /// [`RegisterError`], as for all registrations; a name that is there already is taken.
    pub fn collect<const N: usize>(
        &self,
        descriptor: Descriptor,
        kind: CollectorKind,
        labels: [impl Into<Label>; N],
        collect: impl Fn(&mut Samples<N>) -> Result<(), Failure> + Send + Sync + 'static,
    ) -> Result<Registration, RegisterError> {
        let labels = labels.map(Into::into);
        let identity = self.inner.identify(descriptor, &labels)?;
        let name = identity.family.clone();
        let collector = Arc::new(Collector::new(identity, labels, kind, collect));
        let mut families = self.inner.families();
        self.inner.check_free(&families, &collector.identity)?;
        if families.contains_key(&name) {
            return Err(RegisterError::Taken(name));
        }
        families.insert(name.clone(), AnyFamily::Collector(collector));
        Ok(Registration { name, registry: Arc::downgrade(&self.inner) })
    }

    /// Facts about the program, such as its version, as the labels of a metric that ends in `_info`
    /// and is always 1.
    ///
    /// # Errors
    ///
    /// [`RegisterError`], as for all registrations; a name that is there already is taken.
    pub fn info<const N: usize>(
        &self,
        descriptor: Descriptor,
        facts: [(&'static str, String); N],
    ) -> Result<Registration, RegisterError> {
        let labels = facts.each_ref().map(|(name, _)| Label::closed(name));
        let values = facts.map(|(_, value)| value);
        self.collect(descriptor, CollectorKind::Info, labels, move |samples| {
            samples.push(values.each_ref().map(String::as_str), 1.0);
            Ok(())
        })
    }

    /// A share of every metric for the calling thread, which nobody else writes.
    #[must_use]
    pub fn shard(&self) -> Shard {
        Shard::new(&self.inner.owners)
    }

    /// Lets `prepare` run before anything is read, as long as the registry is there: to bring home
    /// what is counted elsewhere, as by a [`Tally`](crate::Tally).
    ///
    /// It runs on the thread that reads, several at once if there are several, and must neither
    /// wait nor read the registry itself.
    /// What a metric's own `value` says is not prepared for.
    pub fn before_reading(&self, prepare: impl Fn() + Send + Sync + 'static) {
        self.inner.preparations().push(Preparation(Arc::new(prepare)));
    }

    /// Says what time it is: to be called every 2.5 s.
    ///
    /// Takes a sample of everything that is [`measured`](Descriptor::measured), and notes which
    /// series are in use.
    /// Rates are right at any pace, since the true time between two samples counts; a rate on
    /// average covers the last 24 of them.
    pub fn sample(&self, now: Timestamp) {
        let inner = &*self.inner;
        // Before the time is said: a series that is new by it was made at the tick before.
        inner.prepare();
        inner.clock.now_ns.store(now.as_nanos());
        inner.clock.tick.add_shared(1);
        let tick = inner.clock.tick();
        let families: Vec<AnyFamily> = inner.families().values().cloned().collect();
        families.iter().for_each(|family| family.note_activity(tick));
        let is_measured =
            |family: &AnyFamily| family.identity().measures() == Measures::AverageChange;
        let measured = families.into_iter().filter(is_measured);
        let scrape = Scrape::new(measured.map(|family| inner.read(family)).collect());
        inner.windows().sample(now, &Stats::new(&scrape, &Windows::default()));
    }

    /// Everything as it is now, for the encoders of scrapes.
    ///
    /// Runs the pulls; the rest is read while it is encoded.
    #[must_use]
    pub fn scrape(&self) -> Scrape {
        self.inner.prepare();
        let families: Vec<AnyFamily> = self.inner.families().values().cloned().collect();
        Scrape::new(families.into_iter().map(|family| self.inner.read(family)).collect())
    }

    /// Every family that is registered, by name, whether or not it has anything to show.
    #[must_use]
    pub fn catalogue(&self) -> Vec<Listed> {
        self.inner.families().values().map(Listed::new).collect()
    }

    /// Everything as it is now, by category, container and short name, with rates.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let scrape = self.scrape();
        Stats::new(&scrape, &self.inner.windows())
    }
}

impl Inner {
    fn families(&self) -> MutexGuard<'_, BTreeMap<String, AnyFamily>> {
        self.families.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn windows(&self) -> MutexGuard<'_, Windows> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn preparations(&self) -> MutexGuard<'_, Vec<Preparation>> {
        self.preparations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn prepare(&self) {
        let preparations = self.preparations().clone();
        preparations.iter().for_each(|Preparation(prepare)| prepare());
    }

    fn identify(
        &self,
        descriptor: Descriptor,
        labels: &[Label],
    ) -> Result<Identity, RegisterError> {
        let names: Vec<&str> = labels.iter().map(|label| label.name).collect();
        name::check_labels(&names)?;
        let identity = Identity::new(&self.config.prefix, descriptor)?;
        match identity.container() {
            Container::Label(label) if !names.contains(&&**label) => {
                Err(RegisterError::ContainerLabel(label.to_string()))
            }
            Container::Label(_) | Container::Fixed(_) => Ok(identity),
        }
    }

    /// Whether no other metric has the same place on the console.
    fn check_free(
        &self,
        families: &BTreeMap<String, AnyFamily>,
        wanted: &Identity,
    ) -> Result<(), RegisterError> {
        let clashes = |other: &&Identity| {
            other.family != wanted.family
                && other.category == wanted.category
                && other.short_name == wanted.short_name
                && other.container() == wanted.container()
        };
        let Some(other) = families.values().map(AnyFamily::identity).find(clashes) else {
            return Ok(());
        };
        let (Container::Fixed(container) | Container::Label(container)) = wanted.container();
        Err(RegisterError::StatTaken {
            category: wanted.category.clone(),
            container: container.to_string(),
            short_name: wanted.short_name.clone(),
            by: other.family.clone(),
        })
    }

    fn register<M: Registered, const N: usize>(
        &self,
        descriptor: Descriptor,
        labels: [Label; N],
        spec: <M::Core as Core>::Spec,
    ) -> Result<Family<M, N>, RegisterError> {
        let identity = self.identify(descriptor, &labels)?;
        let name = identity.family.clone();
        let mut families = self.families();
        if let Some(family) = families.get(&name) {
            let same = M::unwrap(family).filter(|core| {
                core.identity == identity && *core.labels == labels && core.spec == spec
            });
            let core = same.ok_or(RegisterError::Taken(name))?;
            return Ok(Family::new(Arc::clone(core)));
        }
        self.check_free(&families, &identity)?;
        let is_open = labels.iter().any(|label| label.is_open);
        let overflow =
            self.overflow.as_ref().filter(|_| is_open).map(|family| family.with([&name]));
        let (limit, clock) = (self.config.series_limit, Arc::clone(&self.clock));
        let core = Arc::new(FamilyCore::new(identity, &labels, spec, limit, clock, overflow));
        families.insert(name, M::wrap(Arc::clone(&core)));
        Ok(Family::new(core))
    }

    fn read(&self, family: AnyFamily) -> View {
        match family {
            AnyFamily::Counter(core) => View::Counter(core.into()),
            AnyFamily::Gauge(core) => View::Gauge(core.into()),
            AnyFamily::Histogram(core) => View::Histogram(core.into()),
            AnyFamily::Percentage(core) => View::Percentage(core.into()),
            AnyFamily::Collector(collector) => {
                let samples = collector.run().unwrap_or_else(|_| {
                    if let Some(failures) = &self.failures {
                        failures.with([&collector.identity.family]).inc();
                    }
                    Vec::new()
                });
                View::Collected { collector, samples }
            }
        }
    }
}

/// A stat that goes when this does; see [`Registry::pull`].
#[derive(Debug)]
#[must_use = "the stat goes as soon as this is dropped; call keep() to let it stay"]
pub struct Registration {
    name: String,
    registry: Weak<Inner>,
}

impl Registration {
    /// Lets the stat stay as long as the registry does.
    pub fn keep(mut self) {
        self.registry = Weak::new();
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(registry) = self.registry.upgrade() {
            registry.families().remove(&self.name);
        }
    }
}

fn overflow_descriptor() -> Descriptor {
    let help = "Label sets that were counted under _other because their family was full.";
    Descriptor::new("metrics_label_overflow", help)
        .unit(Unit::Counted("folds"))
        .stat("metrics", "LabelOverflow")
        .container_label("family")
}

fn failures_descriptor() -> Descriptor {
    let help = "Stats that were missing from a scrape because asking for them failed.";
    Descriptor::new("collector_errors", help)
        .unit(Unit::Counted("errors"))
        .stat("metrics", "CollectorErrors")
        .container_label("family")
}
