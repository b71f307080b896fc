//! The handles of one thread: what is counted for every message.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use flowgate_event::GateAction;
use flowgate_meter::RatedMessageSize;
use flowgate_metrics::{Counter, Family, LocalCounter, LocalFamily, LocalHistogram, Metric, Shard};
use flowgate_wire::{Batching, Format, MessageType, Serializer};

use super::{ListenerIndex, Metrics, RealmIndex, calls::RealmCalls, families::Families};

thread_local! {
    /// Of each router in this process that has used this thread.
    static LOCALS: RefCell<Vec<Rc<Local>>> = const { RefCell::new(Vec::new()) };
}

/// Whether what happens for every message is counted and timed.
///
/// `cargo xtask bench` builds a router in which it is not, to say what it costs.
pub(crate) const COUNTS: bool = !cfg!(feature = "uncounted");

/// How many codes of message types there may be; the highest is YIELD's 70.
const TYPE_COUNT: usize = 72;

/// How many serializers there are.
const SERIALIZER_COUNT: usize = 6;

/// Which way something goes, seen from the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From a client.
    Received,
    /// To a client.
    Sent,
}

impl Direction {
    const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Sent => "sent",
        }
    }
}

/// Something for each direction.
#[derive(Debug, Default)]
struct Both<T> {
    received: T,
    sent: T,
}

impl<T> Both<T> {
    #[inline]
    const fn of(&self, direction: Direction) -> &T {
        match direction {
            Direction::Received => &self.received,
            Direction::Sent => &self.sent,
        }
    }
}

/// One thread's handles; each is made when it is used first.
#[derive(Debug)]
pub(crate) struct Local {
    pub(super) families: Arc<Families>,
    pub(super) shard: Shard,
    /// See [`lane_index`].
    lanes: Box<[OnceCell<Box<Lane>>]>,
    /// By [`RealmIndex`].
    calls: Box<[OnceCell<Box<RealmCalls>>]>,
    /// By [`ListenerIndex`].
    wire: Box<[Both<OnceCell<LocalCounter>>]>,
    authorizations: RefCell<LocalFamily<Counter, 3>>,
    messages_dropped: RefCell<LocalFamily<Counter, 3>>,
    events_dropped: RefCell<LocalFamily<Counter, 2>>,
}

/// The messages of one realm, direction and serializer.
#[derive(Debug)]
struct Lane {
    realm: RealmIndex,
    direction: Direction,
    rated_message_size: RatedMessageSize,
    rated: LocalCounter,
    bytes: LocalCounter,
    sizes: LocalHistogram,
    /// By code.
    messages: [OnceCell<LocalCounter>; TYPE_COUNT],
}

/// One thread's counts of messages that have realm, direction and serializer in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Messages<'a> {
    local: &'a Local,
    lane: &'a Lane,
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
            lanes: families
                .realms
                .iter()
                .flat_map(|_| [const { OnceCell::new() }; LANE_COUNT])
                .collect(),
            calls: families.realms.iter().map(|_| OnceCell::new()).collect(),
            wire: families.listeners.iter().map(|_| Default::default()).collect(),
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

    /// The counts of messages of one realm, direction and serializer; who counts several messages
    /// keeps what this returns.
    #[inline]
    pub(crate) fn messages(
        &self,
        realm: RealmIndex,
        direction: Direction,
        serializer: Serializer,
    ) -> Option<Messages<'_>> {
        let lane = self.lanes.get(lane_index(realm, direction, serializer))?;
        let lane = made(lane, || self.lane(realm, direction, serializer));
        Some(Messages { local: self, lane })
    }

    /// Octets went over the wire.
    #[inline]
    pub(super) fn wire_bytes(&self, listener: ListenerIndex, direction: Direction, bytes: usize) {
        let Some(both) = self.wire.get(listener.0 as usize) else { return };
        made(both.of(direction), || self.wire(listener, direction)).add(bytes as u64);
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
    fn lane(&self, realm: RealmIndex, direction: Direction, serializer: Serializer) -> Box<Lane> {
        let families = &self.families;
        let (realm_name, way) = (families.realm_name(realm), direction.name());
        let serializer = serializer_name(serializer_index(serializer));
        let rated = families.realm(realm).map(|realm| realm.rated_message_size);
        Box::new(Lane {
            realm,
            direction,
            rated_message_size: rated.unwrap_or_default(),
            rated: self.handle(&families.rated_messages, [realm_name, way]),
            bytes: self.handle(&families.message_bytes, [realm_name, way, serializer]),
            sizes: self.handle(&families.message_size, [way, serializer]),
            messages: [const { OnceCell::new() }; TYPE_COUNT],
        })
    }

    /// Counts the first message of a type.
    #[cold]
    fn first_message(&self, lane: &Lane, message: MessageType) {
        let Some(count) = lane.messages.get(message.code() as usize) else { return };
        let values = [self.families.realm_name(lane.realm), lane.direction.name(), message.name()];
        count.get_or_init(|| self.handle(&self.families.messages, values)).inc();
    }

    #[cold]
    fn wire(&self, listener: ListenerIndex, direction: Direction) -> LocalCounter {
        let values = [self.families.listener_name(listener), direction.name()];
        self.handle(&self.families.wire, values)
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

impl Messages<'_> {
    /// A message was metered.
    #[inline]
    pub(crate) fn count(&self, message: MessageType, bytes: usize) {
        let Self { local, lane } = *self;
        lane.rated.add(lane.rated_message_size.rate(bytes));
        lane.bytes.add(bytes as u64);
        lane.sizes.record(bytes as u64);
        let Some(count) = lane.messages.get(message.code() as usize) else { return };
        match count.get() {
            Some(count) => count.inc(),
            None => local.first_message(lane, message),
        }
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

/// Lanes of one realm.
const LANE_COUNT: usize = 2 * SERIALIZER_COUNT;

/// A lane's place: by realm, then direction, then serializer.
#[inline]
fn lane_index(realm: RealmIndex, direction: Direction, serializer: Serializer) -> usize {
    let offset = match direction {
        Direction::Received => 0,
        Direction::Sent => SERIALIZER_COUNT,
    };
    realm.0 as usize * LANE_COUNT + offset + serializer_index(serializer)
}

/// A number below [`SERIALIZER_COUNT`], different for each serializer.
#[inline]
pub(super) fn serializer_index(serializer: Serializer) -> usize {
    let format = match serializer.format {
        Format::Json => 0,
        Format::MessagePack => 1,
        Format::Cbor => 2,
    };
    match serializer.batching {
        Batching::Single => format,
        Batching::Batched => format + 3,
    }
}

/// What the `serializer` label says, as `wamp.session.on_stats` does.
pub(super) fn serializer_name(index: usize) -> &'static str {
    ["json", "msgpack", "cbor", "json.batched", "msgpack.batched", "cbor.batched"]
        .get(index)
        .copied()
        .unwrap_or_default()
}
