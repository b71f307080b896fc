//! Opening connections: targets and handshakes.

use std::time::Duration;

use flowgate_client::{ConnectError, ConnectOptions, Connection, InvalidTarget, Target};
use flowgate_wire::{
    Batching, Format, Serializer,
    rawsocket::{Refusal, ReplyError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    net::{TcpListener, UnixListener},
};

use crate::peer::Transport;

#[test]
fn targets_are_read_from_urls() {
    for (url, shown) in [
        ("ws://localhost", "ws://localhost/"),
        ("wss://router.example:8443/ws?x=1", "wss://router.example:8443/ws?x=1"),
        ("rs://localhost:8080", "rs://localhost:8080"),
        ("tcp://127.0.0.1:8080", "rs://127.0.0.1:8080"),
        ("rs://[::1]:8080", "rs://[::1]:8080"),
        ("rss://router.example:8081", "rss://router.example:8081"),
        ("rs+unix:///run/router.sock", "rs+unix:///run/router.sock"),
        ("unix:/run/router.sock", "rs+unix:///run/router.sock"),
        ("unix:///run/router.sock", "rs+unix:///run/router.sock"),
    ] {
        assert_eq!(url.parse::<Target>().unwrap().to_string(), shown);
    }
}

#[test]
fn bad_targets_are_told_apart() {
    let scheme = |scheme: &str| InvalidTarget::Scheme { scheme: scheme.to_owned() };
    for (url, error) in [
        ("", InvalidTarget::Syntax),
        ("/ws", InvalidTarget::Syntax),
        ("http://localhost:8080", scheme("http")),
        ("rs://localhost", InvalidTarget::Port),
        ("rss://localhost", InvalidTarget::Port),
        ("unix:relative.sock", InvalidTarget::Path),
    ] {
        assert_eq!(url.parse::<Target>(), Err(error), "{url}");
    }
}

/// What opening a connection over `transport` to a router that answers `reply` comes to.
async fn refused(transport: Transport, options: ConnectOptions, reply: &[u8]) -> ConnectError {
    let (near, mut far) = duplex(4096);
    far.write_all(reply).await.unwrap();
    let opened = Connection::handshake(near, &transport.target(), &options).await;
    opened.err().expect("the handshake to fail")
}

#[tokio::test]
async fn a_rawsocket_refusal_is_told() {
    for (reply, expected) in [
        ([0x7f, 0x10, 0, 0], ReplyError::Refused(Refusal::SerializerUnsupported)),
        ([0x7f, 0x40, 0, 0], ReplyError::Refused(Refusal::TooManyConnections)),
        (*b"HTTP", ReplyError::NotRawSocket { first: b'H' }),
    ] {
        let error = refused(Transport::RawSocket, ConnectOptions::default(), &reply).await;
        assert!(
            matches!(&error, ConnectError::RawSocket(error) if *error == expected),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_websocket_refusal_is_told() {
    let reply = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    let error = refused(Transport::WebSocket, ConnectOptions::default(), reply).await;
    assert!(matches!(error, ConnectError::HttpStatus { status: 404 }), "{error:?}");
}

#[tokio::test]
async fn rawsocket_has_no_batched_serializers() {
    let batched = Serializer { format: Format::Json, batching: Batching::Batched };
    let error = refused(Transport::RawSocket, ConnectOptions::with_serializer(batched), &[]).await;
    assert!(matches!(error, ConnectError::NoSerializer), "{error:?}");
}

#[tokio::test]
async fn the_first_serializer_without_batching_is_asked_for() {
    let batched = Serializer { format: Format::Json, batching: Batching::Batched };
    let mut options = ConnectOptions::with_serializer(batched);
    options.serializers.push(Serializer::single(Format::MessagePack));
    let (near, mut far) = duplex(4096);
    far.write_all(&[0x7f, 0xf2, 0, 0]).await.unwrap();
    let target = Transport::RawSocket.target();
    let connection = Connection::handshake(near, &target, &options).await.unwrap();
    assert_eq!(connection.serializer(), Serializer::single(Format::MessagePack));
    let mut request = [0; 4];
    far.read_exact(&mut request).await.unwrap();
    assert_eq!(request, [0x7f, 0xf2, 0, 0]);
}

#[tokio::test]
async fn tcp_and_unix_sockets_are_opened() {
    let directory = std::env::temp_dir().join(format!("flowgate-client-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("router.sock");
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let unix = UnixListener::bind(&path).unwrap();
    let tcp_url = format!("rs://{}", tcp.local_addr().unwrap());
    let unix_url = format!("unix:{}", path.display());
    let accepting = tokio::spawn(async move {
        let (mut stream, _) = tcp.accept().await.unwrap();
        stream.write_all(&[0x7f, 0xf3, 0, 0]).await.unwrap();
        let (mut stream, _) = unix.accept().await.unwrap();
        stream.write_all(&[0x7f, 0xf3, 0, 0]).await.unwrap();
    });
    for url in [tcp_url, unix_url] {
        let target = url.parse().unwrap();
        let connection = Connection::open(&target, &ConnectOptions::default()).await.unwrap();
        assert_eq!(connection.serializer(), Serializer::single(Format::Cbor));
    }
    accepting.await.unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_router_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("rs://{}", listener.local_addr().unwrap()).parse().unwrap();
    let options = ConnectOptions { timeout: Duration::from_secs(3600), ..Default::default() };
    let error = Connection::open(&target, &options).await.err();
    assert!(matches!(error, Some(ConnectError::Timeout)), "{error:?}");
}
