use serde_json::json;

use super::*;
use crate::filter::Filter;

fn read(json: &serde_json::Value) -> Result<TraceOptions, OptionsError> {
    TraceOptions::from_value(&serde_json::from_value(json.clone()).unwrap())
}

#[test]
fn nothing_gives_the_defaults() {
    for json in [json!(null), json!({}), json!({"duration": null, "uri": null})] {
        assert_eq!(read(&json).unwrap(), TraceOptions::default());
    }
}

#[test]
fn options_are_shown_as_they_were_given() {
    let json = json!({
        "trace_level": "message", "trace_app_payload": true, "batching_period": 10,
        "persist": true, "duration": 86400, "limit": 7, "realm": ["realm1"], "session": [1, 2],
        "authid": ["joe"], "authrole": ["admin", "user"], "direction": "rx",
        "msg_type": ["Call", "EventReceived"], "uri": "com.example.", "match": "prefix",
        "min_bytes": 10, "max_bytes": 20, "errors_only": true, "min_duration_ms": 1.5,
        "sample": 0.25, "max_rate": 100, "action_timeout": 9, "max_actions": 3,
        "redact": ["kwargs.password", "pin"], "max_payload": 0, "max_memory": 65536,
        "max_disk": 1_048_576,
        "retention": 60,
    });
    let options = read(&json).unwrap();
    assert_eq!(serde_json::to_value(options.to_value()).unwrap(), json);
    assert_eq!(TraceOptions::from_value(&options.to_value()), Ok(options));
    let defaults = TraceOptions::default();
    assert_eq!(TraceOptions::from_value(&defaults.to_value()), Ok(defaults));
}

#[test]
fn one_name_is_as_good_as_a_list() {
    let options = read(&json!({"realm": "realm1", "session": 5, "msg_type": "CALL"})).unwrap();
    let expected = Filter {
        realms: vec!["realm1".to_owned()],
        sessions: vec![SessionId::new(5).unwrap()],
        types: vec![MessageType::Call],
        ..Filter::default()
    };
    assert_eq!(options.filter, expected);
}

#[test]
fn errors_name_the_option_and_what_it_may_be() {
    for (json, message) in [
        (json!([]), "trace option `trace_options`: must be a dictionary"),
        (
            json!({"duratoin": 5}),
            "trace option `duratoin`: there is no such option, did you mean `duration`?",
        ),
        (
            json!({"trace_levle": null}),
            "trace option `trace_levle`: there is no such option, did you mean `trace_level`?",
        ),
        (
            json!({"trace_level": "all"}),
            "trace option `trace_level`: must be `message` or `action`",
        ),
        (
            json!({"trace_app_payload": 1}),
            "trace option `trace_app_payload`: must be true or false",
        ),
        (
            json!({"trace_level": "action", "trace_app_payload": true}),
            "trace option `trace_app_payload`: needs `trace_level` to be `message`",
        ),
        (json!({"batching_period": 9}), "trace option `batching_period`: must be from 10 to 10000"),
        (
            json!({"batching_period": 10001}),
            "trace option `batching_period`: must be from 10 to 10000",
        ),
        (json!({"batching_period": "fast"}), "trace option `batching_period`: must be an integer"),
        (json!({"duration": 0}), "trace option `duration`: must be from 1 to 86400"),
        (json!({"duration": -1}), "trace option `duration`: must be from 1 to 86400"),
        (json!({"duration": 86401}), "trace option `duration`: must be from 1 to 86400"),
        (
            json!({"session": [0]}),
            "trace option `session`: must be a session identifier or a list of them",
        ),
        (json!({"realm": [1]}), "trace option `realm`: must be a string or a list of strings"),
        (json!({"direction": "in"}), "trace option `direction`: must be `rx` or `tx`"),
        (
            json!({"msg_type": "Cal"}),
            "trace option `msg_type`: must be message types such as `Call`",
        ),
        (json!({"uri": ""}), "trace option `uri`: must be a URI, or with `match` a pattern"),
        (
            json!({"uri": "a", "match": "glob"}),
            "trace option `match`: must be `exact`, `prefix` or `wildcard`",
        ),
        (json!({"match": "prefix"}), "trace option `match`: needs `uri`"),
        (json!({"sample": 0}), "trace option `sample`: must be a number above 0 and up to 1"),
        (json!({"sample": 1.01}), "trace option `sample`: must be a number above 0 and up to 1"),
        (
            json!({"min_duration_ms": -1.0}),
            "trace option `min_duration_ms`: must be from 0 to 86400000",
        ),
        (json!({"min_bytes": 5, "max_bytes": 4}), "trace option `min_bytes`: must be from 0 to 4"),
        (
            json!({"redact": ["a..b"]}),
            "trace option `redact`: must be key paths such as `kwargs.password`, `args.0.pin` or `password`",
        ),
    ] {
        assert_eq!(read(&json).unwrap_err().to_string(), message);
    }
}

#[test]
fn options_are_read_from_what_is_typed() {
    let typed = [
        ("uri", "5"),
        ("realm", "true"),
        ("realm", "realm2"),
        ("realm", "realm3"),
        ("session", "7"),
        ("errors_only", "true"),
        ("persist", "false"),
        ("min_duration_ms", "1.5"),
    ];
    let options = TraceOptions::from_value(&options_from_texts(typed)).unwrap();
    let filter = &options.filter;
    assert_eq!(filter.uri.as_ref().map(|(uri, _)| &**uri), Some("5"));
    assert_eq!(filter.realms, ["true", "realm2", "realm3"]);
    assert_eq!(filter.sessions.len(), 1);
    assert!(filter.errors_only);
    assert_eq!(options.persistence, Persistence::Memory);
    assert_eq!(filter.min_duration, Some(Duration::from_micros(1500)));
    let wrong = TraceOptions::from_value(&options_from_texts([("limit", "many")]));
    assert_eq!(wrong.unwrap_err().option, "limit");
}
