use http_body_util::Full;
use serde_json::{Value as Json, json};

use super::*;
use crate::tracing::tests::{Rig, config};

/// The status, and the body, of the answer to a request.
async fn ask(rig: &Rig, method: Method, target: &str, body: &str) -> (StatusCode, String) {
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header("x-flowgate-change", "yes")
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap();
    let answer = answer(rig, request).await;
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

async fn answer(rig: &Rig, request: Request<Full<Bytes>>) -> Answer {
    let path = TracePath::parse(request.uri().path()).unwrap();
    trace_page(request, &rig.tracing, &path).await
}

async fn get(rig: &Rig, target: &str) -> (StatusCode, String) {
    ask(rig, Method::GET, target, "").await
}

#[test]
fn paths_are_those_of_traces_and_actions() {
    let id = || "trace1".to_owned();
    for (path, parsed) in [
        ("/api/traces", Some(TracePath::All)),
        ("/api/traces/trace1", Some(TracePath::One(id()))),
        ("/api/traces/trace1/stop", Some(TracePath::Stop(id()))),
        ("/api/traces/trace1/records", Some(TracePath::Records(id()))),
        ("/api/actions/trace1", Some(TracePath::Action(id()))),
        ("/api/actions", None),
        ("/api/traces/trace1/records/1", None),
        ("/api/stats", None),
        ("/metrics", None),
    ] {
        assert_eq!(TracePath::parse(path), parsed, "{path}");
    }
}

#[tokio::test]
async fn a_trace_is_started_listed_read_and_stopped() {
    let mut rig = Rig::new(config());
    let body = r#"{"trace_id": "mine", "trace_options": {"batching_period": 10}}"#;
    let (status, started) = ask(&rig, Method::POST, "/api/traces", body).await;
    assert_eq!(status, StatusCode::OK, "{started}");
    let started: Json = serde_json::from_str(&started).unwrap();
    assert_eq!((&started["id"], &started["status"]), (&json!("mine"), &json!("running")));
    rig.publish("realm1", 5);
    rig.publish("realm1", 6);
    let target = "/api/traces/mine/records?wait_ms=20000&limit=1";
    let request = Request::get(target).body(Full::default()).unwrap();
    let first = answer(&rig, request).await;
    let header = |name| first.headers()[name].to_str().unwrap();
    assert_eq!(header("content-type"), "application/x-ndjson");
    assert_eq!((header(NEXT_SEQ_HEADER), header(STATUS_HEADER)), ("1", "running"));
    let (_, rest) = get(&rig, "/api/traces/mine/records?cursor=1&wait_ms=20000").await;
    let record: Json = serde_json::from_str(rest.trim()).unwrap();
    assert_eq!((&record["seq"], &record["uri"]), (&json!(1), &json!("com.example.topic")));
    let (_, text) = get(&rig, "/api/traces/mine/records?format=text").await;
    assert_eq!(text.lines().count(), 2);
    let correlation = record["correlation"].as_str().unwrap();
    let (_, drawn) = get(&rig, &format!("/api/actions/{correlation}?format=text")).await;
    assert!(drawn.contains("com.example.topic"), "{drawn}");
    let (_, listed) = get(&rig, "/api/traces").await;
    let listed: Json = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    let (_, stopped) = ask(&rig, Method::POST, "/api/traces/mine/stop", "").await;
    assert_eq!(serde_json::from_str::<Json>(&stopped).unwrap()["reason"], "request");
    assert_eq!(get(&rig, "/api/traces?stopped=false").await.1, "[]");
    let accept = Request::get("/api/traces/mine/records").header("accept", "application/cbor-seq");
    let cbor = answer(&rig, accept.body(Full::default()).unwrap()).await;
    assert_eq!(cbor.headers()["content-type"], "application/cbor-seq");
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_says_why() {
    let rig = Rig::new(config());
    ask(&rig, Method::POST, "/api/traces", r#"{"trace_id": "mine"}"#).await;
    let options = |options: &str| format!(r#"{{"trace_options": {options}}}"#);
    for (method, target, body, status, named) in [
        ("GET", "/api/traces/nope", String::new(), 404, "`nope`"),
        ("GET", "/api/traces/nope/records", String::new(), 404, "`nope`"),
        ("POST", "/api/traces/nope/stop", String::new(), 404, "`nope`"),
        ("GET", "/api/traces/mine/stop", String::new(), 405, "POST"),
        ("PUT", "/api/traces", String::new(), 405, "GET"),
        ("POST", "/api/traces/mine/records", String::new(), 405, "GET"),
        ("POST", "/api/traces", options(r#"{"limt": 5}"#), 400, "`limt`"),
        ("POST", "/api/traces", options(r#"{"limit": 0}"#), 400, "`limit`"),
        ("POST", "/api/traces", options(r#"{"persist": true}"#), 400, "`persist`"),
        ("POST", "/api/traces", r#"{"id": "a"}"#.to_owned(), 400, "`id`"),
        ("POST", "/api/traces", r#"{"trace_id": "a b"}"#.to_owned(), 400, "`trace_id`"),
        ("POST", "/api/traces", r#"{"trace_id": "mine"}"#.to_owned(), 409, "`mine`"),
        ("POST", "/api/traces", " ".repeat(MAX_START_BYTES + 1), 400, "longer"),
        ("GET", "/api/traces/mine/records?limit=0", String::new(), 400, "`limit`"),
        ("GET", "/api/traces/mine/records?from_seq=2&to_seq=1", String::new(), 400, "`to_seq`"),
        ("GET", "/api/traces/mine/records?colour=red", String::new(), 400, "colour"),
        ("GET", "/api/traces/mine?colour=red", String::new(), 400, "colour"),
        ("GET", "/api/actions/7", String::new(), 400, "UUID"),
        ("GET", "/api/actions/00000000-0000-4000-8000-000000000009", String::new(), 404, "0009"),
    ] {
        let (answered, text) = ask(&rig, method.parse().unwrap(), target, &body).await;
        assert_eq!(answered.as_u16(), status, "{method} {target} {body:.80}: {text}");
        assert!(text.contains(named), "{method} {target}: {text}");
    }
}

#[tokio::test]
async fn a_page_of_somebody_else_starts_nothing() {
    let rig = Rig::new(config());
    let request = Request::post("/api/traces").body(Full::default()).unwrap();
    assert_eq!(answer(&rig, request).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(get(&rig, "/api/traces").await.1, "[]");
}

#[tokio::test]
async fn an_administrator_may_do_what_the_configuration_says() {
    let admin = |admin| Rig::new(crate::config::TracingConfig { admin, ..config() });
    let rig = admin(crate::config::AdminTracing::Messages);
    let payload = r#"{"trace_options": {"trace_app_payload": true}}"#;
    let (status, text) = ask(&rig, Method::POST, "/api/traces", payload).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(text.contains("`trace_app_payload`"), "{text}");
    assert_eq!(ask(&rig, Method::POST, "/api/traces", "").await.0, StatusCode::OK);
    let rig = admin(crate::config::AdminTracing::Off);
    assert_eq!(ask(&rig, Method::POST, "/api/traces", "").await.0, StatusCode::FORBIDDEN);
}
