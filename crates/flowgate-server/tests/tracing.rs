//! Message tracing: what is recorded is what went over the wire, with one beginning and one end of
//! each action.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{
    client::{Client, goodbye, hello},
    router::{CBOR, JSON, REALM, Router, Setup, Transport},
    scratch::ScratchDir,
};

pub(crate) async fn post(router: &Router, path: &str, body: &Value) -> Value {
    let mut stream = TcpStream::connect(router.admin_address()).await.unwrap();
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Flowgate-Change: 1\r\n"
    );
    let length = body.len();
    let request = format!("{head}Content-Length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(body).unwrap()
}

async fn start(router: &Router, options: &Value) {
    let body = json!({"trace_id": "mine", "trace_options": options});
    post(router, "/api/traces", &body).await;
}

/// Stops the trace and gives its records.
async fn stop(router: &Router) -> Vec<Value> {
    post(router, "/api/traces/mine/stop", &json!({})).await;
    let (status, body) = router.admin("/api/traces/mine/records?limit=1000").await;
    assert_eq!(status, 200, "{body}");
    body.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn of_session(records: &[Value], session: u64) -> Vec<&Value> {
    records.iter().filter(|record| record["session_id"] == session).collect()
}

/// Directions and types, in order.
fn course(records: &[&Value]) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    records.iter().map(|of| word(&of["direction"]) + " " + &word(&of["msg_type"])).collect()
}

fn bytes(records: &[&Value], direction: &str) -> u64 {
    let records = records.iter().filter(|record| record["direction"] == direction);
    records.map(|record| record["bytes"].as_u64().unwrap()).sum()
}

/// Each action has one anchor, which is its first record, and one end, which is its last.
fn check_actions(records: &[Value]) {
    let mut actions: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for record in records {
        if let Some(correlation) = record["correlation"].as_str() {
            actions.entry(correlation).or_default().push(record);
        }
    }
    assert!(!actions.is_empty());
    for (correlation, messages) in actions {
        for (place, message) in messages.iter().enumerate() {
            assert_eq!(message["correlation_is_anchor"], place == 0, "{correlation}: {message}");
            let is_last = place + 1 == messages.len();
            assert_eq!(message["correlation_is_last"], is_last, "{correlation}: {message}");
            assert_eq!(message["uri"], messages[0]["uri"]);
        }
    }
}

#[tokio::test]
async fn records_are_what_went_over_the_wire() {
    let router = Router::start(&Setup { stats: None, ..Setup::default() });
    start(&router, &json!({"trace_app_payload": false})).await;
    let mut callee = Client::join(&router, (Transport::WebSocket, JSON)).await;
    let mut caller = Client::join(&router, (Transport::RawSocket, CBOR)).await;
    callee.subscribe("com.topic").await;
    callee.register("com.echo").await;
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    caller.say(&json!([48, 1, {"_traceparent": traceparent}, "com.echo", ["a"]])).await;
    let invocation = callee.hear().await;
    let passed = invocation[3]["_traceparent"].as_str().unwrap();
    assert!(passed.starts_with(&traceparent[..36]) && passed != traceparent, "{passed}");
    callee.say(&json!([70, invocation[1], {}, ["b"]])).await;
    assert_eq!(caller.hear().await[0], 50);
    caller.say(&json!([48, 2, {}, "com.nothing"])).await;
    assert_eq!(caller.hear().await[0], 8);
    caller.say(&json!([16, 3, {"acknowledge": true}, "com.topic", ["c"]])).await;
    assert_eq!(caller.hear().await[0], 17);
    assert_eq!(callee.hear().await[0], 36);
    caller.say(&json!([16, 4, {}, "wamp.nothing"])).await;
    caller.leave().await;
    callee.leave().await;
    let records = stop(&router).await;
    check_actions(&records);
    let of_callee = of_session(&records, callee.session);
    assert_eq!(
        course(&of_callee),
        [
            "rx Hello",
            "tx Welcome",
            "rx Subscribe",
            "tx Subscribed",
            "rx Register",
            "tx Registered",
            "tx Invocation",
            "rx Yield",
            "tx Event",
            "rx Goodbye",
            "tx Goodbye",
        ]
    );
    let of_caller = of_session(&records, caller.session);
    assert_eq!(
        course(&of_caller),
        [
            "rx Hello",
            "tx Welcome",
            "rx Call",
            "tx Result",
            "rx Call",
            "tx Error",
            "rx Publish",
            "tx Published",
            "rx Publish",
            "rx Goodbye",
            "tx Goodbye",
        ]
    );
    for (records, client) in [(&of_callee, &callee), (&of_caller, &caller)] {
        assert_eq!(bytes(records, "rx"), client.sent.bytes);
        assert_eq!(bytes(records, "tx"), client.received.bytes);
    }
    let dropped = &of_caller[8];
    assert_eq!(dropped["error"], "wamp.error.invalid_uri", "{dropped}");
    assert_eq!(of_caller[2]["transport"], "rawsocket");
    assert_eq!(of_caller[2]["authrole"], "anonymous");
    assert_eq!(of_caller[2]["trace_id"], &traceparent[3..35]);
    let parent = of_callee.iter().find(|record| record["msg_type"] == "Invocation").unwrap();
    assert_eq!(parent["span_id"], &passed[36..52]);
    assert!(of_caller[2]["router_ns"].is_u64() && of_caller[2]["queue_ns"].is_u64());
    router.shut_down().finished().await;
}

