//! When a callee was given what it has not answered yet.

use flowgate_event::Timestamp;
use flowgate_wire::RequestId;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// How many invocations are remembered: a callee that never answers canceled ones may not fill the
/// memory. When there are more, all are forgotten, and these calls are measured as a whole only.
const REMEMBERED_COUNT: usize = 16_384;

/// When the INVOCATIONs without an answer were handed to the callee's socket.
///
/// Whoever has written one notes it afterwards, so an answer may come before the note.
#[derive(Debug, Default)]
pub(crate) struct Invocations {
    notes: HashMap<RequestId, Note, FixedState>,
    /// The latest request when all were forgotten.
    forgotten: Option<RequestId>,
}

#[derive(Debug, Clone, Copy)]
enum Note {
    Written(Timestamp),
    /// The answer has come before the note.
    Answered,
}

/// When a callee was given what it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Began {
    At(Timestamp),
    /// A moment ago: who has written it has not noted it yet.
    JustNow,
    /// Forgotten.
    Unknown,
}

impl Invocations {
    /// An INVOCATION has been handed to the socket; of one in parts the first counts.
    pub(super) fn written(&mut self, request: RequestId, at: Timestamp) {
        if let Some(Note::Answered) = self.notes.get(&request) {
            self.notes.remove(&request);
            return;
        }
        if self.notes.len() >= REMEMBERED_COUNT {
            self.notes.clear();
            self.forgotten = Some(request);
        }
        self.notes.entry(request).or_insert(Note::Written(at));
    }

    /// The callee has said its last about an invocation.
    pub(crate) fn take(&mut self, request: RequestId) -> Began {
        match self.notes.remove(&request) {
            Some(Note::Written(at)) => Began::At(at),
            Some(Note::Answered) => Began::Unknown,
            None if self.forgotten.is_some_and(|latest| request <= latest) => Began::Unknown,
            None => Began::JustNow,
        }
    }

    /// The note of an invocation that is answered already is still to come.
    pub(crate) fn overtake(&mut self, request: RequestId) {
        self.notes.insert(request, Note::Answered);
    }
}

#[cfg(test)]
mod tests;
