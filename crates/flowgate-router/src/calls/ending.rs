//! What callers are told of their calls, and how calls end.

use std::borrow::Cow;

use flowgate_event::{CallOutcome, Called, Event, EventKind, Observer};
use flowgate_wire::{
    Dict, Entry, Error, MessageType, Payload, Result as ResultMessage, Uri, Value,
};

use super::{
    Assigned, CallKey, CallPhase, Calls, Interruptible, Parts, PendingCall, SessionCalls, Target,
};
use crate::{
    AnsweredCall, SessionKey, Taken,
    details::Details,
    options::{CancelMode, Progress},
    passthru::Passthru,
    request_error::RequestError,
    turn::Turn,
};

/// `RESULT.Details` of a result that is not the last.
static PROGRESS: [Entry<'static>; 1] = [(Cow::Borrowed("progress"), Value::Bool(true))];

/// How a call ends, and what its caller gets.
pub(crate) enum Outcome<'a> {
    /// RESULT.
    Result(&'a Payload<'a>, Option<&'a Passthru>),
    /// ERROR as the callee gave it.
    Error { details: Dict<'a>, error: Uri<'a>, payload: Payload<'a> },
    /// ERROR by the router.
    Refused(RequestError<'a>),
    /// Nothing: the caller is gone.
    Dropped,
}

/// Tells the observer how a call has ended.
pub(crate) fn observe_ended<O: Observer>(
    turn: &mut Turn<'_, O>,
    called: Called<'_>,
    outcome: CallOutcome,
    error: Option<&str>,
) {
    turn.observe(EventKind::CallEnded, || Event::CallEnded { called, outcome, error });
}

/// Tells the observer how a call has ended whose reply had this outcome, and returns how it has:
/// what the caller does not take is an error to it.
pub(crate) fn observe_replied<O: Observer>(
    turn: &mut Turn<'_, O>,
    called: Called<'_>,
    outcome: CallOutcome,
    error: Option<&str>,
    taken: Taken,
) -> CallOutcome {
    let too_large = RequestError::AnswerTooLarge;
    let (outcome, error) = match taken {
        Taken::Whole => (outcome, error),
        Taken::TooLarge => (too_large.call_outcome(), Some(too_large.uri())),
    };
    observe_ended(turn, called, outcome, error);
    outcome
}

impl Calls {
    /// Sends the final reply of a call and removes it: the only way out.
    pub(crate) fn finish<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        key: CallKey,
        outcome: Outcome<'_>,
    ) {
        let Some(call) = self.get(key) else { return };
        turn.trail.visit(call.tag.as_ref());
        let outcome = call.end(turn, outcome);
        if turn.trail.is_on() {
            call.end_action(turn, outcome);
        }
        self.remove(key);
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
        payload: &Payload<'_>,
        passthru: Option<&Passthru>,
    ) {
        self.restart(turn.now, key);
        let Some(call) = self.get(key).filter(|call| call.receive_progress == Progress::Yes) else {
            return;
        };
        let (to, request, payload) = (call.caller, call.request, payload.reborrow());
        match passthru {
            None => {
                let details = Dict::from_entries(&PROGRESS);
                turn.send(to, ResultMessage { request, details, payload });
            }
            Some(passthru) => {
                let mut details = Details::<5>::new();
                details.push("progress", true);
                passthru.push_to(&mut details);
                turn.send(to, ResultMessage { request, details: details.as_dict(), payload });
            }
        }
    }

    /// Cancels a call ("Call Canceling"); a callee that cannot be interrupted is skipped.
    pub(crate) fn cancel<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        key: CallKey,
        mode: CancelMode,
    ) {
        let Some(call) = self.get_mut(key) else { return };
        // A call that waits for a callee is skipped, and so is one that the shell serves.
        let mode = if call.interruptible().is_some() { mode } else { CancelMode::Skip };
        call.interrupt(turn, mode);
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
        call.interrupt(turn, CancelMode::KillNoWait);
        self.finish(turn, key, outcome);
    }

    /// Ends a call whose INVOCATION has not come to its callee; one that has had earlier parts of
    /// it is told to stop.
    pub(crate) fn lose<O: Observer>(&mut self, turn: &mut Turn<'_, O>, key: CallKey) {
        let outcome = Outcome::Refused(RequestError::InvocationTooLarge);
        match self.kept(key).map(|kept| &kept.parts) {
            Some(Parts::Some | Parts::All) => self.give_up(turn, key, outcome),
            Some(Parts::Whole(_)) | None => self.finish(turn, key, outcome),
        }
    }

    /// Ends all calls that a session takes part in, since it is gone ("Caller Leaving During an RPC
    /// Invocation", "Callee Leaving During an RPC Invocation"); sends nothing to the session itself.
    pub(crate) fn detach<O: Observer>(&mut self, turn: &mut Turn<'_, O>, session: SessionKey) {
        let Some(own) = self.sessions.get(session.index()) else { return };
        let mut calls = std::mem::take(&mut self.scratch);
        own.as_caller.fill_in_order(&mut calls);
        for &(_, key) in &calls {
            if self.get(key).is_some_and(|call| call.is_with(session)) {
                self.finish(turn, key, Outcome::Dropped);
            } else {
                self.give_up(turn, key, Outcome::Dropped);
            }
        }
        if let Some(own) = self.sessions.get(session.index()) {
            own.as_callee.fill_in_order(&mut calls);
        }
        for &(_, key) in &calls {
            self.finish(turn, key, Outcome::Refused(RequestError::CalleeLeft));
        }
        self.scratch = calls;
        // Invocations count from 1 again for the next session at this key.
        if let Some(own) = self.sessions.get_mut(session.index()) {
            *own = SessionCalls::default();
        }
    }

    /// Ends all calls with an error, since the router shuts down.
    pub(crate) fn shut_down<O: Observer>(&mut self, turn: &mut Turn<'_, O>) {
        for index in 0..self.pending.len() {
            self.finish(turn, CallKey(index), Outcome::Refused(RequestError::ShuttingDown));
        }
    }
}

impl PendingCall {
    /// Sends the final reply; returns how the call has ended.
    fn end<O: Observer>(&self, turn: &mut Turn<'_, O>, outcome: Outcome<'_>) -> CallOutcome {
        let &Self { caller, request, ref target, began, .. } = self;
        let (called, answered) = match *target {
            Target::Registered { registration, .. } => {
                (Called::Registered(registration), Some(AnsweredCall { registration, began }))
            }
            Target::Served { ref procedure, .. } => (Called::Router(procedure), None),
        };
        match outcome {
            Outcome::Result(payload, None) => {
                let (details, payload) = (Dict::EMPTY, payload.reborrow());
                let result = ResultMessage { request, details, payload };
                let taken = turn.reply(caller, result, answered);
                observe_replied(turn, called, CallOutcome::Ok, None, taken)
            }
            Outcome::Result(payload, Some(passthru)) => {
                let mut details = Details::<4>::new();
                passthru.push_to(&mut details);
                let (details, payload) = (details.as_dict(), payload.reborrow());
                let result = ResultMessage { request, details, payload };
                let taken = turn.reply(caller, result, answered);
                observe_replied(turn, called, CallOutcome::Ok, None, taken)
            }
            Outcome::Error { details, error, payload } => {
                let (request_type, uri) = (MessageType::Call, error.clone());
                let error = Error { request_type, request, details, error, payload };
                let taken = turn.reply(caller, error, answered);
                observe_replied(turn, called, CallOutcome::Error, Some(uri.as_str()), taken)
            }
            Outcome::Refused(error) => {
                observe_ended(turn, called, error.call_outcome(), Some(error.uri()));
                turn.refuse_call(caller, request, &error, answered);
                error.call_outcome()
            }
            Outcome::Dropped => {
                observe_ended(turn, called, CallOutcome::CallerGone, None);
                CallOutcome::CallerGone
            }
        }
    }

    /// Says that the call's action, which was visited, has ended.
    #[cold]
    fn end_action<O: Observer>(&self, turn: &mut Turn<'_, O>, outcome: CallOutcome) {
        turn.trail.leave();
        if let Some(tag) = &self.tag {
            let unsent =
                (outcome == CallOutcome::CallerGone).then_some((self.caller, self.request));
            turn.end_call(tag, outcome, unsent);
        }
    }

    /// The callee that has the call, if it can be interrupted.
    fn interruptible(&self) -> Option<Assigned> {
        self.with().filter(|with| with.interrupt == Interruptible::Yes)
    }

    /// Sends INTERRUPT to the callee that runs the call, if it can be interrupted and the mode does
    /// not skip it.
    fn interrupt<O: Observer>(&self, turn: &mut Turn<'_, O>, mode: CancelMode) {
        if let Some(Assigned { callee, invocation, .. }) = self.interruptible()
            && mode != CancelMode::Skip
            && self.phase == CallPhase::Running
        {
            turn.trail.visit(self.tag.as_ref());
            turn.interrupt(callee, invocation, mode.name());
            turn.trail.leave();
        }
    }

    fn is_with(&self, session: SessionKey) -> bool {
        self.with().is_some_and(|with| with.callee == session)
    }
}
