//! Connections: messages, framing and counters.

use std::io;

use flowgate_client::{Connection, ConnectionError, FeedError, Received, Volume};
use flowgate_wire::{
    Batching, Format, Serializer,
    batch::BatchError,
    rawsocket::{FrameError, FrameKind, MaxLength},
};
use futures_util::SinkExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio_tungstenite::tungstenite::{self, protocol::CloseFrame};

use crate::peer::{Counting, Transport, all_links, connect, message, pair, pair_with, transcode};

const JSON: Serializer = Serializer::single(Format::Json);

const EVENT: &str = r#"[36,5,9,{},["text",1,-1,0.5,null,true],{"key":[]}]"#;
const PUBLISH: &str = r#"[16,1,{},"com.example.topic",["text",1]]"#;

async fn failure(connection: &mut Connection) -> ConnectionError {
    connection.recv().await.expect_err("the connection to fail")
}

#[tokio::test]
async fn messages_pass_and_are_counted_without_framing() {
    for (transport, serializer) in all_links() {
        let (mut connection, mut peer) = pair(transport, serializer).await;
        assert_eq!(connection.serializer(), serializer);
        connection.send(&message(PUBLISH)).await.unwrap();
        connection.writer().feed(&message(PUBLISH)).unwrap();
        connection.writer().feed(&message(r#"[48,2,{},"com.example.sum"]"#)).unwrap();
        connection.writer().flush().await.unwrap();
        peer.expect(PUBLISH).await;
        peer.expect(PUBLISH).await;
        peer.expect(r#"[48,2,{},"com.example.sum"]"#).await;
        peer.send_all(&[EVENT, "[33,1,5]"]).await;
        for json in [EVENT, "[33,1,5]"] {
            let frame = connection.recv().await.unwrap();
            frame.message().unwrap();
            let octets = transcode(frame.octets(), frame.format(), Format::Json);
            assert_eq!(String::from_utf8(octets).unwrap(), json);
        }
        assert_eq!(connection.traffic().sent, peer.received, "{transport:?} {serializer:?}");
        assert_eq!(connection.traffic().received, peer.sent, "{transport:?} {serializer:?}");
        assert_eq!(connection.traffic().received.messages, 2);
    }
}

#[tokio::test]
async fn what_is_fed_goes_out_in_one_write() {
    for (transport, serializer) in all_links() {
        let (near, far) = duplex(1 << 20);
        let (near, writes) = Counting::new(near);
        let (mut connection, mut peer) =
            connect(near, far, transport, serializer, MaxLength::MAX).await;
        writes.take();
        for _ in 0..100 {
            connection.writer().feed(&message(PUBLISH)).unwrap();
        }
        assert_eq!(writes.take(), 0);
        connection.writer().flush().await.unwrap();
        assert_eq!(writes.take(), 1, "{transport:?} {serializer:?}");
        assert!(!connection.writer().needs_flush());
        let messages = peer.recv_messages().await.len();
        assert_eq!(messages, if serializer.batching == Batching::Batched { 100 } else { 1 });
    }
}

#[tokio::test]
async fn a_batch_that_grows_too_long_is_followed_by_another() {
    let serializer = Serializer { format: Format::Cbor, batching: Batching::Batched };
    let (mut connection, mut peer) = pair(Transport::WebSocket, serializer).await;
    let long = format!(r#"[16,1,{{}},"com.example.topic",["{}"]]"#, "x".repeat(100 << 10));
    for _ in 0..3 {
        connection.writer().feed(&message(&long)).unwrap();
    }
    connection.writer().flush().await.unwrap();
    assert_eq!(peer.recv_messages().await.len(), 2);
    assert_eq!(peer.recv_messages().await.len(), 1);
}

#[tokio::test]
async fn a_bad_batch_ends_the_connection() {
    let serializer = Serializer { format: Format::MessagePack, batching: Batching::Batched };
    let (mut connection, mut peer) = pair(Transport::WebSocket, serializer).await;
    peer.send_octets(Vec::new()).await;
    let error = failure(&mut connection).await;
    assert!(matches!(error, ConnectionError::Batch(BatchError::Empty)), "{error:?}");
}

#[tokio::test]
async fn rawsocket_pings_are_answered_and_pongs_shown() {
    let (mut connection, mut peer) = pair(Transport::RawSocket, JSON).await;
    peer.send_frame(FrameKind::Ping, b"").await;
    peer.send_frame(FrameKind::Ping, b"are you there").await;
    peer.send(EVENT).await;
    connection.recv().await.unwrap();
    assert_eq!(peer.recv_frame().await, (FrameKind::Pong, Vec::new()));
    assert_eq!(peer.recv_frame().await, (FrameKind::Pong, b"are you there".to_vec()));

    connection.writer().feed_ping(b"and you".to_vec());
    connection.writer().flush().await.unwrap();
    assert_eq!(peer.recv_frame().await, (FrameKind::Ping, b"and you".to_vec()));
    peer.send_frame(FrameKind::Pong, b"and you").await;
    let pong = connection.reader().recv_any().await.unwrap();
    assert_eq!(pong, Received::Pong("and you".into()));
    assert_eq!(connection.traffic().received.messages, 1);
    assert_eq!(connection.traffic().sent, Volume::default());
}

#[tokio::test]
async fn websocket_pings_are_answered_and_pongs_shown() {
    let (mut connection, mut peer) = pair(Transport::WebSocket, JSON).await;
    peer.websocket().send(tungstenite::Message::Ping("here?".into())).await.unwrap();
    peer.send(EVENT).await;
    connection.recv().await.unwrap();
    assert_eq!(peer.recv_octets().await, b"here?");

    connection.writer().feed_ping(b"and you".to_vec());
    connection.writer().flush().await.unwrap();
    assert_eq!(peer.recv_octets().await, b"and you");
    peer.websocket().flush().await.unwrap();
    let pong = connection.reader().recv_any().await.unwrap();
    assert_eq!(pong, Received::Pong("and you".into()));
}

#[tokio::test]
async fn a_pong_passes_a_writer_that_waits() {
    let (connection, mut peer) = pair_with(Transport::RawSocket, JSON, 64, MaxLength::MAX).await;
    let (mut reader, mut writer) = connection.split();
    let long = vec![b'x'; 10_000];
    writer.feed_octets(&long).unwrap();
    let writing = tokio::spawn(async move {
        writer.flush().await.unwrap();
        writer
    });
    let reading = tokio::spawn(async move { reader.recv().await });
    peer.send_frame(FrameKind::Ping, b"ping").await;
    // Both tasks have been polled and wait for room.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(peer.recv_octets().await, long);
    assert_eq!(peer.recv_frame().await, (FrameKind::Pong, b"ping".to_vec()));
    writing.await.unwrap();
    peer.send(EVENT).await;
    reading.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_long_pong_needs_no_writer() {
    let (mut connection, mut peer) =
        pair_with(Transport::RawSocket, JSON, 64, MaxLength::MAX).await;
    let reading = tokio::spawn(async move { connection.recv().await });
    let ping = vec![b'x'; 1000];
    peer.send_frame(FrameKind::Ping, &ping).await;
    assert_eq!(peer.recv_frame().await, (FrameKind::Pong, ping));
    peer.send(EVENT).await;
    reading.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_websocket_close_code_is_told() {
    let (mut connection, mut peer) = pair(Transport::WebSocket, JSON).await;
    let frame = CloseFrame { code: 1002.into(), reason: "broken".into() };
    peer.websocket().close(Some(frame)).await.unwrap();
    let error = failure(&mut connection).await;
    assert!(
        matches!(&error, ConnectionError::Closed { code: Some(1002), reason } if reason == "broken"),
        "{error:?}"
    );
    peer.expect_close().await;
}

#[tokio::test]
async fn a_websocket_close_code_can_be_sent() {
    let (mut connection, mut peer) = pair(Transport::WebSocket, JSON).await;
    connection.writer().feed_close(1001, "bye");
    connection.writer().flush().await.unwrap();
    let closed = futures_util::StreamExt::next(peer.websocket()).await.unwrap().unwrap();
    let frame = CloseFrame { code: 1001.into(), reason: "bye".into() };
    assert_eq!(closed, tungstenite::Message::Close(Some(frame)));
}

#[tokio::test]
async fn the_end_of_a_rawsocket_is_told_from_its_break() {
    let (mut connection, mut peer) = pair(Transport::RawSocket, JSON).await;
    peer.send(EVENT).await;
    drop(peer);
    connection.recv().await.unwrap();
    let error = failure(&mut connection).await;
    assert!(matches!(error, ConnectionError::Closed { code: None, .. }), "{error:?}");

    let (mut connection, mut peer) = pair(Transport::RawSocket, JSON).await;
    peer.rawsocket().write_all(&[0, 0, 0, 9, b'[']).await.unwrap();
    drop(peer);
    let error = failure(&mut connection).await;
    assert!(
        matches!(&error, ConnectionError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof),
        "{error:?}"
    );
}

#[tokio::test]
async fn closing_waits_for_the_router() {
    for transport in [Transport::WebSocket, Transport::RawSocket] {
        let (connection, mut peer) = pair(transport, JSON).await;
        let counter = connection.traffic_counter();
        peer.send(EVENT).await;
        let (closed, ()) = tokio::join!(connection.close(), peer.expect_close());
        closed.unwrap();
        assert_eq!(counter.traffic().received, peer.sent);
    }
}

#[tokio::test]
async fn a_message_that_the_router_does_not_take_is_not_sent() {
    let (mut connection, mut peer) =
        pair_with(Transport::RawSocket, JSON, 1 << 20, MaxLength::MIN).await;
    let error = connection.writer().feed_octets(&[b' '; 513]).unwrap_err();
    let expected = FrameError::TooLong { len: 513, max: 512 };
    assert!(matches!(error, FeedError::TooLong(error) if error == expected), "{error:?}");
    connection.writer().feed_octets(&[b' '; 512]).unwrap();
    connection.writer().flush().await.unwrap();
    assert_eq!(peer.recv_octets().await.len(), 512);
    assert_eq!(connection.traffic().sent, Volume { messages: 1, bytes: 512 });
}

#[tokio::test]
async fn bad_rawsocket_frames_end_the_connection() {
    for (octets, expected) in [
        ([0x10, 0, 0, 0], FrameError::ReservedBits { first: 0x10 }),
        ([0x07, 0, 0, 0], FrameError::UnknownKind { number: 7 }),
    ] {
        let (mut connection, mut peer) = pair(Transport::RawSocket, JSON).await;
        peer.rawsocket().write_all(&octets).await.unwrap();
        let error = failure(&mut connection).await;
        assert!(matches!(&error, ConnectionError::Frame(error) if *error == expected), "{error:?}");
    }
}

#[tokio::test]
async fn a_websocket_message_of_the_wrong_kind_ends_the_connection() {
    let (mut connection, mut peer) = pair(Transport::WebSocket, JSON).await;
    peer.websocket().send(tungstenite::Message::binary(EVENT)).await.unwrap();
    let error = failure(&mut connection).await;
    let expected = matches!(error, ConnectionError::WrongWebSocketMessage { format: Format::Json });
    assert!(expected, "{error:?}");
}

#[tokio::test]
async fn raw_octets_pass_unchecked_and_uncounted() {
    let (mut connection, mut peer) = pair(Transport::RawSocket, JSON).await;
    connection.send_raw(b"\xff\x00".to_vec()).await.unwrap();
    assert_eq!(peer.recv_octets().await, b"\xff\x00");
    assert_eq!(connection.traffic().sent, Volume::default());

    let (mut connection, mut peer) = pair(Transport::WebSocket, JSON).await;
    connection.send_raw(b"\xff\x00".to_vec()).await.unwrap();
    let received = futures_util::StreamExt::next(peer.websocket()).await.unwrap();
    assert!(matches!(received, Err(tungstenite::Error::Utf8(_))), "{received:?}");
}

#[tokio::test]
async fn the_stream_below_can_be_taken_out() {
    for transport in [Transport::WebSocket, Transport::RawSocket] {
        let (connection, peer) = pair(transport, JSON).await;
        let mut stream = connection.into_stream().unwrap();
        let mut far = match peer.stream {
            crate::peer::PeerStream::WebSocket(stream) => stream.into_inner(),
            crate::peer::PeerStream::RawSocket(stream) => stream,
        };
        stream.write_all(b"anything").await.unwrap();
        let mut octets = [0; 8];
        far.read_exact(&mut octets).await.unwrap();
        assert_eq!(&octets, b"anything");
    }
}
