//! Checks the codec against the single-message vectors of the specification.
//!
//! `cargo run -p flowgate-wire --example spec_vectors -- PATH`, where PATH is a checkout of the
//! repository wamp-proto; the vectors are not part of this one.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a check that stops at the first vector that fails"
)]

use std::path::Path;

use flowgate_wire::{Format, Limits, Message};
use serde_json::Value as Json;

fn main() {
    let root = std::env::args().nth(1).expect("the path of a checkout of wamp-proto");
    let mut vectors = 0;
    for profile in ["basic", "advanced"] {
        let folder = Path::new(&root).join("testsuite/singlemessage").join(profile);
        for file in std::fs::read_dir(folder).expect("the vectors") {
            let path = file.expect("a file").path();
            let text = std::fs::read_to_string(&path).expect("readable");
            let file: Json = serde_json::from_str(&text).expect("JSON");
            for sample in file["samples"].as_array().into_iter().flatten() {
                vectors += check_sample(&path, &file, sample);
            }
        }
    }
    assert!(vectors > 100, "only {vectors} vectors found");
    println!("{vectors} vectors hold");
}

fn decode(format: Format, bytes: &[u8]) -> Result<Message<'_>, flowgate_wire::DecodeError> {
    Message::decode(format, bytes, &Limits::default())
}

fn encode(format: Format, message: &Message<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(format, &mut bytes);
    bytes
}

fn hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| std::str::from_utf8(pair).expect("ASCII"))
        .map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal digits"))
        .collect()
}

fn check_sample(path: &Path, file: &Json, sample: &Json) -> usize {
    let mut seen: Vec<(Format, Vec<u8>)> = Vec::new();
    for (name, vectors) in sample["serializers"].as_object().into_iter().flatten() {
        let Some(format) = Format::from_name(name) else { continue };
        for vector in vectors.as_array().into_iter().flatten() {
            let Some(digits) = vector["bytes_hex"].as_str() else { continue };
            seen.push((format, hex(digits)));
        }
    }
    for (format, bytes) in &seen {
        let at = format!("{} {format:?} {}", path.display(), String::from_utf8_lossy(bytes));
        let message = decode(*format, bytes).unwrap_or_else(|error| panic!("{at}: {error}"));
        check_attributes(&message, file, sample, &at);
        for (other_format, other) in &seen {
            let other = decode(*other_format, other).expect("checked in its turn");
            assert!(message.same_as(&other), "{at}: differs from {}", other.to_json());
        }
        // One of the encodings of this format is ours: compact JSON, shortest binary forms.
        let ours = encode(*format, &rebuilt(&message));
        let known = seen.iter().any(|(other, bytes)| other == format && *bytes == ours);
        assert!(known, "{at}: encoded as {}", String::from_utf8_lossy(&ours));
    }
    seen.len()
}

/// The message without the white space that a received JSON payload keeps.
fn rebuilt(message: &Message<'_>) -> Message<'static> {
    let cbor = encode(Format::Cbor, message);
    let cbor: &'static [u8] = cbor.leak();
    decode(Format::Cbor, cbor).expect("encoded above")
}

fn check_attributes(message: &Message<'_>, file: &Json, sample: &Json, at: &str) {
    let message_type = message.message_type();
    assert_eq!(Some(message_type.name()), file["wamp_message_type"].as_str(), "{at}");
    let expected = &sample["expected_attributes"];
    assert_eq!(Some(u64::from(message_type.code())), expected["message_type"].as_u64(), "{at}");
    let list = message.to_value();
    let elements = list.as_list().expect("a message is a list");
    for name in ["args", "kwargs", "options", "details", "extra", "topic", "procedure", "reason"] {
        // Null and the empty dictionary may stand for what is absent.
        if expected[name].is_null()
            || expected[name].as_object().is_some_and(serde_json::Map::is_empty)
        {
            continue;
        }
        // By way of JSON, whose dictionaries have no order.
        let found = elements.iter().any(|element| {
            serde_json::to_value(element).is_ok_and(|element| element == expected[name])
        });
        assert!(found, "{at}: no {name} {} in {elements:?}", expected[name]);
    }
}
