//! The series of one name, told apart by labels.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::{HashMap, HashTable};

use crate::cell::Shard;
use crate::counter::Counter;
use crate::descriptor::Identity;
use crate::label::{self, Label, Labels, OTHER};
use crate::registry::Clock;
use crate::series::{Core, Metric, Sealed, Series};

#[cfg(test)]
mod tests;

/// How many ticks of [`Registry::sample`](crate::Registry::sample) a series must not have changed
/// before it may be folded: a minute at the usual pace.
pub(crate) const IDLE_TICKS: u64 = 24;

/// All metrics of one name, one for each set of label values.
///
/// A family tells a limited number of values of its open labels apart
/// ([`RegistryConfig::series_limit`](crate::RegistryConfig::series_limit)).
/// When it is full, the series that has not changed for longest, a minute at least and not a gauge
/// that stands above zero, is folded into [`OTHER`]: what it has counted, and what its handles
/// count from now on, is shown there.
/// If there is none, the newcomer is counted under [`OTHER`] from the start.
/// Either way the sum over the family is exact, and nothing counted is lost.
#[derive(Debug)]
pub struct Family<M: Metric, const N: usize> {
    core: Arc<FamilyCore<M::Core>>,
    _metric: PhantomData<fn() -> M>,
}

impl<M: Metric, const N: usize> Clone for Family<M, N> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.core))
    }
}

impl<M: Metric, const N: usize> Family<M, N> {
    pub(crate) fn new(core: Arc<FamilyCore<M::Core>>) -> Self {
        Self { core, _metric: PhantomData }
    }

    /// The metric with these label values, in the order of the family's labels; made if it is new.
    ///
    /// Takes the family's lock, which a scrape holds only while it copies a pointer.
    /// Keep what it returns, or use a [`LocalFamily`], where this would happen for every message.
    #[must_use]
    pub fn with(&self, values: [&str; N]) -> M {
        M::from_series(self.core.find(&values, Stay::ForGood).series)
    }

    /// Like [`with`](Self::with), for as long as the guard lives: with the last guard for the same
    /// values the series goes, and what it has counted with it.
    ///
    /// For metrics of something that comes and goes by name, like a realm.
    /// A series that [`with`](Self::with) was asked for too stays.
    #[must_use = "the series goes as soon as the guard is dropped"]
    pub fn scoped(&self, values: [&str; N]) -> Scoped<M> {
        let series = self.core.find(&values, Stay::WhileOwned).series;
        let metric = M::from_series(Arc::clone(&series));
        Scoped { metric, series, family: Arc::clone(&self.core) }
    }

    /// The handles of one thread, found by label values without a lock.
    #[must_use]
    pub fn local(&self, shard: &Shard) -> LocalFamily<M, N> {
        LocalFamily {
            family: self.clone(),
            shard: shard.clone(),
            handles: HashMap::default(),
            epoch: self.core.epoch.load(Ordering::Acquire),
        }
    }
}

/// A [`Family`] in the hands of one thread: handles by label values, without a lock.
#[derive(Debug)]
pub struct LocalFamily<M: Metric, const N: usize> {
    family: Family<M, N>,
    shard: Shard,
    handles: HashMap<[Box<str>; N], M::Local, foldhash::fast::FixedState>,
    /// The family's epoch at which the handles were right.
    epoch: u64,
}

/// Label values to look for among those that are owned.
#[derive(Hash)]
struct Wanted<'a, const N: usize>([&'a str; N]);

impl<const N: usize> hashbrown::Equivalent<[Box<str>; N]> for Wanted<'_, N> {
    fn equivalent(&self, key: &[Box<str>; N]) -> bool {
        key.iter().map(|value| &**value).eq(self.0)
    }
}

impl<M: Metric, const N: usize> LocalFamily<M, N> {
    /// Does something with the metric of these label values.
    ///
    /// Costs a hash of the values; takes the family's lock only for values that this thread has
    /// not seen since a series was last folded or removed, and for values counted under [`OTHER`].
    #[inline]
    pub fn with<R>(&mut self, values: [&str; N], act: impl FnOnce(&M::Local) -> R) -> R {
        let epoch = self.family.core.epoch.load(Ordering::Acquire);
        if self.epoch != epoch {
            self.handles.clear();
            self.epoch = epoch;
        }
        match self.handles.get(&Wanted(values)) {
            Some(handle) => act(handle),
            None => self.with_new(values, act),
        }
    }

