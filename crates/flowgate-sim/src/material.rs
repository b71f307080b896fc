//! Random URIs, patterns and payloads: few enough that they meet.

use std::time::Duration;

use fastrand::Rng;
use flowgate_event::Timestamp;
use flowgate_wire::{Entry, MatchPolicy, Payload, Value};

const COMPONENTS: [&str; 4] = ["a", "b", "ab", "é"];

/// Octets of a payload that exceeds the smallest transport of the simulation.
const LARGE_BYTES: usize = 3000;

/// A URI, seldom an invalid one or one of the router's.
pub(crate) fn uri(random: &mut Rng) -> String {
    match random.u8(..40) {
        0 => "com..a".to_owned(),
        1 => "com.a#".to_owned(),
        2 => "wamp.nothing.here".to_owned(),
        3 => String::new(),
        4 => "svc.b".to_owned(),
        _ => components(random, false).join("."),
    }
}

/// A policy, and a pattern for it.
pub(crate) fn pattern(random: &mut Rng) -> (MatchPolicy, String) {
    match random.u8(..10) {
        0..=3 => (MatchPolicy::Exact, uri(random)),
        4..=6 => {
            let mut prefix = uri(random);
            while random.bool() && prefix.pop().is_some() {}
            (MatchPolicy::Prefix, prefix)
        }
        _ => (MatchPolicy::Wildcard, components(random, true).join(".")),
    }
}

fn components(random: &mut Rng, with_wildcards: bool) -> Vec<&'static str> {
    let count = random.usize(1..=3);
    let first = if with_wildcards && random.u8(..4) == 0 { "" } else { "com" };
    let mut all = vec![first];
    for _ in 1..count {
        let is_wildcard = with_wildcards && random.bool();
        all.push(if is_wildcard { "" } else { COMPONENTS[random.usize(..COMPONENTS.len())] });
    }
    all
}

/// One or two lists of who may get an event.
pub(crate) fn listing(random: &mut Rng, sessions: &[u64]) -> Vec<Entry<'static>> {
    let mut options = Vec::new();
    for _ in 0..random.usize(1..3) {
        let names = |random: &mut Rng, names: &[&'static str]| -> Vec<Value<'static>> {
            (0..random.usize(..3)).map(|_| names[random.usize(..names.len())].into()).collect()
        };
        let verb = if random.bool() { "exclude" } else { "eligible" };
        let (key, list) = match random.u8(..3) {
            0 if !sessions.is_empty() => {
                let ids = (0..random.usize(..4)).map(|_| sessions[random.usize(..sessions.len())]);
                (verb.to_owned(), ids.map(Value::from).collect())
            }
            1 => (format!("{verb}_authid"), {
                let count = random.usize(..4);
                (0..count).map(|_| Value::from(format!("client{}", random.u8(1..8)))).collect()
            }),
            _ => {
                (format!("{verb}_authrole"), names(random, &["all", "limited", "asking", "other"]))
            }
        };
        let list = if random.u8(..30) == 0 { Value::from(true) } else { Value::List(list) };
        options.retain(|(other, _): &Entry<'_>| *other != key);
        options.push((key.into(), list));
    }
    options
}

/// A payload that begins with who sends it and a number that grows with each of its messages.
pub(crate) fn payload(random: &mut Rng, sender: u64, sequence: u64) -> Payload<'static> {
    let mut args = vec![Value::from(sender), Value::from(sequence)];
    for _ in 0..random.usize(..3) {
        args.push(value(random, 3));
    }
    if random.u8(..30) == 0 {
        args.push(Value::from("x".repeat(LARGE_BYTES)));
    }
    let kwargs = if random.u8(..3) == 0 { entries(random, 2) } else { Vec::new() };
    Payload::from_vecs(args, kwargs)
}

fn value(random: &mut Rng, depth: u8) -> Value<'static> {
    let width = random.u8(..53);
    match random.u8(..if depth == 0 { 7 } else { 9 }) {
        0 => Value::Null,
        1 => Value::from(random.bool()),
        2 => Value::from(random.u64(..1 << 53) >> width),
        3 => Value::from(-1 - (random.i64(0..1 << 53) >> width)),
        // Halves: exact in every format, and never mistaken for an integer.
        4 => Value::from(f64::from(random.i32(-1000..1000)) + 0.5),
        5 => Value::from(["", "text", "\"quoted\" \\ \n", "ünï→𝄞"][random.usize(..4)]),
        6 => Value::Binary((0..random.u8(..40)).collect::<Vec<_>>().into()),
        7 => Value::List((0..random.u8(..3)).map(|_| value(random, depth - 1)).collect()),
        _ => Value::Dict(entries(random, depth - 1)),
    }
}

