//! The slab that holds the entries of a table.

use std::hash::{BuildHasher, Hasher};

use flowgate_wire::MatchPolicy;
use foldhash::fast::FixedState;

use super::{EntryKey, tree::NodeId};

/// One entry of a table.
pub(super) struct Entry<T> {
    pub(super) pattern: Box<str>,
    pub(super) place: Place,
    pub(super) value: T,
}

/// Where an entry is indexed besides the table of names; also tells its policy.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Exact,
    Prefix(NodeId),
    Wildcard(NodeId),
}

/// Entries under dense keys; a removed entry's key is used again, the last removed first.
pub(super) struct Entries<T> {
    slots: Vec<Slot<T>>,
    vacant: Option<EntryKey>,
}

enum Slot<T> {
    Occupied(Entry<T>),
    Vacant { next: Option<EntryKey> },
}

impl<T> Entry<T> {
    pub(super) fn policy(&self) -> MatchPolicy {
        match self.place {
            Place::Exact => MatchPolicy::Exact,
            Place::Prefix(_) => MatchPolicy::Prefix,
            Place::Wildcard(_) => MatchPolicy::Wildcard,
        }
    }

    pub(super) fn hash(&self, state: &FixedState) -> u64 {
        hash(state, self.policy(), &self.pattern)
    }
}

/// The hash of a name: a pattern under a policy.
pub(super) fn hash(state: &FixedState, policy: MatchPolicy, pattern: &str) -> u64 {
    let mut hasher = state.build_hasher();
    hasher.write_u8(match policy {
        MatchPolicy::Exact => 0,
        MatchPolicy::Prefix => 1,
        MatchPolicy::Wildcard => 2,
    });
    hasher.write(pattern.as_bytes());
    hasher.finish()
}

impl<T> Entries<T> {
    pub(super) const fn new() -> Self {
        Self { slots: Vec::new(), vacant: None }
    }

    pub(super) fn get(&self, key: EntryKey) -> Option<&Entry<T>> {
        match self.slots.get(key.index()) {
            Some(Slot::Occupied(entry)) => Some(entry),
            Some(Slot::Vacant { .. }) | None => None,
        }
    }

    pub(super) fn get_mut(&mut self, key: EntryKey) -> Option<&mut Entry<T>> {
        match self.slots.get_mut(key.index()) {
            Some(Slot::Occupied(entry)) => Some(entry),
            Some(Slot::Vacant { .. }) | None => None,
        }
    }

    pub(super) fn text(&self, key: EntryKey) -> &str {
        self.get(key).map_or("", |entry| &entry.pattern)
    }

    /// The key that the next [`insert`](Self::insert) uses; `None` if there are no more.
    pub(super) fn next_key(&self) -> Option<EntryKey> {
        self.vacant.or_else(|| EntryKey::from_index(self.slots.len()))
    }

    pub(super) fn insert(&mut self, entry: Entry<T>) {
        let slot = self.vacant.and_then(|key| self.slots.get_mut(key.index()));
        match slot {
            Some(slot) => {
                self.vacant = if let Slot::Vacant { next } = slot { *next } else { None };
                *slot = Slot::Occupied(entry);
            }
            None => self.slots.push(Slot::Occupied(entry)),
        }
    }

    pub(super) fn remove(&mut self, key: EntryKey) -> Option<Entry<T>> {
        let slot = self.slots.get_mut(key.index())?;
        if matches!(slot, Slot::Vacant { .. }) {
            return None;
        }
        let removed = std::mem::replace(slot, Slot::Vacant { next: self.vacant });
        self.vacant = Some(key);
        if let Slot::Occupied(entry) = removed { Some(entry) } else { None }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (EntryKey, &Entry<T>)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| match slot {
            Slot::Occupied(entry) => EntryKey::from_index(index).map(|key| (key, entry)),
            Slot::Vacant { .. } => None,
        })
    }

    /// Proves that every vacant slot, and nothing else, is in the list of vacant slots.
    pub(super) fn check(&self) -> Result<(), String> {
        let vacant_count = self.slots.len() - self.iter().count();
        let mut listed_count = 0;
        let mut next = self.vacant;
        while let Some(key) = next {
            let Some(Slot::Vacant { next: after }) = self.slots.get(key.index()) else {
                return Err(format!("{key:?} is listed as vacant"));
            };
            next = *after;
            listed_count += 1;
            if listed_count > vacant_count {
                break;
            }
        }
        if listed_count == vacant_count {
            Ok(())
        } else {
            Err(format!("{vacant_count} vacant slots, {listed_count} in their list"))
        }
    }
}
