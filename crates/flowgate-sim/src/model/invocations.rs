//! How calls come to callees in the model.

use flowgate_router::ClientFeatures;
use flowgate_wire::{MatchPolicy, MessageType, uris};

use super::{Callee, Model, Parts, Pending, Seat};
use crate::said::Said;

impl Model {
    /// Lets a call wait behind those that do.
    pub(super) fn wait(&mut self, index: usize) {
        self.sequence += 1;
        self.calls[index].with = None;
        self.calls[index].place = self.sequence;
        self.see("waited");
    }

    /// Gives a call to a callee.
    pub(super) fn give(&mut self, index: usize, callee: Callee) {
        let Some(seat) = self.sessions.get_mut(&callee.key) else { return };
        seat.issued += 1;
        self.calls[index].with = Some((callee, seat.issued));
        let is_stream = self.calls[index].parts == Parts::Some;
        self.expect_invocation(index, is_stream);
    }

    pub(super) fn expect_invocation(&mut self, index: usize, progress: bool) {
        let call = self.calls[index].clone();
        let Some((callee, request)) = call.with else { return };
        let features = self.features(callee.key);
        let is_disclosed = call.disclosed.unwrap_or(callee.disclose_caller);
        let caller = self.sessions.get(&call.caller);
        let trustlevel = caller.and_then(Seat::trustlevel);
        let caller = caller.map(Seat::identity);
        let timeout = self.timeout(call.asked).filter(|_| self.forwards(callee));
        let said = Said::Invocation {
            request,
            registration: call.registration,
            procedure: (call.policy != MatchPolicy::Exact).then_some(call.procedure),
            caller: caller.filter(|_| is_disclosed),
            trustlevel,
            receive_progress: call.receive_progress && features.callee_progressive_call_results,
            progress,
            timeout: timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)),
            passthru: call.passthru,
            payload: call.payload,
        };
        self.expect(callee.key, said);
    }

    pub(super) fn forwards(&self, callee: Callee) -> bool {
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
    pub(super) fn start_first(&mut self, registration: u64) -> bool {
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
        let call = self.calls[index].clone();
        let Some(callee) = self.choose(&call) else { return false };
        self.see("started after waiting");
        self.pass_on(index, callee);
        true
    }

    pub(super) fn pass_on(&mut self, index: usize, callee: Callee) {
        let call = self.calls[index].clone();
        self.take_turn(&call, callee);
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

    /// A callee leaves a call to the next.
    pub(super) fn reroute(&mut self, index: usize) {
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
            self.see("rerouted");
            let next = self.choose(&Pending { tried: tried.clone(), ..call });
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
}

/// Whether a callee supports what a call needs.
pub(super) fn check_callee(call: &Pending, features: ClientFeatures) -> Result<(), &'static str> {
    let takes_parts =
        features.callee_progressive_call_invocations && features.callee_call_canceling;
    let takes_passthru = features.callee_payload_passthru_mode;
    if (call.parts == Parts::Some && !takes_parts) || (call.passthru.is_some() && !takes_passthru) {
        return Err(uris::error::FEATURE_NOT_SUPPORTED);
    }
    Ok(())
}
