//! A model client: random, but it knows what it has been told.

use std::collections::BTreeMap;

use fastrand::Rng;
use flowgate_router::{ClientFeatures, RequestIds};
use flowgate_wire::{
    Abort, Call, Cancel, Dict, Entry, Error, EventReceived, Format, Goodbye, Hello, MatchPolicy,
    Message, MessageType, Payload, PublicationId, Publish, Published, Register, RegistrationId,
    RequestId, Subscribe, SubscriptionId, Unregister, Unsubscribe, Uri, Value, Yield, uris,
};

use crate::{
    material,
    said::{is_true, text},
};

/// A procedure that many register.
const SHARED: &str = "com.a";

/// One client and what it knows of its session.
#[derive(Debug)]
pub(crate) struct Client {
    /// Its number in the simulation; never used again.
    pub(crate) serial: u64,
    pub(crate) format: Format,
    /// What its transport takes.
    pub(crate) limit_bytes: usize,
    pub(crate) features: ClientFeatures,
    /// Whether invocations come in the order of their calls.
    pub(crate) keeps_order: bool,
    request_ids: RequestIds,
    is_welcome: bool,
    /// It has said GOODBYE or ABORT, or was told so: it sends nothing more.
    pub(crate) is_silent: bool,
    /// Sessions that it has heard of, its own the first.
    peers: Vec<u64>,
    requests: u64,
    sequence: u64,
    subscriptions: Vec<SubscriptionId>,
    registrations: Vec<RegistrationId>,
    calls: Vec<RequestId>,
    invocations: Vec<Invoked>,
    /// Calls in parts, of which the last is to come.
    streams: Vec<(RequestId, Uri<'static>)>,
    /// The latest sequence number of each sender's events and invocations.
    heard: BTreeMap<(u64, MessageType), u64>,
}

/// An invocation that the client has not answered.
#[derive(Debug, Clone, Copy)]
struct Invoked {
    request: RequestId,
    wants_progress: bool,
}

impl Client {
    pub(crate) fn new(random: &mut Rng, serial: u64, request_ids: RequestIds) -> Self {
        Self {
            serial,
            format: Format::ALL[random.usize(..3)],
            limit_bytes: if random.u8(..4) == 0 { 2048 } else { usize::MAX },
            features: ClientFeatures {
                callee_call_canceling: random.u8(..4) > 0,
                callee_progressive_call_results: random.u8(..4) > 0,
                callee_progressive_call_invocations: random.u8(..4) > 0,
                callee_call_timeout: random.bool(),
                callee_call_reroute: random.u8(..4) > 0,
                callee_registration_revocation: random.bool(),
                callee_payload_passthru_mode: random.u8(..4) > 0,
                caller_progressive_call_invocations: random.u8(..8) > 0,
                caller_payload_passthru_mode: random.u8(..8) > 0,
                publisher_payload_passthru_mode: random.u8(..8) > 0,
                subscriber_subscription_revocation: random.bool(),
            },
            keeps_order: true,
            request_ids,
            is_welcome: false,
            is_silent: false,
            peers: Vec::new(),
            requests: 0,
            sequence: 0,
            subscriptions: Vec::new(),
            registrations: Vec::new(),
            calls: Vec::new(),
            invocations: Vec::new(),
            streams: Vec::new(),
            heard: BTreeMap::new(),
        }
    }

    /// Whether it may send what it likes.
    pub(crate) fn is_active(&self) -> bool {
        self.is_welcome && !self.is_silent
    }

    /// The next message it sends.
    pub(crate) fn act(&mut self, random: &mut Rng) -> Message<'static> {
        match random.u16(..1000) {
            0..120 => self.subscribe(random),
            120..160 => self.unsubscribe(random),
            160..380 => self.publish(random),
            380..480 => self.register(random),
            480..510 => self.unregister(random),
            510..660 => self.call(random),
            660..700 => match self.continue_stream(random) {
                Some(message) => message,
                None => self.call(random),
            },
            700..760 => self.cancel(random),
            760..980 => match self.answer(random) {
                Some(message) => message,
                None => self.publish(random),
            },
            980..990 => EventReceived { publication: PublicationId::MIN }.into(),
            990..994 => self.goodbye(),
            994..996 => self.abort(),
            _ => self.break_the_protocol(random),
        }
    }

