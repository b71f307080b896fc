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
    /// Most sessions are no callees.
    notes: Option<Box<Notes>>,
}

#[derive(Debug, Default)]
struct Notes {
    by_request: HashMap<RequestId, Note, FixedState>,
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
        let Notes { by_request, forgotten } = &mut **self.notes.get_or_insert_default();
        if let Some(Note::Answered) = by_request.get(&request) {
            by_request.remove(&request);
            return;
        }
        if by_request.len() >= REMEMBERED_COUNT {
            by_request.clear();
            *forgotten = Some(request);
        }
        by_request.entry(request).or_insert(Note::Written(at));
    }

    /// The callee has said its last about an invocation.
    pub(crate) fn take(&mut self, request: RequestId) -> Began {
        let Some(Notes { by_request, forgotten }) = self.notes.as_deref_mut() else {
            return Began::JustNow;
        };
        match by_request.remove(&request) {
            Some(Note::Written(at)) => Began::At(at),
            Some(Note::Answered) => Began::Unknown,
            None if forgotten.is_some_and(|latest| request <= latest) => Began::Unknown,
            None => Began::JustNow,
        }
    }

    /// The note of an invocation that is answered already is still to come.
    pub(crate) fn overtake(&mut self, request: RequestId) {
        self.notes.get_or_insert_default().by_request.insert(request, Note::Answered);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.notes.as_ref().map_or(0, |notes| notes.by_request.len())
    }
}

#[cfg(test)]
mod tests;
