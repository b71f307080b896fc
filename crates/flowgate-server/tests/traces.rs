//! Message tracing with the program `flowgate`, from the start of a trace to its replay.

use std::process::{Output, Stdio};

use flowgate_client::{Arguments, ConnectOptions, Connection, JoinOptions, Registration, Session};
use flowgate_wire::{Dict, Value};
use serde_json::Value as Json;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::support::{scratch::ScratchDir, within};

const PROCEDURE: &str = "com.example.add";
const TOPIC: &str = "com.example.news";

/// A router with the built-in configuration.
struct Traced {
    url: String,
    admin: String,
    _child: Child,
}

fn flowgate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowgate"));
    command.args(arguments).env_remove("RUST_LOG").stdin(Stdio::null()).kill_on_drop(true);
    command
}

fn lines(child: &mut Child) -> Lines<BufReader<ChildStdout>> {
    BufReader::new(child.stdout.take().unwrap()).lines()
}

fn text(octets: &[u8]) -> &str {
    str::from_utf8(octets).unwrap()
}

impl Traced {
    async fn start() -> Self {
        let mut child = flowgate(&["run", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (mut said, mut url, mut admin) = (lines(&mut child), None, None);
        loop {
            let line = said.next_line().await.unwrap().expect("the router has ended");
            if let Some(place) =
                line.strip_prefix("listening on ").filter(|url| url.ends_with("/ws"))
            {
                url = Some(place.to_owned());
            } else if let Some(place) = line.strip_prefix("administration on http://") {
                admin = Some(place.to_owned());
            } else if line.starts_with("try: ") {
                return Self { url: url.unwrap(), admin: admin.unwrap(), _child: child };
            }
        }
    }

    async fn join(&self) -> Session {
        let target = self.url.parse().unwrap();
        let connection = Connection::open(&target, &ConnectOptions::default()).await.unwrap();
        Session::join(connection, "realm1", JoinOptions::default()).await.unwrap()
    }

    /// What a command about traces of this router prints, and its exit code.
    async fn command(&self, arguments: &[&str]) -> Output {
        let mut all = arguments.to_vec();
        all.extend(["--admin", &self.admin]);
        flowgate(&all).output().await.unwrap()
    }

    /// The same for one that succeeds.
    async fn done(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).await;
        let said = (output.status.code(), text(&output.stderr));
        assert_eq!(said, (Some(0), ""), "{arguments:?}");
        text(&output.stdout).to_owned()
    }
}

/// A callee that adds one.
async fn serve(session: &Session) {
    let registration: Registration = session.register(PROCEDURE, Dict::EMPTY).await.unwrap();
    tokio::spawn(registration.serve(1, |_, arguments: Arguments| async move {
        let number = arguments.first().and_then(Value::as_u64).unwrap_or(0);
        Ok(Arguments::from(Value::from(number + 1)))
    }));
}

async fn call(session: &Session, number: u64) -> Option<u64> {
    let result = session.call(PROCEDURE, Dict::EMPTY, Value::from(number)).await.unwrap();
    result.arguments.first().and_then(Value::as_u64)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_traced_shown_exported_and_replayed() {
    within(async {
        let router = Traced::start().await;
        let (callee, caller) = (router.join().await, router.join().await);
        serve(&callee).await;
        let started =
            router.done(&["trace", "start", "--id", "calls", "--payload", "com.example."]).await;
        assert_eq!(started, "calls\n");
        assert_eq!(call(&caller, 1).await, Some(2));
        assert_eq!(call(&caller, 5).await, Some(6));
        let stopped = router.done(&["trace", "stop", "calls"]).await;
        assert!(stopped.contains("8 records") && stopped.contains("stopped: request"), "{stopped}");
        let listed = router.done(&["trace", "list"]).await;
        assert!(listed.starts_with("calls ") && listed.lines().count() == 1, "{listed}");
        assert_eq!(router.done(&["trace", "list", "--running"]).await, "");

        let exported = router.done(&["trace", "export", "calls"]).await;
        let records: Vec<Json> =
            exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let types: Vec<_> =
            records.iter().map(|record| record["msg_type"].as_str().unwrap()).collect();
        assert_eq!(types, ["Call", "Invocation", "Yield", "Result"].repeat(2));
        assert_eq!(records[0]["msg"][4], serde_json::json!([1]));
        let correlation = records[0]["correlation"].as_str().unwrap();
        let drawn = router.done(&["trace", "show", correlation]).await;
        assert!(drawn.contains(PROCEDURE), "{drawn}");
        assert!(!drawn.contains('\u{1b}'), "no colours in a pipe: {drawn}");
        let shown: Json =
            serde_json::from_str(&router.done(&["trace", "show", "calls"]).await).unwrap();
        assert_eq!(shown["options"]["match"], "prefix");
        let tailed = router.done(&["trace", "tail", "calls", "msg_type=Result"]).await;
        assert_eq!(tailed.lines().count(), 2, "{tailed}");

        let directory = ScratchDir::new();
        let file = directory.write("calls.ndjson", &exported);
        let file = file.to_str().unwrap();
        let perfetto = router.done(&["trace", "export", "calls", "--format", "perfetto"]).await;
        let perfetto: Json = serde_json::from_str(&perfetto).unwrap();
        assert!(perfetto["traceEvents"].as_array().is_some_and(|events| !events.is_empty()));
        let capture = ["trace", "export", "--file", file, "--format", "pcapng"];
        let capture = router.command(&capture).await.stdout;
        assert_eq!(capture[..4], [0x0a, 0x0d, 0x0d, 0x0a], "a section header");

        let replay = async |more: &[&str]| {
            let mut all = vec!["replay", file, &router.url, "--speed", "1000"];
            all.extend(more);
            let output = flowgate(&all).output().await.unwrap();
            (output.status.code(), text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
        };
        let (code, said, _) = replay(&[]).await;
        assert_eq!((code, said.contains("2 calls, 0 different")), (Some(0), true), "{said}");
        let (code, said, _) = replay(&["--diff", &router.url]).await;
        assert_eq!((code, said.contains("2 calls, 0 different")), (Some(0), true), "{said}");
        let other = Traced::start().await;
        let (code, said, _) = replay(&["--diff", &other.url]).await;
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("error wamp.error.no_such_procedure"), "{said}");

        // The other router gets a callee that has learned from the records.
        let mut child = flowgate(&["replay", file, &other.url, "--as", "callee"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = lines(&mut child);
        assert_eq!(said.next_line().await.unwrap().unwrap(), "1 procedures registered");
        let caller = other.join().await;
        assert_eq!(call(&caller, 5).await, Some(6));
        let unknown = caller.call(PROCEDURE, Dict::EMPTY, Value::from(7_u64)).await;
        assert!(unknown.is_err(), "{unknown:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tap_prints_a_line_for_each_message_as_it_passes() {
    within(async {
        let router = Traced::start().await;
        let session = router.join().await;
        let tap = ["tap", "--payload", TOPIC, "direction=rx", "--admin", &router.admin];
        let mut child = flowgate(&tap).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = lines(&mut child);
        while router.done(&["trace", "list", "--running"]).await.is_empty() {
            tokio::task::yield_now().await;
        }
        session.publish("com.example.other", Dict::EMPTY, ()).await.unwrap();
        session.publish(TOPIC, Dict::EMPTY, Value::from("headline")).await.unwrap();
        let line = said.next_line().await.unwrap().unwrap();
        assert!(line.contains("PUBLISH") && line.contains(TOPIC), "{line}");
        assert!(line.contains("headline"), "{line}");
        // Told to end, it leaves no trace that runs.
        let pid = child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().await.unwrap().success());
        assert_eq!(child.wait().await.unwrap().code(), Some(0));
        assert_eq!(router.done(&["trace", "list", "--running"]).await, "");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_is_said_with_an_exit_code() {
    within(async {
        let router = Traced::start().await;
        for (arguments, code, named) in [
            (&["trace", "show", "nope"][..], 1, "`nope`"),
            (&["trace", "stop", "nope"], 1, "`nope`"),
            (&["trace", "tail", "nope"], 1, "`nope`"),
            (&["trace", "export", "nope"], 1, "`nope`"),
            (&["trace", "start", "limit=0"], 2, "`limit`"),
            (&["trace", "start", "colour=red"], 2, "`colour`"),
            (&["trace", "start", "--persist"], 2, "`persist`"),
            (&["trace", "start", "--for", "0s"], 2, "--for"),
            (&["tap", "msg_type=Shout"], 2, "`msg_type`"),
            (&["trace", "show", "00000000-0000-4000-8000-000000000009"], 1, "0009"),
            (&["trace", "export", "--file", "/nowhere/at/all"], 2, "/nowhere/at/all"),
        ] {
            let output = router.command(arguments).await;
            let error = text(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
            assert!(error.contains(named), "{arguments:?}: {error}");
        }
        assert_eq!(router.done(&["trace", "list"]).await, "");
        // Nobody listens there: it was free a moment ago, and is not given away again so soon.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        for arguments in [&["trace", "list"][..], &["tap"], &["trace", "start"]] {
            let mut all = arguments.to_vec();
            all.extend(["--admin", &address]);
            let output = flowgate(&all).output().await.unwrap();
            assert_eq!(output.status.code(), Some(2), "{arguments:?}");
            assert!(text(&output.stderr).contains(&address), "{}", text(&output.stderr));
        }
        let directory = ScratchDir::new();
        let empty = directory.write("empty.ndjson", "");
        let replay = ["replay", empty.to_str().unwrap(), &router.url];
        let output = flowgate(&replay).output().await.unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("nothing to replay"), "{}", text(&output.stderr));
    })
    .await;
}
