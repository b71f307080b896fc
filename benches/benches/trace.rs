//! Tracing: what a message costs its worker, off and on, and what it costs the collector.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use flowgate_event::{Correlation, Timestamp};
use flowgate_trace::{
    Collector, Direction, Facts, Identity, Node, Position, Recorder, Registry, Step, Switch, Tap,
    TraceOptions,
};
use flowgate_wire::{Format, MessageType, RequestId, Serializer, SessionId, Value};

/// Messages per iteration, so that the timer's resolution does not matter.
const MESSAGE_COUNT: u64 = 1024;

const NOW: Timestamp = Timestamp::from_nanos(1_574_688_364_518_998_111);

/// The four messages of a call, again and again, with so many URIs and sessions.
struct Traffic {
    sessions: Vec<Arc<Identity>>,
    uris: Vec<String>,
    frame: Bytes,
}

impl Traffic {
    fn new() -> Self {
        let session = |number| {
            Arc::new(Identity {
                realm: "realm1".into(),
                session: SessionId::new(number).ok(),
                authid: Some("E4MW-VYUX-KY3S-Y6US-J5X5-KAUQ".into()),
                authrole: Some("anonymous".into()),
                transport: "websocket".into(),
                serializer: Some(Serializer::single(Format::Json)),
                peer: None,
            })
        };
        Self {
            sessions: (1..=64).map(session).collect(),
            uris: (0..64).map(|number| format!("com.example.procedure{number}")).collect(),
            frame: Bytes::from(br#"[48,1,{},"com.example.procedure",[1,2,3]]"#.to_vec()),
        }
    }

    /// The facts about message `number`.
    fn facts(&self, number: u64) -> Option<Facts<'_>> {
        let (call, part) = (number / 4, number % 4);
        let index = usize::try_from(call % 64).unwrap_or(0);
        let (message, direction, position) = match part {
            0 => (MessageType::Call, Direction::Rx, Position::Anchor),
            1 => (MessageType::Invocation, Direction::Tx, Position::Inner),
            2 => (MessageType::Yield, Direction::Rx, Position::Inner),
            _ => (MessageType::Result, Direction::Tx, Position::Last),
        };
        let at = NOW.after(Duration::from_nanos(number * 1000));
        let mut facts = Facts::new(at, direction, message, self.sessions.get(index)?);
        let correlation = Correlation::new(u128::from(call) + 1)?;
        facts.step =
            Some(Step { correlation, uri: self.uris.get(index).map(|uri| &**uri), position });
        facts.bytes = self.frame.len();
        facts.request = RequestId::new(call + 1).ok();
        facts.frame = Some((Format::Json, &self.frame));
        Some(facts)
    }
}

fn options(entries: &[(&'static str, Value<'static>)]) -> TraceOptions {
    TraceOptions::from_value(&Value::dict(entries.to_vec())).unwrap_or_default()
}

/// A registry with a running trace, or none.
fn registry(options: Option<TraceOptions>) -> (Registry, Arc<Switch>) {
    let switch = Arc::new(Switch::new());
    let node = Node { node_id: String::new(), worker_id: String::new(), origin: NOW, seed: 1 };
    let mut registry = Registry::new(Arc::clone(&switch), node, None);
    if let Some(id) = options.and_then(|options| registry.create(None, options).ok()) {
        let _ = registry.start(&id, NOW);
    }
    (registry, switch)
}

fn levels() -> [(&'static str, Option<TraceOptions>); 4] {
    let rate = ("max_rate", Value::from(1_000_000_u64));
    [
        ("off", None),
        ("action", Some(options(&[("trace_level", "action".into()), rate.clone()]))),
        ("message", Some(options(std::slice::from_ref(&rate)))),
        ("payload", Some(options(&[("trace_app_payload", true.into()), rate]))),
    ]
}

fn fill(traffic: &Traffic, recorder: &mut Recorder) {
    for number in 0..MESSAGE_COUNT {
        if recorder.is_on()
            && let Some(facts) = black_box(traffic).facts(number)
        {
            black_box(recorder.record(&facts));
        }
    }
}

/// The worker's side: facts gathered and recorded; emptying the ring is not counted.
fn recording(c: &mut Criterion) {
    let traffic = Traffic::new();
    let mut group = c.benchmark_group("trace/record");
    group.throughput(Throughput::Elements(MESSAGE_COUNT));
    for (name, options) in levels() {
        let (_registry, switch) = registry(options);
        let (mut recorder, mut tap) = Recorder::new(switch, 1024, NOW);
        // One filled ring per measurement, emptied in between.
        group.bench_function(name, |b| {
            b.iter_custom(|iterations| {
                let mut elapsed = Duration::ZERO;
                for _ in 0..iterations {
                    #[expect(clippy::disallowed_methods, reason = "a benchmark measures")]
                    let start = std::time::Instant::now();
                    fill(&traffic, &mut recorder);
                    elapsed += start.elapsed();
                    while tap.pop().is_some() {}
                }
                elapsed
            });
        });
    }
    group.finish();
}

/// The collector's side: order, filters, assembly, memory.
fn collecting(c: &mut Criterion) {
    let traffic = Traffic::new();
    let mut group = c.benchmark_group("trace/collect");
    group.throughput(Throughput::Elements(MESSAGE_COUNT));
    for (name, options) in levels() {
        if options.is_none() {
            continue;
        }
        let (mut registry, switch) = registry(options);
        group.bench_function(name, |b| {
            let filled = || -> Tap {
                let (mut recorder, tap) = Recorder::new(Arc::clone(&switch), 1024, NOW);
                fill(&traffic, &mut recorder);
                tap
            };
            b.iter_batched(
                filled,
                |tap| {
                    let mut collector = Collector::new(Duration::ZERO);
                    collector.add(tap);
                    collector.flush(&mut registry);
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, recording, collecting);
criterion_main!(benches);
