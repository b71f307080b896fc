//! Runs a script against a realm and compares the whole transcript.
//!
//! A script is a list of lines. Lines with inputs are run; the lines that follow are everything
//! that the realm does about them, in order. See [`run_input`] and [`Transcript`] for the notation.
//! `$a` is the identifier of session `a`; `$p1`, `$p2` … are publications in order of appearance.
//! An expected line that ends in `*` matches what begins like it.

use std::{fmt::Write as _, time::Duration};

use flowgate_event::{
    Account, Answer, Called, Disclosure, Event, EventKind, Gate, GateRequest, LeaveReason,
    Observer, Report, Timestamp, Verdict,
};
use flowgate_wire::{
    Dict, Format, Limits, MatchPolicy, Message, MessageType, Payload, PublicationId, RequestId,
    Result as ResultMessage, SessionId, UriCheck, Value,
};

use crate::{
    Action, Announcement, AskId, CallSettings, ClientFeatures, Close, EventsConfig, HistoryConfig,
    Input, Join, Lost, MetaApi, Outbox, Realm, RealmConfig, Reply, RequestIds, RetentionConfig,
    Role, ServeId, ServedApi, ServedCall, SessionKey, Traffic, TrustLevel,
};

/// The realm that a script runs against.
#[derive(Default)]
pub(super) struct Setup {
    pub(super) uri_check: UriCheck,
    pub(super) meta_api: MetaApi,
    pub(super) request_ids: RequestIds,
    pub(super) calls: CallSettings,
    pub(super) retention: RetentionConfig,
    /// Patterns, policies and limits.
    pub(super) histories: &'static [(&'static str, MatchPolicy, usize)],
    /// What the shell serves.
    pub(super) served: Vec<ServedApi>,
}

/// Denies what has `secret` in it, discloses for what has `disclosed` in it, never discloses for
/// what has `hidden` in it, and asks about what has `asked` in it, and about everything for the role
/// `careful`, for a second.
struct TestGate;

impl Gate for TestGate {
    fn admit(&self, request: &GateRequest<'_>) -> Verdict {
        if request.uri.contains("secret") {
            Verdict::Deny
        } else if request.uri.contains("disclosed") {
            Verdict::Admit(Disclosure::Always)
        } else if request.uri.contains("hidden") {
            Verdict::Admit(Disclosure::Never)
        } else if request.uri.contains("asked") || request.authrole == "careful" {
            Verdict::Ask { within: Duration::from_secs(1) }
        } else {
            Verdict::Admit(Disclosure::OnRequest)
        }
    }
}

/// Everything that the realm did, as text.
///
/// `a< [...]` is a message to `a`; a fan-out is one line for each receiver, `a<stats` if its
/// traffic is statistics. `a closed session` and `a closed connection` end a session.
/// `! ...` is an event that the observer was told. `a asks to call com.x` is a question to an
/// authorizer. `a is served svc.x [[...]]` is a call for the shell, with its arguments.
#[derive(Default)]
struct Transcript {
    names: Vec<Named>,
    publications: Vec<PublicationId>,
    lines: Vec<String>,
    /// The questions, each with the session that waits for its answer.
    asks: Vec<(SessionKey, AskId)>,
    /// The calls that the shell is to serve.
    calls: Vec<ServeId>,
}

struct Named {
    name: String,
    key: SessionKey,
    id: Option<SessionId>,
}

impl Transcript {
    fn name(&self, key: SessionKey) -> String {
        // Names are used again, and so are keys: the latest counts.
        let named = self.names.iter().rev().find(|named| named.key == key);
        named.expect("the realm names a session that has joined").name.clone()
    }

    fn key(&self, name: &str) -> SessionKey {
        let named = self.names.iter().rev().find(|named| named.name == name);
        named.unwrap_or_else(|| panic!("{name} has not joined")).key
    }

