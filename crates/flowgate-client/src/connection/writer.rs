//! The sending half of a connection.

use std::{collections::VecDeque, future::poll_fn};

use flowgate_wire::{
    Batching, Message, Serializer, batch,
    rawsocket::{FrameHeader, FrameKind, MaxLength},
};

use crate::{
    ConnectionError, FeedError, TrafficCounter,
    link::{Outgoing, SharedLink},
};

/// Octets above which a batch is not added to: the next message begins another one.
///
/// Far below what any router takes, and enough for one write of a socket's buffer.
const BATCH_BYTES: usize = 128 << 10;

/// The sending half of a [`Connection`](crate::Connection).
pub struct ConnectionWriter {
    link: SharedLink,
    serializer: Serializer,
    traffic: TrafficCounter,
    /// The longest message that the router takes, if it has said.
    max_sent: Option<MaxLength>,
    /// What was fed since the last flush.
    queue: VecDeque<Outgoing>,
    queued_bytes: usize,
    /// Whether the last of the queue is a batch that takes more.
    batch_open: bool,
    /// Whether the link may hold octets that are not written yet.
    unflushed: bool,
}

impl ConnectionWriter {
    pub(super) const fn new(
        link: SharedLink,
        serializer: Serializer,
        traffic: TrafficCounter,
        max_sent: Option<MaxLength>,
    ) -> Self {
        Self {
            link,
            serializer,
            traffic,
            max_sent,
            queue: VecDeque::new(),
            queued_bytes: 0,
            batch_open: false,
            unflushed: false,
        }
    }

    /// Encodes a message into the buffer; nothing is written before a [`flush`](Self::flush), so
    /// that all that was fed goes out in as few writes as the socket takes.
    ///
    /// With a batched serializer, messages fed between two flushes share transport messages.
    ///
    /// # Errors
    /// [`FeedError`] if the router does not take so long a message; nothing is buffered then.
    pub fn feed(&mut self, message: &Message<'_>) -> Result<(), FeedError> {
        let format = self.serializer.format;
        self.feed_with(|out| {
            message.encode(format, out);
            Ok(())
        })
    }

    /// Buffers a message that is serialized already, well-formed or not; it is framed and counted
    /// like any other.
    ///
    /// # Errors
    /// [`FeedError`], as [`feed`](Self::feed).
    pub fn feed_octets(&mut self, octets: &[u8]) -> Result<(), FeedError> {
        self.feed_with(|out| {
            out.extend_from_slice(octets);
            Ok(())
        })
    }

    /// Buffers one transport message with any octets: with a batched serializer, a whole batch.
    /// It is not counted.
    pub fn feed_raw(&mut self, octets: Vec<u8>) {
        self.push(Outgoing::Message(octets));
    }

    /// Buffers a PING; the answer comes from [`ConnectionReader::recv_any`](crate::ConnectionReader::recv_any).
    ///
    /// WebSocket allows up to 125 octets.
    pub fn feed_ping(&mut self, payload: Vec<u8>) {
        self.push(Outgoing::Ping(payload));
    }

    /// Buffers a WebSocket close frame; does nothing on RawSocket.
    pub fn feed_close(&mut self, code: u16, reason: impl Into<String>) {
        self.push(Outgoing::Close { code, reason: reason.into() });
    }

    /// Octets fed and not yet given to the transport.
    #[must_use]
    pub const fn buffered_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Whether a flush has something to do.
    #[must_use]
    pub fn needs_flush(&self) -> bool {
        self.unflushed || !self.queue.is_empty()
    }

    /// Writes all that was fed.
    ///
    /// Cancellation safety: safe, the next flush goes on where this one stopped.
    ///
    /// # Errors
    /// [`ConnectionError`], after which the connection is of no more use.
    pub async fn flush(&mut self) -> Result<(), ConnectionError> {
        self.hand_over().await?;
        poll_fn(|cx| self.link.lock().poll_flush(cx)).await?;
        self.unflushed = false;
        Ok(())
    }

    /// Flushes and says that nothing more will be sent: a close frame without code on WebSocket,
    /// the end of the stream on RawSocket.
    ///
    /// Cancellation safety: safe to call again.
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub async fn close(&mut self) -> Result<(), ConnectionError> {
        self.flush().await?;
        poll_fn(|cx| self.link.lock().poll_close(cx)).await
    }

    /// Gives all that was fed to the link.
    async fn hand_over(&mut self) -> Result<(), ConnectionError> {
        self.batch_open = false;
        while !self.queue.is_empty() {
            poll_fn(|cx| self.link.lock().poll_ready(cx)).await?;
            if let Some(outgoing) = self.queue.pop_front() {
                self.queued_bytes = self.queued_bytes.saturating_sub(outgoing.len());
                self.unflushed = true;
                self.link.lock().start_send(outgoing)?;
            }
        }
        Ok(())
    }

    fn feed_with(
        &mut self,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), FeedError>,
    ) -> Result<(), FeedError> {
        let bytes = match self.serializer.batching {
            Batching::Single => self.feed_single(encode)?,
            Batching::Batched => self.feed_batched(encode)?,
        };
        self.traffic.count_sent(bytes);
        Ok(())
    }

    fn feed_single(
        &mut self,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), FeedError>,
    ) -> Result<usize, FeedError> {
        let mut octets = Vec::new();
        encode(&mut octets)?;
        let bytes = octets.len();
        if let Some(max) = self.max_sent {
            FrameHeader::new(FrameKind::Regular, bytes, max)?;
        }
        self.push(Outgoing::Message(octets));
        Ok(bytes)
    }

    fn feed_batched(
        &mut self,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), FeedError>,
    ) -> Result<usize, FeedError> {
        let format = self.serializer.format;
        if self.batch_open
            && let Some(Outgoing::Message(octets)) = self.queue.back_mut()
            && octets.len() < BATCH_BYTES
        {
            let before = octets.len();
            let bytes = batch::append(format, octets, encode)?;
            self.queued_bytes =
                self.queued_bytes.saturating_add(octets.len().saturating_sub(before));
            return Ok(bytes);
        }
        let mut octets = Vec::new();
        let bytes = batch::append(format, &mut octets, encode)?;
        self.push(Outgoing::Message(octets));
        self.batch_open = true;
        Ok(bytes)
    }

    fn push(&mut self, outgoing: Outgoing) {
        self.queued_bytes = self.queued_bytes.saturating_add(outgoing.len());
        self.queue.push_back(outgoing);
        self.batch_open = false;
    }
}
