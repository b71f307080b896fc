//! A connection: WAMP messages in and out, without the rules of a session.

mod reader;
mod writer;

use std::time::Duration;

use bytes::Bytes;
use flowgate_wire::{DecodeError, Format, Limits, Message, Serializer, rawsocket::MaxLength};

use crate::{BoxedStream, ConnectionError, FeedError, Traffic, TrafficCounter, link::SharedLink};

pub use reader::ConnectionReader;
pub use writer::ConnectionWriter;

/// How long [`Connection::close`] waits for the router to close too.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A transport connection to a router, after its handshake.
///
/// It carries WAMP messages, counts them, and knows nothing of sessions; open one with
/// [`Connection::open`], and hand it to [`Session::join`](crate::Session::join) for the rest.
pub struct Connection {
    reader: ConnectionReader,
    writer: ConnectionWriter,
}

/// One received WAMP message, still serialized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    format: Format,
    octets: Bytes,
}

/// What a connection can receive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A WAMP message.
    Frame(Frame),
    /// The answer to a [`ping`](ConnectionWriter::feed_ping), with its payload.
    Pong(Bytes),
}

impl Frame {
    /// Decodes the message, within the default limits.
    ///
    /// # Errors
    /// [`DecodeError`]: the router's fault.
    pub fn message(&self) -> Result<Message<'_>, DecodeError> {
        Message::decode(self.format, &self.octets, &Limits::default())
    }

    /// The serialized message.
    #[must_use]
    pub const fn octets(&self) -> &Bytes {
        &self.octets
    }

    /// The format of the serialized message.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }
}

impl Connection {
    pub(crate) fn new(
        link: SharedLink,
        serializer: Serializer,
        max_sent: Option<MaxLength>,
    ) -> Self {
        let traffic = TrafficCounter::default();
        let writer = ConnectionWriter::new(link.clone(), serializer, traffic.clone(), max_sent);
        let reader = ConnectionReader::new(link, serializer, traffic);
        Self { reader, writer }
    }

    /// The negotiated serializer.
    #[must_use]
    pub const fn serializer(&self) -> Serializer {
        self.reader.serializer()
    }

    /// What has been carried so far.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.reader.traffic().traffic()
    }

    /// A view of the traffic that outlives the connection.
    #[must_use]
    pub fn traffic_counter(&self) -> TrafficCounter {
        self.reader.traffic().clone()
    }

    /// Both halves, for tasks that receive and send at the same time.
    #[must_use]
    pub fn split(self) -> (ConnectionReader, ConnectionWriter) {
        (self.reader, self.writer)
    }

    /// The sending half, for what only it can do.
    pub const fn writer(&mut self) -> &mut ConnectionWriter {
        &mut self.writer
    }

    /// The receiving half, for what only it can do.
    pub const fn reader(&mut self) -> &mut ConnectionReader {
        &mut self.reader
    }

    /// Both halves, to receive and send at the same time.
    pub(crate) const fn halves(&mut self) -> (&mut ConnectionReader, &mut ConnectionWriter) {
        (&mut self.reader, &mut self.writer)
    }

    /// Receives the next message; as [`ConnectionReader::recv`].
    ///
    /// Cancellation safety: safe, no message is lost.
    ///
    /// # Errors
    /// [`ConnectionError`], after which the connection is of no more use.
    pub async fn recv(&mut self) -> Result<Frame, ConnectionError> {
        self.reader.recv().await
    }

    /// Sends one message at once: [`feed`](ConnectionWriter::feed) and
    /// [`flush`](ConnectionWriter::flush).
    ///
    /// Cancellation safety: the message counts as sent as soon as the future is polled; what is not
    /// yet written goes out with the next flush.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(&mut self, message: &Message<'_>) -> Result<(), SendError> {
        self.writer.feed(message)?;
        Ok(self.writer.flush().await?)
    }

    /// Sends any octets as one transport message, at once; as
    /// [`feed_raw`](ConnectionWriter::feed_raw).
    ///
    /// Cancellation safety: as [`send`](Self::send).
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub async fn send_raw(&mut self, octets: Vec<u8>) -> Result<(), ConnectionError> {
        self.writer.feed_raw(octets);
        self.writer.flush().await
    }

    /// Flushes, closes this side, and waits until the router has closed too, at most
    /// [`CLOSE_TIMEOUT`]; messages that arrive meanwhile are counted and dropped.
    ///
    /// To break a connection off instead, drop it.
    ///
    /// Cancellation safety: dropping the future breaks the connection off.
    ///
    /// # Errors
    /// [`ConnectionError`] if this side could not be closed.
    pub async fn close(mut self) -> Result<(), ConnectionError> {
        let closing = async {
            self.writer.close().await?;
            while self.reader.recv().await.is_ok() {}
            Ok(())
        };
        // A router that never closes loses the connection when it is dropped.
        tokio::time::timeout(CLOSE_TIMEOUT, closing).await.unwrap_or(Ok(()))
    }

    /// The stream below the transport, after its handshake, for tests that break the transport's
    /// rules; what is buffered in either direction is lost.
    #[must_use]
    pub fn into_stream(self) -> Option<BoxedStream> {
        drop(self.writer);
        self.reader.into_link().into_stream()
    }
}

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The message cannot be sent; the connection goes on.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The connection ended.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}
