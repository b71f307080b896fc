//! Pending calls: from INVOCATION to the one final reply.

use std::{borrow::Cow, time::Duration};

use flowgate_event::{Observer, Timestamp};
use flowgate_wire::{
    Dict, Entry, Error, MessageType, Payload, RequestId, Result as ResultMessage, Uri, Value,
};

use crate::{
    SessionKey,
    deadlines::{DeadlineKey, Deadlines},
    ids::{HashMap, hasher},
    options::{CancelMode, Progress},
    request_error::RequestError,
    turn::Turn,
};

/// `RESULT.Details` of a result that is not the last.
static PROGRESS: [Entry<'static>; 1] = [(Cow::Borrowed("progress"), Value::Bool(true))];

/// The only owner of pending calls.
///
/// A call is here from its INVOCATION until its final reply; [`finish`](Self::finish) is the only
/// way out. What a callee still says about a call that is gone is absorbed, since its invocation
/// was [issued](Self::was_issued).
///
/// Invariants: every pending call is in the table of its caller and in that of its callee under
/// its own request identifiers, and nothing else is; both sessions are open. The deadlines are
/// those of pending calls that have one.
pub(crate) struct Calls {
    pending: Vec<Option<PendingCall>>,
    deadlines: Deadlines<Timeout>,
    free: Vec<CallKey>,
    sessions: Vec<SessionCalls>,
    /// Calls of a session that is being detached.
    scratch: Vec<(RequestId, CallKey)>,
    seed: u64,
}

/// The place of a pending call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallKey(usize);

/// The time a call has until its next result.
#[derive(Debug, Clone, Copy)]
struct Timeout {
    call: CallKey,
    after: Duration,
}

/// What a session takes part in.
struct SessionCalls {
    /// By the CALL's request.
    as_caller: HashMap<RequestId, CallKey>,
    /// By the INVOCATION's request.
    as_callee: HashMap<RequestId, CallKey>,
    /// The latest INVOCATION request; they count up from 1 ("IDs", session scope).
    issued: Option<RequestId>,
}

/// A call that has no final reply yet.
#[derive(Debug, Clone, Copy)]
struct PendingCall {
    caller: SessionKey,
    request: RequestId,
    callee: SessionKey,
    invocation: RequestId,
    receive_progress: Progress,
    interrupt: Interruptible,
    deadline: Option<DeadlineKey>,
    phase: CallPhase,
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
    pub(crate) callee: SessionKey,
    pub(crate) receive_progress: Progress,
    pub(crate) interrupt: Interruptible,
    /// How long its caller waits for each result.
    pub(crate) timeout: Option<Duration>,
}

/// How a call ends, and what its caller gets.
pub(crate) enum Outcome<'a> {
    /// RESULT.
    Result(Payload<'a>),
    /// ERROR as the callee gave it.
    Error { details: Dict<'a>, error: Uri<'a>, payload: Payload<'a> },
    /// ERROR by the router.
    Refused(RequestError<'a>),
    /// Nothing: the caller is gone.
    Dropped,
}

impl Calls {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            pending: Vec::new(),
            deadlines: Deadlines::new(),
            free: Vec::new(),
            sessions: Vec::new(),
            scratch: Vec::new(),
            seed,
        }
    }

    /// The pending call that a caller made.
    pub(crate) fn of_caller(&self, caller: SessionKey, request: RequestId) -> Option<CallKey> {
        self.sessions.get(caller.index())?.as_caller.get(&request).copied()
    }

    /// The pending call that a callee was given.
    pub(crate) fn of_callee(&self, callee: SessionKey, invocation: RequestId) -> Option<CallKey> {
        self.sessions.get(callee.index())?.as_callee.get(&invocation).copied()
    }

    /// Whether a callee was ever given an invocation.
    pub(crate) fn was_issued(&self, callee: SessionKey, invocation: RequestId) -> bool {
        let issued = self.sessions.get(callee.index()).and_then(|session| session.issued);
        issued.is_some_and(|latest| invocation <= latest)
    }

    /// Adds a call that its caller has not pending, and returns the INVOCATION's request.
    pub(crate) fn begin(&mut self, now: Timestamp, call: &NewCall) -> RequestId {
        let key = self.free.pop().unwrap_or(CallKey(self.pending.len()));
        let invocation = self.attach(key, call);
        let pending = PendingCall {
            caller: call.caller,
            request: call.request,
            callee: call.callee,
            invocation,
            receive_progress: call.receive_progress,
            interrupt: call.interrupt,
            deadline: call.timeout.map(|after| self.wait(now, Timeout { call: key, after })),
            phase: CallPhase::Running,
        };
        match self.pending.get_mut(key.0) {
            Some(slot) => *slot = Some(pending),
            None => self.pending.push(Some(pending)),
        }
        invocation
    }

    fn wait(&mut self, now: Timestamp, timeout: Timeout) -> DeadlineKey {
        self.deadlines.set(now.after(timeout.after), timeout)
    }

    /// Enters a call into the tables of its two sessions.
    fn attach(&mut self, key: CallKey, call: &NewCall) -> RequestId {
        let last = call.callee.max(call.caller).index();
        if self.sessions.len() <= last {
            let seed = self.seed;
            self.sessions.resize_with(last + 1, || SessionCalls::new(seed));
        }
        let mut invocation = RequestId::MIN;
        if let Some(callee) = self.sessions.get_mut(call.callee.index()) {
            invocation = callee.issued.map_or(RequestId::MIN, RequestId::next);
            callee.issued = Some(invocation);
            callee.as_callee.insert(invocation, key);
        }
        if let Some(caller) = self.sessions.get_mut(call.caller.index()) {
            caller.as_caller.insert(call.request, key);
        }
        invocation
    }

    /// Removes a call and sends its final reply: the only way out.
    pub(crate) fn finish<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        key: CallKey,
        outcome: Outcome<'_>,
    ) {
        let Some(call) = self.remove(key) else { return };
        let request = call.request;
        match outcome {
            Outcome::Result(payload) => {
                turn.send(call.caller, ResultMessage { request, details: Dict::EMPTY, payload });
            }
            Outcome::Error { details, error, payload } => {
                let request_type = MessageType::Call;
                turn.send(call.caller, Error { request_type, request, details, error, payload });
            }
            Outcome::Refused(error) => {
                turn.refuse(call.caller, MessageType::Call, request, &error);
            }
            Outcome::Dropped => {}
        }
    }

    fn remove(&mut self, key: CallKey) -> Option<PendingCall> {
        let call = self.pending.get_mut(key.0)?.take()?;
        self.free.push(key);
        if let Some(deadline) = call.deadline {
            self.deadlines.call_off(deadline);
        }
        if let Some(caller) = self.sessions.get_mut(call.caller.index()) {
            caller.as_caller.remove(&call.request);
        }
        if let Some(callee) = self.sessions.get_mut(call.callee.index()) {
            callee.as_callee.remove(&call.invocation);
        }
        Some(call)
    }

    /// Sends a result that is not the last, if the caller takes such results; if it does not, the
    /// callee was not asked for them and they are absorbed ("Progressive Call Results").
    ///
    /// Either way the callee is alive, and its time begins anew ("Progressive Call Results",
    /// timeouts).
    pub(crate) fn progress<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        key: CallKey,
        payload: Payload<'_>,
    ) {
        self.restart(turn.now, key);
        let Some(call) = self.get(key).filter(|call| call.receive_progress == Progress::Yes) else {
            return;
        };
        let (request, details) = (call.request, Dict::from_entries(&PROGRESS));
        turn.send(call.caller, ResultMessage { request, details, payload });
    }

    /// Lets the time of a call begin anew, if it has any.
    fn restart(&mut self, now: Timestamp, key: CallKey) {
        let deadline = self.get(key).and_then(|call| call.deadline);
        let Some(timeout) = deadline.and_then(|deadline| self.deadlines.call_off(deadline)) else {
            return;
        };
        let deadline = Some(self.wait(now, timeout));
        if let Some(call) = self.pending.get_mut(key.0).and_then(Option::as_mut) {
            call.deadline = deadline;
        }
    }

    /// When a call times out, if nothing happens before.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.next()
    }

    /// Ends the calls whose time is over ("Call Timeouts", by the dealer).
    pub(crate) fn expire<O: Observer>(&mut self, turn: &mut Turn<'_, O>) {
        while let Some(Timeout { call, after }) = self.deadlines.expire(turn.now) {
            self.give_up(turn, call, Outcome::Refused(RequestError::Timeout(after)));
        }
    }

    /// Cancels a call ("Call Canceling"); a callee that cannot be interrupted is skipped.
    pub(crate) fn cancel<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        key: CallKey,
        mode: CancelMode,
    ) {
        let Some(call) = self.pending.get_mut(key.0).and_then(Option::as_mut) else { return };
        let mode = match call.interrupt {
            Interruptible::Yes => mode,
            Interruptible::No => CancelMode::Skip,
        };
        let interrupts = mode != CancelMode::Skip && call.phase == CallPhase::Running;
        if interrupts {
            turn.interrupt(call.callee, call.invocation, mode.name());
        }
        match mode {
            CancelMode::Kill => call.phase = CallPhase::Killed,
            CancelMode::Skip | CancelMode::KillNoWait => {
                self.finish(turn, key, Outcome::Refused(RequestError::Canceled));
            }
        }
    }

    /// Ends a call by the router's own decision: the caller gets the error, and the callee is told
    /// to stop if it can be.
    pub(crate) fn give_up<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        key: CallKey,
        outcome: Outcome<'_>,
    ) {
        let Some(call) = self.get(key) else { return };
        if call.interrupt == Interruptible::Yes && call.phase == CallPhase::Running {
            turn.interrupt(call.callee, call.invocation, CancelMode::KillNoWait.name());
        }
        self.finish(turn, key, outcome);
    }

    /// Ends all calls that a session takes part in, since it is gone ("Caller Leaving During an RPC
    /// Invocation", "Callee Leaving During an RPC Invocation"); sends nothing to the session itself.
    pub(crate) fn detach<O: Observer>(&mut self, turn: &mut Turn<'_, O>, session: SessionKey) {
        let Some(own) = self.sessions.get(session.index()) else { return };
        let mut calls = std::mem::take(&mut self.scratch);
        fill_in_order(&mut calls, &own.as_caller);
        for &(_, key) in &calls {
            if self.get(key).is_some_and(|call| call.callee == session) {
                self.finish(turn, key, Outcome::Dropped);
            } else {
                self.give_up(turn, key, Outcome::Dropped);
            }
        }
        if let Some(own) = self.sessions.get(session.index()) {
            fill_in_order(&mut calls, &own.as_callee);
        }
        for &(_, key) in &calls {
            self.finish(turn, key, Outcome::Refused(RequestError::CalleeLeft));
        }
        self.scratch = calls;
        // Invocations count from 1 again for the next session at this key.
        if let Some(own) = self.sessions.get_mut(session.index()) {
            *own = SessionCalls::new(self.seed);
        }
    }

    /// Ends all calls with an error, since the router shuts down.
    pub(crate) fn shut_down<O: Observer>(&mut self, turn: &mut Turn<'_, O>) {
        for index in 0..self.pending.len() {
            self.finish(turn, CallKey(index), Outcome::Refused(RequestError::ShuttingDown));
        }
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.pending.iter().all(Option::is_none) && self.deadlines.is_empty()
    }

    /// Proves the invariants. Cost: O(pending calls + highest session key).
    pub(crate) fn check(&self, is_open: impl Fn(SessionKey) -> bool) -> Result<(), String> {
        self.deadlines.check()?;
        let mut count = 0;
        let mut deadline_count = 0;
        for (index, call) in self.pending.iter().enumerate() {
            let Some(call) = call else { continue };
            count += 1;
            let key = Some(CallKey(index));
            if self.of_caller(call.caller, call.request) != key
                || self.of_callee(call.callee, call.invocation) != key
                || !is_open(call.caller)
                || !is_open(call.callee)
                || !self.was_issued(call.callee, call.invocation)
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
        if made != count || given != count {
            return Err(format!("calls: {count} pending, {made} made, {given} given"));
        }
        Ok(())
    }

    fn get(&self, key: CallKey) -> Option<&PendingCall> {
        self.pending.get(key.0)?.as_ref()
    }
}

impl SessionCalls {
    fn new(seed: u64) -> Self {
        Self {
            as_caller: HashMap::with_hasher(hasher(seed)),
            as_callee: HashMap::with_hasher(hasher(seed)),
            issued: None,
        }
    }
}

/// The calls of one side by ascending request, so that what is sent about them has an order.
fn fill_in_order(calls: &mut Vec<(RequestId, CallKey)>, side: &HashMap<RequestId, CallKey>) {
    calls.clear();
    calls.extend(side.iter().map(|(request, key)| (*request, *key)));
    calls.sort_unstable_by_key(|(request, _)| *request);
}
