//! Which sessions hold which table entries: subscribers of subscriptions, callees of registrations.

use crate::{
    SessionKey,
    ids::{HashMap, hasher},
    uri_table::EntryKey,
};

/// A relation between entries of a URI table and sessions, indexed from both sides.
///
/// Adding and removing a pair cost O(1); the order of either side is that of insertion, disturbed
/// by removals in a way that depends on the inputs only.
pub(crate) struct Membership {
    of_entry: Vec<Vec<SessionKey>>,
    of_session: Vec<Vec<EntryKey>>,
    places: HashMap<(EntryKey, SessionKey), Place>,
}

/// Where a pair stands in the two lists.
#[derive(Clone, Copy)]
struct Place {
    in_entry: usize,
    in_session: usize,
}

impl Membership {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            of_entry: Vec::new(),
            of_session: Vec::new(),
            places: HashMap::with_hasher(hasher(seed)),
        }
    }

    /// The sessions that hold an entry.
    pub(crate) fn sessions(&self, entry: EntryKey) -> &[SessionKey] {
        self.of_entry.get(entry.index()).map(Vec::as_slice).unwrap_or_default()
    }

    /// The entries that a session holds.
    pub(crate) fn entries(&self, session: SessionKey) -> &[EntryKey] {
        self.of_session.get(session.index()).map(Vec::as_slice).unwrap_or_default()
    }

    /// The number of pairs.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn contains(&self, entry: EntryKey, session: SessionKey) -> bool {
        self.places.contains_key(&(entry, session))
    }

    /// Adds a pair; nothing happens if it is there already.
    pub(crate) fn add(&mut self, entry: EntryKey, session: SessionKey) {
        if self.contains(entry, session) {
            return;
        }
        grow(&mut self.of_entry, entry.index());
        grow(&mut self.of_session, session.index());
        let lists =
            (self.of_entry.get_mut(entry.index()), self.of_session.get_mut(session.index()));
        let (Some(sessions), Some(entries)) = lists else {
            debug_assert!(false, "the lists have just grown to hold the pair");
            return;
        };
        let place = Place { in_entry: sessions.len(), in_session: entries.len() };
        sessions.push(session);
        entries.push(entry);
        self.places.insert((entry, session), place);
    }

    /// Removes a pair; nothing happens if it is not there.
    pub(crate) fn remove(&mut self, entry: EntryKey, session: SessionKey) {
        let Some(place) = self.places.remove(&(entry, session)) else { return };
        let moved_session = swap_remove(&mut self.of_entry, entry.index(), place.in_entry);
        if let Some(moved) = moved_session.and_then(|moved| self.places.get_mut(&(entry, moved))) {
            moved.in_entry = place.in_entry;
        }
        let moved_entry = swap_remove(&mut self.of_session, session.index(), place.in_session);
        if let Some(moved) = moved_entry.and_then(|moved| self.places.get_mut(&(moved, session))) {
            moved.in_session = place.in_session;
        }
    }

    /// Proves that the three indexes agree. Cost: O(pairs).
    pub(crate) fn check(&self) -> Result<(), String> {
        for (&(entry, session), place) in &self.places {
            let in_entry = self.sessions(entry).get(place.in_entry) == Some(&session);
            let in_session = self.entries(session).get(place.in_session) == Some(&entry);
            if !in_entry || !in_session {
                return Err(format!("membership: {entry:?} of {session:?} is not in its place"));
            }
        }
        let listed_sessions: usize = self.of_entry.iter().map(Vec::len).sum();
        let listed_entries: usize = self.of_session.iter().map(Vec::len).sum();
        if listed_sessions != self.places.len() || listed_entries != self.places.len() {
            return Err("membership: the lists hold pairs that the places do not".to_owned());
        }
        Ok(())
    }
}

fn grow<T>(lists: &mut Vec<Vec<T>>, index: usize) {
    if lists.len() <= index {
        lists.resize_with(index + 1, Vec::new);
    }
}

/// Removes an item by putting the last into its place; returns the one that moved.
fn swap_remove<T: Copy>(lists: &mut [Vec<T>], index: usize, place: usize) -> Option<T> {
    let list = lists.get_mut(index)?;
    let last = list.pop()?;
    let moved = list.get_mut(place).map(|item| {
        *item = last;
        last
    });
    if list.is_empty() {
        // An entry that was large once does not keep its memory.
        *list = Vec::new();
    }
    moved
}
