//! What is accepted is what other decoders accept, and it means what they read.

use proptest::collection::vec;
use proptest::prelude::*;

use super::oracle::{alike, in_json, read};
use super::{Undefined, transcode};
use crate::budget::Budget;
use crate::codec::prop::value;
use crate::scan::skip_space;
use crate::token::{AnyTokens, Tokens, read_value};
use crate::write::{CborWriter, JsonWriter, MessagePackWriter, write_value};
use crate::{DecodeError, Format, Limits, Value, skip};

fn skip(format: Format, bytes: &[u8]) -> Result<(), DecodeError> {
    let mut budget = Budget::inside(&Limits::default());
    let end = match format {
        Format::Json => {
            // The reader checks the whole text once.
            if std::str::from_utf8(bytes).is_err() {
                return Err(DecodeError::InvalidUnicode { offset: 0 });
            }
            let start = skip_space(bytes, 0);
            skip_space(bytes, skip::json::skip(bytes, start, &mut budget)?)
        }
        Format::MessagePack => skip::msgpack::skip(bytes, 0, &mut budget)?,
        Format::Cbor => skip::cbor::skip(bytes, 0, &mut budget)?,
    };
    if end == bytes.len() { Ok(()) } else { Err(DecodeError::TrailingBytes { offset: end }) }
}

fn write(format: Format, value: &Value<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    match format {
        Format::Json => write_value(&mut JsonWriter::new(&mut out), value),
        Format::MessagePack => write_value(&mut MessagePackWriter::new(&mut out), value),
        Format::Cbor => write_value(&mut CborWriter::new(&mut out), value),
    }
    out
}

fn convert(from: Format, bytes: &[u8], to: Format) -> Vec<u8> {
    let mut out = Vec::new();
    match to {
        Format::Json => {
            transcode(from, bytes, 1, Undefined::Null, &mut JsonWriter::new(&mut out));
        }
        Format::MessagePack => {
            let mut writer = MessagePackWriter::new(&mut out);
            transcode(from, bytes, 1, Undefined::Null, &mut writer);
            writer.finish();
        }
        Format::Cbor => {
            let mut writer = CborWriter::new(&mut out);
            transcode(from, bytes, 1, Undefined::Null, &mut writer);
            writer.finish();
        }
    }
    out
}

/// Whether the two may disagree about these octets: the differences that docs/payload.md lists.
fn may_differ(
    ours: &Result<(), DecodeError>,
    oracle: &Result<super::oracle::Any, String>,
    bytes: &[u8],
) -> bool {
    match (ours, oracle) {
        // Text that is not UTF-8 (rmp-serde makes it octets), and lists as keys.
        (Err(DecodeError::InvalidUnicode { .. } | DecodeError::WrongKey { .. }), Ok(_)) => true,
        // ciborium reads simple values below 32 in two octets, which RFC 8949 calls malformed.
        (Err(DecodeError::Malformed { offset, .. }), Ok(_)) => bytes.get(*offset) == Some(&0xf8),
        // serde_json refuses 1e999; ciborium simple values and big integers beyond 128 bits.
        (Ok(()), Err(error)) => {
            error.contains("number out of range") || error.starts_with("Semantic")
        }
        _ => false,
    }
}

fn check(format: Format, bytes: &[u8]) -> Result<(), TestCaseError> {
    let ours = skip(format, bytes);
    let oracle = read(format, bytes);
    if ours.is_ok() != oracle.is_ok() && !may_differ(&ours, &oracle, bytes) {
        prop_assert!(false, "{format:?} {bytes:02x?}\n{ours:?}\n{oracle:?}");
    }
    if ours.is_err() {
        return Ok(());
    }
    // Whatever is accepted can be written in every format, so that all decoders accept it.
    for to in Format::ALL.into_iter().filter(|to| *to != format) {
        let converted = convert(format, bytes, to);
        let known = read(to, &converted);
        prop_assert!(skip(to, &converted).is_ok(), "{format:?} to {to:?} {bytes:02x?}");
        prop_assert!(known.is_ok(), "{format:?} to {to:?} {bytes:02x?} {known:?}");
    }
    let Some(expected) = oracle.ok().and_then(|any| any.into_value(format)) else {
        return Ok(());
    };
    let mut tokens = AnyTokens::new(format, bytes);
    let first = tokens.token();
    let value = read_value(&mut tokens, first);
    prop_assert!(alike(&value, &expected), "{value:?}\n{expected:?}");
    for to in Format::ALL.into_iter().filter(|to| *to != format) {
        let converted = convert(format, bytes, to);
        let there = read(to, &converted).ok().and_then(|any| any.into_value(to));
        let expected =
            if to == Format::Json { in_json(expected.clone()) } else { expected.clone() };
        let same = there.as_ref().is_some_and(|there| alike(there, &expected));
        prop_assert!(same, "{format:?} to {to:?}\n{there:?}\n{expected:?}");
    }
    Ok(())
}

