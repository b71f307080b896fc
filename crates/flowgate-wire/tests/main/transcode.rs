//! What becomes of each kind of value in another format: the tables of docs/payload.md.

use flowgate_wire::Format::{self, Cbor, Json, MessagePack};

use crate::{decode, encode, hex};

/// A YIELD with one argument.
fn yielding(format: Format, value: &[u8]) -> Vec<u8> {
    match format {
        Json => [b"[70,1,{},[", value, b"]]"].concat(),
        MessagePack => [&hex("94 46 01 80 91")[..], value].concat(),
        Cbor => [&hex("84 1846 01 a0 81")[..], value].concat(),
    }
}

/// The value becomes another one.
#[track_caller]
fn check(from: Format, value: &[u8], to: Format, expected: &[u8]) {
    let bytes = yielding(from, value);
    let message = decode(from, &bytes).expect("accepted");
    let (actual, expected) = (encode(to, &message), yielding(to, expected));
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(actual, expected, "{from:?} to {to:?}\n{}\n{}", shown(&actual), shown(&expected));
}

#[track_caller]
fn json_to(text: &str, msgpack: &str, cbor: &str) {
    check(Json, text.as_bytes(), MessagePack, &hex(msgpack));
    check(Json, text.as_bytes(), Cbor, &hex(cbor));
}

#[track_caller]
fn msgpack_to(digits: &str, json: &str, cbor: &str) {
    check(MessagePack, &hex(digits), Json, json.as_bytes());
    check(MessagePack, &hex(digits), Cbor, &hex(cbor));
}

#[track_caller]
fn cbor_to(digits: &str, json: &str, msgpack: &str) {
    check(Cbor, &hex(digits), Json, json.as_bytes());
    check(Cbor, &hex(digits), MessagePack, &hex(msgpack));
}

#[test]
fn the_common_values_there_and_back() {
    for (json, msgpack, cbor) in [
        ("null", "c0", "f6"),
        ("true", "c3", "f5"),
        ("false", "c2", "f4"),
        ("0", "00", "00"),
        ("127", "7f", "187f"),
        ("-1", "ff", "20"),
        ("18446744073709551615", "cfffffffffffffffff", "1bffffffffffffffff"),
        ("-9223372036854775808", "d38000000000000000", "3b7fffffffffffffff"),
        ("1.0", "cb3ff0000000000000", "fb3ff0000000000000"),
        ("-0.0", "cb8000000000000000", "fb8000000000000000"),
        ("5e-324", "cb0000000000000001", "fb0000000000000001"),
        ("1.7976931348623157e308", "cb7fefffffffffffff", "fb7fefffffffffffff"),
        ("0.1", "cb3fb999999999999a", "fb3fb999999999999a"),
        ("\"\"", "a0", "60"),
        ("\"\u{1f600}é\"", "a6f09f9880c3a9", "66f09f9880c3a9"),
        ("\"\\u0000\"", "c400", "40"),
        ("\"\\u0000/+8=\"", "c402ffef", "42ffef"),
        ("[]", "90", "80"),
        ("{}", "80", "a0"),
        ("[[],{\"\":[]}]", "929081a090", "8280a16080"),
    ] {
        json_to(json, msgpack, cbor);
        msgpack_to(msgpack, json, cbor);
        cbor_to(cbor, json, msgpack);
    }
}

#[test]
fn json_numbers() {
    // Beyond 64 bits: floats.
    json_to("18446744073709551616", "cb43f0000000000000", "fb43f0000000000000");
    json_to("-9223372036854775809", "cbc3e0000000000000", "fbc3e0000000000000");
    json_to("1e3", "cb408f400000000000", "fb408f400000000000");
    json_to("-0", "cb8000000000000000", "fb8000000000000000");
    json_to("1E-999", "cb0000000000000000", "fb0000000000000000");
    json_to("1e999", "cb7ff0000000000000", "fb7ff0000000000000");
    json_to("9007199254740993", "cf0020000000000001", "1b0020000000000001");
}

