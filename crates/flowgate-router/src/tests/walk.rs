//! Random walks: what must hold whatever the clients do, in whatever order.

use std::collections::{BTreeMap, BTreeSet};

use flowgate_event::{LeaveReason, Timestamp};
use flowgate_wire::{
    Call, Cancel, Dict, Entry, Error, Goodbye, Message, MessageType, Payload, Publish, Register,
    RegistrationId, RequestId, Subscribe, SubscriptionId, Unregister, Unsubscribe, Uri, Value,
    Yield,
};

use super::harness::{Setup, config, join, report};
use crate::{Action, Close, Input, Lost, Outbox, Realm, SessionKey};

const SESSION_COUNT: u32 = 5;
const STEP_COUNT: usize = 400;
const SEED_COUNT: u64 = 40;

/// What the clients know, and what the realm owes them.
#[derive(Default)]
struct Clients {
    /// Sessions whose connection is there, and whether they may still be sent messages.
    sessions: BTreeMap<SessionKey, Receives>,
    /// Calls without a final reply.
    calls: BTreeSet<(SessionKey, RequestId)>,
    /// Invocations that were ever sent to a session, by session.
    invocations: BTreeMap<SessionKey, Vec<RequestId>>,
    next_request: BTreeMap<SessionKey, u64>,
    transcript: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Receives {
    Yes,
    No,
}

impl Outbox for Clients {
    fn push(&mut self, action: Action<'_>) {
        self.transcript.push(format!("{action:?}"));
        match action {
            Action::Send { to, message } => self.receive(to, message),
            Action::FanOut { to, message, .. } => {
                assert!(!to.is_empty());
                to.iter().for_each(|receiver| self.receive(*receiver, message));
            }
            Action::Ask { .. } | Action::Serve { .. } => {}
            Action::Close { session, how } => {
                if how == Close::Session {
                    assert_eq!(self.sessions.get(&session), Some(&Receives::No), "after GOODBYE");
                }
                let before = self.sessions.insert(session, Receives::No);
                assert!(before.is_some(), "only sessions that are there are closed");
            }
        }
    }
}

impl Clients {
    fn receive(&mut self, to: SessionKey, message: &Message<'_>) {
        let receives = self.sessions.get_mut(&to).expect("the session is there");
        assert_eq!(*receives, Receives::Yes, "{message:?} to a session that is over");
        if matches!(message, Message::Goodbye(_) | Message::Abort(_)) {
            *receives = Receives::No;
        } else if let Message::Invocation(invocation) = message {
            self.invocations.entry(to).or_default().push(invocation.request);
        } else if let Message::Result(result) = message {
            let progress = result.details.get("progress") == Some(Value::Bool(true));
            let pending = self.calls.contains(&(to, result.request));
            assert!(pending, "a result for a call that is not pending");
            if !progress {
                self.calls.remove(&(to, result.request));
            }
        } else if let Message::Error(error) = message
            && error.request_type == MessageType::Call
        {
            let pending = self.calls.remove(&(to, error.request));
            assert!(pending, "an error for a call that is not pending");
        }
    }

    fn next_request(&mut self, session: SessionKey) -> RequestId {
        let next = self.next_request.entry(session).or_insert(0);
        *next += 1;
        RequestId::new(*next).expect("few requests")
    }
}

struct Walk {
    rng: fastrand::Rng,
    realm: Realm,
    clients: Clients,
}

impl Walk {
    fn handle(&mut self, input: Input<'_>) {
        self.realm.handle(Timestamp::EPOCH, input, &mut self.clients);
        self.realm.check_invariants().expect("all indexes agree");
    }

    fn step(&mut self) {
        let session = SessionKey(self.rng.u32(0..SESSION_COUNT));
        match self.clients.sessions.get(&session) {
            None => return self.join(session),
            // A session that is over still sends a little before its connection is gone.
            Some(Receives::No) if self.rng.u32(0..3) == 0 => return self.leave(session),
            Some(Receives::Yes | Receives::No) => {}
        }
        match self.rng.u32(0..80) {
            0 => self.leave(session),
            1 => self.goodbye(session),
            2 => self.handle(Input::Violation { session, what: "noise" }),
            3 => self.handle(Input::Stats { session, report: report(false) }),
            4 => self.undeliverable(session),
            5..25 => self.pubsub(session),
            25..35 => self.register(session),
            35..50 => self.call(session),
            50..58 => self.cancel(session),
            _ => self.answer(session),
        }
    }

