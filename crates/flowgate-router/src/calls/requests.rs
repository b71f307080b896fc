//! From the requests of one side of a session to its pending calls.

use std::hash::BuildHasher;

use flowgate_wire::RequestId;
use foldhash::fast::SeedableRandomState;
use hashbrown::HashTable;

use super::CallKey;

/// The pending calls of one side of a session, by their request there.
///
/// A table without a hasher of its own, since all of them share one; and requests are added that are
/// known not to be there, so that nothing is looked up in vain.
#[derive(Debug, Default)]
pub(super) struct Requests(HashTable<(RequestId, CallKey)>);

impl Requests {
    #[inline]
    pub(super) fn get(&self, hasher: &SeedableRandomState, request: RequestId) -> Option<CallKey> {
        if self.0.is_empty() {
            return None;
        }
        let found = self.0.find(hasher.hash_one(request), |(of, _)| *of == request);
        found.map(|(_, key)| *key)
    }

    /// Adds a request that is not there.
    #[inline]
    pub(super) fn add(&mut self, hasher: &SeedableRandomState, request: RequestId, key: CallKey) {
        debug_assert!(self.get(hasher, request).is_none(), "a request has one pending call");
        let hash = |(of, _): &(RequestId, CallKey)| hasher.hash_one(of);
        self.0.insert_unique(hasher.hash_one(request), (request, key), hash);
    }

    #[inline]
    pub(super) fn remove(&mut self, hasher: &SeedableRandomState, request: RequestId) {
        let found = self.0.find_entry(hasher.hash_one(request), |(of, _)| *of == request);
        if let Ok(found) = found {
            found.remove();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them by ascending request, so that what is sent about them has an order.
    pub(super) fn fill_in_order(&self, calls: &mut Vec<(RequestId, CallKey)>) {
        calls.clear();
        calls.extend(self.0.iter().copied());
        calls.sort_unstable_by_key(|(request, _)| *request);
    }
}
