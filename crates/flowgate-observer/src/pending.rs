//! Requests that wait for their replies.

use std::hash::BuildHasher;
use std::ops::Range;
use std::time::Duration;

use flowgate_event::Timestamp;
use foldhash::fast::SeedableRandomState;
use hashbrown::HashTable;
use slab::Slab;

use crate::{ConnectionId, Limits};

/// Open requests: found by connection and identifier, by identifier alone, and in the order in
/// which they time out, each in constant time.
///
/// All wait equally long, so the order in which they were opened is that in which they time out,
/// and a list of them is all the timer that is needed.
///
/// Invariants: every request is in `own`, is in the list that `any` has for its identifier, and in
/// the list from `oldest` to `newest`; at most one has a given connection and identifier;
/// `text_bytes` is the sum over all of them.
#[derive(Debug)]
pub(crate) struct Pending {
    requests: Slab<Request>,
    /// Places by connection and identifier.
    own: HashTable<usize>,
    /// Places of the newest request of each identifier.
    any: HashTable<usize>,
    oldest: Option<usize>,
    newest: Option<usize>,
    /// Octets of the texts of all requests.
    text_bytes: usize,
    timeout: Duration,
    limits: Limits,
    hasher: SeedableRandomState,
}

/// A request that waits.
#[derive(Debug)]
pub(crate) struct Request {
    connection: ConnectionId,
    /// Identifier, source and name, one after the other: one allocation instead of three.
    text: Box<str>,
    id_bytes: usize,
    source_bytes: usize,
    /// That of the identifier, so that neither removing nor growing has to read it.
    id_hash: u64,
    pub(crate) opened: Timestamp,
    /// Neighbours among all requests.
    age: Links,
    /// Neighbours among those with the same identifier.
    namesakes: Links,
}

#[derive(Debug, Clone, Copy, Default)]
struct Links {
    older: Option<usize>,
    newer: Option<usize>,
}

/// What has become of a request that was to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opened {
    /// It waits.
    Waiting,
    /// It waits in place of an older one of the same connection and identifier.
    Replaced,
    /// There is no room.
    Full,
}

impl Pending {
    pub(crate) fn new(timeout: Duration, limits: Limits, hasher: SeedableRandomState) -> Self {
        Self {
            requests: Slab::new(),
            own: HashTable::new(),
            any: HashTable::new(),
            oldest: None,
            newest: None,
            text_bytes: 0,
            timeout,
            limits,
            hasher,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.requests.len()
    }

    /// Opens a request; `now` is not before that of any other.
    pub(crate) fn open(
        &mut self,
        connection: ConnectionId,
        source: &str,
        id: &str,
        name: &str,
        now: Timestamp,
    ) -> Opened {
        let id_hash = self.hasher.hash_one(id);
        let replaced = self.find_own(connection, id, id_hash).and_then(|place| self.remove(place));
        let text_bytes = self.text_bytes + source.len() + id.len() + name.len();
        if self.requests.len() >= self.limits.max_pending_count
            || text_bytes > self.limits.max_pending_bytes
        {
            return Opened::Full;
        }
        self.text_bytes = text_bytes;
        let older = self.newest;
        let namesake = self.find_any(id, id_hash);
        let place = self.requests.insert(Request {
            connection,
            text: [id, source, name].concat().into_boxed_str(),
            id_bytes: id.len(),
            source_bytes: source.len(),
            id_hash,
            opened: now,
            age: Links { older, newer: None },
            namesakes: Links { older: namesake, newer: None },
        });
        match older.and_then(|older| self.requests.get_mut(older)) {
            Some(older) => older.age.newer = Some(place),
            None => self.oldest = Some(place),
        }
        self.newest = Some(place);
        if let Some(namesake) = namesake.and_then(|older| self.requests.get_mut(older)) {
            namesake.namesakes.newer = Some(place);
        }
        self.point_any(id, id_hash, place);
        let Self { requests, own, hasher, .. } = self;
        let rehash = |place: &usize| {
            requests.get(*place).map_or(0, |at| own_hash(hasher, at.connection, at.id_hash))
        };
        own.insert_unique(own_hash(hasher, connection, id_hash), place, rehash);
        if replaced.is_some() { Opened::Replaced } else { Opened::Waiting }
    }

    /// Ends the request that a reply on `connection` answers: its own one, or else the newest of
    /// another connection, since the process that answers need not be the one that was asked.
    pub(crate) fn close(&mut self, connection: ConnectionId, id: &str) -> Option<Request> {
        let id_hash = self.hasher.hash_one(id);
        let own = self.find_own(connection, id, id_hash);
        let place = own.or_else(|| self.find_any(id, id_hash))?;
        self.remove(place)
    }

    /// Ends the oldest request if its time is over.
    pub(crate) fn expire(&mut self, now: Timestamp) -> Option<Request> {
        if self.next_deadline()? > now {
            return None;
        }
        self.remove(self.oldest?)
    }

    /// When the oldest request times out.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        let oldest = self.requests.get(self.oldest?)?;
        Some(oldest.opened.after(self.timeout))
    }

