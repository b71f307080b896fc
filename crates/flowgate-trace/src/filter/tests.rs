use flowgate_wire::MessageType;
use serde_json::json;

use super::*;
use crate::Position;
use crate::options::TraceOptions;
use crate::record::tests::{call, message};

fn filter(json: &serde_json::Value) -> Filter {
    TraceOptions::from_value(&serde_json::from_value(json.clone()).unwrap()).unwrap().filter
}

/// The message is a CALL with 100 octets of user7 in session 7 to `com.example.uri`.
#[test]
fn each_condition_takes_what_it_names_and_nothing_else() {
    let call = message(MessageType::Call, Direction::Rx, 7, 1, Position::Anchor, 0);
    for (json, takes) in [
        (json!({}), true),
        (json!({"realm": ["other", "realm1"]}), true),
        (json!({"realm": "other"}), false),
        (json!({"session": [1, 7]}), true),
        (json!({"session": 1}), false),
        (json!({"authid": "user7"}), true),
        (json!({"authid": "user"}), false),
        (json!({"authrole": "anonymous"}), true),
        (json!({"authrole": "admin"}), false),
        (json!({"direction": "rx"}), true),
        (json!({"direction": "tx"}), false),
        (json!({"msg_type": ["Publish", "Call"]}), true),
        (json!({"msg_type": "Publish"}), false),
        (json!({"uri": "com.example.uri"}), true),
        (json!({"uri": "com.example"}), false),
        (json!({"uri": "com.exam", "match": "prefix"}), true),
        (json!({"uri": "org", "match": "prefix"}), false),
        (json!({"uri": "com..uri", "match": "wildcard"}), true),
        (json!({"uri": "com..", "match": "wildcard"}), true),
        (json!({"uri": "com.", "match": "wildcard"}), false),
        (json!({"min_bytes": 100, "max_bytes": 100}), true),
        (json!({"min_bytes": 101}), false),
        (json!({"max_bytes": 99}), false),
        (json!({"realm": "realm1", "direction": "tx"}), false),
    ] {
        assert_eq!(filter(&json).takes(&call), takes, "{json}");
    }
}

#[test]
fn nobody_is_no_one_in_particular() {
    let mut hello = message(MessageType::Hello, Direction::Rx, 0, 0, Position::Only, 0);
    assert!(filter(&json!({"realm": "realm1"})).takes(&hello));
    for json in [json!({"session": 1}), json!({"uri": "", "match": "prefix"})] {
        assert!(!filter(&json).takes(&hello), "{json}");
    }
    std::sync::Arc::make_mut(&mut hello.who).authid = None;
    assert!(!filter(&json!({"authid": "user0"})).takes(&hello));
}

#[test]
fn whole_actions_are_taken_by_their_ends() {
    let mut assembler = crate::Assembler::new(8, Duration::from_secs(1));
    let mut actions = Vec::new();
    for message in call(1, 0) {
        assembler.observe(&message, crate::Relevance::Relevant, |one| actions.push(one.action));
    }
    let [call] = &mut *actions else { panic!("{actions:?}") };
    assert!(filter(&json!({"min_duration_ms": 0.001})).takes_action(call));
    assert!(!filter(&json!({"min_duration_ms": 0.001_001})).takes_action(call));
    assert!(!filter(&json!({"errors_only": true})).takes_action(call));
    call.outcome = Outcome::Expired;
    assert!(filter(&json!({"errors_only": true})).takes_action(call));
    assert!(filter(&json!({"errors_only": true})).decides_at_end());
    assert!(!filter(&json!({"uri": "a"})).decides_at_end());
}
