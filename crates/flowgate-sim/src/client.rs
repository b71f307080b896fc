//! A model client: random, but it knows what it has been told.

use std::collections::BTreeMap;

use fastrand::Rng;
use flowgate_router::{ClientFeatures, RequestIds};
use flowgate_wire::{
    Abort, Call, Cancel, Dict, Error, EventReceived, Format, Goodbye, Hello, MatchPolicy, Message,
    MessageType, Payload, PublicationId, Publish, Published, Register, RegistrationId, RequestId,
    Subscribe, SubscriptionId, Unregister, Unsubscribe, Uri, Value, Yield, uris,
};

use crate::{
    material,
    said::{is_true, text},
};

/// One client and what it knows of its session.
#[derive(Debug)]
pub(crate) struct Client {
    /// Its number in the simulation; never used again.
    pub(crate) serial: u64,
    pub(crate) format: Format,
    /// What its transport takes.
    pub(crate) limit_bytes: usize,
    pub(crate) features: ClientFeatures,
    request_ids: RequestIds,
    is_welcome: bool,
    /// It has said GOODBYE or ABORT, or was told so: it sends nothing more.
    pub(crate) is_silent: bool,
    requests: u64,
    sequence: u64,
    subscriptions: Vec<SubscriptionId>,
    registrations: Vec<RegistrationId>,
    calls: Vec<RequestId>,
    invocations: Vec<Invoked>,
    /// The sessions of others that it has heard of.
    others: Vec<u64>,
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
            },
            request_ids,
            is_welcome: false,
            is_silent: false,
            requests: 0,
            sequence: 0,
            subscriptions: Vec::new(),
            registrations: Vec::new(),
            calls: Vec::new(),
            invocations: Vec::new(),
            others: Vec::new(),
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
            510..700 => self.call(random),
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
            Message::Welcome(_) => self.is_welcome = true,
            Message::Abort(_) | Message::Goodbye(_) => self.is_silent = true,
            Message::Subscribed(subscribed) => self.subscriptions.push(subscribed.subscription),
            Message::Registered(registered) => self.registrations.push(registered.registration),
            Message::Invocation(invocation) => {
                self.check_order(message.message_type(), &invocation.payload)?;
                let wants_progress = is_true(&invocation.details, "receive_progress");
                self.invocations.push(Invoked { request: invocation.request, wants_progress });
            }
            Message::Event(event) => {
                // The router's own events have no sender.
                let topic = text(&event.details, "topic");
                let is_meta = topic.as_ref().is_some_and(|topic| topic.starts_with("wamp."));
                if topic.as_deref() == Some("wamp.session.on_join") {
                    let (args, _) = event.payload.decode();
                    let session = args.first().and_then(|details| details.get("session"));
                    self.others.extend(session.and_then(Value::as_u64));
                }
                if !is_meta {
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
            let meta = ["on_join", "on_leave", "on_stats"][random.usize(..3)];
            // As a pattern, so that the receiver sees in the details whose event it is.
            (MatchPolicy::Prefix, format!("wamp.session.{meta}"))
        } else {
            material::pattern(random)
        };
        let options = match_option(random, policy);
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
        let request = self.request(random);
        let (topic, payload) = (material::uri(random).into(), self.payload(random));
        Publish { request, options: Dict::from_vec(options), topic, payload }.into()
    }

    fn register(&mut self, random: &mut Rng) -> Message<'static> {
        let (policy, procedure) = material::pattern(random);
        let options = match_option(random, policy);
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
        if random.u8(..6) == 0 {
            let (procedure, payload) = material::session_call(random, &self.others);
            let (options, procedure) = (Dict::from_vec(options), procedure.into());
            return Call { request, options, procedure, payload }.into();
        }
        let procedure = if random.u8(..8) == 0 {
            ["wamp.session.count", "wamp.session.list", "wamp.session.get"][random.usize(..3)]
                .into()
        } else {
            material::uri(random).into()
        };
        let payload = if procedure == Uri::from("wamp.session.count") {
            Payload::EMPTY
        } else {
            self.payload(random)
        };
        Call { request, options: Dict::from_vec(options), procedure, payload }.into()
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
        if random.u8(..4) > 0 {
            return Yield { request, options: Dict::EMPTY, payload }.into();
        }
        let error = Uri::from(if random.u8(..8) == 0 { "not valid" } else { "com.error" });
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

fn match_option(random: &mut Rng, policy: MatchPolicy) -> Dict<'static> {
    if random.u8(..40) == 0 {
        return dict([("match", Value::from("somehow"))]);
    }
    dict([("match", Value::from(policy.name()))])
}
