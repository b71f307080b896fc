//! The codec's cost per message on a noisy machine: a fixed number of messages for callgrind to
//! count the instructions of, and the best time of twenty slices.
//!
//! `codec_costs decode|tree|json|msgpack|cbor FORMAT PAYLOAD COUNT`: reads a CALL that came in
//! FORMAT, reads it into a tree with another library and writes it again (JSON only), or writes
//! the INVOCATION that carries its payload in the named format.
//! PAYLOAD is the number of octets of one string, or `list` for 512 strings of 8.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measuring program stops, prints, and reads the real clock"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use flowgate_wire::{
    Call, Dict, Format, Invocation, Limits, Message, Payload, RegistrationId, RequestId, Value,
};

/// Interruptions rarely last through one of so many.
const SLICES: u32 = 20;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, format, payload, count] = arguments.as_slice() else {
        println!("codec_costs decode|tree|json|msgpack|cbor FORMAT PAYLOAD COUNT");
        return;
    };
    let format = Format::from_name(format).expect("a format");
    let count: u32 = count.parse().expect("a number");
    let bytes = call(format, payload);
    let limits = Limits::default();
    let mut out = Vec::with_capacity(1 << 18);
    let best = match mode.as_str() {
        "decode" => best(count, || {
            black_box(&Message::decode(format, black_box(&bytes), &limits));
        }),
        "tree" => best(count, || {
            let tree: serde_json::Value =
                serde_json::from_slice(black_box(&bytes)).expect("encoded above");
            out.clear();
            serde_json::to_writer(&mut out, &tree).expect("writes to memory");
            black_box(&out);
        }),
        to => {
            let to = Format::from_name(to).expect("a mode or format");
            let call = Message::decode(format, &bytes, &limits).expect("encoded above");
            let message = invocation(&call);
            best(count, || {
                out.clear();
                black_box(&message).encode(to, &mut out);
                black_box(&out);
            })
        }
    };
    let nanoseconds = best.as_secs_f64() * 1e9 / f64::from(count / SLICES);
    println!("{nanoseconds:.1} ns");
}

fn best(count: u32, mut run: impl FnMut()) -> Duration {
    let slices = (0..SLICES).map(|_| {
        let start = Instant::now();
        for _ in 0..count / SLICES {
            run();
        }
        start.elapsed()
    });
    slices.min().unwrap_or_default()
}

fn call(format: Format, payload: &str) -> Vec<u8> {
    let args = match payload {
        "list" => Value::List((0..512).map(|word| Value::from(format!("{word:08}"))).collect()),
        len => Value::from("abcdefgh".repeat(len.parse::<usize>().expect("a length") / 8)),
    };
    let args = [args];
    let call = Call {
        request: RequestId::new(7_814_135).expect("in range"),
        options: Dict::EMPTY,
        procedure: "com.myapp.procedure1".into(),
        payload: Payload::from_values(&args, &[]),
    };
    let mut out = Vec::new();
    Message::from(call).encode(format, &mut out);
    out
}

fn invocation<'a>(call: &Message<'a>) -> Message<'a> {
    let Message::Call(call) = call else { unreachable!("encoded as a CALL") };
    Message::from(Invocation {
        request: RequestId::new(1234).expect("in range"),
        registration: RegistrationId::new(9_823_526).expect("in range"),
        details: Dict::EMPTY,
        payload: call.payload.clone(),
    })
}
