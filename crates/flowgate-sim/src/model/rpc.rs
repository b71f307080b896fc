//! The dealer of the model.

use std::{cmp::Reverse, time::Duration};

use flowgate_event::{Disclosure, GateAction};
use flowgate_router::{CallSettings, SessionKey};
use flowgate_wire::{
    Call, Cancel, Dict, Error, MatchPolicy, MessageType, Register, Unregister, Yield, uris,
};

use super::{
    Model, Name, Pending, Phase, Registration,
    pubsub::{check_booleans, match_policy},
};
use crate::said::{self, Said, is_true};

impl Model {
    pub(super) fn register(&mut self, from: SessionKey, message: &Register<'_>) {
        let request = message.request.get();
        let admitted = match_policy(&message.options).and_then(|policy| {
            self.admit(from, GateAction::Register, policy, &message.procedure)?;
            let name = (policy, message.procedure.to_string());
            if self.registrations.contains_key(&name) {
                return Err(uris::error::PROCEDURE_ALREADY_EXISTS);
            }
            Ok(name)
        });
        match admitted {
            Err(error) => self.refuse(from, MessageType::Register, request, error),
            Ok(name) => {
                self.registration_count += 1;
                let id = self.registration_count;
                self.registrations.insert(name, Registration { id, callee: from });
                self.expect(from, Said::Registered { request, registration: id });
            }
        }
    }

    pub(super) fn unregister(&mut self, from: SessionKey, message: &Unregister) {
        let (request, id) = (message.request.get(), message.registration.get());
        let before = self.registrations.len();
        self.registrations
            .retain(|_, registration| registration.id != id || registration.callee != from);
        if self.registrations.len() < before {
            self.expect(from, Said::Unregistered { request });
        } else {
            let error = uris::error::NO_SUCH_REGISTRATION;
            self.refuse(from, MessageType::Unregister, request, error);
        }
    }

    pub(super) fn call(&mut self, from: SessionKey, message: &Call<'_>) {
        let request = message.request.get();
        if self.calls.iter().any(|call| call.caller == from && call.request == request) {
            return self.violate(from);
        }
        if let Err(error) = self.route(from, message) {
            self.refuse(from, MessageType::Call, request, error);
        }
    }

