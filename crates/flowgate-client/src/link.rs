//! Transports below WAMP: whole transport messages in and out, by polling.

mod rawsocket;
mod websocket;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::ConnectionError;

pub(crate) use rawsocket::RawSocketLink;
pub(crate) use websocket::WebSocketLink;

/// A byte stream that a transport runs on.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// Any [`ByteStream`].
pub type BoxedStream = Box<dyn ByteStream>;

/// What a transport received.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// One WAMP message, or one batch.
    Message(Bytes),
    /// The answer to a PING.
    Pong(Bytes),
}

/// What a transport is to send.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// One WAMP message, or one batch.
    Message(Vec<u8>),
    /// A PING with its payload.
    Ping(Vec<u8>),
    /// A WebSocket close frame; nothing in RawSocket.
    Close { code: u16, reason: String },
}

impl Outgoing {
    /// Octets of its payload.
    pub(crate) const fn len(&self) -> usize {
        match self {
            Self::Message(octets) | Self::Ping(octets) => octets.len(),
            Self::Close { reason, .. } => reason.len(),
        }
    }
}

/// A transport after its handshake.
///
/// One task may receive while another sends: each side's waker is kept.
/// All methods are cancellation safe in the sense of polling: what is pending stays pending.
pub(crate) trait Link: Send {
    /// The next message; PINGs are answered on the way. An error is the last item.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, ConnectionError>>;

    /// Room for one more [`start_send`](Self::start_send).
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>>;

    /// Buffers one transport message; only after a successful [`poll_ready`](Self::poll_ready).
    fn start_send(&mut self, outgoing: Outgoing) -> Result<(), ConnectionError>;

    /// Writes all that is buffered.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>>;

    /// Flushes, then says that nothing more will be sent.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>>;

    /// The stream below; drops what is buffered in either direction.
    fn into_stream(self: Box<Self>) -> BoxedStream;
}

/// A link that a reader and a writer share; each locks it for the time of one poll.
#[derive(Clone)]
pub(crate) struct SharedLink(Arc<Mutex<Box<dyn Link>>>);

impl SharedLink {
    pub(crate) fn new(link: impl Link + 'static) -> Self {
        Self(Arc::new(Mutex::new(Box::new(link))))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Box<dyn Link>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stream below, if this is the only handle.
    pub(crate) fn into_stream(self) -> Option<BoxedStream> {
        let link = Arc::into_inner(self.0)?.into_inner().unwrap_or_else(PoisonError::into_inner);
        Some(link.into_stream())
    }
}