    #[cold]
    fn with_new<R>(&mut self, values: [&str; N], act: impl FnOnce(&M::Local) -> R) -> R {
        let found = self.family.core.find(&values, Stay::ForGood);
        let handle = M::from_series(found.series).local(&self.shard);
        let result = act(&handle);
        // What was folded is not kept: values from outside must not fill the memory of a thread.
        if found.is_exact {
            self.handles.insert(values.map(Box::from), handle);
        }
        result
    }
}

/// A metric whose series goes when the last guard for it goes; see [`Family::scoped`].
#[derive(Debug)]
pub struct Scoped<M: Metric> {
    metric: M,
    series: Arc<Series<M::Core>>,
    family: Arc<FamilyCore<M::Core>>,
}

impl<M: Metric> Deref for Scoped<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.metric
    }
}

impl<M: Metric> Drop for Scoped<M> {
    fn drop(&mut self) {
        self.family.disown(&self.series);
    }
}

/// How long a series that is asked for has to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stay {
    ForGood,
    WhileOwned,
}

/// What was found for label values.
struct Found<C> {
    series: Arc<Series<C>>,
    /// Whether the series has these values, not [`OTHER`] in place of some.
    is_exact: bool,
}

/// A family behind its handles.
#[derive(Debug)]
pub(crate) struct FamilyCore<C: Core> {
    pub(crate) identity: Identity,
    pub(crate) labels: Box<[Label]>,
    pub(crate) spec: C::Spec,
    limit: usize,
    clock: Arc<Clock>,
    /// How often values were counted under [`OTHER`] for want of room.
    overflow: Option<Counter>,
    /// Changes when handles by label values are no longer right.
    epoch: AtomicU64,
    state: Mutex<State<C>>,
}

#[derive(Debug)]
struct State<C: Core> {
    /// Copied on a write that happens while a scrape still reads it, so that neither waits.
    view: Arc<Vec<Entry<C>>>,
    /// Places in the view by label values.
    index: HashTable<usize>,
    /// How many series have values of their own.
    open_count: usize,
    /// Series that may be folded, the longest unused first, as of a tick.
    idle: VecDeque<Arc<Series<C>>>,
    idle_at: Option<u64>,
}

/// A series as it is shown.
#[derive(Debug)]
pub(crate) struct Entry<C: Core> {
    pub(crate) series: Arc<Series<C>>,
    /// Present in what is shown as [`OTHER`].
    folded: Option<Box<Folded<C>>>,
    owner_count: usize,
    stays: bool,
}

/// Series that are shown as a part of another.
#[derive(Debug)]
struct Folded<C: Core> {
    /// Those that somebody may still write to.
    live: Vec<Arc<Series<C>>>,
    /// The sum of the others.
    absorbed: C::Total,
}

// Derived, these would ask for `C: Clone`, which nothing here clones.
impl<C: Core> Clone for Entry<C> {
    fn clone(&self) -> Self {
        let Self { series, folded, owner_count, stays } = self;
        let series = Arc::clone(series);
        Self { series, folded: folded.clone(), owner_count: *owner_count, stays: *stays }
    }
}

impl<C: Core> Clone for Folded<C> {
    fn clone(&self) -> Self {
        Self { live: self.live.clone(), absorbed: self.absorbed.clone() }
    }
}

impl<C: Core> Entry<C> {
    /// Adds what this series is worth, with all that was folded into it.
    pub(crate) fn read(&self, total: &mut C::Total) {
        self.series.core.read(total);
        if let Some(folded) = &self.folded {
            C::merge(total, &folded.absorbed);
            folded.live.iter().for_each(|series| series.core.read(total));
        }
    }
}

