//! What is refused, and why.

use flowgate_wire::{DecodeError, Format, Limits, Message, MessageType};

use crate::{decode, hex};

fn refused(format: Format, bytes: &[u8]) -> DecodeError {
    match decode(format, bytes) {
        Ok(message) => panic!("{format:?} {bytes:02x?} accepted as {}", message.to_json()),
        Err(error) => error,
    }
}

#[track_caller]
fn check(format: Format, bytes: &[u8], expected: DecodeError) {
    assert_eq!(refused(format, bytes), expected, "{format:?} {bytes:02x?}");
}

const fn malformed(format: Format, offset: usize) -> DecodeError {
    DecodeError::Malformed { format, offset }
}

#[test]
fn json_that_breaks_the_grammar() {
    for (text, offset) in [
        ("]", 0),
        ("\u{feff}[70,1,{}]", 0),
        ("[70 1,{}]", 4),
        ("[70,1,{},]", 9),
        ("[70,1,{},[1,]]", 12),
        ("[70,1,{},[,1]]", 10),
        ("[70,1,{},[1 2]]", 12),
        ("[70,1,{},[1}]", 11),
        ("[70,1,{\"a\":1],[]]", 12),
        ("[70,1,{\"a\" 1}]", 11),
        ("[70,1,{\"a\":}]", 11),
        ("[70,1,{\"a\":1,}]", 13),
        ("[70,1,{a:1}]", 7),
        ("[70,1,{1:1}]", 7),
        ("[70,1,{},[01]]", 11),
        ("[70,1,{},[-]]", 11),
        ("[70,1,{},[+1]]", 10),
        ("[70,1,{},[.5]]", 10),
        ("[70,1,{},[1.]]", 12),
        ("[70,1,{},[1e]]", 12),
        ("[70,1,{},[1e+]]", 13),
        ("[70,1,{},[0x1]]", 11),
        ("[70,1,{},[NaN]]", 10),
        ("[70,1,{},[tru]]", 10),
        ("[70,1,{},[nul]]", 10),
        ("[70,1,{},[True]]", 10),
        ("[70,1,{},['a']]", 10),
        ("[70,1,{},[\"\t\"]]", 11),
        ("[70,1,{},[\"\u{0}\"]]", 11),
        ("[70,1,{},[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n\"]]", 55),
        ("[70,1,{},[\"\\x\"]]", 11),
        ("[70,1,{},[\"\\u00g0\"]]", 15),
        ("[70,1,{},[\"\\u 000\"]]", 13),
        ("[70,1,{},[/**/]]", 10),
        ("(70,1,{})", 0),
    ] {
        check(Format::Json, text.as_bytes(), malformed(Format::Json, offset));
    }
}

#[test]
fn json_strings_with_half_a_surrogate_pair() {
    for escape in [
        "\\ud800",
        "\\udc00",
        "\\ud800x",
        "\\ud800\\n",
        "\\ud800\\ud800",
        "\\udc00\\ud800",
        "\\uD83D\\u0041",
    ] {
        let text = format!("[70,1,{{}},[\"{escape}\"]]");
        check(Format::Json, text.as_bytes(), DecodeError::InvalidUnicode { offset: 11 });
    }
}

#[test]
fn strings_that_are_not_utf8() {
    for bad in ["ff", "c0af", "eda080", "f4908080", "c3"] {
        let bad = hex(bad);
        let json = [b"[70,1,{},[\"", &bad[..], b"\"]]"].concat();
        check(Format::Json, &json, DecodeError::InvalidUnicode { offset: 11 });
        let len = u8::try_from(bad.len()).expect("short");
        let msgpack = [&hex("94 46 01 80 91")[..], &[0xa0 | len], &bad].concat();
        check(Format::MessagePack, &msgpack, DecodeError::InvalidUnicode { offset: 6 });
        let cbor = [&hex("84 1846 01 a0 81")[..], &[0x60 | len], &bad].concat();
        check(Format::Cbor, &cbor, DecodeError::InvalidUnicode { offset: 7 });
    }
    // In a name, in a key, and across the chunks of a string, each of which must be whole.
    refused(Format::MessagePack, &hex("94 30 01 80 a1ff"));
    refused(Format::MessagePack, &hex("93 46 01 81 a1ff 01"));
    refused(Format::Cbor, &hex("84 1830 01 a0 61ff"));
    refused(Format::Cbor, &hex("84 1846 01 a0 81 7f 61c3 61a9 ff"));
    refused(Format::Cbor, &hex("84 1830 01 a0 7f 61c3 61a9 ff"));
}

