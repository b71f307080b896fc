//! The load generator against routers that keep their promises, and against those that break one:
//! each fault must fail the run, and say what went wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, in its helpers too"
)]

mod fake;

use clap::Parser as _;
use flowgate_load::{Bench, LoadError, Report};
use flowgate_wire::MessageType;

use fake::{Fault, Router};

/// Runs a load for a fraction of a second.
fn load(url: &str, arguments: &[&str]) -> Result<Report, LoadError> {
    let short = ["--duration", "0.2", "--warmup", "0.02", "--timeout", "2"];
    let (scenario, options) = arguments.split_first().unwrap();
    let words = ["flowgate-load", scenario, url].into_iter().chain(short);
    Bench::try_parse_from(words.chain(options.iter().copied())).unwrap().run()
}

/// Runs a load against a router with this fault; the failure as it is printed, and the exit code.
fn failure(fault: Fault, arguments: &[&str]) -> (String, u8) {
    let error = load(&Router::start(fault).url(), arguments).unwrap_err();
    (error.to_string(), error.exit_code())
}

fn check(fault: Fault, arguments: &[&str], expected: &str) {
    let (text, code) = failure(fault, arguments);
    assert!(text.starts_with(expected), "{fault:?}: {text}");
    assert_eq!(code, 1, "{fault:?}: {text}");
}

const RPC: &[&str] = &["rpc", "--clients", "2", "--payload", "20"];
const PUBSUB: &[&str] = &["pubsub", "--subscribers", "2", "--payload", "20"];

#[test]
fn routers_that_keep_their_promises_pass() {
    for arguments in [
        RPC,
        &["rpc", "--serializer", "cbor", "--callee-serializer", "msgpack"],
        &["rpc", "--serializer", "json", "--callee-serializer", "cbor", "--payload", "0"],
        &["rpc", "--payload", "4096", "--strings", "512", "--match", "wildcard"],
        &["rpc", "--background", "300", "--match", "mixed"],
        PUBSUB,
        &["pubsub", "--clients", "2", "--acknowledge", "--serializer", "msgpack"],
        &["pubsub", "--subscriber-serializer", "json,msgpack,cbor", "--match", "prefix"],
        &["pubsub", "--background", "300", "--payload", "4096", "--strings", "512"],
        &["topics", "--topics", "1"],
    ] {
        let report = load(&Router::start(Fault::None).url(), arguments).unwrap();
        assert!(report.operation_count > 0, "{arguments:?}: {report}");
        assert!(report.latency.is_some_and(|latency| latency.p50_us > 0.0), "{report}");
    }
}

#[test]
fn results_may_overtake_each_other() {
    let report = load(&Router::start(Fault::Delay(MessageType::Result)).url(), RPC).unwrap();
    assert!(report.operation_count > 0, "{report}");
}

#[test]
fn lost_messages_fail_the_run() {
    check(Fault::Lose(MessageType::Result), RPC, "1 replies or events are lost");
    check(Fault::Lose(MessageType::Invocation), RPC, "INVOCATION ");
    check(Fault::Lose(MessageType::Event), PUBSUB, "EVENT ");
    let acknowledged = [PUBSUB, &["--acknowledge"]].concat();
    check(
        Fault::Lose(MessageType::Published),
        &acknowledged,
        "reply to request 41 on connection 0",
    );
}

#[test]
fn repeated_messages_fail_the_run() {
    check(Fault::Repeat(MessageType::Result), RPC, "reply to request ");
    check(Fault::Repeat(MessageType::Invocation), RPC, "INVOCATION ");
    check(Fault::Repeat(MessageType::Event), PUBSUB, "EVENT ");
}

#[test]
fn messages_that_overtake_each_other_fail_the_run() {
    check(
        Fault::Delay(MessageType::Invocation),
        &["rpc", "--clients", "1"],
        "INVOCATION 41 of client 0",
    );
    check(
        Fault::Delay(MessageType::Event),
        &["pubsub", "--subscribers", "1"],
        "EVENT 41 of client 0",
    );
}

#[test]
fn altered_messages_fail_the_run() {
    check(Fault::Alter(MessageType::Result), RPC, "altered content in RESULT");
    check(Fault::Alter(MessageType::Invocation), RPC, "altered content in RESULT");
    check(Fault::Alter(MessageType::Event), PUBSUB, "altered content in EVENT");
}

