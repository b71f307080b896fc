//! Registrations: which callee a procedure is called at.

mod callees;

use flowgate_event::Timestamp;
use flowgate_wire::{MatchPolicy, RegistrationId};

use crate::{
    SessionKey,
    ids::{HashMap, Ids, hasher},
    membership::Membership,
    options::{CalleeTerms, InvokePolicy},
    request_error::RequestError,
    uri_table::{EntryKey, UriTable},
};
use callees::Callees;
pub(crate) use callees::{Choice, Seat};

/// The registrations of a realm.
///
/// A registration is one procedure or pattern under one match policy, shared by its callees; it
/// exists as long as it has any. Pending calls are not its business
/// ([`Calls`](crate::calls::Calls)), but how many a callee has is, where that counts.
/// Identifiers count up and are not used again.
///
/// Invariants: `by_id` has exactly the entries of `table`; each has a callee; its callees are those
/// of the membership.
pub(crate) struct Dealer {
    table: UriTable<Registration>,
    by_id: HashMap<RegistrationId, EntryKey>,
    members: Membership,
    next_id: RegistrationId,
    next_seat: Seat,
    seed: u64,
}

/// A registration as its table entry has it.
#[derive(Debug)]
struct Registration {
    id: RegistrationId,
    policy: MatchPolicy,
    created: Timestamp,
    callees: Callees,
}

/// Where a call goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    pub(crate) registration: RegistrationId,
    pub(crate) callee: SessionKey,
    /// How the registration matches; for a pattern the callee is told the procedure.
    pub(crate) policy: MatchPolicy,
    /// What the callee asked for when it registered.
    pub(crate) terms: CalleeTerms,
    /// The place to be [released](Dealer::release) when the call is over, if calls are counted.
    pub(crate) seat: Option<Seat>,
    /// Whether there are callees that could take the call instead.
    pub(crate) has_others: bool,
}

/// Where a call could go.
#[derive(Debug)]
pub(crate) enum Routing {
    To(Route),
    /// All callees have as many calls as they take.
    Busy(RegistrationId),
    /// There is no callee, or none that has not been tried.
    Nowhere,
}

/// A session has become a callee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Joined {
    pub(crate) registration: RegistrationId,
    pub(crate) what: JoinedWhat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JoinedWhat {
    /// A registration that has not been there.
    New,
    /// A registration that others hold.
    Shared,
    /// A registration that it holds already: nothing has changed.
    Own,
}

/// A session is no callee of a registration any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) registration: RegistrationId,
    /// It was the last, and the registration is gone.
    pub(crate) is_last: bool,
}

/// What the meta API tells about a registration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RegistrationInfo<'a> {
    pub(crate) id: RegistrationId,
    pub(crate) created: Timestamp,
    pub(crate) uri: &'a str,
    pub(crate) policy: MatchPolicy,
    pub(crate) invoke: InvokePolicy,
}

