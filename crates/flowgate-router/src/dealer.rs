//! Registrations: which callee a procedure is called at.

use flowgate_wire::{MatchPolicy, RegistrationId};

use crate::{
    SessionKey,
    ids::{HashMap, hasher},
    membership::Membership,
    request_error::RequestError,
    uri_table::{EntryKey, InsertError, UriTable},
};

/// The registrations of a realm.
///
/// A registration is one procedure or pattern under one match policy, held by one callee; pending
/// calls are not its business ([`Calls`](crate::calls::Calls)). Identifiers count up and are not
/// used again.
///
/// Invariants: `by_id` has exactly the entries of `table`; each has one callee.
pub(crate) struct Dealer {
    table: UriTable<Registration>,
    by_id: HashMap<RegistrationId, EntryKey>,
    members: Membership,
    next_id: RegistrationId,
}

/// A registration as its table entry has it; its callee is in the membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Registration {
    id: RegistrationId,
    policy: MatchPolicy,
}

/// Where a call goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    pub(crate) registration: RegistrationId,
    pub(crate) callee: SessionKey,
    /// How the registration matches; for a pattern the callee is told the procedure.
    pub(crate) policy: MatchPolicy,
}

impl Dealer {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            table: UriTable::new(seed),
            by_id: HashMap::with_hasher(hasher(seed)),
            members: Membership::new(seed),
            next_id: RegistrationId::MIN,
        }
    }

    /// Registers a procedure or pattern ("Registering").
    pub(crate) fn register<'u>(
        &mut self,
        callee: SessionKey,
        policy: MatchPolicy,
        procedure: &'u str,
    ) -> Result<RegistrationId, RequestError<'u>> {
        let id = self.next_id;
        let entry = self.table.insert(policy, procedure, Registration { id, policy });
        let entry = entry.map_err(|error| match error {
            InsertError::Occupied(_) => RequestError::ProcedureAlreadyExists(procedure),
            InsertError::Exhausted => RequestError::TableFull(procedure),
        })?;
        self.next_id = id.next();
        self.by_id.insert(id, entry);
        self.members.add(entry, callee);
        Ok(id)
    }

    /// Ends a registration ("Unregistering").
    pub(crate) fn unregister(
        &mut self,
        callee: SessionKey,
        id: RegistrationId,
    ) -> Result<(), RequestError<'static>> {
        let held = self.by_id.get(&id).filter(|entry| self.members.contains(**entry, callee));
        let entry = *held.ok_or(RequestError::NoSuchRegistration(id))?;
        self.release(entry, callee);
        Ok(())
    }

    /// Ends all registrations of a session.
    pub(crate) fn detach(&mut self, callee: SessionKey) {
        while let Some(&entry) = self.members.entries(callee).last() {
            self.release(entry, callee);
        }
    }

    fn release(&mut self, entry: EntryKey, callee: SessionKey) {
        self.members.remove(entry, callee);
        if let Some(registration) = self.table.remove(entry) {
            self.by_id.remove(&registration.id);
        }
    }

    /// The registration that a call goes to ("Pattern-based Registrations": exact, then the longest
    /// prefix, then the wildcard pattern of precedence).
    pub(crate) fn route(&self, procedure: &str) -> Option<Route> {
        let entry = self.table.best(procedure)?;
        let &Registration { id: registration, policy } = self.table.get(entry)?;
        let callee = *self.members.sessions(entry).first()?;
        Some(Route { registration, callee, policy })
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty() && self.by_id.is_empty() && self.members.len() == 0
    }

    /// Proves the invariants. Cost: O(registrations).
    pub(crate) fn check(&self, is_open: impl Fn(SessionKey) -> bool) -> Result<(), String> {
        self.table.check_invariants()?;
        self.members.check()?;
        if self.table.len() != self.by_id.len() || self.members.len() != self.by_id.len() {
            return Err("dealer: the indexes do not have the same registrations".to_owned());
        }
        for (&id, &entry) in &self.by_id {
            if self.table.get(entry).is_none_or(|at| at.id != id) {
                return Err(format!("dealer: registration {id} is not where its index says"));
            }
            match self.members.sessions(entry) {
                [callee] if is_open(*callee) => {}
                callees => return Err(format!("dealer: registration {id} is held by {callees:?}")),
            }
        }
        Ok(())
    }
}
