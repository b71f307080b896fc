//! How calls end in the model.

use flowgate_router::{Lost, SessionKey};
use flowgate_wire::{Cancel, Error, MatchPolicy, MessageType, Yield, uris};

use super::{Model, Parts, Pending, Phase, wishes::check_booleans};
use crate::said::{self, Said, is_true};

impl Model {
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
    pub(super) fn answered(&mut self, callee: SessionKey, invocation: u64) -> Option<usize> {
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

    pub(super) fn undeliverable(&mut self, key: SessionKey, lost: Option<Lost>) {
        let Some(lost) = lost.filter(|_| self.phase(key) == Some(Phase::Open)) else { return };
        let error = uris::error::PAYLOAD_SIZE_EXCEEDED;
        let found = match lost {
            Lost::Reply(request) => {
                return self.refuse(key, MessageType::Call, request.get(), error);
            }
            Lost::Invocation(request) => self.calls.iter().position(|call| {
                let with = call.with.map(|(callee, number)| (callee.key, number));
                with == Some((key, request.get()))
            }),
            Lost::Progress(request) => self
                .calls
                .iter()
                .position(|call| call.caller == key && call.request == request.get()),
        };
        let Some(call) = found.map(|index| self.calls.remove(index)) else { return };
        if matches!(lost, Lost::Progress(_)) || call.parts != Parts::Whole {
            self.give_up(&call);
        }
        self.refuse(call.caller, MessageType::Call, call.request, error);
    }
}
