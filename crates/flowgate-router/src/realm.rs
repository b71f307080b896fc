//! One realm: its inputs, dispatched.

use flowgate_event::{
    Answer, ContextCounts, Disclosure, Event, EventKind, GateAction, GateRequest, Observer,
    Timestamp, Verdict,
};
use flowgate_wire::{MatchPolicy, Message, RequestId, SessionId, Template, Uri};

use crate::{
    AskId, EventsConfig, Identity, Input, Outbox, RealmConfig, RequestIds, SessionKey,
    broker::Broker,
    calls::{Calls, Standing},
    dealer::Dealer,
    ids::Ids,
    meta::stats_template,
    request_error::RequestError,
    retention::Retention,
    served::Served,
    session::{Phase, Session, Sessions},
    tracing::{Correlations, Traced},
    turn::Turn,
};

/// The longest URI or pattern, in octets: far above real ones, and low enough that the index of a
/// pattern, which costs up to 60 octets for each of its components, stays small.
pub(crate) const MAX_URI_BYTES: usize = 2048;

/// A realm: broker and dealer for the sessions that have joined it, with the session meta API.
///
/// A pure state machine: [`handle`](Self::handle) is told what happens and says what to do; the
/// configuration, the seed and the inputs determine everything.
/// It sends to a session only between the session's WELCOME and the [`Close`](crate::Close) or
/// GOODBYE that ends it.
/// `O` observes; with `()` observing compiles to nothing.
pub struct Realm<O = ()> {
    state: State,
    observer: O,
    traced: Traced,
}

/// Everything but the observer; the handlers are in `lifecycle`, `pubsub`, `rpc` and `meta`.
pub(crate) struct State {
    pub(crate) config: RealmConfig,
    pub(crate) ids: Ids,
    pub(crate) sessions: Sessions,
    pub(crate) broker: Broker,
    pub(crate) retention: Retention,
    pub(crate) dealer: Dealer,
    pub(crate) calls: Calls,
    pub(crate) service: Service,
    pub(crate) served: Served,
    /// The next question to an authorizer.
    pub(crate) next_ask: AskId,
    pub(crate) correlations: Correlations,
    pub(crate) contexts: ContextCounts,
    /// The arguments of `wamp.session.on_stats`.
    pub(crate) stats_template: Template,
}

/// Whether the realm takes sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Running,
    ShuttingDown,
}

impl<O> Realm<O> {
    /// A realm without sessions.
    ///
    /// Everything random is drawn from `seed`, which must not be guessed by clients: session
    /// identifiers and hash tables come from it.
    #[must_use]
    pub fn new(mut config: RealmConfig, seed: u64, observer: O) -> Self {
        let mut ids = Ids::new(seed);
        let EventsConfig { retention, histories, store, since } =
            std::mem::take(&mut config.events);
        let sessions = Sessions::new(ids.table_seed());
        let mut broker = Broker::new(ids.table_seed(), store);
        histories.into_iter().for_each(|history| broker.add_history(since, history));
        let served = Served::new(std::mem::take(&mut config.served));
        let state = State {
            config,
            sessions,
            broker,
            retention: Retention::new(retention),
            dealer: Dealer::new(ids.table_seed()),
            calls: Calls::new(ids.table_seed()),
            service: Service::Running,
            served,
            next_ask: AskId::FIRST,
            correlations: Correlations::new(seed),
            contexts: ContextCounts::default(),
            stats_template: stats_template(),
            ids,
        };
        Self { state, observer, traced: Traced::default() }
    }

