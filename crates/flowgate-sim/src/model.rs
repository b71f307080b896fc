//! What the realm should do: a router written for shortness, which scans lists.
//!
//! It is told each input before the realm handles it and predicts what is said to whom, so that
//! anything missing, wrong or too much is found at the step where it happens.
//! Only random identifiers are learned from the realm instead of being predicted.

mod lifecycle;
mod pubsub;
mod registrations;
mod rpc;
mod served;
mod session;
mod waiting;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use flowgate_event::{Answer, Disclosure, Gate, GateAction, GateRequest, Timestamp, Verdict};
use flowgate_router::{
    CallSettings, ClientFeatures, Input, MetaApi, RequestIds, ServeId, SessionKey,
};
use flowgate_wire::{MatchPolicy, Message, MessageType, RequestId, SessionId, Uri, UriCheck, uris};

use crate::{
    gate::RoleGate,
    said::Said,
    world::{HISTORIES, SERVED},
};
use session::Testament;
use waiting::Waiting;

/// In place of an error: the request waits for an authorizer.
const ASKED: &str = "asked";

/// What the model knows of the realm's settings.
pub(crate) struct Settings {
    pub(crate) uri_check: UriCheck,
    pub(crate) meta_api: MetaApi,
    pub(crate) request_ids: RequestIds,
    pub(crate) calls: CallSettings,
    pub(crate) roles: Vec<(String, RoleGate)>,
}

/// The model of a realm.
pub(crate) struct Model {
    /// Counts what has to have an order.
    sequence: u64,
    /// How often something happened that no message shows.
    pub(crate) seen: BTreeMap<&'static str, u64>,
    now: Timestamp,
    settings: Settings,
    is_shutting_down: bool,
    sessions: BTreeMap<SessionKey, Seat>,
    subscriptions: BTreeMap<Name, Subscription>,
    /// In the order of their age.
    retained: Vec<pubsub::Kept>,
    registrations: BTreeMap<Name, Registration>,
    /// In the order in which they were made.
    calls: Vec<Pending>,
    /// What is predicted for the current input.
    expected: BTreeMap<SessionKey, Vec<Said>>,
    /// Identifiers of subscriptions and registrations count up.
    subscription_count: u64,
    registration_count: u64,
    deadline_count: u64,
    /// What authorizers have said about the current message.
    answers: Vec<Answer>,
    used_answer_count: usize,
    /// An authorizer has been asked about the current message, and has this long.
    asked: Option<Duration>,
}

type Name = (MatchPolicy, String);

/// When, and the how manieth of all deadlines of sessions.
type Deadline = (Timestamp, u64);

#[derive(Debug)]
struct Seat {
    phase: Phase,
    role: usize,
    features: ClientFeatures,
    last_request: u64,
    issued: u64,
    /// The highest request of a call in parts.
    streamed: u64,
    id: u64,
    authid: Option<String>,
    authrole: String,
    testaments: Vec<Testament>,
    waiting: Option<Waiting>,
    /// When the session is closed that does not answer GOODBYE.
    farewell: Option<Deadline>,
    /// What has been said to the session so far.
    heard: Heard,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    ShuttingDown,
    Closed,
    Refused,
}

/// What a session was told, in the order in which it was told.
#[derive(Debug, Default)]
struct Heard {
    welcome: bool,
    /// GOODBYE or ABORT: nothing may follow.
    end: bool,
    close: bool,
    subscriptions: BTreeSet<u64>,
    registrations: BTreeSet<u64>,
}

#[derive(Debug)]
struct Subscription {
    id: u64,
    subscribers: BTreeSet<SessionKey>,
    /// All that was recorded, if it has a history, and the number of records that are kept.
    history: Option<(Vec<pubsub::Kept>, usize)>,
}

