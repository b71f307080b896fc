//! One table of URIs and patterns for broker, dealer and permissions: indexed, never scanned.
//!
//! Three indexes share one slab of entries:
//! a hash table over (policy, text) for exact matches and for finding an entry by its pattern,
//! a radix trie over the bytes of prefix patterns, and a trie over the components of wildcard
//! patterns.
//! An index without entries costs one branch.
//! Every entry is in the hash table; a prefix or wildcard entry is also in its trie, and a trie
//! has no node that no entry needs, which [`UriTable::check_invariants`] proves.

mod edges;
mod entries;
mod radix;
mod tree;
mod wildcard;

use std::{fmt, num::NonZeroU32};

use flowgate_wire::MatchPolicy;
use foldhash::fast::FixedState;
use hashbrown::HashTable;

use self::{
    entries::{Entries, Entry, Place},
    radix::Radix,
    wildcard::Wildcard,
};

/// The place of an entry in its [`UriTable`]: small and dense, usable as an index.
///
/// It may be used again for another entry once its own is removed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryKey(NonZeroU32);

/// Why a [`UriTable`] did not take an entry; nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InsertError {
    /// There is an entry with this policy and pattern already; the caller is to share it.
    #[error("the pattern is in the table already")]
    Occupied(EntryKey),
    /// The table counts entries, trie nodes and the octets of a pattern in 32 bits, and one of
    /// them would not fit; the request is to be refused.
    #[error("the table is full, or the pattern too long for it")]
    Exhausted,
}

/// A table of values under URIs (exact), prefixes and wildcard patterns.
///
/// A pattern is unique within its policy: `com.a` may be there once for each of the three.
/// The same seed and the same operations give the same keys and the same order of everything.
///
/// # Cost
/// Matching a URI allocates nothing.
/// The exact entry costs one hash look-up, prefixes one step for each branch of the trie on the
/// way (at most one for each octet of the URI) and one comparison of text.
/// Wildcards cost one hash look-up for each node whose path matches the beginning of the URI:
/// usually about the number of components, and with hostile patterns (all 2^k ways to put
/// wildcards into k components) up to all nodes there are, so the cost is bounded by what the
/// clients have put there, not by the URI.
/// An entry takes about 50 octets, its value and its text; a prefix about 90 more, a wildcard
/// pattern about 60 more for each component that it does not share with another.
pub struct UriTable<T> {
    entries: Entries<T>,
    names: HashTable<EntryKey>,
    exact_count: u32,
    prefixes: Radix,
    wildcards: Wildcard,
    hash: FixedState,
}

impl EntryKey {
    /// The key as an index; the first is 0.
    #[must_use]
    pub fn index(self) -> usize {
        // A usize has 32 bits or more on every platform that the standard library's hash tables
        // run on; the fallback is no valid index.
        usize::try_from(self.0.get() - 1).unwrap_or(usize::MAX)
    }

    fn from_index(index: usize) -> Option<Self> {
        u32::try_from(index).ok()?.checked_add(1).and_then(NonZeroU32::new).map(Self)
    }
}

impl fmt::Debug for EntryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryKey({})", self.index())
    }
}

