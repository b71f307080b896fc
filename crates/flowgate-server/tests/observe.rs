//! The line-protocol observer: over its sockets, alone and beside the router.

use std::{
    io::{Read as _, Write as _},
    net::SocketAddr,
    time::Duration,
};

use flate2::read::GzDecoder;
use flowgate_server::{ObserverServer, config::ObserverConfig};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

use crate::support::within;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// An observer on free ports.
struct Observing {
    lines: SocketAddr,
    counters: SocketAddr,
    page: SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Observing {
    fn start(config: ObserverConfig) -> Self {
        let config = ObserverConfig { listen: Some(ANY), counters: Some(ANY), ..config };
        let server = ObserverServer::bind(&config, ANY).unwrap();
        let [(lines, _), (counters, _)] = server.addresses()[..] else { panic!("two listeners") };
        let page = server.page_address().unwrap();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server.run(async { stopped.await.unwrap() }));
        Self { lines, counters, page, stop, running }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.running.await.unwrap();
    }

    /// The page, once it has a line.
    async fn page_with(&self, line: &str) -> String {
        loop {
            let (_, body) = get(self.page, "/", "").await;
            let page = String::from_utf8(body).unwrap();
            if page.lines().any(|shown| shown == line) {
                return page;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// The head and the body of an answer.
async fn get(address: SocketAddr, path: &str, headers: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let body = answer.split_off(end + 4);
    (String::from_utf8(answer).unwrap(), body)
}

fn logged(message: &str) -> Vec<u8> {
    let mut line = serde_json::to_vec(&["wamp", "in", message]).unwrap();
    line.push(b'\n');
    line
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_many_connections_are_paired_and_shown() {
    within(async {
        let observing = Observing::start(ObserverConfig {
            timeout: Duration::from_secs(600),
            ..ObserverConfig::default()
        });
        let clients = (0..100).map(|client| {
            let lines = observing.lines;
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(lines).await.unwrap();
                for call in 0..20 {
                    // The identifiers of all clients are the same.
                    let name = if call % 4 == 0 { "failing" } else { "working" };
                    let kind = if call % 4 == 0 { 4 } else { 3 };
                    let request =
                        logged(&format!("[2,\"{call}\",\"{name}\",{{\"from\":{client}}}]"));
                    let reply = logged(&format!("[{kind},\"{call}\",{{}}]"));
                    stream.write_all(&request).await.unwrap();
                    stream.write_all(&reply).await.unwrap();
                }
            })
        });
        for client in clients.collect::<Vec<_>>() {
            client.await.unwrap();
        }
        let page = observing.page_with("wamp_in_responses_total_seconds_count 1500").await;
        assert!(page.contains("wamp_in_responses_seconds_count{message=\"working\"} 1500\n"));
        let page = observing.page_with("wamp_in_errors_total_seconds_count 500").await;
        assert!(page.contains("wamp_in_errors_seconds_count{message=\"failing\"} 500\n"));
        assert!(!page.contains("timeouts"));
        observing.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_without_reply_time_out_though_nothing_else_comes() {
    within(async {
        let config = ObserverConfig { timeout: Duration::from_millis(20), ..Default::default() };
        let observing = Observing::start(config);
        let mut stream = TcpStream::connect(observing.lines).await.unwrap();
        for round in 1..=2 {
            let request = logged("[2,\"a\",\"slow\"]");
            stream.write_all(&request).await.unwrap();
            let line = format!("wamp_in_timeouts_seconds_count{{message=\"slow\"}} {round}");
            let page = observing.page_with(&line).await;
            assert!(page.contains("wamp_in_timeouts_total_seconds_bucket{le=\"0.01\"} 0\n"));
        }
        observing.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_without_end_counts_when_its_connection_closes() {
    within(async {
        let observing = Observing::start(ObserverConfig::default());
        let mut stream = TcpStream::connect(observing.counters).await.unwrap();
        stream.write_all(b"no line\n\n[\"hits\",\"page\",\"home\"]").await.unwrap();
        drop(stream);
        observing.page_with("hits_total{page=\"home\"} 1").await;
        let (_, own) = get(observing.page, "/self/metrics", "").await;
        let own = String::from_utf8(own).unwrap();
        for line in ["malformed_lines_total 1", "empty_lines_total 1", "measured_lines_total 1"] {
            assert!(own.contains(&format!("\nflowgate_observer_{line}\n")), "{own}");
        }
        observing.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_says_its_format_and_is_compressed_only_for_those_who_ask() {
    within(async {
        let observing = Observing::start(ObserverConfig::default());
        let (head, body) = get(observing.page, "/any/path", "").await;
        assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
        assert!(!head.contains("content-encoding"), "{head}");
        assert_eq!(body, b"# EOF\n");
        let (head, body) = get(observing.page, "/", "Accept-Encoding: gzip\r\n").await;
        assert!(head.contains("content-encoding: gzip"), "{head}");
        let mut text = String::new();
        GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text, "# EOF\n");
        observing.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observers_are_shown_together_and_nothing_counts_twice() {
    within(async {
        let one = Observing::start(ObserverConfig::default());
        let two = Observing::start(ObserverConfig {
            sources: vec![format!("http://{}", one.page)],
            every: Duration::from_millis(5),
            ..ObserverConfig::default()
        });
        for observing in [&one, &two] {
            let mut stream = TcpStream::connect(observing.counters).await.unwrap();
            stream.write_all(b"[\"hits\",\"page\",\"home\"]\n").await.unwrap();
        }
        one.page_with("hits_total{page=\"home\"} 1").await;
        two.page_with("hits_total{page=\"home\"} 2").await;
        let mut stream = TcpStream::connect(one.counters).await.unwrap();
        stream.write_all(b"[\"hits\",\"page\",\"about\"]\n").await.unwrap();
        // By then the source has been asked at least twice.
        let page = two.page_with("hits_total{page=\"about\"} 1").await;
        assert!(page.contains("hits_total{page=\"home\"} 2\n"), "{page}");
        // What a source has measured stays when it goes.
        one.stop().await;
        two.page_with("hits_total{page=\"home\"} 2").await;
        two.stop().await;
    })
    .await;
}

/// One thread for everything: whoever never yields would be seen at once.
#[tokio::test]
async fn a_client_that_sends_without_a_pause_keeps_nobody_from_being_served() {
    within(async {
        let observing = Observing::start(ObserverConfig::default());
        let lines = observing.lines;
        let block = logged("[3,\"a\"]").repeat(10_000);
        let mut flood = std::net::TcpStream::connect(lines).unwrap();
        // Far more than is read before the others are served, and not without an end.
        let sender = std::thread::spawn(move || (0..500).all(|_| flood.write_all(&block).is_ok()));
        let mut stream = TcpStream::connect(observing.counters).await.unwrap();
        stream.write_all(b"[\"hits\",\"page\",\"home\"]\n").await.unwrap();
        observing.page_with("hits_total{page=\"home\"} 1").await;
        assert!(!sender.is_finished(), "others were served only after it");
        observing.stop().await;
        assert!(!sender.join().unwrap(), "its connection was not closed");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_and_a_source_that_is_none_are_named() {
    within(async {
        let taken = Observing::start(ObserverConfig::default());
        let config = ObserverConfig { listen: Some(taken.lines), ..ObserverConfig::default() };
        let error = ObserverServer::bind(&config, ANY).unwrap_err().to_string();
        assert!(error.contains(&taken.lines.to_string()), "{error}");
        let config = ObserverConfig {
            listen: Some(ANY),
            sources: vec!["ftp://x".to_owned()],
            ..ObserverConfig::default()
        };
        let error = ObserverServer::bind(&config, ANY).unwrap_err().to_string();
        assert!(error.contains("ftp://x"), "{error}");
        taken.stop().await;
    })
    .await;
}