    fn find_own(&self, connection: ConnectionId, id: &str, id_hash: u64) -> Option<usize> {
        let hash = own_hash(&self.hasher, connection, id_hash);
        let is_it = |place: &usize| {
            self.requests.get(*place).is_some_and(|at| at.connection == connection && at.id() == id)
        };
        self.own.find(hash, is_it).copied()
    }

    fn find_any(&self, id: &str, id_hash: u64) -> Option<usize> {
        let is_it =
            |place: &usize| self.requests.get(*place).is_some_and(|request| request.id() == id);
        self.any.find(id_hash, is_it).copied()
    }

    /// Makes `place` the newest request of its identifier.
    fn point_any(&mut self, id: &str, id_hash: u64, place: usize) {
        let Self { requests, any, .. } = self;
        let is_it = |place: &usize| requests.get(*place).is_some_and(|at| at.id() == id);
        if let Some(known) = any.find_mut(id_hash, is_it) {
            *known = place;
        } else {
            let rehash = |place: &usize| requests.get(*place).map_or(0, |at| at.id_hash);
            any.insert_unique(id_hash, place, rehash);
        }
    }

    fn remove(&mut self, place: usize) -> Option<Request> {
        let request = self.requests.get(place)?;
        let (connection, age, namesakes) = (request.connection, request.age, request.namesakes);
        let id_hash = request.id_hash;
        let own_hash = own_hash(&self.hasher, connection, id_hash);
        if let Ok(entry) = self.own.find_entry(own_hash, |own| *own == place) {
            entry.remove();
        }
        // The newest of an identifier is the one that the table points to.
        if namesakes.newer.is_none()
            && let Ok(mut entry) = self.any.find_entry(id_hash, |newest| *newest == place)
        {
            match namesakes.older {
                Some(older) => *entry.get_mut() = older,
                None => drop(entry.remove()),
            }
        }
        match age.older.and_then(|older| self.requests.get_mut(older)) {
            Some(older) => older.age.newer = age.newer,
            None => self.oldest = age.newer,
        }
        match age.newer.and_then(|newer| self.requests.get_mut(newer)) {
            Some(newer) => newer.age.older = age.older,
            None => self.newest = age.older,
        }
        if let Some(older) = namesakes.older.and_then(|older| self.requests.get_mut(older)) {
            older.namesakes.newer = namesakes.newer;
        }
        if let Some(newer) = namesakes.newer.and_then(|newer| self.requests.get_mut(newer)) {
            newer.namesakes.older = namesakes.older;
        }
        let request = self.requests.try_remove(place)?;
        self.text_bytes -= request.text.len();
        Some(request)
    }

    /// Proves the invariants. Cost: O(requests).
    #[cfg(test)]
    pub(crate) fn check(&self) {
        let count = self.requests.len();
        assert_eq!(self.own.len(), count);
        let (mut in_order, mut next) = (0, self.oldest);
        let mut last_opened = Timestamp::EPOCH;
        while let Some(request) = next.and_then(|place| self.requests.get(place)) {
            assert!(request.opened >= last_opened);
            last_opened = request.opened;
            in_order += 1;
            next = request.age.newer;
        }
        assert_eq!(in_order, count);
        let mut named = 0;
        for newest in &self.any {
            let mut next = Some(*newest);
            let id = self.requests[*newest].id();
            assert!(self.requests[*newest].namesakes.newer.is_none());
            while let Some(request) = next.and_then(|place| self.requests.get(place)) {
                assert_eq!(request.id(), id);
                named += 1;
                next = request.namesakes.older;
            }
        }
        assert_eq!(named, count);
        let text_bytes: usize = self.requests.iter().map(|(_, request)| request.text.len()).sum();
        assert_eq!(self.text_bytes, text_bytes);
        for (place, request) in &self.requests {
            let Request { connection, id_hash, .. } = *request;
            assert_eq!(self.find_own(connection, request.id(), id_hash), Some(place));
        }
    }
}

impl Request {
    /// Protocol and direction of its line.
    pub(crate) fn source(&self) -> &str {
        self.part(self.id_bytes..self.id_bytes + self.source_bytes)
    }

    pub(crate) fn name(&self) -> &str {
        self.part(self.id_bytes + self.source_bytes..self.text.len())
    }

    fn id(&self) -> &str {
        self.part(0..self.id_bytes)
    }

    /// Invariant: the lengths are those of the parts from which the text was made.
    fn part(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }
}

fn own_hash(hasher: &SeedableRandomState, connection: ConnectionId, id_hash: u64) -> u64 {
    hasher.hash_one((connection, id_hash))
}
