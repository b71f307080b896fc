//! `flowgate replay` against routers that answer alike, or do not.

use std::{path::Path, process::Stdio};

use flowgate_client::{Arguments, Failure, JoinOptions, Session};
use flowgate_wire::{Dict, Value};
use serde_json::{Value as Json, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::Command,
};

use crate::{
    support::{
        router::{CBOR, JSON, QUIET_REALM, Router, Setup, Transport},
        scratch::ScratchDir,
        within,
    },
    tracing::post,
};

const PROCEDURE: &str = "com.example.echo";
const TOPIC: &str = "com.example.news";

/// Sessions that were recorded.
const CALLER: u64 = 1 << 40;
const SUBSCRIBER: u64 = 1 << 41;
const CALLEE: u64 = 1 << 42;

/// The line of a record.
fn record(direction: &str, name: &str, session: u64, msg: &Json, ts: u64) -> String {
    let uri = if name == "Subscribe" || name == "Subscribed" { TOPIC } else { PROCEDURE };
    let action = if uri == TOPIC { "1" } else { "2" };
    let record = json!({
        "seq": 0, "pc": 0, "ts": ts, "direction": direction, "msg_type": name, "realm": "realm1",
        "session_id": session, "authid": "joe", "authrole": null, "request": 1,
        "correlation": format!("00000000-0000-4000-8000-00000000000{action}"), "uri": uri,
        "correlation_uri": uri, "correlation_is_anchor": direction == "rx",
        "correlation_is_last": direction == "tx", "bytes": 10, "enc_algo": null, "enc_key": null,
        "enc_serializer": null, "serializations": {}, "msg": msg,
    });
    format!("{record}\n")
}

/// A session subscribes; another one calls, names itself, and gets its name back.
fn records() -> String {
    [
        record("rx", "Subscribe", SUBSCRIBER, &json!([32, 1, {}, TOPIC]), 1000),
        record("tx", "Subscribed", SUBSCRIBER, &json!([33, 1, 5]), 1100),
        record("rx", "Call", CALLER, &json!([48, 1, {}, PROCEDURE, [CALLER]]), 2000),
        record("tx", "Invocation", CALLEE, &json!([68, 1, 3, {}, [CALLER]]), 2010),
        record("rx", "Yield", CALLEE, &json!([70, 1, {}, [CALLER]]), 2090),
        record("tx", "Result", CALLER, &json!([50, 1, {}, [CALLER]]), 2100),
    ]
    .concat()
}

/// `flowgate replay`, of these records.
fn command(file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowgate"));
    command.arg("replay").arg(file).stdin(Stdio::null()).kill_on_drop(true);
    command
}

struct Said {
    code: Option<i32>,
    out: String,
    error: String,
}

/// Replays [`records`].
async fn replay(arguments: &[&str]) -> Said {
    let directory = ScratchDir::new();
    let file = directory.write("records.ndjson", &records());
    let output = command(&file)
        .args(arguments)
        // Nobody is trusted but whom a test names.
        .env("SSL_CERT_FILE", directory.write("none.pem", ""))
        .env_remove("SSL_CERT_DIR")
        .output()
        .await
        .unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), error: text(output.stderr) }
}

