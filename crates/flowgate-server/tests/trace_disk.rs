//! A persistent trace on a disk that takes no more.

use std::{net::SocketAddr, process::Stdio};

use flowgate_client::{Arguments, ConnectOptions, Connection, JoinOptions, Session};
use flowgate_wire::{Dict, Value};
use serde_json::{Value as Json, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::support::{router::admin, scratch::ScratchDir, within};

const PROCEDURE: &str = "com.example.echo";

/// Starts the program with what follows, so that no file of its gets longer than 64 blocks of the
/// shell's: the system refuses further octets as a full disk does, with an error of its own.
const SHORT_OF_ROOM: &str = r#"trap '' XFSZ; ulimit -f 64; exec "$0" "$@""#;

struct Router {
    url: String,
    admin: SocketAddr,
    _child: Child,
}

async fn start(directory: &ScratchDir) -> Router {
    let transport = json!({
        "type": "websocket",
        "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": 0},
    });
    let roles = json!([{"name": "anonymous", "allow-by-default": true}]);
    let config = json!({
        "version": 2,
        "workers": [{
            "type": "router",
            "realms": [{"name": "realm1", "roles": roles}],
            "transports": [transport],
        }],
        "flowgate": {
            "admin": {"listen": "127.0.0.1:0"},
            "tracing": {"directory": directory.path().join("traces")},
        },
    });
    let config = directory.write("node.json", &config.to_string());
    let mut child = Command::new("sh")
        .args(["-c", SHORT_OF_ROOM, env!("CARGO_BIN_EXE_flowgate"), "run", "--config"])
        .arg(config)
        .env_remove("RUST_LOG")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut url, mut admin) = (None, None);
    while url.is_none() || admin.is_none() {
        let line = lines.next_line().await.unwrap().expect("the router has ended");
        if let Some(place) = line.strip_prefix("listening on ") {
            url = Some(place.to_owned());
        } else if let Some(place) = line.strip_prefix("administration on http://") {
            admin = Some(place.parse().unwrap());
        }
    }
    Router { url: url.unwrap(), admin: admin.unwrap(), _child: child }
}

impl Router {
    async fn join(&self) -> Session {
        let target = self.url.parse().unwrap();
        let connection = Connection::open(&target, &ConnectOptions::default()).await.unwrap();
        Session::join(connection, "realm1", JoinOptions::default()).await.unwrap()
    }

    async fn start_trace(&self, arguments: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowgate"));
        command.args(["trace", "start"]).args(arguments);
        let output = command.args(["--admin", &self.admin.to_string()]).output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    async fn get(&self, path: &str) -> String {
        let (status, body) = admin(self.admin, path).await.unwrap();
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn trace(&self, id: &str) -> Json {
        serde_json::from_str(&self.get(&format!("/api/traces/{id}")).await).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_the_trace_and_nothing_else() {
    within(async {
        let directory = ScratchDir::new();
        let router = start(&directory).await;
        let (callee, caller) = (router.join().await, router.join().await);
        let registration = callee.register(PROCEDURE, Dict::EMPTY).await.unwrap();
        tokio::spawn(registration.serve(1, |_, arguments: Arguments| async move { Ok(arguments) }));
        let call = async || {
            let argument = Value::from("x".repeat(500));
            let result = caller.call(PROCEDURE, Dict::EMPTY, argument.clone()).await.unwrap();
            assert_eq!(result.arguments.first(), Some(&argument));
        };
        router.start_trace(&["--id", "full", "--persist", "batching_period=10"]).await;
        router.start_trace(&["--id", "other"]).await;
        let trace = loop {
            call().await;
            let trace = router.trace("full").await;
            if trace["status"] != "running" {
                break trace;
            }
        };
        assert_eq!(trace["status"], "stopped");
        assert_eq!(trace["reason"], "disk full", "{trace}");
        let written = router.get("/api/traces/full/records?from_seq=0&limit=1").await;
        let first: Json = serde_json::from_str(written.lines().next().unwrap()).unwrap();
        assert_eq!((&first["seq"], &first["msg_type"]), (&json!(0), &json!("Call")));
        let before = router.trace("other").await;
        call().await;
        let after = loop {
            let after = router.trace("other").await;
            if after["next_seq"] != before["next_seq"] {
                break after;
            }
        };
        assert_eq!(after["status"], "running", "{after}");
    })
    .await;
}
