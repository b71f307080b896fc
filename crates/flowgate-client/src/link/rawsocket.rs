//! RawSocket.

use std::{
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Wake, Waker, ready},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use flowgate_wire::rawsocket::{FrameHeader, FrameKind, HEADER_BYTES, MaxLength};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncReadExt, AsyncWrite};

use super::{BoxedStream, Incoming, Link, Outgoing};
use crate::ConnectionError;

/// Octets that one read asks for: what a loopback socket hands over at once.
const READ_BYTES: usize = 64 << 10;

/// Octets to be sent above which nothing is added before some are written.
const SEND_BUFFER_BYTES: usize = 256 << 10;

/// A RawSocket connection after its handshake.
pub(crate) struct RawSocketLink {
    stream: BoxedStream,
    received: BytesMut,
    to_send: BytesMut,
    /// The reading side has queued a PONG and not yet seen it written.
    owes_pong: bool,
    max_received: MaxLength,
    max_sent: MaxLength,
    wakers: Arc<Wakers>,
    /// Wakes both sides.
    write_waker: Waker,
}

/// Both sides write, since the reading side answers PINGs, but a stream remembers one waker only;
/// so it is given one that wakes both.
#[derive(Default)]
struct Wakers {
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.reader.wake();
        self.writer.wake();
    }
}

impl RawSocketLink {
    pub(crate) fn new(stream: BoxedStream, max_received: MaxLength, max_sent: MaxLength) -> Self {
        let wakers = Arc::new(Wakers::default());
        Self {
            stream,
            received: BytesMut::new(),
            to_send: BytesMut::new(),
            owes_pong: false,
            max_received,
            max_sent,
            write_waker: Arc::clone(&wakers).into(),
            wakers,
        }
    }

    fn send_frame(&mut self, kind: FrameKind, octets: &[u8]) -> Result<(), ConnectionError> {
        let header = FrameHeader::new(kind, octets.len(), self.max_sent)?;
        self.to_send.put_slice(&header.to_octets());
        self.to_send.put_slice(octets);
        Ok(())
    }

    /// The next whole frame among the octets received.
    fn take_frame(&mut self) -> Result<Option<(FrameKind, Bytes)>, ConnectionError> {
        let Some(octets) = self.received.first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let header = FrameHeader::parse(*octets)?;
        header.check(self.max_received)?;
        let frame_bytes = HEADER_BYTES.saturating_add(header.len());
        if self.received.len() < frame_bytes {
            self.received.reserve(frame_bytes.saturating_sub(self.received.len()));
            return Ok(None);
        }
        let mut frame = self.received.split_to(frame_bytes);
        frame.advance(HEADER_BYTES);
        Ok(Some((header.kind(), frame.freeze())))
    }

    /// Reads some octets.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.received.reserve(READ_BYTES);
        let read = pin!(self.stream.read_buf(&mut self.received));
        match ready!(read.poll(cx))? {
            0 if self.received.is_empty() => {
                Poll::Ready(Err(ConnectionError::Closed { code: None, reason: String::new() }))
            }
            0 => Poll::Ready(Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Writes what is to be sent until at most `left_bytes` are left.
    fn poll_drain(&mut self, left_bytes: usize) -> Poll<Result<(), ConnectionError>> {
        let mut cx = Context::from_waker(&self.write_waker);
        while self.to_send.len() > left_bytes {
            let written = ready!(Pin::new(&mut self.stream).poll_write(&mut cx, &self.to_send))?;
            if written == 0 {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into()));
            }
            self.to_send.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Writes all, also what the stream below buffers (TLS).
    fn poll_write_out(&mut self) -> Poll<Result<(), ConnectionError>> {
        ready!(self.poll_drain(0))?;
        let mut cx = Context::from_waker(&self.write_waker);
        Pin::new(&mut self.stream).poll_flush(&mut cx).map_err(Into::into)
    }
}

impl Link for RawSocketLink {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, ConnectionError>> {
        self.wakers.reader.register(cx.waker());
        loop {
            if self.owes_pong {
                match self.poll_write_out() {
                    Poll::Ready(written) => {
                        written?;
                        self.owes_pong = false;
                    }
                    // A peer that sends PINGs and reads no PONGs must not fill the memory.
                    Poll::Pending if self.to_send.len() > SEND_BUFFER_BYTES => {
                        return Poll::Pending;
                    }
                    Poll::Pending => {}
                }
            }
            match self.take_frame()? {
                Some((FrameKind::Regular, octets)) => {
                    return Poll::Ready(Ok(Incoming::Message(octets)));
                }
                Some((FrameKind::Pong, octets)) => return Poll::Ready(Ok(Incoming::Pong(octets))),
                Some((FrameKind::Ping, octets)) => {
                    self.send_frame(FrameKind::Pong, &octets)?;
                    self.owes_pong = true;
                }
                None => ready!(self.poll_fill(cx))?,
            }
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.wakers.writer.register(cx.waker());
        self.poll_drain(SEND_BUFFER_BYTES)
    }

    fn start_send(&mut self, outgoing: Outgoing) -> Result<(), ConnectionError> {
        match outgoing {
            Outgoing::Message(octets) => self.send_frame(FrameKind::Regular, &octets),
            Outgoing::Ping(octets) => self.send_frame(FrameKind::Ping, &octets),
            Outgoing::Close { .. } => Ok(()),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.wakers.writer.register(cx.waker());
        self.poll_write_out()
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        ready!(self.poll_flush(cx))?;
        let mut cx = Context::from_waker(&self.write_waker);
        Pin::new(&mut self.stream).poll_shutdown(&mut cx).map_err(Into::into)
    }

    fn into_stream(self: Box<Self>) -> BoxedStream {
        self.stream
    }
}
