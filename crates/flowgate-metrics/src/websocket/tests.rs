//! Exactly as many connections as there are, however they end.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use flowgate_event::Timestamp;
use futures_core::Stream;
use futures_sink::Sink;
use futures_util::{FutureExt, SinkExt, StreamExt};

use super::{Message, MessageKind, Options, WebSocketMetrics};
use crate::{Registry, encode};

/// A message that is told what it is.
#[derive(Debug, Clone)]
struct Told(MessageKind, &'static [u8], Option<u16>);

impl Message for Told {
    fn kind(&self) -> MessageKind {
        self.0
    }
    fn payload(&self) -> &[u8] {
        self.1
    }
    fn close_code(&self) -> Option<u16> {
        self.2
    }
}

const TEXT: Told = Told(MessageKind::Text, b"hello", None);
const PING: Told = Told(MessageKind::Ping, b"p1", None);
const PONG: Told = Told(MessageKind::Pong, b"p1", None);
const BYE: Told = Told(MessageKind::Close, b"bye", Some(1000));

/// A connection that has these messages to be read, and takes so many.
#[derive(Debug, Default)]
struct Socket {
    to_read: VecDeque<Told>,
    room_count: usize,
}

impl Stream for Socket {
    type Item = Result<Told, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.to_read.pop_front().map(Ok))
    }
}

impl Sink<Told> for Socket {
    type Error = &'static str;

    fn poll_ready(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Ok(()))
    }
    fn start_send(mut self: Pin<&mut Self>, _message: Told) -> Result<(), &'static str> {
        self.room_count = self.room_count.checked_sub(1).ok_or("closed")?;
        Ok(())
    }
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Ok(()))
    }
    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Ok(()))
    }
}

/// The value of a sample, by what stands before it on its line.
fn value(registry: &Registry, sample: &str) -> Option<f64> {
    let mut page = String::new();
    encode::text(&registry.scrape(), &mut page);
    let line = page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.map(|value| value.parse().unwrap())
}

fn open(registry: &Registry) -> f64 {
    value(registry, "ws_open_connections{endpoint=\"chat\"}").unwrap()
}

#[test]
fn messages_bytes_pings_and_the_first_close_are_counted() {
    static NOW: AtomicU64 = AtomicU64::new(0);
    let registry = Registry::new();
    let clock = || Timestamp::from_nanos(NOW.load(Ordering::Relaxed));
    let options = Options { clock: Some(clock), ..Options::default() };
    let sockets = WebSocketMetrics::register_with(&registry, &options).unwrap();
    let wrong = Told(MessageKind::Pong, b"p0", None);
    let to_read = [TEXT, wrong, PONG, PONG, Told(MessageKind::Close, b"", Some(1001))];
    let mut socket =
        sockets.endpoint("chat").meter(Socket { to_read: to_read.into(), room_count: 3 });
    for message in [TEXT, PING, BYE] {
        socket.send(message).now_or_never().unwrap().unwrap();
    }
    assert!(socket.send(TEXT).now_or_never().unwrap().is_err(), "the socket takes three");
    NOW.store(2_000_000_000, Ordering::Relaxed);
    let pongs = "ws_ping_rtt_seconds_count{endpoint=\"chat\"}";
    for expected in [0.0, 0.0, 1.0, 1.0] {
        socket.next().now_or_never().unwrap().unwrap().unwrap();
        assert_eq!(value(&registry, pongs), Some(expected), "only the pong that answers counts");
    }
    while socket.next().now_or_never().unwrap().is_some() {}
    assert_eq!(open(&registry), 1.0);
    drop(socket);
    let messages = |labels: &str| {
        value(&registry, &format!("ws_messages_total{{endpoint=\"chat\",{labels}}}"))
    };
    assert_eq!(messages("direction=\"out\",kind=\"text\""), Some(1.0));
    assert_eq!(messages("direction=\"out\",kind=\"ping\""), Some(1.0));
    assert_eq!(messages("direction=\"in\",kind=\"pong\""), Some(3.0));
    assert_eq!(messages("direction=\"in\",kind=\"binary\""), Some(0.0));
    let bytes = |direction| {
        value(&registry, &format!("ws_bytes_total{{endpoint=\"chat\",direction=\"{direction}\"}}"))
    };
    assert_eq!((bytes("in"), bytes("out")), (Some(11.0), Some(10.0)));
    let sum_and_count = |name: &str| {
        let part = |part| value(&registry, &format!("{name}_{part}{{endpoint=\"chat\"}}")).unwrap();
        (part("sum"), part("count"))
    };
    assert_eq!(sum_and_count("ws_ping_rtt_seconds"), (2.0, 1.0));
    assert_eq!(sum_and_count("ws_connection_duration_seconds"), (2.0, 1.0));
    assert_eq!(
        value(&registry, "ws_closes_total{endpoint=\"chat\",code_class=\"normal\"}"),
        Some(1.0)
    );
    assert_eq!(
        value(&registry, "ws_closes_total{endpoint=\"chat\",code_class=\"going_away\"}"),
        None
    );
    assert_eq!(open(&registry), 0.0);
}

#[test]
fn a_connection_without_a_close_frame_ended_abnormally() {
    let registry = Registry::new();
    let sockets = WebSocketMetrics::register(&registry).unwrap();
    drop(sockets.endpoint("chat").meter(Socket::default()));
    assert_eq!(
        value(&registry, "ws_closes_total{endpoint=\"chat\",code_class=\"abnormal\"}"),
        Some(1.0)
    );
}

