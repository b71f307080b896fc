//! What the realm should do: a router written for shortness, which scans lists.
//!
//! It is told each input that the realm has handled and predicts what was said to whom, so that
//! anything missing, wrong or too much is found at the step where it happens.
//! Only what chance decides is learned from the realm instead of being predicted: identifiers, and
//! which of several sessions was chosen.

mod answers;
mod asked;
mod events;
mod hearing;
mod histories;
mod invocations;
mod lifecycle;
mod pubsub;
mod registrations;
mod rpc;
mod served;
mod session;
mod state;
mod waiting;
mod wishes;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use flowgate_event::{Answer, Disclosure, Gate, GateAction, GateRequest, Timestamp, Verdict};
use flowgate_router::{CallSettings, ClientFeatures, Input, MetaApi, RequestIds, SessionKey};
use flowgate_wire::{MatchPolicy, Message, MessageType, SessionId, Uri, UriCheck, uris};

use crate::{
    gate::RoleGate,
    said::Said,
    world::settings::{HISTORIES, SERVED},
};
use state::{
    Callee, Deadline, Heard, Name, Parts, Pending, Phase, Registration, Seat, Subscription,
};

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
    pub(crate) seen: BTreeMap<String, u64>,
    now: Timestamp,
    settings: Settings,
    is_shutting_down: bool,
    sessions: BTreeMap<SessionKey, Seat>,
    subscriptions: BTreeMap<Name, Subscription>,
    /// In the order of their age.
    retained: Vec<events::Kept>,
    registrations: BTreeMap<Name, Registration>,
    /// In the order in which they were made.
    calls: Vec<Pending>,
    /// What the realm has said to the current input.
    said: Vec<(SessionKey, Said)>,
    /// A choice or an identifier that the realm should not have come to.
    fault: Option<String>,
    /// The publications that are known, by the number of the event.
    publications: BTreeMap<u64, u64>,
    /// All identifiers of publications so far.
    publication_ids: BTreeSet<u64>,
    /// For a key, who of two was chosen where both could have been.
    preferred: BTreeSet<(String, String, String)>,
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
            said: Vec::new(),
            fault: None,
            publications: BTreeMap::new(),
            publication_ids: BTreeSet::new(),
            preferred: BTreeSet::new(),
            expected: BTreeMap::new(),
            subscription_count: HISTORIES.len() as u64,
            registration_count: 0,
            deadline_count: 0,
            answers: Vec::new(),
            used_answer_count: 0,
            asked: None,
        }
    }

    /// Predicts what the realm says to an input.
    pub(super) fn predict(&mut self, now: Timestamp, input: &Input<'_>) {
        self.now = now;
        match input {
            Input::Join(join) => self.join(join),
            Input::Message { session, message } => self.message(*session, message),
            Input::Violation { session, .. } => self.malformed(*session),
            Input::Undeliverable { session, lost, .. } => self.undeliverable(*session, *lost),
            Input::Stats { session, report } => self.stats(*session, report),
            Input::Leave { session, report, .. } => self.leave(*session, report.as_ref()),
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

    /// How many calls have no final reply.
    pub(crate) fn pending_count(&self) -> usize {
        self.calls.len()
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

    /// Counts something that no message shows.
    fn see(&mut self, what: &str) {
        *self.seen.entry(what.to_owned()).or_default() += 1;
    }

    /// The identifier of a session, which may have just ended.
    fn session_id(&self, key: SessionKey) -> u64 {
        self.sessions.get(&key).map_or(0, |seat| seat.id)
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
}