/// Octets that lead deep into the grammar more often than random ones.
fn likely(format: Format) -> impl Strategy<Value = Vec<u8>> {
    let tokens: &'static [&'static [u8]] = match format {
        Format::Json => &[
            b"[",
            b"]",
            b"{",
            b"}",
            b",",
            b":",
            b"\"",
            b"\\",
            b"\\u",
            b"d8",
            b"00",
            b"\\ud800",
            b"\\udc00",
            b"\\u0000",
            b"AAAA",
            b"0",
            b"-",
            b"1",
            b".",
            b"e",
            b"+",
            b"E5",
            b"true",
            b"null",
            b"false",
            b" ",
            b"\n",
            b"\x01",
            b"\xc3\xa9",
            b"\xff",
            b"\"a\":",
            b"[]",
            b"{}",
        ],
        Format::MessagePack => &[
            b"\x90",
            b"\x91",
            b"\x92",
            b"\x80",
            b"\x81",
            b"\xa0",
            b"\xa1a",
            b"\xa1\xff",
            b"\xc0",
            b"\xc1",
            b"\xc2",
            b"\xc4\x01",
            b"\xc7\x01\x05",
            b"\xd4\x00\x00",
            b"\xd6\xff",
            b"\xca",
            b"\xcb",
            b"\xcc",
            b"\xcf",
            b"\xd3",
            b"\xd9\x01",
            b"\xdc\x00\x01",
            b"\xdd",
            b"\xde\x00",
            b"\x00\x00\x00\x01",
            b"\x01",
            b"\xff",
            b"\xdf\x00\x00\x00\x01",
        ],
        Format::Cbor => &[
            b"\x80",
            b"\x81",
            b"\x82",
            b"\x9f",
            b"\xa0",
            b"\xa1",
            b"\xbf",
            b"\xff",
            b"\x60",
            b"\x61a",
            b"\x61\xff",
            b"\x7f",
            b"\x40",
            b"\x41\x00",
            b"\x5f",
            b"\xc1",
            b"\xc2",
            b"\xc3",
            b"\xd8\x40",
            b"\xf4",
            b"\xf6",
            b"\xf7",
            b"\xe0",
            b"\xf8",
            b"\xf9\x7c\x00",
            b"\xfa",
            b"\xfb",
            b"\x00",
            b"\x18",
            b"\x1b",
            b"\x3b",
            b"\x00\x00\x00\x01",
            b"\x9b",
            b"\x1c",
        ],
    };
    vec(proptest::sample::select(tokens), 0..16).prop_map(|tokens| tokens.concat())
}

#[test]
fn runs_of_small_values_are_judged_as_others_judge_them_wherever_they_break() {
    for length in [0, 1, 7, 8, 15, 23, 24, 31, 32, 33, 255, 256] {
        let text = Value::from("x".repeat(length));
        let numbers = [Value::Unsigned(7), Value::Signed(-300), Value::Float(0.5), Value::Null];
        let dict = Value::dict([("key", text.clone()), ("k", Value::Unsigned(1 << 40))]);
        let items = [&[text.clone(), text.clone(), dict, text][..], &numbers, &numbers].concat();
        for format in Format::ALL {
            let bytes = write(format, &Value::List(items.clone()));
            for at in 0..bytes.len() {
                check(format, &bytes[..at]).expect("cut off");
                let mut changed = bytes.clone();
                changed[at] |= 0x80;
                check(format, &changed).expect("changed");
            }
        }
    }
}

#[test]
fn numbers_are_judged_as_others_judge_them_whatever_stands_among_their_digits() {
    for char in '\0'..='\u{100}' {
        for digits in 1..12 {
            // Enough behind it that the digits are looked at by the word.
            let text = format!("[{}{char}12345678]", "1".repeat(digits));
            check(Format::Json, text.as_bytes()).expect(&text);
        }
    }
}

proptest! {
    #[test]
    fn values_are_read_as_others_read_them(value in value()) {
        for format in Format::ALL {
            check(format, &write(format, &value))?;
        }
    }

    #[test]
    fn changed_values_are_judged_as_others_judge_them(
        value in value(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        keep in any::<bool>(),
    ) {
        for format in Format::ALL {
            let mut bytes = write(format, &value);
            for (index, byte) in &changes {
                let index = index.index(bytes.len());
                bytes[index] = *byte;
            }
            if !keep {
                bytes.truncate(cut.index(bytes.len() + 1));
            }
            check(format, &bytes)?;
        }
    }

}

proptest! {
    // Cheap, and most cases end after a few octets.
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn random_octets_are_judged_as_others_judge_them(bytes in vec(any::<u8>(), 0..24)) {
        for format in Format::ALL {
            check(format, &bytes)?;
        }
    }

    #[test]
    fn json_tokens_are_judged_as_others_judge_them(bytes in likely(Format::Json)) {
        check(Format::Json, &bytes)?;
    }

    #[test]
    fn msgpack_tokens_are_judged_as_others_judge_them(bytes in likely(Format::MessagePack)) {
        check(Format::MessagePack, &bytes)?;
    }

    #[test]
    fn cbor_tokens_are_judged_as_others_judge_them(bytes in likely(Format::Cbor)) {
        check(Format::Cbor, &bytes)?;
    }
}