#[test]
fn a_close_frame_that_answers_another_does_not_count() {
    let registry = Registry::new();
    let sockets = WebSocketMetrics::register(&registry).unwrap();
    let to_read = [Told(MessageKind::Close, b"", Some(1001))];
    let mut socket =
        sockets.endpoint("chat").meter(Socket { to_read: to_read.into(), room_count: 1 });
    socket.next().now_or_never().unwrap().unwrap().unwrap();
    socket.send(BYE).now_or_never().unwrap().unwrap();
    drop(socket);
    assert_eq!(
        value(&registry, "ws_closes_total{endpoint=\"chat\",code_class=\"going_away\"}"),
        Some(1.0)
    );
    assert_eq!(value(&registry, "ws_closes_total{endpoint=\"chat\",code_class=\"normal\"}"), None);
}

#[test]
fn the_unlabelled_gauge_is_the_sum_over_endpoints_and_only_there_on_request() {
    let registry = Registry::new();
    let sockets = WebSocketMetrics::register(&registry).unwrap();
    let _a = sockets.endpoint("chat").meter(());
    assert_eq!(value(&registry, "open_connections"), None);
    let registry = Registry::new();
    let options = Options { compat_open_connections: true, ..Options::default() };
    let sockets = WebSocketMetrics::register_with(&registry, &options).unwrap();
    let a = sockets.endpoint("a").meter(());
    let _b = sockets.endpoint("b").meter(());
    assert_eq!(value(&registry, "open_connections"), Some(2.0));
    drop(a);
    assert_eq!(value(&registry, "open_connections"), Some(1.0));
}

/// 10,000 connections, a thousand at a time, that end by return, panic, abort, and by a task that
/// is dropped before it ever ran.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn n_open_are_n_and_10_000_churned_are_0() {
    const CHURNED: usize = 10_000;
    let registry = Registry::new();
    let endpoint = WebSocketMetrics::register(&registry).unwrap().endpoint("chat");
    let staying: Vec<_> = (0..7).map(|_| endpoint.meter(())).collect();
    for _ in 0..CHURNED / 1000 {
        let (release, _) = tokio::sync::broadcast::channel::<()>(1);
        let tasks: Vec<_> = (0..1000)
            .map(|number| {
                let (socket, mut released) = (endpoint.meter(()), release.subscribe());
                tokio::spawn(async move {
                    let _ = released.recv().await;
                    let _socket = socket;
                    assert!(number % 4 != 0, "on purpose");
                })
            })
            .collect();
        assert_eq!(open(&registry), 1007.0);
        tasks.iter().skip(1).step_by(4).for_each(tokio::task::JoinHandle::abort);
        drop(release);
        for task in tasks {
            let _ = task.await;
        }
        assert_eq!(open(&registry), 7.0);
    }
    drop(staying);
    assert_eq!(open(&registry), 0.0);
    assert_eq!(value(&registry, "ws_connections_total{endpoint=\"chat\"}"), Some(10_007.0));
}

#[cfg(feature = "tower")]
mod layer {
    use std::future::{Ready, pending, ready};

    use http::{Request, Response, StatusCode};
    use tower_layer::Layer;
    use tower_service::Service;

    use super::*;
    use crate::websocket::{Endpoint, MeteredUpgradeLayer};

    /// Answers with a status, or an error for status 599.
    struct Answers;

    impl Service<Request<StatusCode>> for Answers {
        type Response = Response<()>;
        type Error = &'static str;
        type Future = Pin<Box<dyn Future<Output = Result<Response<()>, &'static str>>>>;

        fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<StatusCode>) -> Self::Future {
            let is_named = request.extensions().get::<Endpoint>().is_some();
            assert_eq!(is_named, request.headers().contains_key("upgrade"));
            let answer = |status: StatusCode| -> Ready<Result<Response<()>, &'static str>> {
                let mut response = Response::new(());
                *response.status_mut() = status;
                ready(Ok(response))
            };
            match request.into_body() {
                status if status.as_u16() == 598 => Box::pin(pending()),
                status if status.as_u16() == 599 => Box::pin(ready(Err("broken"))),
                status => Box::pin(answer(status)),
            }
        }
    }

    fn request(status: u16, upgrade: Option<&str>) -> Request<StatusCode> {
        let mut builder = Request::get("/chat/secret?token=1");
        if let Some(upgrade) = upgrade {
            builder = builder.header("upgrade", upgrade);
        }
        builder.body(StatusCode::from_u16(status).unwrap()).unwrap()
    }

    #[test]
    fn handshakes_are_counted_by_result_and_open_nothing() {
        let registry = Registry::new();
        let sockets = WebSocketMetrics::register(&registry).unwrap();
        let mut service = MeteredUpgradeLayer::named(&sockets, "chat").layer(Answers);
        for status in [101, 101, 403, 400, 599] {
            let _ = service.call(request(status, Some("WebSocket"))).now_or_never().unwrap();
        }
        let _ = service.call(request(200, None)).now_or_never().unwrap();
        let given_up = service.call(request(598, Some("h2c, websocket")));
        assert!(given_up.now_or_never().is_none());
        let count = |result| {
            value(
                &registry,
                &format!("ws_handshakes_total{{endpoint=\"chat\",result=\"{result}\"}}"),
            )
        };
        let counts = ["accepted", "refused", "failed", "aborted"].map(count);
        assert_eq!(counts, [Some(2.0), Some(2.0), Some(1.0), Some(1.0)]);
        assert_eq!(open(&registry), 0.0);
    }
}
