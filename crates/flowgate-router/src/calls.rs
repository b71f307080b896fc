//! Pending calls: from CALL to the one final reply.

mod ending;
mod queues;
mod requests;
mod timeouts;

use std::{sync::Arc, time::Duration};

use flowgate_event::{Event, EventKind, Observer, Timestamp};
use flowgate_wire::{OwnedPayload, RegistrationId, RequestId};
use foldhash::fast::SeedableRandomState;

use crate::{
    ServeId, SessionKey,
    deadlines::{DeadlineKey, Deadlines},
    dealer::{Route, Seat},
    ids::hasher,
    options::{CallOptions, Progress},
    tracing::{Over, Part, Tag},
    turn::Turn,
};
pub(crate) use ending::{Outcome, observe_ended, observe_replied};
use queues::Queues;
use requests::Requests;
use timeouts::Timeout;

/// The only owner of pending calls.
///
/// A call is here from when it is accepted until its final reply; [`finish`](Self::finish) is the
/// only way out. It is with a callee, or waits in the queue of its registration, or the shell serves
/// it. What a callee still says about a call that is gone is absorbed, since its invocation was
/// [issued](Self::was_issued).
///
/// Invariants: every pending call is in the table of its caller, and, unless it is served, in that
/// of its callee or in the queue of its registration, and nothing else is; both sessions are open.
/// The deadlines are those of pending calls that have one.
pub(crate) struct Calls {
    pending: Vec<Option<PendingCall>>,
    deadlines: Deadlines<Timeout>,
    queues: Queues,
    /// Counted calls that are over, for the dealer to be told.
    released: Vec<(RegistrationId, Seat)>,
    free: Vec<CallKey>,
    /// How many calls the shell was given to serve.
    served_count: u64,
    /// How many of them are pending.
    serving_count: usize,
    sessions: Vec<SessionCalls>,
    /// Calls of a session that is being detached.
    scratch: Vec<(RequestId, CallKey)>,
    /// Of the tables of all sessions.
    hasher: SeedableRandomState,
}

/// The place of a pending call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CallKey(usize);

/// What a session takes part in.
#[derive(Default)]
struct SessionCalls {
    /// By the CALL's request.
    as_caller: Requests,
    /// By the INVOCATION's request.
    as_callee: Requests,
    /// The latest INVOCATION request; they count up from 1 ("IDs", session scope).
    issued: Option<RequestId>,
    /// The highest request of a CALL made in parts.
    streamed: Option<RequestId>,
    /// Calls that are over, if they have been traced.
    over: Option<Box<Over>>,
}

/// A call that has no final reply yet.
#[derive(Debug)]
struct PendingCall {
    caller: SessionKey,
    request: RequestId,
    target: Target,
    began: Timestamp,
    receive_progress: Progress,
    deadline: Option<DeadlineKey>,
    phase: CallPhase,
    kept: Option<Box<Kept>>,
    /// Its action, if it is traced.
    tag: Option<Arc<Tag>>,
}

/// Who is to answer a call.
#[derive(Debug)]
pub(crate) enum Target {
    /// A callee of a registration.
    Registered {
        registration: RegistrationId,
        /// `None` while the call waits in a queue.
        with: Option<Assigned>,
    },
    /// The shell.
    Served { procedure: Arc<str>, serial: u64 },
}

/// The callee of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Assigned {
    callee: SessionKey,
    invocation: RequestId,
    interrupt: Interruptible,
    seat: Option<Seat>,
}

/// What has to be remembered of a CALL that can have further parts, wait, or go to another callee.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) procedure: Box<str>,
    pub(crate) options: CallOptions,
    /// Whether callees are told who calls, if they do not insist.
    pub(crate) disclosed: Disclosed,
    pub(crate) parts: Parts,
    /// Callees that have said that they are unavailable.
    pub(crate) tried: Vec<SessionKey>,
    /// The latest callee and how it came to the call.
    pub(crate) route: Option<Route>,
}

/// How far a caller lets itself be disclosed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disclosed {
    Yes,
    /// To callees who want to know.
    OnDemand,
    No,
}

