//! What clients ask of the dealer.

use std::time::Duration;

use flowgate_event::{GateAction, Observer};
use flowgate_wire::{
    Call, Cancel, Error, Invocation, MatchPolicy, MessageType, Register, Registered,
    RegistrationId, RequestId, Unregister, Unregistered, Yield,
};

use crate::{
    CallSettings, ClientFeatures, SessionKey,
    calls::{CallKey, Interruptible, NewCall, Outcome},
    dealer::Route,
    details::Details,
    options::{CallOptions, CancelMode, Progress, RegisterOptions, YieldOptions},
    realm::{State, is_reserved},
    request_error::RequestError,
    session::Identity,
    turn::Turn,
};

impl State {
    pub(crate) fn handle_register<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Register<'_>,
    ) {
        let request = message.request;
        match self.register(turn, from, message) {
            Ok(registration) => turn.send(from, Registered { request, registration }),
            Err(error) => turn.refuse(from, MessageType::Register, request, &error),
        }
    }

    fn register<'m, O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &'m Register<'_>,
    ) -> Result<RegistrationId, RequestError<'m>> {
        let RegisterOptions { policy } = RegisterOptions::parse(&message.options)?;
        let procedure = self.check_uri(&message.procedure, policy)?;
        if is_reserved(procedure) {
            return Err(RequestError::ReservedUri(procedure));
        }
        self.admit(turn, from, GateAction::Register, procedure, policy)?;
        self.dealer.register(from, policy, procedure)
    }

    pub(crate) fn handle_unregister<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Unregister,
    ) {
        let request = message.request;
        match self.dealer.unregister(from, message.registration) {
            Ok(()) => turn.send(from, Unregistered { request: Some(request), details: None }),
            Err(error) => turn.refuse(from, MessageType::Unregister, request, &error),
        }
    }

    pub(crate) fn handle_call<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Call<'_>,
    ) {
        if self.calls.of_caller(from, message.request).is_some() {
            return self.violate(turn, from, "CALL with the request identifier of a pending call");
        }
        if let Err(error) = self.call(turn, from, message) {
            turn.refuse(from, MessageType::Call, message.request, &error);
        }
    }

    fn call<'m, O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &'m Call<'_>,
    ) -> Result<(), RequestError<'m>> {
        let options = CallOptions::parse(&message.options)?;
        let procedure = self.check_uri(&message.procedure, MatchPolicy::Exact)?;
        let disclosure = self.admit(turn, from, GateAction::Call, procedure, MatchPolicy::Exact)?;
        if is_reserved(procedure) {
            return self.call_meta(turn, from, message);
        }
        let route = self.dealer.route(procedure).ok_or(RequestError::NoSuchProcedure(procedure))?;
        let caller = self.sessions.open(from).map(|session| session.identity());
        let caller = caller.filter(|_| options.disclose_me.applies(disclosure));
        let features = self.sessions.open(route.callee).map(|callee| callee.features);
        let features = features.unwrap_or_default();
        let timeout = self.config.calls.timeout(options.timeout);
        let invocation = self.calls.begin(
            turn.now,
            &NewCall {
                caller: from,
                request: message.request,
                callee: route.callee,
                receive_progress: options.receive_progress,
                interrupt: interruptible(features),
                timeout,
            },
        );
        let asks_progress = options.receive_progress == Progress::Yes && takes_progress(features);
        invoke(turn, &route, invocation, message, caller, asks_progress);
        Ok(())
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
        message: Yield<'_>,
    ) {
        // YIELD has no reply, and to guess whether it was the last would leave the caller with too
        // many answers or none: a wrong type is a protocol error.
        let Ok(YieldOptions { progress }) = YieldOptions::parse(&message.options) else {
            return self.violate(turn, from, "option \"progress\" of YIELD is not a boolean");
        };
        let Some(call) = self.invocation(turn, from, message.request, "YIELD") else { return };
        match progress {
            Progress::Yes => self.calls.progress(turn, call, message.payload),
            Progress::No => self.calls.finish(turn, call, Outcome::Result(message.payload)),
        }
    }

    pub(crate) fn handle_error<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: Error<'_>,
    ) {
        if message.request_type != MessageType::Invocation {
            return self.violate(turn, from, "ERROR for what is not an INVOCATION");
        }
        let Some(call) = self.invocation(turn, from, message.request, "ERROR") else { return };
        let Error { details, error, payload, .. } = message;
        if error.is_valid(self.config.uri_check, MatchPolicy::Exact) {
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

/// Sends INVOCATION ("Calling and Invocations").
fn invoke<O: Observer>(
    turn: &mut Turn<'_, O>,
    route: &Route,
    request: RequestId,
    call: &Call<'_>,
    caller: Option<Identity<'_>>,
    asks_progress: bool,
) {
    let mut details = Details::<5>::new();
    if route.policy != MatchPolicy::Exact {
        details.push("procedure", call.procedure.as_str());
    }
    if let Some(caller) = caller {
        details.push("caller", caller.session.get());
        details.push("caller_authid", caller.authid);
        details.push("caller_authrole", caller.authrole);
    }
    if asks_progress {
        details.push("receive_progress", true);
    }
    turn.send(
        route.callee,
        Invocation {
            request,
            registration: route.registration,
            details: details.as_dict(),
            payload: call.payload.clone(),
        },
    );
}

impl CallSettings {
    /// How long a call may wait for a result, given what its caller asks for: zero for no limit,
    /// `None` for the default.
    fn timeout(&self, asked: Option<Duration>) -> Option<Duration> {
        let wanted = asked.or(self.default_timeout).filter(|timeout| !timeout.is_zero());
        match (wanted, self.max_timeout) {
            (Some(wanted), Some(max)) => Some(wanted.min(max)),
            (wanted, max) => wanted.or(max),
        }
    }
}

fn interruptible(features: ClientFeatures) -> Interruptible {
    if features.callee_call_canceling { Interruptible::Yes } else { Interruptible::No }
}

/// A callee that cannot be interrupted is not asked for progressive results ("Progressive Call
/// Results", feature announcement).
fn takes_progress(features: ClientFeatures) -> bool {
    features.callee_progressive_call_results && features.callee_call_canceling
}
