//! A realm behind a lock, with the outlets of its sessions.
//!
//! The connection that has received a batch of messages takes the lock once, hands them to the
//! core, and has the resulting frames appended to the outlets before it lets go, so that the order
//! of frames is the order of the core's decisions.
//! Writing to sockets happens after the lock is released ([`deliver`]).

mod delivery;
mod identity;
mod recording;
mod served;

pub(crate) use delivery::{FanOutFrame, Undeliverable};
pub(crate) use identity::identity_of;
pub(crate) use recording::Recording;
pub(crate) use served::{ServiceCall, ServiceLine, ServiceLines, service_lines};

use std::{
    fmt,
    future::pending,
    mem, ptr,
    sync::{Arc, Mutex, MutexGuard, TryLockError},
    time::Duration,
};

use flowgate_event::{LeaveReason, Timestamp};
use flowgate_meter::StatsConfig;
use flowgate_router::{Input, Join, Realm, Reply, SessionKey};
use flowgate_trace::Identity;
use flowgate_wire::{Format, Message, Payload, Value, uris};
use tokio::{
    sync::{Notify, watch},
    time::sleep_until,
};

use crate::{
    clock::Clock,
    link::{Began, Flushed, Outlet, lock},
    listener::Stop,
    metrics::{COUNTS, CallsInFlight, RealmIndex},
    observer::RealmObserver,
    scratch::Scratch,
    tracing::{TRACES, Tracing},
};
use delivery::{Answer, Delivery};

/// A realm and the outlets of its sessions.
pub(crate) struct RealmCell {
    name: String,
    stats: Option<StatsConfig>,
    /// Its place in the metrics.
    place: RealmIndex,
    calls_in_flight: CallsInFlight,
    /// Where the calls go that no client answers.
    services: Option<ServiceLine>,
    clock: Clock,
    tracing: Tracing,
    inner: Mutex<Inner>,
    /// Wakes the timer task: the realm has a deadline before `armed`.
    earlier: Notify,
}

struct Inner {
    realm: Realm<RealmObserver>,
    seats: Seats,
    taken: Taken,
    /// When the timer task looks at the realm again without being told.
    armed: Option<Timestamp>,
    /// When something was recorded last: what follows is recorded as later, on whatever thread.
    recorded: Timestamp,
}

/// How often the lock of a realm was taken for a batch; counted under the lock itself.
#[derive(Debug, Default, Clone, Copy)]
struct Taken {
    count: u64,
    /// Another connection had it at that moment.
    waited_count: u64,
}

/// The outlets of a realm's sessions, by [`SessionKey`].
#[derive(Default)]
pub(crate) struct Seats {
    outlets: Vec<Option<Arc<Outlet>>>,
    free: Vec<SessionKey>,
    /// Who the sessions are, as far as records have been about them.
    who: Vec<Option<Arc<Identity>>>,
}

/// The realm while its lock is held.
pub(crate) struct Turn<'a> {
    realm: &'a mut Realm<RealmObserver>,
    seats: &'a mut Seats,
    scratch: &'a mut Scratch,
    now: Timestamp,
    place: RealmIndex,
    services: Option<&'a ServiceLine>,
    trace: Option<Trace<'a>>,
    /// Whether a callee answers a call with what is handled next.
    answer: Answer,
}

/// What a turn has while messages are traced; what it records with is in the scratch memory.
struct Trace<'a> {
    recorded: &'a mut Timestamp,
    clock: Clock,
    realm: &'a str,
}

impl fmt::Debug for RealmCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RealmCell").field("name", &self.name).finish_non_exhaustive()
    }
}

impl RealmCell {
    /// A realm without sessions.
    pub(crate) fn new(
        name: String,
        stats: Option<StatsConfig>,
        realm: Realm<RealmObserver>,
        (place, calls_in_flight): (RealmIndex, CallsInFlight),
        (clock, tracing): (Clock, Tracing),
        services: Option<ServiceLine>,
    ) -> Self {
        let (seats, taken) = (Seats::default(), Taken::default());
        let inner =
            Mutex::new(Inner { realm, seats, taken, armed: None, recorded: Timestamp::EPOCH });
        let earlier = Notify::new();
        Self { name, stats, place, calls_in_flight, services, clock, tracing, inner, earlier }
    }

