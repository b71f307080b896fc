use serde_json::json;

use super::*;

fn fields(message: &Value) -> Fields {
    message.as_object().cloned().unwrap_or_default()
}

/// Compares one message, with the bindings of those before it.
fn check(bindings: &mut Bindings, expected: &Value, received: &Value) -> bool {
    let expected = fields(expected);
    let layout = Layout::of(&expected).unwrap();
    let received = received.as_array().cloned().unwrap_or_default();
    bindings.check(layout, "one", &expected, &received).is_ok()
}

#[test]
fn identifiers_of_the_router_stand_for_those_of_the_vector() {
    let mut bindings = Bindings::default();
    let subscribed = |id| json!({"type": "SUBSCRIBED", "request_id": 1, "subscription_id": id});
    assert!(check(&mut bindings, &subscribed(7), &json!([33, 1, 1234])));
    assert!(check(&mut bindings, &subscribed(7), &json!([33, 1, 1234])));
    assert!(!check(&mut bindings, &subscribed(7), &json!([33, 1, 1235])), "another subscription");
    assert!(!check(&mut bindings, &subscribed(8), &json!([33, 1, 1234])), "the same subscription");
    assert!(!check(&mut bindings, &subscribed(7), &json!([33, 2, 1234])), "another request");

    let unsubscribe =
        fields(&json!({"type": "UNSUBSCRIBE", "request_id": 2, "subscription_id": 7}));
    let layout = Layout::of(&unsubscribe).unwrap();
    let wire = bindings.to_wire(layout, "one", &unsubscribe).unwrap();
    assert_eq!(wire, [json!(34), json!(2), json!(1234)]);
}

#[test]
fn invocations_are_numbered_by_their_callee() {
    let mut bindings = Bindings::default();
    let invocation = json!({"type": "INVOCATION", "request_id": 50, "registration_id": 9});
    assert!(check(&mut bindings, &invocation, &json!([68, 1, 3, {}])));
    for (answer, expected) in [
        (json!({"type": "YIELD", "request_id": 50, "options": {}}), json!([70, 1, {}])),
        (
            json!({"type": "ERROR", "request_type": 68, "request_id": 50, "error": "com.no"}),
            json!([8, 68, 1, {}, "com.no"]),
        ),
        (
            json!({"type": "YIELD", "request_id": 50, "options": {}, "kwargs": {"a": 1}}),
            json!([70, 1, {}, [], {"a": 1}]),
        ),
    ] {
        let answer = fields(&answer);
        let wire = bindings.to_wire(Layout::of(&answer).unwrap(), "one", &answer).unwrap();
        assert_eq!(Value::from(wire), expected);
    }
}

#[test]
fn a_message_is_what_the_vector_says_but_for_details() {
    let event = |args: Value| {
        json!({
            "type": "EVENT", "subscription_id": 1, "publication_id": 2,
            "details": {"topic": "com.a"}, "args": args,
        })
    };
    let received = json!([36, 1, 2, {"topic": "com.a", "more": true}, ["x"]]);
    let is_right = |expected: &Value| check(&mut Bindings::default(), expected, &received);
    assert!(is_right(&event(json!(["x"]))));
    assert!(!is_right(&event(json!(["y"]))));
    assert!(!is_right(&event(json!([]))));
    let mut without = fields(&event(json!([])));
    without.remove("args");
    assert!(!is_right(&Value::Object(without)), "a payload that is not expected");
    let result = json!({"type": "RESULT", "request_id": 1, "args": ["x"]});
    assert!(!is_right(&result), "another message");
    let other_topic = json!({
        "type": "EVENT", "subscription_id": 1, "publication_id": 2,
        "details": {"topic": "com.b"}, "args": ["x"],
    });
    assert!(!is_right(&other_topic));
}

#[test]
fn vectors_that_cannot_be_played_are_refused() {
    let step = json!({
        "step": 1, "description": "", "from": "one", "to": "router",
        "message": {"type": "CALL", "request_id": 1, "options": {}, "procedure": "com.a"},
    });
    let vector = |step: &Value| {
        let sessions = json!([{"session_id": "one", "realm": "realm2"}, {"session_id": "other"}]);
        Vector::parse(&json!({"sessions": sessions, "sequence": [step]}))
    };
    let parsed = vector(&step).unwrap();
    let realms = [("one".to_owned(), Some("realm2".to_owned())), ("other".to_owned(), None)];
    assert_eq!(parsed.sessions, realms);
    assert!(parsed.steps[0].is_sent && !parsed.opens("one") && !parsed.closes("one"));

    let with = |key: &str, value: Value| {
        let mut step = step.clone();
        step[key] = value;
        vector(&step)
    };
    assert!(with("from", json!("nobody")).is_err());
    assert!(with("to", json!("other")).is_err());
    assert!(with("timing", json!({"delay_ms": 10})).is_err());
    assert!(with("message", json!("CALL")).is_err());
    assert!(Layout::of(&fields(&json!({"type": "CALLING"}))).is_err());
    assert!(Layout::of(&fields(&json!({"type": "CALL", "topic": "com.a"}))).is_err());
}