#[test]
fn msgpack_code_that_is_never_used() {
    check(Format::MessagePack, &hex("94 46 01 80 91c1"), malformed(Format::MessagePack, 5));
    check(Format::MessagePack, &hex("c1"), malformed(Format::MessagePack, 0));
}

#[test]
fn cbor_that_is_not_well_formed() {
    for (digits, offset) in [
        // Reserved additional information.
        ("84 1846 01 a0 81 1c", 6),
        ("84 1846 01 a0 81 5d", 6),
        ("84 1846 01 a0 81 fc", 6),
        ("9e", 0),
        // Integers and tags have no indefinite length.
        ("84 1846 01 a0 81 1f", 6),
        ("84 1846 01 a0 81 3f", 6),
        ("84 1846 01 a0 81 df", 6),
        // Simple values below 32 in two octets.
        ("84 1846 01 a0 81 f814", 6),
        // A break where none is due.
        ("84 1846 01 a0 81 ff", 6),
        ("84 1846 01 a0 9f c1ff", 7),
        ("84 1846 01 a0 bf 6161 ff", 8),
        ("84 1846 01 a0 a1 6161 ff", 8),
        // Chunks of another type, or indefinite themselves.
        ("84 1846 01 a0 81 7f 4161 ff", 7),
        ("84 1846 01 a0 81 5f 6161 ff", 7),
        ("84 1846 01 a0 81 7f 7f6161ff ff", 7),
        ("84 1846 01 a0 81 7f 01 ff", 7),
    ] {
        check(Format::Cbor, &hex(digits), malformed(Format::Cbor, offset));
    }
}

#[test]
fn lengths_beyond_the_message() {
    for digits in [
        "dd ffffffff 46 01",
        "94 46 01 80 dd ffffffff 00",
        "94 46 01 80 df 80000000 00",
        "94 46 01 80 db ffffffff 00",
        "94 46 01 80 c6 ffffffff 00",
        "94 46 01 80 c9 ffffffff 0000",
        "94 46 01 df ffffffff",
    ] {
        let error = refused(Format::MessagePack, &hex(digits));
        assert!(matches!(error, DecodeError::UnexpectedEnd { .. }), "{digits} {error:?}");
    }
    for digits in [
        "9b ffffffffffffffff 1846 01",
        "84 1846 01 a0 9b ffffffffffffffff 00",
        "84 1846 01 a0 bb 8000000000000000 00",
        "84 1846 01 a0 81 7b ffffffffffffffff 00",
        "84 1846 01 a0 81 5b 7fffffffffffffff 00",
        "84 1846 01 bb ffffffffffffffff",
    ] {
        let error = refused(Format::Cbor, &hex(digits));
        assert!(matches!(error, DecodeError::UnexpectedEnd { .. }), "{digits} {error:?}");
    }
}

#[test]
fn trailing_octets() {
    check(Format::Json, b"[70,1,{}] x", DecodeError::TrailingBytes { offset: 10 });
    check(Format::Json, b"[70,1,{}][70,1,{}]", DecodeError::TrailingBytes { offset: 9 });
    check(Format::MessagePack, &hex("93460180 00"), DecodeError::TrailingBytes { offset: 4 });
    check(Format::Cbor, &hex("83184601a0 ff"), DecodeError::TrailingBytes { offset: 5 });
    check(Format::Cbor, &hex("9f184601a0ff ff"), DecodeError::TrailingBytes { offset: 6 });
}

