//! What is being handed to the socket.

use std::{
    collections::VecDeque,
    io::{self, IoSlice, Read, Write},
    mem,
    num::NonZeroU64,
};

use flowgate_event::Timestamp;
use rustls::ServerConnection;

use super::queue::{Chunk, Flusher, Mark, Queue, strip_lists};
use crate::link::socket::WriteHalf;

/// Slices in one system call.
const SLICES: usize = 16;

/// Chunks taken from the queue, and how far they are written.
#[derive(Debug)]
pub(super) struct Sender {
    chunks: VecDeque<Chunk>,
    /// Octets of the first chunk that are written (or, with TLS, encrypted) already.
    offset: usize,
    marks: VecDeque<Mark>,
    /// Octets handed to the socket since the connection began, before encryption.
    position: u64,
    tls: Option<Box<ServerConnection>>,
    /// Octets that TLS has encrypted and the socket has not yet taken all of.
    encrypted: u64,
    /// When the socket began to take nothing, in nanoseconds: a word for every connection.
    stalled_at: Option<NonZeroU64>,
}

impl Sender {
    pub(super) fn new(tls: Option<Box<ServerConnection>>) -> Self {
        Self {
            chunks: VecDeque::new(),
            offset: 0,
            marks: VecDeque::new(),
            position: 0,
            tls,
            encrypted: 0,
            stalled_at: None,
        }
    }

    /// Takes what is queued and not deferred if nothing is left of what was taken before; whether
    /// there is something to write.
    pub(super) fn refill(&mut self, queue: &mut Queue) -> bool {
        if self.chunks.is_empty() {
            strip_lists(&mut self.chunks, &mut self.marks);
        }
        if self.chunks.is_empty() && !queue.is_deferred() {
            queue.flusher = Flusher::Nobody;
            mem::swap(&mut self.chunks, &mut queue.chunks);
            if self.marks.is_empty() {
                mem::swap(&mut self.marks, &mut queue.marks);
            } else {
                self.marks.append(&mut queue.marks);
            }
        }
        !self.chunks.is_empty() || self.wants_write()
    }

    /// One write to the socket, or as many as TLS needs; how many octets it has taken.
    pub(super) fn write(&mut self, socket: &WriteHalf) -> io::Result<usize> {
        if self.tls.is_some() {
            return self.write_encrypted(socket);
        }
        let written = if self.chunks.len() == 1 {
            let octets = self.chunks.front().map_or(&[][..], Chunk::octets);
            socket.try_write(octets.get(self.offset..).unwrap_or_default())?
        } else {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let mut skip = self.offset;
            for (slice, chunk) in slices.iter_mut().zip(&self.chunks) {
                *slice = IoSlice::new(chunk.octets().get(skip..).unwrap_or_default());
                skip = 0;
            }
            socket.try_write_vectored(&slices)?
        };
        if written == 0 && !self.chunks.is_empty() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.consume(written);
        self.position += written as u64;
        Ok(written)
    }

    /// Removes octets from the front.
    fn consume(&mut self, mut octets: usize) {
        octets += self.offset;
        while let Some(chunk) = self.chunks.front() {
            let len = chunk.octets().len();
            if octets < len {
                break;
            }
            octets -= len;
            if let Some(chunk) = self.chunks.pop_front() {
                chunk.recycle();
            }
        }
        self.offset = octets;
    }

    fn write_encrypted(&mut self, socket: &WriteHalf) -> io::Result<usize> {
        let Some(tls) = self.tls.as_mut() else { return Ok(0) };
        if !tls.wants_write() {
            let octets = self.chunks.front().map_or(&[][..], Chunk::octets);
            let plain = tls.writer().write(octets.get(self.offset..).unwrap_or_default())?;
            self.consume(plain);
            self.encrypted += plain as u64;
        }
        let Some(tls) = self.tls.as_mut() else { return Ok(0) };
        let mut written = 0;
        while tls.wants_write() {
            match tls.write_tls(&mut Direct(socket))? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                count => written += count,
            }
        }
        self.position += mem::take(&mut self.encrypted);
        Ok(written)
    }

    /// The socket takes nothing.
    pub(super) fn stall(&mut self, now: Timestamp) {
        self.stalled_at = self.stalled_at.or(NonZeroU64::new(now.as_nanos()));
    }

    /// The socket has taken something; since when it had not, if that is so.
    pub(super) fn unstall(&mut self) -> Option<Timestamp> {
        self.stalled_at.take().map(|since| Timestamp::from_nanos(since.get()))
    }

    /// The next message that has been handed to the socket completely.
    #[inline]
    pub(super) fn sent(&self) -> Option<&Mark> {
        self.marks.front().filter(|mark| mark.end <= self.position)
    }

    /// Passes it: it is accounted for.
    #[inline]
    pub(super) fn pass(&mut self) {
        self.marks.pop_front();
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Drops everything, and says which messages that are.
    pub(super) fn clear(&mut self) -> VecDeque<Mark> {
        self.chunks.clear();
        self.offset = 0;
        mem::take(&mut self.marks)
    }

    pub(super) fn wants_write(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    pub(super) fn say_close(&mut self) {
        if let Some(tls) = self.tls.as_mut() {
            tls.send_close_notify();
        }
    }

    /// Decrypts what was read; `None` without TLS.
    pub(super) fn decrypt(
        &mut self,
        octets: &[u8],
        plain: &mut Vec<u8>,
    ) -> Option<Result<(), rustls::Error>> {
        self.tls.as_mut().map(|tls| decrypt(tls, octets, plain))
    }
}

/// Feeds received octets to TLS and appends what they decrypt to.
pub(crate) fn decrypt(
    tls: &mut ServerConnection,
    mut octets: &[u8],
    plain: &mut Vec<u8>,
) -> Result<(), rustls::Error> {
    while !octets.is_empty() {
        // Reading from memory fails only when the buffer inside is full, which the calls below
        // empty.
        if tls.read_tls(&mut octets).is_err() {
            return Err(rustls::Error::General("record buffer full".into()));
        }
        tls.process_new_packets()?;
        // `WouldBlock` says that all there was has been read.
        let _ = tls.reader().read_to_end(plain);
    }
    Ok(())
}

/// Writes straight to the socket.
struct Direct<'a>(&'a WriteHalf);

impl Write for Direct<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.try_write(octets)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
