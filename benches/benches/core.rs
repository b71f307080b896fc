//! What the core costs, from the frame received to the frames sent, without sockets.
//!
//! `match` looks a URI up in tables of growing size; `call` takes a CALL to its INVOCATION and a
//! YIELD to its RESULT; `event` takes a PUBLISH to the EVENTs of more and more subscribers.

#![allow(clippy::expect_used, reason = "a benchmark that cannot go on fails")]

use std::{hint::black_box, time::Duration};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use flowgate_event::Timestamp;
use flowgate_router::{
    Action, CallSettings, ClientFeatures, Disclose, Input, Join, MetaApi, Outbox, Permissions,
    Realm, RealmConfig, RequestIds, Role, SessionKey, UriTable,
};
use flowgate_wire::{
    Call, Dict, Format, Limits, MatchPolicy, Message, Payload, Publish, Register, RequestId,
    Subscribe, Uri, UriCheck, Value, Yield,
};

const POLICIES: [MatchPolicy; 3] = [MatchPolicy::Exact, MatchPolicy::Prefix, MatchPolicy::Wildcard];

/// How many different URIs the look-ups go through that do not hit the same entry always.
const SPREAD_COUNT: usize = 4096;

/// Sizes of a URI table.
const ENTRY_COUNTS: [usize; 4] = [1, 1_000, 100_000, 1_000_000];

/// Subscribers of one topic.
const SUBSCRIBER_COUNTS: [u32; 5] = [1, 10, 100, 1_000, 10_000];

/// The URI that entry `index` of a table matches, and no other entry.
fn uri(index: usize) -> String {
    format!("com.site{}.device{index}.temperature", index / 100)
}

/// The pattern of entry `index`.
fn pattern(index: usize, policy: MatchPolicy) -> String {
    match policy {
        MatchPolicy::Exact => uri(index),
        MatchPolicy::Prefix => format!("com.site{}.device{index}.", index / 100),
        MatchPolicy::Wildcard => format!("com..device{index}.temperature"),
    }
}

fn table(entry_count: usize, policies: &[MatchPolicy]) -> UriTable<usize> {
    let mut table = UriTable::new(1);
    for (index, policy) in (0..entry_count).zip(policies.iter().cycle()) {
        table.insert(*policy, &pattern(index, *policy), index).expect("a new pattern");
    }
    table
}

/// One look-up that finds one entry: the same always, and another each time.
fn match_uri(criterion: &mut Criterion) {
    let [exact, prefix, wildcard] = POLICIES.map(|policy| [policy]);
    let kinds: [(&str, &[MatchPolicy]); 4] =
        [("exact", &exact), ("prefix", &prefix), ("wildcard", &wildcard), ("mixed", &POLICIES)];
    for (kind, policies) in kinds {
        // The smallest table has an entry of each policy, so that all indexes are walked.
        for entry_count in ENTRY_COUNTS.map(|entry_count| entry_count.max(policies.len())) {
            let table = table(entry_count, policies);
            let step = entry_count.div_ceil(SPREAD_COUNT);
            let spread: Vec<String> = (0..entry_count).step_by(step).map(uri).collect();
            let one = [uri(entry_count / 2)];
            for (name, uris) in [("one", one.as_slice()), ("spread", &spread)] {
                let mut next = uris.iter().cycle();
                criterion.bench_function(
                    &format!("match/{kind}/{name}/{entry_count}"),
                    |bencher| {
                        bencher.iter(|| {
                            let uri = next.next().map(String::as_str).unwrap_or_default();
                            let mut found = 0;
                            table.matches(black_box(uri), |entry| found += entry.index() + 1);
                            assert_ne!(black_box(found), 0);
                        });
                    },
                );
            }
        }
    }
}

/// A realm whose sessions receive frames in memory.
struct Bench {
    realm: Realm,
    out: Frames,
}

/// Encodes a message once for each format of its receivers; instead of queueing the frame it adds
/// its length to the receiver's.
struct Frames {
    formats: Vec<Format>,
    queued_bytes: Vec<usize>,
    octets: Vec<u8>,
}

impl Outbox for Frames {
    fn push(&mut self, action: Action<'_>) {
        match action {
            Action::Send { to, message } => self.deliver(&[to], &message),
            Action::FanOut { to, message, .. } => self.deliver(to, &message),
            Action::Ask { ask, .. } => unreachable!("{ask:?}: the gate asks nobody"),
            Action::Close { session, how } => unreachable!("{session:?} is closed: {how:?}"),
        }
    }
}

impl Frames {
    fn deliver(&mut self, to: &[SessionKey], message: &Message<'_>) {
        let mut lengths = [None; Format::ALL.len()];
        for session in to {
            let index = session.0 as usize;
            let (Some(format), Some(queued_bytes)) =
                (self.formats.get(index), self.queued_bytes.get_mut(index))
            else {
                continue;
            };
            let Some(length) = lengths.get_mut(*format as usize) else { continue };
            *queued_bytes += *length.get_or_insert_with(|| {
                self.octets.clear();
                message.encode(*format, &mut self.octets);
                self.octets.len()
            });
        }
    }
}

