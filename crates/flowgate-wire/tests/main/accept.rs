//! What is accepted beside the canonical encoding.

use flowgate_wire::{Call, Format, Message, Value};

use crate::{decode, encode, hex};

/// Accepts `bytes`, which mean the message that `json` shows.
fn check(format: Format, bytes: &[u8], json: &str) {
    match decode(format, bytes) {
        Ok(message) => {
            let through_cbor = encode(Format::Cbor, &message);
            let shown = decode(Format::Cbor, &through_cbor).expect("encoded").to_json();
            assert_eq!(shown, json, "{format:?} {bytes:02x?}");
        }
        Err(error) => panic!("{format:?} {json}: {error}"),
    }
}

fn json(text: &str, canonical: &str) {
    check(Format::Json, text.as_bytes(), canonical);
}

fn msgpack(digits: &str, canonical: &str) {
    check(Format::MessagePack, &hex(digits), canonical);
}

fn cbor(digits: &str, canonical: &str) {
    check(Format::Cbor, &hex(digits), canonical);
}

fn call(bytes: &[u8], format: Format) -> Call<'_> {
    match decode(format, bytes) {
        Ok(Message::Call(call)) => call,
        other => panic!("no call: {other:?}"),
    }
}

#[test]
fn json_may_have_white_space_anywhere() {
    json(
        " \t\r\n[ 48 , 1 ,\n{ \"a\" : [ ] , \"b\" : { } } , \"x.y\" , [ 1 , 2 ] , { \"k\" : null } ]\n ",
        r#"[48,1,{"a":[],"b":{}},"x.y",[1,2],{"k":null}]"#,
    );
    json("[70,1,{ },[ ]]", "[70,1,{},[]]");
}