impl<C: Core> FamilyCore<C> {
    pub(crate) fn new(
        identity: Identity,
        labels: &[Label],
        spec: C::Spec,
        limit: usize,
        clock: Arc<Clock>,
        overflow: Option<Counter>,
    ) -> Self {
        let state = State {
            view: Arc::new(Vec::new()),
            index: HashTable::new(),
            open_count: 0,
            idle: VecDeque::new(),
            idle_at: None,
        };
        let epoch = AtomicU64::new(0);
        let labels = labels.into();
        Self { identity, labels, spec, limit, clock, overflow, epoch, state: Mutex::new(state) }
    }

    /// The series as they are now; what they are worth is read later, without a lock.
    pub(crate) fn view(&self) -> Arc<Vec<Entry<C>>> {
        Arc::clone(&self.state().view)
    }

    /// Notes which series are in use.
    pub(crate) fn note_activity(&self, tick: u64) {
        self.view().iter().for_each(|entry| entry.series.note_activity(tick));
    }

    fn state(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_open(&self) -> bool {
        self.labels.iter().any(|label| label.is_open)
    }

    fn find(&self, values: &[&str], stay: Stay) -> Found<C> {
        let mut state = self.state();
        if let Some(series) = state.claim(values, stay) {
            let is_exact = !self.is_folding(values);
            return Found { series, is_exact };
        }
        let is_exact = !self.is_folding(values) && (!self.is_open() || self.make_room(&mut state));
        if is_exact {
            let series = self.insert(&mut state, values, stay);
            return Found { series, is_exact };
        }
        if let Some(overflow) = &self.overflow {
            overflow.inc();
        }
        Found { series: self.other(&mut state, values), is_exact }
    }

    /// Whether these are values of the series that others are folded into.
    fn is_folding(&self, values: &[&str]) -> bool {
        self.labels.iter().zip(values).any(|(label, value)| label.is_open && *value == OTHER)
    }

    /// The series that stands for all open values beside these closed ones.
    fn other(&self, state: &mut State<C>, values: &[&str]) -> Arc<Series<C>> {
        let pairs = self.labels.iter().zip(values);
        let values: Vec<&str> =
            pairs.map(|(label, value)| if label.is_open { OTHER } else { value }).collect();
        match state.claim(&values, Stay::ForGood) {
            Some(series) => series,
            None => self.insert(state, &values, Stay::ForGood),
        }
    }

    fn insert(&self, state: &mut State<C>, values: &[&str], stay: Stay) -> Arc<Series<C>> {
        let folding = self.is_folding(values);
        let labels = Labels::new(&self.labels, values);
        let hash = labels.hash;
        let series = Series::new(labels, &self.spec, self.clock.now_ns(), self.clock.tick());
        let series = Arc::new(series);
        let zero = || Folded { live: Vec::new(), absorbed: C::zero(&self.spec) };
        let entry = Entry {
            series: Arc::clone(&series),
            folded: folding.then(|| Box::new(zero())),
            owner_count: usize::from(stay == Stay::WhileOwned),
            stays: stay == Stay::ForGood,
        };
        let view = Arc::make_mut(&mut state.view);
        view.push(entry);
        let at = |index: &usize| view.get(*index).map_or(0, |entry| entry.series.labels.hash);
        state.index.insert_unique(hash, view.len() - 1, at);
        state.open_count += usize::from(self.is_open() && !folding);
        series
    }

    /// Folds a series that nobody uses, if there is no room; says whether there is room now.
    fn make_room(&self, state: &mut State<C>) -> bool {
        if state.open_count < self.limit {
            return true;
        }
        let tick = self.clock.tick();
        if state.idle_at != Some(tick) {
            state.find_idle(tick);
        }
        while let Some(series) = state.idle.pop_front() {
            if series.core.is_held() || !state.contains(&series) {
                continue;
            }
            if let Some(overflow) = &self.overflow {
                overflow.inc();
            }
            self.fold(state, &series);
            return true;
        }
        false
    }

    /// Makes a series a part of the one that stands for others.
    fn fold(&self, state: &mut State<C>, series: &Arc<Series<C>>) {
        state.remove(series);
        let values: Vec<&str> = series.labels.values().collect();
        let other = self.other(state, &values);
        let view = Arc::make_mut(&mut state.view);
        let entry = view.iter_mut().find(|entry| Arc::ptr_eq(&entry.series, &other));
        if let Some(folded) = entry.and_then(|entry| entry.folded.as_mut()) {
            folded.absorb();
            folded.live.push(Arc::clone(series));
        }
        self.epoch.fetch_add(1, Ordering::Release);
    }

    /// Lets go of a series that was asked for with [`Stay::WhileOwned`].
    fn disown(&self, series: &Arc<Series<C>>) {
        let mut state = self.state();
        let Some(index) = state.position(series) else { return };
        let Some(entry) = Arc::make_mut(&mut state.view).get_mut(index) else { return };
        entry.owner_count = entry.owner_count.saturating_sub(1);
        if entry.owner_count == 0 && !entry.stays {
            state.remove(series);
            self.epoch.fetch_add(1, Ordering::Release);
        }
    }
}

impl<C: Core> Folded<C> {
    /// Adds up the series that nobody can write to any more.
    fn absorb(&mut self) {
        let Self { live, absorbed } = self;
        live.retain_mut(|series| {
            // Without another handle there is no writer, and none can come.
            let is_final = Arc::get_mut(series).is_some();
            if is_final {
                series.core.read(absorbed);
            }
            !is_final
        });
    }
}

impl<C: Core> State<C> {
    /// The series with these values, which from now on stays as long as asked.
    fn claim(&mut self, values: &[&str], stay: Stay) -> Option<Arc<Series<C>>> {
        let view = &self.view;
        let is_it =
            |index: &usize| view.get(*index).is_some_and(|e| e.series.labels.matches(values));
        let index = *self.index.find(label::hash(values), is_it)?;
        let entry = view.get(index)?;
        let changes = match stay {
            Stay::ForGood => !entry.stays,
            Stay::WhileOwned => true,
        };
        let series = Arc::clone(&entry.series);
        if changes && let Some(entry) = Arc::make_mut(&mut self.view).get_mut(index) {
            match stay {
                Stay::ForGood => entry.stays = true,
                Stay::WhileOwned => entry.owner_count += 1,
            }
        }
        Some(series)
    }

