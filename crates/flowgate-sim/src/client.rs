//! A model client: random, but it knows what it has been told.

mod answering;
mod asking;
mod calling;
mod publishing;

use std::collections::{BTreeMap, VecDeque};

use fastrand::Rng;
use flowgate_router::{ClientFeatures, RequestIds};
use flowgate_wire::{
    Abort, Dict, Entry, EventReceived, Format, Goodbye, Message, MessageType, Payload,
    PublicationId, RegistrationId, RequestId, SubscriptionId, Uri, Value, uris,
};

use crate::{
    material,
    said::{is_true, text},
};

/// Publications that a client remembers, to ask a history about.
const PUBLICATION_COUNT: usize = 6;

/// One client and what it knows of its session.
#[derive(Debug)]
pub(crate) struct Client {
    /// Its number in the simulation; never used again.
    pub(crate) serial: u64,
    pub(crate) format: Format,
    /// What its transport takes.
    pub(crate) limit_bytes: usize,
    /// Messages that may wait for it.
    pub(crate) queue_limit: usize,
    pub(crate) features: ClientFeatures,
    /// Whether invocations come in the order of their calls.
    pub(crate) keeps_order: bool,
    pub(crate) mood: Mood,
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
    /// Calls without a final reply.
    calls: Vec<RequestId>,
    /// Requests that were used twice, of which it cannot be said how many replies are due.
    doubtful: Vec<RequestId>,
    /// The latest invocation.
    invoked: Option<RequestId>,
    /// The latest publications that it was told of.
    publications: VecDeque<PublicationId>,
    invocations: Vec<Invoked>,
    /// Calls in parts, of which the last is to come.
    streams: Vec<(RequestId, Uri<'static>)>,
    /// The latest sequence number of each sender's events and invocations.
    heard: BTreeMap<(u64, MessageType), u64>,
}

/// What the clients of a simulation do most, so that it comes far with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Mixed,
    Events,
    Calls,
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
            queue_limit: if random.u8(..4) == 0 { random.usize(2..16) } else { usize::MAX },
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
            mood: Mood::Mixed,
            request_ids,
            is_welcome: false,
            is_silent: false,
            peers: Vec::new(),
            requests: 0,
            sequence: 0,
            subscriptions: Vec::new(),
            registrations: Vec::new(),
            calls: Vec::new(),
            doubtful: Vec::new(),
            invoked: None,
            publications: VecDeque::new(),
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
        if self.publications.len() > 1 && random.u8(..8) == 0 {
            return self.ask_for_events(random);
        }
        let choice = match self.mood {
            // Without callees there is nothing to call.
            Mood::Calls if self.registrations.len() < 2 && random.bool() => 380,
            Mood::Events if random.u8(..4) > 0 => random.u16(..380),
            Mood::Calls if random.u8(..4) > 0 => random.u16(380..980),
            Mood::Mixed | Mood::Events | Mood::Calls => random.u16(..1000),
        };
        match choice {
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
            700..730 => self.cancel(random),
            730..980 => match self.answer(random) {
                Some(message) => message,
                None if self.mood == Mood::Calls => self.call(random),
                None => self.publish(random),
            },
            980..990 => EventReceived { publication: PublicationId::MIN }.into(),
            990..994 => self.goodbye(),
            994..996 => self.abort(),
            _ => self.break_the_protocol(random),
        }
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
                self.invoked = self.invoked.max(Some(request));
                let caller = invocation.details.get("caller").and_then(|value| value.as_u64());
                self.peers.extend(caller);
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
                if !is_meta {
                    self.publications.push_back(event.publication);
                    if self.publications.len() > PUBLICATION_COUNT {
                        self.publications.pop_front();
                    }
                }
                // A retained event is older than what came in between.
                if !is_meta && !is_true(&event.details, "retained") {
                    self.check_order(message.message_type(), &event.payload)?;
                }
            }
            Message::Result(result) => {
                self.peers.extend(sessions(&result.payload));
                let is_last = !is_true(&result.details, "progress");
                self.take_reply(message.message_type(), result.request, is_last)?;
            }
            Message::Error(error) if error.request_type == MessageType::Call => {
                self.take_reply(message.message_type(), error.request, true)?;
            }
            // What its transport does not take may have been an INVOCATION.
            Message::Interrupt(interrupt)
                if Some(interrupt.request) > self.invoked && self.limit_bytes == usize::MAX =>
            {
                return Err(format!("INTERRUPT before INVOCATION {}", interrupt.request));
            }
            _ => {}
        }
        Ok(())
    }

    /// A reply to a call that has had its last is one too many.
    fn take_reply(
        &mut self,
        kind: MessageType,
        request: RequestId,
        is_last: bool,
    ) -> Result<(), String> {
        match self.calls.iter().position(|call| *call == request) {
            Some(place) if is_last => {
                self.calls.swap_remove(place);
            }
            None if !self.doubtful.contains(&request) => {
                return Err(format!("{} for call {request}, which is over", kind.name()));
            }
            Some(_) | None => {}
        }
        Ok(())
    }

    /// The calls that wait for their final reply, as far as it can be said.
    pub(crate) fn unanswered(&self) -> Option<RequestId> {
        self.calls.iter().copied().find(|call| !self.doubtful.contains(call))
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

    fn abort(&mut self) -> Message<'static> {
        self.is_silent = true;
        let reason = Uri::from(uris::close::SYSTEM_SHUTDOWN);
        Abort { details: Dict::EMPTY, reason, payload: Payload::EMPTY }.into()
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

/// The sessions of a list that the router has given: no other identifiers are as large.
fn sessions(payload: &Payload<'_>) -> Vec<u64> {
    let (args, _) = payload.decode();
    let items = if let [Value::List(items)] = args.as_slice() { items.as_slice() } else { &[] };
    items.iter().filter_map(Value::as_u64).filter(|id| *id > u64::from(u32::MAX)).collect()
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
