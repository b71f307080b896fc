//! WebSocket's own rules: frames, control frames and close codes.

use serde_json::json;

use crate::support::{
    client::{Client, hello},
    router::{CBOR, JSON, Router, Setup, Transport, batched},
    within,
    ws::{BINARY, CLOSE, CONTINUATION, FIN, Masking, PING, PONG, RawWebSocket, TEXT, frame},
};

/// A raw connection with JSON and a session.
async fn joined(router: &Router) -> RawWebSocket {
    let mut socket = RawWebSocket::new(router.connect((Transport::WebSocket, JSON)).await);
    socket.send(FIN | TEXT, hello("realm1").to_string().as_bytes()).await;
    let (opcode, welcome) = socket.receive().await.unwrap();
    assert_eq!(opcode, TEXT);
    assert!(welcome.starts_with(b"[2,"));
    socket
}

/// Octets that break a rule, and the close code that says so.
fn offences() -> Vec<(&'static str, Vec<u8>, u16)> {
    let masked = |first, payload: &[u8]| frame(first, payload, Masking::Masked);
    vec![
        ("binary in JSON", masked(FIN | BINARY, b"[]"), 1003),
        ("text that is not UTF-8", masked(FIN | TEXT, b"[\xff]"), 1007),
        ("a message above the limit", masked(FIN | TEXT, &vec![b' '; 70_000]), 1009),
        ("an unmasked frame", frame(FIN | TEXT, b"[]", Masking::Unmasked), 1002),
        ("a reserved bit", masked(FIN | 0x40 | TEXT, b"[]"), 1002),
        ("a reserved opcode", masked(FIN | 3, b""), 1002),
        ("a continuation of nothing", masked(FIN | CONTINUATION, b"[]"), 1002),
        ("a fragmented ping", masked(PING, b""), 1002),
        ("a long ping", masked(FIN | PING, &[0; 126]), 1002),
        (
            "fragments above the limit",
            {
                let mut octets = masked(TEXT, &vec![b' '; 40_000]);
                octets.extend(masked(FIN | CONTINUATION, &vec![b' '; 40_000]));
                octets
            },
            1009,
        ),
        (
            "a message within a message",
            {
                let mut octets = masked(TEXT, b"[");
                octets.extend(masked(FIN | TEXT, b"]"));
                octets
            },
            1002,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_offence_has_its_close_code_and_harms_nobody_else() {
    within(async {
        let setup =
            Setup { websocket_options: json!({"max_message_size": 65_536}), ..Setup::default() };
        let router = Router::start(&setup);
        let mut witness = Client::join(&router, (Transport::WebSocket, CBOR)).await;
        for (what, octets, code) in offences() {
            let mut socket = joined(&router).await;
            socket.write(&octets).await;
            assert_eq!(socket.close_code().await, Some(code), "{what}");
            witness.subscribe("com.a").await;
            assert_eq!(witness.messages_before_pong().await, [] as [serde_json::Value; 0]);
        }
        // The same before there is a session.
        for (what, octets, code) in offences() {
            let mut socket = RawWebSocket::new(router.connect((Transport::WebSocket, JSON)).await);
            socket.write(&octets).await;
            assert_eq!(socket.close_code().await, Some(code), "{what}");
        }
        let mut text = RawWebSocket::new(router.connect((Transport::WebSocket, CBOR)).await);
        text.send(FIN | TEXT, b"[]").await;
        assert_eq!(text.close_code().await, Some(1003));
        witness.leave().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_may_come_in_fragments_and_octet_by_octet() {
    within(async {
        let router = Router::start(&Setup::default());
        let mut socket = joined(&router).await;
        let message = br#"[32,1,{},"com.example.\u00e4"]"#;
        let mut octets = frame(TEXT, &message[..5], Masking::Masked);
        octets.extend(frame(FIN | PING, b"between", Masking::Masked));
        octets.extend(frame(CONTINUATION, &message[5..5], Masking::Masked));
        octets.extend(frame(FIN | CONTINUATION, &message[5..], Masking::Masked));
        for octet in octets {
            socket.write(&[octet]).await;
        }
        assert_eq!(socket.receive().await.unwrap(), (PONG, b"between".to_vec()));
        let (opcode, subscribed) = socket.receive().await.unwrap();
        assert_eq!(opcode, TEXT);
        assert!(subscribed.starts_with(b"[33,1,"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_frame_is_answered_with_its_code() {
    within(async {
        let router = Router::start(&Setup::default());
        let mut socket = joined(&router).await;
        socket.send(FIN | CLOSE, &1001_u16.to_be_bytes()).await;
        assert_eq!(socket.close_code().await, Some(1001));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_many_messages_is_handled_in_order() {
    within(async {
        let router = Router::start(&Setup::default());
        for serializer in [batched(JSON.format), batched(CBOR.format)] {
            let mut client = Client::join(&router, (Transport::WebSocket, serializer)).await;
            for request in 1..=100 {
                client.feed(&json!([16, request, {"acknowledge": true}, "com.a", [request]]));
            }
            client.flush().await;
            for request in 1..=100 {
                let published = client.hear().await;
                assert_eq!((&published[0], &published[1]), (&json!(17), &json!(request)));
            }
            client.leave().await;
        }
    })
    .await;
}
