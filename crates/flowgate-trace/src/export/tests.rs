use std::collections::BTreeMap;

use flowgate_wire::{MessageType, Value};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::Position;
use crate::facts::{Direction, Undelivered};
use crate::record::tests::{call, call_frame, message, record};
use flowgate_event::TraceId;

fn records(messages: impl IntoIterator<Item = crate::MessageRecord>) -> Vec<Record> {
    messages.into_iter().map(Record::Message).collect()
}

/// A call that takes 1000 ns, and one that begins while it lasts and does not end.
fn calls() -> Vec<Record> {
    let mut all = call(0xa1, 0).to_vec();
    all.extend_from_slice(&call(0xb2, 500)[..2]);
    all.sort_by_key(|message| message.at);
    records(all)
}

proptest! {
    #[test]
    fn ndjson_is_read_back_as_it_was_written(written in prop::collection::vec(record(), 0..4)) {
        let mut octets = Vec::new();
        ndjson(&written, &mut octets);
        prop_assert_eq!(octets.iter().filter(|octet| **octet == b'\n').count(), written.len());
        prop_assert_eq!(read_ndjson(&octets).unwrap(), written);
    }
}

#[test]
fn cbor_is_a_sequence_of_dictionaries() {
    let mut octets = Vec::new();
    cbor(&calls(), &mut octets);
    let mut rest = &octets[..];
    for record in calls() {
        let read: Json = ciborium::from_reader(&mut rest).unwrap();
        assert_eq!(read["seq"], record.seq());
        assert_eq!(read["msg_type"], serde_json::to_value(&record).unwrap()["msg_type"]);
    }
    assert_eq!(rest, b"");
}

#[test]
fn an_import_names_the_line_that_is_no_record() {
    let mut octets = Vec::new();
    ndjson(&calls()[..2], &mut octets);
    octets.extend(b"\n{\"msg_type\":\"Call\"}\n");
    let error = read_ndjson(&octets).unwrap_err();
    assert_eq!(error.line_number, 4);
    let mut octets = Vec::new();
    ndjson(&calls()[..1], &mut octets);
    let impossible =
        String::from_utf8(octets).unwrap().replace("\"session_id\":1", "\"session_id\":0");
    let error = read_ndjson(impossible.as_bytes()).unwrap_err();
    assert!(error.to_string().starts_with("line 1 is no record: `session_id` has"), "{error}");
}

#[test]
fn perfetto_has_a_begin_and_an_end_for_each_action_and_delivery() {
    let document: Json = serde_json::from_str(&perfetto(&calls())).unwrap();
    let events = document["traceEvents"].as_array().unwrap();
    let mut open: BTreeMap<(String, String), f64> = BTreeMap::new();
    let mut pairs_count = 0;
    for event in events {
        for key in ["ph", "name", "pid", "tid"] {
            assert!(event.get(key).is_some(), "{event}");
        }
        let moment = event["ts"].as_f64();
        let id = (event["cat"].to_string(), event["id"].to_string());
        match event["ph"].as_str().unwrap() {
            "b" => assert_eq!(open.insert(id, moment.unwrap()), None),
            "e" => {
                assert!(open.remove(&id).unwrap() <= moment.unwrap());
                pairs_count += 1;
            }
            "i" => assert_eq!(event["s"], "t"),
            "M" => assert!(event["args"]["name"].is_string()),
            other => panic!("{other}"),
        }
    }
    assert_eq!((pairs_count, open.len()), (4, 0));
    let find = |phase: &str, category: &str| {
        events.iter().find(|event| event["ph"] == phase && event["cat"] == category).unwrap()
    };
    assert_eq!(find("b", "action")["name"], "Call com.example.uri");
    assert_eq!(find("e", "action")["ts"], json!(1.0));
    assert_eq!(find("b", "delivery")["ts"], json!(0.1));
    assert_ne!(find("b", "delivery")["tid"], find("b", "action")["tid"]);
    let threads: Vec<_> = events
        .iter()
        .filter(|event| event["name"] == "thread_name")
        .map(|event| &event["args"]["name"])
        .collect();
    assert_eq!(threads, ["user1 1", "user2 2"]);
}

#[test]
fn spans_of_a_call_are_the_action_and_its_invocation_within() {
    let mut all = call(0xa1, 0);
    for message in &mut all {
        message.foreign_trace = TraceId::new(77);
    }
    all[0].foreign_parent = crate::SpanId::new(5);
    let expected: Vec<_> = all.iter().map(|message| message.spans().unwrap()).collect();
    let spans = spans(&records(all));
    let [action, invocation] = &*spans else { panic!("{spans:?}") };
    assert_eq!((action.kind, invocation.kind), (SpanKind::Server, SpanKind::Client));
    assert_eq!(
        (&*action.name, &*invocation.name),
        ("Call com.example.uri", "Invocation com.example.uri")
    );
    for (span, ids) in [(action, expected[0]), (invocation, expected[1])] {
        assert_eq!((span.trace, span.id, span.parent), (ids.trace, ids.span, ids.parent));
        assert_eq!(span.status, SpanStatus::Ok);
    }
    assert_eq!(action.parent, crate::SpanId::new(5));
    assert_eq!(invocation.end.since(invocation.start).as_nanos(), 700);
    let outcome = ("wamp.outcome", AttributeValue::Text("ok".to_owned()));
    assert!(action.attributes.contains(&outcome));
}

