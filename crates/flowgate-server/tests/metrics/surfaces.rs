//! What scrapers, programs and people are shown.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::page::Page;
use crate::support::{
    client::Client,
    router::{JSON, REALM, Router, Setup, Transport},
    within,
};

/// The head and the body of the answer to a request with these header lines.
async fn request(address: SocketAddr, method: &str, path: &str, head: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let host = if head.starts_with("Host:") { "" } else { "Host: localhost\r\n" };
    let request = format!("{method} {path} HTTP/1.1\r\n{host}Connection: close\r\n{head}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|octets| octets == b"\r\n\r\n").unwrap();
    let body = answer.split_off(end + 4);
    (String::from_utf8(answer).unwrap().to_lowercase(), body)
}

/// A page in a browser whose name leads to the loopback interface reads nothing and changes
/// nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_names_somebody_else_is_refused() {
    within(async {
        let router =
            Router::start(&Setup::with_flowgate(json!({"admin": {"hosts": ["proxy.example"]}})));
        let address = router.admin_address();
        for (method, path) in [
            ("GET", "/metrics"),
            ("GET", "/api/traces"),
            ("GET", "/api/traces/any/records"),
            ("GET", "/api/stats"),
            ("POST", "/api/traces"),
            ("POST", "/api/stats/record?do=start"),
        ] {
            let head = "Host: rebound.example:8081\r\nX-Flowgate-Change: 1\r\n";
            let (head, body) = request(address, method, path, head).await;
            assert!(head.starts_with("http/1.1 403"), "{method} {path}: {head}");
            let body = String::from_utf8(body).unwrap();
            assert!(body.contains("rebound.example") && body.contains("flowgate.admin.hosts"));
        }
        let by_address = format!("Host: {address}\r\n");
        for head in ["Host: proxy.example\r\n", "Host: localhost:8081\r\n", &by_address] {
            let (answer, _) = request(address, "GET", "/metrics", head).await;
            assert!(answer.starts_with("http/1.1 200"), "{head}: {answer}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scraper_gets_the_format_and_the_compression_that_it_asks_for() {
    within(async {
        let router = Router::start(&Setup::default());
        let _client = Client::join(&router, (Transport::RawSocket, JSON)).await;
        for (accept, content_type, start) in [
            ("", "text/plain; version=0.0.4", &b"# HELP "[..]),
            ("Accept: application/openmetrics-text;version=1.0.0\r\n", "openmetrics", b"# TYPE "),
            (
                "Accept: application/vnd.google.protobuf;\
                 proto=io.prometheus.client.MetricFamily;encoding=delimited\r\n",
                "io.prometheus.client.metricfamily",
                b"",
            ),
        ] {
            let (head, body) = request(router.admin_address(), "GET", "/metrics", accept).await;
            assert!(head.starts_with("http/1.1 200"), "{head}");
            assert!(head.contains(content_type), "{head}");
            assert!(body.starts_with(start), "{accept}");
            assert_eq!(body.ends_with(b"# EOF\n"), accept.contains("openmetrics"));
            assert!(!head.contains("content-encoding"));
            let accept = format!("{accept}Accept-Encoding: gzip\r\n");
            let (head, compressed) =
                request(router.admin_address(), "GET", "/metrics", &accept).await;
            assert!(head.contains("content-encoding: gzip"), "{head}");
            assert!(compressed.len() < body.len() / 2);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_the_metrics_can_be_asked_for() {
    within(async {
        let router = Router::start(&Setup::default());
        let mut client = Client::join(&router, (Transport::RawSocket, JSON)).await;
        client.subscribe("com.topic").await;
        let path = format!("/metrics/detailed?family=flowgate_messages_total&realm={REALM}&top=2");
        let (status, body) = router.admin(&path).await;
        assert_eq!(status, 200, "{body}");
        let names: Vec<String> = Page::parse(&body).names().map(str::to_owned).collect();
        assert_eq!(names, ["flowgate_messages_total"; 2], "{body}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tree_of_stats_is_filtered_by_each_of_its_levels() {
    within(async {
        let router = Router::start(&Setup::default());
        let _client = Client::join(&router, (Transport::RawSocket, JSON)).await;
        let path = format!("/api/stats?cat=session&cont={REALM}&stat=SessionsJoined");
        let (status, body) = router.admin(&path).await;
        assert_eq!(status, 200, "{body}");
        let tree: Value = serde_json::from_str(&body).unwrap();
        let stat = &tree["session"][REALM]["SessionsJoined"];
        assert_eq!(stat["Value"], json!(1.0));
        assert_eq!(tree["session"][REALM].as_object().unwrap().len(), 1);
        let (_, body) = router.admin("/api/stats?cont=nowhere").await;
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), json!({}));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_query_is_refused_with_the_reason() {
    within(async {
        let router = Router::start(&Setup::default());
        for (path, reason) in [
            ("/metrics?family=x", "no such parameter as \"family\""),
            ("/metrics/detailed?family=nothing", "family: no metric has a name that starts"),
            ("/metrics/detailed?realm=nowhere", "realm: there is no realm \"nowhere\""),
            ("/metrics/detailed?top=0", "top: \"0\" is no whole number above 0"),
            ("/metrics/detailed?top=1&top=2", "top is given twice"),
            ("/api/stats?category=x", "no such parameter as \"category\""),
            ("/api/stats/show?level=loud", "level: \"loud\" is neither info nor debug"),
            ("/api/stats/report?format=xml", "format: no such format as \"xml\""),
        ] {
            let (status, body) = router.admin(path).await;
            assert_eq!(status, 400, "{path} {body}");
            assert!(body.starts_with(reason), "{path} {body}");
        }
        let (status, body) = router.admin("/api/stats/show?name=nonsense").await;
        assert_eq!(status, 404);
        assert!(body.contains("nonsense"), "{body}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_in_a_browser_cannot_start_a_recording() {
    within(async {
        let router = Router::start(&Setup::default());
        let path = "/api/stats/record?do=stop";
        let (head, _) = request(router.admin_address(), "GET", path, "").await;
        assert!(head.starts_with("http/1.1 405"), "{head}");
        let (head, _) = request(router.admin_address(), "POST", path, "").await;
        assert!(head.starts_with("http/1.1 403"), "{head}");
        let change = "x-flowgate-change: yes\r\n";
        let (head, body) = request(router.admin_address(), "POST", path, change).await;
        assert!(head.starts_with("http/1.1 409"), "{head}");
        assert_eq!(body, b"stats are not recorded\n");
    })
    .await;
}