    /// An answer to one of the invocations that wait, the last one of it or not.
    pub(crate) fn answer(&mut self, random: &mut Rng) -> Option<Message<'static>> {
        if self.invocations.is_empty() {
            return None;
        }
        let at = random.usize(..self.invocations.len());
        let Invoked { request, wants_progress } = self.invocations[at];
        let choice = random.u8(..10);
        if choice < 3 && (wants_progress || choice == 0) {
            let options = dict([("progress", Value::from(true))]);
            return Some(Yield { request, options, payload: self.payload(random) }.into());
        }
        self.invocations.swap_remove(at);
        Some(self.last_answer(random, request))
    }

    /// The final answer to the oldest invocation, for the end of a simulation.
    pub(crate) fn settle(&mut self, random: &mut Rng) -> Option<Message<'static>> {
        let Invoked { request, .. } = self.invocations.pop()?;
        Some(self.last_answer(random, request))
    }

    pub(crate) fn goodbye(&mut self) -> Message<'static> {
        self.is_silent = true;
        Goodbye { details: Dict::EMPTY, reason: Uri::from(uris::close::CLOSE_REALM) }.into()
    }

    /// Takes a message and checks what a client can check.
    pub(crate) fn receive(&mut self, message: &Message<'_>) -> Result<(), String> {
        if self.is_welcome == matches!(message, Message::Welcome(_))
            && !matches!(message, Message::Abort(_))
        {
            return Err(format!("{} at the wrong time", message.message_type().name()));
        }
        match message {
            Message::Welcome(welcome) => {
                self.is_welcome = true;
                self.peers.push(welcome.session.get());
            }
            Message::Abort(_) | Message::Goodbye(_) => self.is_silent = true,
            Message::Subscribed(subscribed) => self.subscriptions.push(subscribed.subscription),
            Message::Registered(registered) => self.registrations.push(registered.registration),
            Message::Invocation(invocation) => {
                if self.keeps_order {
                    self.check_order(message.message_type(), &invocation.payload)?;
                }
                let wants_progress = is_true(&invocation.details, "receive_progress");
                let request = invocation.request;
                // Further parts of a call are no further invocations.
                if self.invocations.iter().all(|invoked| invoked.request != request) {
                    self.invocations.push(Invoked { request, wants_progress });
                }
            }
            Message::Event(event) => {
                // The router's own events have no sender.
                let topic = text(&event.details, "topic");
                let is_meta = topic.as_ref().is_some_and(|topic| topic.starts_with("wamp."));
                if topic.as_deref() == Some("wamp.session.on_join") {
                    let (args, _) = event.payload.decode();
                    let session = args.first().and_then(|details| details.get("session"));
                    self.peers.extend(session.and_then(Value::as_u64));
                }
                let publisher = event.details.get("publisher").and_then(|value| value.as_u64());
                self.peers.extend(publisher);
                // A retained event is older than what came in between.
                if !is_meta && !is_true(&event.details, "retained") {
                    self.check_order(message.message_type(), &event.payload)?;
                }
            }
            Message::Result(result) if !is_true(&result.details, "progress") => {
                self.calls.retain(|call| *call != result.request);
            }
            Message::Error(error) if error.request_type == MessageType::Call => {
                self.calls.retain(|call| *call != error.request);
            }
            _ => {}
        }
        Ok(())
    }

    /// Events and invocations come in the order in which their sender sent them, across topics and
    /// procedures.
    fn check_order(&mut self, kind: MessageType, payload: &Payload<'_>) -> Result<(), String> {
        let (args, _) = payload.decode();
        let number = |index: usize| args.get(index).and_then(Value::as_u64);
        let (Some(sender), Some(sequence)) = (number(0), number(1)) else { return Ok(()) };
        let last = self.heard.entry((sender, kind)).or_default();
        // One publication can come as several events, for several subscriptions.
        let is_next = if kind == MessageType::Event { sequence >= *last } else { sequence > *last };
        if !is_next {
            let name = kind.name();
            return Err(format!("{name} {sequence} of client {sender} comes after {last}"));
        }
        *last = sequence;
        Ok(())
    }

    fn subscribe(&mut self, random: &mut Rng) -> Message<'static> {
        let (policy, topic) = if random.u8(..6) == 0 {
            let meta = [
                "session.on_join",
                "session.on_leave",
                "session.on_stats",
                "registration.",
                "subscription.on_",
                "subscription.on_create",
                "subscription.on_subscribe",
                "subscription.on_unsubscribe",
                "subscription.on_delete",
            ];
            // As a pattern, so that the receiver sees in the details whose event it is.
            (MatchPolicy::Prefix, format!("wamp.{}", meta[random.usize(..meta.len())]))
        } else {
            material::pattern(random)
        };
        let mut options = match_option(random, policy);
        if random.bool() {
            let get_retained = ("get_retained".into(), Value::from(random.u8(..4) > 0));
            let all =
                options.entries().map(|(key, value)| (key.into_owned().into(), value.into_owned()));
            options = Dict::from_vec(all.chain([get_retained]).collect());
        }
        Subscribe { request: self.request(random), options, topic: topic.into() }.into()
    }

    fn unsubscribe(&mut self, random: &mut Rng) -> Message<'static> {
        let subscription = take(random, &mut self.subscriptions).unwrap_or(SubscriptionId::MIN);
        Unsubscribe { request: self.request(random), subscription }.into()
    }

    fn publish(&mut self, random: &mut Rng) -> Message<'static> {
        let mut options = Vec::new();
        if random.bool() {
            options.push(("acknowledge".into(), Value::from(random.u8(..4) > 0)));
        }
        if random.bool() {
            let exclude_me = if random.u8(..30) == 0 { "no".into() } else { random.bool().into() };
            options.push(("exclude_me".into(), exclude_me));
        }
        if random.u8(..4) == 0 {
            options.push(("disclose_me".into(), random.bool().into()));
        }
        if random.u8(..4) == 0 {
            options.push(("retain".into(), random.bool().into()));
        }
        if random.u8(..4) == 0 {
            options.extend(material::listing(random, &self.peers));
        }
        if self.features.publisher_payload_passthru_mode && random.u8(..8) == 0
            || random.u8(..200) == 0
        {
            options.push(passthru(random));
        }
        options.extend(material::context(random));
        let request = self.request(random);
        let (topic, payload) = (material::uri(random).into(), self.payload(random));
        Publish { request, options: Dict::from_vec(options), topic, payload }.into()
    }

    fn register(&mut self, random: &mut Rng) -> Message<'static> {
        let is_shared = random.u8(..3) == 0;
        let (policy, procedure) = if is_shared {
            (MatchPolicy::Exact, SHARED.to_owned())
        } else {
            material::pattern(random)
        };
        let mut options = vec![("match".into(), Value::from(policy.name()))];
        if is_shared {
            options.push(("invoke".into(), Value::from("roundrobin")));
        } else if random.bool() {
            // What a seed chooses cannot be predicted by a model without the router's seed.
            let invoke = ["single", "first", "last", "roundrobin", "queue_least_loaded", "best"];
            let choice = random.usize(..11).min(20 - random.usize(..20)) % 6;
            options.push(("invoke".into(), Value::from(invoke[choice])));
        }
        if random.u8(..3) == 0 {
            options.push(("concurrency".into(), Value::from(random.u64(..8).div_ceil(2))));
        }
        for option in ["disclose_caller", "forward_timeout"] {
            if random.u8(..4) == 0 {
                options.push((option.into(), Value::from(true)));
            }
        }
        if random.u8(..10) == 0 {
            options.push(("force_reregister".into(), Value::from(true)));
        }
        let options = Dict::from_vec(options);
        Register { request: self.request(random), options, procedure: procedure.into() }.into()
    }

    fn unregister(&mut self, random: &mut Rng) -> Message<'static> {
        let registration = take(random, &mut self.registrations).unwrap_or(RegistrationId::MIN);
        Unregister { request: self.request(random), registration }.into()
    }

    fn call(&mut self, random: &mut Rng) -> Message<'static> {
        let request = self.request(random);
        self.calls.push(request);
        let mut options = Vec::new();
        if random.bool() {
            options.push(("receive_progress".into(), random.bool().into()));
        }
        if random.u8(..4) == 0 {
            options.push(("disclose_me".into(), random.bool().into()));
        }
        if random.u8(..6) == 0 {
            let timeout = [Value::from(0_u64), Value::from(random.u64(..150)), Value::from("soon")];
            let choice = random.usize(..12).div_ceil(5).min(2);
            options.push(("timeout".into(), timeout[choice].clone()));
        }
        options.extend(material::context(random));
        // Seldom without having announced it.
        let breaks = random.u16(..500) == 0;
        let is_stream =
            random.u8(..6) == 0 && (self.features.caller_progressive_call_invocations || breaks);
        if is_stream {
            options.push(("progress".into(), Value::from(true)));
        }
        if random.u8(..8) == 0 && (self.features.caller_payload_passthru_mode || breaks) {
            options.push(passthru(random));
        }
        if random.u8(..8) == 0 {
            return self.ask_about_subscriptions(random, request);
        }
        if random.u8(..16) == 0 {
            let procedure = ["svc.echo", "svc.b", "svc.nothing", "svc"][random.usize(..10) / 3];
            let (options, payload) = (Dict::from_vec(options), self.payload(random));
            return Call { request, options, procedure: procedure.into(), payload }.into();
        }
        if random.u8(..6) == 0 {
            let (procedure, payload) = material::session_call(random, &self.peers);
            let (options, procedure) = (Dict::from_vec(options), procedure.into());
            return Call { request, options, procedure, payload }.into();
        }
        let procedure: Uri<'static> = if random.u8(..8) == 0 {
            ["wamp.session.count", "wamp.session.list", "wamp.session.get"][random.usize(..3)]
                .into()
        } else if random.u8(..3) == 0 {
            SHARED.into()
        } else {
            material::uri(random).into()
        };
        if is_stream {
            self.streams.push((request, procedure.clone()));
        }
        let payload = if procedure == Uri::from("wamp.session.count") {
            Payload::EMPTY
        } else {
            self.payload(random)
        };
        Call { request, options: Dict::from_vec(options), procedure, payload }.into()
    }

    /// Another part of a call, often after the call is over.
    fn continue_stream(&mut self, random: &mut Rng) -> Option<Message<'static>> {
        if self.streams.is_empty() {
            return None;
        }
        let at = random.usize(..self.streams.len());
        let (request, procedure) = self.streams[at].clone();
        let is_last = random.u8(..4) == 0;
        if is_last {
            self.streams.swap_remove(at);
        }
        let options = dict([("progress", Value::from(!is_last))]);
        Some(Call { request, options, procedure, payload: self.payload(random) }.into())
    }

    fn ask_about_subscriptions(&self, random: &mut Rng, request: RequestId) -> Message<'static> {
        let held = self.subscriptions.iter().map(|id| id.get());
        let known: Vec<u64> = held.chain([1, 2, 3]).collect();
        let subscription = Value::from(known[random.usize(..known.len())]);
        let (name, args, kwargs) = match random.u8(..8) {
            0..3 => {
                // Itself more often than others, of whose subscriptions it knows nothing.
                let among = if random.bool() { 1 } else { self.peers.len() };
                let session = self.peers[random.usize(..among)];
                ("remove_subscriber", vec![subscription, Value::from(session)], Vec::new())
            }
            3..4 => ("count_subscribers", vec![subscription], Vec::new()),
            _ => {
                let mut query = vec![("reverse".into(), random.bool().into())];
                if random.bool() {
                    query.push(("limit".into(), random.u64(..4).into()));
                }
                if random.u8(..4) == 0 {
                    query.push(("topic".into(), "com.a".into()));
                }
                ("get_events", vec![subscription], query)
            }
        };
        let (options, payload) = (Dict::EMPTY, Payload::from_vecs(args, kwargs));
        let procedure = format!("wamp.subscription.{name}").into();
        Call { request, options, procedure, payload }.into()
    }

    fn cancel(&mut self, random: &mut Rng) -> Message<'static> {
        let request = if self.calls.is_empty() {
            RequestId::MIN
        } else {
            self.calls[random.usize(..self.calls.len())]
        };
        let options = match random.u8(..12) {
            0 => Dict::EMPTY,
            1 => dict([("mode", Value::from("softly"))]),
            other => {
                let mode = ["skip", "kill", "killnowait"][usize::from(other) % 3];
                dict([("mode", Value::from(mode))])
            }
        };
        Cancel { request, options }.into()
    }

    fn abort(&mut self) -> Message<'static> {
        self.is_silent = true;
        let reason = Uri::from(uris::close::SYSTEM_SHUTDOWN);
        Abort { details: Dict::EMPTY, reason, payload: Payload::EMPTY }.into()
    }

    fn last_answer(&mut self, random: &mut Rng, request: RequestId) -> Message<'static> {
        let payload = self.payload(random);
        let announced = self.features.callee_payload_passthru_mode;
        if random.u8(..5) > 1 {
            let mut options = Vec::new();
            if random.u8(..10) == 0 && (announced || random.u16(..200) == 0) {
                options.push(passthru(random));
            }
            return Yield { request, options: Dict::from_vec(options), payload }.into();
        }
        let error = Uri::from(match random.u8(..8) {
            0 => "not valid",
            1..6 => uris::error::UNAVAILABLE,
            _ => "com.error",
        });
        let request_type = MessageType::Invocation;
        Error { request_type, request, details: Dict::EMPTY, error, payload }.into()
    }

    fn break_the_protocol(&mut self, random: &mut Rng) -> Message<'static> {
        let (options, payload) = (Dict::EMPTY, Payload::EMPTY);
        match random.u8(..5) {
            0 => Hello { realm: "realm1".into(), details: Dict::EMPTY }.into(),
            1 => {
                let request = RequestId::new(1 << 40).unwrap_or(RequestId::MIN);
                Yield { request, options, payload }.into()
            }
            2 => {
                let request = self.calls.last().copied().unwrap_or(RequestId::MIN);
                Call { request, options, procedure: "com.a".into(), payload }.into()
            }
            3 => {
                let (request_type, request) = (MessageType::Call, RequestId::MIN);
                let (details, error) = (Dict::EMPTY, Uri::from("com.error"));
                Error { request_type, request, details, error, payload }.into()
            }
            _ => match self.invocations.pop() {
                Some(Invoked { request, .. }) => {
                    let options = dict([("progress", Value::from("perhaps"))]);
                    Yield { request, options, payload }.into()
                }
                None => Message::Published(Published {
                    request: RequestId::MIN,
                    publication: PublicationId::MIN,
                }),
            },
        }
    }

    /// The next request identifier; seldom one that leaves a gap.
    fn request(&mut self, random: &mut Rng) -> RequestId {
        let gap = match self.request_ids {
            RequestIds::Tolerant => random.u64(..3),
            RequestIds::Sequential => u64::from(random.u16(..1000) == 0),
        };
        self.requests += 1 + gap;
        RequestId::new(self.requests).unwrap_or(RequestId::MIN)
    }

    fn payload(&mut self, random: &mut Rng) -> Payload<'static> {
        self.sequence += 1;
        material::payload(random, self.serial, self.sequence)
    }
}

fn take<T>(random: &mut Rng, from: &mut Vec<T>) -> Option<T> {
    if from.is_empty() { None } else { Some(from.swap_remove(random.usize(..from.len()))) }
}

fn dict<const N: usize>(entries: [(&'static str, Value<'static>); N]) -> Dict<'static> {
    Dict::from_vec(entries.map(|(key, value)| (key.into(), value)).into())
}

/// What marks a payload that is not to be looked into, seldom something else.
fn passthru(random: &mut Rng) -> Entry<'static> {
    let key = if random.u8(..10) == 0 { "ppt_cipher" } else { "ppt_scheme" };
    (key.into(), Value::from("x_sim"))
}

fn match_option(random: &mut Rng, policy: MatchPolicy) -> Dict<'static> {
    if random.u8(..40) == 0 {
        return dict([("match", Value::from("somehow"))]);
    }
    dict([("match", Value::from(policy.name()))])
}
