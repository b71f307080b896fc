//! The dealer of the model: calls.

use std::{cmp::Reverse, time::Duration};

use flowgate_event::{Disclosure, GateAction};
use flowgate_router::{CallSettings, ClientFeatures, SessionKey};
use flowgate_wire::{Call, Cancel, Error, MatchPolicy, MessageType, Yield, uris};

use super::{ASKED, Callee, Model, Name, Parts, Pending, Phase, pubsub::check_booleans, served};
use crate::said::{self, Said, is_true};

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
            *self.seen.entry("parts").or_default() += 1;
            self.expect_invocation(index, !is_last);
        }
    }

    fn route(&mut self, from: SessionKey, message: &Call<'_>) -> Result<(), Fault> {
        let options = &message.options;
        check_booleans(options, &["receive_progress", "disclose_me", "progress"])?;
        if options.get("timeout").is_some_and(|value| value.as_u64().is_none())
            || (options.get("ppt_cipher").is_some() && options.get("ppt_scheme").is_none())
        {
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
        let best = self
            .registrations
            .iter()
            .filter(|((policy, pattern), _)| policy.matches(pattern, procedure))
            .min_by_key(|(name, _)| precedence(name));
        let ((policy, _), registration) = best.ok_or(uris::error::NO_SUCH_PROCEDURE)?;
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
        match self.choose(registration, &[]) {
            Some(callee) => {
                // A call that cannot be made is a turn, too.
                self.take_turn(registration, callee);
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

    pub(super) fn add(&mut self, mut call: Pending) -> usize {
        call.deadline = call.timeout.map(|timeout| self.now.after(timeout));
        self.calls.push(call);
        self.calls.len() - 1
    }

    /// Lets a call wait behind those that do.
    fn wait(&mut self, index: usize) {
        self.sequence += 1;
        self.calls[index].with = None;
        self.calls[index].place = self.sequence;
        *self.seen.entry("waited").or_default() += 1;
    }

    /// Gives a call to a callee.
    fn give(&mut self, index: usize, callee: Callee) {
        let Some(seat) = self.sessions.get_mut(&callee.key) else { return };
        seat.issued += 1;
        self.calls[index].with = Some((callee, seat.issued));
        let is_stream = self.calls[index].parts == Parts::Some;
        self.expect_invocation(index, is_stream);
    }

    fn expect_invocation(&mut self, index: usize, progress: bool) {
        let call = self.calls[index].clone();
        let Some((callee, request)) = call.with else { return };
        let features = self.features(callee.key);
        let is_disclosed = call.disclosed.unwrap_or(callee.disclose_caller);
        let caller = self.sessions.get(&call.caller).map(|seat| seat.id);
        let timeout = self.timeout(call.asked).filter(|_| self.forwards(callee));
        let said = Said::Invocation {
            request,
            registration: call.registration,
            procedure: (call.policy != MatchPolicy::Exact).then_some(call.procedure),
            caller: caller.filter(|_| is_disclosed),
            receive_progress: call.receive_progress
                && features.callee_progressive_call_results
                && features.callee_call_canceling,
            progress,
            timeout: timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)),
            passthru: call.passthru,
            payload: call.payload,
        };
        self.expect(callee.key, said);
    }

    fn forwards(&self, callee: Callee) -> bool {
        callee.forward_timeout && self.features(callee.key).callee_call_timeout
    }

    /// Gives calls that wait to callees that take them; without callees they end.
    pub(super) fn start_waiting(&mut self) {
        let mut registrations: Vec<u64> = self
            .calls
            .iter()
            .filter(|call| call.with.is_none() && call.served.is_none())
            .map(|one| one.registration)
            .collect();
        registrations.sort_unstable();
        registrations.dedup();
        for registration in registrations {
            while self.start_first(registration) {}
        }
    }

    /// Whether the first call that waits does so no more.
    fn start_first(&mut self, registration: u64) -> bool {
        let waits = |call: &Pending| call.registration == registration && call.with.is_none();
        let waiting = self.calls.iter().enumerate().filter(|(_, call)| waits(call));
        let Some((index, _)) = waiting.min_by_key(|(_, call)| call.place) else { return false };
        let tried = self.calls[index].tried.clone();
        if self.callees(registration).iter().all(|callee| tried.contains(&callee.key)) {
            let call = self.calls.remove(index);
            let error = if tried.is_empty() {
                uris::error::CANCELED
            } else {
                uris::error::NO_AVAILABLE_CALLEE
            };
            self.refuse(call.caller, MessageType::Call, call.request, error);
            return true;
        }
        let Some(callee) = self.choose(registration, &tried) else { return false };
        self.pass_on(index, callee);
        true
    }

    fn pass_on(&mut self, index: usize, callee: Callee) {
        let call = &self.calls[index];
        self.take_turn(call.registration, callee);
        let call = &mut self.calls[index];
        if check_callee(call, self.sessions[&callee.key].features).is_err() {
            let call = self.calls.remove(index);
            let error = uris::error::FEATURE_NOT_SUPPORTED;
            return self.refuse(call.caller, MessageType::Call, call.request, error);
        }
        if call.deadline.is_none() && !self.forwards(callee) {
            let timeout = self.timeout(self.calls[index].asked);
            let call = &mut self.calls[index];
            call.timeout = timeout;
            call.deadline = timeout.map(|timeout| self.now.after(timeout));
        }
        self.give(index, callee);
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
        let can_interrupt =
            call.with.filter(|(callee, _)| self.features(callee.key).callee_call_canceling);
        if let Some((callee, request)) = can_interrupt
            && mode != "skip"
            && !call.is_killed
        {
            self.expect(callee.key, Said::Interrupt { request, mode: mode.clone() });
        }
        let can_interrupt = can_interrupt.is_some();
        if can_interrupt && mode == "kill" {
            self.calls[index].is_killed = true;
        } else {
            self.calls.remove(index);
            self.refuse(from, MessageType::Call, request, uris::error::CANCELED);
        }
    }

    pub(super) fn result(&mut self, from: SessionKey, message: &Yield<'_>) {
        let options = &message.options;
        let passthru = said::text(options, "ppt_scheme");
        if check_booleans(options, &["progress"]).is_err()
            || (options.get("ppt_cipher").is_some() && passthru.is_none())
            || (passthru.is_some() && !self.features(from).callee_payload_passthru_mode)
        {
            return self.violate(from);
        }
        let progress = is_true(&message.options, "progress");
        let payload = said::payload(&message.payload);
        let Some(index) = self.answered(from, message.request.get()) else { return };
        let call = self.calls[index].clone();
        if passthru.is_some() && !self.features(call.caller).caller_payload_passthru_mode {
            let error = uris::error::FEATURE_NOT_SUPPORTED;
            self.refuse(from, MessageType::Yield, message.request.get(), error);
            self.calls.remove(index);
            if progress {
                self.give_up(&call);
            }
            return self.refuse(call.caller, MessageType::Call, call.request, error);
        }
        if progress {
            let deadline = call.timeout.map(|timeout| self.now.after(timeout));
            self.calls[index].deadline = deadline;
        } else {
            self.calls.remove(index);
        }
        if !progress || call.receive_progress {
            let request = call.request;
            self.expect(call.caller, Said::Result { request, progress, passthru, payload });
        }
    }

    pub(super) fn error(&mut self, from: SessionKey, message: &Error<'_>) {
        if message.request_type != MessageType::Invocation {
            return self.violate(from);
        }
        let Some(index) = self.answered(from, message.request.get()) else { return };
        let is_unavailable = message.error.as_str() == uris::error::UNAVAILABLE;
        if is_unavailable && self.features(from).callee_call_reroute {
            return self.reroute(index);
        }
        let Pending { caller, request, .. } = self.calls.remove(index);
        if message.error.is_valid(self.settings.uri_check, MatchPolicy::Exact) {
            let error = message.error.to_string();
            let payload = said::payload(&message.payload);
            self.expect(caller, Said::Failed { request, error, payload });
        } else {
            self.refuse(caller, MessageType::Call, request, uris::error::INVALID_URI);
        }
    }

    /// A callee leaves a call to the next.
    fn reroute(&mut self, index: usize) {
        let call = self.calls[index].clone();
        let Some((callee, _)) = call.with else { return };
        let mut tried = call.tried;
        tried.push(callee.key);
        let callees = self.callees(call.registration);
        let error = if call.is_killed {
            uris::error::CANCELED
        } else if !call.is_kept || callees.iter().all(|callee| tried.contains(&callee.key)) {
            uris::error::NO_AVAILABLE_CALLEE
        } else {
            *self.seen.entry("rerouted").or_default() += 1;
            let next = self.choose(call.registration, &tried);
            self.calls[index].tried = tried;
            self.calls[index].with = None;
            return match next {
                Some(next) => self.pass_on(index, next),
                None => self.wait(index),
            };
        };
        self.calls.remove(index);
        self.refuse(call.caller, MessageType::Call, call.request, error);
    }

    /// How long a call may take: what it asks for or the default, but not too long.
    pub(super) fn timeout(&self, asked: Option<Duration>) -> Option<Duration> {
        let CallSettings { default_timeout, max_timeout, .. } = self.settings.calls;
        let timeout = asked.or(default_timeout).filter(|timeout| !timeout.is_zero());
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
        let is_it = |call: &Pending| {
            call.with.is_some_and(|(with, number)| with.key == callee && number == invocation)
        };
        let found = self.calls.iter().position(is_it);
        let issued = self.sessions.get(&callee).map_or(0, |seat| seat.issued);
        if found.is_none() && invocation > issued {
            self.violate(callee);
        }
        found
    }

    /// The callee is told that nobody waits any more.
    pub(super) fn give_up(&mut self, call: &Pending) {
        let Some((callee, request)) = call.with else { return };
        if self.features(callee.key).callee_call_canceling && !call.is_killed {
            let mode = "killnowait".to_owned();
            self.expect(callee.key, Said::Interrupt { request, mode });
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
            true => {
                call.with.is_some_and(|(callee, number)| callee.key == key && number == request)
            }
            false => call.caller == key && call.request == request,
        });
        match found.map(|index| self.calls.remove(index)) {
            Some(call) => {
                if !is_invocation || call.parts != Parts::Whole {
                    self.give_up(&call);
                }
                self.refuse(call.caller, MessageType::Call, call.request, error);
            }
            None if is_invocation => {}
            None => self.refuse(key, MessageType::Call, request, error),
        }
    }
}

/// Whether a callee supports what a call needs.
fn check_callee(call: &Pending, features: ClientFeatures) -> Result<(), &'static str> {
    let takes_parts =
        features.callee_progressive_call_invocations && features.callee_call_canceling;
    let takes_passthru = features.callee_payload_passthru_mode;
    if (call.parts == Parts::Some && !takes_parts) || (call.passthru.is_some() && !takes_passthru) {
        return Err(uris::error::FEATURE_NOT_SUPPORTED);
    }
    Ok(())
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
