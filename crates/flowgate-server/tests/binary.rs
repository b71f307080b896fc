//! The program `flowgate`: exit codes, output and signals.

use std::process::{Output, Stdio};

use flowgate_client::{ConnectOptions, Connection};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::support::{client::Client, scratch::ScratchDir, within};

fn flowgate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowgate"));
    command.args(arguments).env_remove("RUST_LOG").kill_on_drop(true);
    command
}

async fn output(arguments: &[&str]) -> Output {
    flowgate(arguments).output().await.unwrap()
}

fn text(octets: &[u8]) -> &str {
    str::from_utf8(octets).unwrap()
}

/// A router that runs with the built-in configuration on free ports, and where.
async fn run() -> (Child, Lines<BufReader<ChildStdout>>, String) {
    let mut child = flowgate(&["run", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut urls = Vec::new();
    loop {
        let line = lines.next_line().await.unwrap().expect("the router has ended");
        if let Some(url) = line.strip_prefix("listening on ") {
            urls.push(url.to_owned());
        } else if line.starts_with("try: ") {
            break;
        }
    }
    assert_eq!(urls.len(), 3, "{urls:?}");
    (child, lines, urls.iter().find(|url| url.ends_with("/ws")).unwrap().clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_its_version() {
    within(async {
        let output = output(&["--version"]).await;
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(text(&output.stdout), concat!("flowgate ", env!("CARGO_PKG_VERSION"), "\n"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_init_writes_is_checked_without_a_finding_and_never_overwritten() {
    within(async {
        let directory = ScratchDir::new();
        let file = directory.path().join("flowgate.yaml");
        let file = file.to_str().unwrap();
        assert_eq!(output(&["init", file]).await.status.code(), Some(0));
        let check = output(&["check", file]).await;
        assert_eq!((check.status.code(), text(&check.stderr)), (Some(0), ""));
        assert!(text(&check.stdout).contains("realm1"), "{}", text(&check.stdout));
        let again = output(&["init", file]).await;
        assert_eq!(again.status.code(), Some(1));
        assert!(text(&again.stderr).contains(file));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_error_names_the_place_and_the_nearest_key() {
    within(async {
        let directory = ScratchDir::new();
        let broken = concat!(
            "version: 2\n",
            "workers:\n",
            "  - type: router\n",
            "    realms:\n",
            "      - name: realm1\n",
            "        roles: []\n",
            "        stats:\n",
            "          rated_mesage_size: 512\n",
            "    transports:\n",
            "      - type: rawsocket\n",
            "        endpoint: {type: tcp, port: 8080}\n",
        );
        let file = directory.write("broken.yaml", broken);
        let file = file.to_str().unwrap();
        for arguments in [&["check", file][..], &["run", "--config", file]] {
            let output = output(arguments).await;
            assert_eq!(output.status.code(), Some(2));
            let error = text(&output.stderr);
            assert!(error.contains(&format!("{file}:8:11")), "{error}");
            assert!(error.contains("workers[0].realms[0].stats.rated_mesage_size"), "{error}");
            assert!(error.contains("rated_message_size`"), "{error}");
        }
        assert_eq!(output(&["check", "/nowhere/at/all.yaml"]).await.status.code(), Some(2));
        assert_eq!(output(&["run", "--listen", "nowhere"]).await.status.code(), Some(2));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_is_named() {
    within(async {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let (address, free) = (address.as_str(), "127.0.0.1:0");
        let directory = ScratchDir::new();
        let observing = json!({
            "version": 2,
            "workers": [{
                "type": "router",
                "realms": [{"name": "realm1", "roles": []}],
                "transports": [{"type": "rawsocket", "endpoint": {"type": "tcp", "port": 8080}}],
            }],
            "flowgate": {"observer": {"listen": address}},
        });
        let file = directory.write("observing.json", &observing.to_string());
        let file = file.to_str().unwrap();
        for arguments in [
            &["run", "--listen", address, "--admin", free][..],
            &["run", "--listen", free, "--admin", address],
            &["run", "--listen", free, "--admin", free, "--config", file],
            &["observe", "--listen", address, "--metrics", free],
            &["observe", "--listen", free, "--metrics", address],
            &["observe", "--listen", free, "--metrics", free, "--counters", address],
        ] {
            let output = output(arguments).await;
            assert_eq!(output.status.code(), Some(2), "{arguments:?}");
            assert!(text(&output.stderr).contains(address), "{}", text(&output.stderr));
            assert_eq!(text(&output.stdout), "");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codec_answers_line_by_line() {
    within(async {
        let mut child =
            flowgate(&["codec"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for (question, expected) in [
            (
                json!({"id": 1, "serializer": "msgpack", "message": [48, 1, {}, "com.a", ["\u{0}AQI="]]}),
                json!({"id": 1, "ok": true, "hex": "95300180a5636f6d2e6191c4020102",
                       "message": [48, 1, {}, "com.a", ["\u{0}AQI="]]}),
            ),
            (
                json!({"id": "two", "serializer": "json", "hex": "5b33332c312c325d"}),
                json!({"id": "two", "ok": true, "hex": "5b33332c312c325d", "message": [33, 1, 2]}),
            ),
        ] {
            stdin.write_all(format!("{question}\n").as_bytes()).await.unwrap();
            let answer = lines.next_line().await.unwrap().unwrap();
            let answer: Value = serde_json::from_str(&answer).unwrap();
            for (key, value) in expected.as_object().unwrap() {
                assert_eq!(&answer[key], value, "{answer}");
            }
        }
        stdin.write_all(b"{\"id\":3,\"serializer\":\"cbor\",\"hex\":\"ff\"}\n").await.unwrap();
        let answer: Value =
            serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
        assert_eq!((&answer["id"], &answer["ok"]), (&json!(3), &json!(false)));
        assert!(answer["error"].is_string());
        drop(stdin);
        assert_eq!(child.wait().await.unwrap().code(), Some(0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signals_end_the_router_in_order() {
    within(async {
        for signal in ["TERM", "INT"] {
            let (mut child, mut lines, url) = run().await;
            let target = url.parse().unwrap();
            let connection = Connection::open(&target, &ConnectOptions::default()).await.unwrap();
            let mut client = Client::new(connection);
            client.join_realm("realm1").await;
            let id = child.id().unwrap().to_string();
            let sent = Command::new("kill").args(["-s", signal, &id]).status().await.unwrap();
            assert!(sent.success());
            let goodbye = client.hear().await;
            assert_eq!(
                (&goodbye[0], &goodbye[2]),
                (&json!(6), &json!("wamp.close.system_shutdown"))
            );
            client.say(&json!([6, {}, "wamp.close.goodbye_and_out"])).await;
            client.end().await;
            drop(client);
            assert_eq!(child.wait().await.unwrap().code(), Some(0));
            let mut rest = String::new();
            lines.get_mut().read_to_string(&mut rest).await.unwrap();
            assert_eq!(rest, "");
        }
    })
    .await;
}

/// A router on free ports, what it says, and its administration interface's address.
async fn run_with_admin(
    arguments: &[&str],
    directory: &ScratchDir,
) -> (Child, Lines<BufReader<ChildStdout>>, String) {
    let mut all = vec!["run", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    all.extend(arguments);
    let mut child = flowgate(&all)
        .current_dir(directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut admin = None;
    loop {
        let line = lines.next_line().await.unwrap().expect("the router has ended");
        if let Some(url) = line.strip_prefix("administration on http://") {
            admin = Some(url.to_owned());
        } else if line.starts_with("try: ") {
            return (child, lines, admin.unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stats_of_a_running_router_are_shown_recorded_and_saved() {
    within(async {
        let directory = ScratchDir::new();
        let (_child, _lines, admin) = run_with_admin(&[], &directory).await;
        let stats = async |arguments: &[&str]| {
            let mut all = vec!["stats", "--admin", &admin];
            all.extend(arguments);
            let output = output(&all).await;
            let (out, error) = (text(&output.stdout).to_owned(), text(&output.stderr).to_owned());
            (output.status.code(), out, error)
        };
        let (code, list, _) = stats(&["show", "list"]).await;
        assert_eq!(code, Some(0));
        assert!(list.lines().any(|line| line.trim() == "process"), "{list}");
        let (code, all, _) = stats(&["show"]).await;
        assert_eq!(code, Some(0));
        assert!(all.contains("process.main.Threads : "), "{all}");
        let (code, one, _) = stats(&["show", "process.main.Threads"]).await;
        assert_eq!((code, one.lines().count()), (Some(0), 1), "{one}");
        let (code, out, error) = stats(&["show", "process", "process.main.Nonsense"]).await;
        assert_eq!((code, &*out), (Some(1), ""));
        assert!(error.contains("Nonsense"), "{error}");

        let (code, _, error) = stats(&["record", "stop"]).await;
        assert_eq!((code, &*error), (Some(1), "flowgate: stats are not recorded\n"));
        let start = ["record", "start", "--format", "ndjson", "--every", "1h"];
        let (code, out, _) = stats(&start).await;
        assert_eq!((code, &*out), (Some(0), "recording is to flowgate-stats.log\n"));
        let (code, _, error) = stats(&start).await;
        assert_eq!(code, Some(1));
        assert!(error.contains("already"), "{error}");
        let recorded = directory.path().join("flowgate-stats.log");
        let report = loop {
            let report = std::fs::read_to_string(&recorded).unwrap();
            if report.ends_with('\n') {
                break report;
            }
            tokio::task::yield_now().await;
        };
        let report: Value = serde_json::from_str(report.trim_end()).unwrap();
        assert!(report["stats"]["process"]["main"]["Threads"]["Value"].as_f64().unwrap() >= 1.0);
        assert_eq!(stats(&["record", "stop"]).await.0, Some(0));

        let saved = directory.path().join("saved.txt");
        let path = saved.to_str().unwrap();
        assert_eq!(stats(&["save", path]).await.0, Some(0));
        assert!(std::fs::read_to_string(&saved).unwrap().contains("STATS REPORT AT"));
        assert_eq!(stats(&["save", "/nowhere/at/all"]).await.0, Some(1));
        assert_eq!(stats(&["save", path, "--format", "xml"]).await.0, Some(2));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stats_without_a_router_say_who_does_not_answer() {
    within(async {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let output = output(&["stats", "--admin", &address, "show"]).await;
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(&address), "{}", text(&output.stderr));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_takes_the_same_lines() {
    within(async {
        let directory = ScratchDir::new();
        let (mut child, mut lines, _) = run_with_admin(&["--console"], &directory).await;
        let mut stdin = child.stdin.take().unwrap();
        for (line, start) in [
            ("show stats process.main.Threads", "process.main.Threads : "),
            ("stats show process.main.Threads", "process.main.Threads : "),
            ("show stats nonsense", "No such category as nonsense"),
            ("stats record start --every 1h", "recording to flowgate-stats.log"),
            ("stats record stop", "recorded to flowgate-stats.log"),
            ("stats save \"a b.txt\"", "saved to a b.txt"),
            ("show \"stats", "a quotation mark is missing"),
        ] {
            stdin.write_all(format!("{line}\n").as_bytes()).await.unwrap();
            let answer = lines.next_line().await.unwrap().unwrap();
            assert!(answer.starts_with(start), "{line}: {answer}");
        }
        assert!(directory.path().join("a b.txt").exists());
    })
    .await;
}