    /// The realm's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What the meters of its sessions report.
    pub(crate) fn stats(&self) -> Option<StatsConfig> {
        self.stats
    }

    /// How many connections have a session here, closing ones included.
    pub(crate) fn seat_count(&self) -> usize {
        let inner = lock(&self.inner);
        inner.seats.outlets.len() - inner.seats.free.len()
    }

    /// Takes the lock for one batch of inputs; [`deliver`] has to follow.
    pub(crate) fn turn<R>(
        &self,
        now: Timestamp,
        scratch: &mut Scratch,
        batch: impl FnOnce(&mut Turn<'_>) -> R,
    ) -> R {
        let mut inner = self.lock_counted();
        let Inner { realm, seats, armed, recorded, .. } = &mut *inner;
        let (place, services) = (self.place, self.services.as_ref());
        let (trace, answer) = (None, Answer::None);
        let mut turn = Turn { realm, seats, scratch, now, place, services, trace, answer };
        if self.tracing.is_on() {
            turn.trace = self.trace(recorded, turn.scratch);
        }
        let result = batch(&mut turn);
        if COUNTS {
            self.calls_in_flight.set(realm.call_count());
        }
        let next = realm.next_deadline();
        if next.is_some_and(|next| armed.is_none_or(|armed| next < armed)) {
            *armed = next;
            self.earlier.notify_one();
        }
        result
    }

    /// What the turn needs to record; `None` if this thread cannot have a recorder yet.
    #[cold]
    fn trace<'a>(
        &'a self,
        recorded: &'a mut Timestamp,
        scratch: &mut Scratch,
    ) -> Option<Trace<'a>> {
        scratch.recording = Some(scratch.take_recording(&self.tracing)?);
        Some(Trace { recorded, clock: self.clock, realm: &self.name })
    }

    /// Tells the realm what time it is, and returns when it wants to be told again; [`deliver`] has
    /// to follow.
    fn tick(&self, now: Timestamp, scratch: &mut Scratch) -> Option<Timestamp> {
        self.turn(now, scratch, |turn| turn.handle(Input::Tick));
        let mut inner = lock(&self.inner);
        inner.armed = inner.realm.next_deadline();
        inner.armed
    }

    fn lock_counted(&self) -> MutexGuard<'_, Inner> {
        let (mut inner, waited_count) = match self.inner.try_lock() {
            Ok(inner) => (inner, 0),
            Err(TryLockError::WouldBlock) => (lock(&self.inner), 1),
            Err(TryLockError::Poisoned(poisoned)) => (poisoned.into_inner(), 0),
        };
        inner.taken.count += 1;
        inner.taken.waited_count += waited_count;
        inner
    }

    /// Whether anybody would get an event of the router itself.
    pub(crate) fn is_heard(&self, topic: &str) -> bool {
        lock(&self.inner).realm.is_heard(topic)
    }

    /// Publishes the reports that wait in an outlet's meter; [`deliver`] has to follow.
    pub(crate) fn publish_reports(&self, outlet: &Outlet, now: Timestamp, scratch: &mut Scratch) {
        self.turn(now, scratch, |turn| turn.publish_reports(outlet));
    }

    /// Publishes the reports of outlets that have been flushed; [`deliver`] has to follow.
    fn publish_waiting(&self, now: Timestamp, scratch: &mut Scratch) {
        let mut reporting = mem::take(&mut scratch.reporting);
        self.turn(now, scratch, |turn| {
            // Those that are not in this realm are kept for a turn of theirs.
            reporting.retain(|outlet| {
                let mut metering = outlet.metering();
                let Some(metering) = metering.as_mut() else { return false };
                let is_here = ptr::eq(&*metering.realm, self);
                if is_here {
                    metering.publish(turn);
                }
                !is_here
            });
        });
        scratch.reporting = reporting;
    }

    /// Says GOODBYE to every session; [`deliver`] has to follow.
    pub(crate) fn shutdown(&self, now: Timestamp, scratch: &mut Scratch) {
        self.turn(now, scratch, |turn| turn.handle(Input::Shutdown));
    }

    /// Logs how often the lock was taken, and how often not at once: what limits a realm on many
    /// cores.
    pub(crate) fn log_lock(&self) {
        let Taken { count, waited_count } = lock(&self.inner).taken;
        tracing::debug!(realm = self.name, taken_count = count, waited_count, "realm lock");
    }

    /// Ends every connection without further ado.
    pub(crate) fn kill_all(&self, reason: LeaveReason) {
        for outlet in lock(&self.inner).seats.outlets.iter().flatten() {
            outlet.kill(reason);
        }
    }
}