#[test]
fn json_names_may_have_escapes() {
    json(
        r#"[48,1,{"\u0061b":1},"com\u002ea\/\ud83d\ude00",[]]"#,
        "[48,1,{\"ab\":1},\"com.a/\u{1f600}\",[]]",
    );
    json(r#"[4,"\"\\\/\b\f\n\r\tA",{}]"#, r#"[4,"\"\\/\b\f\n\r\tA",{}]"#);
}

#[test]
fn integers_may_be_written_as_floats() {
    json("[17,1.0,1e3]", "[17,1,1000]");
    json("[48.0,2.50e1,{},\"a\"]", "[48,25,{},\"a\"]");
    json("[17,9007199254740992.0,9.007199254740992e15]", "[17,9007199254740992,9007199254740992]");
    msgpack("93 11 cb41f0000000000000 ca3f800000", "[17,4294967296,1]");
    cbor("83 11 fb4340000000000000 f93c00", "[17,9007199254740992,1]");
}

#[test]
fn integers_may_be_wider_than_needed() {
    msgpack("93 cc11 cd0001 ce00000002", "[17,1,2]");
    msgpack("93 cf0000000000000011 d001 d100ff", "[17,1,255]");
    msgpack("93 11 d200000001 d30000000000000001", "[17,1,1]");
    cbor("83 1811 190001 1a00000002", "[17,1,2]");
    cbor("83 11 1b0000000000000001 1b0020000000000000", "[17,1,9007199254740992]");
}

#[test]
fn lengths_may_be_wider_than_needed() {
    msgpack("dd00000005 30 01 de0000 d90161 dc000101", "[48,1,{},\"a\",[1]]");
    msgpack("dc0004 30 01 df00000000 db0000000161", "[48,1,{},\"a\"]");
    cbor("9805 1830 01 b800 780161 990001 01", "[48,1,{},\"a\",[1]]");
    cbor("9b0000000000000004 1830 01 ba00000000 7b000000000000000161", "[48,1,{},\"a\"]");
}

#[test]
fn cbor_may_have_indefinite_lengths() {
    cbor("9f 1830 01 a0 6161 ff", "[48,1,{},\"a\"]");
    cbor(
        "9f 1830 01 bf 7f6161ff 9f01ff ff 7f 6161 6162 ff 9f 5f4101420203ff ff bf 616b bfff ff ff",
        "[48,1,{\"a\":[1]},\"ab\",[\"\\u0000AQID\"],{\"k\":{}}]",
    );
}

#[test]
fn cbor_tags_are_ignored() {
    cbor("d9d9f7 84 1830 01 a0 6161", "[48,1,{},\"a\"]");
    cbor("85 1830 c101 c1a0 d8206161 d82081 c11a514b67b0", "[48,1,{},\"a\",[1363896240]]");
}

#[test]
fn undefined_options_are_absent() {
    // {"a": undefined, "b": 1} as wampy's libraries write it.
    let msgpack = hex("94 30 01 82 a161 d40000 a162 01 a178");
    let cbor = hex("84 1830 01 a2 6161 f7 6162 01 6178");
    for (format, bytes) in [(Format::MessagePack, &msgpack), (Format::Cbor, &cbor)] {
        let call = call(bytes, format);
        assert_eq!(call.options.get("a"), None);
        assert_eq!(call.options.get("b"), Some(Value::Unsigned(1)));
        assert_eq!(call.options.entries().count(), 1);
        assert_eq!(Message::from(call).to_json(), r#"[48,1,{"b":1},"x"]"#);
    }
    // In a payload it is null.
    self::msgpack("95 30 01 80 a178 91 d40000", "[48,1,{},\"x\",[null]]");
    self::cbor("85 1830 01 a0 6178 81 f7", "[48,1,{},\"x\",[null]]");
}

#[test]
fn the_last_of_equal_keys_counts() {
    let call = call(br#"[48,1,{"a":1,"b":2,"a":3},"x"]"#, Format::Json);
    assert_eq!(call.options.get("a"), Some(Value::Unsigned(3)));
    let twice = decode(Format::Json, br#"[49,1,{"a":1,"a":3}]"#).expect("accepted");
    let once = decode(Format::Json, br#"[49,1,{"a":3}]"#).expect("accepted");
    assert!(twice.same_as(&once));
}

#[test]
fn octets_may_stand_for_the_whole_payload() {
    json(r#"[48,1,{},"x","\u0000AQID"]"#, r#"[48,1,{},"x","\u0000AQID"]"#);
    msgpack("95 30 01 80 a178 c403010203", r#"[48,1,{},"x","\u0000AQID"]"#);
    cbor("85 1830 01 a0 6178 43010203", r#"[48,1,{},"x","\u0000AQID"]"#);
    // cbor-x tags an Uint8Array.
    cbor("85 1830 01 a0 6178 d84043010203", r#"[48,1,{},"x","\u0000AQID"]"#);
    let bytes = hex("85 1830 01 a0 6178 43010203");
    let call = call(&bytes, Format::Cbor);
    assert_eq!(call.payload.decode(), (vec![Value::Binary(vec![1, 2, 3].into())], vec![]));
}

#[test]
fn a_payload_keeps_its_shape() {
    for text in ["[70,1,{}]", "[70,1,{},[]]", "[70,1,{},[],{}]", "[70,1,{},[[]],{\"a\":{}}]"] {
        json(text, text);
    }
}

#[test]
fn nesting_and_elements_may_reach_their_limits() {
    let limits = flowgate_wire::Limits { depth: 3, elements: 5, ..Default::default() };
    // Elements: type, request, options, arguments, the list in them.
    let text = br#"[70,1,{},[[]]]"#;
    for format in Format::ALL {
        let bytes = encode(format, &decode(Format::Json, text).expect("accepted"));
        assert!(Message::decode(format, &bytes, &limits).is_ok());
    }
}

#[test]
fn deep_nesting_needs_no_deep_stack() {
    let depth = 1_000_000;
    let limits = flowgate_wire::Limits { depth: depth + 2, ..Default::default() };
    let text = format!("[70,1,{{}},[{}{}]]", "[".repeat(depth), "]".repeat(depth));
    let message = Message::decode(Format::Json, text.as_bytes(), &limits).expect("accepted");
    for format in [Format::MessagePack, Format::Cbor] {
        let bytes = encode(format, &message);
        let message = Message::decode(format, &bytes, &limits).expect("accepted");
        assert!(message.to_json() == text);
    }
}