/// What a callee does besides answering.
#[derive(Debug, Clone, Copy)]
enum Habit {
    Echo,
    Answer(u64),
    Fail(&'static str, u64),
    Publish(&'static str, u64),
}

async fn serve(session: &Session, habit: Habit) {
    let registration = session.register(PROCEDURE, Dict::EMPTY).await.unwrap();
    let publisher = session.clone();
    tokio::spawn(registration.serve(1, move |_, arguments: Arguments| {
        let publisher = publisher.clone();
        async move {
            match habit {
                Habit::Echo => Ok(arguments),
                Habit::Answer(number) => Ok(Arguments::from(Value::from(number))),
                Habit::Fail(error, number) => Err(Failure::new(error, Value::from(number))),
                Habit::Publish(topic, number) => {
                    let payload = Value::from(number);
                    publisher.publish(topic, Dict::EMPTY, payload).await.unwrap();
                    Ok(arguments)
                }
            }
        }
    }));
}

/// A router with a callee; the callee's session.
async fn router(habit: Habit) -> (Router, Session) {
    let tracing = json!({"tracing": {"admin": "payload"}});
    let router = Router::start(&Setup::with_flowgate(tracing));
    let callee = router.join((Transport::WebSocket, CBOR)).await;
    serve(&callee, habit).await;
    (router, callee)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_and_events_of_two_routers_are_compared() {
    use Habit::{Answer, Echo, Fail, Publish};
    within(async {
        let failed = "com.example.failed";
        for (one, other, told) in [
            (Echo, Echo, &[][..]),
            (Publish(TOPIC, 1), Publish(TOPIC, 1), &[]),
            (Fail(failed, 1), Fail(failed, 1), &[]),
            (Fail("wamp.error.runtime_error", 1), Fail("wamp.error.runtime_error", 2), &[]),
            (Answer(1), Answer(2), &["call com.example.echo [", "result [1]", "result [2]"]),
            (Answer(1), Fail(failed, 1), &["result [1]", "error com.example.failed [1]"]),
            (Fail(failed, 1), Fail("com.example.other", 1), &["error com.example.other [1]"]),
            (Fail(failed, 1), Fail(failed, 2), &["failed [1]", "failed [2]"]),
            (Publish(TOPIC, 1), Publish(TOPIC, 2), &["news [1]", "news [2]", "session 1"]),
            (Publish(TOPIC, 1), Echo, &["event of com.example.news", "news [1]"]),
        ] {
            let ((first, _callee), (second, _other_callee)) =
                (router(one).await, router(other).await);
            let urls = [&first, &second].map(|router| router.url(Transport::WebSocket));
            let Said { code, out, error } = replay(&[urls[0], "--diff", urls[1]]).await;
            let wanted = i32::from(!told.is_empty());
            assert_eq!(code, Some(wanted), "{one:?} {other:?}: {out}{error}");
            assert_eq!(told.iter().find(|text| !out.contains(**text)), None, "{out}");
            let names_one = urls.iter().any(|url| out.contains(*url));
            assert_eq!(names_one, !told.is_empty(), "{out}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_join_the_realm_and_ask_for_the_authid_that_they_are_mapped_to() {
    within(async {
        let (router, _callee) = router(Habit::Answer(1)).await;
        let url = router.url(Transport::RawSocket);
        let callee = Session::join(
            router.connect((Transport::WebSocket, JSON)).await,
            QUIET_REALM,
            JoinOptions::default(),
        );
        let callee = callee.await.unwrap();
        serve(&callee, Habit::Echo).await;
        let told = replay(&[url]).await;
        assert_eq!(told.code, Some(1), "{}", told.out);
        assert!(told.out.contains("recorded: result [1099511627776]"), "{}", told.out);
        assert!(told.out.contains("replayed: result [1]"), "{}", told.out);
        let mapped = replay(&[url, "--map", "realm=realm2"]).await;
        assert_eq!((mapped.code, &*mapped.error), (Some(0), ""), "{}", mapped.out);

        let body = json!({"trace_id": "hello", "trace_options": {"trace_app_payload": true, "msg_type": "Hello"}});
        post(&router, "/api/traces", &body).await;
        let mapping = ["--map", "realm:realm1=realm2", "--map", "authid:joe=alice"];
        let mapped = replay(&[&[url], &mapping[..]].concat()).await;
        assert_eq!(mapped.code, Some(0), "{}", mapped.out);
        // This router names anonymous sessions itself.
        assert!(mapped.error.contains("asked for authid alice, and has "), "{}", mapped.error);
        post(&router, "/api/traces/hello/stop", &json!({})).await;
        let (_, records) = router.admin("/api/traces/hello/records").await;
        let records: Vec<Json> =
            records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(records.len(), 2);
        for record in records {
            let hello = &record["msg"];
            assert_eq!((&hello[1], &hello[2]["authid"]), (&json!("realm2"), &json!("alice")));
        }

        let wrong = replay(&[url, "--map", "colour=red"]).await;
        assert_eq!(wrong.code, Some(2));
        assert!(wrong.error.contains("--map") && wrong.error.contains("authid"), "{}", wrong.error);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routers_are_reached_over_tls_by_whom_they_can_prove_to_be() {
    within(async {
        let (router, _callee) = router(Habit::Echo).await;
        let certificate = router.certificate();
        let trusted = ["--ca", certificate.to_str().unwrap()];
        for transport in [Transport::WebSocketTls, Transport::RawSocketTls] {
            let url = router.url(transport);
            let Said { code, out, error } = replay(&[url, trusted[0], trusted[1]]).await;
            assert_eq!((code, &*error), (Some(0), ""), "{url}: {out}");
            assert!(out.contains("1 calls, 0 different"), "{out}");
        }
        let (other, _other_callee) = self::router(Habit::Echo).await;
        let other = other.url(Transport::RawSocketTls);
        let (url, plain) = (router.url(Transport::WebSocketTls), router.url(Transport::WebSocket));
        let both = replay(&[plain, "--diff", other, trusted[0], trusted[1]]).await;
        assert_eq!(both.code, Some(0), "{}{}", both.out, both.error);

        let directory = ScratchDir::new();
        let [empty, stranger] =
            [directory.write("empty.pem", "nothing"), directory.write("stranger.pem", &stranger())]
                .map(|path| path.to_str().unwrap().to_owned());
        for (arguments, named) in [
            (&[url][..], "--ca"),
            (&[url, "--ca", "/nowhere/at/all.pem"], "/nowhere/at/all.pem"),
            (&[url, "--ca", &empty], "no certificate in it"),
            (&[url, "--ca", &stranger], "invalid peer certificate"),
        ] {
            let Said { code, out, error } = replay(arguments).await;
            assert_eq!(code, Some(2), "{arguments:?}: {out}{error}");
            assert!(error.contains(named), "{arguments:?}: {error}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callee_whose_router_ends_says_so() {
    within(async {
        let router = Router::start(&Setup::default());
        let directory = ScratchDir::new();
        let file = directory.write("records.ndjson", &records());
        let mut child = command(&file)
            .args([router.url(Transport::RawSocket), "--as", "callee"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(said.next_line().await.unwrap().unwrap(), "1 procedures registered");
        let caller = router.join((Transport::WebSocket, CBOR)).await;
        let answer = caller.call(PROCEDURE, Dict::EMPTY, Value::from(CALLER)).await.unwrap();
        assert_eq!(answer.arguments.args, [Value::from(CALLER)]);
        router.shut_down().finished().await;
        assert_eq!(child.wait().await.unwrap().code(), Some(1));
        let mut error = String::new();
        child.stderr.take().unwrap().read_to_string(&mut error).await.unwrap();
        assert!(error.contains("session has ended: router said goodbye"), "{error}");
    })
    .await;
}

/// The certificate of somebody else.
fn stranger() -> String {
    rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert.pem()
}