    fn join(&mut self, session: SessionKey) {
        self.clients.sessions.insert(session, Receives::Yes);
        let mut join = join(session, None);
        join.features.callee_call_canceling = self.rng.bool();
        join.features.callee_progressive_call_results = self.rng.bool();
        if self.rng.u32(0..10) == 0 {
            join.authrole = "nobody".to_owned();
        }
        self.handle(Input::Join(join));
    }

    fn leave(&mut self, session: SessionKey) {
        // The shell delivers nothing to a connection that is gone, but the realm does not know
        // before it handles the input, in which it must not send to the session any more.
        self.clients.sessions.insert(session, Receives::No);
        self.forget(session);
        let report = self.rng.bool().then(|| report(true));
        self.handle(Input::Leave { session, reason: LeaveReason::TransportLost, report });
        self.clients.sessions.remove(&session);
    }

    fn forget(&mut self, session: SessionKey) {
        self.clients.calls.retain(|(caller, _)| *caller != session);
        self.clients.invocations.remove(&session);
        self.clients.next_request.remove(&session);
    }

    fn goodbye(&mut self, session: SessionKey) {
        self.clients.calls.retain(|(caller, _)| *caller != session);
        let reason = Uri::from("wamp.close.close_realm");
        let message = &Goodbye { details: Dict::EMPTY, reason }.into();
        self.handle(Input::Message { session, message });
    }

    fn undeliverable(&mut self, session: SessionKey) {
        let lost = self.invocation(session).map(Lost::Invocation);
        let message = MessageType::Invocation;
        self.handle(Input::Undeliverable { session, message, lost, step: None });
    }

    fn pubsub(&mut self, session: SessionKey) {
        let request = self.clients.next_request(session);
        let (policy, topic) = self.pattern();
        let options = [entry("match", policy)];
        let publish = [entry("acknowledge", self.rng.bool()), entry("exclude_me", self.rng.bool())];
        let topics = ["a.b", "a.c", "b.b", "a.b.c"];
        let published = self.rng.choice(topics).expect("there are topics");
        let message = match self.rng.u32(0..4) {
            0 | 1 => {
                let options = Dict::from_entries(&publish);
                let (topic, payload) = (Uri::from(published), Payload::EMPTY);
                Publish { request, options, topic, payload }.into()
            }
            2 => {
                let options = Dict::from_entries(&options);
                Subscribe { request, options, topic: Uri::from(topic) }.into()
            }
            _ => {
                let subscription = SubscriptionId::new(self.rng.u64(1..20)).expect("in range");
                Unsubscribe { request, subscription }.into()
            }
        };
        self.handle(Input::Message { session, message: &message });
    }

    fn register(&mut self, session: SessionKey) {
        let request = self.clients.next_request(session);
        let (policy, procedure) = self.pattern();
        let options = [entry("match", policy)];
        let message = if self.rng.u32(0..4) > 0 {
            let options = Dict::from_entries(&options);
            Register { request, options, procedure: Uri::from(procedure) }.into()
        } else {
            let registration = RegistrationId::new(self.rng.u64(1..20)).expect("in range");
            Unregister { request, registration }.into()
        };
        self.handle(Input::Message { session, message: &message });
    }

    fn call(&mut self, session: SessionKey) {
        let request = self.clients.next_request(session);
        let options = [entry("receive_progress", self.rng.bool())];
        let options = Dict::from_entries(&options);
        let procedures = ["a.b", "a.c", "b.b", "a.b.c", "wamp.session.list", "wamp.nothing"];
        let procedure = Uri::from(self.rng.choice(procedures).expect("there are procedures"));
        if self.clients.sessions.get(&session) == Some(&Receives::Yes) {
            self.clients.calls.insert((session, request));
        }
        let message = &Call { request, options, procedure, payload: Payload::EMPTY }.into();
        self.handle(Input::Message { session, message });
    }

