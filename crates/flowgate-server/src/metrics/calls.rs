//! Calls and publications, counted by the thread that handles them.
//!
//! A call is counted when it ends, and measured when its final reply has been handed to the
//! socket, which another thread may do.
//! Both know the registration by its identifier; each thread finds the handles for it in a table
//! of its own, and their names, if it has not met it, in [`Procedures`].

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
};

use flowgate_event::{CallOutcome, Called, Timestamp};
use flowgate_metrics::{Counter, LocalCounter, LocalFamily, LocalHistogram, OTHER, Tally};
use flowgate_router::AnsweredCall;
use flowgate_wire::RegistrationId;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::{Metrics, RealmIndex, families::Families, local::Local, lock, topics::Publications};

/// Names of registrations that are gone are kept for as many, for calls that they outlived.
const GONE_COUNT: usize = 4096;

/// Procedures of one realm that are found at once.
const HANDLE_COUNT: usize = 4096;

/// Identifiers are the router's own, so nobody can choose them to collide.
type Table<K, V> = HashMap<K, V, FixedState>;

/// What the procedures are called, of all realms.
#[derive(Debug, Default)]
pub(super) struct Procedures {
    names: Mutex<Names>,
    /// Changes from time to time, for threads to ask for their handles anew: a procedure whose
    /// series was folded gets one again once there is room.
    edition: AtomicU32,
}

#[derive(Debug, Default)]
struct Names {
    by_registration: Table<(RealmIndex, RegistrationId), Arc<str>>,
    /// Those that are gone, oldest first.
    gone: VecDeque<(RealmIndex, RegistrationId)>,
}

impl Procedures {
    /// A registration came to be.
    pub(super) fn add(&self, realm: RealmIndex, registration: RegistrationId, name: &str) {
        lock(&self.names).by_registration.insert((realm, registration), name.into());
    }

    /// A registration is gone.
    pub(super) fn remove(&self, realm: RealmIndex, registration: RegistrationId) {
        let mut names = lock(&self.names);
        names.gone.push_back((realm, registration));
        if names.gone.len() > GONE_COUNT
            && let Some(oldest) = names.gone.pop_front()
        {
            names.by_registration.remove(&oldest);
        }
    }

    /// Makes threads ask for their handles anew.
    pub(super) fn refresh(&self) {
        self.edition.fetch_add(1, Ordering::Relaxed);
    }

    fn name(&self, realm: RealmIndex, registration: RegistrationId) -> Arc<str> {
        let known = lock(&self.names).by_registration.get(&(realm, registration)).cloned();
        known.unwrap_or_else(|| OTHER.into())
    }
}

/// How many calls a realm has: set by whoever has its lock, and read without.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallsInFlight(Arc<AtomicUsize>);

impl CallsInFlight {
    /// What the realm's table says.
    #[inline]
    pub(crate) fn set(&self, count: usize) {
        self.0.store(count, Ordering::Relaxed);
    }

    #[expect(clippy::cast_precision_loss, reason = "there are fewer calls than 2^53")]
    pub(super) fn get(&self) -> f64 {
        self.0.load(Ordering::Relaxed) as f64
    }
}

/// Something for each of the latest registrations of a realm, [`HANDLE_COUNT`] of them at most:
/// they count up, so that those there are seldom share a slot, and the latest has it if they do.
#[derive(Debug)]
struct Slots<T>(Vec<Option<(RegistrationId, T)>>);

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Slots<T> {
    #[inline]
    fn get(&self, registration: RegistrationId) -> Option<&T> {
        match self.0.get(Self::slot(registration)) {
            Some(Some((known, found))) if *known == registration => Some(found),
            Some(_) | None => None,
        }
    }

    fn put(&mut self, registration: RegistrationId, new: T) {
        let slot = Self::slot(registration);
        if self.0.len() <= slot {
            self.0.resize_with(slot + 1, Default::default);
        }
        if let Some(place) = self.0.get_mut(slot) {
            *place = Some((registration, new));
        }
    }

    #[inline]
    fn slot(registration: RegistrationId) -> usize {
        // The remainder fits.
        usize::try_from(registration.get() % HANDLE_COUNT as u64).unwrap_or_default()
    }
}

/// How many calls of a realm's procedures have ended well: counted by whoever has its lock.
#[derive(Debug, Default)]
pub(crate) struct AnsweredCalls {
    procedures: Slots<Tally<1>>,
}

impl AnsweredCalls {
    /// A call has ended well.
    #[inline]
    pub(crate) fn count(
        &mut self,
        metrics: &Metrics,
        realm: RealmIndex,
        registration: RegistrationId,
    ) {
        match self.procedures.get(registration) {
            Some(tally) => tally.add(0, 1),
            None => self.count_first(metrics, realm, registration),
        }
    }

    #[cold]
    fn count_first(&mut self, metrics: &Metrics, realm: RealmIndex, registration: RegistrationId) {
        let families = &metrics.families;
        let tally = Tally::new();
        tally.add(0, 1);
        let procedure = families.procedures.name(realm, registration);
        families.tallies.add_answered(realm, procedure, tally.reader());
        self.procedures.put(registration, tally);
    }
}

/// One thread's handles for one realm.
#[derive(Debug)]
pub(super) struct RealmCalls {
    realm: RealmIndex,
    families: Arc<Families>,
    router: LocalHistogram,
    publications: Publications,
    fan_out: LocalHistogram,
    dispatch: LocalHistogram,
    calls: RefCell<LocalFamily<Counter, 3>>,
    errors: RefCell<LocalFamily<Counter, 3>>,
    procedures: RefCell<Slots<Rc<Procedure>>>,
    edition: Cell<u32>,
}