impl Bench {
    /// A realm with a session for each format.
    fn new(formats: Vec<Format>) -> Self {
        let gate = Permissions::allow_all(Disclose::default());
        let config = RealmConfig {
            name: "realm1".to_owned(),
            uri_check: UriCheck::Loose,
            meta_api: MetaApi::Enabled,
            request_ids: RequestIds::Tolerant,
            calls: CallSettings::default(),
            roles: vec![Role { name: "user".to_owned(), gate: Box::new(gate), trustlevel: None }],
            agent: "bench".to_owned(),
        };
        let queued_bytes = vec![0; formats.len()];
        let sessions = (0..).map(SessionKey).take(formats.len());
        let out = Frames { formats, queued_bytes, octets: Vec::with_capacity(1 << 17) };
        let mut bench = Self { realm: Realm::new(config, 1, ()), out };
        for session in sessions {
            bench.handle(Input::Join(Join {
                session,
                authid: None,
                authrole: "user".to_owned(),
                authmethod: "anonymous",
                authprovider: "static",
                features: ClientFeatures::default(),
                serializer: "any",
                transport: Value::Null,
            }));
        }
        bench
    }

    fn handle(&mut self, input: Input<'_>) {
        self.realm.handle(Timestamp::EPOCH, input, &mut self.out);
    }

    /// Decodes a frame and handles its message.
    fn receive(&mut self, session: SessionKey, format: Format, frame: &[u8]) {
        let message = Message::decode(format, frame, &Limits::default()).expect("encoded here");
        self.handle(Input::Message { session, message });
    }

    /// The octets that a session has been sent so far.
    fn queued_bytes(&self, session: SessionKey) -> usize {
        self.out.queued_bytes.get(session.0 as usize).copied().unwrap_or_default()
    }
}

fn encoded<'a>(format: Format, message: impl Into<Message<'a>>) -> Vec<u8> {
    let mut frame = Vec::new();
    message.into().encode(format, &mut frame);
    frame
}

fn request(number: u64) -> RequestId {
    RequestId::new(number).expect("in range")
}

fn text(length: usize) -> [Value<'static>; 1] {
    [Value::from("abcdefgh".repeat(length / 8))]
}

/// The CALL and the YIELD of one call; both count from 1, as the callee's INVOCATIONs do.
fn call_frames(number: u64, formats: [Format; 2], args: &[Value<'_>]) -> [Vec<u8>; 2] {
    let [caller, callee] = formats;
    let payload = Payload::from_values(args, &[]);
    let call = Call {
        request: request(number),
        options: Dict::EMPTY,
        procedure: Uri::from("com.myapp.procedure1"),
        payload: payload.clone(),
    };
    let answer = Yield { request: request(number), options: Dict::EMPTY, payload };
    [encoded(caller, call), encoded(callee, answer)]
}

/// CALL to INVOCATION and YIELD to RESULT, with caller and callee in the same format or not.
fn call(criterion: &mut Criterion) {
    const CALLER: SessionKey = SessionKey(0);
    const CALLEE: SessionKey = SessionKey(1);
    let [json, msgpack, cbor] = Format::ALL;
    for formats in [[json; 2], [msgpack; 2], [cbor; 2], [json, cbor]] {
        let [caller, callee] = formats;
        for length in [16, 256, 4096] {
            let mut bench = Bench::new(formats.to_vec());
            let procedure = Uri::from("com.myapp.procedure1");
            let register = Register { request: request(1), options: Dict::EMPTY, procedure };
            bench.receive(CALLEE, callee, &encoded(callee, register));
            let args = text(length);
            let mut number = 0;
            let name = format!("call/{} to {}/{length} B", caller.name(), callee.name());
            criterion.bench_function(&name, |bencher| {
                bencher.iter_batched_ref(
                    || {
                        number += 1;
                        call_frames(number, formats, &args)
                    },
                    |[call, answer]| {
                        let before = bench.queued_bytes(CALLER);
                        bench.receive(CALLER, caller, call);
                        bench.receive(CALLEE, callee, answer);
                        assert!(bench.queued_bytes(CALLER) > before + length);
                    },
                    BatchSize::SmallInput,
                );
            });
        }
    }
}

/// PUBLISH to EVENT, per delivered event, with all subscribers in one format or in three.
fn event(criterion: &mut Criterion) {
    const PUBLISHER: SessionKey = SessionKey(0);
    for subscriber_count in SUBSCRIBER_COUNTS {
        for (name, formats) in [("json", &[Format::Json][..]), ("all formats", &Format::ALL)] {
            let publisher = Format::Json;
            let subscribers = formats.iter().copied().cycle().take(subscriber_count as usize);
            let mut bench = Bench::new([publisher].into_iter().chain(subscribers).collect());
            subscribe(&mut bench, subscriber_count);
            let args = text(256);
            let publish = Publish {
                request: request(1),
                options: Dict::EMPTY,
                topic: Uri::from("com.myapp.topic1"),
                payload: Payload::from_values(&args, &[]),
            };
            let frame = encoded(publisher, publish);
            let last = SessionKey(subscriber_count);
            let before = bench.queued_bytes(last);
            bench.receive(PUBLISHER, publisher, &frame);
            assert!(bench.queued_bytes(last) > before, "the last subscriber gets the event");
            let mut group = criterion.benchmark_group("event");
            group.throughput(Throughput::Elements(u64::from(subscriber_count)));
            group.bench_function(format!("{name}/{subscriber_count}"), |bencher| {
                bencher.iter(|| bench.receive(PUBLISHER, publisher, black_box(&frame)));
            });
            group.finish();
        }
    }
}

/// Subscribes all sessions but the first.
fn subscribe(bench: &mut Bench, subscriber_count: u32) {
    for session in (1..=subscriber_count).map(SessionKey) {
        let subscribe = Subscribe {
            request: request(1),
            options: Dict::EMPTY,
            topic: Uri::from("com.myapp.topic1"),
        };
        bench.receive(session, Format::Cbor, &encoded(Format::Cbor, subscribe));
    }
}

/// Short runs, since there are many cases and the figures are for comparison with each other.
fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! {
    name = benches;
    config = short();
    targets = match_uri, call, event
}
criterion_main!(benches);
