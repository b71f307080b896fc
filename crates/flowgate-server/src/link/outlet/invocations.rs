//! When a callee was given what it has not answered yet.

use std::collections::VecDeque;

use flowgate_event::Timestamp;
use flowgate_wire::RequestId;

/// How many invocations are remembered: a callee that never answers canceled ones may not fill the
/// memory. When there are more, all are forgotten, and these calls are measured as a whole only.
const REMEMBERED_COUNT: usize = 16_384;

/// How many notes there may be before the settled ones among others are removed.
const NOTE_COUNT: usize = 2 * REMEMBERED_COUNT;

/// When the INVOCATIONs without an answer were handed to the callee's socket.
///
/// Whoever has written one notes it afterwards, so an answer may come before the note.
#[derive(Debug, Default)]
pub(crate) struct Invocations {
    /// Most sessions are no callees.
    notes: Option<Box<Notes>>,
}

/// Notes by request, ascending: requests count up, so that a new one nearly always comes last, and
/// most callees answer in order, so that the one looked for nearly always comes first.
#[derive(Debug, Default)]
struct Notes {
    /// The first one is not settled.
    list: VecDeque<(RequestId, Note)>,
    /// How many of them are not settled.
    open_count: usize,
    /// The latest request when all were forgotten.
    forgotten: Option<RequestId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Note {
    Written(Timestamp),
    /// The answer has come before the note.
    Answered,
    /// Both have come.
    Settled,
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
        let notes = &mut **self.notes.get_or_insert_default();
        if notes.list.back().is_none_or(|(latest, _)| *latest < request) {
            notes.make_room(request);
            notes.list.push_back((request, Note::Written(at)));
            notes.open_count += 1;
        } else if let Some(Note::Answered) = notes.get(request) {
            notes.settle(request);
        } else {
            notes.insert(request, Note::Written(at));
        }
    }

    /// The callee has said its last about an invocation.
    pub(crate) fn take(&mut self, request: RequestId) -> Began {
        let Some(notes) = self.notes.as_deref_mut() else { return Began::JustNow };
        match notes.settle(request) {
            Some(Note::Written(at)) => Began::At(at),
            Some(Note::Answered) => Began::Unknown,
            Some(Note::Settled) | None if notes.has_forgotten(request) => Began::Unknown,
            Some(Note::Settled) | None => Began::JustNow,
        }
    }

    /// The note of an invocation that is answered already is still to come.
    pub(crate) fn overtake(&mut self, request: RequestId) {
        let notes = &mut **self.notes.get_or_insert_default();
        notes.insert(request, Note::Answered);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.notes.as_ref().map_or(0, |notes| notes.list.len())
    }

    #[cfg(test)]
    fn open_count(&self) -> usize {
        self.notes.as_ref().map_or(0, |notes| notes.open_count)
    }
}

impl Notes {
    fn place(&self, request: RequestId) -> Result<usize, usize> {
        self.list.binary_search_by_key(&request, |(request, _)| *request)
    }

    fn get(&self, request: RequestId) -> Option<Note> {
        let place = self.place(request).ok()?;
        self.list.get(place).map(|(_, note)| *note)
    }

    /// Adds a note where there is none that says more.
    fn insert(&mut self, request: RequestId, note: Note) {
        self.make_room(request);
        match self.place(request) {
            Ok(place) => {
                if let Some((_, settled @ Note::Settled)) = self.list.get_mut(place) {
                    *settled = note;
                    self.open_count += 1;
                }
            }
            Err(place) => {
                self.list.insert(place, (request, note));
                self.open_count += 1;
            }
        }
    }

    /// What was noted, which nobody asks for again.
    fn settle(&mut self, request: RequestId) -> Option<Note> {
        let taken = match self.list.front() {
            // The first one is not settled.
            Some((first, _)) if *first == request => {
                self.open_count -= 1;
                self.list.pop_front()?.1
            }
            Some(_) | None => self.settle_behind(request)?,
        };
        while let Some((_, Note::Settled)) = self.list.front() {
            self.list.pop_front();
        }
        Some(taken)
    }

    /// What was noted behind the first note.
    #[cold]
    fn settle_behind(&mut self, request: RequestId) -> Option<Note> {
        let place = self.place(request).ok()?;
        let (_, note) = self.list.get_mut(place)?;
        let taken = std::mem::replace(note, Note::Settled);
        self.open_count -= usize::from(taken != Note::Settled);
        Some(taken)
    }

    /// Makes sure that there is room for one more note, for `request`. Cost: O(1) on average.
    fn make_room(&mut self, request: RequestId) {
        if self.open_count >= REMEMBERED_COUNT {
            self.list.clear();
            self.open_count = 0;
            self.forgotten = Some(request);
        } else if self.list.len() >= NOTE_COUNT {
            self.list.retain(|(_, note)| *note != Note::Settled);
        }
    }

    fn has_forgotten(&self, request: RequestId) -> bool {
        self.forgotten.is_some_and(|latest| request <= latest)
    }
}

#[cfg(test)]
mod tests;
