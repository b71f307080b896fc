//! The callees of one registration, and which of them is called.

use std::{
    hash::{BuildHasher, Hash, Hasher},
    num::NonZeroU64,
};

use foldhash::fast::FixedState;

use crate::{
    SessionKey,
    ids::Ids,
    options::{CalleeTerms, InvokePolicy},
};

/// Those who share a registration, in the order in which they registered.
///
/// Invariants: without a policy or a limit that asks for it nothing is counted; of the others
/// `running` is the number of pending calls.
#[derive(Debug)]
pub(super) struct Callees {
    policy: InvokePolicy,
    list: Vec<Callee>,
    /// Whose turn it is.
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct Callee {
    session: SessionKey,
    seat: Seat,
    terms: CalleeTerms,
    /// Its pending calls, if they are counted.
    running: u32,
}

/// The place of one session in one registration; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Seat(NonZeroU64);

/// Who is called.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Choice {
    Callee {
        session: SessionKey,
        terms: CalleeTerms,
        /// Where the call is counted, if it is.
        seat: Option<Seat>,
    },
    /// Those who could be called have as many calls as they take.
    Busy,
    /// All have been tried.
    Nobody,
}

impl Seat {
    pub(super) const FIRST: Self = Self(NonZeroU64::MIN);

    pub(super) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Callees {
    pub(super) fn new(
        policy: InvokePolicy,
        session: SessionKey,
        seat: Seat,
        terms: CalleeTerms,
    ) -> Self {
        let list = vec![Callee { session, seat, terms, running: 0 }];
        Self { policy, list, next: 0 }
    }

    pub(super) const fn policy(&self) -> InvokePolicy {
        self.policy
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn sessions(&self) -> impl Iterator<Item = SessionKey> + '_ {
        self.list.iter().map(|callee| callee.session)
    }

    pub(super) fn push(&mut self, session: SessionKey, seat: Seat, terms: CalleeTerms) {
        self.list.push(Callee { session, seat, terms, running: 0 });
    }

    /// Removes a callee; it keeps nobody from their turn. Cost: O(callees).
    pub(super) fn remove(&mut self, session: SessionKey) {
        if let Some(place) = self.list.iter().position(|callee| callee.session == session) {
            self.list.remove(place);
            if place < self.next {
                self.next -= 1;
            }
        }
    }

    /// Chooses a callee that has not been tried, and counts the call if calls are counted.
    ///
    /// Cost: O(1) for an only callee, O(callees) otherwise.
    pub(super) fn choose(
        &mut self,
        tried: &[SessionKey],
        key: Option<&str>,
        seed: u64,
        ids: &mut Ids,
    ) -> Choice {
        if let ([only], true) = (self.list.as_slice(), tried.is_empty())
            && only.terms.concurrency.is_none()
            && self.policy != InvokePolicy::LeastLoaded
        {
            return Choice::Callee { session: only.session, terms: only.terms, seat: None };
        }
        if self.list.iter().all(|callee| tried.contains(&callee.session)) {
            return Choice::Nobody;
        }
        let Some(place) = self.place(tried, key, seed, ids) else { return Choice::Busy };
        let (policy, count) = (self.policy, self.list.len());
        let Some(callee) = self.list.get_mut(place) else { return Choice::Nobody };
        if matches!(policy, InvokePolicy::RoundRobin | InvokePolicy::LeastLoaded) && key.is_none() {
            self.next = (place + 1) % count;
        }
        let is_counted = callee.is_counted(policy);
        callee.running += u32::from(is_counted);
        let &mut Callee { session, terms, seat, .. } = callee;
        Choice::Callee { session, terms, seat: is_counted.then_some(seat) }
    }

    /// The place of the callee to be called; `None` if it has, or all have, enough to do.
    fn place(
        &self,
        tried: &[SessionKey],
        key: Option<&str>,
        seed: u64,
        ids: &mut Ids,
    ) -> Option<usize> {
        let mut untried =
            self.list.iter().enumerate().filter(|(_, callee)| !tried.contains(&callee.session));
        let free = |(_, callee): &(usize, &Callee)| callee.takes_more();
        let place = |(place, _)| place;
        if let Some(key) = key {
            // The callee whose hash with the key is highest: when callees come or go, only keys
            // from or to them move.
            let shard = untried.max_by_key(|(_, callee)| shard(seed, key, callee.session));
            return shard.filter(free).map(place);
        }
        match self.policy {
            InvokePolicy::Single | InvokePolicy::First => untried.next().filter(free).map(place),
            InvokePolicy::Last => untried.next_back().filter(free).map(place),
            InvokePolicy::Random => {
                let takers: Vec<usize> = untried.filter(free).map(place).collect();
                takers.get(ids.index(takers.len())?).copied()
            }
            InvokePolicy::RoundRobin => {
                untried.filter(free).map(place).min_by_key(|place| self.turns_until(*place))
            }
            InvokePolicy::LeastLoaded => untried
                .filter(free)
                .min_by_key(|(place, callee)| (callee.running, self.turns_until(*place)))
                .map(place),
        }
    }

    /// How many others are before a callee in turn.
    fn turns_until(&self, place: usize) -> usize {
        if place >= self.next { place - self.next } else { place + self.list.len() - self.next }
    }

    /// A counted call is over; nothing happens if its callee has left.
    pub(super) fn release(&mut self, seat: Seat) {
        if let Some(callee) = self.list.iter_mut().find(|callee| callee.seat == seat) {
            callee.running = callee.running.saturating_sub(1);
        }
    }

    /// Proves the invariants, given how many pending calls each place has.
    pub(super) fn check(&self, counted: impl Fn(Seat) -> usize) -> Result<(), String> {
        let wrong = self.list.iter().find(|callee| {
            let count = counted(callee.seat);
            let over = callee.terms.concurrency.is_some_and(|limit| callee.running > limit.get());
            usize::try_from(callee.running) != Ok(count) || over
        });
        match wrong {
            Some(callee) => Err(format!("dealer: {callee:?} has {}", counted(callee.seat))),
            None if self.next > self.list.len() => Err("dealer: it is nobody's turn".to_owned()),
            None => Ok(()),
        }
    }
}

impl Callee {
    fn is_counted(&self, policy: InvokePolicy) -> bool {
        policy == InvokePolicy::LeastLoaded || self.terms.concurrency.is_some()
    }

    fn takes_more(&self) -> bool {
        self.terms.concurrency.is_none_or(|limit| self.running < limit.get())
    }
}

/// How much a session wants a key ("rendezvous hashing").
fn shard(seed: u64, key: &str, session: SessionKey) -> (u64, SessionKey) {
    let mut hasher = FixedState::with_seed(seed).build_hasher();
    key.hash(&mut hasher);
    hasher.write_u32(session.0);
    (hasher.finish(), session)
}