    fn route(&mut self, from: SessionKey, message: &Call<'_>) -> Result<(), &'static str> {
        check_booleans(&message.options, &["receive_progress", "disclose_me"])?;
        if message.options.get("timeout").is_some_and(|value| value.as_u64().is_none()) {
            return Err(uris::error::INVALID_ARGUMENT);
        }
        let disclosure =
            self.admit(from, GateAction::Call, MatchPolicy::Exact, &message.procedure)?;
        let procedure = message.procedure.as_str();
        if procedure.starts_with("wamp.") {
            return self.call_meta(from, message);
        }
        let best = self
            .registrations
            .iter()
            .filter(|((policy, pattern), _)| policy.matches(pattern, procedure))
            .min_by_key(|(name, _)| precedence(name));
        let ((policy, _), registration) = best.ok_or(uris::error::NO_SUCH_PROCEDURE)?;
        let callee = registration.callee;
        let features = self.features(callee);
        let receive_progress = is_true(&message.options, "receive_progress");
        let is_disclosed =
            disclosure == Disclosure::Always || is_true(&message.options, "disclose_me");
        let caller = self.sessions.get(&from).map(|seat| seat.id).filter(|_| is_disclosed);
        let mut said = Said::Invocation {
            request: 0,
            registration: registration.id,
            procedure: (*policy != MatchPolicy::Exact).then(|| procedure.to_owned()),
            caller,
            receive_progress: receive_progress
                && features.callee_progressive_call_results
                && features.callee_call_canceling,
            payload: said::payload(&message.payload),
        };
        let Some(seat) = self.sessions.get_mut(&callee) else { return Ok(()) };
        seat.issued += 1;
        let invocation = seat.issued;
        if let Said::Invocation { request, .. } = &mut said {
            *request = invocation;
        }
        self.expect(callee, said);
        let (caller, request, is_killed) = (from, message.request.get(), false);
        let timeout = self.timeout(&message.options);
        self.calls.push(Pending {
            caller,
            request,
            callee,
            invocation,
            receive_progress,
            is_killed,
            timeout,
            deadline: timeout.map(|timeout| self.now.after(timeout)),
        });
        Ok(())
    }

    pub(super) fn cancel(&mut self, from: SessionKey, message: &Cancel<'_>) {
        let request = message.request.get();
        let mode = said::text(&message.options, "mode").unwrap_or_else(|| "killnowait".to_owned());
        if !["skip", "kill", "killnowait"].contains(&mode.as_str()) {
            let error = uris::error::INVALID_ARGUMENT;
            return self.refuse(from, MessageType::Cancel, request, error);
        }
        let found =
            self.calls.iter().position(|call| call.caller == from && call.request == request);
        let Some(index) = found else { return };
        let call = self.calls[index].clone();
        let can_interrupt = self.features(call.callee).callee_call_canceling;
        if can_interrupt && mode != "skip" && !call.is_killed {
            let request = call.invocation;
            self.expect(call.callee, Said::Interrupt { request, mode: mode.clone() });
        }
        if can_interrupt && mode == "kill" {
            self.calls[index].is_killed = true;
        } else {
            self.calls.remove(index);
            self.refuse(from, MessageType::Call, request, uris::error::CANCELED);
        }
    }

    pub(super) fn result(&mut self, from: SessionKey, message: &Yield<'_>) {
        if check_booleans(&message.options, &["progress"]).is_err() {
            return self.violate(from);
        }
        let progress = is_true(&message.options, "progress");
        let payload = said::payload(&message.payload);
        let Some(index) = self.answered(from, message.request.get()) else { return };
        let call = self.calls[index].clone();
        if progress {
            let deadline = call.timeout.map(|timeout| self.now.after(timeout));
            self.calls[index].deadline = deadline;
        } else {
            self.calls.remove(index);
        }
        if !progress || call.receive_progress {
            let request = call.request;
            self.expect(call.caller, Said::Result { request, progress, payload });
        }
    }

    pub(super) fn error(&mut self, from: SessionKey, message: &Error<'_>) {
        if message.request_type != MessageType::Invocation {
            return self.violate(from);
        }
        let Some(index) = self.answered(from, message.request.get()) else { return };
        let Pending { caller, request, .. } = self.calls.remove(index);
        if message.error.is_valid(self.settings.uri_check, MatchPolicy::Exact) {
            let error = message.error.to_string();
            let payload = said::payload(&message.payload);
            self.expect(caller, Said::Failed { request, error, payload });
        } else {
            self.refuse(caller, MessageType::Call, request, uris::error::INVALID_URI);
        }
    }

    /// How long a call may take: what it asks for or the default, but not too long.
    fn timeout(&self, options: &Dict<'_>) -> Option<Duration> {
        let CallSettings { default_timeout, max_timeout } = self.settings.calls;
        let asked = options.get("timeout").and_then(|value| value.as_u64());
        let timeout = match asked {
            Some(0) => None,
            Some(milliseconds) => Some(Duration::from_millis(milliseconds)),
            None => default_timeout,
        };
        // Nothing is longer than what has no end.
        timeout.into_iter().chain(max_timeout).min()
    }

    /// Ends the calls whose time is over.
    pub(super) fn expire(&mut self) {
        let is_over = |call: &Pending| call.deadline.is_some_and(|deadline| deadline <= self.now);
        let (over, calls) = std::mem::take(&mut self.calls).into_iter().partition(is_over);
        self.calls = calls;
        for call in over {
            self.give_up(&call);
            self.refuse(call.caller, MessageType::Call, call.request, uris::error::TIMEOUT);
        }
    }

    /// The call that an answer is for.
    fn answered(&mut self, callee: SessionKey, invocation: u64) -> Option<usize> {
        let is_it = |call: &Pending| call.callee == callee && call.invocation == invocation;
        let found = self.calls.iter().position(is_it);
        let issued = self.sessions.get(&callee).map_or(0, |seat| seat.issued);
        if found.is_none() && invocation > issued {
            self.violate(callee);
        }
        found
    }

    /// The callee is told that nobody waits any more.
    pub(super) fn give_up(&mut self, call: &Pending) {
        if self.features(call.callee).callee_call_canceling && !call.is_killed {
            let (request, mode) = (call.invocation, "killnowait".to_owned());
            self.expect(call.callee, Said::Interrupt { request, mode });
        }
    }

    pub(super) fn undeliverable(
        &mut self,
        key: SessionKey,
        message: MessageType,
        request: Option<u64>,
    ) {
        let Some(request) = request.filter(|_| self.phase(key) == Some(Phase::Open)) else {
            return;
        };
        let error = uris::error::PAYLOAD_SIZE_EXCEEDED;
        let is_invocation = message == MessageType::Invocation;
        let found = self.calls.iter().position(|call| match is_invocation {
            true => call.callee == key && call.invocation == request,
            false => call.caller == key && call.request == request,
        });
        match found.map(|index| self.calls.remove(index)) {
            Some(call) => {
                if !is_invocation {
                    self.give_up(&call);
                }
                self.refuse(call.caller, MessageType::Call, call.request, error);
            }
            None if is_invocation => {}
            None => self.refuse(key, MessageType::Call, request, error),
        }
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
