//! What clients ask of the dealer about calls.

mod passing;

use std::time::Duration;

use flowgate_event::{Called, Disclosure, Event, EventKind, GateAction, Observer};
use flowgate_wire::{Call, Cancel, Error, MatchPolicy, MessageType, RequestId, Yield, uris};

use crate::{
    CallSettings, ClientFeatures, SessionKey,
    calls::{CallKey, Disclosed, Kept, NewCall, Outcome, Parts, Standing, Target},
    dealer::{Route, Routing},
    options::{CallOptions, CancelMode, DiscloseMe, Progress, YieldOptions},
    realm::{State, is_reserved},
    request_error::RequestError,
    turn::Turn,
};

/// Why a CALL is not passed on.
enum CallFault<'m> {
    /// The caller gets an ERROR.
    Refused(RequestError<'m>),
    /// The caller broke the protocol.
    Violation(&'static str),
}

impl<'m> From<RequestError<'m>> for CallFault<'m> {
    fn from(error: RequestError<'m>) -> Self {
        Self::Refused(error)
    }
}

impl State {
    pub(crate) fn handle_call<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Call<'_>,
    ) {
        match self.calls.standing(from, message.request) {
            Standing::New => self.handle_new_call(turn, from, message),
            Standing::Pending(call) => self.continue_call(turn, from, call, message),
            // "Continuations on Completed Calls": the caller has its answer already.
            Standing::Over => {}
        }
    }

    fn handle_new_call<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Call<'_>,
    ) {
        let (progress, outcome) = match CallOptions::parse(&message.options, &mut self.contexts) {
            Ok(ref options) => (Ok(options.progress), self.call(turn, from, message, options)),
            Err(error) => (CallOptions::parse_continuation(&message.options), Err(error.into())),
        };
        // A call that waits for an authorizer is as new when it is handled again.
        let is_over = !matches!(outcome, Err(CallFault::Refused(RequestError::Asked)));
        if progress == Ok(Progress::Yes) && is_over {
            // Also if it is refused: the parts that are on their way are no calls of their own.
            self.calls.note_parts(from, message.request);
        }
        match outcome {
            Ok(()) => {}
            Err(CallFault::Refused(error)) => {
                if is_over {
                    observe_refused(turn, &error);
                }
                turn.refuse(from, MessageType::Call, message.request, &error);
            }
            Err(CallFault::Violation(what)) => self.violate(turn, from, what),
        }
    }

    fn call<'m, O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &'m Call<'_>,
        options: &CallOptions,
    ) -> Result<(), CallFault<'m>> {
        let procedure = self.check_uri(&message.procedure, MatchPolicy::Exact)?;
        if let Some(what) = self.unannounced(from, options) {
            return Err(CallFault::Violation(what));
        }
        let disclosure = self.admit(turn, from, GateAction::Call, procedure, MatchPolicy::Exact)?;
        if is_reserved(procedure) {
            if options.progress == Progress::Yes {
                Err(RequestError::FeatureNotSupported("progressive call invocations"))?;
            }
            return Ok(self.call_meta(turn, from, message)?);
        }
        if self.served.covers(procedure) {
            return Ok(self.serve(turn, from, message, options)?);
        }
        if !options.disclose_me.is_allowed(disclosure) {
            Err(RequestError::DiscloseMeDisallowed(procedure))?;
        }
        let disclosed = options.disclose_me.disclosed(disclosure);
        match self.dealer.route(procedure, options.rkey.as_deref(), &mut self.ids) {
            Routing::To(route) => self.place(turn, from, message, options, disclosed, &route)?,
            Routing::Busy(registration) => {
                let is_full =
                    self.calls.waiting_count(registration) >= self.config.calls.queue_limit;
                if is_full || options.progress == Progress::Yes {
                    Err(RequestError::TooManyCalls(procedure))?;
                }
                let timeout = self.config.calls.timeout(options.timeout);
                let receive_progress = options.receive_progress;
                let parts = Parts::Whole(message.payload.to_owned());
                let kept = Some(Box::new(Kept::new(procedure, options.clone(), disclosed, parts)));
                let (caller, request) = (from, message.request);
                let call = self.calls.begin(
                    turn,
                    NewCall {
                        caller,
                        request,
                        target: Target::of(registration),
                        receive_progress,
                        timeout,
                        kept,
                    },
                );
                self.calls.enqueue(call);
            }
            Routing::Nowhere => Err(RequestError::NoSuchProcedure(procedure))?,
        }
        Ok(())
    }

    /// Gives a call to its callee.
    fn place<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Call<'_>,
        options: &CallOptions,
        disclosed: Disclosed,
        route: &Route,
    ) -> Result<(), RequestError<'static>> {
        let features = &self.features(route.callee);
        if let Err(error) = options.check_callee(features) {
            self.give_back(route);
            return Err(error);
        }
        let procedure = message.procedure.as_str();
        let parts = if options.progress == Progress::Yes {
            Some(Parts::Some)
        } else if features.callee_call_reroute && route.has_others {
            Some(Parts::Whole(message.payload.to_owned()))
        } else {
            None
        };
        let kept = parts.map(|parts| {
            let mut kept = Kept::new(procedure, options.clone(), disclosed, parts);
            kept.route = Some(*route);
            Box::new(kept)
        });
        let timeout = self.config.calls.timeout(options.timeout);
        let forwards = route.terms.forwards_timeout(features);
        let call = self.calls.begin(
            turn,
            NewCall {
                caller: from,
                request: message.request,
                target: Target::of(route.registration),
                receive_progress: options.receive_progress,
                timeout: if forwards { self.config.calls.max_timeout } else { timeout },
                kept,
            },
        );
        self.invoke(
            turn,
            call,
            from,
            (route, features),
            (procedure, options, disclosed),
            &message.payload,
        );
        Ok(())
    }

    /// What a caller has not announced and uses: a protocol error.
    fn unannounced(&self, from: SessionKey, options: &CallOptions) -> Option<&'static str> {
        if options.progress == Progress::No && options.passthru.is_none() {
            return None;
        }
        let features = self.features(from);
        if options.progress == Progress::Yes && !features.caller_progressive_call_invocations {
            Some("CALL with progress by a caller without progressive call invocations")
        } else if options.passthru().is_some() && !features.caller_payload_passthru_mode {
            Some("CALL with ppt_scheme by a caller without payload passthru mode")
        } else {
            None
        }
    }

    /// What a session announced.
    pub(crate) fn features(&self, session: SessionKey) -> ClientFeatures {
        self.sessions.open(session).map(|session| session.features).unwrap_or_default()
    }

    pub(crate) fn handle_cancel<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Cancel<'_>,
    ) {
        match CancelMode::parse(&message.options) {
            // An unknown call has most likely been answered while CANCEL was on its way.
            Ok(mode) => {
                if let Some(call) = self.calls.of_caller(from, message.request) {
                    self.calls.cancel(turn, call, mode);
                }
            }
            // The call itself goes on, and has its own answer.
            Err(error) => turn.refuse(from, MessageType::Cancel, message.request, &error),
        }
    }

    pub(crate) fn handle_yield<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Yield<'_>,
    ) {
        // YIELD has no reply, and to guess whether it was the last would leave the caller with too
        // many answers or none: a wrong type is a protocol error.
        let YieldOptions { progress, passthru } = match YieldOptions::parse(&message.options) {
            Ok(options) => options,
            Err(error) => return self.violate(turn, from, &format!("YIELD: {error}")),
        };
        let passthru = passthru.as_deref().filter(|passthru| passthru.is_on());
        if passthru.is_some() && !self.features(from).callee_payload_passthru_mode {
            let what = "YIELD with ppt_scheme by a callee without payload passthru mode";
            return self.violate(turn, from, what);
        }
        let Some(call) = self.invocation(turn, from, message.request, "YIELD") else { return };
        if passthru.is_some() && !self.takes_passthru(call) {
            return self.refuse_passthru(turn, from, call, message, progress);
        }
        match progress {
            Progress::Yes => self.calls.progress(turn, call, &message.payload, passthru),
            Progress::No => {
                self.calls.finish(turn, call, Outcome::Result(&message.payload, passthru));
            }
        }
    }

    fn takes_passthru(&self, call: CallKey) -> bool {
        let caller = self.calls.caller(call);
        caller.is_some_and(|caller| self.features(caller).caller_payload_passthru_mode)
    }

    /// The caller could not understand the answer: both are told, and the call is over ("Payload
    /// Passthru Mode", application errors).
    fn refuse_passthru<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        call: CallKey,
        message: &Yield<'_>,
        progress: Progress,
    ) {
        let error = RequestError::FeatureNotSupported("payload passthru mode");
        turn.refuse(from, MessageType::Yield, message.request, &error);
        match progress {
            Progress::Yes => self.calls.give_up(turn, call, Outcome::Refused(error)),
            Progress::No => self.calls.finish(turn, call, Outcome::Refused(error)),
        }
    }

    pub(crate) fn handle_error<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Error<'_>,
    ) {
        if message.request_type != MessageType::Invocation {
            return self.violate(turn, from, "ERROR for what is not an INVOCATION");
        }
        let Some(call) = self.invocation(turn, from, message.request, "ERROR") else { return };
        let Error { details, error, payload, .. } = message.clone();
        if error.as_str() == uris::error::UNAVAILABLE && self.features(from).callee_call_reroute {
            self.reroute(turn, call);
        } else if error.is_valid(self.config.uri_check, MatchPolicy::Exact) {
            self.calls.finish(turn, call, Outcome::Error { details, error, payload });
        } else {
            let error = RequestError::InvalidErrorUri(error.as_str());
            self.calls.finish(turn, call, Outcome::Refused(error));
        }
    }

    /// The call that a callee answers. `None` if the call is gone, which is no fault of the
    /// callee; an invocation that the callee was never given is a violation.
    fn invocation<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        invocation: RequestId,
        message: &str,
    ) -> Option<CallKey> {
        let call = self.calls.of_callee(from, invocation);
        if call.is_none() && !self.calls.was_issued(from, invocation) {
            let what = format!("{message} for an INVOCATION that was never sent");
            self.violate(turn, from, &what);
        }
        call
    }
}

/// Tells the observer of a call that was not accepted.
fn observe_refused<O: Observer>(turn: &mut Turn<'_, O>, error: &RequestError<'_>) {
    turn.observe(EventKind::CallEnded, || Event::CallEnded {
        called: Called::Nothing,
        outcome: error.call_outcome(),
        error: Some(error.uri()),
    });
}

impl CallSettings {
    /// How long a call may wait for a result, given what its caller asks for: zero for no limit,
    /// `None` for the default.
    pub(crate) fn timeout(&self, asked: Option<Duration>) -> Option<Duration> {
        let wanted = asked.or(self.default_timeout).filter(|timeout| !timeout.is_zero());
        match (wanted, self.max_timeout) {
            (Some(wanted), Some(max)) => Some(wanted.min(max)),
            (wanted, max) => wanted.or(max),
        }
    }
}

impl DiscloseMe {
    /// How far a caller that may ask for it is disclosed.
    fn disclosed(self, disclosure: Disclosure) -> Disclosed {
        match disclosure {
            Disclosure::Never => Disclosed::No,
            _ if self.applies(disclosure) => Disclosed::Yes,
            Disclosure::OnRequest | Disclosure::Always => Disclosed::OnDemand,
        }
    }
}