/// One thread's handles for one procedure.
#[derive(Debug)]
struct Procedure {
    name: Arc<str>,
    duration: LocalHistogram,
    callee: LocalHistogram,
}

impl Local {
    /// A call has ended otherwise than [well](AnsweredCalls).
    pub(crate) fn call_failed(
        &self,
        realm: RealmIndex,
        called: Called<'_>,
        outcome: CallOutcome,
        error: Option<&str>,
    ) {
        let Some(calls) = self.calls(realm) else { return };
        match called {
            Called::Registered(registration) => {
                calls.with_procedure(self, registration, |procedure| {
                    calls.failed(&procedure.name, outcome, error);
                });
            }
            Called::Router(name) => calls.failed(name, outcome, error),
            Called::Nothing => calls.failed(OTHER, outcome, error),
        }
    }

    /// The final reply of a call has been handed to the socket; `callee_ns` is how long the callee
    /// that has answered it took, if one has.
    // Apart: where it is called from, what it keeps at hand would not fit, and go over the stack.
    #[inline(never)]
    pub(crate) fn call_answered(
        &self,
        metrics: &Metrics,
        realm: RealmIndex,
        call: AnsweredCall,
        callee_ns: Option<u64>,
        written: Timestamp,
    ) {
        let Some(calls) = self.calls(realm) else { return };
        let duration_ns = written.nanos_since(call.began);
        if let Some(callee_ns) = callee_ns {
            calls.router.record(duration_ns.saturating_sub(callee_ns));
        }
        calls.with_procedure(self, call.registration, |procedure| {
            if let Some(callee_ns) = callee_ns {
                procedure.callee.record(callee_ns);
            }
            match metrics.traced.take(realm, call) {
                None => procedure.duration.record(duration_ns),
                Some(traced) => {
                    let exemplar = || traced.exemplar(written);
                    procedure.duration.record_sampled(duration_ns, written, exemplar);
                }
            }
        });
    }

    /// A publication was handed to its receivers.
    pub(crate) fn published(&self, realm: RealmIndex, topic: &str, event_count: usize) {
        let Some(calls) = self.calls(realm) else { return };
        let counts = calls.publications.of(self, realm, topic);
        counts.accepted.inc();
        counts.events.add(event_count as u64);
        calls.fan_out.record(event_count as u64);
    }

    /// A publication was refused.
    pub(crate) fn publish_refused(&self, realm: RealmIndex, topic: &str) {
        if let Some(calls) = self.calls(realm) {
            calls.publications.of(self, realm, topic).refused.inc();
        }
    }

    /// An EVENT has been handed to the socket, so many nanoseconds after what caused it.
    #[inline]
    pub(crate) fn event_written(&self, realm: RealmIndex, after_ns: u64) {
        if let Some(calls) = self.calls(realm) {
            calls.dispatch.record(after_ns);
        }
    }
}

impl RealmCalls {
    pub(super) fn new(local: &Local, realm: RealmIndex) -> Self {
        let (families, shard) = (&local.families, &local.shard);
        let name = families.realm_name(realm);
        Self {
            realm,
            router: local.handle(&families.rpc_router, [name]),
            publications: Publications::new(local, realm),
            fan_out: local.handle(&families.publish_fanout, [name]),
            dispatch: local.handle(&families.event_dispatch, [name]),
            calls: RefCell::new(families.rpc_calls.local(shard)),
            errors: RefCell::new(families.rpc_errors.local(shard)),
            procedures: RefCell::default(),
            edition: Cell::new(families.procedures.edition.load(Ordering::Relaxed)),
            families: Arc::clone(families),
        }
    }

    #[inline]
    fn with_procedure(
        &self,
        local: &Local,
        registration: RegistrationId,
        act: impl FnOnce(&Procedure),
    ) {
        let edition = self.families.procedures.edition.load(Ordering::Relaxed);
        let procedures = self.procedures.borrow();
        let known = match procedures.get(registration) {
            Some(known) if edition == self.edition.get() => known,
            Some(_) | None => {
                drop(procedures);
                &self.find_procedure(local, registration, edition)
            }
        };
        act(known);
    }

    #[cold]
    fn find_procedure(
        &self,
        local: &Local,
        registration: RegistrationId,
        edition: u32,
    ) -> Rc<Procedure> {
        let families = &self.families;
        let name = families.procedures.name(self.realm, registration);
        let realm = families.realm_name(self.realm);
        let found = Rc::new(Procedure {
            duration: local.handle(&families.rpc_duration, [realm, &name]),
            callee: local.handle(&families.rpc_callee, [realm, &name]),
            name,
        });
        let mut procedures = self.procedures.borrow_mut();
        if edition != self.edition.replace(edition) {
            *procedures = Slots::default();
        }
        procedures.put(registration, Rc::clone(&found));
        found
    }

    /// Counts what does not happen with every call.
    #[cold]
    fn failed(&self, procedure: &str, outcome: CallOutcome, error: Option<&str>) {
        let realm = self.families.realm_name(self.realm);
        let values = [realm, procedure, outcome.name()];
        self.calls.borrow_mut().with(values, LocalCounter::inc);
        if let Some(error) = error {
            self.errors.borrow_mut().with([realm, procedure, error], LocalCounter::inc);
        }
    }
}
