use flowgate_trace::read_ndjson;
use serde_json::{Value as Json, json};

use super::*;

/// A record of a message that a session sent or got.
fn record(direction: &str, name: &str, session: u64, msg: &Json, ts: u64) -> Json {
    json!({
        "seq": 0, "pc": 0, "ts": ts, "direction": direction, "msg_type": name, "realm": "realm1",
        "session_id": session, "authid": null, "authrole": null, "request": 1,
        "correlation": "00000000-0000-4000-8000-000000000001", "uri": "com.example.add",
        "correlation_uri": "com.example.add", "correlation_is_anchor": name == "Call",
        "correlation_is_last": name == "Result", "bytes": 10, "enc_algo": null, "enc_key": null,
        "enc_serializer": null, "serializations": {}, "msg": msg,
    })
}

fn call() -> Vec<Record> {
    let records = [
        record("rx", "Call", 7, &json!([48, 1, {"timeout": 5}, "com.example.add", [1, 2]]), 1000),
        record("tx", "Invocation", 8, &json!([68, 1, 3, {}, [1, 2]]), 1100),
        record("rx", "Yield", 8, &json!([70, 1, {}, [3]]), 1300),
        record("tx", "Result", 7, &json!([50, 1, {}, [3]]), 1400),
    ];
    let text: String = records.iter().map(|record| format!("{record}\n")).collect();
    read_ndjson(text.as_bytes()).unwrap()
}

fn three() -> Reply {
    Reply::Result(Arguments::new(vec![Value::from(3_u64)], Vec::new()))
}

#[test]
fn a_script_has_what_clients_sent_and_what_was_answered() {
    let script = Script::read(&call());
    let [step] = &script.steps[..] else { panic!("{script:?}") };
    assert_eq!((&*step.uri, step.player, step.after), ("com.example.add", 0, Duration::ZERO));
    assert_eq!(step.arguments.args, [1_u64, 2].map(Value::from));
    assert_eq!(step.options, [("timeout".to_owned(), Value::from(5_u64))]);
    assert_eq!(step.act, Act::Call(Some(three())));
    assert_eq!((script.call_count(), script.session_count(), script.skipped_count()), (1, 1, 0));
    assert_eq!(script.recorded().replies, [Some(three())]);
}

#[test]
fn callees_answer_what_was_answered_to_the_same_arguments() {
    let calls = Calls::read(&call());
    let key = ("realm1".to_owned(), "com.example.add".to_owned());
    let [answered] = &calls.procedures[&key][..] else { panic!("{calls:?}") };
    assert_eq!(answered.asked.args, [1_u64, 2].map(Value::from));
    assert_eq!((&answered.reply, answered.after), (&three(), Duration::from_nanos(200)));
}

#[test]
fn what_was_recorded_without_payload_is_counted_and_left_out() {
    let mut records = call();
    records.iter_mut().for_each(Record::drop_payload);
    let script = Script::read(&records);
    assert!(script.is_empty() && Calls::read(&records).is_empty());
    assert_eq!(script.skipped_count(), 1);
}

#[test]
fn answers_differ_by_what_they_say_and_not_by_the_identifiers_of_sessions() {
    let script = Script::read(&call());
    let played = |session: u64, value: u64| Played {
        replies: vec![Some(Reply::Result(Arguments::new(vec![value.into()], Vec::new())))],
        sessions: vec![SessionId::new(session).unwrap()],
        events: Some(BTreeMap::from([((0, "topic".to_owned()), value % 2)])),
    };
    assert_eq!(played(50, 50).differences(&played(60, 60), &script), [""; 0]);
    let answers = played(50, 2).differences(&played(60, 4), &script);
    assert_eq!(answers.len(), 1);
    assert!(answers[0].starts_with("call com.example.add by session 1: result"), "{answers:?}");
    let events = played(3, 3).differences(&played(4, 4), &script);
    assert_eq!(events, ["topic topic at session 1: 1 events, then 0"]);
}
