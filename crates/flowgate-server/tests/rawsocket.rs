//! RawSocket's own rules: handshake, frames and their limits.

use flowgate_wire::rawsocket::{FrameHeader, FrameKind, MaxLength};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    client::{Client, hello},
    read_to_end,
    router::{CBOR, JSON, MSGPACK, Router, Setup, Transport},
    within,
};

const HANDSHAKE: [u8; 4] = [0x7f, 0xf1, 0, 0];

fn frame(kind: FrameKind, payload: &[u8]) -> Vec<u8> {
    let header = FrameHeader::new(kind, payload.len(), MaxLength::MAX).unwrap();
    [&header.to_octets()[..], payload].concat()
}

/// A raw connection with JSON, after the handshake.
async fn connected(router: &Router) -> TcpStream {
    let mut stream = router.tcp().await;
    stream.write_all(&HANDSHAKE).await.unwrap();
    let mut reply = [0; 4];
    stream.read_exact(&mut reply).await.unwrap();
    assert_eq!((reply[0], reply[1] & 0x0f, &reply[2..]), (0x7f, 1, &[0, 0][..]));
    stream
}

async fn receive(stream: &mut TcpStream) -> (FrameKind, Vec<u8>) {
    let mut header = [0; 4];
    stream.read_exact(&mut header).await.unwrap();
    let header = FrameHeader::parse(header).unwrap();
    let mut payload = vec![0; header.len()];
    stream.read_exact(&mut payload).await.unwrap();
    (header.kind(), payload)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_handshake_names_its_reason() {
    within(async {
        let setup = Setup { rawsocket: json!({"serializers": ["json"]}), ..Setup::default() };
        let router = Router::start(&setup);
        for (request, reply) in [
            // Serializer unsupported: MessagePack, UBJSON, FlatBuffers, an unknown one.
            ([0x7f, 0xf2, 0, 0], vec![0x7f, 0x10, 0, 0]),
            ([0x7f, 0xf4, 0, 0], vec![0x7f, 0x10, 0, 0]),
            ([0x7f, 0xf5, 0, 0], vec![0x7f, 0x10, 0, 0]),
            ([0x7f, 0xff, 0, 0], vec![0x7f, 0x10, 0, 0]),
            // Use of reserved bits.
            ([0x7f, 0xf1, 1, 0], vec![0x7f, 0x30, 0, 0]),
            ([0x7f, 0xf1, 0, 0x80], vec![0x7f, 0x30, 0, 0]),
        ] {
            let mut stream = router.tcp().await;
            stream.write_all(&request).await.unwrap();
            assert_eq!(read_to_end(&mut stream).await, reply, "{request:?}");
        }
        connected(&router).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_ping_is_answered_once_with_its_payload() {
    within(async {
        let router = Router::start(&Setup::default());
        let mut stream = connected(&router).await;
        for payload in [&b""[..], b"one", &[7; 70_000]] {
            stream.write_all(&frame(FrameKind::Ping, payload)).await.unwrap();
            assert_eq!(receive(&mut stream).await, (FrameKind::Pong, payload.to_vec()));
        }
        // Between messages, in pieces, and behind what ends a batch.
        let mut octets = frame(FrameKind::Regular, hello("realm1").to_string().as_bytes());
        octets.extend(frame(FrameKind::Ping, b"a"));
        octets.extend(frame(FrameKind::Regular, br#"[32,1,{},"com.a"]"#));
        octets.extend(frame(FrameKind::Pong, b"unasked"));
        octets.extend(frame(FrameKind::Ping, b"b"));
        octets.extend(frame(FrameKind::Regular, br#"[6,{},"wamp.close.close_realm"]"#));
        octets.extend(frame(FrameKind::Ping, b"c"));
        octets.extend(frame(FrameKind::Regular, hello("realm1").to_string().as_bytes()));
        octets.extend(frame(FrameKind::Ping, b"d"));
        for cut in [octets.len(), 1, 3, 50] {
            let mut stream = connected(&router).await;
            for piece in octets.chunks(cut) {
                stream.write_all(piece).await.unwrap();
            }
            let (mut pongs, mut types) = (String::new(), Vec::new());
            while pongs.len() < 4 || types.len() < 4 {
                match receive(&mut stream).await {
                    (FrameKind::Pong, payload) => pongs.push_str(str::from_utf8(&payload).unwrap()),
                    (FrameKind::Regular, payload) => types.push(payload[1]),
                    (FrameKind::Ping, _) => panic!("nobody asked"),
                }
            }
            assert_eq!((pongs.as_str(), &types[..]), ("abcd", &b"2362"[..]), "{cut}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_exactly_16_mib_passes() {
    within(async {
        let router = Router::start(&Setup::default());
        let mut callee = Client::join(&router, (Transport::RawSocket, CBOR)).await;
        let registration = callee.register("com.length").await;
        let mut caller = Client::join(&router, (Transport::RawSocket, MSGPACK)).await;
        let request = caller.request();
        let head = caller.encode(&json!([48, request, {}, "com.length", ["x".repeat(1 << 17)]]));
        let len = (1 << 24) - (head.len() - (1 << 17));
        let call = json!([48, request, {}, "com.length", ["x".repeat(len)]]);
        assert_eq!(caller.encode(&call).len(), 1 << 24);
        caller.say(&call).await;
        let invocation = callee.hear().await;
        assert_eq!(invocation[2], registration);
        assert_eq!(invocation[4][0].as_str().unwrap().len(), len);
        callee.say(&json!([70, invocation[1], {}, [len]])).await;
        assert_eq!(caller.hear().await, json!([50, request, {}, [len]]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_frame_ends_its_connection_and_no_other() {
    within(async {
        let rawsocket = json!({"options": {"max_message_size": 65_536}});
        let router = Router::start(&Setup { rawsocket, ..Setup::default() });
        let mut witness = Client::join(&router, (Transport::RawSocket, JSON)).await;
        let too_long = frame(FrameKind::Regular, &vec![b' '; 65_537]);
        let unknown_kind = vec![3, 0, 0, 0];
        let reserved_bits = vec![0xf0, 0, 0, 0];
        for octets in [too_long, unknown_kind, reserved_bits] {
            // Before a session there is nothing to say.
            let mut stream = connected(&router).await;
            let _ = stream.write_all(&octets).await;
            assert_eq!(read_to_end(&mut stream).await, b"");
            // In a session there is ABORT.
            let mut stream = connected(&router).await;
            let hello = frame(FrameKind::Regular, hello("realm1").to_string().as_bytes());
            stream.write_all(&hello).await.unwrap();
            assert_eq!(receive(&mut stream).await.1[1], b'2');
            let _ = stream.write_all(&octets).await;
            let (_, abort) = receive(&mut stream).await;
            let abort: serde_json::Value = serde_json::from_slice(&abort).unwrap();
            assert_eq!(
                (&abort[0], &abort[2]),
                (&json!(3), &json!("wamp.error.protocol_violation"))
            );
            assert_eq!(read_to_end(&mut stream).await, b"");
            witness.subscribe("com.a").await;
        }
        witness.leave().await;
    })
    .await;
}
