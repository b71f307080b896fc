use flowgate_trace::read_ndjson;
use serde_json::json;

use super::*;

fn seat(session: u64, authid: &str) -> Seat {
    Seat { session: SessionId::new(session).unwrap(), authid: Some(authid.to_owned()) }
}

/// A script of one call.
fn script() -> Script {
    let call = json!({
        "seq": 0, "pc": 0, "ts": 1000, "direction": "rx", "msg_type": "Call", "realm": "realm1",
        "session_id": 7, "authid": null, "authrole": null, "request": 1,
        "correlation": "00000000-0000-4000-8000-000000000001", "uri": "com.example.get",
        "correlation_uri": "com.example.get", "correlation_is_anchor": true,
        "correlation_is_last": false, "bytes": 10, "enc_algo": null, "enc_key": null,
        "enc_serializer": null, "serializations": {}, "msg": [48, 1, {}, "com.example.get", [1]],
    });
    Script::read(&read_ndjson(call.to_string().as_bytes()).unwrap(), &[])
}

fn value(json: &serde_json::Value) -> Value<'static> {
    serde_json::from_value(json.clone()).unwrap()
}

fn payload(args: &serde_json::Value) -> Arguments {
    Arguments::new(value(args).as_list().unwrap().to_vec(), Vec::new())
}

fn differences(one: &Played, other: &Played) -> Vec<String> {
    let script = script();
    Comparison { script: &script, one: ("one", one), other: ("the other", other) }.differences()
}

/// What differs between two replies to a call of session 51 or 61, who are joe and jim.
fn of_replies(one: Reply, other: Reply) -> Vec<String> {
    let played =
        |reply, seat| Played { replies: vec![Some(reply)], seats: vec![seat], events: None };
    differences(&played(one, seat(51, "joe")), &played(other, seat(61, "jim")))
}

#[test]
fn answers_are_the_same_whatever_the_identifiers_of_their_sessions() {
    for (one, other, is_same) in [
        (json!([1, "a", null, {"x": [true]}]), json!([1, "a", null, {"x": [true]}]), true),
        (json!([{"a": 1, "b": 2}]), json!([{"b": 2, "a": 1}]), true),
        (
            json!([51, {"caller": 51, "authid": "joe"}]),
            json!([61, {"caller": 61, "authid": "jim"}]),
            true,
        ),
        // What a client says of itself has nothing to do with how the router names it.
        (json!(["joe", 51]), json!(["joe", 51]), true),
        (json!([51]), json!([62]), false),
        (json!([50]), json!([61]), false),
        (json!(["joe"]), json!(["jane"]), false),
        (json!([1]), json!([2]), false),
        (json!([1]), json!([1, 1]), false),
        (json!([1]), json!(["1"]), false),
        (json!([{"a": 1}]), json!([{"a": 2}]), false),
        (json!([{"a": 1}]), json!([{"b": 1}]), false),
        (json!([{"a": {"b": [51]}}]), json!([{"a": {"b": [63]}}]), false),
    ] {
        let result = |json| Reply::Result(payload(json));
        let found = of_replies(result(&one), result(&other));
        assert_eq!(found.is_empty(), is_same, "{one} {other}: {found:?}");
        let error = |json| Reply::Error("com.example.error".to_owned(), payload(json));
        let found = of_replies(error(&one), error(&other));
        assert_eq!(found.is_empty(), is_same, "{one} {other}: {found:?}");
        // Routers word their own errors as they like.
        let error = |json| Reply::Error("wamp.error.no_such_procedure".to_owned(), payload(json));
        assert_eq!(of_replies(error(&one), error(&other)), [""; 0]);
    }
}

#[test]
fn replies_of_different_kinds_differ_and_are_told_apart() {
    let kinds = || {
        [
            Reply::Result(payload(&json!([1]))),
            Reply::Error("com.example.error".to_owned(), payload(&json!([1]))),
            Reply::Error("wamp.error.timeout".to_owned(), payload(&json!([1]))),
            Reply::Done,
            Reply::Nothing("why".to_owned()),
        ]
    };
    for (place, one) in kinds().into_iter().enumerate() {
        for (other_place, other) in kinds().into_iter().enumerate() {
            let found = of_replies(one.clone(), other);
            assert_eq!(found.is_empty(), place == other_place, "{found:?}");
        }
    }
    let [one, other, ..] = kinds();
    let told = "call com.example.get [1] by session 1\n  \
                one:       result [1]\n  \
                the other: error com.example.error [1]";
    assert_eq!(of_replies(one, other), [told]);
}

#[test]
fn events_differ_by_topic_and_payload_and_not_by_their_order() {
    let heard = |events: &[(&str, serde_json::Value)], seat| Played {
        seats: vec![seat],
        events: Some(BTreeMap::from([(
            (0, "com.example.".to_owned()),
            events
                .iter()
                .map(|(topic, args)| Event { topic: (*topic).to_owned(), arguments: payload(args) })
                .collect(),
        )])),
        ..Played::default()
    };
    let one =
        heard(&[("com.example.a", json!([1])), ("com.example.b", json!([51]))], seat(51, "x"));
    let same =
        heard(&[("com.example.b", json!([61])), ("com.example.a", json!([1]))], seat(61, "y"));
    assert_eq!(differences(&one, &same), [""; 0]);
    let other = heard(
        &[
            ("com.example.a", json!([2])),
            ("com.example.b", json!([61])),
            ("com.example.b", json!([61])),
        ],
        seat(61, "y"),
    );
    assert_eq!(
        differences(&one, &other),
        [
            "event of com.example. to session 1\n  only one: com.example.a [1]",
            "event of com.example. to session 1\n  only the other: com.example.a [2]",
            "event of com.example. to session 1\n  only the other: com.example.b [61]",
        ]
    );
    let none =
        Played { seats: vec![seat(61, "y")], events: Some(BTreeMap::new()), ..Played::default() };
    let many: Vec<_> = (0..15).map(|number| ("com.example.a", json!([number]))).collect();
    let found = differences(&none, &heard(&many, seat(51, "x")));
    assert_eq!(found.len(), EVENT_LINES_MAX + 1);
    assert!(found[EVENT_LINES_MAX].contains("5 more differ"), "{found:?}");
}