impl Turn<'_> {
    /// Gives a connection a place and lets its session join.
    pub(crate) fn join(
        &mut self,
        outlet: &Arc<Outlet>,
        hello: &[u8],
        join: impl FnOnce(SessionKey) -> Join,
    ) -> SessionKey {
        let session = self.seats.take(outlet);
        if let Some(recording) = self.recording() {
            recording.note_octets(outlet.wire.serializer.format, hello);
            recording.hello(session);
        }
        self.handle(Input::Join(join(session)));
        session
    }

    /// What messages are recorded with, if they are traced.
    fn recording(&mut self) -> Option<&mut Recording> {
        self.trace.as_ref()?;
        self.scratch.recording.as_deref_mut()
    }

    /// Says that a callee gives the answer to a call with what is handled next, and when it was
    /// given the call; [`has_replied`](Self::has_replied) has to follow.
    pub(crate) fn expect_reply(&mut self, began: Began) {
        let callee_ns = match began {
            Began::At(began) => Some(self.now.nanos_since(began)),
            Began::JustNow => Some(0),
            Began::Unknown => None,
        };
        self.answer = Answer::Given { callee_ns };
    }

    /// Whether the caller has got its reply by what was handled.
    pub(crate) fn has_replied(&mut self) -> bool {
        mem::replace(&mut self.answer, Answer::None) == Answer::None
    }

    /// Hands a message of a client, which is made of these octets, to the core.
    #[inline]
    pub(crate) fn receive(
        &mut self,
        session: SessionKey,
        message: &Message<'_>,
        (format, octets): (Format, &[u8]),
    ) {
        let input = Input::Message { session, message };
        if TRACES && self.trace.is_some() {
            self.receive_traced(input, (format, octets));
        } else {
            self.handle_with(input, None);
        }
    }

    #[cold]
    fn receive_traced(&mut self, input: Input<'_>, (format, octets): (Format, &[u8])) {
        if let Some(recording) = self.recording() {
            recording.note_octets(format, octets);
        }
        self.handle_traced(input);
    }

    /// Hands one input to the core and appends what comes of it to the outlets.
    ///
    /// What is done while messages are traced, and what seldom follows, is apart.
    #[inline]
    pub(crate) fn handle(&mut self, input: Input<'_>) {
        if TRACES && self.trace.is_some() {
            self.handle_traced(input);
        } else {
            self.handle_with(input, None);
        }
    }

    #[inline]
    fn handle_with(&mut self, input: Input<'_>, recording: Option<&mut Recording>) {
        let Self { ref seats, ref mut scratch, now, place, services, ref mut answer, .. } = *self;
        let mut delivery = Delivery { seats, scratch, now, place, services, answer, recording };
        self.realm.handle(now, input, &mut delivery);
        if delivery.has_more() {
            settle(self.realm, now, &mut delivery);
        }
    }

    /// Handles an input and records it, unless it is about traces.
    #[cold]
    fn handle_traced(&mut self, input: Input<'_>) {
        let lent = (&mut self.trace, self.scratch.recording.take());
        let (Some(Trace { recorded, clock, realm: name }), Some(mut recording)) = lent else {
            // Invariant: a turn that is traced has what it records with, which it took itself.
            debug_assert!(false, "a turn that is traced has something to record with");
            return self.handle_with(input, None);
        };
        let (clock, name) = (*clock, *name);
        // Later than all before, also if another thread has recorded within the same nanosecond.
        let at = clock.now().max(recorded.after(Duration::from_nanos(1)));
        **recorded = at;
        if let Input::Leave { session, .. } = input {
            // Afterwards nobody knows who it was.
            self.seats.identify(session, self.realm, name);
        }
        // All procedures that the router serves are about traces, also those whose call was not
        // recorded, since it has started the first trace.
        let is_about_traces = matches!(input, Input::Served { .. });
        self.handle_with(input, Some(&mut recording));
        let work = clock.now().since(at);
        if is_about_traces {
            recording.discard();
        }
        let Self { realm, seats, now, .. } = self;
        recording.flush((*now, at), work, |session| seats.identify(session, realm, name));
        self.scratch.recording = Some(recording);
    }

    /// Publishes the reports that wait in an outlet's meter, oldest first.
    pub(crate) fn publish_reports(&mut self, outlet: &Outlet) {
        let mut metering = outlet.metering();
        let Some(metering) = metering.as_mut() else { return };
        metering.publish(self);
    }

    /// Ends a session, publishes its last reports, and frees its place.
    pub(crate) fn leave(&mut self, outlet: &Outlet, reason: LeaveReason) {
        let Some(mut metering) = outlet.metering().take() else { return };
        metering.publish(self);
        let session = metering.session;
        let report = metering.meter.leave(self.now);
        self.handle(Input::Leave { session, reason, report });
        self.seats.give_back(session);
    }
}

