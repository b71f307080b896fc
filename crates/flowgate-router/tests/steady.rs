//! A realm that handles the same round of messages over and over, with its allocations counted.

use std::{fmt::Write as _, ops::Range};

use flowgate_event::{Disclosure, Timestamp};
use flowgate_router::{
    Action, Allow, CallSettings, ClientFeatures, Disclose, EventsConfig, Input, Join, MetaApi,
    Outbox, Permissions, Realm, RealmConfig, RequestIds, Role, Rule, SessionKey,
};
use flowgate_wire::{Format, Limits, MatchPolicy, Message, UriCheck, Value};

/// Rounds after which tables and buffers have the size that they keep.
const WARM_UP_ROUNDS: u64 = 64;
/// Rounds whose allocations are counted: enough for tables to be cleaned up on the way.
const COUNTED_ROUNDS: u64 = 256;

/// What goes on, in JSON, whatever the format that it is tested in.
///
/// `$n` stands for the number of the round, from 1, and `$k` and `$m` for the numbers of its first
/// and second invocation where each round has two.
/// Each line begins with the session: `a` and `b`
/// of role `user`, `c` of role `open`, whose calls and publications are disclosed without being
/// asked.
pub(crate) struct Scenario {
    /// Messages before the first round.
    pub(crate) setup: &'static [&'static str],
    /// What the router receives in each round.
    pub(crate) received: &'static [&'static str],
    /// What it sends in each round; `*` stands for any text.
    pub(crate) sent: &'static [&'static str],
}

const SESSIONS: [&str; 3] = ["a", "b", "c"];

/// Checks in every format that a scenario allocates nothing once it is under way.
pub(crate) fn check(scenario: &Scenario) {
    for format in Format::ALL {
        check_count(scenario, format, format, 0);
    }
}

/// Checks that it allocates nothing where session `a` has another format than `b` and `c`.
pub(crate) fn check_transcoded(scenario: &Scenario) {
    for ours in Format::ALL {
        for theirs in Format::ALL.into_iter().filter(|theirs| *theirs != ours) {
            check_count(scenario, ours, theirs, 0);
        }
    }
}

/// Checks how often each round allocates where `a` has one format, `b` and `c` another.
pub(crate) fn check_count(scenario: &Scenario, ours: Format, theirs: Format, per_round: u64) {
    let count = allocations(scenario, [ours, theirs, theirs]);
    let (ours, theirs) = (ours.name(), theirs.name());
    assert_eq!(count, per_round * COUNTED_ROUNDS, "{ours} and {theirs}");
}

/// The number of allocations of all counted rounds, by decoding, handling and encoding.
fn allocations(scenario: &Scenario, formats: [Format; 3]) -> u64 {
    let mut bench = Bench::new(formats);
    for line in scenario.setup {
        bench.receive(&frame(line, 0, formats));
    }
    for round in 1..=WARM_UP_ROUNDS {
        bench.round(&frames(scenario, round, formats));
    }
    let rounds = WARM_UP_ROUNDS + 1..=WARM_UP_ROUNDS + COUNTED_ROUNDS;
    let mut count = 0;
    for round in rounds {
        let frames = frames(scenario, round, formats);
        count += allocation_counter::measure(|| bench.round(&frames)).count_total;
        let sent = bench.out.lines();
        assert_eq!(sent.len(), scenario.sent.len(), "round {round} sends {sent:#?}");
        for (line, expected) in sent.iter().zip(scenario.sent) {
            let expected = numbered(expected, round);
            assert!(is_like(line, &expected), "round {round} sends {line}, not {expected}");
        }
    }
    bench.realm.check_invariants().unwrap();
    count
}

fn numbered(line: &str, round: u64) -> String {
    line.replace("$n", &round.to_string())
        .replace("$m", &(2 * round).to_string())
        .replace("$k", &(2 * round).saturating_sub(1).to_string())
}

/// Whether `line` is `expected`, where one `*` stands for any text.
fn is_like(line: &str, expected: &str) -> bool {
    match expected.split_once('*') {
        None => line == expected,
        Some((before, after)) => {
            line.len() >= before.len() + after.len()
                && line.starts_with(before)
                && line.ends_with(after)
        }
    }
}

/// A message as a session sends it.
struct Frame {
    session: SessionKey,
    format: Format,
    octets: Vec<u8>,
}

fn frames(scenario: &Scenario, round: u64, formats: [Format; 3]) -> Vec<Frame> {
    scenario.received.iter().map(|line| frame(line, round, formats)).collect()
}

fn frame(line: &str, round: u64, formats: [Format; 3]) -> Frame {
    let line = numbered(line, round);
    let (name, json) = line.split_once(' ').unwrap();
    let index = SESSIONS.iter().position(|session| *session == name).unwrap();
    let message = Message::decode(Format::Json, json.as_bytes(), &Limits::default()).unwrap();
    let format = formats[index];
    let mut octets = Vec::new();
    message.encode(format, &mut octets);
    Frame { session: SessionKey(index.try_into().unwrap()), format, octets }
}

