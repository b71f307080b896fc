//! What a callee is told about a call.

use std::time::Duration;

use flowgate_event::{Observer, SpanId};
use flowgate_wire::{Dict, Invocation, MatchPolicy, Payload, RequestId};

use crate::{
    ClientFeatures, SessionKey, TrustLevel,
    calls::{Disclosed, Interruptible},
    dealer::Route,
    details::Details,
    foreign_context::GivenContext,
    options::{CallOptions, CalleeTerms, Progress},
    passthru::Passthru,
    request_error::RequestError,
    session::{Session, Sessions},
    turn::Turn,
};

/// The most entries that the details of an INVOCATION have.
const DETAILS_MAX: usize = 8 + Passthru::KEYS.len() + GivenContext::KEY_COUNT;

/// One INVOCATION to be.
pub(crate) struct Invoke<'a> {
    pub(crate) route: &'a Route,
    pub(crate) request: RequestId,
    pub(crate) procedure: &'a str,
    pub(crate) options: &'a CallOptions,
    /// The options count in the first part only, but for this one.
    pub(crate) progress: Progress,
    /// Who calls, if the callee is told.
    pub(crate) caller: Option<&'a Session>,
    pub(crate) trustlevel: Option<TrustLevel>,
    pub(crate) features: &'a ClientFeatures,
    /// The timeout that the callee looks after.
    pub(crate) timeout: Option<Duration>,
    pub(crate) payload: &'a Payload<'a>,
}

impl Invoke<'_> {
    /// Sends INVOCATION ("Calling and Invocations").
    #[inline]
    pub(crate) fn send<O: Observer>(&self, turn: &mut Turn<'_, O>, sessions: &Sessions) {
        if !self.is_plain() {
            return self.send_detailed(turn, sessions);
        }
        let (callee, invocation) = self.invocation(Dict::EMPTY);
        turn.send(callee, invocation);
    }

    // Apart, so that a plain INVOCATION needs no room for details.
    #[inline(never)]
    fn send_detailed<O: Observer>(&self, turn: &mut Turn<'_, O>, sessions: &Sessions) {
        let context = self.options.context.as_ref().map(|context| {
            let action = turn.trail.correlation().zip(sessions.get(self.route.callee));
            context.pass(action.map(|(correlation, callee)| {
                SpanId::of_delivery(correlation, callee.id.get(), self.request.get())
            }))
        });
        let mut details = Details::<DETAILS_MAX>::new();
        if self.route.policy != MatchPolicy::Exact {
            details.push("procedure", self.procedure);
        }
        if let Some(caller) = self.caller.map(Session::identity) {
            details.push("caller", caller.session.get());
            details.push("caller_authid", caller.authid);
            details.push("caller_authrole", caller.authrole);
        }
        if let Some(TrustLevel(level)) = self.trustlevel {
            details.push("trustlevel", u64::from(level));
        }
        if self.asks_progress() {
            details.push("receive_progress", true);
        }
        if self.progress == Progress::Yes {
            details.push("progress", true);
        }
        if let Some(timeout) = self.timeout {
            details.push("timeout", u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        }
        if let Some(passthru) = self.options.passthru() {
            passthru.push_to(&mut details);
        }
        if let Some(context) = &context {
            context.push_to(&mut details);
        }
        let (callee, invocation) = self.invocation(details.as_dict());
        turn.send(callee, invocation);
    }

    /// INVOCATION, and who gets it.
    #[inline]
    fn invocation<'m>(&'m self, details: Dict<'m>) -> (SessionKey, Invocation<'m>) {
        let &Self { route, request, payload, .. } = self;
        let &Route { registration, callee, .. } = route;
        let payload = payload.reborrow();
        (callee, Invocation { request, registration, details, payload })
    }

    /// Whether there is nothing to say but the payload.
    fn is_plain(&self) -> bool {
        self.route.policy == MatchPolicy::Exact
            && self.caller.is_none()
            && self.trustlevel.is_none()
            && self.options.receive_progress == Progress::No
            && self.progress == Progress::No
            && self.timeout.is_none()
            && self.options.passthru.is_none()
            && self.options.context.is_none()
    }

    /// A callee that cannot be interrupted is asked for progressive results like others: the
    /// specification would have it disregarded, the field does not ("Progressive Call Results",
    /// feature announcement; docs/decisions/0040).
    fn asks_progress(&self) -> bool {
        self.options.receive_progress == Progress::Yes
            && self.features.callee_progressive_call_results
    }
}

impl CallOptions {
    /// The attributes of a payload that is not to be looked into.
    pub(crate) fn passthru(&self) -> Option<&Passthru> {
        self.passthru.as_deref().filter(|passthru| passthru.is_on())
    }

    /// Whether a callee supports what a call needs.
    pub(crate) fn check_callee(
        &self,
        features: &ClientFeatures,
    ) -> Result<(), RequestError<'static>> {
        let takes_parts =
            features.callee_progressive_call_invocations && features.callee_call_canceling;
        if self.progress == Progress::Yes && !takes_parts {
            return Err(RequestError::FeatureNotSupported("progressive call invocations"));
        }
        if self.passthru().is_some() && !features.callee_payload_passthru_mode {
            return Err(RequestError::FeatureNotSupported("payload passthru mode"));
        }
        Ok(())
    }
}

impl Disclosed {
    /// Whether a callee is told who calls.
    pub(crate) fn to(self, callee: CalleeTerms) -> bool {
        match self {
            Self::Yes => true,
            Self::OnDemand => callee.disclose_caller,
            Self::No => false,
        }
    }
}

impl CalleeTerms {
    /// Whether a callee looks after timeouts itself ("Call Timeouts", by the callee).
    pub(crate) fn forwards_timeout(self, features: &ClientFeatures) -> bool {
        self.forward_timeout && features.callee_call_timeout
    }
}

impl ClientFeatures {
    pub(crate) fn interruptible(&self) -> Interruptible {
        if self.callee_call_canceling { Interruptible::Yes } else { Interruptible::No }
    }
}