#[tokio::test]
async fn a_refused_session_is_recorded() {
    let router = Router::start(&Setup::default());
    start(&router, &json!({})).await;
    let mut client = Client::connect(&router, (Transport::WebSocket, JSON)).await;
    client.say(&hello("nowhere")).await;
    client.end().await;
    let records = stop(&router).await;
    assert_eq!(course(&records.iter().collect::<Vec<_>>()), ["rx Hello", "tx Abort"]);
    assert_eq!(records[0]["realm"], "nowhere");
    assert_eq!(records[0]["bytes"], client.sent.bytes);
    assert_eq!(records[1]["error"], "wamp.error.no_such_realm");
    router.shut_down().finished().await;
}

#[tokio::test]
async fn a_call_whose_caller_leaves_ends() {
    let router = Router::start(&Setup { stats: None, ..Setup::default() });
    let mut callee = Client::join(&router, (Transport::RawSocket, CBOR)).await;
    let mut caller = Client::join(&router, (Transport::RawSocket, CBOR)).await;
    callee.register("com.slow").await;
    start(&router, &json!({})).await;
    caller.say(&json!([48, 1, {}, "com.slow"])).await;
    let invocation = callee.hear().await;
    caller.leave().await;
    // The answer that comes too late belongs to the call all the same.
    callee.say(&json!([70, invocation[1], {}, []])).await;
    callee.leave().await;
    let records = stop(&router).await;
    let call = records.iter().find(|record| record["msg_type"] == "Call").unwrap();
    let of_call = |record: &&Value| record["correlation"] == call["correlation"];
    let of_call: Vec<&Value> = records.iter().filter(of_call).collect();
    assert_eq!(course(&of_call), ["rx Call", "tx Invocation", "tx Error", "rx Yield"]);
    assert_eq!(of_call[2]["correlation_is_last"], true);
    assert_eq!(of_call[2]["drop_reason"], "receiver_gone");
    router.shut_down().finished().await;
}

/// The outcome of each call, by its procedure.
fn outcomes(actions: &[Value]) -> BTreeMap<&str, &str> {
    let calls = actions.iter().filter(|action| action["action"] == "Call");
    calls
        .filter_map(|call| Some((call["correlation_uri"].as_str()?, call["outcome"].as_str()?)))
        .collect()
}

