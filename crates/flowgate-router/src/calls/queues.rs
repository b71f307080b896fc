//! Calls that wait until a callee can take them.

use std::collections::{BTreeSet, VecDeque};

use flowgate_wire::RegistrationId;

use super::{CallKey, Calls, PendingCall};
use crate::ids::{HashMap, hasher};

/// The queues of registrations whose callees are all busy, first come, first served.
///
/// Invariants: no queue is empty.
pub(super) struct Queues {
    by_registration: HashMap<RegistrationId, VecDeque<CallKey>>,
    /// Registrations that may have a callee for those who wait, or none any more.
    revisit: BTreeSet<RegistrationId>,
}

impl Queues {
    pub(super) fn new(seed: u64) -> Self {
        let by_registration = HashMap::with_hasher(hasher(seed));
        Self { by_registration, revisit: BTreeSet::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_registration.is_empty()
    }

    /// Whether there is no registration to be looked at.
    #[inline]
    pub(super) fn is_settled(&self) -> bool {
        self.revisit.is_empty()
    }

    /// How many calls wait.
    pub(super) fn len(&self) -> usize {
        self.by_registration.values().map(VecDeque::len).sum()
    }

    pub(super) fn holds(&self, registration: RegistrationId, call: CallKey) -> bool {
        self.by_registration.get(&registration).is_some_and(|queue| queue.contains(&call))
    }

    /// Removes a call wherever it waits. Cost: O(length of the queue), which is limited.
    pub(super) fn remove(&mut self, registration: RegistrationId, call: CallKey) {
        let Some(queue) = self.by_registration.get_mut(&registration) else { return };
        queue.retain(|waiting| *waiting != call);
        if queue.is_empty() {
            self.by_registration.remove(&registration);
        }
    }
}

impl Calls {
    /// How many calls wait for a registration's callees.
    pub(crate) fn waiting_count(&self, registration: RegistrationId) -> usize {
        self.queues.by_registration.get(&registration).map_or(0, VecDeque::len)
    }

    /// The call that has waited longest for a registration's callees.
    pub(crate) fn first_waiting(&self, registration: RegistrationId) -> Option<CallKey> {
        self.queues.by_registration.get(&registration)?.front().copied()
    }

    /// Notes that the callees of a registration have changed, or what they have to do.
    pub(crate) fn revisit(&mut self, registration: RegistrationId) {
        if self.waiting_count(registration) > 0 {
            self.queues.revisit.insert(registration);
        }
    }

    /// The next registration whose waiting calls are to be looked at, by ascending identifier.
    pub(crate) fn pop_revisit(&mut self) -> Option<RegistrationId> {
        self.queues.revisit.pop_first()
    }

    /// Lets a call without a callee wait, behind those that do.
    pub(crate) fn enqueue(&mut self, key: CallKey) {
        let Some(registration) = self.get(key).and_then(PendingCall::registration) else { return };
        self.queues.by_registration.entry(registration).or_default().push_back(key);
    }

    /// Takes a call out of its queue, to be [assigned](Self::assign).
    pub(crate) fn dequeue(&mut self, key: CallKey) {
        let Some(registration) = self.get(key).and_then(PendingCall::registration) else { return };
        self.queues.remove(registration, key);
    }
}