fn entries(random: &mut Rng, depth: u8) -> Vec<Entry<'static>> {
    let count = random.usize(..3);
    let keys = ["key", "clé", "k\"y"];
    keys.iter().take(count).map(|key| ((*key).into(), value(random, depth))).collect()
}

/// A call of the router's procedures that end sessions and keep testaments, seldom a wrong one.
pub(crate) fn session_call(random: &mut Rng, sessions: &[u64]) -> (&'static str, Payload<'static>) {
    let mut kwargs = Vec::new();
    let choice = random.u8(..100);
    if choice < 40 {
        if random.u8(..4) == 0 {
            let reason = ["com.reason", "not valid"][random.usize(..2)];
            kwargs.push(("reason".into(), Value::from(reason)));
        }
        let (procedure, first) = match choice {
            0..20 => {
                // Seldom itself; the last that it has heard of is there more often than others.
                let others = sessions.get(1..).filter(|others| !others.is_empty());
                let known = others.filter(|_| random.u8(..8) > 0).unwrap_or(sessions);
                let last = known.last().filter(|_| random.bool());
                let known = last.or_else(|| random.choice(known)).copied().unwrap_or(1);
                ("wamp.session.kill", Value::from(known))
            }
            20..34 => {
                let authid = format!("client{}", random.u8(1..12));
                ("wamp.session.kill_by_authid", Value::from(authid))
            }
            34..38 => ("wamp.session.kill_by_authrole", Value::from("limited")),
            _ => return ("wamp.session.kill_all", Payload::from_vecs(Vec::new(), kwargs)),
        };
        return (procedure, Payload::from_vecs(vec![first], kwargs));
    }
    if random.bool() {
        let scope = match random.u8(..20) {
            0 => "soon",
            1..8 => "destroyed",
            _ => "detached",
        };
        kwargs.push(("scope".into(), Value::from(scope)));
    }
    if choice < 55 {
        return ("wamp.session.flush_testaments", Payload::from_vecs(Vec::new(), kwargs));
    }
    if random.bool() {
        let disclose_me = [Value::from(random.bool()), Value::from("no")];
        let disclose_me = disclose_me[usize::from(random.u8(..10) == 0)].clone();
        let mut options = vec![("disclose_me".into(), disclose_me)];
        if random.bool() {
            options.push(("retain".into(), random.bool().into()));
        }
        if random.u8(..4) == 0 {
            options.extend(listing(random, sessions));
        }
        if random.u8(..4) == 0 {
            options.push(("ppt_scheme".into(), "x_sim".into()));
        }
        kwargs.push(("publish_options".into(), Value::Dict(options)));
    }
    // No number in the first place: a testament has no part in the order of its sender's events.
    let args = Value::List(vec![Value::from("testament"), value(random, 2)]);
    let args = vec![Value::from(uri(random)), args];
    ("wamp.session.add_testament", Payload::from_vecs(args, kwargs))
}

/// A key that chooses one of several sessions, seldom something else.
pub(crate) fn key(random: &mut Rng) -> Value<'static> {
    match random.u8(..50) {
        0 => Value::from(1_u64),
        _ => Value::from(["k1", "k2", "k3"][random.usize(..3)]),
    }
}

/// A moment, mostly one that the simulation comes to.
pub(crate) fn moment(random: &mut Rng, begin: Timestamp) -> Value<'static> {
    match random.u8(..20) {
        0 => Value::from("yesterday"),
        _ => Value::from(begin.after(Duration::from_millis(random.u64(..300))).to_rfc3339()),
    }
}

/// The options of a distributed trace, for some requests; seldom invalid ones.
pub(crate) fn context(random: &mut Rng) -> Vec<Entry<'static>> {
    if random.u8(..8) > 0 {
        return Vec::new();
    }
    let version = if random.u8(..4) == 0 { "zz" } else { "00" };
    let (trace, parent) = (random.u128(1..), random.u64(1..));
    let traceparent = format!("{version}-{trace:032x}-{parent:016x}-01");
    let mut options = vec![("_traceparent".into(), traceparent.into())];
    if random.bool() {
        options.push(("_tracestate".into(), "vendor=1,other=2".into()));
    }
    options
}
