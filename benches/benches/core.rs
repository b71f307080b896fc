//! What the core costs, from the frame received to the frames sent, without sockets.
//!
//! `match` looks a URI up in tables of growing size, and `hit` publishes and calls where there are
//! more and more subscriptions and registrations; `call` takes a CALL to its INVOCATION and a
//! YIELD to its RESULT; `event` takes a PUBLISH to the EVENTs of more and more subscribers.

#![allow(clippy::expect_used, reason = "a benchmark that cannot go on fails")]

use std::{hint::black_box, time::Duration};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use flowgate_benches::{
    messages::{PROCEDURE, TOPIC, call_frames, publish, text},
    realm::Bench,
    uris::{pattern, table, uri},
};
use flowgate_router::SessionKey;
use flowgate_wire::{Format, MatchPolicy};

/// How many different URIs the look-ups go through that do not hit the same entry always.
const SPREAD_COUNT: usize = 4096;

/// Sizes of a URI table.
const ENTRY_COUNTS: [usize; 4] = [1, 1_000, 100_000, 1_000_000];

/// Subscribers of one topic.
const SUBSCRIBER_COUNTS: [u32; 5] = [1, 10, 100, 1_000, 10_000];

/// The sizes to go through: all of them where something is measured, the smallest in a test.
fn entry_counts() -> impl Iterator<Item = usize> {
    let measured = std::env::args().any(|argument| argument == "--bench");
    ENTRY_COUNTS.into_iter().take(if measured { ENTRY_COUNTS.len() } else { 2 })
}

/// One look-up that finds one entry: the same always, and another each time.
fn match_uri(criterion: &mut Criterion) {
    let [exact, prefix, wildcard] = MatchPolicy::ALL.map(|policy| [policy]);
    let kinds: [(&str, &[MatchPolicy]); 4] = [
        ("exact", &exact),
        ("prefix", &prefix),
        ("wildcard", &wildcard),
        ("mixed", &MatchPolicy::ALL),
    ];
    for (kind, policies) in kinds {
        // The smallest table has an entry of each policy, so that all indexes are walked.
        for entry_count in entry_counts().map(|count| count.max(policies.len())) {
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

/// A publication that hits one of many subscriptions, and a call that hits one of many
/// registrations; a third of them each is exact, prefix and wildcard.
fn hit(criterion: &mut Criterion) {
    const CLIENT: SessionKey = SessionKey(0);
    const OTHER: SessionKey = SessionKey(1);
    let format = Format::Json;
    // Every policy is there, and the entry that is hit has each in turn.
    for entry_count in entry_counts().map(|count| count.max(MatchPolicy::ALL.len())) {
        let mut bench = Bench::new(vec![format; 2]);
        for (index, policy) in (0..entry_count).zip(MatchPolicy::ALL.into_iter().cycle()) {
            bench.subscribe(OTHER, policy, &pattern(index, policy));
        }
        let frame = publish(format, &uri(entry_count / 2), &text(16));
        criterion.bench_function(&format!("hit/subscription/{entry_count}"), |bencher| {
            bencher.iter(|| {
                let before = bench.queued_bytes(OTHER);
                bench.receive(CLIENT, format, black_box(&frame));
                assert!(bench.queued_bytes(OTHER) > before, "the subscriber gets the event");
            });
        });
        let mut bench = Bench::new(vec![format; 2]);
        for (index, policy) in (0..entry_count).zip(MatchPolicy::ALL.into_iter().cycle()) {
            bench.register(OTHER, policy, &pattern(index, policy));
        }
        let mut number = 0;
        let procedure = uri(entry_count / 2);
        criterion.bench_function(&format!("hit/registration/{entry_count}"), |bencher| {
            bencher.iter_batched_ref(
                || {
                    number += 1;
                    call_frames(number, &procedure, [format; 2], &text(16))
                },
                |[call, answer]| {
                    let before = bench.queued_bytes(CLIENT);
                    bench.receive(CLIENT, format, call);
                    bench.receive(OTHER, format, answer);
                    assert!(bench.queued_bytes(CLIENT) > before, "the caller gets the result");
                },
                BatchSize::SmallInput,
            );
        });
    }
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
            bench.register(CALLEE, MatchPolicy::Exact, PROCEDURE);
            let args = text(length);
            let mut number = 0;
            let name = format!("call/{} to {}/{length} B", caller.name(), callee.name());
            criterion.bench_function(&name, |bencher| {
                bencher.iter_batched_ref(
                    || {
                        number += 1;
                        call_frames(number, PROCEDURE, formats, &args)
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
            for session in (1..=subscriber_count).map(SessionKey) {
                bench.subscribe(session, MatchPolicy::Exact, TOPIC);
            }
            let frame = publish(publisher, TOPIC, &text(256));
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

/// Short runs, since there are many cases and the figures are for comparison with each other.
fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! {
    name = benches;
    config = short();
    targets = match_uri, hit, call, event
}
criterion_main!(benches);