#[derive(Debug)]
struct Registration {
    id: u64,
    invoke: String,
    callees: Vec<Callee>,
    /// Whose turn it is.
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct Callee {
    key: SessionKey,
    /// When it became a callee: calls from before do not count.
    since: u64,
    concurrency: Option<u64>,
    disclose_caller: bool,
    forward_timeout: bool,
}

#[derive(Debug, Clone)]
struct Pending {
    caller: SessionKey,
    request: u64,
    registration: u64,
    /// The call is the shell's, which knows it by this; learned when the shell is given the call.
    served: Option<Option<ServeId>>,
    /// The callee, its invocation, and since when it was callee; none while the call waits.
    with: Option<(Callee, u64)>,
    /// Waiting calls go by this.
    place: u64,
    policy: MatchPolicy,
    procedure: String,
    /// `None`: as the callee wants.
    disclosed: Option<bool>,
    receive_progress: bool,
    passthru: Option<String>,
    payload: String,
    parts: Parts,
    is_kept: bool,
    tried: Vec<SessionKey>,
    is_killed: bool,
    asked: Option<Duration>,
    timeout: Option<Duration>,
    deadline: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parts {
    Whole,
    Some,
    All,
}

impl Pending {
    fn is_with(&self, key: SessionKey) -> bool {
        self.with.is_some_and(|(callee, _)| callee.key == key)
    }
}

impl Model {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            sequence: 0,
            seen: BTreeMap::new(),
            now: Timestamp::EPOCH,
            settings,
            is_shutting_down: false,
            sessions: BTreeMap::new(),
            subscriptions: pubsub::histories(),
            retained: Vec::new(),
            registrations: BTreeMap::new(),
            calls: Vec::new(),
            expected: BTreeMap::new(),
            subscription_count: HISTORIES.len() as u64,
            registration_count: 0,
            deadline_count: 0,
            answers: Vec::new(),
            used_answer_count: 0,
            asked: None,
        }
    }

    /// Predicts what the realm says to an input that it is about to handle.
    pub(crate) fn predict(&mut self, now: Timestamp, input: &Input<'_>) {
        self.now = now;
        match input {
            Input::Join(join) => self.join(join),
            Input::Message { session, message } => self.message(*session, message),
            Input::Violation { session, .. } => self.malformed(*session),
            Input::Undeliverable { session, message, request, .. } => {
                self.undeliverable(*session, *message, request.map(RequestId::get));
            }
            Input::Stats { session, .. } => self.stats(*session),
            Input::Leave { session, report, .. } => self.leave(*session, report.is_some()),
            Input::Answer { session, ask, answer } => self.answer(*session, *ask, *answer),
            Input::Served { call, reply } => self.served(*call, reply),
            Input::Publish(announcement) => self.announce(announcement),
            Input::Tick => {
                self.expire();
                self.start_waiting();
                self.expire_sessions();
            }
            Input::Shutdown => self.shut_down(),
        }
        self.start_waiting();
    }

    /// Compares what the realm said, in order, with the prediction.
    pub(crate) fn judge(&mut self, said: Vec<(SessionKey, Said)>) -> Result<(), String> {
        let mut actual: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (key, mut said) in said {
            self.hear(key, &said)?;
            said.forget_text();
            actual.entry(key).or_default().push(said);
        }
        let mut expected = std::mem::take(&mut self.expected);
        expected.values_mut().flatten().for_each(Said::forget_text);
        for said in actual.values_mut().chain(expected.values_mut()) {
            said.sort();
        }
        for key in actual.keys().chain(expected.keys()) {
            let (actual, expected) = (actual.get(key), expected.get(key));
            if actual != expected {
                let nothing = Vec::new();
                let (actual, expected) = (actual.unwrap_or(&nothing), expected.unwrap_or(&nothing));
                let missing: Vec<_> = expected.iter().filter(|one| !actual.contains(one)).collect();
                let wrong: Vec<_> = actual.iter().filter(|one| !expected.contains(one)).collect();
                return Err(format!(
                    "{key:?} was told {} things instead of {}; missing {missing:?}, wrong {wrong:?}",
                    actual.len(),
                    expected.len()
                ));
            }
        }
        Ok(())
    }