/// A realm with the three sessions.
struct Bench {
    realm: Realm,
    out: Frames,
}

impl Bench {
    fn new(formats: [Format; 3]) -> Self {
        let mut bench = Self { realm: realm(), out: Frames::new(formats) };
        for (key, (name, authrole)) in (0..).zip(SESSIONS.into_iter().zip(["user", "user", "open"]))
        {
            bench.handle(Input::Join(join(SessionKey(key), name, authrole)));
        }
        bench
    }

    fn round(&mut self, frames: &[Frame]) {
        self.out.clear();
        for frame in frames {
            self.receive(frame);
        }
    }

    fn receive(&mut self, frame: &Frame) {
        let message = Message::decode(frame.format, &frame.octets, &Limits::default()).unwrap();
        self.handle(Input::Message { session: frame.session, message: &message });
    }

    fn handle(&mut self, input: Input<'_>) {
        self.realm.handle(Timestamp::EPOCH, input, &mut self.out);
    }
}

/// A realm with nobody in it.
pub(crate) fn realm() -> Realm {
    let disclosed = Disclose { caller: Disclosure::Always, publisher: Disclosure::Always };
    let config = RealmConfig {
        name: "realm1".to_owned(),
        uri_check: UriCheck::Strict,
        meta_api: MetaApi::Enabled,
        served: Vec::new(),
        request_ids: RequestIds::Tolerant,
        calls: CallSettings::default(),
        roles: vec![role("user", Disclose::default()), role("open", disclosed)],
        agent: "test".to_owned(),
        events: EventsConfig::default(),
    };
    Realm::new(config, 1, ())
}

/// A role that may do everything, by a wildcard rule where its URIs begin with `com.` and have
/// three components, and by the rule for everything where they do not.
fn role(name: &str, disclose: Disclose) -> Role {
    let rule = |pattern: &str, policy| Rule {
        pattern: pattern.to_owned(),
        policy,
        allow: Allow::ALL,
        disclose,
    };
    let rules = [
        rule("", MatchPolicy::Prefix),
        rule("com..", MatchPolicy::Wildcard),
        rule("org.other", MatchPolicy::Exact),
    ];
    Role { name: name.to_owned(), gate: Box::new(Permissions::new(rules)), trustlevel: None }
}

/// A session that joins as a role of [`realm`].
pub(crate) fn join(session: SessionKey, name: &str, authrole: &str) -> Join {
    Join {
        session,
        authid: Some(name.to_owned()),
        authrole: authrole.to_owned(),
        authmethod: "anonymous",
        authprovider: "static",
        features: ClientFeatures {
            callee_call_canceling: true,
            callee_progressive_call_results: true,
            ..ClientFeatures::default()
        },
        serializer: "any",
        transport: Value::Null,
    }
}

/// What has been sent, encoded as a shell does it: once for each format of the receivers.
struct Frames {
    formats: [Format; 3],
    octets: Vec<u8>,
    sent: Vec<(SessionKey, Range<usize>)>,
}

impl Frames {
    fn new(formats: [Format; 3]) -> Self {
        Self { formats, octets: Vec::new(), sent: Vec::new() }
    }

    fn clear(&mut self) {
        self.octets.clear();
        self.sent.clear();
    }

    fn format(&self, session: SessionKey) -> Format {
        self.formats[session.0 as usize]
    }

    fn encode(&mut self, format: Format, message: &Message<'_>) -> Range<usize> {
        let start = self.octets.len();
        message.encode(format, &mut self.octets);
        start..self.octets.len()
    }

    /// Session and message in JSON, one line each.
    fn lines(&self) -> Vec<String> {
        let line = |(session, range): &(SessionKey, Range<usize>)| {
            let octets = &self.octets[range.clone()];
            let message = Message::decode(self.format(*session), octets, &Limits::default());
            let mut line = SESSIONS[session.0 as usize].to_owned();
            write!(line, " {}", message.unwrap().to_json()).unwrap();
            line
        };
        self.sent.iter().map(line).collect()
    }
}

impl Outbox for Frames {
    fn push(&mut self, action: Action<'_>) {
        match action {
            Action::Send { to, message } => {
                let range = self.encode(self.format(to), message);
                self.sent.push((to, range));
            }
            Action::FanOut { to, message, .. } => {
                let formats = self.formats;
                for format in Format::ALL {
                    let mut range = None;
                    for session in to.iter().filter(|to| formats[to.0 as usize] == format) {
                        let range = match &range {
                            Some(range) => Range::clone(range),
                            None => range.insert(self.encode(format, message)).clone(),
                        };
                        self.sent.push((*session, range));
                    }
                }
            }
            Action::Ask { ask, .. } => panic!("{ask:?}: the gate asks nobody"),
            Action::Serve { call, .. } => panic!("{call:?}: nothing is served"),
            Action::Close { session, how } => panic!("{session:?} is closed: {how:?}"),
        }
    }
}