    /// The realm's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.state.config.name
    }

    /// The number of open sessions.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.state.sessions.open_count()
    }

    /// Who has a place: from its WELCOME until its [`Leave`](Input::Leave) has been handled.
    #[must_use]
    pub fn identity(&self, session: SessionKey) -> Option<Identity<'_>> {
        self.state.sessions.get(session).map(Session::identity)
    }

    /// How many calls of registrations have been accepted and have not ended. Cost: O(1).
    #[must_use]
    pub fn call_count(&self) -> usize {
        self.state.calls.accepted_count()
    }

    /// What has become of the trace contexts that clients sent.
    #[must_use]
    pub fn context_counts(&self) -> ContextCounts {
        self.state.contexts
    }

    /// When the realm is to be given [`Input::Tick`], if nothing happens before; `None` if it waits
    /// for nothing. May change with every input. Cost: O(1).
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let State { calls, sessions, .. } = &self.state;
        match (calls.next_deadline(), sessions.next_deadline()) {
            (Some(of_call), Some(of_session)) => Some(of_call.min(of_session)),
            (of_call, of_session) => of_call.or(of_session),
        }
    }

    /// Whether anybody would get an event of the router itself, or a history would: to make none in
    /// vain.
    #[must_use]
    pub fn is_heard(&self, topic: &str) -> bool {
        self.state.broker.is_heard(topic)
    }

    /// Proves that all tables and indexes agree. Cost: O(everything); for tests and simulations.
    ///
    /// # Errors
    /// The first index that is broken.
    pub fn check_invariants(&self) -> Result<(), String> {
        let State { sessions, broker, retention, dealer, calls, .. } = &self.state;
        let is_open = |session| sessions.open(session).is_some();
        sessions.check()?;
        broker.check(is_open)?;
        retention.check()?;
        dealer.check(is_open, |registration, seat| calls.counted(registration, seat))?;
        calls.check(is_open)
    }

    /// Proves that nothing is left of any session: for tests and simulations, when all have left.
    ///
    /// What is retained, and histories, stay.
    ///
    /// # Errors
    /// The first table that is not empty.
    pub fn check_nothing_left(&self) -> Result<(), String> {
        let State { sessions, broker, dealer, calls, .. } = &self.state;
        let tables = [
            ("sessions", sessions.is_empty()),
            ("broker", broker.is_empty()),
            ("dealer", dealer.is_empty()),
            ("calls", calls.is_empty()),
        ];
        match tables.iter().find(|(_, is_empty)| !is_empty) {
            Some((table, _)) => Err(format!("{table}: something is left of a session")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
impl<O> Realm<O> {
    pub(crate) fn observer_mut(&mut self) -> &mut O {
        &mut self.observer
    }

    /// Whether nothing is subscribed, registered or called.
    pub(crate) fn holds_nothing(&self) -> bool {
        let State { broker, dealer, calls, .. } = &self.state;
        broker.is_empty() && dealer.is_empty() && calls.is_empty()
    }
}

impl<O: Observer> Realm<O> {
    /// Handles one input; what is to be done about it goes to `out`, in order.
    ///
    /// Faults of peers become ERROR, ABORT and [`Close`](crate::Action::Close).
    pub fn handle(&mut self, now: Timestamp, input: Input<'_>, out: &mut dyn Outbox) {
        let Self { state, observer, traced } = self;
        let turn = &mut Turn::new(now, out, observer, traced);
        match input {
            Input::Message { session, message } => state.handle_message(turn, session, message),
            Input::Join(join) => state.handle_join(turn, join),
            Input::Violation { session, what } => state.handle_violation(turn, session, what),
            Input::Undeliverable { session, message, lost, step } => {
                state.handle_undeliverable(turn, session, message, lost, step);
            }
            Input::Stats { session, report } => state.handle_stats(turn, session, &report),
            Input::Leave { session, reason, report } => {
                state.handle_leave(turn, session, reason, report.as_ref());
            }
            Input::Answer { session, ask, answer } => {
                state.handle_answer(turn, session, ask, answer);
            }
            Input::Served { call, reply } => state.handle_served(turn, call, reply),
            Input::Publish(announcement) => state.announce(turn, &announcement),
            Input::Tick => {
                state.calls.expire(turn);
                state.settle(turn);
                state.expire_sessions(turn);
            }
            Input::Shutdown => state.handle_shutdown(turn),
        }
        state.settle(turn);
    }
}

impl State {
    fn handle_message<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Message<'_>,
    ) {
        let Some(session) = self.sessions.get(from) else { return };
        match session.phase {
            Phase::Open if session.waiting.is_some() => self.wait(turn, from, message),
            Phase::Open => self.handle_open(turn, from, message),
            Phase::ShuttingDown => self.handle_shutting_down(turn, from, message),
            // Sent before the client could know that its session is over.
            Phase::Closed => turn.note_ignored(from, message),
        }
    }

    #[inline]
    pub(crate) fn handle_open<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Message<'_>,
    ) {
        if self.config.request_ids == RequestIds::Sequential && !self.take_request(from, message) {
            return self.refuse_sequence(turn, from, message);
        }
        self.dispatch(turn, from, message);
    }

    #[cold]
    fn refuse_sequence<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Message<'_>,
    ) {
        turn.note_ignored(from, message);
        self.violate(turn, from, "request identifier out of sequence");
    }

    /// Handles a message of an open session, whose request has been noted.
    pub(crate) fn dispatch<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Message<'_>,
    ) {
        if turn.trail.is_on() {
            self.begin_message(turn, from, message);
        }
        match message {
            Message::Call(message) => self.handle_call(turn, from, message),
            Message::Yield(message) => self.handle_yield(turn, from, message),
            Message::Error(message) => self.handle_error(turn, from, message),
            Message::Publish(message) => self.handle_publish(turn, from, message),
            Message::Cancel(message) => self.handle_cancel(turn, from, message),
            Message::Subscribe(message) => self.handle_subscribe(turn, from, message),
            Message::Unsubscribe(message) => self.handle_unsubscribe(turn, from, message),
            Message::Register(message) => self.handle_register(turn, from, message),
            Message::Unregister(message) => self.handle_unregister(turn, from, message),
            Message::Goodbye(_) => self.handle_goodbye(turn, from),
            Message::Abort(_) => self.handle_abort(turn, from),
            // Nothing waits for it: events are not acknowledged by their receivers here.
            Message::EventReceived(_) => {}
            Message::Hello(_)
            | Message::Welcome(_)
            | Message::Challenge(_)
            | Message::Authenticate(_)
            | Message::Published(_)
            | Message::Subscribed(_)
            | Message::Unsubscribed(_)
            | Message::Event(_)
            | Message::Result(_)
            | Message::Registered(_)
            | Message::Unregistered(_)
            | Message::Invocation(_)
            | Message::Interrupt(_) => {
                let name = message.message_type().name();
                self.violate(turn, from, &format!("unexpected {name} in an open session"));
            }
        }
        if turn.trail.is_on() {
            self.end_message(turn, from, message);
        }
        self.park_if_asked(turn, from, message);
    }

    /// Notes a client's request where they are to be in sequence; whether it is one that may come
    /// now.
    fn take_request(&mut self, from: SessionKey, message: &Message<'_>) -> bool {
        let Some(request) = counted_request(message) else { return true };
        let Some(session) = self.sessions.open_mut(from) else { return false };
        let expected = session.last_request.map_or(RequestId::MIN, RequestId::next);
        if request == expected {
            session.last_request = Some(request);
            return true;
        }
        // A CALL may go on with an earlier one ("Verification of CALL Request IDs").
        matches!(message, Message::Call(_)) && self.calls.standing(from, request) != Standing::New
    }

    /// Refuses a URI or pattern that the realm's check does not accept.
    pub(crate) fn check_uri<'u>(
        &self,
        uri: &'u Uri<'_>,
        policy: MatchPolicy,
    ) -> Result<&'u str, RequestError<'u>> {
        if uri.len() > MAX_URI_BYTES {
            Err(RequestError::UriTooLong(uri.len()))
        } else if uri.is_valid(self.config.uri_check, policy) {
            Ok(uri.as_str())
        } else {
            Err(RequestError::InvalidUri(uri.as_str()))
        }
    }

    /// Asks the gate of the session's role, and whoever the gate asks.
    pub(crate) fn admit<'u, O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        action: GateAction,
        uri: &'u str,
        policy: MatchPolicy,
    ) -> Result<Disclosure, RequestError<'u>> {
        let Some(session) = self.sessions.open(from) else {
            // Invariant: messages are handled for open sessions only.
            debug_assert!(false, "a session that asks for something is open");
            return Err(RequestError::NotAuthorized { action, uri });
        };
        let answer = match self.judge(session, action, uri, policy) {
            Verdict::Admit(disclosure) => return Ok(disclosure),
            Verdict::Deny => Some(Answer::Deny),
            Verdict::Ask { within } => {
                let answer = turn.answers.next();
                if answer.is_none() {
                    let request = question(session, action, uri, policy);
                    turn.ask(from, self.next_ask, request, within);
                    self.next_ask = self.next_ask.next();
                }
                answer
            }
        };
        match answer {
            Some(Answer::Admit(disclosure)) => Ok(disclosure),
            Some(Answer::Deny) => {
                deny(turn, session.id, action, uri);
                Err(RequestError::NotAuthorized { action, uri })
            }
            Some(Answer::Fail) => Err(RequestError::AuthorizationFailed { action, uri }),
            None => Err(RequestError::Asked),
        }
    }

    /// What the gate of a session's role says.
    pub(crate) fn judge(
        &self,
        session: &Session,
        action: GateAction,
        uri: &str,
        policy: MatchPolicy,
    ) -> Verdict {
        match self.config.roles.get(session.role) {
            Some(role) => role.gate.admit(&question(session, action, uri, policy)),
            None => {
                // Invariant: a session is welcomed with a role of the realm.
                debug_assert!(false, "a session has a role");
                Verdict::Deny
            }
        }
    }
}

