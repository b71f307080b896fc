//! Text wherever it lies in the blocks in which it is searched and copied.

use flowgate_wire::{DecodeError, Dict, Format, Payload, RequestId, Value, Yield};

use crate::{decode, encode};

/// More than the octets of a block, and the longest escape.
const OFFSETS: usize = 70 + 12;

/// A message with one argument: the text between quotes.
fn message(quoted: &str) -> String {
    format!("[70,1,{{}},[\"{quoted}\"]]")
}

/// Where the text between quotes begins.
const START: usize = 11;

/// What comes before and after the escape; the second string begins in the block of the first.
fn surroundings() -> impl Iterator<Item = (String, &'static str)> {
    (0..OFFSETS).flat_map(|offset| {
        let rests =
            ["", "b", "\",\"b", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789"];
        rests.map(|rest| ("a".repeat(offset), rest))
    })
}

#[test]
fn every_escape_is_resolved_wherever_it_stands() {
    let escapes = [
        (r#"\""#, "\""),
        (r"\\", "\\"),
        (r"\/", "/"),
        (r"\b", "\u{8}"),
        (r"\f", "\u{c}"),
        (r"\n", "\n"),
        (r"\r", "\r"),
        (r"\t", "\t"),
        (r"\u0041", "A"),
        (r"\u00e9", "é"),
        (r"\u20AC", "€"),
        (r"\uffff", "\u{ffff}"),
        (r"\ud800\udc00", "\u{10000}"),
        (r"\uDBFF\uDFFF", "\u{10ffff}"),
        (r"\ud83d\ude00", "😀"),
        (r"\\\\", "\\\\"),
        (r#"\\\""#, "\\\""),
    ];
    for (before, after) in surroundings() {
        for (escape, char) in escapes {
            let text = message(&format!("{before}{escape}{after}"));
            let accepted = decode(Format::Json, text.as_bytes()).expect("escapes are right");
            let args = format!("{before}{char}{after}");
            let expected: Vec<_> = args.split("\",\"").filter(|_| after == "\",\"b").collect();
            let expected = if expected.is_empty() { vec![args.as_str()] } else { expected };
            let expected: Vec<Value<'_>> = expected.into_iter().map(Value::from).collect();
            for target in [Format::MessagePack, Format::Cbor] {
                let written = encode(target, &accepted);
                let again = decode(target, &written).expect("transcoded messages decode");
                let direct = Yield {
                    request: RequestId::MIN,
                    options: Dict::EMPTY,
                    payload: Payload::from_values(&expected, &[]),
                };
                assert!(again.same_as(&direct.into()), "{text} in {target:?}");
            }
        }
    }
}

#[test]
fn every_wrong_escape_is_refused_wherever_it_stands() {
    let malformed = |offset| DecodeError::Malformed { format: Format::Json, offset };
    let unicode = |offset| DecodeError::InvalidUnicode { offset };
    for (before, after) in surroundings() {
        let at = START + before.len();
        for (escape, expected) in [
            (r"\x", malformed(at)),
            (r"\U0041", malformed(at)),
            (r"\u004g", malformed(at + 5)),
            (r"\u-041", malformed(at + 2)),
            (r"\ud800", unicode(at)),
            (r"\udc00", unicode(at)),
            (r"\ud800\n", unicode(at)),
            (r"\ud800\u0041", unicode(at)),
            (r"\ud800\ud800", unicode(at)),
            (r"\ud800\udc0g", malformed(at + 11)),
            ("\u{1f}", malformed(at)),
            ("\n", malformed(at)),
        ] {
            let text = message(&format!("{before}{escape}{after}"));
            let error = decode(Format::Json, text.as_bytes()).expect_err("the escape is wrong");
            assert_eq!(error, expected, "{text}");
        }
    }
}

#[test]
fn a_message_that_ends_in_an_escape_is_cut_off_there() {
    for offset in 0..OFFSETS {
        let whole = message(&format!("{}\\ud83d\\ude00", "a".repeat(offset)));
        for end in START..START + offset + 12 {
            let error = decode(Format::Json, &whole.as_bytes()[..end]).expect_err("cut off");
            let cut = matches!(error, DecodeError::UnexpectedEnd { .. });
            // Without its second half, the first one is wrong already.
            let half = (START + offset + 6..START + offset + 8).contains(&end);
            let wrong = matches!(error, DecodeError::InvalidUnicode { .. });
            assert!(if half { wrong } else { cut }, "{error} at {end} of {whole}");
        }
    }
}

#[test]
fn every_octet_to_escape_is_escaped_wherever_it_stands() {
    for length in 0..40 {
        let plain = "a".repeat(length);
        let mut texts = vec![plain.clone()];
        for at in 0..length {
            for char in ["\"", "\\", "\n", "\u{0}", "\u{1f}", " ", "é", "\u{7f}"] {
                texts.push(format!("{}{char}{}", &plain[..at], &plain[at + 1..]));
            }
        }
        for text in texts {
            // Twice, since a comma comes before the second.
            let args = [Value::from(text.as_str()), Value::from(text.as_str())];
            let message = Yield {
                request: RequestId::MIN,
                options: Dict::EMPTY,
                payload: Payload::from_values(&args, &[]),
            };
            let json = encode(Format::Json, &message.into());
            let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
            assert_eq!(json[3], serde_json::json!([text, text]));
        }
    }
}
