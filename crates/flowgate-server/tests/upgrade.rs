//! The WebSocket upgrade.

use flowgate_client::ConnectOptions;
use flowgate_wire::{Format, Serializer};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::support::{
    client::Client,
    read_to_end,
    router::{CBOR, JSON, MSGPACK, Router, Setup, Transport, batched},
    within,
};

/// What the router answers to an HTTP request, up to the end of the connection.
async fn ask(router: &Router, request: &str) -> String {
    let mut stream = router.tcp().await;
    stream.write_all(request.replace('\n', "\r\n").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    String::from_utf8(read_to_end(&mut stream).await).unwrap()
}

fn upgrade(path: &str, protocols: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\nHost: flowgate\nConnection: Upgrade\nUpgrade: websocket\n\
         Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n{protocols}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_common_subprotocol_of_the_clients_list_is_chosen() {
    within(async {
        let router = Router::start(&Setup::default());
        for serializers in [
            vec![CBOR, JSON],
            vec![JSON, CBOR],
            vec![batched(Format::MessagePack), MSGPACK],
            vec![batched(Format::Json)],
        ] {
            let options =
                ConnectOptions { serializers: serializers.clone(), ..ConnectOptions::default() };
            let connection = router.connect_with(Transport::WebSocket, &options).await;
            assert_eq!(connection.serializer(), serializers[0]);
            let mut client = Client::new(connection);
            client.join_realm("realm1").await;
            client.leave().await;
        }
        let unknown_first = "Sec-WebSocket-Protocol: wamp.2.ubjson, chat\n\
                             Sec-WebSocket-Protocol: wamp.2.msgpack, wamp.2.json\n";
        let answer = ask(&router, &upgrade("/ws", unknown_first)).await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        assert!(answer.to_lowercase().contains("sec-websocket-protocol: wamp.2.msgpack\r\n"));
        assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_upgrade_is_answered_in_http() {
    within(async {
        let router = Router::start(&Setup::default());
        let json = "Sec-WebSocket-Protocol: wamp.2.json\n";
        for (request, status) in [
            (upgrade("/ws", "Sec-WebSocket-Protocol: wamp.2.ubjson, chat\n"), "400"),
            (upgrade("/ws", ""), "400"),
            (upgrade("/elsewhere", json), "404"),
            (upgrade("/", json), "404"),
            ("GET /ws HTTP/1.1\nHost: flowgate\n\n".to_owned(), "426"),
            ("GET / HTTP/1.1\nHost: flowgate\n\n".to_owned(), "404"),
            // The long-poll transport, at the path of another and at one of its own.
            ("POST /ws/open HTTP/1.1\nHost: flowgate\nContent-Length: 2\n\n{}".to_owned(), "400"),
            ("POST /lp/open HTTP/1.1\nHost: flowgate\nContent-Length: 2\n\n{}".to_owned(), "400"),
            ("this is not HTTP at all\n\n".to_owned(), "400"),
        ] {
            let answer = ask(&router, &request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request} gives {answer}");
            assert!(answer.contains("\r\n\r\n"), "{answer}");
        }
        // Nobody was harmed.
        let mut client = Client::join(&router, (Transport::WebSocket, JSON)).await;
        client.leave().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_serializer_that_is_not_configured_is_not_chosen() {
    within(async {
        let setup = Setup { rawsocket: json!({"serializers": ["cbor"]}), ..Setup::default() };
        let router = Router::start(&setup);
        let options = ConnectOptions::with_serializer(Serializer::single(Format::Json));
        let target = router.url(Transport::RawSocket).parse().unwrap();
        let refused = flowgate_client::Connection::open(&target, &options).await;
        assert!(
            matches!(&refused, Err(flowgate_client::ConnectError::RawSocket(_))),
            "{:?}",
            refused.err()
        );
        let mut client = Client::join(&router, (Transport::RawSocket, CBOR)).await;
        client.leave().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_subprotocol_json_is_assumed_where_the_configuration_says_so() {
    within(async {
        let setup = Setup {
            websocket_options: json!({"require_websocket_subprotocol": false}),
            ..Setup::default()
        };
        let router = Router::start(&setup);
        let answer = ask(&router, &upgrade("/ws", "")).await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        let unknown = "Sec-WebSocket-Protocol: chat\n";
        let answer = ask(&router, &upgrade("/ws", unknown)).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    })
    .await;
}
