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
    let script = Script::read(&call(), &[]);
    let [step] = &script.steps[..] else { panic!("{script:?}") };
    assert_eq!((&*step.uri, step.player, step.after), ("com.example.add", 0, Duration::ZERO));
    assert_eq!(step.arguments.args, [1_u64, 2].map(Value::from));
    assert_eq!(step.options, [("timeout".into(), Value::from(5_u64))]);
    assert_eq!(step.act, Act::Call);
    assert_eq!(step.answer, Some((Duration::from_nanos(400), three())));
    assert_eq!((script.call_count(), script.session_count(), script.skipped_count()), (1, 1, 0));
    assert_eq!(script.recorded().replies, [Some(three())]);
}

#[test]
fn callees_answer_what_was_answered_to_the_same_arguments() {
    let calls = Calls::read(&call(), &[]);
    let key = ("realm1".to_owned(), "com.example.add".to_owned());
    let [answered] = &calls.procedures[&key].answers[..] else { panic!("{calls:?}") };
    assert_eq!(answered.asked.args, [1_u64, 2].map(Value::from));
    assert_eq!((&answered.reply, answered.after), (&three(), Duration::from_nanos(200)));
}

#[test]
fn what_was_recorded_without_payload_is_counted_and_left_out() {
    let mut records = call();
    records.iter_mut().for_each(Record::drop_payload);
    let script = Script::read(&records, &[]);
    assert!(script.is_empty() && Calls::read(&records, &[]).is_empty());
    assert_eq!(script.skipped_count(), 1);
}

/// The records of a second call, which begins when `at` nanoseconds have passed, by session 7.
fn later_call(at: u64) -> Vec<Record> {
    let records = [
        record("rx", "Call", 7, &json!([48, 2, {}, "com.example.add", [3]]), at),
        record("tx", "Result", 7, &json!([50, 2, {}, [4]]), at + 10),
    ];
    let text: String = records.iter().map(|record| format!("{record}\n")).collect();
    let text = text.replace("-000000000001", "-000000000002");
    read_ndjson(text.as_bytes()).unwrap()
}

#[test]
fn a_step_waits_for_the_calls_that_were_answered_before_it() {
    for (at, waits_for) in [(1399, vec![]), (1400, vec![0]), (5000, vec![0])] {
        let script = Script::read(&[call(), later_call(at)].concat(), &[]);
        assert_eq!(script.steps[0].waits_for, [0; 0]);
        assert_eq!(script.steps[1].waits_for, waits_for, "at {at}");
    }
}

#[test]
fn realms_are_mapped_and_what_becomes_one_procedure_has_all_answers() {
    let text = |records: &[Record], realm: &str| {
        let mut octets = Vec::new();
        flowgate_trace::ndjson(records, &mut octets);
        String::from_utf8(octets).unwrap().replace("realm1", realm)
    };
    let both = text(&call(), "realm1") + &text(&call(), "realm2").replace("[1,2]", "[5,6]");
    let both = both.replacen("-000000000001", "-000000000009", 4);
    let records = read_ndjson(both.as_bytes()).unwrap();
    let mapped = ["realm=one".parse().unwrap()];
    let calls = Calls::read(&records, &mapped);
    let key = ("one".to_owned(), "com.example.add".to_owned());
    assert_eq!(calls.procedures.keys().collect::<Vec<_>>(), [&key]);
    assert_eq!(calls.procedures[&key].answers.len(), 2);
    let script = Script::read(&records, &mapped);
    assert!(script.players.iter().all(|player| player.who.realm == "one"));
}

#[test]
fn sessions_are_named_as_they_are_now() {
    let big = 1 << 40;
    let of = |value: Value<'static>| Arguments::new(vec![value], Vec::new());
    let (session, authid) = (SessionId::new(big).unwrap(), Some("joe".to_owned()));
    let was = Seat { session, authid };
    let now = Seat { session: SessionId::new(5).unwrap(), authid: Some("jim".to_owned()) };
    let who = Who { realm: "realm1".to_owned(), authid: None, authrole: None };
    let mut script = Script::read(&call(), &[]);
    script.players = vec![Player { who, was }];
    let mut step = script.steps[0].clone();
    step.options = vec![
        ("exclude".into(), Value::List(vec![Value::from(big), Value::from(6_u64)])),
        ("eligible_authid".into(), Value::List(vec![Value::from("joe")])),
    ];
    step.arguments = of(Value::dict([("session", Value::from(big)), ("name", "joe".into())]));
    let (options, arguments) = step.translated(&script, &[now]);
    let json = serde_json::to_string(&Value::Dict(options.entries().collect())).unwrap();
    assert_eq!(json, r#"{"exclude":[5,6],"eligible_authid":["jim"]}"#);
    // A name in a payload may be anything.
    let wanted = Value::dict([("session", Value::from(5_u64)), ("name", "joe".into())]);
    assert_eq!(arguments, of(wanted));
}