fn question<'a>(
    session: &'a Session,
    action: GateAction,
    uri: &'a str,
    policy: MatchPolicy,
) -> GateRequest<'a> {
    let Session { id, authid, authrole, .. } = session;
    GateRequest { session: *id, authid, authrole, action, uri, policy }
}

/// Tells the observer that a session was not allowed to do something.
pub(crate) fn deny<O: Observer>(
    turn: &mut Turn<'_, O>,
    session: SessionId,
    action: GateAction,
    uri: &str,
) {
    turn.observe(EventKind::Denied, || Event::Denied { session, action, uri });
}

/// Whether a URI or pattern belongs to the core: `wamp`, and what begins with `wamp.`.
pub(crate) fn is_reserved(uri: &str) -> bool {
    is_below(uri, "wamp")
}

/// Whether a URI or pattern is a prefix, or begins with it and a dot.
pub(crate) fn is_below(uri: &str, prefix: &str) -> bool {
    uri.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The request of a message that a client counts ("IDs", session scope).
fn counted_request(message: &Message<'_>) -> Option<RequestId> {
    match message {
        Message::Call(message) => Some(message.request),
        Message::Publish(message) => Some(message.request),
        Message::Subscribe(message) => Some(message.request),
        Message::Unsubscribe(message) => Some(message.request),
        Message::Register(message) => Some(message.request),
        Message::Unregister(message) => Some(message.request),
        Message::Hello(_)
        | Message::Welcome(_)
        | Message::Abort(_)
        | Message::Challenge(_)
        | Message::Authenticate(_)
        | Message::Goodbye(_)
        | Message::Error(_)
        | Message::Published(_)
        | Message::Subscribed(_)
        | Message::Unsubscribed(_)
        | Message::Event(_)
        | Message::Cancel(_)
        | Message::Result(_)
        | Message::Registered(_)
        | Message::Unregistered(_)
        | Message::Invocation(_)
        | Message::Interrupt(_)
        | Message::Yield(_)
        | Message::EventReceived(_) => None,
    }
}