#[test]
fn errors_garbage_and_closed_connections_fail_the_run() {
    let denied = "where RESULT was due: wamp.error.not_authorized";
    let (text, code) = failure(Fault::Fail(MessageType::Result), RPC);
    assert!(text.starts_with("ERROR on connection ") && text.ends_with(denied), "{text}");
    assert_eq!(code, 1);
    check(Fault::Garbage(MessageType::Result), RPC, "altered content in RESULT");
    check(Fault::Garbage(MessageType::Event), PUBSUB, "altered content in EVENT");
    check(Fault::Close(MessageType::Event), PUBSUB, "the router closed connection ");
}

#[test]
fn messages_that_nobody_asked_for_fail_the_run() {
    for arguments in [RPC, PUBSUB, &["idle", "--clients", "3"]] {
        check(Fault::Afterwards, arguments, "RESULT on connection ");
    }
}

#[test]
fn what_keeps_a_run_from_beginning_is_one_clear_line() {
    for (fault, expected, code) in [
        (Fault::RefuseHandshake, "handshake: ", 1),
        (Fault::RefuseRealm, "the router refuses realm1: wamp.error.no_such_realm", 2),
        (
            Fault::RefuseEntry,
            "the router refuses com.example.load.procedure.0.value: wamp.error.not_authorized",
            2,
        ),
        (Fault::Silent, "the router does not answer", 1),
    ] {
        let (text, exit_code) = failure(fault, RPC);
        assert!(text.starts_with(expected), "{fault:?}: {text}");
        assert_eq!((exit_code, text.lines().count()), (code, 1), "{fault:?}: {text}");
    }
}

#[test]
fn a_url_without_a_router_is_named() {
    // Nobody listens on a port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    drop(listener);
    for arguments in [RPC, PUBSUB, &["connect"], &["idle"]] {
        let error = load(&url, arguments).unwrap_err();
        assert!(error.to_string().contains(&format!("cannot connect to {url}: ")), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let router = Router::start(Fault::None);
    for arguments in [
        &["rpc", "--clients", "0"] as &[&str],
        &["rpc", "--serializer", "json.batched"],
        &["pubsub", "--payload", "4"],
        &["pubsub", "--payload", "8", "--clients", "2"],
        &["idle", "--steps", "2,1"],
        &["rpc", "--strings", "0"],
    ] {
        let error = load(&router.url(), arguments).unwrap_err();
        assert!(matches!(error, LoadError::Options(_)), "{arguments:?}: {error}");
        assert_eq!(error.exit_code(), 2);
    }
}

#[test]
fn a_fixed_rate_is_kept_and_reported() {
    let run = |arguments: &[&str]| load(&Router::start(Fault::None).url(), arguments).unwrap();
    for arguments in [&["rpc", "--rate", "500"] as &[&str], &["pubsub", "--rate", "500"]] {
        let report = run(arguments);
        let rate = report.rate.unwrap();
        // As fast as possible would be many times as much.
        assert!(rate.sent_per_s < 750.0, "{rate:?}");
    }
    let report = run(&["rpc", "--rate", "50000000", "--in-flight", "1"]);
    assert!(!report.rate.unwrap().reached, "{report}");
}

#[test]
fn the_cost_of_the_router_is_reported_for_its_process() {
    // The router runs in this process, which has certainly used something.
    let pid = std::process::id().to_string();
    let router = Router::start(Fault::None);
    let report = load(&router.url(), &["rpc", "--router-pid", &pid]).unwrap();
    let cost = report.router.unwrap();
    assert!(cost.cpu_us_per_operation > 0.0, "{cost:?}");
    let messages_per_call = cost.cpu_us_per_operation / cost.cpu_us_per_message;
    assert!((3.5..4.5).contains(&messages_per_call), "{cost:?}");
    let idle = ["idle", "--steps", "5,10", "--router-pid", &pid];
    let report = load(&router.url(), &idle).unwrap();
    let counts: Vec<usize> = report.steps.iter().map(|step| step.session_count).collect();
    assert_eq!(counts, [5, 10]);
}

#[test]
fn sessions_are_opened_and_closed() {
    let router = Router::start(Fault::None);
    for arguments in [&["connect"] as &[&str], &["connect", "--rate", "200"]] {
        let report = load(&router.url(), arguments).unwrap();
        assert!(report.operation_count > 0, "{report}");
    }
}
