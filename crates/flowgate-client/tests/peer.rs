//! A scripted router: what it says and what it expects are messages in JSON, whatever the format
//! on the wire.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use flowgate_client::{ByteStream, ConnectOptions, Connection, Volume};
use flowgate_wire::{
    Batching, Format, Limits, Message, Serializer, batch,
    rawsocket::{FrameHeader, FrameKind, Handshake, MaxLength},
};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        self,
        handshake::server::{ErrorResponse, Request, Response},
    },
};

/// Octets that a stream holds in each direction, unless a test says otherwise.
const STREAM_BYTES: usize = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    WebSocket,
    RawSocket,
}

impl Transport {
    pub(crate) fn target(self) -> flowgate_client::Target {
        let url = match self {
            Self::WebSocket => "ws://router.example/ws",
            Self::RawSocket => "rs://router.example:8080",
        };
        url.parse().unwrap()
    }
}

/// All transports with all serializers that they can have.
pub(crate) fn all_links() -> Vec<(Transport, Serializer)> {
    let single = Format::ALL.map(Serializer::single);
    let batched = Format::ALL.map(|format| Serializer { format, batching: Batching::Batched });
    let websocket = single.into_iter().chain(batched).map(|s| (Transport::WebSocket, s));
    websocket.chain(single.map(|s| (Transport::RawSocket, s))).collect()
}

pub(crate) struct Peer {
    pub(crate) stream: PeerStream,
    serializer: Serializer,
    pub(crate) received: Volume,
    pub(crate) sent: Volume,
    batch: VecDeque<Vec<u8>>,
}

pub(crate) enum PeerStream {
    WebSocket(Box<WebSocketStream<DuplexStream>>),
    RawSocket(DuplexStream),
}

/// A connection and the router's end of it.
pub(crate) async fn pair(transport: Transport, serializer: Serializer) -> (Connection, Peer) {
    pair_with(transport, serializer, STREAM_BYTES, MaxLength::MAX).await
}

/// A pair over a stream that holds `stream_bytes`, with a router that takes up to `max_length`.
pub(crate) async fn pair_with(
    transport: Transport,
    serializer: Serializer,
    stream_bytes: usize,
    max_length: MaxLength,
) -> (Connection, Peer) {
    let (near, far) = duplex(stream_bytes);
    connect(near, far, transport, serializer, max_length).await
}

pub(crate) async fn connect(
    near: impl ByteStream + 'static,
    far: DuplexStream,
    transport: Transport,
    serializer: Serializer,
    max_length: MaxLength,
) -> (Connection, Peer) {
    let target = transport.target();
    let options = ConnectOptions::with_serializer(serializer);
    let (connection, peer) = tokio::join!(
        Connection::handshake(near, &target, &options),
        Peer::accept(far, transport, serializer, max_length)
    );
    (connection.unwrap(), peer)
}

impl Peer {
    async fn accept(
        mut stream: DuplexStream,
        transport: Transport,
        serializer: Serializer,
        max_length: MaxLength,
    ) -> Self {
        let stream = match transport {
            Transport::WebSocket => {
                let name = serializer.subprotocol().parse().unwrap();
                #[allow(clippy::result_large_err, reason = "the callback's signature")]
                let pick = |_: &Request, mut response: Response| {
                    response.headers_mut().insert("Sec-WebSocket-Protocol", name);
                    Ok::<_, ErrorResponse>(response)
                };
                PeerStream::WebSocket(Box::new(accept_hdr_async(stream, pick).await.unwrap()))
            }
            Transport::RawSocket => {
                let mut request = [0; 4];
                stream.read_exact(&mut request).await.unwrap();
                let Handshake { format, .. } = Handshake::parse_request(request).unwrap();
                let reply = Handshake { max_length, format }.to_octets();
                stream.write_all(&reply).await.unwrap();
                PeerStream::RawSocket(stream)
            }
        };
        let (received, sent) = Default::default();
        Self { stream, serializer, received, sent, batch: VecDeque::new() }
    }

    /// Sends a message that is given in JSON.
    pub(crate) async fn send(&mut self, json: &str) {
        self.send_all(&[json]).await;
    }

    /// Sends messages; with a batched serializer, in one batch.
    pub(crate) async fn send_all(&mut self, messages: &[&str]) {
        let mut octets = Vec::new();
        for json in messages {
            let message = transcode(json.as_bytes(), Format::Json, self.serializer.format);
            self.sent.messages += 1;
            self.sent.bytes += message.len() as u64;
            match self.serializer.batching {
                Batching::Single => self.send_octets(message).await,
                Batching::Batched => {
                    batch::append(self.serializer.format, &mut octets, |out| {
                        out.extend(message);
                        Ok::<_, batch::BatchError>(())
                    })
                    .unwrap();
                }
            }
        }
        if self.serializer.batching == Batching::Batched {
            self.send_octets(octets).await;
        }
    }

