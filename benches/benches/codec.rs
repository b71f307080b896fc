//! What decoding, encoding and transcoding one CALL costs.
//!
//! `decode` checks the whole message and reads its envelope; `encode` writes the INVOCATION that
//! follows from it in the same format (a new head, and a copy of the payload); `transcode` writes
//! that INVOCATION in another format.

#![allow(clippy::expect_used, reason = "a benchmark that cannot go on fails")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flowgate_wire::{
    Call, Dict, Format, Invocation, Limits, Message, Payload, RegistrationId, RequestId, Uri, Value,
};

/// The payloads of the table in docs/performance.md.
fn payloads() -> [(&'static str, Vec<Value<'static>>); 5] {
    let text = |len: usize| Value::from("abcdefgh".repeat(len / 8));
    let words = (0..512).map(|word| Value::from(format!("{word:08}"))).collect();
    [
        ("16 B", vec![text(16)]),
        ("256 B", vec![text(256)]),
        ("4 KiB", vec![text(4096)]),
        ("4 KiB as 512 strings", vec![Value::List(words)]),
        ("64 KiB", vec![text(65536)]),
    ]
}

fn call(format: Format, args: &[Value<'_>]) -> Vec<u8> {
    let call = Call {
        request: RequestId::new(7_814_135).expect("in range"),
        options: Dict::EMPTY,
        procedure: Uri::from("com.myapp.procedure1"),
        payload: Payload::from_values(args, &[]),
    };
    let mut out = Vec::new();
    Message::from(call).encode(format, &mut out);
    out
}

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

/// The INVOCATION that carries the payload of a CALL.
fn invocation<'a>(call: &Message<'a>) -> Message<'a> {
    let Message::Call(call) = call else { unreachable!("encoded above") };
    Message::from(Invocation {
        request: RequestId::new(1234).expect("in range"),
        registration: RegistrationId::new(9_823_526).expect("in range"),
        details: Dict::EMPTY,
        payload: call.payload.clone(),
    })
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
