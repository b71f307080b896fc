//! What decoding, encoding and transcoding one CALL costs.
//!
//! `decode` checks the whole message and reads its envelope; `encode` writes the INVOCATION that
//! follows from it in the same format (a new head, and a copy of the payload); `transcode` writes
//! that INVOCATION in another format.

#![allow(clippy::expect_used, reason = "a benchmark that cannot go on fails")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flowgate_benches::messages::{call, invocation, payloads};
use flowgate_wire::{Format, Limits, Message};

fn decode(criterion: &mut Criterion) {
    for (name, args) in payloads() {
        let mut group = criterion.benchmark_group(format!("decode {name}"));
        for format in Format::ALL {
            let bytes = call(format, &args);
            group.throughput(Throughput::Bytes(bytes.len() as u64));
            group.bench_function(format.name(), |bencher| {
                let limits = Limits::default();
                bencher.iter(|| {
                    let message = Message::decode(format, black_box(&bytes), &limits);
                    black_box(&message);
                });
            });
        }
    }
}

fn encode(criterion: &mut Criterion) {
    for (name, args) in payloads() {
        let mut group = criterion.benchmark_group(format!("encode {name}"));
        for format in Format::ALL {
            let bytes = call(format, &args);
            let call = Message::decode(format, &bytes, &Limits::default()).expect("encoded above");
            let message = invocation(&call);
            let mut out = Vec::with_capacity(1 << 17);
            group.bench_function(format.name(), |bencher| {
                bencher.iter(|| {
                    out.clear();
                    black_box(&message).encode(format, &mut out);
                    black_box(out.len());
                });
            });
        }
    }
}

fn transcode(criterion: &mut Criterion) {
    for (name, args) in payloads() {
        let mut group = criterion.benchmark_group(format!("transcode {name}"));
        for from in Format::ALL {
            let bytes = call(from, &args);
            let call = Message::decode(from, &bytes, &Limits::default()).expect("encoded above");
            let message = invocation(&call);
            for to in Format::ALL.into_iter().filter(|to| *to != from) {
                let mut out = Vec::with_capacity(1 << 17);
                group.bench_function(format!("{} to {}", from.name(), to.name()), |bencher| {
                    bencher.iter(|| {
                        out.clear();
                        black_box(&message).encode(to, &mut out);
                        black_box(out.len());
                    });
                });
            }
        }
    }
}

/// What a router pays that reads JSON into a tree and writes the tree again.
fn tree(criterion: &mut Criterion) {
    for (name, args) in payloads() {
        let bytes = call(Format::Json, &args);
        let mut group = criterion.benchmark_group(format!("tree {name}"));
        let mut out = Vec::with_capacity(1 << 17);
        group.bench_function("serde_json", |bencher| {
            bencher.iter(|| {
                let tree: serde_json::Value =
                    serde_json::from_slice(black_box(&bytes)).expect("encoded above");
                out.clear();
                serde_json::to_writer(&mut out, &tree).expect("writes to memory");
                black_box(out.len());
            });
        });
    }
}

criterion_group!(benches, decode, encode, transcode, tree);
criterion_main!(benches);