    /// The session that a WELCOME opened.
    pub(crate) fn welcome(&mut self, key: SessionKey, id: SessionId) -> Result<(), String> {
        if self.sessions.values().any(|seat| seat.id == id.get()) {
            return Err(format!("session {id} exists twice"));
        }
        if let Some(seat) = self.sessions.get_mut(&key) {
            seat.id = id.get();
        }
        Ok(())
    }

    pub(crate) fn open_count(&self) -> usize {
        self.sessions.values().filter(|seat| seat.phase == Phase::Open).count()
    }

    /// When the first of the calls times out, or the first of the sessions has waited long enough.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        let calls = self.calls.iter().filter_map(|call| call.deadline);
        let sessions = self.sessions.values().filter_map(Seat::deadline).map(|(at, _)| at);
        calls.chain(sessions).min()
    }

    /// What a realm still holds after all that can be answered is answered.
    pub(crate) fn unanswered(&self) -> Option<String> {
        self.calls.first().map(|call| format!("{call:?} has no final reply"))
    }

    /// What is left when nobody is there.
    pub(crate) fn remains(&self) -> Option<String> {
        let is_held = |one: &&Subscription| !one.subscribers.is_empty() || one.history.is_none();
        let subscriptions = self.subscriptions.values().filter(is_held).count();
        let count = subscriptions + self.registrations.len() + self.calls.len();
        (count + self.sessions.len() > 0).then(|| {
            format!("{:?} {:?} {:?} are left", self.subscriptions, self.registrations, self.calls)
        })
    }

    fn message(&mut self, from: SessionKey, message: &Message<'_>) {
        match self.phase(from) {
            Some(Phase::Open) => self.wait_or_handle(from, message),
            Some(Phase::ShuttingDown) => {
                if matches!(message, Message::Goodbye(_) | Message::Abort(_)) {
                    self.close(from);
                }
            }
            Some(Phase::Closed | Phase::Refused) | None => {}
        }
    }

    fn open_message(&mut self, from: SessionKey, message: &Message<'_>) {
        match message {
            Message::Subscribe(subscribe) => self.subscribe(from, subscribe),
            Message::Unsubscribe(unsubscribe) => self.unsubscribe(from, unsubscribe),
            Message::Publish(publish) => self.publish(from, publish),
            Message::Register(register) => self.register(from, register),
            Message::Unregister(unregister) => self.unregister(from, unregister),
            Message::Call(call) => self.call(from, call),
            Message::Cancel(cancel) => self.cancel(from, cancel),
            Message::Yield(result) => self.result(from, result),
            Message::Error(error) => self.error(from, error),
            Message::Goodbye(_) => {
                let reason = uris::close::GOODBYE_AND_OUT.to_owned();
                self.expect(from, Said::Goodbye { reason });
                self.expect(from, Said::Close { connection: false });
                self.end(from, Phase::Closed);
            }
            Message::Abort(_) => self.close(from),
            Message::EventReceived(_) => {}
            _ => self.violate(from),
        }
    }

    /// Whether the identifier of a request may come now.
    fn takes_request(&mut self, from: SessionKey, message: &Message<'_>) -> bool {
        let request = match message {
            Message::Subscribe(message) => message.request,
            Message::Unsubscribe(message) => message.request,
            Message::Publish(message) => message.request,
            Message::Register(message) => message.request,
            Message::Unregister(message) => message.request,
            Message::Call(message) => message.request,
            _ => return true,
        };
        let Some(seat) = self.sessions.get_mut(&from) else { return false };
        if self.settings.request_ids == RequestIds::Tolerant {
            return true;
        }
        let request = request.get();
        if request == seat.last_request + 1 {
            seat.last_request = request;
            return true;
        }
        let is_pending = |call: &Pending| call.caller == from && call.request == request;
        let goes_on = request <= seat.streamed || self.calls.iter().any(is_pending);
        goes_on && matches!(message, Message::Call(_))
    }

    fn phase(&self, key: SessionKey) -> Option<Phase> {
        self.sessions.get(&key).map(|seat| seat.phase)
    }

    fn features(&self, key: SessionKey) -> ClientFeatures {
        self.sessions.get(&key).map(|seat| seat.features).unwrap_or_default()
    }

    fn expect(&mut self, to: SessionKey, said: Said) {
        self.expected.entry(to).or_default().push(said);
    }

    fn refuse(&mut self, to: SessionKey, request_type: MessageType, request: u64, error: &str) {
        if error == ASKED {
            return;
        }
        let (error, payload) = (error.to_owned(), String::new());
        let said = if request_type == MessageType::Call {
            Said::Failed { request, error, payload }
        } else {
            Said::Error { request_type, request, error }
        };
        self.expect(to, said);
    }

    /// The error for a URI that is not valid or not allowed.
    fn admit(
        &mut self,
        from: SessionKey,
        action: GateAction,
        policy: MatchPolicy,
        uri: &Uri<'_>,
    ) -> Result<Disclosure, &'static str> {
        if !uri.is_valid(self.settings.uri_check, policy) {
            return Err(uris::error::INVALID_URI);
        }
        let is_offer = matches!(action, GateAction::Register | GateAction::Publish);
        let is_below = |prefix: &str| {
            let rest = uri.strip_prefix(prefix);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if is_offer && (is_below("wamp") || is_below(SERVED)) {
            return Err(uris::error::INVALID_URI);
        }
        let role = self.sessions.get(&from).map(|seat| seat.role);
        match role.map_or(Verdict::Deny, |role| self.verdict(role, action, policy, uri)) {
            Verdict::Admit(disclosure) => Ok(disclosure),
            Verdict::Deny => Err(uris::error::NOT_AUTHORIZED),
            Verdict::Ask { within } => self.ask(from, action, uri, within),
        }
    }

    /// What the gate of a role says.
    fn verdict(&self, role: usize, action: GateAction, policy: MatchPolicy, uri: &str) -> Verdict {
        let (session, authid, authrole) = (SessionId::MIN, "", "");
        let request = GateRequest { session, authid, authrole, action, uri, policy };
        self.settings.roles.get(role).map_or(Verdict::Deny, |(_, gate)| gate.admit(&request))
    }

    /// Checks what must hold about the order in which a session is told things.
    fn hear(&mut self, key: SessionKey, said: &Said) -> Result<(), String> {
        let Some(seat) = self.sessions.get_mut(&key) else {
            return Err(format!("{said:?} for {key:?}, where nobody is"));
        };
        let heard = &mut seat.heard;
        let is_in_time = match said {
            Said::Welcome => !heard.welcome && !heard.end,
            Said::Abort { .. } => !heard.end,
            Said::Close { .. } => !heard.close,
            _ => heard.welcome && !heard.end,
        };
        if !is_in_time || heard.close {
            return Err(format!("{said:?} for {key:?} at the wrong time: {heard:?}"));
        }
        match said {
            Said::Welcome => heard.welcome = true,
            Said::Abort { .. } | Said::Goodbye { .. } => heard.end = true,
            Said::Close { .. } => heard.close = true,
            Said::Subscribed { subscription, .. } => {
                heard.subscriptions.insert(*subscription);
            }
            Said::Registered { registration, .. } => {
                heard.registrations.insert(*registration);
            }
            Said::Event { subscription, .. } if !heard.subscriptions.contains(subscription) => {
                return Err(format!("EVENT before SUBSCRIBED: {said:?} for {key:?}"));
            }
            Said::Invocation { registration, .. }
                if !heard.registrations.contains(registration) =>
            {
                return Err(format!("INVOCATION before REGISTERED: {said:?} for {key:?}"));
            }
            _ => {}
        }
        Ok(())
    }
}
