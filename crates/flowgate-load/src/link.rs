//! Connections under load: non-blocking sockets, messages in, octets out.

use std::io::{self, Read as _, Write as _};

use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

use crate::LoadError;
use crate::frame::{self, Header, Kind, Side};
use crate::opening::{Opening, Socket};
use crate::wire::Wire;

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn new(socket: Socket) -> io::Result<Self> {
        Ok(match socket {
            Socket::Tcp(stream) => {
                stream.set_nonblocking(true)?;
                Self::Tcp(TcpStream::from_std(stream))
            }
            Socket::Unix(stream) => {
                stream.set_nonblocking(true)?;
                Self::Unix(UnixStream::from_std(stream))
            }
        })
    }

    fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self {
            Self::Tcp(stream) => registry.register(stream, token, interest),
            Self::Unix(stream) => registry.register(stream, token, interest),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Link {
    stream: Stream,
    wire: Wire,
    /// The beginning of a frame whose end has not come.
    partial: Vec<u8>,
    /// The parts of a fragmented message.
    parts: Vec<u8>,
    closed: bool,
    /// The socket may hold more than was read.
    unread: bool,
    /// The stream has an end, which may not have been read.
    ends: bool,
}

/// The buffer that all connections of a thread are read into.
#[derive(Debug)]
pub(crate) struct Scratch(Vec<u8>);

impl Scratch {
    /// What one read takes at most: more than a socket's receive buffer usually holds of small
    /// messages, and still in the second level cache.
    const BYTES: usize = 256 << 10;

    pub(crate) fn new() -> Self {
        Self(vec![0; Self::BYTES])
    }
}

impl Link {
    pub(crate) fn new(
        mut opening: Opening,
        registry: &Registry,
        index: usize,
    ) -> Result<Self, LoadError> {
        let partial = opening.leftover()?;
        let mut stream = Stream::new(opening.socket)?;
        stream.register(registry, Token(index))?;
        let (wire, parts) = (opening.wire, Vec::new());
        Ok(Self { stream, wire, partial, parts, closed: false, unread: false, ends: false })
    }

    pub(crate) const fn wire(&self) -> Wire {
        self.wire
    }

    /// Notes that there is something to read; whether that was not known.
    pub(crate) const fn readable(&mut self) -> bool {
        !std::mem::replace(&mut self.unread, true)
    }

    /// Notes that there will be nothing more after what there is to read; readiness is not
    /// announced again for the end alone.
    pub(crate) const fn ends(&mut self) {
        self.ends = true;
    }

    /// Whether the router has closed the connection.
    pub(crate) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether the socket may hold more than was read.
    pub(crate) const fn has_unread(&self) -> bool {
        self.unread
    }

    /// Reads once and passes every whole message on.
    pub(crate) fn receive(
        &mut self,
        scratch: &mut Scratch,
        outboxes: &mut Outboxes,
        index: usize,
        mut message: impl FnMut(&[u8], &mut Outboxes) -> Result<(), LoadError>,
    ) -> Result<(), LoadError> {
        let buffer = &mut scratch.0;
        let kept = self.partial.len();
        if buffer.len() < kept + Scratch::BYTES {
            buffer.resize(kept + Scratch::BYTES, 0);
        }
        if let Some(start) = buffer.get_mut(..kept) {
            start.copy_from_slice(&self.partial);
        }
        let space = buffer.get_mut(kept..).unwrap_or_default();
        let space_bytes = space.len();
        let read = match self.stream.read(space) {
            Ok(0) => {
                self.closed = true;
                return Ok(());
            }
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.unread = false;
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        self.partial.clear();
        let mut rest = buffer.get(..kept + read).unwrap_or_default();
        while let Some(header) = Header::parse(self.wire.framing, rest)?
            && let Some((frame, after)) = rest.split_at_checked(header.frame_bytes())
        {
            rest = after;
            let payload = frame.get(header.header_bytes..).unwrap_or_default();
            match header.kind {
                Kind::Message => {
                    self.wire.each_message(payload, |one| message(one, outboxes))?;
                }
                Kind::Part => self.parts.extend_from_slice(payload),
                Kind::LastPart => {
                    self.parts.extend_from_slice(payload);
                    self.wire.each_message(&self.parts, |one| message(one, outboxes))?;
                    self.parts.clear();
                }
                Kind::Ping => {
                    let out = outboxes.of(index);
                    frame::push_control(self.wire.framing, Side::Client, Kind::Pong, payload, out);
                }
                Kind::Pong => {}
                Kind::Close => self.closed = true,
            }
        }
        self.partial.extend_from_slice(rest);
        // Less than there was space for: the socket is empty, and the next readiness is announced.
        self.unread = read == space_bytes || self.ends;
        Ok(())
    }

    /// Writes as much as the socket takes, and keeps the rest.
    fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), LoadError> {
        let mut written = 0;
        while let Some(rest) = out.get(written..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        if written == out.len() {
            out.clear();
        } else {
            out.drain(..written);
        }
        Ok(())
    }
}

/// What is to be written, by connection.
#[derive(Debug)]
pub(crate) struct Outboxes {
    boxes: Vec<Vec<u8>>,
    /// The connections that have been written for since the last flush; may repeat.
    dirty: Vec<usize>,
    /// For a connection that does not exist; nothing is sent.
    nobody: Vec<u8>,
    frame_count: u64,
}

impl Outboxes {
    pub(crate) fn new(count: usize) -> Self {
        let boxes = vec![Vec::new(); count];
        Self { boxes, dirty: Vec::new(), nobody: Vec::new(), frame_count: 0 }
    }

    /// Makes room for one more connection.
    pub(crate) fn add(&mut self) {
        self.boxes.push(Vec::new());
    }

    /// Frames that have been appended since the beginning.
    pub(crate) const fn frame_count(&self) -> u64 {
        self.frame_count
    }

    /// Where to append one frame for a connection; it is sent at the end of the batch.
    pub(crate) fn of(&mut self, index: usize) -> &mut Vec<u8> {
        self.frame_count += 1;
        let out = self.boxes.get_mut(index).unwrap_or(&mut self.nobody);
        if out.is_empty() {
            self.dirty.push(index);
        }
        out
    }

    /// Writes what has been appended since the last time, once to each connection.
    pub(crate) fn flush(&mut self, links: &mut [Link]) -> Result<(), LoadError> {
        for index in self.dirty.drain(..) {
            if let (Some(link), Some(out)) = (links.get_mut(index), self.boxes.get_mut(index)) {
                link.flush(out)?;
            }
        }
        Ok(())
    }

    /// Octets that no socket has taken yet.
    pub(crate) fn unsent_bytes(&self) -> usize {
        self.boxes.iter().map(Vec::len).sum()
    }

    /// Goes on writing to a socket that takes octets again.
    pub(crate) fn writable(&mut self, index: usize) {
        if self.boxes.get(index).is_some_and(|out| !out.is_empty()) {
            self.dirty.push(index);
        }
    }
}
