//! The wrapper in a real server: axum on one side, tungstenite on the other.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use axum::Router;
use axum::extract::ws::Message;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use flowgate_metrics::websocket::{MeteredUpgrade, MeteredUpgradeLayer, WebSocketMetrics};
use flowgate_metrics::{Registry, encode};
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message as ClientMessage;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Sends back what it gets; panics at the word `panic`.
async fn echo(upgrade: MeteredUpgrade) -> Response {
    upgrade.on_upgrade(|mut socket| async move {
        while let Some(Ok(message)) = socket.next().await {
            assert_ne!(message, Message::text("panic"), "as asked for");
            if matches!(message, Message::Close(_)) || socket.send(message).await.is_err() {
                break;
            }
        }
    })
}

async fn refuse(_upgrade: MeteredUpgrade) -> Response {
    StatusCode::FORBIDDEN.into_response()
}

/// A server, and its address.
async fn serve(registry: &Registry) -> String {
    let sockets = WebSocketMetrics::register(registry).unwrap();
    let app = Router::new()
        .route("/chat/{room}", any(echo))
        .route("/closed", any(refuse))
        .route_layer(MeteredUpgradeLayer::by_route(&sockets));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("ws://{address}")
}

fn value(registry: &Registry, sample: &str) -> f64 {
    let mut page = String::new();
    encode::text(&registry.scrape(), &mut page);
    let line = page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}

fn open(registry: &Registry) -> f64 {
    value(registry, "ws_open_connections{endpoint=\"/chat/{room}\"}")
}

/// Waits for the server to have noticed.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(address: &str, number: usize) -> Client {
    let (mut client, _) = connect_async(format!("{address}/chat/room{number}")).await.unwrap();
    // What comes back shows that the connection is being served.
    client.send(ClientMessage::text("hello")).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), ClientMessage::text("hello"));
    client
}

#[tokio::test]
async fn connections_count_by_route_until_they_end_however_they_do() {
    let registry = Registry::new();
    let address = serve(&registry).await;
    let mut clients = Vec::new();
    for number in 0..4 {
        clients.push(connect(&address, number).await);
    }
    assert_eq!(open(&registry), 4.0);

    clients.pop().unwrap().close(None).await.unwrap();
    until(|| open(&registry) == 3.0).await;
    clients.pop().unwrap().send(ClientMessage::text("panic")).await.unwrap();
    until(|| open(&registry) == 2.0).await;
    drop(clients.pop());
    until(|| open(&registry) == 1.0).await;

    assert!(connect_async(format!("{address}/closed")).await.is_err());
    assert!(connect_async(format!("{address}/nothing/there")).await.is_err());
    assert_eq!(open(&registry), 1.0);
    let handshakes = |endpoint: &str, result: &str| {
        value(
            &registry,
            &format!("ws_handshakes_total{{endpoint=\"{endpoint}\",result=\"{result}\"}}"),
        )
    };
    assert_eq!(handshakes("/chat/{room}", "accepted"), 4.0);
    assert_eq!(handshakes("/closed", "refused"), 1.0);
    let closes = |class: &str| {
        value(
            &registry,
            &format!("ws_closes_total{{endpoint=\"/chat/{{room}}\",code_class=\"{class}\"}}"),
        )
    };
    assert_eq!((closes("no_code"), closes("abnormal")), (1.0, 2.0));
    let labels = "endpoint=\"/chat/{room}\",direction=\"out\",kind=\"text\"";
    assert_eq!(value(&registry, &format!("ws_messages_total{{{labels}}}")), 4.0);
}
