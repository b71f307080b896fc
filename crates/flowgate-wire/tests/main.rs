//! The codec from outside: vectors, what is accepted and refused, transcoding, and the corpus of
//! the fuzz targets.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

#[path = "main/accept.rs"]
mod accept;
#[path = "main/corpus.rs"]
mod corpus;
#[path = "main/edges.rs"]
mod edges;
#[path = "main/exact.rs"]
mod exact;
#[path = "main/refuse.rs"]
mod refuse;
#[path = "main/short.rs"]
mod short;
#[path = "main/transcode.rs"]
mod transcode;
#[path = "main/values.rs"]
mod values;

use flowgate_wire::{DecodeError, Format, Limits, Message};

/// Octets from hexadecimal digits; white space separates as it likes.
fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits
        .chars()
        .filter(|char| !char.is_whitespace())
        .map(|char| u8::try_from(char.to_digit(16).expect("a digit")).expect("below 16"))
        .collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn decode(format: Format, bytes: &[u8]) -> Result<Message<'_>, DecodeError> {
    Message::decode(format, bytes, &Limits::default())
}

fn encode(format: Format, message: &Message<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(format, &mut out);
    out
}
