//! Traces over WAMP: who may do what, under which names, and what is wrong otherwise.

use flowgate_client::{Arguments, ClientError, JoinOptions, Session, Subscription};
use flowgate_wire::{Dict, Value};
use serde_json::json;

use crate::support::{
    router::{CBOR, JSON, MSGPACK, QUIET_REALM, REALM, Router, Setup, Transport},
    within,
};

/// What begins the names of the procedures and events of one router.
const OF_ROUTER: [&str; 3] = [
    "flowgate.tracing",
    "crossbar.worker.router",
    "crossbarfabriccenter.node.flowgate.worker.router",
];

const OF_WORKER: &str = "crossbarfabriccenter.remote.tracing";

const OF_CENTER: &str = "crossbarfabriccenter.mrealm.tracing";

/// Whoever is in [`REALM`] may trace it, without payload.
fn router() -> Router {
    let allow = json!([{"realm": REALM, "role": "anonymous"}]);
    Router::start(&Setup::with_flowgate(json!({"tracing": {"allow": allow}})))
}

async fn call(session: &Session, procedure: &str, args: &[Value<'static>]) -> Value<'static> {
    match call_with(session, procedure, args, &[]).await {
        Ok(result) => result,
        Err((error, text)) => panic!("{procedure}: {error} {text}"),
    }
}

/// The only result of a call, or the error and its text.
async fn call_with(
    session: &Session,
    procedure: &str,
    args: &[Value<'static>],
    kwargs: &[(&'static str, Value<'static>)],
) -> Result<Value<'static>, (String, String)> {
    let kwargs = kwargs.iter().map(|(key, value)| ((*key).into(), value.clone())).collect();
    let arguments = Arguments::new(args.to_vec(), kwargs);
    match session.call(procedure.to_owned(), Dict::EMPTY, arguments).await {
        Ok(result) => Ok(result.arguments.first().expect("a result").clone()),
        Err(ClientError::Error { error, arguments, .. }) => {
            let text = arguments.first().and_then(Value::as_str).unwrap_or_default();
            Err((error.to_string(), text.to_owned()))
        }
        Err(other) => panic!("{procedure}: {other}"),
    }
}

async fn subscribe(session: &Session, topic: &str) -> Subscription {
    session.subscribe(topic.to_owned(), Dict::EMPTY).await.unwrap()
}

async fn next(events: &mut Subscription) -> Vec<Value<'static>> {
    events.next().await.expect("the session ended").arguments.args
}

fn text(value: &Value<'static>, key: &str) -> String {
    value
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("{key} of {value:?}"))
        .to_owned()
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<Value<'static>> {
    texts.map(|text| Value::from(text.to_owned())).to_vec()
}

fn list<const N: usize>(items: [&str; N]) -> Value<'static> {
    Value::List(texts(items))
}

