//! The dealer of the model: registrations.

use flowgate_event::GateAction;
use flowgate_router::SessionKey;
use flowgate_wire::{Dict, MessageType, Register, Unregister, Value, uris};

use super::{
    Callee, Model, Name, Pending, Registration,
    invocations::check_callee,
    wishes::{check_booleans, match_policy},
};
use crate::said::{self, Said, is_true};

/// The invocation policies that the simulation uses.
const POLICIES: [&str; 6] =
    ["single", "first", "last", "roundrobin", "random", "queue_least_loaded"];

impl Registration {
    pub(super) fn holds(&self, key: SessionKey) -> bool {
        self.callees.iter().any(|callee| callee.key == key)
    }

    pub(super) fn details(&self, (policy, pattern): &Name) -> Value<'static> {
        Value::dict([
            ("id", Value::from(self.id)),
            ("created", Value::from(self.created.to_rfc3339())),
            ("uri", Value::from(pattern.clone())),
            ("match", Value::from(policy.name())),
            ("invoke", Value::from(self.invoke.clone())),
        ])
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
            let (created, callees) = (self.now, vec![callee]);
            let registration = Registration { id, created, invoke, callees, next: 0 };
            let session = self.session_id(from);
            let details = registration.details(&name);
            self.registrations.insert(name, registration);
            self.meta_event("wamp.registration.on_create", &[session.into(), details]);
            self.meta_event("wamp.registration.on_register", &[session.into(), id.into()]);
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
            let args = [self.session_id(from).into(), id.into()];
            self.meta_event("wamp.registration.on_register", &args);
        }
        Ok(id)
    }

    fn revoke_all(&mut self, name: &Name) {
        while let Some(registration) = self.registrations.get(name) {
            let key = registration.callees[0].key;
            self.revoke(name, key);
        }
    }

    /// Takes a registration from a callee, which is told if it understands.
    pub(super) fn revoke(&mut self, name: &Name, key: SessionKey) {
        let Some(registration) = self.registrations.get(name) else { return };
        let id = registration.id;
        if self.features(key).callee_registration_revocation {
            self.expect(key, Said::Unregistered { request: 0, revoked: Some(id) });
        }
        self.drop_callee(name, key);
        self.see("registration revoked");
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
        let (id, is_last) = (registration.id, registration.callees.is_empty());
        let args = [self.session_id(key).into(), id.into()];
        self.meta_event("wamp.registration.on_unregister", &args);
        if is_last {
            self.registrations.remove(name);
            self.meta_event("wamp.registration.on_delete", &args);
        }
    }

    pub(super) fn callees(&self, id: u64) -> Vec<Callee> {
        let registration = self.registrations.values().find(|one| one.id == id);
        registration.map(|one| one.callees.clone()).unwrap_or_default()
    }

    /// The callee that gets a call; `None` if it is busy, or all are.
    pub(super) fn choose(&mut self, call: &Pending) -> Option<Callee> {
        let id = call.registration;
        let registration = self.registrations.values().find(|one| one.id == id)?;
        let untried = registration.callees.iter().copied();
        let untried: Vec<Callee> = untried.filter(|one| !call.tried.contains(&one.key)).collect();
        let is_free = |callee: &Callee| {
            callee.concurrency.is_none_or(|limit| self.running(id, *callee) < limit)
        };
        let count = registration.callees.len();
        let turns = |callee: &Callee| {
            let is_it = |other: &Callee| other.key == callee.key;
            let place = registration.callees.iter().position(is_it).unwrap_or_default();
            (place + count - registration.next) % count
        };
        let free: Vec<Callee> = untried.iter().copied().filter(is_free).collect();
        let in_turn = free.iter().copied();
        match (&call.key, registration.invoke.as_str()) {
            (Some(key), _) => self.choose_shard(call, key, &untried, &free),
            (None, "last") => untried.last().copied().filter(is_free),
            (None, "random") => {
                let heard = self.invoked(call, &free).or_else(|| self.refused(call, &free));
                heard.or(free.first().copied())
            }
            (None, "roundrobin") => in_turn.min_by_key(turns),
            (None, "queue_least_loaded") => {
                in_turn.min_by_key(|one| (self.running(id, *one), turns(one)))
            }
            (None, _) => untried.first().copied().filter(is_free),
        }
    }

    /// The callee of a key, which gets the call or lets it wait: the same as ever among the same
    /// callees, and of fewer the same if it is still there.
    fn choose_shard(
        &mut self,
        call: &Pending,
        key: &str,
        untried: &[Callee],
        free: &[Callee],
    ) -> Option<Callee> {
        let are_free = free.len() == untried.len();
        let Some(chosen) = self.invoked(call, free) else {
            // It can wait only for somebody who is busy.
            return self.refused(call, free).or(free.first().copied().filter(|_| are_free));
        };
        let (key, name) = (format!("call {key}"), chosen.key.0.to_string());
        let others = untried.iter().map(|other| other.key.0.to_string());
        let others: Vec<String> = others.filter(|other| *other != name).collect();
        if are_free {
            self.prefer(&key, &name, others);
        } else if others.iter().any(|other| self.is_preferred(&key, other, &name)) {
            // It waits for the other, and goes to this one later in the same input.
            return None;
        }
        self.see("sharded call");
        Some(chosen)
    }

    /// Which of several callees has got a call.
    fn invoked(&self, call: &Pending, among: &[Callee]) -> Option<Callee> {
        let has_got = |callee: &&Callee| {
            let next = self.sessions.get(&callee.key).map_or(0, |seat| seat.issued + 1);
            self.said.iter().any(|(to, said)| match said {
                Said::Invocation { request, registration, payload, .. } => {
                    (*to, *request) == (callee.key, next)
                        && *registration == call.registration
                        && *payload == call.payload
                }
                _ => false,
            })
        };
        among.iter().find(has_got).copied()
    }

    /// One of several callees that cannot take a call, if that is why it was refused.
    fn refused(&self, call: &Pending, among: &[Callee]) -> Option<Callee> {
        let has_refused = self.said.iter().any(|(to, said)| match said {
            Said::Failed { request, error, .. } => {
                (*to, *request) == (call.caller, call.request)
                    && error == uris::error::FEATURE_NOT_SUPPORTED
            }
            _ => false,
        });
        let cannot = |callee: &&Callee| check_callee(call, self.features(callee.key)).is_err();
        among.iter().find(cannot).filter(|_| has_refused).copied()
    }

    /// Notes who of several was chosen for a key, which must agree with all choices before.
    pub(super) fn prefer(&mut self, key: &str, chosen: &str, others: Vec<String>) {
        for other in others {
            if self.is_preferred(key, &other, chosen) {
                self.fault = Some(format!("{key} goes to {chosen} instead of {other}"));
            }
            self.preferred.insert((key.to_owned(), chosen.to_owned(), other));
        }
    }

    fn is_preferred(&self, key: &str, one: &str, other: &str) -> bool {
        self.preferred.contains(&(key.to_owned(), one.to_owned(), other.to_owned()))
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
    pub(super) fn take_turn(&mut self, call: &Pending, callee: Callee) {
        let id = call.registration;
        let Some(one) = self.registrations.values_mut().find(|one| one.id == id) else { return };
        let in_turn = ["roundrobin", "queue_least_loaded"].contains(&one.invoke.as_str());
        let counts = one.invoke == "queue_least_loaded" || callee.concurrency.is_some();
        let place = one.callees.iter().position(|other| other.key == callee.key);
        if in_turn && call.key.is_none() && (counts || one.callees.len() > 1) {
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