#[tokio::test]
async fn every_call_has_the_outcome_that_it_had() {
    let router = Router::start(&Setup { stats: None, ..Setup::default() });
    let link = (Transport::RawSocket, CBOR);
    let all = json!({"features": {"call_canceling": true, "call_timeout": true}});
    let hello = json!([1, REALM, {"roles": {"caller": all, "callee": all}}]);
    let join = async || {
        let mut client = Client::connect(&router, link).await;
        client.say(&hello).await;
        client.expect_welcome().await;
        client
    };
    let (mut callee, mut leaving, mut caller, mut lost) =
        (join().await, join().await, join().await, join().await);
    for name in ["ok", "own", "kill", "skip", "late", "revoked", "lost"] {
        callee.register(&format!("com.{name}")).await;
    }
    leaving.register("com.left").await;
    start(&router, &json!({"trace_level": "action"})).await;
    let call = async |caller: &mut Client, name: &str, options: Value| {
        let request = caller.request();
        caller.say(&json!([48, request, options, format!("com.{name}")])).await;
        request
    };
    let canceled = "wamp.error.canceled";
    call(&mut caller, "ok", json!({})).await;
    let invocation = callee.hear().await;
    callee.say(&json!([70, invocation[1], {}])).await;
    assert_eq!(caller.hear().await[0], 50);
    // A callee that says so by itself.
    call(&mut caller, "own", json!({})).await;
    let invocation = callee.hear().await;
    callee.say(&json!([8, 68, invocation[1], {}, canceled])).await;
    assert_eq!(caller.hear().await[4], canceled);
    for (name, mode) in [("kill", "kill"), ("skip", "skip")] {
        let request = call(&mut caller, name, json!({})).await;
        let invocation = callee.hear().await;
        caller.say(&json!([49, request, {"mode": mode}])).await;
        if mode == "kill" {
            assert_eq!(callee.hear().await[0], 69);
            callee.say(&json!([8, 68, invocation[1], {}, canceled])).await;
        }
        assert_eq!(caller.hear().await[4], canceled);
    }
    call(&mut caller, "late", json!({"timeout": 1})).await;
    callee.hear().await;
    assert_eq!(callee.hear().await[0], 69);
    assert_eq!(caller.hear().await[4], "wamp.error.timeout");
    call(&mut caller, "nowhere", json!({})).await;
    assert_eq!(caller.hear().await[4], "wamp.error.no_such_procedure");
    call(&mut caller, "left", json!({})).await;
    leaving.hear().await;
    leaving.leave().await;
    assert_eq!(caller.hear().await[4], canceled);
    call(&mut lost, "lost", json!({})).await;
    callee.hear().await;
    lost.leave().await;
    assert_eq!(callee.hear().await[0], 69);
    // To end the registration does not end the call.
    call(&mut caller, "revoked", json!({})).await;
    let invocation = callee.hear().await;
    let request = callee.request();
    callee.say(&json!([66, request, invocation[2]])).await;
    assert_eq!(callee.hear().await[0], 67);
    callee.say(&json!([70, invocation[1], {}])).await;
    assert_eq!(caller.hear().await[0], 50);
    let actions = stop(&router).await;
    let expected = [
        ("com.kill", "canceled"),
        ("com.late", "timeout"),
        ("com.left", "callee_gone"),
        ("com.lost", "caller_gone"),
        ("com.nowhere", "no_callee"),
        ("com.ok", "ok"),
        ("com.own", "error"),
        ("com.revoked", "ok"),
        ("com.skip", "canceled"),
    ];
    assert_eq!(outcomes(&actions), BTreeMap::from(expected));
    router.shut_down().finished().await;
}

#[tokio::test]
async fn a_call_that_the_shutdown_ends_says_so() {
    let directory = ScratchDir::new();
    let flowgate = json!({"tracing": {"directory": directory.path()}});
    let setup = Setup { stats: None, ..Setup::with_flowgate(flowgate) };
    let router = Router::start(&setup);
    let mut callee = Client::join(&router, (Transport::RawSocket, CBOR)).await;
    let mut caller = Client::join(&router, (Transport::RawSocket, CBOR)).await;
    callee.register("com.slow").await;
    start(&router, &json!({"trace_level": "action", "persist": true})).await;
    caller.say(&json!([48, 1, {}, "com.slow"])).await;
    callee.hear().await;
    let shutdown = router.shut_down();
    assert_eq!(caller.hear().await[4], "wamp.error.canceled");
    for client in [&mut caller, &mut callee] {
        assert_eq!(client.hear().await[0], 6);
        client.say(&goodbye()).await;
    }
    shutdown.finished().await;
    let router = Router::start(&setup);
    let (status, body) = router.admin("/api/traces/mine/records?limit=1000").await;
    assert_eq!(status, 200, "{body}");
    let actions: Vec<Value> =
        body.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(outcomes(&actions), BTreeMap::from([("com.slow", "shutdown")]));
    router.shut_down().finished().await;
}