#[test]
fn what_is_no_message() {
    for text in ["{}", "1", "\"a\"", "null", "[]", "[\"a\"]", "[-1]", "[1.5]", "[{}]"] {
        check(Format::Json, text.as_bytes(), DecodeError::NotAMessage);
    }
    for digits in ["80", "01", "90", "91a161", "91ff", "91c0"] {
        check(Format::MessagePack, &hex(digits), DecodeError::NotAMessage);
    }
    for digits in ["a0", "01", "80", "816161", "8120", "81f6", "9fff"] {
        check(Format::Cbor, &hex(digits), DecodeError::NotAMessage);
    }
    check(Format::Json, b"[7,1,{}]", DecodeError::UnknownType(7));
    check(Format::Json, b"[1023]", DecodeError::UnknownType(1023));
    check(Format::MessagePack, &hex("9100"), DecodeError::UnknownType(0));
    check(Format::Cbor, &hex("811bffffffffffffffff"), DecodeError::UnknownType(u64::MAX));
    check(Format::Json, b"", DecodeError::UnexpectedEnd { offset: 0 });
    check(Format::Json, b"  ", DecodeError::UnexpectedEnd { offset: 2 });
}

#[track_caller]
fn wrong(text: &str, message: MessageType, element: &'static str, expected: &'static str) {
    let error = DecodeError::WrongElement { message, element, expected };
    check(Format::Json, text.as_bytes(), error);
}

#[test]
fn elements_of_a_wrong_type() {
    use MessageType::{Authenticate, Call, Error, Hello, Published, Register, Unsubscribed, Yield};
    wrong("[1,7,{}]", Hello, "realm", "a string");
    wrong("[1,\"r\",[]]", Hello, "details", "a dictionary");
    wrong("[1,\"r\",null]", Hello, "details", "a dictionary");
    wrong("[5,null,{}]", Authenticate, "signature", "a string");
    wrong("[8,7,1,{},\"e\"]", Error, "request_type", "a message type");
    wrong("[8,\"48\",1,{},\"e\"]", Error, "request_type", "a message type");
    wrong("[17,\"1\",2]", Published, "request", "an identifier");
    wrong("[17,1,2.5]", Published, "publication", "an identifier");
    wrong("[17,1,-2]", Published, "publication", "an identifier");
    wrong("[17,1,1e99]", Published, "publication", "an identifier");
    wrong("[35,0,[]]", Unsubscribed, "details", "a dictionary");
    wrong("[64,1,{},{}]", Register, "procedure", "a string");
    wrong("[48,1,{},\"p\",{}]", Call, "payload", "a list");
    wrong("[48,1,{},\"p\",null]", Call, "payload", "a list");
    wrong("[48,1,{},\"p\",\"text\"]", Call, "payload", "a list");
    wrong("[48,1,{},\"p\",\"\\u0000no base64\"]", Call, "payload", "a list");
    wrong("[70,1,{},[],[]]", Yield, "payload", "a list followed by a dictionary");
    wrong("[70,1,{},[],null]", Yield, "payload", "a list followed by a dictionary");
}

#[test]
fn too_few_or_too_many_elements() {
    let missing = |element| DecodeError::MissingElement { message: MessageType::Call, element };
    check(Format::Json, b"[48]", missing("request"));
    check(Format::Json, b"[48,1]", missing("options"));
    check(Format::MessagePack, &hex("93300180"), missing("procedure"));
    check(Format::Cbor, &hex("9f183001a0ff"), missing("procedure"));
    let too_many = |message| DecodeError::TooManyElements { message };
    check(Format::Json, b"[49,1,{},1]", too_many(MessageType::Cancel));
    check(Format::Json, b"[70,1,{},[],{},1]", too_many(MessageType::Yield));
    check(Format::Json, b"[70,1,{},\"\\u0000\",{}]", too_many(MessageType::Yield));
    check(Format::MessagePack, &hex("94460180 90 80"), DecodeError::TrailingBytes { offset: 5 });
    check(Format::Cbor, &hex("9f 1831 01 a0 01 ff"), too_many(MessageType::Cancel));
}