/// What a CALL consists of ("Progressive Call Invocations").
#[derive(Debug)]
pub(crate) enum Parts {
    /// The payload, all of it.
    Whole(OwnedPayload),
    /// Parts that have been passed on; more may come.
    Some,
    /// Parts that have been passed on; the last was among them.
    All,
}

/// What a CALL's request says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    New,
    Pending(CallKey),
    /// It may go on with a call in parts that is over already.
    Over,
}

/// Whether a callee can be sent INTERRUPT (`callee.call_canceling`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interruptible {
    Yes,
    No,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallPhase {
    Running,
    /// Canceled with mode `kill`: the callee has been interrupted, its answer is awaited.
    Killed,
}

/// A call about to be made.
pub(crate) struct NewCall {
    pub(crate) caller: SessionKey,
    pub(crate) request: RequestId,
    pub(crate) target: Target,
    pub(crate) receive_progress: Progress,
    /// How long its caller waits for each result.
    pub(crate) timeout: Option<Duration>,
    pub(crate) kept: Option<Box<Kept>>,
}

impl Target {
    /// A callee of a registration, which is yet to be chosen.
    pub(crate) const fn of(registration: RegistrationId) -> Self {
        Self::Registered { registration, with: None }
    }
}

/// The callee that a call is to be with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Assignment {
    pub(crate) callee: SessionKey,
    pub(crate) interrupt: Interruptible,
    pub(crate) seat: Option<Seat>,
}