#[tokio::test]
async fn what_traces_do_is_in_the_metrics() {
    let router = Router::start(&Setup { stats: None, ..Setup::default() });
    let mut client = Client::join(&router, (Transport::RawSocket, CBOR)).await;
    start(&router, &json!({"max_rate": 1})).await;
    for _ in 0..3 {
        let request = client.request();
        client.say(&json!([16, request, {"acknowledge": true}, "com.topic"])).await;
        client.hear().await;
    }
    let records = stop(&router).await;
    let (_, page) = router.admin("/metrics").await;
    let value = |series: &str| -> f64 {
        let line = page.lines().find_map(|line| line.strip_prefix(series)).expect(&page);
        line.trim().parse().unwrap()
    };
    let found = value("flowgate_trace_records_total ");
    assert_eq!(found, records.len() as f64);
    // Two messages for each publication; a new second may have begun.
    let limited = value("flowgate_trace_dropped_total{reason=\"rate\"} ");
    assert_eq!(found + limited, 6.0, "{page}");
    assert!(limited >= 1.0);
    assert!(value("flowgate_trace_store_bytes{place=\"memory\"} ") > 0.0);
    assert_eq!(value("flowgate_trace_store_bytes{place=\"files\"} "), 0.0);
    assert_eq!(value("flowgate_trace_spans_total{result=\"dropped\"} "), 0.0);
    router.shut_down().finished().await;
}

/// A scrape in OpenMetrics.
async fn openmetrics(router: &Router) -> String {
    let mut stream = TcpStream::connect(router.admin_address()).await.unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                   Accept: application/openmetrics-text;version=1.0.0\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// A bucket of a traced call leads to its records, and that of an untraced one to nothing.
#[tokio::test]
async fn the_duration_of_a_traced_call_has_an_exemplar_that_leads_to_its_records() {
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    for (options, given) in [
        (json!({}), None),
        (json!({"_traceparent": format!("00-{trace_id}-00f067aa0ba902b7-01")}), Some(trace_id)),
    ] {
        let router = Router::start(&Setup::default());
        let mut client = Client::join(&router, (Transport::RawSocket, JSON)).await;
        client.register("com.echo").await;
        let mut call = async |options: &Value| {
            let request = client.request();
            client.say(&json!([48, request, options, "com.echo"])).await;
            let invocation = client.hear().await;
            client.say(&json!([70, invocation[1], {}])).await;
            assert_eq!(client.hear().await[0], 50);
        };
        call(&options).await;
        assert!(!openmetrics(&router).await.contains(" # {"), "nothing was traced");
        start(&router, &json!({})).await;
        call(&options).await;
        let records = stop(&router).await;
        call(&options).await;
        let called = records.iter().find(|record| record["msg_type"] == "Call").unwrap();
        let correlation = called["correlation"].as_str().unwrap();
        let trace_id = given.map_or_else(|| correlation.replace('-', ""), str::to_owned);
        let page = openmetrics(&router).await;
        let labels = format!(" # {{trace_id=\"{trace_id}\",correlation=\"{correlation}\"}} ");
        let lines: Vec<&str> = page.lines().filter(|line| line.contains(" # {")).collect();
        let [line] = lines[..] else { panic!("not one exemplar: {lines:?}") };
        assert!(line.starts_with("flowgate_rpc_duration_seconds_bucket{"), "{line}");
        assert!(line.contains("procedure=\"com.echo\"") && line.contains(&labels), "{line}");
    }
}