    fn message(&mut self, to: SessionKey, message: &Message<'_>, traffic: Traffic) {
        let name = self.name(to);
        let mut text = message.to_json();
        if let Message::Welcome(welcome) = message {
            let named = self.names.iter_mut().rev().find(|named| named.key == to);
            named.expect("only sessions that join are welcomed").id = Some(welcome.session);
        }
        let publication = if let Message::Published(published) = message {
            Some(published.publication)
        } else if let Message::Event(event) = message {
            Some(event.publication)
        } else {
            None
        };
        if let Some(publication) = publication.filter(|id| !self.publications.contains(id)) {
            self.publications.push(publication);
        }
        for (place, publication) in self.publications.iter().enumerate() {
            text = text.replace(&publication.to_string(), &format!("$p{}", place + 1));
        }
        text = self.with_names(text);
        let arrow = if traffic == Traffic::Statistics { "<stats" } else { "<" };
        self.lines.push(format!("{name}{arrow} {text}"));
    }

    fn with_names(&self, mut text: String) -> String {
        for named in &self.names {
            if let Some(id) = named.id {
                text = text.replace(&id.to_string(), &format!("${}", named.name));
            }
        }
        text
    }

    fn with_ids(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (place, publication) in self.publications.iter().enumerate().rev() {
            text = text.replace(&format!("$p{}", place + 1), &publication.to_string());
        }
        for named in self.names.iter().rev() {
            if let Some(id) = named.id {
                text = text.replace(&format!("${}", named.name), &id.to_string());
            }
        }
        text
    }
}

/// A payload as it stands in a message.
fn json(payload: &Payload<'_>) -> String {
    let (request, details) = (RequestId::MIN, Dict::EMPTY);
    let text =
        Message::from(ResultMessage { request, details, payload: payload.clone() }).to_json();
    let text = text.strip_prefix("[50,1,{}").and_then(|rest| rest.strip_suffix(']'));
    text.expect("the envelope of RESULT").trim_start_matches(',').to_owned()
}

impl Outbox for Transcript {
    fn push(&mut self, action: Action<'_>) {
        match action {
            Action::Send { to, message } => self.message(to, message, Traffic::Ordinary),
            Action::FanOut { to, message, traffic } => {
                assert!(!to.is_empty(), "a fan-out has receivers");
                for (place, receiver) in to.iter().enumerate() {
                    assert!(!to[..place].contains(receiver), "a receiver is listed once");
                    self.message(*receiver, message, traffic);
                }
            }
            Action::Ask { session, ask, request } => {
                self.asks.push((session, ask));
                let GateRequest { authid, action, uri, .. } = request;
                assert_eq!(authid, self.name(session));
                self.lines.push(format!("{authid} asks to {} {uri}", action.name()));
            }
            Action::Serve { session, call, request } => {
                self.calls.push(call);
                let ServedCall { procedure, authid, authrole, payload, .. } = request;
                assert_eq!(authid, self.name(session));
                assert!(!authrole.is_empty(), "every session has a role");
                let line = format!("{authid} is served {procedure} {}", json(payload));
                self.lines.push(line.trim_end().to_owned());
            }
            Action::Close { session, how } => {
                let what = match how {
                    Close::Session => "session",
                    Close::Connection => "connection",
                };
                let line = format!("{} closed {what}", self.name(session));
                self.lines.push(line);
            }
        }
    }
}

/// Events as text, until they are moved to the transcript.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
    wants_sessions: bool,
    /// Calls, publications, registrations and subscriptions.
    wants_work: bool,
    /// Calls that have started and not ended.
    in_flight_count: usize,
}