    fn cancel(&mut self, session: SessionKey) {
        let own: Vec<_> =
            self.clients.calls.iter().filter(|(caller, _)| *caller == session).copied().collect();
        let Some((_, request)) = self.rng.choice(own) else { return };
        let modes = ["skip", "kill", "killnowait"];
        let options = [entry("mode", self.rng.choice(modes).expect("there are modes"))];
        let options = Dict::from_entries(&options);
        self.handle(Input::Message { session, message: &Cancel { request, options }.into() });
    }

    /// One of the invocations that a session was ever sent.
    fn invocation(&mut self, session: SessionKey) -> Option<RequestId> {
        let invocations = self.clients.invocations.get(&session)?;
        self.rng.choice(invocations).copied()
    }

    fn answer(&mut self, session: SessionKey) {
        let Some(request) = self.invocation(session) else { return };
        let options = [entry("progress", self.rng.u32(0..3) == 0)];
        let message = if self.rng.u32(0..4) > 0 {
            let options = Dict::from_entries(&options);
            Yield { request, options, payload: Payload::EMPTY }.into()
        } else {
            let request_type = MessageType::Invocation;
            let (details, error) = (Dict::EMPTY, Uri::from("com.failed"));
            Error { request_type, request, details, error, payload: Payload::EMPTY }.into()
        };
        self.handle(Input::Message { session, message: &message });
    }

    fn pattern(&mut self) -> (&'static str, &'static str) {
        let patterns = [
            ("exact", "a.b"),
            ("exact", "a.c"),
            ("prefix", ""),
            ("prefix", "a."),
            ("prefix", "a.b"),
            ("wildcard", "a."),
            ("wildcard", ".b"),
            ("wildcard", ".."),
        ];
        self.rng.choice(patterns).expect("there are patterns")
    }

    /// Calls of sessions that are over need no reply.
    fn drop_calls_of_the_gone(&mut self) {
        let sessions = &self.clients.sessions;
        self.clients.calls.retain(|(caller, _)| sessions.get(caller) == Some(&Receives::Yes));
    }
}

fn entry(key: &'static str, value: impl Into<Value<'static>>) -> Entry<'static> {
    (key.into(), value.into())
}

/// Walks, settles all calls, and ends with everybody gone; returns what the realm did.
fn walk(seed: u64) -> Vec<String> {
    let realm = Realm::new(config(&Setup::default()), seed, ());
    let mut walk = Walk { rng: fastrand::Rng::with_seed(seed), realm, clients: Clients::default() };
    for _ in 0..STEP_COUNT {
        walk.step();
        walk.drop_calls_of_the_gone();
    }
    if seed.is_multiple_of(2) {
        walk.handle(Input::Shutdown);
        assert!(walk.clients.calls.is_empty(), "calls without a reply: {:?}", walk.clients.calls);
    } else {
        // Every callee answers, or leaves.
        for session in walk.clients.sessions.keys().copied().collect::<Vec<_>>() {
            walk.leave(session);
            walk.drop_calls_of_the_gone();
        }
        assert!(walk.clients.calls.is_empty(), "calls without a reply: {:?}", walk.clients.calls);
    }
    for session in walk.clients.sessions.keys().copied().collect::<Vec<_>>() {
        walk.leave(session);
    }
    assert_eq!(walk.realm.session_count(), 0);
    assert!(walk.realm.holds_nothing());
    walk.clients.transcript
}

#[test]
fn every_call_gets_one_final_reply_and_nothing_is_left() {
    for seed in 0..SEED_COUNT {
        let transcript = walk(seed);
        assert!(transcript.len() > STEP_COUNT / 2, "the walk goes somewhere");
    }
}

#[test]
fn the_same_seed_gives_the_same_transcript() {
    assert_eq!(walk(7), walk(7));
    assert_ne!(walk(7), walk(8));
}
