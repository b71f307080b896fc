//! Clients that keep silent.

use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::support::{
    client::{Client, hello},
    meta::{Meta, Monitor},
    read_to_end,
    router::{CBOR, JSON, Router, Setup, Transport},
    within,
    ws::{FIN, PING, RawWebSocket, TEXT},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_answers_no_ping_is_dropped_and_its_leaving_published() {
    within(async {
        let keepalive = json!({"interval": 0.1, "timeout": 0.1, "rawsocket": true});
        let router = Router::start(&Setup::with_flowgate(json!({"keepalive": keepalive})));
        // The monitor answers its pings, and stays.
        let mut monitor = Monitor::join(&router, (Transport::RawSocket, CBOR)).await;
        for transport in [Transport::WebSocket, Transport::WebSocketTls] {
            let mut socket = RawWebSocket::new(router.connect((transport, JSON)).await);
            socket.send(FIN | TEXT, hello("realm1").to_string().as_bytes()).await;
            socket.receive().await.unwrap();
            let Meta::Join { session, .. } = monitor.next().await else { panic!("no join") };
            assert!(matches!(socket.receive().await, Some((PING, _))));
            while !matches!(monitor.next_of(session).await, Meta::Leave { .. }) {}
            assert!(socket.receive().await.is_none());
        }
        for transport in [Transport::RawSocket, Transport::Unix, Transport::RawSocketTls] {
            let client = Client::join(&router, (transport, JSON)).await;
            let mut stream = client.connection.into_stream().unwrap();
            while !matches!(monitor.next_of(client.session).await, Meta::Leave { .. }) {}
            let rest = read_to_end(&mut stream).await;
            // One PING without payload.
            assert_eq!(rest, [1, 0, 0, 0]);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_opens_no_session_in_time_is_dropped() {
    within(async {
        let flowgate = json!({"handshake_timeout": 0.1});
        let router = Router::start(&Setup::with_flowgate(flowgate));
        for octets in [&b""[..], b"\x7f", b"GET /ws HTTP/1.1\r\n"] {
            let mut stream = router.tcp().await;
            stream.write_all(octets).await.unwrap();
            assert_eq!(read_to_end(&mut stream).await, b"");
        }
        let mut websocket = RawWebSocket::new(router.connect((Transport::WebSocket, JSON)).await);
        assert!(websocket.close_code().await.is_some());
        let mut rawsocket = Client::connect(&router, (Transport::RawSocket, JSON)).await;
        assert_eq!(rawsocket.end().await, (Vec::new(), None));
        // A second session has as much time as the first, and no more.
        let mut client = Client::join(&router, (Transport::Unix, CBOR)).await;
        client.leave().await;
        assert_eq!(client.end().await, (Vec::new(), None));
    })
    .await;
}