impl Observer for Log {
    fn observe(&mut self, _now: Timestamp, event: &Event<'_>) {
        if let Event::CallStarted { .. } = event {
            self.in_flight_count += 1;
        } else if let Event::CallEnded { called: Called::Registered(_), .. } = event {
            self.in_flight_count -= 1;
        }
        if let Event::CallStarted { .. } | Event::CallEnded { .. } = event
            && !self.wants_work
        {
            return;
        }
        self.lines.push(match event {
            Event::SessionJoined { session, authid, authrole, authmethod } => {
                format!("! joined {session} {authid} {authrole} {authmethod}")
            }
            Event::SessionLeft { session, reason } => format!("! left {session} {}", reason.name()),
            Event::Violation { session, what } => format!("! violation {session} {what}"),
            Event::Denied { session, action, uri } => {
                format!("! denied {session} {} {uri}", action.name())
            }
            Event::Dropped { session, message, error } => {
                format!("! dropped {session} {} {error}", message.name())
            }
            Event::Undeliverable { session, message } => {
                format!("! undeliverable {session} {}", message.name())
            }
            Event::RegistrationCreated { registration, uri, policy, invoke } => {
                format!("! registration {registration} {uri} {} {invoke}", policy.name())
            }
            Event::RegistrationDeleted { registration } => {
                format!("! registration {registration} gone")
            }
            Event::SubscriptionCreated { subscription, topic, policy } => {
                format!("! subscription {subscription} {topic} {}", policy.name())
            }
            Event::SubscriptionDeleted { subscription } => {
                format!("! subscription {subscription} gone")
            }
            Event::CallStarted { registration } => format!("! call of {registration}"),
            Event::CallEnded { called, outcome, error } => {
                let called = match called {
                    Called::Registered(registration) => registration.to_string(),
                    Called::Router(procedure) => (*procedure).to_owned(),
                    Called::Nothing => "nothing".to_owned(),
                };
                let error = error.map(|error| format!(": {error}")).unwrap_or_default();
                format!("! call of {called} ended {}{error}", outcome.name())
            }
            Event::Published { topic, event_count } => format!("! published {topic} {event_count}"),
            Event::PublishRefused { topic, error } => {
                format!("! publication to {topic} refused: {error}")
            }
            event => panic!("unknown event {event:?}"),
        });
    }

    fn wants(&self, kind: EventKind) -> bool {
        match kind {
            EventKind::SessionJoined | EventKind::SessionLeft => self.wants_sessions,
            EventKind::RegistrationCreated
            | EventKind::RegistrationDeleted
            | EventKind::SubscriptionCreated
            | EventKind::SubscriptionDeleted
            | EventKind::Published
            | EventKind::PublishRefused => self.wants_work,
            EventKind::CallStarted
            | EventKind::CallEnded
            | EventKind::Violation
            | EventKind::Denied
            | EventKind::Dropped
            | EventKind::Undeliverable => true,
        }
    }
}

struct World {
    realm: Realm<Log>,
    now: Timestamp,
    transcript: Transcript,
    joined: Vec<SessionKey>,
    next_key: u32,
}

impl World {
    fn new(setup: &Setup) -> Self {
        Self {
            realm: Realm::new(config(setup), 1, Log::default()),
            now: Timestamp::from_nanos(1_000),
            transcript: Transcript::default(),
            joined: Vec::new(),
            next_key: 0,
        }
    }

    fn handle(&mut self, input: Input<'_>) {
        self.realm.handle(self.now, input, &mut self.transcript);
        for event in std::mem::take(&mut self.realm.observer_mut().lines) {
            let line = self.transcript.with_names(event);
            self.transcript.lines.push(line);
        }
        self.realm.check_invariants().expect("all indexes agree");
        let in_flight_count = self.realm.observer_mut().in_flight_count;
        assert_eq!(self.realm.call_count(), in_flight_count, "calls in flight");
    }

    /// Lets time pass, and tells the realm when a moment has come that it waits for.
    fn pass(&mut self, time: Duration) {
        let end = self.now.after(time);
        while let Some(deadline) = self.realm.next_deadline().filter(|deadline| *deadline <= end) {
            self.now = deadline;
            self.handle(Input::Tick);
            assert_ne!(self.realm.next_deadline(), Some(deadline), "the deadline is over");
        }
        self.now = end;
    }

