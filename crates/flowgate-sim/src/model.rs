//! What the realm should do: a router written for shortness, which scans lists.
//!
//! It is told each input before the realm handles it and predicts what is said to whom, so that
//! anything missing, wrong or too much is found at the step where it happens.
//! Only random identifiers are learned from the realm instead of being predicted.

mod lifecycle;
mod pubsub;
mod rpc;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use flowgate_event::{Disclosure, Gate, GateAction, GateRequest, Timestamp, Verdict};
use flowgate_router::{
    CallSettings, ClientFeatures, Input, MetaApi, Permissions, RequestIds, SessionKey,
};
use flowgate_wire::{MatchPolicy, Message, MessageType, RequestId, SessionId, Uri, UriCheck, uris};

use crate::said::Said;

/// What the model knows of the realm's settings.
pub(crate) struct Settings {
    pub(crate) uri_check: UriCheck,
    pub(crate) meta_api: MetaApi,
    pub(crate) request_ids: RequestIds,
    pub(crate) calls: CallSettings,
    pub(crate) roles: Vec<(String, Permissions)>,
}

/// The model of a realm.
pub(crate) struct Model {
    now: Timestamp,
    settings: Settings,
    is_shutting_down: bool,
    sessions: BTreeMap<SessionKey, Seat>,
    subscriptions: BTreeMap<Name, Subscription>,
    registrations: BTreeMap<Name, Registration>,
    /// In the order in which they were made.
    calls: Vec<Pending>,
    /// What is predicted for the current input.
    expected: BTreeMap<SessionKey, Vec<Said>>,
    /// The pattern that the current input creates a subscription or registration for.
    fresh: Option<Name>,
}

type Name = (MatchPolicy, String);

#[derive(Debug)]
struct Seat {
    phase: Phase,
    role: usize,
    features: ClientFeatures,
    last_request: u64,
    issued: u64,
    id: u64,
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
}

#[derive(Debug)]
struct Registration {
    id: u64,
    callee: SessionKey,
}

#[derive(Debug, Clone)]
struct Pending {
    caller: SessionKey,
    request: u64,
    callee: SessionKey,
    invocation: u64,
    receive_progress: bool,
    is_killed: bool,
    timeout: Option<Duration>,
    deadline: Option<Timestamp>,
}

impl Model {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            now: Timestamp::EPOCH,
            settings,
            is_shutting_down: false,
            sessions: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            registrations: BTreeMap::new(),
            calls: Vec::new(),
            expected: BTreeMap::new(),
            fresh: None,
        }
    }

    /// Predicts what the realm says to an input that it is about to handle.
    pub(crate) fn predict(&mut self, now: Timestamp, input: &Input<'_>) {
        self.now = now;
        match input {
            Input::Join(join) => self.join(join),
            Input::Message { session, message } => self.message(*session, message),
            Input::Violation { session, .. } => self.malformed(*session),
            Input::Undeliverable { session, message, request } => {
                self.undeliverable(*session, *message, request.map(RequestId::get));
            }
            Input::Stats { session, .. } => self.stats(*session),
            Input::Leave { session, report, .. } => self.leave(*session, report.is_some()),
            Input::Tick => self.expire(),
            Input::Shutdown => self.shut_down(),
        }
    }

    /// Compares what the realm said, in order, with the prediction, and learns identifiers.
    pub(crate) fn judge(&mut self, said: Vec<(SessionKey, Said)>) -> Result<(), String> {
        let mut actual: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (key, mut said) in said {
            self.hear(key, &said)?;
            self.learn(&mut said);
            said.forget_text();
            actual.entry(key).or_default().push(said);
        }
        let mut expected = std::mem::take(&mut self.expected);
        self.fresh = None;
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

    /// When the first of the calls times out.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.calls.iter().filter_map(|call| call.deadline).min()
    }

    /// What a realm still holds after all that can be answered is answered.
    pub(crate) fn unanswered(&self) -> Option<String> {
        self.calls.first().map(|call| format!("{call:?} has no final reply"))
    }

    /// What is left when nobody is there.
    pub(crate) fn remains(&self) -> Option<String> {
        let count = self.subscriptions.len() + self.registrations.len() + self.calls.len();
        (count + self.sessions.len() > 0).then(|| {
            format!("{:?} {:?} {:?} are left", self.subscriptions, self.registrations, self.calls)
        })
    }

    fn message(&mut self, from: SessionKey, message: &Message<'_>) {
        match self.phase(from) {
            Some(Phase::Open) => {
                if self.takes_request(from, message) {
                    self.open_message(from, message);
                } else {
                    self.violate(from);
                }
            }
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
        let expected = std::mem::replace(&mut seat.last_request, request.get()) + 1;
        self.settings.request_ids == RequestIds::Tolerant || request.get() == expected
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
        &self,
        from: SessionKey,
        action: GateAction,
        policy: MatchPolicy,
        uri: &Uri<'_>,
    ) -> Result<Disclosure, &'static str> {
        if !uri.is_valid(self.settings.uri_check, policy) {
            return Err(uris::error::INVALID_URI);
        }
        let is_offer = matches!(action, GateAction::Register | GateAction::Publish);
        if is_offer && (uri.as_str() == "wamp" || uri.starts_with("wamp.")) {
            return Err(uris::error::INVALID_URI);
        }
        let role = self.sessions.get(&from).and_then(|seat| self.settings.roles.get(seat.role));
        let (session, authid) = (SessionId::MIN, "");
        let request = GateRequest { session, authid, action, uri, policy };
        match role.map(|(_, gate)| gate.admit(&request)) {
            Some(Verdict::Admit(disclosure)) => Ok(disclosure),
            Some(Verdict::Deny) | None => Err(uris::error::NOT_AUTHORIZED),
        }
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

    /// Learns the identifier of a new subscription or registration, which is predicted as 0.
    fn learn(&mut self, said: &mut Said) {
        let Some(name) = &self.fresh else { return };
        match said {
            Said::Subscribed { subscription, .. } => {
                let is_known = self.subscriptions.values().any(|one| one.id == *subscription);
                if let Some(one) = self.subscriptions.get_mut(name).filter(|_| !is_known) {
                    one.id = std::mem::take(subscription);
                }
            }
            Said::Registered { registration, .. } => {
                let is_known = self.registrations.values().any(|one| one.id == *registration);
                if let Some(one) = self.registrations.get_mut(name).filter(|_| !is_known) {
                    one.id = std::mem::take(registration);
                }
            }
            _ => {}
        }
    }
}
