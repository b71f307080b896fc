//! The world: connections, the realm, the model, and what happens next.

mod handling;
pub(crate) mod settings;

use std::{collections::BTreeMap, time::Duration};

use fastrand::Rng;
use flowgate_event::{Account, Answer, Disclosure, LeaveReason, Report, Timestamp};
use flowgate_router::{
    Announcement, AskId, EventsConfig, Input, Join, MetaApi, Realm, RealmConfig, Reply, RequestIds,
    RetentionConfig, Role, ServeId, ServedApi, SessionKey,
};
use flowgate_wire::{Message, Payload, UriCheck, Value};

use crate::{
    Options, Summary,
    actions::{Actions, OwnedStep},
    client::{Client, Mood},
    model::{Model, Settings},
    shell::{Connection, decode},
    transcript::Transcript,
};
use settings::{
    HISTORIES, RETAINED_MAX, SERVED, SERVED_PROCEDURES, calls, history, roles, trustlevel,
};

/// When every simulation begins.
pub(crate) const BEGIN: Timestamp = Timestamp::from_nanos(1_700_000_000_000_000_000);

/// Octets that are a message in none of the formats.
const GARBAGE: &str = "not a message";

/// The role of which the realm knows nothing.
const UNKNOWN_ROLE: &str = "stranger";

/// Whether what the realm says about actions is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traced {
    Yes,
    /// Not all the time; when, the seed says.
    Sometimes,
    No,
}

/// A message that no transport takes.
struct Dropped {
    session: SessionKey,
    bytes: Vec<u8>,
    step: Option<OwnedStep>,
}

/// Everything there is in one simulation.
pub(crate) struct World {
    random: Rng,
    now: Timestamp,
    realm: Realm,
    model: Model,
    seats: Vec<Option<Connection>>,
    request_ids: RequestIds,
    keeps_order: bool,
    mood: Mood,
    step_count: u32,
    client_count: u64,
    input_count: u64,
    counts: BTreeMap<String, u64>,
    /// Questions that the authorizer has not answered, some of nobody any more.
    questions: Vec<(SessionKey, AskId)>,
    /// Calls that the shell has not served, some of nobody any more.
    calls: Vec<ServeId>,
    /// If messages are traced.
    actions: Option<Actions>,
    /// Whether they are now.
    is_traced: bool,
    /// If that changes. Not [`random`](Self::random): all else is to stay the same.
    switching: Option<Rng>,
    /// Messages that the realm was given.
    message_count: u64,
    transcript: Transcript,
}

impl World {
    pub(crate) fn new(seed: u64, options: &Options, traced: Traced) -> Self {
        let mut random = Rng::with_seed(seed);
        let request_ids = if random.bool() { RequestIds::Tolerant } else { RequestIds::Sequential };
        let meta_api = if random.u8(..5) > 0 { MetaApi::Enabled } else { MetaApi::Disabled };
        let uri_check = UriCheck::Loose;
        // Calls that wait or are given to another callee come later than others made after them.
        let keeps_order = random.bool();
        let mood = [Mood::Mixed, Mood::Events, Mood::Calls][random.usize(..3)];
        let mut calls = calls(&mut random);
        if keeps_order {
            calls.queue_limit = 0;
        }
        let config = RealmConfig {
            name: "realm1".to_owned(),
            uri_check,
            meta_api,
            request_ids,
            calls,
            roles: roles()
                .into_iter()
                .map(|(name, gate)| Role {
                    trustlevel: trustlevel(&name),
                    name,
                    gate: Box::new(gate),
                })
                .collect(),
            agent: "simulation".to_owned(),
            served: vec![ServedApi {
                prefix: SERVED.to_owned(),
                procedures: SERVED_PROCEDURES.map(str::to_owned).to_vec(),
            }],
            events: EventsConfig {
                retention: RetentionConfig { limit: RETAINED_MAX, ..RetentionConfig::default() },
                histories: HISTORIES.map(history).to_vec(),
                ..EventsConfig::default()
            },
        };
        let seat_count = random.u32(2..=options.client_count_max.max(2));
        Self {
            realm: Realm::new(config, random.u64(..), ()),
            model: Model::new(Settings { uri_check, meta_api, request_ids, calls, roles: roles() }),
            seats: (0..seat_count).map(|_| None).collect(),
            now: BEGIN,
            request_ids,
            keeps_order,
            mood,
            step_count: options.step_count,
            client_count: 0,
            input_count: 0,
            counts: BTreeMap::new(),
            questions: Vec::new(),
            calls: Vec::new(),
            actions: (traced != Traced::No).then(Actions::default),
            is_traced: traced != Traced::No,
            switching: (traced == Traced::Sometimes).then(|| Rng::with_seed(!seed)),
            message_count: 0,
            transcript: Transcript::new(),
            random,
        }
    }

