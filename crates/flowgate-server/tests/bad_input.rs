//! Messages that no client should send.

use serde_json::{Value, json};

use crate::support::{
    client::{Client, goodbye, hello},
    router::{CBOR, JSON, MSGPACK, Router, Setup, Transport, all_links},
    within,
};

const PROTOCOL_VIOLATION: &str = "wamp.error.protocol_violation";

/// Hears ABORT with this reason, and then the end of the connection.
async fn expect_abort(client: &mut Client, reason: &str, what: &str) {
    let (messages, code) = client.end().await;
    let types: Vec<_> = messages.iter().map(|message| message[0].clone()).collect();
    assert_eq!(types, [3], "{what}: {messages:?} {code:?}");
    assert_eq!(messages[0][2], reason, "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_message_ends_its_session_and_no_other() {
    within(async {
        let router = Router::start(&Setup::default());
        let mut witness = Client::join(&router, (Transport::RawSocket, CBOR)).await;
        let malformed: [(_, &[&[u8]]); 3] = [
            (
                JSON,
                &[
                    b"",
                    b"[",
                    b"{}",
                    b"[]",
                    b"nonsense",
                    b"[16,1,{},\"com.a\"",
                    b"[16,1,{},\"com.a\"]]",
                    b"[16,-1,{},\"com.a\"]",
                    b"[16,1.5,{},\"com.a\"]",
                    b"[4711]",
                    b"[16]",
                    b"[16,1,[],\"com.a\"]",
                    b"[16,1,{},7]",
                    b"[16,1,{},\"com.a\",[\"\\ud800\"]]",
                ],
            ),
            (
                MSGPACK,
                &[
                    b"",
                    b"\xc1",
                    b"\x94\x10\x01\x80",
                    b"\x90",
                    b"\x81\xa1a\x01",
                    b"\x94\x10\x01\x80\xa2\xff\xfe",
                    b"\xdd\xff\xff\xff\xff",
                ],
            ),
            (
                CBOR,
                &[
                    b"",
                    b"\xff",
                    b"\x84\x10\x01\xa0",
                    b"\x80",
                    b"\xa1\x61a\x01",
                    b"\x84\x10\x01\xa0\x62\xff\xfe",
                    b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
                ],
            ),
        ];
        for (serializer, messages) in malformed {
            for transport in [Transport::RawSocket, Transport::WebSocket, Transport::RawSocketTls] {
                for octets in messages {
                    for session in [false, true] {
                        let mut client = Client::connect(&router, (transport, serializer)).await;
                        if session {
                            client.join_realm("realm1").await;
                        }
                        client.connection.send_raw(octets.to_vec()).await.unwrap();
                        let what = format!("{transport:?} {serializer:?} {octets:?} {session}");
                        expect_abort(&mut client, PROTOCOL_VIOLATION, &what).await;
                    }
                    let request = witness.request();
                    witness.say(&json!([16, request, {"acknowledge": true}, "com.a"])).await;
                    assert_eq!(witness.hear().await[0], 17);
                }
            }
        }
        witness.leave().await;
        let (_, health) = router.admin("/healthz").await;
        assert!(health.contains("violations "), "{health}");
        assert!(!health.contains("violations 0"), "{health}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_batch_ends_its_session() {
    within(async {
        let router = Router::start(&Setup::default());
        for (format, octets) in [
            // An empty message, lengths that promise too much, and half a length.
            (JSON.format, b"[16,1,{},\"com.a\"]\x1e\x1e".to_vec()),
            (MSGPACK.format, vec![0, 0, 1, 0, 0x90]),
            (CBOR.format, vec![0xff; 3]),
        ] {
            let link = (Transport::WebSocket, crate::support::router::batched(format));
            let mut client = Client::join(&router, link).await;
            client.connection.send_raw(octets).await.unwrap();
            expect_abort(&mut client, PROTOCOL_VIOLATION, &format!("{format:?}")).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_cannot_be_opened_is_aborted_with_the_reason() {
    within(async {
        let router = Router::start(&Setup::default());
        let cases: [(Value, &str); 5] = [
            (hello("elsewhere"), "wamp.error.no_such_realm"),
            (json!([1, "realm1", {}]), PROTOCOL_VIOLATION),
            (json!([1, "realm1", {"roles": {}}]), PROTOCOL_VIOLATION),
            (json!([16, 1, {}, "com.a"]), PROTOCOL_VIOLATION),
            (json!([2, 1, {"roles": {}}]), PROTOCOL_VIOLATION),
        ];
        for link in all_links() {
            for (message, reason) in &cases {
                let mut client = Client::connect(&router, link).await;
                client.say(message).await;
                expect_abort(&mut client, reason, &format!("{link:?} {message}")).await;
            }
        }
        let mut client = Client::connect(&router, (Transport::RawSocket, JSON)).await;
        client.say(&hello("no realm # at all")).await;
        let (messages, _) = client.end().await;
        assert_eq!(messages[0][0], 3, "{messages:?}");
        // Before a session, GOODBYE is just the end.
        let mut client = Client::connect(&router, (Transport::RawSocket, JSON)).await;
        client.say(&goodbye()).await;
        let (messages, _) = client.end().await;
        assert!(messages.iter().all(|message| message[0] == 3), "{messages:?}");
        assert_eq!(router.session_count().await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_no_client_sends_ends_the_session() {
    within(async {
        let router = Router::start(&Setup::default());
        for link in all_links() {
            for message in [
                hello("realm1"),
                json!([2, 1, {}]),
                json!([4, "ticket", {}]),
                json!([36, 1, 1, {}]),
                json!([50, 1, {}]),
                json!([17, 1, 1]),
                // An invocation that was never made.
                json!([70, 4711, {}]),
            ] {
                let mut client = Client::join(&router, link).await;
                client.say(&message).await;
                let what = format!("{link:?} {message}");
                expect_abort(&mut client, PROTOCOL_VIOLATION, &what).await;
            }
        }
    })
    .await;
}
