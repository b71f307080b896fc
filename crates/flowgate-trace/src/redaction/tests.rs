use flowgate_wire::{Format, Limits, Message};
use proptest::prelude::*;

use super::*;
use crate::Position;
use crate::facts::Direction;
use crate::record::tests::{call_frame, message};

fn record(frame: Frame) -> MessageRecord {
    let mut record = message(MessageType::Call, Direction::Rx, 1, 1, Position::Anchor, 0);
    record.frame = Some(frame);
    record
}

fn json(record: &MessageRecord) -> serde_json::Value {
    serde_json::to_value(record.frame.as_ref().unwrap().to_value()).unwrap()
}

fn login() -> MessageRecord {
    let user = Value::dict([("name", Value::from("joe")), ("password", Value::from("secret"))]);
    let pins = Value::List(vec![Value::dict([("pin", Value::from(1_u64))])]);
    record(call_frame(vec![user.clone(), pins], vec![("user", user), ("password", "x".into())]))
}

#[test]
fn paths_lead_to_what_is_redacted() {
    let all = serde_json::json!([48, 1, {"timeout": 5}, "com.example.uri",
        [{"name": "joe", "password": "secret"}, [{"pin": 1}]],
        {"user": {"name": "joe", "password": "secret"}, "password": "x"}]);
    for (path, pointers) in [
        ("kwargs.password", &["/5/password"][..]),
        ("kwargs.user.password", &["/5/user/password"]),
        ("kwargs.*.name", &["/5/user/name"]),
        ("kwargs", &["/5/user", "/5/password"]),
        ("args", &["/4/0", "/4/1"]),
        ("args.0.name", &["/4/0/name"]),
        ("args.1.*.pin", &["/4/1/0/pin"]),
        ("args.*", &["/4/0", "/4/1"]),
        ("password", &["/4/0/password", "/5/user/password", "/5/password"]),
        ("options.timeout", &["/2/timeout"]),
        ("timeout", &["/2/timeout"]),
        ("args.7", &[]),
        ("kwargs.password.more", &[]),
    ] {
        let mut record = login();
        sanitize(&mut record, &[KeyPath::parse(path).unwrap()], usize::MAX);
        let mut expected = all.clone();
        for pointer in pointers {
            *expected.pointer_mut(pointer).unwrap() = REDACTED.into();
        }
        assert_eq!(json(&record), expected, "{path}");
        assert_eq!(record.truncated_bytes, None);
    }
}

#[test]
fn what_is_no_path_is_refused() {
    for path in ["", ".", "args.", "args..a", ".a", "*", "user.password"] {
        assert_eq!(KeyPath::parse(path), None, "{path}");
    }
    assert_eq!(KeyPath::parse("args.0.pin").unwrap().as_str(), "args.0.pin");
}

#[test]
fn what_needs_no_change_stays_the_shared_octets() {
    let mut record = login();
    let octets = record.frame.as_ref().unwrap().bytes.as_ptr();
    sanitize(&mut record, &[KeyPath::parse("token").unwrap()], 1024);
    assert_eq!(record.frame.unwrap().bytes.as_ptr(), octets);
}

#[test]
fn authentication_details_are_always_redacted() {
    let frame = Frame {
        format: Format::Json,
        bytes: br#"[1,"realm1",{"authid":"joe","authextra":{"pubkey":"00"}}]"#.to_vec().into(),
    };
    let mut record = record(frame);
    record.message = MessageType::Hello;
    sanitize(&mut record, &[], usize::MAX);
    assert_eq!(
        json(&record),
        serde_json::json!([1, "realm1", {"authid": "joe", "authextra": REDACTED}])
    );
}

#[test]
fn a_payload_that_is_passed_through_is_redacted_as_a_whole() {
    let frame =
        Frame { format: Format::Json, bytes: br#"[48,1,{},"a","\u0000AQID"]"#.to_vec().into() };
    let mut record = record(frame);
    sanitize(&mut record, &[KeyPath::parse("args").unwrap()], usize::MAX);
    let Value::List(items) = record.frame.unwrap().to_value() else { panic!("no list") };
    assert_eq!(items[4], Value::from(Vec::<u8>::new()));
}

#[test]
fn long_payloads_are_cut_and_say_how_long_they_were() {
    let text = "ü".repeat(600);
    let mut record =
        record(call_frame(vec![text.clone().into(), 1_u64.into()], vec![("k", text.into())]));
    let bytes = record.frame.as_ref().unwrap().bytes.len() as u64;
    sanitize(&mut record, &[], 1001);
    let cut =
        serde_json::json!([48, 1, {"timeout": 5}, "com.example.uri", ["ü".repeat(500), 1], {}]);
    assert_eq!(json(&record), cut);
    assert_eq!(record.truncated_bytes, Some(bytes));
}

proptest! {
    /// Whatever is cut stays a message, and no longer than it may be but for its envelope.
    #[test]
    fn cut_messages_are_messages(
        texts in prop::collection::vec("\\PC{0,40}", 0..20),
        octets in prop::collection::vec(any::<u8>(), 0..200),
        max_bytes in 0_usize..600,
    ) {
        let args = texts.into_iter().map(Value::from).collect();
        let mut record = record(call_frame(args, vec![("octets", Value::from(octets))]));
        let before_bytes = record.frame.as_ref().unwrap().bytes.len();
        sanitize(&mut record, &[], max_bytes);
        let frame = record.frame.unwrap();
        prop_assert!(Message::decode(frame.format, &frame.bytes, &Limits::default()).is_ok());
        // Heads of texts are not counted, and there are at most 22.
        prop_assert!(frame.bytes.len() <= before_bytes.min(max_bytes + 22 * 3 + 40));
        prop_assert!(record.truncated_bytes.is_none_or(|bytes| bytes == before_bytes as u64));
    }
}
