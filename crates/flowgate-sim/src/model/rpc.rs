//! The dealer of the model: calls.

use std::{cmp::Reverse, time::Duration};

use flowgate_event::{Disclosure, GateAction};
use flowgate_router::{CallSettings, SessionKey};
use flowgate_wire::{Call, MatchPolicy, MessageType, uris};

use super::{
    ASKED, Model, Name, Parts, Pending, Registration, invocations::check_callee, served,
    wishes::check_booleans,
};
use crate::said::{self, is_true};

/// Crossbar.io's error for callees that take no more calls.
const MAX_CONCURRENCY_REACHED: &str = "crossbar.error.max_concurrency_reached";

/// Why a call is not made.
enum Fault {
    Refused(&'static str),
    Violation,
}

impl From<&'static str> for Fault {
    fn from(error: &'static str) -> Self {
        Self::Refused(error)
    }
}

impl Model {
    pub(super) fn call(&mut self, from: SessionKey, message: &Call<'_>) {
        let request = message.request.get();
        let is_it = |call: &Pending| call.caller == from && call.request == request;
        if let Some(index) = self.calls.iter().position(is_it) {
            return self.continue_call(index, message);
        }
        if self.sessions.get(&from).is_some_and(|seat| request <= seat.streamed) {
            return;
        }
        let outcome = self.route(from, message);
        if let Some(seat) = self.sessions.get_mut(&from)
            && is_true(&message.options, "progress")
            && !matches!(outcome, Err(Fault::Refused(ASKED)))
        {
            seat.streamed = seat.streamed.max(request);
        }
        match outcome {
            Ok(()) => {}
            Err(Fault::Refused(error)) => self.refuse(from, MessageType::Call, request, error),
            Err(Fault::Violation) => self.violate(from),
        }
    }

    fn continue_call(&mut self, index: usize, message: &Call<'_>) {
        let call = &mut self.calls[index];
        let caller = call.caller;
        let is_wrong = check_booleans(&message.options, &["progress"]).is_err();
        if call.parts != Parts::Some || message.procedure.as_str() != call.procedure || is_wrong {
            return self.violate(caller);
        }
        let is_last = !is_true(&message.options, "progress");
        if is_last {
            call.parts = Parts::All;
        }
        call.deadline = call.timeout.map(|timeout| self.now.after(timeout));
        call.payload = said::payload(&message.payload);
        if !call.is_killed {
            self.see("parts");
            self.expect_invocation(index, !is_last);
        }
    }

