//! The dealer of the model: registrations.

use flowgate_event::GateAction;
use flowgate_router::SessionKey;
use flowgate_wire::{Dict, MessageType, Register, Unregister, uris};

use super::{
    Callee, Model, Name, Registration,
    pubsub::{check_booleans, match_policy},
};
use crate::said::{self, Said, is_true};

/// The invocation policies that the simulation uses.
const POLICIES: [&str; 5] = ["single", "first", "last", "roundrobin", "queue_least_loaded"];

impl Registration {
    pub(super) fn holds(&self, key: SessionKey) -> bool {
        self.callees.iter().any(|callee| callee.key == key)
    }
}

impl Model {
    pub(super) fn register(&mut self, from: SessionKey, message: &Register<'_>) {
        let request = message.request.get();
        match self.try_register(from, message) {
            Err(error) => self.refuse(from, MessageType::Register, request, error),
            Ok(registration) => self.expect(from, Said::Registered { request, registration }),
        }
    }

    /// The identifier of the registration.
    fn try_register(
        &mut self,
        from: SessionKey,
        message: &Register<'_>,
    ) -> Result<u64, &'static str> {
        let options = &message.options;
        let policy = match_policy(options)?;
        let callee = callee(from, options)?;
        let invoke = said::text(options, "invoke").unwrap_or_else(|| "single".to_owned());
        if !POLICIES.contains(&invoke.as_str()) {
            return Err(uris::error::INVALID_ARGUMENT);
        }
        self.admit(from, GateAction::Register, policy, &message.procedure)?;
        let name = (policy, message.procedure.to_string());
        if is_true(options, "force_reregister") {
            self.revoke_all(&name);
        }
        self.sequence += 1;
        let callee = Callee { since: self.sequence, ..callee };
        let Some(registration) = self.registrations.get_mut(&name) else {
            self.registration_count += 1;
            let id = self.registration_count;
            let registration = Registration { id, invoke, callees: vec![callee], next: 0 };
            self.registrations.insert(name, registration);
            self.meta_event("wamp.registration.on_create");
            self.meta_event("wamp.registration.on_register");
            return Ok(id);
        };
        if registration.invoke == "single" {
            return Err(uris::error::PROCEDURE_ALREADY_EXISTS);
        }
        if registration.invoke != invoke {
            return Err(uris::error::PROCEDURE_EXISTS_WITH_DIFFERENT_INVOCATION_POLICY);
        }
        let id = registration.id;
        if !registration.holds(from) {
            registration.callees.push(callee);
            self.meta_event("wamp.registration.on_register");
        }
        Ok(id)
    }

    fn revoke_all(&mut self, name: &Name) {
        while let Some(registration) = self.registrations.get(name) {
            let (key, id) = (registration.callees[0].key, registration.id);
            if self.features(key).callee_registration_revocation {
                self.expect(key, Said::Unregistered { request: 0, revoked: Some(id) });
            }
            self.drop_callee(name, key);
        }
    }

    pub(super) fn unregister(&mut self, from: SessionKey, message: &Unregister) {
        let (request, id) = (message.request.get(), message.registration.get());
        let mut held = self.registrations.iter().filter(|(_, one)| one.id == id && one.holds(from));
        match held.next().map(|(name, _)| name.clone()) {
            Some(name) => {
                self.drop_callee(&name, from);
                self.expect(from, Said::Unregistered { request, revoked: None });
            }
            None => {
                let error = uris::error::NO_SUCH_REGISTRATION;
                self.refuse(from, MessageType::Unregister, request, error);
            }
        }
    }

    /// Takes a registration from a callee.
    pub(super) fn drop_callee(&mut self, name: &Name, key: SessionKey) {
        let Some(registration) = self.registrations.get_mut(name) else { return };
        let place = registration.callees.iter().position(|callee| callee.key == key);
        if let Some(place) = place {
            registration.callees.remove(place);
            registration.next -= usize::from(place < registration.next);
        }
        let is_last = registration.callees.is_empty();
        self.meta_event("wamp.registration.on_unregister");
        if is_last {
            self.registrations.remove(name);
            self.meta_event("wamp.registration.on_delete");
        }
    }

    pub(super) fn callees(&self, id: u64) -> Vec<Callee> {
        let registration = self.registrations.values().find(|one| one.id == id);
        registration.map(|one| one.callees.clone()).unwrap_or_default()
    }

    /// The callee that gets the next call; `None` if it is busy, or all are.
    pub(super) fn choose(&self, id: u64, tried: &[SessionKey]) -> Option<Callee> {
        let registration = self.registrations.values().find(|one| one.id == id)?;
        let untried: Vec<Callee> =
            registration.callees.iter().copied().filter(|one| !tried.contains(&one.key)).collect();
        let is_free = |callee: &Callee| {
            callee.concurrency.is_none_or(|limit| self.running(id, *callee) < limit)
        };
        let count = registration.callees.len();
        let turns = |callee: &Callee| {
            let is_it = |other: &Callee| other.key == callee.key;
            let place = registration.callees.iter().position(is_it).unwrap_or_default();
            (place + count - registration.next) % count
        };
        let free = untried.iter().copied().filter(is_free);
        match registration.invoke.as_str() {
            "last" => untried.last().copied().filter(is_free),
            "roundrobin" => free.min_by_key(turns),
            "queue_least_loaded" => free.min_by_key(|one| (self.running(id, *one), turns(one))),
            _ => untried.first().copied().filter(is_free),
        }
    }

    /// How many calls of a registration a callee has, since it is callee.
    fn running(&self, id: u64, callee: Callee) -> u64 {
        let with = self.calls.iter().filter(|call| {
            let is_its = call.with.is_some_and(|(with, _)| with.since == callee.since);
            is_its && call.registration == id
        });
        with.count() as u64
    }

    /// The next call begins with the one behind this callee.
    pub(super) fn take_turn(&mut self, id: u64, callee: Callee) {
        let Some(one) = self.registrations.values_mut().find(|one| one.id == id) else { return };
        let in_turn = ["roundrobin", "queue_least_loaded"].contains(&one.invoke.as_str());
        let counts = one.invoke == "queue_least_loaded" || callee.concurrency.is_some();
        let place = one.callees.iter().position(|other| other.key == callee.key);
        if in_turn && (counts || one.callees.len() > 1) {
            one.next = (place.unwrap_or_default() + 1) % one.callees.len();
        }
    }
}

/// What a session asks for as a callee.
fn callee(key: SessionKey, options: &Dict<'_>) -> Result<Callee, &'static str> {
    check_booleans(options, &["disclose_caller", "forward_timeout", "force_reregister"])?;
    let concurrency = options.get("concurrency").and_then(|value| value.as_u64());
    if concurrency == Some(0) {
        return Err(uris::error::INVALID_ARGUMENT);
    }
    Ok(Callee {
        key,
        since: 0,
        concurrency,
        disclose_caller: is_true(options, "disclose_caller"),
        forward_timeout: is_true(options, "forward_timeout"),
    })
}