impl Calls {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            pending: Vec::new(),
            deadlines: Deadlines::new(),
            queues: Queues::new(seed),
            released: Vec::new(),
            free: Vec::new(),
            served_count: 0,
            serving_count: 0,
            sessions: Vec::new(),
            scratch: Vec::new(),
            hasher: hasher(seed),
        }
    }

    /// The pending call that a caller made.
    pub(crate) fn of_caller(&self, caller: SessionKey, request: RequestId) -> Option<CallKey> {
        self.sessions.get(caller.index())?.as_caller.get(&self.hasher, request)
    }

    /// Whether a CALL is a new one.
    pub(crate) fn standing(&self, caller: SessionKey, request: RequestId) -> Standing {
        let Some(own) = self.sessions.get(caller.index()) else { return Standing::New };
        match own.as_caller.get(&self.hasher, request) {
            Some(key) => Standing::Pending(key),
            None if own.streamed.is_some_and(|latest| request <= latest) => Standing::Over,
            None => Standing::New,
        }
    }

    /// The pending call that a callee was given.
    pub(crate) fn of_callee(&self, callee: SessionKey, invocation: RequestId) -> Option<CallKey> {
        self.sessions.get(callee.index())?.as_callee.get(&self.hasher, invocation)
    }

    /// Whether a callee was ever given an invocation.
    pub(crate) fn was_issued(&self, callee: SessionKey, invocation: RequestId) -> bool {
        let issued = self.sessions.get(callee.index()).and_then(|session| session.issued);
        issued.is_some_and(|latest| invocation <= latest)
    }

    /// Adds a call that its caller has not pending; it has no callee yet.
    pub(crate) fn begin<O: Observer>(&mut self, turn: &mut Turn<'_, O>, call: NewCall) -> CallKey {
        let now = turn.now;
        let key = self.free.pop().unwrap_or(CallKey(self.pending.len()));
        let NewCall { caller, request, target, receive_progress, timeout, kept } = call;
        if let Some((own, hasher)) = self.session(caller) {
            own.as_caller.add(hasher, request, key);
        }
        let deadline = timeout.map(|after| self.wait(now, Timeout { call: key, after }));
        let phase = CallPhase::Running;
        if let Target::Registered { registration, .. } = target {
            turn.observe(EventKind::CallStarted, || Event::CallStarted { registration });
        }
        let pending = PendingCall {
            caller,
            request,
            target,
            began: now,
            receive_progress,
            deadline,
            phase,
            kept,
            tag: turn.trail.keep(),
        };
        match self.pending.get_mut(key.0) {
            Some(slot) => *slot = Some(pending),
            None => self.pending.push(Some(pending)),
        }
        key
    }

    /// Notes that a request begins a call in parts.
    pub(crate) fn note_parts(&mut self, caller: SessionKey, request: RequestId) {
        if let Some((own, _)) = self.session(caller) {
            own.streamed = own.streamed.max(Some(request));
        }
    }

    /// Adds a call that the shell serves.
    pub(crate) fn begin_served<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        (caller, request): (SessionKey, RequestId),
        procedure: Arc<str>,
        timeout: Option<Duration>,
    ) -> ServeId {
        self.served_count += 1;
        self.serving_count += 1;
        let serial = self.served_count;
        let call = NewCall {
            caller,
            request,
            target: Target::Served { procedure, serial },
            receive_progress: Progress::No,
            timeout,
            kept: None,
        };
        ServeId { call: self.begin(turn, call), serial }
    }

    /// The call that the shell has served, if somebody still waits for it.
    pub(crate) fn served(&self, ServeId { call, serial }: ServeId) -> Option<CallKey> {
        let target = self.get(call).map(|call| &call.target);
        let is_it = matches!(target, Some(Target::Served { serial: of, .. }) if *of == serial);
        is_it.then_some(call)
    }

    /// Gives a call that has no callee to one, and returns the INVOCATION's request.
    pub(crate) fn assign(&mut self, key: CallKey, to: Assignment) -> RequestId {
        let Assignment { callee, interrupt, seat } = to;
        let mut invocation = RequestId::MIN;
        if let Some((own, hasher)) = self.session(callee) {
            invocation = own.issued.map_or(RequestId::MIN, RequestId::next);
            own.issued = Some(invocation);
            own.as_callee.add(hasher, invocation, key);
        }
        if let Some(call) = self.get_mut(key) {
            let earlier =
                call.replace_callee(Some(Assigned { callee, invocation, interrupt, seat }));
            debug_assert!(earlier.is_none(), "a call has one callee at a time");
        }
        invocation
    }

    /// Takes a call from its callee, which has turned it down.
    pub(crate) fn withdraw(&mut self, key: CallKey) {
        let Some(call) = self.get_mut(key) else { return };
        let Some(registration) = call.registration() else { return };
        let Some(Assigned { callee, invocation, seat, .. }) = call.replace_callee(None) else {
            return;
        };
        let tag = call.tag.clone();
        if let Some(kept) = call.kept.as_deref_mut() {
            kept.tried.push(callee);
        }
        self.released.extend(seat.map(|seat| (registration, seat)));
        if let Some(own) = self.sessions.get_mut(callee.index()) {
            own.as_callee.remove(&self.hasher, invocation);
            if let Some(tag) = &tag {
                own.note_over(Part::Callee, invocation, tag);
            }
        }
    }

    /// The action of a pending call, by the request of one of its sides.
    pub(crate) fn tag(
        &self,
        session: SessionKey,
        part: Part,
        request: RequestId,
    ) -> Option<&Arc<Tag>> {
        let call = match part {
            Part::Caller => self.of_caller(session, request),
            Part::Callee => self.of_callee(session, request),
        };
        self.tag_of(call?)
    }

    /// The action of a call that is over, if it is remembered.
    pub(crate) fn tag_over(
        &self,
        session: SessionKey,
        part: Part,
        request: RequestId,
    ) -> Option<&Arc<Tag>> {
        self.sessions.get(session.index())?.over.as_ref()?.find(part, request)
    }

    /// Notes the action of a call that never was pending.
    pub(crate) fn note_over(&mut self, caller: SessionKey, request: RequestId, tag: &Arc<Tag>) {
        if let Some((own, _)) = self.session(caller) {
            own.note_over(Part::Caller, request, tag);
        }
    }

    /// The action of a pending call.
    pub(crate) fn tag_of(&self, key: CallKey) -> Option<&Arc<Tag>> {
        self.get(key)?.tag.as_ref()
    }

    /// The tables of a session, and their hasher.
    fn session(&mut self, key: SessionKey) -> Option<(&mut SessionCalls, &SeedableRandomState)> {
        if self.sessions.len() <= key.index() {
            self.sessions.resize_with(key.index() + 1, SessionCalls::default);
        }
        self.sessions.get_mut(key.index()).map(|own| (own, &self.hasher))
    }

    /// What has to be remembered of a call, if anything.
    pub(crate) fn kept(&self, key: CallKey) -> Option<&Kept> {
        self.get(key)?.kept.as_deref()
    }

    pub(crate) fn kept_mut(&mut self, key: CallKey) -> Option<&mut Kept> {
        self.get_mut(key)?.kept.as_deref_mut()
    }

    /// What is remembered of a call that has no callee, with its registration.
    pub(crate) fn waiting(&self, key: CallKey) -> Option<(RegistrationId, &Kept)> {
        let call = self.get(key).filter(|call| call.with().is_none())?;
        Some((call.registration()?, call.kept.as_deref()?))
    }

    /// The callee of a call that has not been told to stop, and the INVOCATION's request.
    pub(crate) fn callee(&self, key: CallKey) -> Option<(SessionKey, RequestId)> {
        let call = self.get(key).filter(|call| call.phase == CallPhase::Running)?;
        call.with().map(|with| (with.callee, with.invocation))
    }

    /// Who made a call.
    pub(crate) fn caller(&self, key: CallKey) -> Option<SessionKey> {
        self.get(key).map(|call| call.caller)
    }

    /// Whether no counted call has ended of which the dealer does not know, and no callees have
    /// changed for whom calls may wait.
    #[inline]
    pub(crate) fn is_settled(&self) -> bool {
        self.released.is_empty() && self.queues.is_settled()
    }

    /// The next of the counted calls that are over.
    pub(crate) fn pop_released(&mut self) -> Option<(RegistrationId, Seat)> {
        self.released.pop()
    }

    /// Removes a call from all tables.
    fn remove(&mut self, key: CallKey) {
        let Some(slot) = self.pending.get_mut(key.0) else { return };
        let Some(call) = slot else { return };
        if let Some(deadline) = call.deadline {
            self.deadlines.call_off(deadline);
        }
        if let Some(tag) = &call.tag {
            call.note_over(&mut self.sessions, tag);
        }
        if let Some(caller) = self.sessions.get_mut(call.caller.index()) {
            caller.as_caller.remove(&self.hasher, call.request);
        }
        match call.target {
            Target::Registered {
                registration,
                with: Some(Assigned { callee, invocation, seat, .. }),
            } => {
                if let Some(callee) = self.sessions.get_mut(callee.index()) {
                    callee.as_callee.remove(&self.hasher, invocation);
                }
                if let Some(seat) = seat {
                    self.released.push((registration, seat));
                }
            }
            Target::Registered { registration, with: None } => {
                self.queues.remove(registration, key);
            }
            Target::Served { .. } => self.serving_count -= 1,
        }
        *slot = None;
        self.free.push(key);
    }

    /// How many calls of registrations are pending.
    pub(crate) fn accepted_count(&self) -> usize {
        self.pending.len() - self.free.len() - self.serving_count
    }

    pub(crate) fn is_empty(&self) -> bool {
        let nothing_waits = self.deadlines.is_empty() && self.queues.is_empty();
        nothing_waits && self.released.is_empty() && self.pending.iter().all(Option::is_none)
    }

    /// Proves the invariants. Cost: O(pending calls + highest session key).
    pub(crate) fn check(&self, is_open: impl Fn(SessionKey) -> bool) -> Result<(), String> {
        self.deadlines.check()?;
        let mut count = 0;
        let (mut deadline_count, mut assigned_count, mut served_count) = (0, 0, 0);
        for (index, call) in self.pending.iter().enumerate() {
            let Some(call) = call else { continue };
            count += 1;
            let key = Some(CallKey(index));
            let is_placed = match call.target {
                Target::Registered { with: Some(Assigned { callee, invocation, .. }), .. } => {
                    assigned_count += 1;
                    self.of_callee(callee, invocation) == key
                        && is_open(callee)
                        && self.was_issued(callee, invocation)
                }
                Target::Registered { registration, with: None } => {
                    key.is_some_and(|key| self.queues.holds(registration, key))
                }
                Target::Served { .. } => {
                    served_count += 1;
                    true
                }
            };
            if self.of_caller(call.caller, call.request) != key
                || !is_open(call.caller)
                || !is_placed
            {
                return Err(format!("calls: {call:?} is not in its indexes"));
            }
            if let Some(deadline) = call.deadline {
                deadline_count += 1;
                if self.deadlines.get(deadline).is_none_or(|timeout| Some(timeout.call) != key) {
                    return Err(format!("calls: {call:?} has the deadline of another"));
                }
            }
        }
        if deadline_count != self.deadlines.len() {
            return Err("calls: there are deadlines of calls that are gone".to_owned());
        }
        if count + self.free.len() != self.pending.len() {
            return Err("calls: free places are lost".to_owned());
        }
        let made: usize = self.sessions.iter().map(|session| session.as_caller.len()).sum();
        let given: usize = self.sessions.iter().map(|session| session.as_callee.len()).sum();
        if made != count || given != assigned_count {
            return Err(format!("calls: {count} pending, {made} made, {given} given"));
        }
        if served_count != self.serving_count || self.accepted_count() != count - served_count {
            return Err(format!("calls: {served_count} of {count} pending are served"));
        }
        if assigned_count + served_count + self.queues.len() != count || !self.released.is_empty() {
            return Err("calls: calls wait that are gone, or the dealer was not told".to_owned());
        }
        Ok(())
    }

    /// How many counted calls a place of the dealer has. Cost: O(pending calls); for invariants.
    pub(crate) fn counted(&self, registration: RegistrationId, seat: Seat) -> usize {
        let calls = self.pending.iter().flatten();
        let of_registration = calls.filter(|call| call.registration() == Some(registration));
        of_registration
            .filter(|call| call.with().is_some_and(|with| with.seat == Some(seat)))
            .count()
    }

    fn get(&self, key: CallKey) -> Option<&PendingCall> {
        self.pending.get(key.0)?.as_ref()
    }

    fn get_mut(&mut self, key: CallKey) -> Option<&mut PendingCall> {
        self.pending.get_mut(key.0)?.as_mut()
    }
}

