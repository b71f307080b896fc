//! Reading dictionaries and payloads as values, and values by way of serde.

use flowgate_wire::{Dict, Format, Message, Payload, Value};
use serde::{Deserialize, Serialize};

use crate::{decode, encode};

fn sample() -> Value<'static> {
    Value::dict([
        ("null", Value::Null),
        ("bool", Value::Bool(true)),
        ("big", Value::Unsigned(u64::MAX)),
        ("small", Value::Signed(i64::MIN)),
        ("float", Value::Float(-0.5)),
        ("text", Value::from("ü\"")),
        ("octets", Value::Binary(vec![0, 1, 254].into())),
        ("list", Value::List(vec![Value::List(vec![]), Value::Dict(vec![])])),
    ])
}

#[test]
fn a_payload_gives_back_its_values() {
    let text = br#"[70,1,{},[1,[2,{"a":[]}],"\u0000AQID"],{"k":{"l":-1.5},"k":null}]"#;
    let from_json = decode(Format::Json, text).expect("accepted");
    for format in Format::ALL {
        let bytes = encode(format, &from_json);
        let Ok(Message::Yield(message)) = decode(format, &bytes) else { panic!("a YIELD") };
        let (args, kwargs) = message.payload.decode();
        let inner =
            Value::List(vec![Value::Unsigned(2), Value::dict([("a", Value::List(vec![]))])]);
        let octets = Value::Binary(vec![1, 2, 3].into());
        assert_eq!(args, [Value::Unsigned(1), inner, octets]);
        let first = Value::dict([("l", Value::Float(-1.5))]);
        assert_eq!(kwargs, [("k".into(), first), ("k".into(), Value::Null)]);
        assert!(!message.payload.is_empty());
        let (raw_format, raw) = message.payload.raw().expect("received");
        assert_eq!((raw_format, raw.len()), (format, message.payload.encoded_len_hint()));
    }
}

#[test]
fn payloads_of_values() {
    assert!(Payload::EMPTY.is_empty());
    assert_eq!(Payload::EMPTY.decode(), (vec![], vec![]));
    assert!(Payload::from_values(&[], &[]).is_empty());
    let payload = Payload::from_vecs(vec![], vec![("k".into(), sample())]);
    assert!(!payload.is_empty() && payload.raw().is_none());
    assert_eq!(payload.decode(), (vec![], vec![("k".into(), sample())]));
}

#[test]
fn the_hint_is_not_far_from_the_length() {
    let args = [sample(), Value::from("x".repeat(1000))];
    let payload = Payload::from_values(&args, &[]);
    let hint = payload.encoded_len_hint();
    let message = Message::from(flowgate_wire::Yield {
        request: flowgate_wire::RequestId::MIN,
        options: Dict::EMPTY,
        payload,
    });
    for format in Format::ALL {
        let len = encode(format, &message).len();
        assert!(hint <= len * 2 && len <= hint * 2, "{format:?} {hint} {len}");
    }
}

#[test]
fn dictionaries_are_read_entry_by_entry() {
    let text = r#"[49,1, { "mode" : "kill" , "\u006e" : [ 1 , { } ] , "z" : { "mode" : 0 } } ]"#;
    let Ok(Message::Cancel(cancel)) = decode(Format::Json, text.as_bytes()) else { panic!() };
    for format in Format::ALL {
        let bytes = encode(format, &Message::from(cancel.clone()));
        let Ok(Message::Cancel(cancel)) = decode(format, &bytes) else { panic!() };
        let keys: Vec<_> = cancel.options.entries().map(|(key, _)| key.into_owned()).collect();
        assert_eq!(keys, ["mode", "n", "z"]);
        assert_eq!(cancel.options.get("mode"), Some(Value::from("kill")));
        assert_eq!(cancel.options.get("none"), None);
        assert!(!cancel.options.is_empty());
    }
}

#[test]
fn empty_dictionaries_are_empty_however_they_are_written() {
    for (format, bytes) in [
        (Format::Json, &b"[49,1,{}]"[..]),
        (Format::Json, b"[49,1,{ \n }]"),
        (Format::MessagePack, &[0x93, 49, 1, 0x80]),
        (Format::MessagePack, &[0x93, 49, 1, 0xde, 0, 0]),
        (Format::Cbor, &[0x83, 0x18, 49, 1, 0xa0]),
        (Format::Cbor, &[0x83, 0x18, 49, 1, 0xbf, 0xff]),
        // Only an entry that is undefined.
        (Format::Cbor, &[0x83, 0x18, 49, 1, 0xa1, 0x61, 0x61, 0xf7]),
    ] {
        let Ok(Message::Cancel(cancel)) = decode(format, bytes) else { panic!("{bytes:?}") };
        assert!(cancel.options.is_empty(), "{bytes:?}");
        assert_eq!(
            Message::from(cancel.clone()).to_json(),
            if bytes.contains(&b'\n') { "[49,1,{ \n }]" } else { "[49,1,{}]" }
        );
    }
    assert!(Dict::EMPTY.is_empty());
}

#[test]
fn values_pass_through_serde() {
    let value = sample();
    let mut msgpack = Vec::new();
    value.serialize(&mut rmp_serde::Serializer::new(&mut msgpack)).expect("serializes");
    assert_eq!(rmp_serde::from_slice::<Value<'_>>(&msgpack).expect("deserializes"), value);
    let mut cbor = Vec::new();
    ciborium::into_writer(&value, &mut cbor).expect("serializes");
    assert_eq!(ciborium::from_reader::<Value<'_>, _>(&cbor[..]).expect("deserializes"), value);
    // JSON has no octets.
    let json = serde_json::to_string(&Value::List(vec![Value::from(1.5), Value::Null]));
    assert_eq!(json.expect("serializes"), "[1.5,null]");
}

#[test]
fn values_become_types_of_users() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Reading {
        sensor: String,
        celsius: Option<f64>,
        history: Vec<i32>,
    }
    let reading = Reading { sensor: "roof".to_owned(), celsius: Some(-3.0), history: vec![1, -2] };
    let json = serde_json::to_value(&reading).expect("serializes");
    let value: Value<'static> = serde_json::from_value(json).expect("deserializes");
    assert_eq!(value.get("celsius"), Some(&Value::Float(-3.0)));
    let back = serde_json::to_value(&value).expect("serializes");
    assert_eq!(serde_json::from_value::<Reading>(back).expect("deserializes"), reading);
}