#[test]
fn identifiers_out_of_range() {
    let error =
        |element, id| DecodeError::IdOutOfRange { message: MessageType::Published, element, id };
    check(Format::Json, b"[17,0,1]", error("request", 0));
    check(Format::Json, b"[17,-0,1]", error("request", 0));
    check(Format::Json, b"[17,1,9007199254740993]", error("publication", 9_007_199_254_740_993));
    check(Format::Json, b"[17,18446744073709551615,1]", error("request", u64::MAX));
    check(Format::MessagePack, &hex("931100 01"), error("request", 0));
    check(Format::Cbor, &hex("83 11 1b0020000000000001 01"), error("request", (1 << 53) + 1));
    // Zero is for revocations only.
    assert!(decode(Format::Json, b"[35,0]").is_ok());
    assert!(decode(Format::Json, b"[67,0,{}]").is_ok());
}

#[test]
fn keys_of_a_wrong_type() {
    let error = |offset| DecodeError::WrongKey { offset };
    check(Format::MessagePack, &hex("93 46 01 81 01 02"), error(4));
    check(Format::MessagePack, &hex("95 46 01 80 90 81 c0 02"), error(6));
    check(Format::Cbor, &hex("83 1846 01 a1 01 02"), error(5));
    check(Format::Cbor, &hex("83 1846 01 bf 4161 02 ff"), error(5));
    // Inside, keys may be any scalar.
    check(Format::MessagePack, &hex("94 46 01 80 91 81 90 02"), error(6));
    check(Format::Cbor, &hex("84 1846 01 a0 81 a1 a0 02"), error(7));
    assert!(decode(Format::MessagePack, &hex("94 46 01 80 91 81 01 02")).is_ok());
    assert!(decode(Format::MessagePack, &hex("93 46 01 81 a161 81 01 02")).is_ok());
    assert!(decode(Format::Cbor, &hex("84 1846 01 a0 81 a1 c101 02")).is_ok());
}

#[test]
fn what_exceeds_the_limits() {
    let limits = Limits { depth: 3, ..Limits::default() };
    for (format, deep) in [
        (Format::Json, b"[70,1,{},[[[]]]]".to_vec()),
        (Format::Json, b"[70,1,{\"a\":{\"b\":{}}}]".to_vec()),
        (Format::MessagePack, hex("94 46 01 80 91 91 90")),
        (Format::Cbor, hex("84 1846 01 a0 81 81 80")),
        (Format::Cbor, hex("84 1846 01 a0 81 9f 9fff ff")),
        (Format::Cbor, hex("84 1846 01 a0 81 c1 c1 01")),
        (Format::Cbor, hex("c1c1c1c1c1 83 1846 01 a0")),
    ] {
        let error = Message::decode(format, &deep, &limits).err();
        assert!(matches!(error, Some(DecodeError::TooDeep { .. })), "{format:?} {error:?}");
    }
    let limits = Limits { elements: 5, ..Limits::default() };
    for (format, many) in [
        (Format::Json, b"[70,1,{},[1,2]]".to_vec()),
        (Format::Json, b"[70,1,{\"a\":[1,2]}]".to_vec()),
        (Format::MessagePack, hex("94 46 01 80 92 01 02")),
        (Format::Cbor, hex("84 1846 01 a0 82 01 02")),
        (Format::Cbor, hex("84 1846 01 a0 9f 01 02 ff")),
        (Format::Cbor, hex("84 1846 01 a0 9f 81 01 ff")),
        (Format::Cbor, hex("84 1846 01 a0 9f 9f 01 ff ff")),
        (Format::Cbor, hex("84 1846 01 a0 81 bf 6161 01 ff")),
    ] {
        let error = Message::decode(format, &many, &limits).err();
        assert!(matches!(error, Some(DecodeError::TooManyValues { .. })), "{format:?} {error:?}");
    }
    let limits = Limits { message_bytes: 40, ..Limits::default() };
    let long = vec![b' '; 41];
    for format in Format::ALL {
        let error = Message::decode(format, &long, &limits).err();
        assert_eq!(error, Some(DecodeError::MessageTooLong { bytes: 41, limit: 40 }));
        let error = Message::decode_text(&" ".repeat(41), &limits).err();
        assert_eq!(error, Some(DecodeError::MessageTooLong { bytes: 41, limit: 40 }));
    }
}