impl Dealer {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            table: UriTable::new(seed),
            by_id: HashMap::with_hasher(hasher(seed)),
            members: Membership::new(seed),
            next_id: RegistrationId::MIN,
            next_seat: Seat::FIRST,
            seed,
        }
    }

    /// Registers a procedure or pattern ("Registering", "Shared Registration"); `now` is noted.
    pub(crate) fn register<'u>(
        &mut self,
        now: Timestamp,
        callee: SessionKey,
        (policy, procedure): (MatchPolicy, &'u str),
        invoke: InvokePolicy,
        terms: CalleeTerms,
    ) -> Result<Joined, RequestError<'u>> {
        let seat = self.next_seat;
        let (entry, joined) = match self.table.find(policy, procedure) {
            Some(entry) => {
                let shared = self.table.get_mut(entry);
                let shared = shared.ok_or(RequestError::ProcedureAlreadyExists(procedure))?;
                let registration = shared.id;
                let agreed = shared.callees.policy();
                if agreed == InvokePolicy::Single {
                    return Err(RequestError::ProcedureAlreadyExists(procedure));
                }
                if agreed != invoke {
                    return Err(RequestError::InvocationPolicyConflict(procedure));
                }
                if self.members.contains(entry, callee) {
                    return Ok(Joined { registration, what: JoinedWhat::Own });
                }
                shared.callees.push(callee, seat, terms);
                (entry, Joined { registration, what: JoinedWhat::Shared })
            }
            None => {
                let id = self.next_id;
                let callees = Callees::new(invoke, callee, seat, terms);
                let registration = Registration { id, policy, created: now, callees };
                let entry = self.table.insert(policy, procedure, registration);
                let entry = entry.map_err(|_| RequestError::TableFull(procedure))?;
                self.next_id = id.next();
                self.by_id.insert(id, entry);
                (entry, Joined { registration: id, what: JoinedWhat::New })
            }
        };
        self.next_seat = seat.next();
        self.members.add(entry, callee);
        Ok(joined)
    }

    /// Ends a callee's part in a registration ("Unregistering").
    pub(crate) fn unregister(
        &mut self,
        callee: SessionKey,
        id: RegistrationId,
    ) -> Result<Left, RequestError<'static>> {
        let held = self.by_id.get(&id).filter(|entry| self.members.contains(**entry, callee));
        let entry = *held.ok_or(RequestError::NoSuchRegistration(id))?;
        self.remove(entry, callee).ok_or(RequestError::NoSuchRegistration(id))
    }

    /// Ends one of a session's registrations; `None` when it has none any more.
    pub(crate) fn detach_one(&mut self, callee: SessionKey) -> Option<Left> {
        let &entry = self.members.entries(callee).last()?;
        self.remove(entry, callee)
    }

    fn remove(&mut self, entry: EntryKey, callee: SessionKey) -> Option<Left> {
        self.members.remove(entry, callee);
        let registration = self.table.get_mut(entry)?;
        registration.callees.remove(callee);
        let left = Left { registration: registration.id, is_last: registration.callees.is_empty() };
        if left.is_last {
            self.table.remove(entry);
            self.by_id.remove(&left.registration);
        }
        Some(left)
    }

    /// Where a call goes ("Pattern-based Registrations": exact, then the longest prefix, then the
    /// wildcard pattern of precedence; and of the callees who share it the one of its policy, or of
    /// a key).
    pub(crate) fn route(&mut self, procedure: &str, key: Option<&str>, ids: &mut Ids) -> Routing {
        let Some(entry) = self.table.best(procedure) else { return Routing::Nowhere };
        self.route_to(entry, &[], key, ids)
    }

    /// Where a call of a registration goes that some callees have turned down.
    pub(crate) fn reroute(
        &mut self,
        id: RegistrationId,
        tried: &[SessionKey],
        key: Option<&str>,
        ids: &mut Ids,
    ) -> Routing {
        let Some(&entry) = self.by_id.get(&id) else { return Routing::Nowhere };
        self.route_to(entry, tried, key, ids)
    }

    fn route_to(
        &mut self,
        entry: EntryKey,
        tried: &[SessionKey],
        key: Option<&str>,
        ids: &mut Ids,
    ) -> Routing {
        let seed = self.seed;
        let Some(registration) = self.table.get_mut(entry) else { return Routing::Nowhere };
        let &mut Registration { id, policy, ref mut callees, .. } = registration;
        match callees.choose(tried, key, seed, ids) {
            Choice::Callee { session, terms, seat } => Routing::To(Route {
                registration: id,
                callee: session,
                policy,
                terms,
                seat,
                has_others: callees.len() > tried.len() + 1,
            }),
            Choice::Busy => Routing::Busy(id),
            Choice::Nobody => Routing::Nowhere,
        }
    }

    /// A counted call is over.
    pub(crate) fn release(&mut self, id: RegistrationId, seat: Seat) {
        let entry = self.by_id.get(&id).copied();
        if let Some(registration) = entry.and_then(|entry| self.table.get_mut(entry)) {
            registration.callees.release(seat);
        }
    }

    /// The registration of a procedure or pattern itself.
    pub(crate) fn find(&self, policy: MatchPolicy, uri: &str) -> Option<RegistrationId> {
        let entry = self.table.find(policy, uri)?;
        self.table.get(entry).map(|registration| registration.id)
    }

    /// The registration that a call would go to.
    pub(crate) fn find_best(&self, procedure: &str) -> Option<RegistrationId> {
        let entry = self.table.best(procedure)?;
        self.table.get(entry).map(|registration| registration.id)
    }

    /// What there is to know about a registration.
    pub(crate) fn info(&self, id: RegistrationId) -> Option<RegistrationInfo<'_>> {
        let &entry = self.by_id.get(&id)?;
        let registration = self.table.get(entry)?;
        let &Registration { id, policy, created, ref callees } = registration;
        let uri = self.table.pattern(entry);
        Some(RegistrationInfo { id, created, uri, policy, invoke: callees.policy() })
    }

    /// The callees of a registration, in the order in which they registered.
    pub(crate) fn callees(
        &self,
        id: RegistrationId,
    ) -> Option<impl Iterator<Item = SessionKey> + '_> {
        let &entry = self.by_id.get(&id)?;
        Some(self.table.get(entry)?.callees.sessions())
    }

    /// All registrations of a policy, oldest first. Cost: O(n log n).
    pub(crate) fn list(&self, policy: MatchPolicy) -> Vec<RegistrationId> {
        let all = self.table.iter().map(|(_, registration)| registration);
        let mut ids: Vec<_> =
            all.filter(|one| one.policy == policy).map(|registration| registration.id).collect();
        ids.sort_unstable();
        ids
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty() && self.by_id.is_empty() && self.members.len() == 0
    }

    /// Proves the invariants, given how many calls are counted for each place. Cost: O(callees of
    /// all registrations).
    pub(crate) fn check(
        &self,
        is_open: impl Fn(SessionKey) -> bool,
        counted: impl Fn(RegistrationId, Seat) -> usize,
    ) -> Result<(), String> {
        self.table.check_invariants()?;
        self.members.check()?;
        if self.table.len() != self.by_id.len() {
            return Err("dealer: the indexes do not have the same registrations".to_owned());
        }
        let mut callee_count = 0;
        for (&id, &entry) in &self.by_id {
            let Some(registration) = self.table.get(entry).filter(|at| at.id == id) else {
                return Err(format!("dealer: registration {id} is not where its index says"));
            };
            registration.callees.check(|seat| counted(id, seat))?;
            let is_member = |session| self.members.contains(entry, session) && is_open(session);
            if registration.callees.is_empty() || !registration.callees.sessions().all(is_member) {
                return Err(format!("dealer: {registration:?} is held by others"));
            }
            callee_count += registration.callees.len();
        }
        if callee_count != self.members.len() {
            return Err("dealer: there are callees of what does not exist".to_owned());
        }
        Ok(())
    }
}