    fn route(&mut self, from: SessionKey, message: &Call<'_>) -> Result<(), Fault> {
        let options = &message.options;
        check_booleans(options, &["receive_progress", "disclose_me", "progress"])?;
        if options.get("timeout").is_some_and(|value| value.as_u64().is_none()) {
            Err(uris::error::INVALID_ARGUMENT)?;
        }
        let key = said::text(options, "rkey");
        let is_partitioned = match said::text(options, "runmode").as_deref() {
            None => false,
            Some("partition") => true,
            Some(_) => Err(uris::error::OPTION_NOT_ALLOWED)?,
        };
        if (is_partitioned && key.is_none()) || (key.is_none() && options.get("rkey").is_some()) {
            Err(uris::error::INVALID_ARGUMENT)?;
        }
        let key = key.filter(|_| is_partitioned);
        if options.get("ppt_cipher").is_some() && options.get("ppt_scheme").is_none() {
            Err(uris::error::INVALID_ARGUMENT)?;
        }
        if !message.procedure.is_valid(self.settings.uri_check, MatchPolicy::Exact) {
            Err(uris::error::INVALID_URI)?;
        }
        let features = self.features(from);
        let progress = is_true(options, "progress");
        let passthru = said::text(options, "ppt_scheme");
        if (progress && !features.caller_progressive_call_invocations)
            || (passthru.is_some() && !features.caller_payload_passthru_mode)
        {
            return Err(Fault::Violation);
        }
        let disclosure =
            self.admit(from, GateAction::Call, MatchPolicy::Exact, &message.procedure)?;
        let procedure = message.procedure.as_str();
        if procedure.starts_with("wamp.") {
            if progress {
                Err(uris::error::FEATURE_NOT_SUPPORTED)?;
            }
            return Ok(self.call_meta(from, message)?);
        }
        if served::is_served(procedure) {
            return Ok(self.serve(from, message)?);
        }
        let disclosed = match (disclosure, is_true(options, "disclose_me")) {
            (Disclosure::Never, true) => Err(uris::error::DISCLOSE_ME_DISALLOWED)?,
            (Disclosure::Never, false) => Some(false),
            (Disclosure::Always, _) | (Disclosure::OnRequest, true) => Some(true),
            (Disclosure::OnRequest, false) => None,
        };
        let ((policy, _), registration) =
            self.best(procedure).ok_or(uris::error::NO_SUCH_PROCEDURE)?;
        let (policy, registration) = (*policy, registration.id);
        let asked = options.get("timeout").and_then(|value| value.as_u64());
        let asked = asked.map(Duration::from_millis);
        let mut call = Pending {
            caller: from,
            request: message.request.get(),
            registration,
            served: None,
            with: None,
            place: 0,
            policy,
            procedure: procedure.to_owned(),
            key,
            disclosed,
            receive_progress: is_true(options, "receive_progress"),
            passthru,
            payload: said::payload(&message.payload),
            parts: if progress { Parts::Some } else { Parts::Whole },
            is_kept: false,
            tried: Vec::new(),
            is_killed: false,
            asked,
            timeout: self.timeout(asked),
            deadline: None,
        };
        match self.choose(&call) {
            Some(callee) => {
                // A call that cannot be made is a turn, too.
                self.take_turn(&call, callee);
                check_callee(&call, self.features(callee.key))?;
                let callees = self.callees(registration).len();
                call.is_kept =
                    !progress && self.features(callee.key).callee_call_reroute && callees > 1;
                if self.forwards(callee) {
                    call.timeout = self.settings.calls.max_timeout;
                }
                let index = self.add(call);
                self.give(index, callee);
            }
            None => {
                let waiting = self
                    .calls
                    .iter()
                    .filter(|call| call.registration == registration && call.with.is_none());
                if waiting.count() >= self.settings.calls.queue_limit || progress {
                    Err(MAX_CONCURRENCY_REACHED)?;
                }
                call.is_kept = true;
                let index = self.add(call);
                self.wait(index);
            }
        }
        Ok(())
    }

    /// The registration that a procedure is called at.
    pub(super) fn best(&self, procedure: &str) -> Option<(&Name, &Registration)> {
        let all = self.registrations.iter();
        let matching = all.filter(|((policy, pattern), _)| policy.matches(pattern, procedure));
        matching.min_by_key(|(name, _)| precedence(name))
    }

    pub(super) fn add(&mut self, mut call: Pending) -> usize {
        call.deadline = call.timeout.map(|timeout| self.now.after(timeout));
        self.calls.push(call);
        self.calls.len() - 1
    }

    /// How long a call may take: what it asks for or the default, but not too long.
    pub(super) fn timeout(&self, asked: Option<Duration>) -> Option<Duration> {
        let CallSettings { default_timeout, max_timeout, .. } = self.settings.calls;
        let timeout = asked.or(default_timeout).filter(|timeout| !timeout.is_zero());
        // Nothing is longer than what has no end.
        timeout.into_iter().chain(max_timeout).min()
    }
}

/// The order in which registrations are preferred ("Pattern-based Registrations").
fn precedence((policy, pattern): &Name) -> (MatchPolicy, Vec<Reverse<usize>>) {
    let ranks = match policy {
        MatchPolicy::Exact => Vec::new(),
        MatchPolicy::Prefix => vec![Reverse(pattern.len())],
        MatchPolicy::Wildcard => pattern
            .split('.')
            .collect::<Vec<_>>()
            .split(|component| component.is_empty())
            .map(|run| Reverse(run.len()))
            .collect(),
    };
    (*policy, ranks)
}
