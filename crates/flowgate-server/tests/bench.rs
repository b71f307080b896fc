//! `flowgate bench` against the router: every transport and serializer, and what it prints.

use std::process::Output;

use flowgate_wire::{Batching, Serializer};
use serde_json::Value;
use tokio::process::Command;

use crate::support::{
    router::{Link, QUIET_REALM, Router, Setup, Transport, all_links},
    within,
};

async fn bench(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowgate"));
    command.arg("bench").args(arguments).args(["--warmup", "0.01", "--duration", "0.1"]);
    command.kill_on_drop(true).output().await.unwrap()
}

/// The report of a run that must succeed.
async fn report(arguments: &[&str]) -> Value {
    let output = bench(&[arguments, &["--json"]].concat()).await;
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {message}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The name of a serializer on the command line.
fn name(serializer: Serializer) -> String {
    let batched = if serializer.batching == Batching::Batched { ".batched" } else { "" };
    format!("{}{batched}", serializer.format.name())
}

/// All links without TLS, which the load generator does not have.
fn links() -> impl Iterator<Item = Link> {
    let tls = [Transport::WebSocketTls, Transport::RawSocketTls];
    all_links().into_iter().filter(move |(transport, _)| !tls.contains(transport))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_transport_and_serializer_can_be_loaded() {
    within(async {
        let router = Router::start(&Setup::default());
        for (transport, serializer) in links() {
            let (url, serializer) = (router.url(transport), name(serializer));
            for scenario in ["rpc", "pubsub"] {
                let report = report(&[scenario, url, "--serializer", &serializer]).await;
                assert_eq!(report["serializer"], serializer.as_str());
                assert!(report["operation_count"].as_u64().unwrap() > 0, "{report}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_and_option_works_with_the_router() {
    within(async {
        let router = Router::start(&Setup::default());
        let url = router.url(Transport::WebSocket);
        for options in [
            &["rpc", "--callee-serializer", "cbor", "--payload", "4096", "--strings", "512"]
                as &[&str],
            &["rpc", "--match", "mixed", "--background", "300"],
            &["rpc", "--rate", "300", "--match", "prefix"],
            &["pubsub", "--subscriber-serializer", "json,msgpack,cbor", "--acknowledge"],
            &["pubsub", "--match", "wildcard", "--background", "300", "--clients", "2"],
            &["pubsub", "--rate", "100", "--stalled", "2"],
            &["topics", "--topics", "3", "--subscribers", "2"],
            &["connect", "--clients", "2"],
            &["idle", "--steps", "10,20"],
            &["rpc", "--realm", QUIET_REALM],
        ] {
            let report = report(&[options, &[url]].concat()).await;
            assert_eq!(report["scenario"], options[0]);
            assert!(report["operation_count"].as_u64().unwrap() > 0, "{report}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_prints_a_table_and_a_failure_one_line() {
    within(async {
        let router = Router::start(&Setup::default());
        let url = router.url(Transport::RawSocket);
        let pid = std::process::id().to_string();
        let output = bench(&["rpc", url, "--router-pid", &pid, "--progress"]).await;
        let table = String::from_utf8(output.stdout).unwrap();
        for part in ["rpc rs://", "calls/s", "p99.9", "µs CPU/call", "µs/message", "load generator"]
        {
            assert!(table.contains(part), "{part} is not in\n{table}");
        }
        let output = bench(&["rpc", url, "--realm", "nowhere"]).await;
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), message.lines().count()), (Some(2), 1), "{message}");
        assert!(message.starts_with("flowgate bench: the router refuses nowhere: "), "{message}");
    })
    .await;
}