#[test]
fn json_strings() {
    json_to(r#""\ud83d\ude00\n\/""#, "a6f09f98800a2f", "66f09f98800a2f");
    // NUL without base64 after it is text.
    json_to(r#""\u0000AQ""#, "a3004151", "63004151");
    json_to(r#""\u0000 ""#, "a20020", "620020");
    // Some encoders escape the slash of base64.
    json_to(r#""\u0000\/+8=""#, "c402ffef", "42ffef");
    // NUL further on has no meaning, and none in a key.
    json_to(r#""A\u0000""#, "a24100", "624100");
    json_to(r#"{"\u0000AQID":1}"#, "81a5004151494401", "a165004151494401");
}

#[test]
fn floats_that_json_lacks() {
    for value in ["7ff8000000000000", "7ff0000000000000", "fff0000000000000"] {
        msgpack_to(&format!("cb{value}"), "null", &format!("fb{value}"));
        cbor_to(&format!("fb{value}"), "null", &format!("cb{value}"));
    }
}

#[test]
fn narrow_floats() {
    msgpack_to("ca3dcccccd", "0.10000000149011612", "fb3fb99999a0000000");
    cbor_to("fa3dcccccd", "0.10000000149011612", "cb3fb99999a0000000");
    cbor_to("f93e00", "1.5", "cb3ff8000000000000");
    cbor_to("f90001", "5.960464477539063e-8", "cb3e70000000000000");
    cbor_to("f97bff", "65504.0", "cb40effc0000000000");
    cbor_to("f98000", "-0.0", "cb8000000000000000");
    cbor_to("f9fc00", "null", "cbfff0000000000000");
}

#[test]
fn keys_that_are_no_strings() {
    msgpack_to("8101c3", r#"{"1":true}"#, "a101f5");
    msgpack_to("81ffc3", r#"{"-1":true}"#, "a120f5");
    msgpack_to("81c0c3", r#"{"null":true}"#, "a1f6f5");
    msgpack_to("81c2c3", r#"{"false":true}"#, "a1f4f5");
    msgpack_to("81cb3ff8000000000000c3", r#"{"1.5":true}"#, "a1fb3ff8000000000000f5");
    msgpack_to("81c403010203c3", r#"{"\u0000AQID":true}"#, "a143010203f5");
    cbor_to("a1f97c00f5", r#"{"Infinity":true}"#, "81cb7ff0000000000000c3");
    cbor_to("a1f9fc00f5", r#"{"-Infinity":true}"#, "81cbfff0000000000000c3");
    cbor_to("a1fb7ff8000000000000f5", r#"{"NaN":true}"#, "81cb7ff8000000000000c3");
    cbor_to("a1f7f5", r#"{"null":true}"#, "81c0c3");
}

#[test]
fn msgpack_extensions() {
    msgpack_to("d40000", "null", "f6");
    // Timestamps are seconds.
    msgpack_to("d6ff514b67b0", "1363896240", "1a514b67b0");
    msgpack_to("d7ff77359400514b67b0", "1363896240.5", "fb41d452d9ec200000");
    msgpack_to("c70cff00000000ffffffffffffffff", "-1", "20");
    // Of others the octets.
    msgpack_to("d40500", "\"\\u0000AA==\"", "4100");
    msgpack_to("c70305010203", "\"\\u0000AQID\"", "43010203");
    msgpack_to("c703ff010203", "\"\\u0000AQID\"", "43010203");
}

#[test]
fn cbor_tags_and_simple_values() {
    cbor_to(
        "c074323031332d30332d32315432303a30343a30305a",
        "\"2013-03-21T20:04:00Z\"",
        "b4323031332d30332d32315432303a30343a30305a",
    );
    cbor_to("c11a514b67b0", "1363896240", "ce514b67b0");
    cbor_to("d84043010203", "\"\\u0000AQID\"", "c403010203");
    cbor_to("f7", "null", "c0");
    cbor_to("e0", "null", "c0");
    cbor_to("f820", "null", "c0");
}

#[test]
fn cbor_big_integers() {
    cbor_to("c240", "0", "00");
    cbor_to("c2480102030405060708", "72623859790382856", "cf0102030405060708");
    cbor_to("c24900ffffffffffffffff", "18446744073709551615", "cfffffffffffffffff");
    cbor_to("c249010000000000000000", "1.8446744073709552e19", "cb43f0000000000000");
    cbor_to("c34100", "-1", "ff");
    cbor_to("c3487fffffffffffffff", "-9223372036854775808", "d38000000000000000");
    cbor_to("3b8000000000000000", "-9.223372036854776e18", "cbc3e0000000000000");
    cbor_to("3bffffffffffffffff", "-1.8446744073709552e19", "cbc3f0000000000000");
    cbor_to("c349010000000000000000", "-1.8446744073709552e19", "cbc3f0000000000000");
    // 2^1024 is beyond floats.
    cbor_to(&format!("c25881 01{}", "00".repeat(128)), "null", "cb7ff0000000000000");
    // A tag on the tag: the inner one counts.
    cbor_to("c1c24101", "1", "01");
    cbor_to("c2c14101", "\"\\u0000AQ==\"", "c40101");
}

#[test]
fn cbor_indefinite_lengths() {
    cbor_to("7f616160ff", "\"a\"", "a161");
    cbor_to("5f41014102ff", "\"\\u0000AQI=\"", "c4020102");
    cbor_to("5fff", "\"\\u0000\"", "c400");
    cbor_to("9f019fffff", "[1,[]]", "920190");
    cbor_to("bf616101ff", "{\"a\":1}", "81a16101");
    cbor_to("c25f41014102ff", "258", "cd0102");
}

#[test]
fn long_lists_and_dictionaries() {
    for len in [0, 15, 16, 23, 24, 255, 256, 65535, 65536] {
        let items = vec!["7"; len].join(",");
        let keys: Vec<String> = (0..len).map(|key| format!("\"{key}\":[{key}]")).collect();
        let text = format!("[70,1,{{}},[[{items}],[[{items}],{{{}}}]]]", keys.join(","));
        let message = decode(Json, text.as_bytes()).expect("accepted");
        for format in [MessagePack, Cbor] {
            let bytes = encode(format, &message);
            let received = decode(format, &bytes).expect("well-formed");
            assert!(received.to_json() == text, "{format:?} {len}");
            // From counts known in advance to the same octets.
            let again = if format == Cbor { MessagePack } else { Cbor };
            let other = encode(again, &received);
            assert!(encode(again, &message) == other, "{format:?} {len}");
        }
    }
}
