//! The handles of one thread: what is counted for every message.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use flowgate_event::GateAction;
use flowgate_metrics::{Counter, Family, LocalCounter, LocalFamily, Metric, Shard, Tally};
use flowgate_wire::MessageType;

use super::{
    ListenerIndex, Metrics, RealmIndex,
    calls::RealmCalls,
    families::Families,
    lane::{Lane, LaneTally},
};

thread_local! {
    /// Of each router in this process that has used this thread.
    static LOCALS: RefCell<Vec<Rc<Local>>> = const { RefCell::new(Vec::new()) };
}

/// Whether what happens for every message is counted and timed.
///
/// `cargo xtask bench` builds a router in which it is not, to say what it costs.
pub(crate) const COUNTS: bool = !cfg!(feature = "uncounted");

/// Which way something goes, seen from the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From a client.
    Received,
    /// To a client.
    Sent,
}

impl Direction {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Sent => "sent",
        }
    }

    /// Where something is tallied that is counted for both.
    #[inline]
    pub(super) const fn place(self) -> usize {
        match self {
            Self::Received => 0,
            Self::Sent => 1,
        }
    }
}

/// One thread's handles; each is made when it is used first.
#[derive(Debug)]
pub(crate) struct Local {
    pub(super) families: Arc<Families>,
    pub(super) shard: Shard,
    /// By [`Lane`].
    lanes: Box<[OnceCell<LaneTally>]>,
    /// By [`RealmIndex`].
    calls: Box<[OnceCell<Box<RealmCalls>>]>,
    /// By [`ListenerIndex`].
    wire: Box<[OnceCell<Tally<2>>]>,
    authorizations: RefCell<LocalFamily<Counter, 3>>,
    messages_dropped: RefCell<LocalFamily<Counter, 3>>,
    events_dropped: RefCell<LocalFamily<Counter, 2>>,
}

impl Metrics {
    /// The calling thread's handles; who handles batches asks
    /// [`Scratch::local`](crate::scratch::Scratch::local), which knows them.
    #[inline]
    pub(crate) fn local(&self) -> Rc<Local> {
        LOCALS
            .with_borrow(|locals| {
                locals
                    .iter()
                    .find(|local| Arc::ptr_eq(&local.families, &self.families))
                    .map(Rc::clone)
            })
            .unwrap_or_else(|| self.new_local())
    }

    /// Counts something on the calling thread's handles.
    #[inline]
    pub(crate) fn count(&self, count: impl FnOnce(&Local)) {
        let missed = LOCALS.with_borrow(|locals| {
            match locals.iter().find(|local| Arc::ptr_eq(&local.families, &self.families)) {
                Some(local) => {
                    count(local);
                    None
                }
                None => Some(count),
            }
        });
        if let Some(count) = missed {
            count(&self.new_local());
        }
    }

    #[cold]
    fn new_local(&self) -> Rc<Local> {
        let local = Rc::new(Local::new(Arc::clone(&self.families), self.registry.shard()));
        LOCALS.with_borrow_mut(|locals| {
            // Those of routers that are gone.
            locals.retain(|local| Arc::strong_count(&local.families) > 1);
            locals.push(Rc::clone(&local));
        });
        local
    }
}

impl Local {
    fn new(families: Arc<Families>, shard: Shard) -> Self {
        Self {
            lanes: (0..Lane::count(families.realms.len())).map(|_| OnceCell::new()).collect(),
            calls: families.realms.iter().map(|_| OnceCell::new()).collect(),
            wire: families.listeners.iter().map(|_| OnceCell::new()).collect(),
            authorizations: RefCell::new(families.authorizations.local(&shard)),
            messages_dropped: RefCell::new(families.messages_dropped.local(&shard)),
            events_dropped: RefCell::new(families.events_dropped.local(&shard)),
            shard,
            families,
        }
    }

    /// Whether these are handles of these metrics.
    #[inline]
    pub(crate) fn is_of(&self, metrics: &Metrics) -> bool {
        Arc::ptr_eq(&self.families, &metrics.families)
    }

    /// The counts of a lane's messages; who counts several keeps what this returns.
    #[inline]
    pub(crate) fn messages(&self, lane: Lane) -> Option<&LaneTally> {
        let tally = self.lanes.get(lane.index())?;
        Some(made(tally, || self.lane(lane)))
    }

    /// Octets went over the wire.
    #[inline]
    pub(super) fn wire_bytes(&self, listener: ListenerIndex, direction: Direction, bytes: usize) {
        let Some(tally) = self.wire.get(listener.0 as usize) else { return };
        made(tally, || self.wire(listener)).add(direction.place(), bytes as u64);
    }

    /// A session was not allowed to do something.
    pub(crate) fn denied(&self, realm: RealmIndex, action: GateAction) {
        let values = [self.families.realm_name(realm), action.name(), "denied"];
        self.authorizations.borrow_mut().with(values, LocalCounter::inc);
    }

    /// A message was dropped.
    pub(crate) fn dropped(&self, realm: RealmIndex, message: MessageType, reason: &str) {
        let name = self.families.realm_name(realm);
        self.messages_dropped.borrow_mut().with([name, message.name(), reason], LocalCounter::inc);
        if message == MessageType::Event {
            self.events_dropped.borrow_mut().with([name, reason], LocalCounter::inc);
        }
    }

    #[cold]
    fn lane(&self, lane: Lane) -> LaneTally {
        let rated = self.families.realm(lane.realm()).map(|realm| realm.rated_message_size);
        let tally = LaneTally::new(rated.unwrap_or_default());
        self.families.tallies.add_lane(lane, &tally);
        tally
    }

    #[cold]
    fn wire(&self, listener: ListenerIndex) -> Tally<2> {
        let tally = Tally::new();
        self.families.tallies.add_wire(listener, tally.reader());
        tally
    }

    /// The realm's calls and publications.
    #[inline]
    pub(super) fn calls(&self, realm: RealmIndex) -> Option<&RealmCalls> {
        let calls = self.calls.get(realm.0 as usize)?;
        let calls = made(calls, || Box::new(RealmCalls::new(self, realm)));
        Some(calls)
    }

    /// This thread's handle for a series.
    pub(super) fn handle<M: Metric, const N: usize>(
        &self,
        family: &Family<M, N>,
        values: [&str; N],
    ) -> M::Local {
        family.with(values).local(&self.shard)
    }
}

/// What is in a cell, made if it is the first time: what comes with every message is looked up in
/// line, which `get_or_init` alone is not.
#[inline]
fn made<T>(cell: &OnceCell<T>, make: impl FnOnce() -> T) -> &T {
    match cell.get() {
        Some(there) => there,
        None => cell.get_or_init(make),
    }
}
