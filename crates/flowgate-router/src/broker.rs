//! Subscriptions, and events to their subscribers.

use std::collections::BTreeSet;

use flowgate_wire::{Event, MatchPolicy, Payload, PublicationId, SubscriptionId};

use crate::{
    Action, Outbox, SessionKey, Traffic,
    details::Details,
    ids::{HashMap, hasher},
    membership::Membership,
    request_error::RequestError,
    session::Identity,
    uri_table::{EntryKey, UriTable},
};

/// The subscriptions of a realm.
///
/// A subscription is one topic or pattern under one match policy, shared by its subscribers; it
/// exists as long as it has any. Identifiers count up and are not used again.
///
/// Invariants: `by_id` has exactly the entries of `table`; each has a subscriber.
pub(crate) struct Broker {
    table: UriTable<Subscription>,
    by_id: HashMap<SubscriptionId, EntryKey>,
    members: Membership,
    next_id: SubscriptionId,
    /// Receivers of one event, where they are not all subscribers.
    receivers: Vec<SessionKey>,
}

/// A subscription as its table entry has it; its subscribers are in the membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Subscription {
    id: SubscriptionId,
    policy: MatchPolicy,
}

/// One event on its way to the subscribers.
pub(crate) struct Publication<'a> {
    pub(crate) topic: &'a str,
    pub(crate) id: PublicationId,
    /// The publisher, if the subscribers are told.
    pub(crate) publisher: Option<Identity<'a>>,
    /// The session that does not get the event though it subscribes.
    pub(crate) exclude: Option<SessionKey>,
    pub(crate) payload: Payload<'a>,
    pub(crate) traffic: Traffic,
}

impl Broker {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            table: UriTable::new(seed),
            by_id: HashMap::with_hasher(hasher(seed)),
            members: Membership::new(seed),
            next_id: SubscriptionId::MIN,
            receivers: Vec::new(),
        }
    }

    /// Subscribes a session; doing so again yields the same subscription ("Subscribing").
    pub(crate) fn subscribe<'u>(
        &mut self,
        session: SessionKey,
        policy: MatchPolicy,
        topic: &'u str,
    ) -> Result<SubscriptionId, RequestError<'u>> {
        let found = self.table.find(policy, topic);
        let existing = found.and_then(|entry| self.table.get(entry).map(|at| (entry, at.id)));
        let (entry, id) = match existing {
            Some(existing) => existing,
            None => self.create(policy, topic)?,
        };
        self.members.add(entry, session);
        Ok(id)
    }

    fn create<'u>(
        &mut self,
        policy: MatchPolicy,
        topic: &'u str,
    ) -> Result<(EntryKey, SubscriptionId), RequestError<'u>> {
        let id = self.next_id;
        let entry = self.table.insert(policy, topic, Subscription { id, policy });
        let entry = entry.map_err(|_| RequestError::TableFull(topic))?;
        self.next_id = id.next();
        self.by_id.insert(id, entry);
        Ok((entry, id))
    }

    /// Ends a session's subscription ("Unsubscribing").
    pub(crate) fn unsubscribe(
        &mut self,
        session: SessionKey,
        id: SubscriptionId,
    ) -> Result<(), RequestError<'static>> {
        let held = self.by_id.get(&id).filter(|entry| self.members.contains(**entry, session));
        let entry = *held.ok_or(RequestError::NoSuchSubscription(id))?;
        self.release(entry, session);
        Ok(())
    }

    /// Ends all subscriptions of a session.
    pub(crate) fn detach(&mut self, session: SessionKey) {
        while let Some(&entry) = self.members.entries(session).last() {
            self.release(entry, session);
        }
    }

    fn release(&mut self, entry: EntryKey, session: SessionKey) {
        self.members.remove(entry, session);
        if self.members.sessions(entry).is_empty()
            && let Some(subscription) = self.table.remove(entry)
        {
            self.by_id.remove(&subscription.id);
        }
    }

    /// Whether anybody gets an event of this topic.
    pub(crate) fn is_heard(&self, topic: &str) -> bool {
        let mut heard = false;
        self.table.matches(topic, |_| heard = true);
        heard
    }

    /// Adds the sessions that get events of a topic.
    pub(crate) fn collect_subscribers(&self, topic: &str, to: &mut BTreeSet<SessionKey>) {
        self.table.matches(topic, |entry| to.extend(self.members.sessions(entry)));
    }

    /// Sends an event once for every subscription that matches ("Publishing and Events",
    /// "Pattern-based Subscriptions").
    pub(crate) fn publish(&mut self, out: &mut dyn Outbox, publication: &Publication<'_>) {
        let Self { table, members, receivers, .. } = self;
        let excluded = publication.exclude.filter(|session| !members.entries(*session).is_empty());
        table.matches(publication.topic, |entry| {
            let Some(&Subscription { id: subscription, policy }) = table.get(entry) else { return };
            let mut to = members.sessions(entry);
            if let Some(session) = excluded.filter(|session| members.contains(entry, *session)) {
                receivers.clear();
                receivers.extend(to.iter().filter(|receiver| **receiver != session));
                to = receivers;
            }
            if to.is_empty() {
                return;
            }
            let details = publication.details(policy);
            let message = Event {
                subscription,
                publication: publication.id,
                details: details.as_dict(),
                payload: publication.payload.clone(),
            };
            let traffic = publication.traffic;
            out.push(Action::FanOut { to, message: message.into(), traffic });
        });
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty() && self.by_id.is_empty() && self.members.len() == 0
    }

    /// Proves the invariants. Cost: O(subscribers of all subscriptions).
    pub(crate) fn check(&self, is_open: impl Fn(SessionKey) -> bool) -> Result<(), String> {
        self.table.check_invariants()?;
        self.members.check()?;
        if self.table.len() != self.by_id.len() {
            return Err("broker: the index by id has others than the table".to_owned());
        }
        let mut subscriber_count = 0;
        for (&id, &entry) in &self.by_id {
            if self.table.get(entry).is_none_or(|at| at.id != id) {
                return Err(format!("broker: subscription {id} is not where its index says"));
            }
            let subscribers = self.members.sessions(entry);
            if subscribers.is_empty() || !subscribers.iter().copied().all(&is_open) {
                return Err(format!("broker: subscription {id} is held by {subscribers:?}"));
            }
            subscriber_count += subscribers.len();
        }
        if subscriber_count != self.members.len() {
            return Err("broker: there are subscribers of what does not exist".to_owned());
        }
        Ok(())
    }
}

impl Publication<'_> {
    /// `EVENT.Details`: the topic for patterns, the publisher where it is disclosed.
    fn details(&self, policy: MatchPolicy) -> Details<'_, 4> {
        let mut details = Details::new();
        if policy != MatchPolicy::Exact {
            details.push("topic", self.topic);
        }
        if let Some(publisher) = self.publisher {
            details.push("publisher", publisher.session.get());
            details.push("publisher_authid", publisher.authid);
            details.push("publisher_authrole", publisher.authrole);
        }
        details
    }
}
