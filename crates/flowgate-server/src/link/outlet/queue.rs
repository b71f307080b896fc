//! What waits to be sent.

use std::{cell::RefCell, collections::VecDeque, mem};

use bytes::Bytes;
use flowgate_event::Timestamp;
use flowgate_router::AnsweredCall;
use flowgate_wire::{MessageType, RequestId};

use super::Ending;
use crate::metrics::RealmIndex;

/// A chunk that small frames are copied to is full from this length on.
const CHUNK_BYTES: usize = 64 << 10;

/// Memory that one thread keeps for use again: enough for a queue each of a thousand receivers of
/// an event.
const KEPT_COUNT: usize = 1024;

/// How much of it may be in buffers.
const KEPT_BYTES: usize = 4 << 20;

/// Longer lists are not kept for use again.
const KEPT_ENTRIES: usize = 64;

thread_local! {
    /// The memory of queues that were drained.
    static SPARE: RefCell<Spare> = RefCell::default();
}

/// Empty buffers and lists, so that neither an idle connection holds any nor a busy one allocates.
#[derive(Debug, Default)]
struct Spare {
    buffers: Vec<Vec<u8>>,
    /// The capacity of all buffers.
    buffer_bytes: usize,
    chunks: Vec<VecDeque<Chunk>>,
    marks: Vec<VecDeque<Mark>>,
}

impl Spare {
    fn take_buffer(&mut self) -> Vec<u8> {
        let buffer = self.buffers.pop().unwrap_or_default();
        self.buffer_bytes -= buffer.capacity();
        buffer
    }

    fn keep_buffer(&mut self, mut buffer: Vec<u8>) {
        let buffer_bytes = self.buffer_bytes + buffer.capacity();
        if self.buffers.len() < KEPT_COUNT && buffer_bytes <= KEPT_BYTES {
            self.buffer_bytes = buffer_bytes;
            buffer.clear();
            self.buffers.push(buffer);
        }
    }
}

/// Gives a list that has no memory some of what the thread keeps.
fn equip<T>(list: &mut VecDeque<T>, spare: &mut Vec<VecDeque<T>>) {
    if list.capacity() == 0
        && let Some(other) = spare.pop()
    {
        *list = other;
    }
}

/// Takes an empty list's memory away.
fn strip<T>(list: &mut VecDeque<T>, spare: &mut Vec<VecDeque<T>>) {
    let capacity = list.capacity();
    if !list.is_empty() || capacity == 0 {
        return;
    }
    let list = mem::take(list);
    if capacity <= KEPT_ENTRIES && spare.len() < KEPT_COUNT {
        spare.push(list);
    }
}

/// Takes the memory of two lists away, where they are empty.
pub(super) fn strip_lists(chunks: &mut VecDeque<Chunk>, marks: &mut VecDeque<Mark>) {
    SPARE.with_borrow_mut(|spare| {
        strip(chunks, &mut spare.chunks);
        strip(marks, &mut spare.marks);
    });
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
        if let Self::Own(buffer) = self {
            SPARE.with_borrow_mut(|spare| spare.keep_buffer(buffer));
        }
    }
}

/// What is measured once a message has been handed to the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timing {
    /// Nothing.
    None,
    /// EVENT in this realm: how long ago came what caused it.
    Event(RealmIndex, Timestamp),
    /// INVOCATION with this request: from now on the callee has it.
    Invocation(RequestId),
    /// The final reply of a call, and how long the callee took that has answered it, if known.
    Reply { call: AnsweredCall, callee_ns: Option<u64> },
}

/// The end of a WAMP message within the stream of octets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    /// The position after the message's last octet, counted from the connection's first.
    pub(super) end: u64,
    /// Octets of the serialized message.
    pub(super) bytes: usize,
    pub(super) message: MessageType,
    pub(super) kind: Kind,
    pub(super) timing: Timing,
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

/// Who is going to write what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Flusher {
    /// Nobody, since nothing waits.
    #[default]
    Nobody,
    /// The connection's task, in a while: nothing waits but statistics, of so many octets (few
    /// enough for a number that is small, since every connection has it).
    Later { bytes: u16 },
    /// Whoever has been told so.
    Now,
}

/// What has to be done about a message that was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    /// Nothing: somebody knows already.
    None,
    /// It has to be flushed.
    Flush,
    /// The connection's task has to know that it waits.
    Defer,
}

/// What waits to be sent, and how the connection stands.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) chunks: VecDeque<Chunk>,
    pub(super) marks: VecDeque<Mark>,
    /// Octets ever appended.
    pub(super) position: u64,
    pub(super) flusher: Flusher,
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
            let buffer = SPARE.with_borrow_mut(|spare| {
                equip(&mut self.chunks, &mut spare.chunks);
                spare.take_buffer()
            });
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
        SPARE.with_borrow_mut(|spare| equip(&mut self.chunks, &mut spare.chunks));
        self.chunks.push_back(Chunk::Shared(frame));
    }

    /// Marks the end of a message.
    pub(super) fn mark(&mut self, message: MessageType, bytes: usize, kind: Kind, timing: Timing) {
        if self.marks.capacity() == 0 {
            SPARE.with_borrow_mut(|spare| equip(&mut self.marks, &mut spare.marks));
        }
        self.marks.push_back(Mark { end: self.position, bytes, message, kind, timing });
    }

    /// Sees to it that somebody writes what has been appended.
    ///
    /// Statistics wait for others, until there are `deferred_bytes` of them.
    #[inline]
    pub(super) fn assign(&mut self, kind: Kind, bytes: usize, deferred_bytes: usize) -> Errand {
        if kind == Kind::Statistics {
            return self.defer(bytes, deferred_bytes);
        }
        match mem::replace(&mut self.flusher, Flusher::Now) {
            Flusher::Now => Errand::None,
            Flusher::Nobody | Flusher::Later { .. } => Errand::Flush,
        }
    }

    fn defer(&mut self, bytes: usize, deferred_bytes: usize) -> Errand {
        let bytes = match self.flusher {
            Flusher::Now => return Errand::None,
            Flusher::Nobody => bytes,
            Flusher::Later { bytes: before } => usize::from(before) + bytes,
        };
        match u16::try_from(bytes) {
            Ok(few) if bytes < deferred_bytes => {
                self.flusher = Flusher::Later { bytes: few };
                Errand::Defer
            }
            Ok(_) | Err(_) => {
                self.flusher = Flusher::Now;
                Errand::Flush
            }
        }
    }

    /// What has waited in no hurry is now to be flushed; whether there is any.
    pub(super) fn hurry(&mut self) -> bool {
        let is_deferred = self.is_deferred();
        if is_deferred {
            self.flusher = Flusher::Now;
        }
        is_deferred
    }

    /// Whether all that waits is in no hurry.
    pub(super) fn is_deferred(&self) -> bool {
        matches!(self.flusher, Flusher::Later { .. })
    }

    /// Whether there is something that a flush could write now.
    pub(super) fn wants_flush(&self) -> bool {
        !self.blocked && (self.urge || !(self.chunks.is_empty() || self.is_deferred()))
    }

    /// Drops everything, and says which messages that are.
    pub(super) fn clear(&mut self) -> VecDeque<Mark> {
        self.chunks = VecDeque::new();
        self.urge = false;
        mem::take(&mut self.marks)
    }
}

#[cfg(test)]
mod tests;
