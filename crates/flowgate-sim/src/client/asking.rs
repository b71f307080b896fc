//! Calls of the router's own procedures.

use fastrand::Rng;
use flowgate_wire::{Call, Dict, Entry, Message, Payload, RequestId, Value};

use super::Client;
use crate::{material, world::BEGIN};

/// The most of an identifier that counts up, beyond what a client knows.
const GUESS_MAX: u64 = 12;

impl Client {
    /// Asks about sessions, subscriptions or registrations, or ends some of them.
    pub(super) fn ask(&self, random: &mut Rng, request: RequestId) -> Message<'static> {
        let (procedure, args, kwargs) = match random.u8(..8) {
            0 => {
                let (name, args) = self.ask_about_sessions(random);
                (format!("wamp.session.{name}"), args, Vec::new())
            }
            1..5 => {
                let (name, args, kwargs) = self.ask_about_subscriptions(random);
                (format!("wamp.subscription.{name}"), args, kwargs)
            }
            _ => {
                let (name, args) = self.ask_about_registrations(random);
                (format!("wamp.registration.{name}"), args, Vec::new())
            }
        };
        let (options, payload) = (Dict::EMPTY, Payload::from_vecs(args, kwargs));
        Call { request, options, procedure: procedure.into(), payload }.into()
    }

    /// Asks for events of the past by what it knows of them.
    pub(super) fn ask_for_events(&mut self, random: &mut Rng) -> Message<'static> {
        let request = self.request(random);
        self.calls.push(request);
        let payload = Payload::from_vecs(vec![Value::from(2_u64)], self.query(random));
        let (options, procedure) = (Dict::EMPTY, "wamp.subscription.get_events".into());
        Call { request, options, procedure, payload }.into()
    }

    fn ask_about_sessions(&self, random: &mut Rng) -> (&'static str, Vec<Value<'static>>) {
        let roles = match random.u8(..8) {
            0 => vec![Value::from("all")],
            1..3 => vec![Value::List(vec!["all".into(), "nobody".into()])],
            _ => Vec::new(),
        };
        match random.u8(..4) {
            0 => ("count", roles),
            1..3 => ("list", roles),
            _ => ("get", vec![self.peer(random)]),
        }
    }

    fn ask_about_registrations(&self, random: &mut Rng) -> (&'static str, Vec<Value<'static>>) {
        let held = self.registrations.iter().map(|id| id.get());
        let id = known(random, held);
        match random.u8(..10) {
            0 => ("list", Vec::new()),
            1..3 => ("lookup", lookup(random)),
            3..5 => ("match", vec![material::uri(random).into()]),
            5 => ("get", vec![id]),
            6 => ("list_callees", vec![id]),
            7 => ("count_callees", vec![id]),
            _ => ("remove_callee", vec![id, self.peer(random)]),
        }
    }

    fn ask_about_subscriptions(
        &self,
        random: &mut Rng,
    ) -> (&'static str, Vec<Value<'static>>, Vec<Entry<'static>>) {
        let held = self.subscriptions.iter().map(|id| id.get());
        let id = known(random, held);
        let (name, args) = match random.u8(..14) {
            0 => ("list", Vec::new()),
            1 => ("lookup", lookup(random)),
            2 => ("match", vec![material::uri(random).into()]),
            3 => ("get", vec![id]),
            4 => ("list_subscribers", vec![id]),
            5 => ("count_subscribers", vec![id]),
            6..8 => ("remove_subscriber", vec![id, self.peer(random)]),
            _ => {
                // The second one mostly, which has almost everything.
                let history = if random.u8(..8) == 0 { id } else { random.u64(1..5).min(2).into() };
                return ("get_events", vec![history], self.query(random));
            }
        };
        (name, args, Vec::new())
    }

    /// What of a history it wants to see.
    fn query(&self, random: &mut Rng) -> Vec<Entry<'static>> {
        let mut query = vec![("reverse".into(), random.bool().into())];
        if random.u8(..4) == 0 {
            query.push(("limit".into(), random.u64(..6).into()));
        }
        if random.u8(..8) == 0 {
            query.push(("topic".into(), ["com.a", "com.b", "com..a"][random.usize(..3)].into()));
        }
        // One kind of bound at a time, or little would be found.
        let kind = random.u8(..4);
        for bounds in [["from", "after"], ["until", "before"]] {
            let bound = bounds[random.usize(..2)];
            if kind == 0 && random.bool() {
                query.push((format!("{bound}_time").into(), material::moment(random, BEGIN)));
            } else if kind > 1 && random.bool() && !self.publications.is_empty() {
                let known = self.publications[random.usize(..self.publications.len())].get();
                let publication = if random.u8(..20) == 0 { 0 } else { known };
                query.push((format!("{bound}_publication").into(), publication.into()));
            }
        }
        query
    }

    /// A session: itself more often than others, of whom it knows less.
    fn peer(&self, random: &mut Rng) -> Value<'static> {
        let among = if random.bool() { 1 } else { self.peers.len() };
        Value::from(self.peers[random.usize(..among)])
    }
}

/// An identifier of a subscription or registration: one that is held, or a guess.
fn known(random: &mut Rng, held: impl Iterator<Item = u64>) -> Value<'static> {
    let held: Vec<u64> = held.collect();
    match random.choice(&held) {
        Some(held) if random.bool() => Value::from(*held),
        _ => Value::from(random.u64(..GUESS_MAX)),
    }
}

fn lookup(random: &mut Rng) -> Vec<Value<'static>> {
    let (policy, pattern) = material::pattern(random);
    vec![pattern.into(), Value::dict([("match", Value::from(policy.name()))])]
}