    /// Random steps, then an end in which everything is answered, and then everybody leaves.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        let shuts_down = self.random.u8(..4) == 0;
        for step in 0..self.step_count {
            if shuts_down && step == self.step_count / 10 * 9 {
                self.handle(Input::Shutdown)?;
            }
            if shuts_down && step == self.step_count / 100 * 97 && self.random.bool() {
                self.handle(Input::Shutdown)?;
            }
            self.step()?;
        }
        self.settle()?;
        if let Some(what) = self.model.unanswered() {
            return Err(what);
        }
        for index in 0..self.seats.len() {
            let Some(connection) = &mut self.seats[index] else { continue };
            if connection.client.is_active()
                && let Some(request) = connection.client.unanswered()
            {
                return Err(format!("call {request} of {:?} has no final reply", key(index)));
            }
            if connection.client.is_active() && self.random.bool() {
                let goodbye = connection.client.goodbye();
                connection.send(&goodbye);
                self.settle()?;
            } else {
                self.leave(index, LeaveReason::TransportLost)?;
            }
        }
        self.settle()?;
        if let Some(what) = self.model.remains() {
            return Err(what);
        }
        if let Some(actions) = &self.actions {
            actions.end(self.message_count)?;
        }
        self.realm.check_nothing_left()
    }

    pub(crate) fn into_summary(self) -> Summary {
        let action_count = self.actions.map_or(0, |actions| actions.action_count);
        Summary {
            input_count: self.input_count,
            counts: {
                let seen = self.model.seen.iter();
                let seen = seen.map(|(name, count)| (name.clone(), *count));
                let actions = ("action".to_owned(), action_count);
                self.counts.into_iter().chain(seen).chain([actions]).collect()
            },
            transcript_hash: self.transcript.hash(),
        }
    }

    pub(crate) fn into_tail(self) -> (u64, Vec<String>) {
        (self.input_count, self.transcript.into_tail())
    }

    /// One random thing, at a random place.
    fn step(&mut self) -> Result<(), String> {
        self.now = self.now.after(Duration::from_micros(self.random.u64(..1000)));
        if self.realm.next_deadline().is_some_and(|deadline| deadline <= self.now) {
            self.handle(Input::Tick)?;
        }
        if !self.questions.is_empty() && self.random.u8(..4) == 0 {
            let place = self.random.usize(..self.questions.len());
            let answer = self.random_answer();
            self.answer(place, answer)?;
        }
        if !self.calls.is_empty() && self.random.u8(..8) == 0 {
            let place = self.random.usize(..self.calls.len());
            self.serve(place)?;
        }
        if self.random.u8(..100) == 0 {
            self.announce()?;
        }
        let index = self.random.usize(..self.seats.len());
        let Some(connection) = &mut self.seats[index] else {
            return if self.random.u8(..4) == 0 { self.join(index) } else { Ok(()) };
        };
        if connection.is_dead && self.random.u8(..4) == 0 {
            return self.leave(index, LeaveReason::SlowConsumer);
        }
        match self.random.u16(..1000) {
            0..420 => {
                if connection.client.is_active() && !connection.is_dead {
                    let message = connection.client.act(&mut self.random);
                    connection.send(&message);
                }
                Ok(())
            }
            420..700 if connection.is_congested() => Ok(()),
            420..700 => self.receive(index),
            // Those whose queues are short read slowly.
            700..970 if connection.client.queue_limit < usize::MAX && self.random.bool() => Ok(()),
            700..970 => self.deliver(index),
            970..972 if !connection.is_dead && self.mood == Mood::Mixed => {
                connection.inbound.push_back(None);
                Ok(())
            }
            972..982 => {
                let (session, report) = (key(index), self.report());
                self.handle(Input::Stats { session, report })
            }
            // Others come further.
            982..986 if self.mood == Mood::Mixed || self.random.bool() => {
                self.leave(index, LeaveReason::TransportLost)
            }
            _ if connection.closing.is_some() && connection.outbound.is_empty() => {
                self.leave(index, LeaveReason::Goodbye)
            }
            _ => Ok(()),
        }
    }

    fn random_answer(&mut self) -> Answer {
        match self.random.u8(..8) {
            0 => Answer::Deny,
            1 => Answer::Fail,
            2 => Answer::Admit(Disclosure::Never),
            3..=4 => Answer::Admit(Disclosure::Always),
            _ => Answer::Admit(Disclosure::OnRequest),
        }
    }

    /// The authorizer answers a question, perhaps too late; seldom it does so twice.
    fn answer(&mut self, place: usize, answer: Answer) -> Result<(), String> {
        let (session, ask) = self.questions[place];
        if self.random.u8(..8) > 0 {
            self.questions.swap_remove(place);
        }
        self.handle(Input::Answer { session, ask, answer })
    }

    /// The shell serves a call, perhaps too late; seldom it does so twice.
    fn serve(&mut self, place: usize) -> Result<(), String> {
        let call = self.calls[place];
        if self.random.u8(..8) > 0 {
            self.calls.swap_remove(place);
        }
        let payload = self.own_payload("served");
        let reply = match self.random.u8(..4) {
            0 => Reply::Error { error: "com.error", payload },
            _ => Reply::Result(payload),
        };
        self.handle(Input::Served { call, reply })
    }

    /// The router publishes an event of its own, for everybody or for some roles.
    fn announce(&mut self) -> Result<(), String> {
        let topic = ["svc.b", "com.a", "com.ab"][self.random.usize(..3)];
        let mut roles = || {
            let role = ["all", "limited", "asking"][self.random.usize(..3)].to_owned();
            (self.random.u8(..3) == 0).then(|| vec![role])
        };
        let (eligible, exclude) = (roles(), roles());
        let payload = self.own_payload("announced");
        *self.counts.entry("announcement".to_owned()).or_default() += 1;
        self.handle(Input::Publish(Announcement {
            topic,
            payload,
            eligible_authroles: eligible.as_deref(),
            exclude_authroles: exclude.as_deref(),
        }))
    }

    /// A payload of the router, seldom one that small transports do not take.
    fn own_payload(&mut self, word: &str) -> Payload<'static> {
        let mut args = vec![Value::from(word.to_owned()), Value::from(self.random.u64(..1000))];
        if self.random.u8(..20) == 0 {
            args.push(Value::from("x".repeat(3000)));
        }
        Payload::from_vecs(args, Vec::new())
    }

    /// Delivers everything, answers every invocation, and closes what is to be closed.
    fn settle(&mut self) -> Result<(), String> {
        loop {
            let mut is_idle = self.questions.is_empty();
            while !self.questions.is_empty() {
                let answer = self.random_answer();
                self.answer(0, answer)?;
            }
            while !self.calls.is_empty() {
                is_idle = false;
                self.serve(0)?;
            }
            for index in 0..self.seats.len() {
                while let Some(connection) = &self.seats[index] {
                    if connection.inbound.is_empty() && connection.outbound.is_empty() {
                        break;
                    }
                    is_idle = false;
                    self.receive(index)?;
                    self.deliver(index)?;
                }
                let Some(connection) = &mut self.seats[index] else { continue };
                if connection.is_dead {
                    is_idle = false;
                    self.leave(index, LeaveReason::SlowConsumer)?;
                } else if connection.closing.is_some() {
                    is_idle = false;
                    self.leave(index, LeaveReason::Goodbye)?;
                } else if connection.client.is_active() {
                    while let Some(answer) = connection.client.settle(&mut self.random) {
                        is_idle = false;
                        connection.send(&answer);
                    }
                }
            }
            if is_idle {
                return Ok(());
            }
        }
    }

    fn join(&mut self, index: usize) -> Result<(), String> {
        self.client_count += 1;
        let mut client = Client::new(&mut self.random, self.client_count, self.request_ids);
        client.keeps_order = self.keeps_order;
        client.mood = self.mood;
        client.features.callee_call_reroute &= !self.keeps_order;
        let authrole = match self.random.u8(..12) {
            0 => UNKNOWN_ROLE,
            1..=3 => "limited",
            4..=6 => "asking",
            _ => "all",
        };
        let join = Join {
            session: key(index),
            authid: self.random.bool().then(|| format!("client{}", self.client_count)),
            authrole: authrole.to_owned(),
            authmethod: "anonymous",
            authprovider: "static",
            features: client.features,
            serializer: client.format.name(),
            transport: Value::dict([("type", Value::from("simulation"))]),
        };
        self.seats[index] = Some(Connection::new(client));
        self.handle(Input::Join(join))
    }

    /// The realm handles the next message of a client.
    fn receive(&mut self, index: usize) -> Result<(), String> {
        let session = key(index);
        let Some(connection) = &mut self.seats[index] else { return Ok(()) };
        let format = connection.client.format;
        match connection.inbound.pop_front() {
            None => Ok(()),
            Some(None) => self.handle(Input::Violation { session, what: GARBAGE }),
            Some(Some(bytes)) => {
                let message = decode(format, &bytes)?;
                self.message_count += 1;
                self.handle(Input::Message { session, message: &message })
            }
        }
    }

    /// A client gets the next message of the realm.
    fn deliver(&mut self, index: usize) -> Result<(), String> {
        let Some(connection) = &mut self.seats[index] else { return Ok(()) };
        let Some(bytes) = connection.outbound.pop_front() else { return Ok(()) };
        let message = decode(connection.client.format, &bytes)?;
        let was_silent = connection.client.is_silent;
        connection.client.receive(&message)?;
        // The closing handshake: the client answers the router's GOODBYE unless it said its own.
        if matches!(message, Message::Goodbye(_)) && !was_silent {
            let goodbye = connection.client.goodbye();
            connection.send(&goodbye);
        }
        Ok(())
    }

    /// A connection ends; what is on the way in either direction is lost.
    fn leave(&mut self, index: usize, reason: LeaveReason) -> Result<(), String> {
        let report = self.random.bool().then(|| self.report());
        let handled = self.handle(Input::Leave { session: key(index), reason, report });
        self.seats[index] = None;
        handled
    }

    fn report(&mut self) -> Report {
        let messages = self.random.u64(1..100);
        let account = Account { bytes: messages * 50, messages, rated_messages: messages };
        Report {
            cycle: 1,
            start: self.now,
            duration: Duration::from_secs(1),
            first: true,
            last: false,
            received: account,
            sent: account,
        }
    }
}

fn key(index: usize) -> SessionKey {
    SessionKey(u32::try_from(index).unwrap_or(u32::MAX))
}