    /// Sends one transport message.
    pub(crate) async fn send_octets(&mut self, octets: Vec<u8>) {
        match &mut self.stream {
            PeerStream::WebSocket(stream) => {
                let message = if self.serializer.format == Format::Json {
                    tungstenite::Message::text(String::from_utf8(octets).unwrap())
                } else {
                    tungstenite::Message::binary(octets)
                };
                stream.send(message).await.unwrap();
            }
            PeerStream::RawSocket(_) => self.send_frame(FrameKind::Regular, &octets).await,
        }
    }

    pub(crate) async fn send_frame(&mut self, kind: FrameKind, octets: &[u8]) {
        let header = FrameHeader::new(kind, octets.len(), MaxLength::MAX).unwrap();
        let stream = self.rawsocket();
        stream.write_all(&header.to_octets()).await.unwrap();
        stream.write_all(octets).await.unwrap();
    }

    /// Receives a message and compares it with one in JSON.
    pub(crate) async fn expect(&mut self, json: &str) {
        let message = self.recv().await;
        assert_eq!(String::from_utf8(message).unwrap(), json);
    }

    /// Receives a message, as JSON.
    pub(crate) async fn recv(&mut self) -> Vec<u8> {
        while self.batch.is_empty() {
            self.batch = self.recv_messages().await.into();
        }
        let message = self.batch.pop_front().unwrap();
        self.received.messages += 1;
        self.received.bytes += message.len() as u64;
        transcode(&message, self.serializer.format, Format::Json)
    }

    /// Receives one transport message and takes it apart.
    pub(crate) async fn recv_messages(&mut self) -> Vec<Vec<u8>> {
        let octets = self.recv_octets().await;
        match self.serializer.batching {
            Batching::Single => vec![octets],
            Batching::Batched => batch::split(self.serializer.format, &octets)
                .map(|message| message.unwrap().to_vec())
                .collect(),
        }
    }

    /// Receives one transport message.
    pub(crate) async fn recv_octets(&mut self) -> Vec<u8> {
        match &mut self.stream {
            PeerStream::WebSocket(stream) => {
                stream.next().await.unwrap().unwrap().into_data().to_vec()
            }
            PeerStream::RawSocket(_) => {
                let (kind, octets) = self.recv_frame().await;
                assert_eq!(kind, FrameKind::Regular);
                octets
            }
        }
    }

    pub(crate) async fn recv_frame(&mut self) -> (FrameKind, Vec<u8>) {
        let stream = self.rawsocket();
        let mut header = [0; 4];
        stream.read_exact(&mut header).await.unwrap();
        let header = FrameHeader::parse(header).unwrap();
        let mut octets = vec![0; header.len()];
        stream.read_exact(&mut octets).await.unwrap();
        (header.kind(), octets)
    }

    /// Waits until the client has closed, and closes.
    pub(crate) async fn expect_close(&mut self) {
        match &mut self.stream {
            PeerStream::WebSocket(stream) => {
                let close = stream.next().await.unwrap().unwrap();
                assert!(close.is_close(), "{close:?}");
                assert!(stream.next().await.is_none());
            }
            PeerStream::RawSocket(stream) => {
                assert_eq!(
                    stream.read_u8().await.unwrap_err().kind(),
                    io::ErrorKind::UnexpectedEof
                );
                stream.shutdown().await.unwrap();
            }
        }
    }

    pub(crate) fn rawsocket(&mut self) -> &mut DuplexStream {
        match &mut self.stream {
            PeerStream::WebSocket(_) => panic!("a WebSocket peer"),
            PeerStream::RawSocket(stream) => stream,
        }
    }

    pub(crate) fn websocket(&mut self) -> &mut WebSocketStream<DuplexStream> {
        match &mut self.stream {
            PeerStream::WebSocket(stream) => stream,
            PeerStream::RawSocket(_) => panic!("a RawSocket peer"),
        }
    }
}

pub(crate) fn transcode(octets: &[u8], from: Format, to: Format) -> Vec<u8> {
    let mut out = Vec::new();
    Message::decode(from, octets, &Limits::default()).unwrap().encode(to, &mut out);
    out
}

pub(crate) fn message(json: &str) -> Message<'_> {
    Message::decode(Format::Json, json.as_bytes(), &Limits::default()).unwrap()
}

/// A stream that counts its writes.
pub(crate) struct Counting {
    stream: DuplexStream,
    writes: Arc<AtomicUsize>,
}

impl Counting {
    pub(crate) fn new(stream: DuplexStream) -> (Self, Writes) {
        let writes = Arc::new(AtomicUsize::new(0));
        (Self { stream, writes: Arc::clone(&writes) }, Writes(writes))
    }
}

/// How often a [`Counting`] stream was written to.
pub(crate) struct Writes(Arc<AtomicUsize>);

impl Writes {
    pub(crate) fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
