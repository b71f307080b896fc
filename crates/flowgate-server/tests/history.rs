//! Event histories in a file: they outlive the process, however it ends.

use std::process::Stdio;

use flowgate_client::{ConnectOptions, Connection};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStderr, Command},
};

use crate::support::{client::Client, scratch::ScratchDir, within};

/// A router whose history is in the file `events.redb` beside its configuration, and its log.
struct Running {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    client: Client,
}

impl Running {
    async fn start(directory: &ScratchDir) -> Self {
        let configuration = concat!(
            "version: 2\n",
            "workers:\n",
            "  - type: router\n",
            "    realms:\n",
            "      - name: realm1\n",
            "        roles: [{name: anonymous, allow-by-default: true}]\n",
            "        store: {type: redb, path: events.redb, event-history: [{uri: com.x, limit: 3}]}\n",
            "    transports:\n",
            "      - type: rawsocket\n",
            "        endpoint: {type: tcp, port: 8080}\n",
            "flowgate: {admin: {listen: \"off\"}, log: {level: debug}}\n",
        );
        let file = directory.write("flowgate.yaml", configuration);
        let mut child = Command::new(env!("CARGO_BIN_EXE_flowgate"))
            .args(["run", "--config", file.to_str().unwrap(), "--listen", "127.0.0.1:0"])
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = loop {
            let line = lines.next_line().await.unwrap().expect("the router has ended");
            if let Some(url) = line.strip_prefix("listening on ") {
                break url.to_owned();
            }
        };
        let target = url.parse().unwrap();
        let connection = Connection::open(&target, &ConnectOptions::default()).await.unwrap();
        let mut client = Client::new(connection);
        client.join_realm("realm1").await;
        Self { child, log, client }
    }

    async fn publish(&mut self, request: u64, number: u64) {
        let options = json!({"acknowledge": true});
        self.client.say(&json!([16, request, options, "com.x", [number]])).await;
        assert_eq!(self.client.hear().await[0], json!(17));
    }

    /// Waits for a line of the log.
    async fn logged(&mut self, text: &str) {
        loop {
            let line = self.log.next_line().await.unwrap().expect("the log ends");
            if line.contains(text) {
                return;
            }
        }
    }

    /// The arguments of the events in the history.
    async fn history(&mut self, request: u64) -> Vec<Value> {
        self.client.say(&json!([48, request, {}, "wamp.subscription.get_events", [1]])).await;
        let result = self.client.hear().await;
        assert_eq!(result[0], json!(50), "{result}");
        let events = result[3].as_array().unwrap();
        events.iter().map(|event| event["args"][0].clone()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_in_a_file_survives_kill_and_restart() {
    within(async {
        let directory = ScratchDir::new();
        let mut running = Running::start(&directory).await;
        for number in 1..=4 {
            running.publish(number, number).await;
            running.logged("events written to the history file").await;
        }
        // SIGKILL: nothing is flushed or closed.
        running.child.kill().await.unwrap();

        let mut running = Running::start(&directory).await;
        assert_eq!(running.history(1).await, [2, 3, 4]);
        running.publish(2, 5).await;
        // What waits to be written is written before an orderly end.
        let id = running.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &id]).status().await.unwrap().success());
        assert_eq!(running.client.hear().await[0], json!(6));
        running.client.say(&json!([6, {}, "wamp.close.goodbye_and_out"])).await;
        assert_eq!(running.child.wait().await.unwrap().code(), Some(0));

        let mut running = Running::start(&directory).await;
        assert_eq!(running.history(1).await, [3, 4, 5]);
    })
    .await;
}

/// A file that is damaged is reported and left alone; the router goes on in memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_is_reported_and_the_router_goes_on() {
    within(async {
        let directory = ScratchDir::new();
        let damage = "no database at all ".repeat(1000);
        let path = directory.write("events.redb", &damage);
        let mut running = Running::start(&directory).await;
        running.logged("history file cannot be used").await;
        running.publish(1, 7).await;
        assert_eq!(running.history(2).await, [7]);
        assert_eq!(std::fs::read_to_string(path).unwrap(), damage);
    })
    .await;
}