#[tokio::test]
async fn a_trace_is_managed_under_each_of_its_names() {
    within(async {
        let router = router();
        let session = router.join((Transport::WebSocket, JSON)).await;
        let watcher = router.join((Transport::RawSocket, MSGPACK)).await;
        for (prefix, place) in OF_ROUTER
            .map(|prefix| (prefix, &[][..]))
            .into_iter()
            .chain([(OF_WORKER, &["flowgate", "router"][..])])
        {
            let lead: Vec<Value<'static>> = place.iter().map(|id| Value::from(*id)).collect();
            let args = |rest: &[&str]| {
                let rest = rest.iter().map(|text| Value::from((*text).to_owned()));
                lead.iter().cloned().chain(rest).collect::<Vec<_>>()
            };
            let name = |name: &str| format!("{prefix}.{name}");
            let mut started = subscribe(&watcher, &name("on_trace_started")).await;
            let mut stopped = subscribe(&watcher, &name("on_trace_stopped")).await;

            let options = Value::dict([("trace_level", Value::from("action"))]);
            let kwargs = [("trace_options", options)];
            let info = call_with(&session, &name("start_trace"), &args(&["mine"]), &kwargs).await;
            let info = info.unwrap();
            assert_eq!(text(&info, "id"), "mine");
            assert_eq!(text(&info, "status"), "running");
            assert_eq!(text(&info, "node_id"), "flowgate");
            assert_eq!(text(&info, "worker_id"), "router");
            assert_eq!(text(info.get("options").unwrap(), "trace_level"), "action");
            let event = next(&mut started).await;
            assert_eq!(event[..place.len()], lead);
            assert_eq!(event[place.len()], Value::from("mine"));
            assert_eq!(text(&event[place.len() + 1], "started"), text(&info, "started"));

            let again = call_with(&session, &name("start_trace"), &args(&["mine"]), &[]).await;
            assert_eq!(again.unwrap_err().0, "crossbar.error.already_running");
            assert_eq!(call(&session, &name("get_traces"), &lead).await, list(["mine"]));
            let records = call(&session, &name("get_trace_data"), &args(&["mine"])).await;
            assert_eq!(records, Value::List(Vec::new()));

            let info = call(&session, &name("stop_trace"), &args(&["mine"])).await;
            assert_eq!(text(&info, "status"), "stopped");
            let event = next(&mut stopped).await;
            assert_eq!(event[place.len()], Value::from("mine"));
            assert_eq!(text(&event[place.len() + 1], "reason"), "request");
            let info = call(&session, &name("get_trace"), &args(&["mine"])).await;
            assert_eq!(text(&info, "status"), "stopped");
            assert_eq!(call(&session, &name("get_traces"), &lead).await, list([]));
            let kwargs = [("include_stopped", Value::Bool(true))];
            let all = call_with(&session, &name("get_traces"), &lead, &kwargs).await.unwrap();
            assert_eq!(all, list(["mine"]));
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_is_said_with_its_name() {
    within(async {
        let router = router();
        let session = router.join((Transport::RawSocket, CBOR)).await;
        let option = |key: &'static str, value: Value<'static>| {
            ("trace_options", Value::dict([(key, value)]))
        };
        let number = |key: &'static str, number: u64| (key, Value::from(number));
        let some = texts(["some"]);
        call(&session, "flowgate.tracing.start_trace", &some).await;
        let (configuration, argument, missing) = (
            "crossbar.error.invalid_configuration",
            "wamp.error.invalid_argument",
            "crossbar.error.no_such_object",
        );
        for (procedure, args, kwargs, error, word) in [
            ("get_trace", texts(["no"]), vec![], missing, "`no`"),
            ("stop_trace", texts(["no"]), vec![], missing, "`no`"),
            ("get_trace_data", texts(["no"]), vec![number("from_seq", 0)], missing, "`no`"),
            ("get_trace", vec![], vec![], argument, "`trace_id`"),
            ("get_trace", vec![7_u64.into()], vec![], argument, "`trace_id`"),
            ("stop_trace", texts(["some", "more"]), vec![], argument, "more than 1"),
            ("start_trace", texts(["a b"]), vec![], configuration, "`trace_id`"),
            ("start_trace", texts(["x", "y"]), vec![], argument, "`trace_options`"),
            (
                "start_trace",
                vec![],
                vec![option("batching_period", 5_u64.into())],
                configuration,
                "`batching_period`",
            ),
            (
                "start_trace",
                vec![],
                vec![option("trace_levle", "action".into())],
                configuration,
                "`trace_levle`",
            ),
            ("start_trace", vec![], vec![option("persist", true.into())], configuration, "persist"),
            (
                "start_trace",
                vec![],
                vec![option("realm", QUIET_REALM.into())],
                "wamp.error.not_authorized",
                "`realm`",
            ),
            (
                "start_trace",
                vec![],
                vec![option("trace_app_payload", true.into())],
                "wamp.error.not_authorized",
                "`trace_app_payload`",
            ),
            ("get_trace_data", some.clone(), vec![number("limit", 0)], configuration, "`limit`"),
            (
                "get_trace_data",
                some.clone(),
                vec![number("limit", 10_001)],
                configuration,
                "`limit`",
            ),
            (
                "get_trace_data",
                some.clone(),
                vec![number("from_seq", 5), number("to_seq", 4)],
                configuration,
                "`to_seq`",
            ),
            (
                "get_trace_data",
                some.clone(),
                vec![("from_seq", "x".into())],
                argument,
                "`from_seq`",
            ),
            ("get_trace_data", some.clone(), vec![number("from", 1)], argument, "`from`"),
        ] {
            let name = format!("flowgate.tracing.{procedure}");
            let failure = call_with(&session, &name, &args, &kwargs).await;
            let (uri, said) = failure.expect_err(word);
            assert_eq!((uri.as_str(), said.contains(word)), (error, true), "{procedure}: {said}");
        }
        let place = texts(["other", "router", "some"]);
        let failure = call_with(&session, &format!("{OF_WORKER}.get_trace"), &place, &[]).await;
        let expected = (missing.to_owned(), "there is no node `other`".to_owned());
        assert_eq!(failure.unwrap_err(), expected);
        let unknown = call_with(&session, "flowgate.tracing.get_all", &[], &[]).await;
        assert_eq!(unknown.unwrap_err().0, "wamp.error.no_such_procedure");
    })
    .await;
}

#[tokio::test]
async fn nobody_traces_without_a_right_to() {
    within(async {
        let router = router();
        let other = router.connect((Transport::WebSocket, JSON)).await;
        let other = Session::join(other, QUIET_REALM, JoinOptions::default()).await.unwrap();
        let failure = call_with(&other, "flowgate.tracing.start_trace", &[], &[]).await;
        assert_eq!(failure.unwrap_err().0, "wamp.error.no_such_procedure");
        // Where nobody may trace, the names are free.
        other.register("crossbarfabriccenter.mine", Dict::EMPTY).await.unwrap();

        let session = router.join((Transport::WebSocket, JSON)).await;
        for uri in ["flowgate.tracing.start_trace", "crossbarfabriccenter.mine"] {
            let refused = session.register(uri, Dict::EMPTY).await;
            assert!(refused.is_err(), "{uri}");
        }
    })
    .await;
}

/// Payload is a right of its own: without it, records of a trace that has it come without.
#[tokio::test]
async fn payload_is_shown_to_whoever_may_see_it() {
    within(async {
        for may_see in [false, true] {
            let allow = json!([{"realm": REALM, "role": "anonymous", "payload": may_see}]);
            let tracing = json!({"allow": allow, "admin": "payload"});
            let router = Router::start(&Setup::with_flowgate(json!({"tracing": tracing})));
            let session = router.join((Transport::WebSocket, JSON)).await;
            let mut data = subscribe(&session, "flowgate.tracing.on_trace_data").await;
            let options = json!({"trace_app_payload": true, "msg_type": "Publish"});
            let body = json!({"trace_id": "all", "trace_options": options});
            crate::tracing::post(&router, "/api/traces", &body).await;
            session.publish("com.example.topic", Dict::EMPTY, ()).await.unwrap();
            let live = next(&mut data).await[2].clone();
            let fetched = call(&session, "flowgate.tracing.get_trace_data", &texts(["all"])).await;
            for records in [live, fetched] {
                let [record] = records.as_list().unwrap() else { panic!("{records:?}") };
                assert_eq!(text(record, "uri"), "com.example.topic");
                let is_seen = record.get("msg").is_some_and(|message| *message != Value::Null);
                assert_eq!(is_seen, may_see, "{record:?}");
            }
        }
    })
    .await;
}

/// As the management scripts of Crossbar.io do it.
#[tokio::test]
async fn a_trace_is_defined_started_stopped_and_deleted() {
    within(async {
        let router = router();
        let session = router.join((Transport::WebSocket, MSGPACK)).await;
        let watcher = router.join((Transport::RawSocket, JSON)).await;
        let mut events = Vec::new();
        for event in ["created", "starting", "started", "stopping", "stopped", "deleted"] {
            events.push(subscribe(&watcher, &format!("{OF_CENTER}.on_trace_{event}")).await);
        }
        let name = |name: &str| format!("{OF_CENTER}.{name}");
        let id = texts(["defined"]);
        assert_eq!(call(&session, &name("get_trace"), &id).await, Value::Null);
        let places = [["flowgate", "router"], ["elsewhere", "router"]];
        let places = Value::List(places.map(list).to_vec());
        let options = Value::dict([("trace_level", Value::from("action"))]);
        let args = [id[0].clone(), places, options, list(["anonymous"]), Value::Null];
        call(&session, &name("create_trace"), &args).await;
        let again = call_with(&session, &name("create_trace"), &args, &[]).await;
        assert_eq!(again.unwrap_err().0, "crossbar.error.already_exists");
        let defined = call(&session, &name("get_trace"), &id).await;
        assert_eq!(text(&defined, "status"), "stopped");
        assert_eq!(call(&session, &name("get_traces"), &[]).await, list(["defined"]));
        let early = call_with(&session, &name("stop_trace"), &id, &[]).await;
        assert_eq!(early.unwrap_err().0, "wamp.error.runtime_error");

        for word in ["started", "stopped"] {
            let procedure = name(if word == "started" { "start_trace" } else { "stop_trace" });
            let outcome = call(&session, &procedure, &id).await;
            let done = outcome.get(word).and_then(Value::as_list).unwrap();
            assert_eq!(done.len(), 1);
            assert_eq!(text(&done[0], "id"), "defined");
            let failed = outcome.get("failed").and_then(Value::as_list).unwrap();
            assert_eq!(failed.len(), 1);
            assert_eq!(text(&failed[0], "node_id"), "elsewhere");
            let status = if word == "started" { "running" } else { "stopped" };
            let defined = call(&session, &name("get_trace"), &id).await;
            assert_eq!(text(&defined, "status"), status);
        }
        call(&session, &name("delete_trace"), &id).await;
        assert_eq!(call(&session, &name("get_trace"), &id).await, Value::Null);
        for events in &mut events {
            assert_eq!(next(events).await[0], id[0]);
        }

        // One that ends without being asked to is stopped, too.
        call(&session, &name("create_trace"), &args).await;
        call(&session, &name("start_trace"), &id).await;
        call(&session, "flowgate.tracing.stop_trace", &id).await;
        let [_, _, _, _, stopped, _] = &mut events[..] else { panic!("six events") };
        assert_eq!(next(stopped).await[0], id[0]);
        let defined = call(&session, &name("get_trace"), &id).await;
        assert_eq!(text(&defined, "status"), "stopped");
    })
    .await;
}

/// Crossbar.io has no other records, and its scripts end with those of them that are null.
#[tokio::test]
async fn below_node_and_worker_all_records_belong_to_an_action_of_a_client() {
    within(async {
        let router = router();
        let session = router.join((Transport::WebSocket, CBOR)).await;
        let subscriber = router.join((Transport::RawSocket, CBOR)).await;
        let mut heard = subscribe(&subscriber, "com.example.topic").await;
        let mut ours = subscribe(&session, "flowgate.tracing.on_trace_data").await;
        let mut theirs = subscribe(&session, &format!("{OF_WORKER}.on_trace_data")).await;
        let place = ["flowgate", "router"];
        let started = call(&session, &format!("{OF_WORKER}.start_trace"), &texts(place)).await;
        let trace = text(&started, "id");
        let publisher = router.join((Transport::RawSocket, JSON)).await;
        publisher.publish("com.example.topic", Dict::EMPTY, ()).await.unwrap();
        next(&mut heard).await;

        let types = |records: &[Value<'static>]| -> Vec<String> {
            records.iter().map(|record| text(record, "msg_type")).collect()
        };
        let mut live = Vec::new();
        for events in [&mut ours, &mut theirs] {
            let mut records = Vec::new();
            while !types(&records).contains(&"Event".to_owned()) {
                let args = next(events).await;
                records.extend_from_slice(args.last().and_then(Value::as_list).unwrap());
            }
            live.push(types(&records));
        }
        assert_eq!(live, [&["Hello", "Welcome", "Publish", "Event"][..], &["Publish", "Event"]]);
        let data = call(&session, "flowgate.tracing.get_trace_data", &texts([&trace])).await;
        assert_eq!(types(data.as_list().unwrap()), live[0]);
        let [node, worker] = place;
        let args = texts([node, worker, &trace]);
        let data = call(&session, &format!("{OF_WORKER}.get_trace_data"), &args).await;
        assert_eq!(types(data.as_list().unwrap()), live[1]);
    })
    .await;
}

#[tokio::test]
async fn scripts_find_the_router_among_nodes_and_workers() {
    within(async {
        let router = router();
        let session = router.join((Transport::WebSocket, JSON)).await;
        let online = [("status", Value::from("online"))];
        let nodes =
            call_with(&session, "crossbarfabriccenter.mrealm.get_nodes", &[], &online).await;
        assert_eq!(nodes.unwrap(), list(["flowgate"]));
        let of_node = |name: &str| format!("crossbarfabriccenter.remote.node.{name}");
        let workers = call(&session, &of_node("get_workers"), &texts(["flowgate"])).await;
        assert_eq!(workers, list(["router"]));
        let place = texts(["flowgate", "router"]);
        let worker = call(&session, &of_node("get_worker"), &place).await;
        assert_eq!(text(&worker, "type"), "router");
    })
    .await;
}