impl<T> UriTable<T> {
    /// Makes an empty table; `seed` keeps clients from guessing which texts collide.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            entries: Entries::new(),
            names: HashTable::new(),
            exact_count: 0,
            prefixes: Radix::new(FixedState::with_seed(seed)),
            wildcards: Wildcard::new(FixedState::with_seed(seed)),
            hash: FixedState::with_seed(seed),
        }
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The entry with this very pattern and policy; nothing is matched.
    #[must_use]
    pub fn find(&self, policy: MatchPolicy, pattern: &str) -> Option<EntryKey> {
        if self.names.is_empty() {
            return None;
        }
        let is_it = |key: &EntryKey| {
            self.entries
                .get(*key)
                .is_some_and(|entry| entry.policy() == policy && *entry.pattern == *pattern)
        };
        self.names.find(entries::hash(&self.hash, policy, pattern), is_it).copied()
    }

    /// Adds an entry. Cost: the length of the pattern.
    ///
    /// # Errors
    /// [`InsertError::Occupied`] if the pattern is there already under this policy, and
    /// [`InsertError::Exhausted`] if 32 bits do not suffice.
    pub fn insert(
        &mut self,
        policy: MatchPolicy,
        pattern: &str,
        value: T,
    ) -> Result<EntryKey, InsertError> {
        if let Some(key) = self.find(policy, pattern) {
            return Err(InsertError::Occupied(key));
        }
        let key = self.entries.next_key().ok_or(InsertError::Exhausted)?;
        // The trie is the only part that can refuse, and it does so before it changes anything.
        let place = match policy {
            MatchPolicy::Exact => Some(Place::Exact),
            MatchPolicy::Prefix => {
                self.prefixes.insert(&self.entries, key, pattern).map(Place::Prefix)
            }
            MatchPolicy::Wildcard => {
                self.wildcards.insert(&self.entries, key, pattern).map(Place::Wildcard)
            }
        };
        let place = place.ok_or(InsertError::Exhausted)?;
        self.entries.insert(Entry { pattern: pattern.into(), place, value });
        self.exact_count += u32::from(policy == MatchPolicy::Exact);
        let (entries, state) = (&self.entries, &self.hash);
        let rehash = |key: &EntryKey| entries.get(*key).map_or(0, |entry| entry.hash(state));
        self.names.insert_unique(entries::hash(state, policy, pattern), key, rehash);
        Ok(key)
    }

    /// Removes an entry and everything that only it needed. Cost: the length of its pattern.
    pub fn remove(&mut self, key: EntryKey) -> Option<T> {
        let entry = self.entries.get(key)?;
        let hash = entry.hash(&self.hash);
        if let Ok(name) = self.names.find_entry(hash, |candidate| *candidate == key) {
            name.remove();
        }
        let entry = self.entries.remove(key)?;
        match entry.place {
            Place::Exact => self.exact_count = self.exact_count.saturating_sub(1),
            Place::Prefix(node) => self.prefixes.remove(key, node),
            Place::Wildcard(node) => self.wildcards.remove(key, node, &entry.pattern),
        }
        Some(entry.value)
    }

    /// The value of an entry.
    #[must_use]
    pub fn get(&self, key: EntryKey) -> Option<&T> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// The value of an entry, to change it.
    #[must_use]
    pub fn get_mut(&mut self, key: EntryKey) -> Option<&mut T> {
        self.entries.get_mut(key).map(|entry| &mut entry.value)
    }

    /// The pattern of an entry; empty if there is no such entry.
    #[must_use]
    pub fn pattern(&self, key: EntryKey) -> &str {
        self.entries.text(key)
    }

    /// The policy of an entry.
    #[must_use]
    pub fn policy(&self, key: EntryKey) -> Option<MatchPolicy> {
        self.entries.get(key).map(Entry::policy)
    }

    /// Calls `each` for every entry that matches a URI.
    ///
    /// The order is that of precedence: the exact entry, the prefixes from the longest to the
    /// shortest, then the wildcards as [`best_wildcard`](Self::best_wildcard) prefers them.
    pub fn matches(&self, uri: &str, mut each: impl FnMut(EntryKey)) {
        self.exact(uri).into_iter().for_each(&mut each);
        self.prefixes.matches(&self.entries, uri).for_each(&mut each);
        self.wildcards.matches(&self.entries, uri).for_each(&mut each);
    }

    /// The one entry that a call of this URI goes to: the exact one, else the longest prefix, else
    /// the [`best_wildcard`](Self::best_wildcard) ("Pattern-based Registrations").
    #[must_use]
    pub fn best(&self, uri: &str) -> Option<EntryKey> {
        self.exact(uri).or_else(|| self.best_prefix(uri)).or_else(|| self.best_wildcard(uri))
    }

    /// The longest matching prefix.
    #[must_use]
    pub fn best_prefix(&self, uri: &str) -> Option<EntryKey> {
        self.prefixes.matches(&self.entries, uri).next()
    }

    /// The matching wildcard pattern whose runs of literal components are longest, the first run
    /// compared first, then the second and so on ("Pattern-based Registrations").
    ///
    /// Of two different patterns that match the same URI, one has a literal where the other has
    /// its first wildcard of difference; that one is preferred, so there are no ties.
    #[must_use]
    pub fn best_wildcard(&self, uri: &str) -> Option<EntryKey> {
        self.wildcards.matches(&self.entries, uri).next()
    }

    /// All entries, in the order of their keys. Cost: the largest number of entries so far.
    pub fn iter(&self) -> impl Iterator<Item = (EntryKey, &T)> {
        self.entries.iter().map(|(key, entry)| (key, &entry.value))
    }

    /// Proves that all indexes agree; for tests and the simulation. Cost: everything there is.
    ///
    /// # Errors
    /// What is wrong, for a human.
    pub fn check_invariants(&self) -> Result<(), String> {
        self.entries.check()?;
        if self.entries.iter().count() != self.names.len() {
            return Err(format!("{} names for other entries", self.names.len()));
        }
        let mut counts = [0_usize; 3];
        for (key, entry) in self.entries.iter() {
            let policy = entry.policy();
            if self.find(policy, &entry.pattern) != Some(key) {
                return Err(format!("{policy:?} {:?} is not found", entry.pattern));
            }
            let in_trie = match entry.place {
                Place::Exact => true,
                Place::Prefix(node) => self.prefixes.holds(node, key),
                Place::Wildcard(node) => self.wildcards.holds(node, key),
            };
            if !in_trie {
                return Err(format!("{policy:?} {:?} is not in its trie", entry.pattern));
            }
            let [exact, prefix, wildcard] = &mut counts;
            *match policy {
                MatchPolicy::Exact => exact,
                MatchPolicy::Prefix => prefix,
                MatchPolicy::Wildcard => wildcard,
            } += 1;
        }
        let [exact, prefix, wildcard] = counts;
        if u32::try_from(exact) != Ok(self.exact_count) {
            return Err(format!("{exact} exact entries, counted {}", self.exact_count));
        }
        self.prefixes.check(&self.entries, prefix)?;
        self.wildcards.check(&self.entries, wildcard)
    }

    /// The exact entry; like [`find`](Self::find), and free where there are no exact entries.
    #[must_use]
    pub fn exact(&self, uri: &str) -> Option<EntryKey> {
        if self.exact_count == 0 { None } else { self.find(MatchPolicy::Exact, uri) }
    }
}

impl<T: fmt::Debug> fmt::Debug for UriTable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(
                self.entries
                    .iter()
                    .map(|(_, entry)| ((entry.policy().name(), &*entry.pattern), &entry.value)),
            )
            .finish()
    }
}

#[cfg(test)]
mod tests;