/// Handles what follows at once from what was sent.
#[cold]
fn settle(realm: &mut Realm<RealmObserver>, now: Timestamp, delivery: &mut Delivery<'_>) {
    loop {
        if let Some(undeliverable) = delivery.scratch.undeliverable.pop_front() {
            realm.handle(now, undeliverable.as_input(), delivery);
        } else if let Some(call) = delivery.scratch.unserved.pop_front() {
            let args = [Value::from("the router has too many such calls at once")];
            let payload = Payload::from_values(&args, &[]);
            let reply = Reply::Error { error: uris::error::UNAVAILABLE, payload };
            realm.handle(now, Input::Served { call, reply }, delivery);
        } else {
            break;
        }
    }
}

impl Seats {
    fn take(&mut self, outlet: &Arc<Outlet>) -> SessionKey {
        if let Some(session) = self.free.pop()
            && let Some(seat) = self.outlets.get_mut(session.0 as usize)
        {
            *seat = Some(Arc::clone(outlet));
            return session;
        }
        // Connections are bounded far below 2^32.
        let session = SessionKey(u32::try_from(self.outlets.len()).unwrap_or(u32::MAX));
        self.outlets.push(Some(Arc::clone(outlet)));
        session
    }

    fn give_back(&mut self, session: SessionKey) {
        if let Some(seat) = self.outlets.get_mut(session.0 as usize)
            && seat.take().is_some()
        {
            self.free.push(session);
        }
        if let Some(who) = self.who.get_mut(session.0 as usize) {
            *who = None;
        }
    }

    fn get(&self, session: SessionKey) -> Option<&Arc<Outlet>> {
        self.outlets.get(session.0 as usize)?.as_ref()
    }
}

/// Tells a realm when its deadlines have come, until `stop` says that the router is done.
///
/// Cancellation loses nothing but the deadlines to come.
pub(crate) async fn tick(realm: Arc<RealmCell>, clock: Clock, mut stop: watch::Receiver<Stop>) {
    loop {
        let next = Scratch::with(|scratch| {
            let now = clock.now();
            let next = realm.tick(now, scratch);
            deliver(scratch);
            next
        });
        let deadline = async {
            match next {
                Some(moment) => sleep_until(clock.instant(moment)).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = deadline => {}
            () = realm.earlier.notified() => {}
            changed = stop.changed() => if changed.is_err() || *stop.borrow() == Stop::Now {
                return;
            },
        }
    }
}

/// Writes what a batch has queued, each destination once, and publishes what their meters report,
/// all together.
///
/// Terminates: deliveries of reports never make a meter due.
pub(crate) fn deliver(scratch: &mut Scratch) {
    loop {
        while let Some(outlet) = scratch.dirty.pop() {
            if outlet.flush(scratch) == Flushed::Reports {
                scratch.reporting.push(outlet);
            }
        }
        let Some(outlet) = scratch.reporting.last() else { return };
        let realm = outlet.metering().as_ref().map(|metering| Arc::clone(&metering.realm));
        match realm {
            Some(realm) => realm.publish_waiting(outlet.now(), scratch),
            // The session has left, with its reports.
            None => drop(scratch.reporting.pop()),
        }
    }
}