impl PendingCall {
    fn registration(&self) -> Option<RegistrationId> {
        match self.target {
            Target::Registered { registration, .. } => Some(registration),
            Target::Served { .. } => None,
        }
    }

    /// The callee that has the call.
    fn with(&self) -> Option<Assigned> {
        match self.target {
            Target::Registered { with, .. } => with,
            Target::Served { .. } => None,
        }
    }

    /// Notes that the call is over, for what its sides say about it late.
    #[cold]
    fn note_over(&self, sessions: &mut [SessionCalls], tag: &Arc<Tag>) {
        if let Some(caller) = sessions.get_mut(self.caller.index()) {
            caller.note_over(Part::Caller, self.request, tag);
        }
        if let Some(Assigned { callee, invocation, .. }) = self.with()
            && let Some(callee) = sessions.get_mut(callee.index())
        {
            callee.note_over(Part::Callee, invocation, tag);
        }
    }

    /// Gives the call to a callee, or takes it away; returns the one that had it.
    fn replace_callee(&mut self, callee: Option<Assigned>) -> Option<Assigned> {
        match &mut self.target {
            Target::Registered { with, .. } => std::mem::replace(with, callee),
            Target::Served { .. } => {
                // Invariant: only calls of registrations are given to callees.
                debug_assert!(false, "the shell serves the call");
                None
            }
        }
    }
}

impl SessionCalls {
    /// Notes the action of a call that is over.
    #[cold]
    fn note_over(&mut self, part: Part, request: RequestId, tag: &Arc<Tag>) {
        self.over.get_or_insert_default().push(part, request, tag);
    }
}