#[test]
fn events_are_linked_to_their_publication() {
    let publish = message(MessageType::Publish, Direction::Rx, 1, 9, Position::Anchor, 0);
    let event = message(MessageType::Event, Direction::Tx, 2, 9, Position::Last, 10);
    let spans = spans(&records([publish, event]));
    let [publication, event] = &*spans else { panic!("{spans:?}") };
    assert_eq!((publication.kind, event.kind), (SpanKind::Producer, SpanKind::Consumer));
    assert_eq!(event.links, [Link { trace: publication.trace, span: publication.id }]);
}

#[test]
fn a_span_that_did_not_end_well_says_why() {
    let [first, invocation, ..] = call(0xa1, 0);
    let status = |messages: Vec<crate::MessageRecord>| spans(&records(messages)).remove(0).status;
    assert_eq!(status(vec![first.clone(), invocation]), SpanStatus::Unset);
    let mut last = message(MessageType::Error, Direction::Tx, 1, 0xa1, Position::Last, 10);
    last.error = Some("com.example.error".into());
    assert_eq!(status(vec![first, last]), SpanStatus::Error("com.example.error".to_owned()));
}

#[test]
fn one_line_says_who_did_what() {
    let mut all = call(0xa1, 1000);
    all[3].error = Some("com.example.error".into());
    all[3].gap = 3;
    let lines: Vec<_> = records(all).iter().map(|record| line(record, Style::Plain)).collect();
    assert_eq!(lines[0], "13:26:04.000001 realm1 -> user1(1) CALL com.example.uri #1 100 B");
    assert_eq!(lines[1], "13:26:04.000001 realm1 <- user2(2) INVOCATION com.example.uri #1 100 B");
    assert_eq!(
        lines[3],
        "[3 missing] 13:26:04.000002 realm1 <- user1(1) RESULT com.example.uri #1 100 B com.example.error"
    );
    let action = Record::Action(actions(&calls()).remove(0));
    let plain = "13:26:04.000001 realm1 user1(1) CALL com.example.uri ok 0.001 ms x1";
    assert_eq!(line(&action, Style::Plain), plain);
    let coloured = line(&action, Style::Coloured);
    assert!(coloured.contains("\x1b[32mok\x1b[0m"), "{coloured:?}");
}

#[test]
fn names_cannot_write_over_a_terminal() {
    let mut one = message(MessageType::Call, Direction::Rx, 1, 1, Position::Only, 0);
    let evil = "a\x1b[2J\nb";
    one.step.as_mut().unwrap().uri = Some(evil.into());
    let who = std::sync::Arc::make_mut(&mut one.who);
    (who.realm, who.authid) = (evil.into(), Some(evil.into()));
    one.error = Some(evil.into());
    let records = records([one]);
    for text in [line(&records[0], Style::Plain), waterfall(&records, Style::Plain)] {
        assert!(!text.replace('\n', "").contains(char::is_control), "{text:?}");
        assert!(!text.contains("\nb"), "{text:?}");
    }
}

#[test]
fn a_waterfall_shows_each_part_where_it_lies() {
    let text = waterfall(
        &records(call(0xa1, 0).map(|mut message| {
            message.at = crate::record::tests::at(message.pc_ns * 1000);
            message
        })),
        Style::Plain,
    );
    let expected = "\
CALL com.example.uri ok 1.000 ms
  realm1 user1(1)  00000000-0000-0000-0000-0000000000a1
  callees 0.700 ms  router 0.300 ms  fan-out 1
        0.000 ms  |========================================|  Call
        0.000 ms  |*                                       |  rx Call user1(1) 100 B
        0.100 ms  |   =============================        |  to user2(2)
        0.100 ms  |   *                                    |  tx Invocation user2(2) 100 B
        0.800 ms  |                               *        |  rx Yield user2(2) 100 B
        1.000 ms  |                                       *|  tx Result user1(1) 100 B
";
    assert_eq!(text, expected);
}

#[test]
fn a_capture_is_blocks_that_name_their_dissectors() {
    let mut all = call(0xa1, 0).to_vec();
    let mut unsent = all[3].clone();
    unsent.undelivered = Some(Undelivered::TooLarge);
    all.push(unsent);
    all[0].frame = Some(call_frame(vec![Value::from(1_u64)], Vec::new()));
    let octets = pcapng(&records(all));
    let word = |at: usize| u32::from_le_bytes(octets[at..at + 4].try_into().unwrap());
    let (mut kinds, mut offset) = (Vec::new(), 0);
    while offset < octets.len() {
        let length = word(offset + 4) as usize;
        assert!(length.is_multiple_of(4));
        assert_eq!(word(offset + length - 4) as usize, length);
        kinds.push(word(offset));
        if word(offset) == 6 {
            let body = &octets[offset + 28..offset + length - 4];
            let name: &[u8] = if kinds.len() == 3 { b"cbor" } else { b"json" };
            assert_eq!(body[..8], [&[0, 12, 0, 4], name].concat());
            let moment = u64::from(word(offset + 12)) << 32 | u64::from(word(offset + 16));
            assert!(moment >= crate::record::tests::START.as_nanos());
        }
        offset += length;
    }
    assert_eq!(kinds, [0x0a0d_0d0a, 1, 6, 6, 6, 6]);
}