    fn join(&mut self, words: &[&str]) {
        let (name, properties) = words.split_first().expect("join has a name");
        let (session, properties) = match properties {
            ["at", key] => (SessionKey(key.parse().expect("a key")), &[][..]),
            _ => (SessionKey(self.next_key), properties),
        };
        self.next_key = self.next_key.max(session.0 + 1);
        self.joined.push(session);
        self.transcript.names.push(Named { name: (*name).to_owned(), key: session, id: None });
        let mut join = join(session, Some((*name).to_owned()));
        for property in properties {
            match *property {
                "canceling" => join.features.callee_call_canceling = true,
                "progress" => join.features.callee_progressive_call_results = true,
                "parts" => {
                    join.features.caller_progressive_call_invocations = true;
                    join.features.callee_progressive_call_invocations = true;
                }
                "timeout" => join.features.callee_call_timeout = true,
                "reroute" => join.features.callee_call_reroute = true,
                "revocation" => {
                    join.features.callee_registration_revocation = true;
                    join.features.subscriber_subscription_revocation = true;
                }
                "passthru" => {
                    join.features.caller_payload_passthru_mode = true;
                    join.features.callee_payload_passthru_mode = true;
                    join.features.publisher_payload_passthru_mode = true;
                }
                role => join.authrole = role.to_owned(),
            }
        }
        self.handle(Input::Join(join));
    }

    fn leave(&mut self, session: SessionKey, reason: LeaveReason, report: Option<Report>) {
        self.joined.retain(|joined| *joined != session);
        self.handle(Input::Leave { session, reason, report });
    }

    fn message(&mut self, from: &str, text: &str) {
        let text = self.transcript.with_ids(text);
        let message = Message::decode(Format::Json, text.as_bytes(), &Limits::default());
        let message = message.unwrap_or_else(|error| panic!("{text}: {error}"));
        self.handle(Input::Message { session: self.transcript.key(from), message: &message });
    }
}

pub(super) fn config(setup: &Setup) -> RealmConfig {
    let role = |name: &str, trustlevel| Role {
        name: name.to_owned(),
        gate: Box::new(TestGate),
        trustlevel,
    };
    RealmConfig {
        name: "realm1".to_owned(),
        uri_check: setup.uri_check,
        meta_api: setup.meta_api,
        served: setup.served.clone(),
        request_ids: setup.request_ids,
        calls: setup.calls,
        roles: vec![
            role("anonymous", None),
            role("backend", None),
            role("trusted", Some(TrustLevel(3))),
            role("careful", None),
        ],
        agent: "Flowgate".to_owned(),
        events: EventsConfig {
            retention: setup.retention,
            histories: setup.histories.iter().map(history_config).collect(),
            ..EventsConfig::default()
        },
    }
}

fn history_config((pattern, policy, limit): &(&str, MatchPolicy, usize)) -> HistoryConfig {
    let (pattern, policy, limit) = ((*pattern).to_owned(), *policy, *limit);
    HistoryConfig { pattern, policy, limit, records: Vec::new() }
}

pub(super) fn join(session: SessionKey, authid: Option<String>) -> Join {
    Join {
        session,
        authid,
        authrole: "anonymous".to_owned(),
        authmethod: "anonymous",
        authprovider: "static",
        features: ClientFeatures::default(),
        serializer: "json",
        transport: Value::dict([("peer", Value::from("test"))]),
    }
}