    fn position(&self, series: &Arc<Series<C>>) -> Option<usize> {
        let is_it =
            |index: &usize| self.view.get(*index).is_some_and(|e| Arc::ptr_eq(&e.series, series));
        self.index.find(series.labels.hash, is_it).copied()
    }

    fn contains(&self, series: &Arc<Series<C>>) -> bool {
        self.position(series).is_some()
    }

    /// Takes a series out of view and index; the last one takes its place.
    fn remove(&mut self, series: &Arc<Series<C>>) {
        let Some(index) = self.position(series) else { return };
        let view = Arc::make_mut(&mut self.view);
        let removed = view.swap_remove(index);
        self.open_count -= usize::from(removed.folded.is_none() && self.open_count > 0);
        if let Ok(place) = self.index.find_entry(series.labels.hash, |at| *at == index) {
            place.remove();
        }
        let (moved_from, moved) = (view.len(), view.get(index));
        if let Some(moved) = moved
            && let Some(place) =
                self.index.find_mut(moved.series.labels.hash, |at| *at == moved_from)
        {
            *place = index;
        }
    }

    /// Lists the series that have not been used for a while.
    #[cold]
    fn find_idle(&mut self, tick: u64) {
        let is_idle = |entry: &&Entry<C>| {
            let age = tick.saturating_sub(entry.series.active_at());
            age >= IDLE_TICKS && entry.folded.is_none() && entry.owner_count == 0
        };
        let mut idle: Vec<_> =
            self.view.iter().filter(is_idle).map(|entry| Arc::clone(&entry.series)).collect();
        idle.sort_by_key(|series| series.active_at());
        self.idle = idle.into();
        self.idle_at = Some(tick);
    }
}

impl<M: Metric> Family<M, 0> {
    /// The only metric of a family without labels.
    pub(crate) fn only(&self) -> M {
        <M as Sealed>::from_series(self.core.find(&[], Stay::ForGood).series)
    }
}
