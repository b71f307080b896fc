//! What waits to be sent.

use std::{cell::RefCell, collections::VecDeque};

use bytes::Bytes;

use super::Ending;

/// A chunk that small frames are copied to is full from this length on.
const CHUNK_BYTES: usize = 64 << 10;

/// Buffers larger than this are not kept for use again.
const KEPT_BUFFER_BYTES: usize = 128 << 10;

/// Buffers that one thread keeps for use again.
const KEPT_BUFFERS: usize = 64;

/// Queues longer than this give their memory back when they are empty.
const KEPT_ENTRIES: usize = 64;

thread_local! {
    /// Empty buffers, so that neither an idle connection holds one nor a busy one allocates.
    static BUFFERS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Octets to send.
#[derive(Debug)]
pub(super) enum Chunk {
    /// Frames, one after the other.
    Own(Vec<u8>),
    /// One frame that other connections send too.
    Shared(Bytes),
}

impl Chunk {
    pub(super) fn octets(&self) -> &[u8] {
        match self {
            Self::Own(octets) => octets,
            Self::Shared(octets) => octets,
        }
    }

    /// Keeps the buffer for use again.
    pub(super) fn recycle(self) {
        if let Self::Own(mut buffer) = self
            && buffer.capacity() <= KEPT_BUFFER_BYTES
        {
            buffer.clear();
            BUFFERS.with_borrow_mut(|buffers| {
                if buffers.len() < KEPT_BUFFERS {
                    buffers.push(buffer);
                }
            });
        }
    }
}

/// The end of a WAMP message within the stream of octets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    /// The position after the message's last octet, counted from the connection's first.
    pub(super) end: u64,
    /// Octets of the serialized message.
    pub(super) bytes: usize,
    pub(super) kind: Kind,
}

/// What a message is to the meter of the session that it is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Anything else.
    Ordinary,
    /// A `wamp.session.on_stats` event.
    Statistics,
    /// The session's WELCOME.
    Welcome,
}

/// What waits to be sent, and how the connection stands.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) chunks: VecDeque<Chunk>,
    pub(super) marks: VecDeque<Mark>,
    /// Octets ever appended.
    pub(super) position: u64,
    /// Whether somebody is going to flush.
    pub(super) flagged: bool,
    /// Whether the socket takes no more until it says so.
    pub(super) blocked: bool,
    /// Whether there is something to write that is not in this queue (TLS records).
    pub(super) urge: bool,
    pub(super) ending: Option<Ending>,
}

impl Queue {
    /// Lets `write` append to the last chunk; returns how many octets it appended, and its result.
    pub(super) fn write<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> (usize, R) {
        let room =
            matches!(self.chunks.back(), Some(Chunk::Own(buffer)) if buffer.len() < CHUNK_BYTES);
        if !room {
            let buffer = BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_default();
            self.chunks.push_back(Chunk::Own(buffer));
        }
        let mut nowhere = Vec::new();
        let buffer = match self.chunks.back_mut() {
            Some(Chunk::Own(buffer)) => buffer,
            // Invariant: the line above has put an own chunk at the end.
            Some(Chunk::Shared(_)) | None => &mut nowhere,
        };
        let before = buffer.len();
        let result = write(buffer);
        let appended = buffer.len() - before;
        self.position += appended as u64;
        (appended, result)
    }

    /// Takes back the last `octets` octets, which [`write`](Self::write) has just appended.
    pub(super) fn take_back(&mut self, octets: usize) {
        if let Some(Chunk::Own(buffer)) = self.chunks.back_mut() {
            buffer.truncate(buffer.len().saturating_sub(octets));
            self.position -= octets as u64;
            // A queue without octets has no chunk: writing nothing would look like a dead socket.
            if buffer.is_empty() {
                self.chunks.pop_back();
            }
        }
    }

    /// Appends a frame that others send too.
    pub(super) fn share(&mut self, frame: Bytes) {
        self.position += frame.len() as u64;
        self.chunks.push_back(Chunk::Shared(frame));
    }

    /// Whether there is something that a flush could write now.
    pub(super) fn wants_flush(&self) -> bool {
        !self.blocked && (self.urge || !self.chunks.is_empty())
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        self.chunks = VecDeque::new();
        self.marks = VecDeque::new();
        self.urge = false;
    }
}

/// Gives the memory of a long queue back.
pub(super) fn shrink<T>(queue: &mut VecDeque<T>) {
    if queue.is_empty() && queue.capacity() > KEPT_ENTRIES {
        *queue = VecDeque::new();
    }
}

#[cfg(test)]
mod tests;