/// Keeps the only message, a WELCOME.
#[derive(Default)]
struct Welcomed(Option<(SessionId, Value<'static>)>);

impl Outbox for Welcomed {
    fn push(&mut self, action: Action<'_>) {
        let Action::Send { message: Message::Welcome(welcome), .. } = action else {
            panic!("{action:?} instead of WELCOME");
        };
        let details =
            welcome.details.entries().map(|(key, value)| (key.into_owned(), value.into_owned()));
        self.0 = Some((welcome.session, Value::dict(details)));
    }
}

fn welcome(setup: &Setup, seed: u64, authid: Option<String>) -> (SessionId, Value<'static>) {
    let mut realm = Realm::new(config(setup), seed, ());
    let mut welcomed = Welcomed::default();
    realm.handle(Timestamp::EPOCH, Input::Join(join(SessionKey(0), authid)), &mut welcomed);
    welcomed.0.expect("the session is welcomed")
}

/// The details of the WELCOME that `a` gets.
pub(super) fn welcome_details(setup: &Setup) -> Value<'static> {
    welcome(setup, 1, Some("a".to_owned())).1
}

/// The session and the name that a realm with a seed draws.
pub(super) fn join_random(seed: u64) -> (SessionId, String) {
    let (session, details) = welcome(&Setup::default(), seed, None);
    let authid = details.get("authid").and_then(Value::as_str);
    (session, authid.expect("every session has a name").to_owned())
}

/// A window with figures that can be told apart.
pub(super) fn report(last: bool) -> Report {
    Report {
        cycle: 3,
        start: Timestamp::from_nanos(500),
        duration: Duration::from_nanos(400),
        first: false,
        last,
        received: Account { bytes: 10, messages: 2, rated_messages: 3 },
        sent: Account { bytes: 20, messages: 4, rated_messages: 5 },
    }
}

/// Runs a line if it is an input.
///
/// `join a [canceling] [progress] [parts] [timeout] [reroute] [revocation] [passthru] [ROLE]` or `join a at KEY` · `a> [...]` is a message from `a` ·
/// `garbage a` is something from `a` that is no message · `toolarge a TYPE [REQUEST [progress]]` is a message
/// that did not fit into the transport of `a` · `stats a` closes a window · `leave a [stats]`, with
/// the last window · `answer N admit|disclose|deny|fail` answers the question of that number, from 1
/// · `served N result [WORD ...]` and `served N error URI` answer the call for the shell of that
/// number · `announce TOPIC WORD [+ROLE ...] [-ROLE ...]` is an event of the router itself, for some
/// roles or not for some · `pass 30ms` lets time pass · `shutdown` · `observe work` shows calls,
/// publications, registrations and subscriptions, `observe sessions` joining and leaving as
/// events.
fn run_input(world: &mut World, line: &str) -> bool {
    if let Some((from, text)) = line.split_once("> ").filter(|(from, _)| !from.contains(' ')) {
        world.message(from, text);
        return true;
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    match *words.as_slice() {
        ["join", ref words @ ..] => world.join(words),
        ["garbage", name] => {
            let session = world.transcript.key(name);
            world.handle(Input::Violation { session, what: "not a message" });
        }
        ["toolarge", name, message, ref what @ ..] => {
            let session = world.transcript.key(name);
            let types = MessageType::ALL.iter().copied();
            let message = types.clone().find(|of| of.name() == message).expect("a message type");
            let request = what.first().map(|id| id.parse::<u64>().expect("a number"));
            let request = request.map(|id| RequestId::new(id).expect("a request identifier"));
            let lost = match (message, what.get(1)) {
                (MessageType::Invocation, _) => Lost::Invocation,
                (_, Some(&"progress")) => Lost::Progress,
                (_, _) => Lost::Reply,
            };
            let lost = request.map(lost);
            world.handle(Input::Undeliverable { session, message, lost, step: None });
        }
        ["answer", number, answer] => {
            let index = number.parse::<usize>().expect("a number") - 1;
            let (session, ask) = world.transcript.asks[index];
            let answer = match answer {
                "admit" => Answer::Admit(Disclosure::OnRequest),
                "disclose" => Answer::Admit(Disclosure::Always),
                "deny" => Answer::Deny,
                "fail" => Answer::Fail,
                other => panic!("{other} is no answer"),
            };
            world.handle(Input::Answer { session, ask, answer });
        }
        ["served", number, "result", ref args @ ..] => {
            let call = world.transcript.calls[number.parse::<usize>().expect("a number") - 1];
            let args: Vec<_> = args.iter().map(|word| Value::from((*word).to_owned())).collect();
            let reply = Reply::Result(Payload::from_vecs(args, Vec::new()));
            world.handle(Input::Served { call, reply });
        }
        ["served", number, "error", error] => {
            let call = world.transcript.calls[number.parse::<usize>().expect("a number") - 1];
            let reply = Reply::Error { error, payload: Payload::EMPTY };
            world.handle(Input::Served { call, reply });
        }
        ["announce", topic, text, ref roles @ ..] => {
            let roles = |sign: char| {
                let named = roles.iter().filter_map(|role| role.strip_prefix(sign));
                let named: Vec<_> = named.map(str::to_owned).collect();
                (!named.is_empty()).then_some(named)
            };
            let (eligible, exclude) = (roles('+'), roles('-'));
            world.handle(Input::Publish(Announcement {
                topic,
                payload: Payload::from_vecs(vec![Value::from(text.to_owned())], Vec::new()),
                eligible_authroles: eligible.as_deref(),
                exclude_authroles: exclude.as_deref(),
            }));
        }
        ["stats", name] => {
            let session = world.transcript.key(name);
            world.handle(Input::Stats { session, report: report(false) });
        }
        ["leave", name, ref stats @ ..] => {
            let report = (*stats == ["stats"]).then(|| report(true));
            world.leave(world.transcript.key(name), LeaveReason::TransportLost, report);
        }
        ["pass", time] => {
            let milliseconds = time.strip_suffix("ms").and_then(|number| number.parse().ok());
            world.pass(Duration::from_millis(milliseconds.expect("a number of milliseconds")));
        }
        ["time", nanos] => {
            world.now = Timestamp::from_nanos(nanos.parse().expect("nanoseconds"));
        }
        ["shutdown"] => world.handle(Input::Shutdown),
        ["observe", "work"] => world.realm.observer_mut().wants_work = true,
        ["observe", "sessions"] => world.realm.observer_mut().wants_sessions = true,
        _ => return false,
    }
    true
}

/// Runs a script against the default realm.
pub(super) fn check(script: &str) {
    check_with(&Setup::default(), script);
}

/// Runs a script: its inputs must give its transcript. In the end everybody leaves, and nothing
/// may be left.
pub(super) fn check_with(setup: &Setup, script: &str) {
    let mut world = World::new(setup);
    let expected: Vec<&str> =
        script.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    for line in &expected {
        world.transcript.lines.push((*line).to_owned());
        let place = world.transcript.lines.len();
        if !run_input(&mut world, line) {
            world.transcript.lines.remove(place - 1);
        }
    }
    compare(&expected, &world.transcript.lines);
    for session in world.joined.clone() {
        world.leave(session, LeaveReason::TransportLost, None);
    }
    assert_eq!(world.realm.session_count(), 0);
    assert!(world.realm.holds_nothing(), "everybody has left, and something is still there");
}

fn compare(expected: &[&str], actual: &[String]) {
    let same = expected.len() == actual.len()
        && expected.iter().zip(actual).all(|(expected, actual)| matches(expected, actual));
    if same {
        return;
    }
    let mut shown = String::new();
    for line in 0..expected.len().max(actual.len()) {
        let expected = expected.get(line).copied().unwrap_or("(nothing)");
        let actual = actual.get(line).map_or("(nothing)", String::as_str);
        if matches(expected, actual) {
            let _ = writeln!(shown, "    {actual}");
        } else {
            let _ = writeln!(shown, "  - {expected}\n  + {actual}");
        }
    }
    panic!("the transcript differs (- expected, + actual):\n{shown}");
}

fn matches(expected: &str, actual: &str) -> bool {
    match expected.strip_suffix('*') {
        Some(beginning) => actual.starts_with(beginning),
        None => expected == actual,
    }
}
