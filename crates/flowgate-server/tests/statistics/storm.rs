//! Accounts that are opened and closed while the connection is busy with something else.

use flowgate_client::Received;
use flowgate_wire::{Dict, Value as WampValue};
use serde_json::json;
use tokio::sync::watch;

use crate::support::{
    client::{Client, goodbye, hello, to_json},
    meta::{Monitor, check_account},
    router::{CBOR, JSON, MSGPACK, Router, Setup, Transport},
    within,
};

/// How often each client leaves and returns.
const ROUND_COUNT: usize = 60;

/// The threads of the publishers write to a connection whose own task is closing its session.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sessions_may_leave_and_return_in_a_storm_of_events() {
    within(async {
        let router = Router::start(&Setup::default());
        let mut monitor = Monitor::join(&router, (Transport::Unix, CBOR)).await;
        let (calm, storm) = watch::channel(());
        let mut publishers = Vec::new();
        for link in [(Transport::RawSocket, CBOR), (Transport::WebSocket, JSON)] {
            let session = router.join(link).await;
            let storm = storm.clone();
            publishers.push(tokio::spawn(async move {
                let payload = WampValue::from("x".repeat(30_000));
                while storm.has_changed().is_ok() {
                    session
                        .publish_acknowledged("com.storm", Dict::EMPTY, payload.clone())
                        .await
                        .unwrap();
                }
            }));
        }
        for transport in [Transport::RawSocket, Transport::WebSocket, Transport::WebSocketTls] {
            let mut client = Client::connect(&router, (transport, MSGPACK)).await;
            for _ in 0..ROUND_COUNT {
                client.start_account();
                client.join_realm("realm1").await;
                client.subscribe("com.storm").await;
                client.hear_type(36).await;
                client.leave().await;
                check_account(&monitor.life_of(client.session).await, &client);
            }
        }
        drop(calm);
        drop(storm);
        for publisher in publishers {
            publisher.await.unwrap();
        }
    })
    .await;
}

/// WELCOME waits behind a PONG that fills the socket; what the client says meanwhile has to wait,
/// too, since the first window ends with WELCOME.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_join_window_ends_with_welcome_however_long_that_takes() {
    within(async {
        let router = Router::start(&Setup::default());
        let mut monitor = Monitor::join(&router, (Transport::Unix, CBOR)).await;
        for transport in [Transport::RawSocket, Transport::Unix, Transport::RawSocketTls] {
            let mut client = Client::connect(&router, (transport, JSON)).await;
            client.connection.writer().feed_ping(vec![7; 12 << 20]);
            client.feed(&hello("realm1"));
            client.feed(&json!([16, 1, {"acknowledge": true}, "com.a"]));
            client.feed(&goodbye());
            client.flush().await;
            let Received::Pong(payload) = client.connection.reader().recv_any().await.unwrap()
            else {
                panic!("no PONG");
            };
            assert_eq!(payload.len(), 12 << 20);
            client.expect_welcome().await;
            assert_eq!(client.hear().await[0], 17);
            let frame = client.connection.recv().await.unwrap();
            assert_eq!(to_json(&frame)[0], 6);
            let windows = monitor.life_of(client.session).await;
            assert_eq!(windows.len(), 2);
            assert_eq!((windows[0].received.messages, windows[0].sent.messages), (1, 1));
            assert_eq!((windows[1].received.messages, windows[1].sent.messages), (2, 2));
        }
    })
    .await;
}
