//! When a callee was given what it has not answered yet.

use std::{collections::BTreeMap, mem};

use flowgate_event::Timestamp;
use flowgate_wire::RequestId;

/// How many invocations are remembered that later ones have displaced: a callee that never answers
/// canceled ones may not fill the memory. When there are more, they are forgotten, and these calls
/// are measured as a whole only.
const OLDER_COUNT: usize = 16_384;

/// How many places there are for recent ones, at first and at most.
const RECENT_COUNTS: (usize, usize) = (8, 4_096);

/// When the INVOCATIONs without an answer were handed to the callee's socket.
///
/// Whoever has written one notes it afterwards, so an answer may come before the note.
#[derive(Debug, Default)]
pub(crate) struct Invocations {
    /// Most sessions are no callees.
    notes: Option<Box<Notes>>,
}

/// Notes by request.
///
/// Requests count up, so that of those that are open at a time, one in each place is all there is
/// unless a callee leaves some unanswered for long.
#[derive(Debug)]
struct Notes {
    /// The place of a request is its remainder by their number, a power of two.
    recent: Box<[Option<(RequestId, Note)>]>,
    /// Those whose place a later one has taken.
    older: BTreeMap<RequestId, Note>,
    /// The latest request when the older ones were forgotten.
    forgotten: Option<RequestId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    #[inline]
    pub(super) fn written(&mut self, request: RequestId, at: Timestamp) {
        let notes = &mut **self.notes.get_or_insert_default();
        let has_older = !notes.older.is_empty();
        match notes.place(request) {
            Some(place @ None) if !has_older => {
                *place = Some((request, Note::Written(at)));
            }
            Some(_) | None => notes.add(request, Note::Written(at)),
        }
    }

    /// The callee has said its last about an invocation.
    #[inline]
    pub(crate) fn take(&mut self, request: RequestId) -> Began {
        let Some(notes) = self.notes.as_deref_mut() else { return Began::JustNow };
        match notes.place(request) {
            Some(place @ &mut Some((known, Note::Written(at)))) if known == request => {
                *place = None;
                Began::At(at)
            }
            Some(_) | None => notes.take(request),
        }
    }

    /// The note of an invocation that is answered already is still to come.
    #[cold]
    pub(crate) fn overtake(&mut self, request: RequestId) {
        self.notes.get_or_insert_default().add(request, Note::Answered);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let notes = self.notes.as_ref();
        notes.map_or(0, |notes| notes.recent.iter().flatten().count() + notes.older.len())
    }
}

impl Default for Notes {
    fn default() -> Self {
        let recent = vec![None; RECENT_COUNTS.0].into_boxed_slice();
        Self { recent, older: BTreeMap::new(), forgotten: None }
    }
}

impl Notes {
    #[inline]
    fn place(&mut self, request: RequestId) -> Option<&mut Option<(RequestId, Note)>> {
        // The remainder fits.
        #[expect(clippy::cast_possible_truncation, reason = "the lowest bits are what counts")]
        let place = request.get() as usize & (self.recent.len() - 1);
        self.recent.get_mut(place)
    }

    /// Adds a note, or settles with what there is: of two written ones the first counts, and what
    /// is both written and answered is done.
    #[cold]
    fn add(&mut self, request: RequestId, note: Note) {
        match (self.remove(request), note) {
            (None, note) => self.insert(request, note),
            (Some(first @ Note::Written(_)), Note::Written(_))
            | (Some(first @ Note::Answered), Note::Answered) => self.insert(request, first),
            (Some(Note::Written(_)), Note::Answered) | (Some(Note::Answered), Note::Written(_)) => {
            }
        }
    }

    #[cold]
    fn take(&mut self, request: RequestId) -> Began {
        match self.remove(request) {
            Some(Note::Written(at)) => Began::At(at),
            Some(Note::Answered) => Began::Unknown,
            None if self.forgotten.is_some_and(|latest| request <= latest) => Began::Unknown,
            None => Began::JustNow,
        }
    }

    fn remove(&mut self, request: RequestId) -> Option<Note> {
        match self.place(request) {
            Some(place @ &mut Some((known, note))) if known == request => {
                *place = None;
                Some(note)
            }
            Some(_) | None => self.older.remove(&request),
        }
    }

    /// Adds what is not there.
    fn insert(&mut self, request: RequestId, note: Note) {
        let Some(place) = self.place(request) else { return };
        let (older, older_note) = match place.replace((request, note)) {
            None => return,
            // The latest of a place has it.
            Some(latest) if latest.0 > request => {
                *place = Some(latest);
                (request, note)
            }
            Some(older) => older,
        };
        self.older.insert(older, older_note);
        if self.older.len() > self.recent.len() && self.recent.len() < RECENT_COUNTS.1 {
            self.grow();
        } else if self.older.len() > OLDER_COUNT {
            self.forgotten = self.older.keys().next_back().copied();
            self.older.clear();
        }
    }

    /// Makes twice as many places.
    fn grow(&mut self) {
        let places = vec![None; 2 * self.recent.len()].into_boxed_slice();
        let recent = mem::replace(&mut self.recent, places);
        let mut all = mem::take(&mut self.older);
        all.extend(recent.into_iter().flatten());
        for (request, note) in all {
            // Ascending, so that the latest of each place ends up there.
            if let Some(place) = self.place(request)
                && let Some((older, note)) = place.replace((request, note))
            {
                self.older.insert(older, note);
            }
        }
    }
}

#[cfg(test)]
mod tests;
