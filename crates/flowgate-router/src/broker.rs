//! Subscriptions, and events to their subscribers.

mod publication;
mod shards;

use std::{collections::BTreeSet, sync::Arc};

use flowgate_event::Timestamp;
use flowgate_wire::{MatchPolicy, SubscriptionId};

use crate::{
    EventRecord, EventStore, HistoryConfig, HistoryKey, SessionKey,
    history::{Histories, Query},
    ids::{HashMap, hasher},
    membership::Membership,
    request_error::RequestError,
    session::Identity,
    uri_table::{EntryKey, UriTable},
};
pub(crate) use publication::{Extras, Publication, retained_details};
use shards::Shards;

/// The subscriptions of a realm.
///
/// A subscription is one topic or pattern under one match policy, shared by its subscribers; it
/// exists as long as it has any, or for ever if it has a history.
/// Identifiers count up and are not used again.
///
/// Invariants: `by_id` has exactly the entries of `table`; each has a subscriber or a history, and
/// node keys of subscribers only.
pub(crate) struct Broker {
    table: UriTable<Subscription>,
    by_id: HashMap<SubscriptionId, EntryKey>,
    members: Membership,
    next_id: SubscriptionId,
    histories: Histories,
    /// Receivers of one event, where they are not all subscribers.
    receivers: Vec<SessionKey>,
}

/// A subscription as its table entry has it; its subscribers are in the membership.
#[derive(Debug)]
struct Subscription {
    id: SubscriptionId,
    policy: MatchPolicy,
    /// When the first of its present subscribers came, or before that when the realm began.
    created: Timestamp,
    history: Option<HistoryKey>,
    /// Absent without node keys.
    shards: Option<Box<Shards>>,
}

/// What there is to know about a subscription.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SubscriptionInfo<'a> {
    pub(crate) id: SubscriptionId,
    pub(crate) created: Timestamp,
    pub(crate) pattern: &'a str,
    pub(crate) policy: MatchPolicy,
    pub(crate) history: Option<HistoryKey>,
}

/// What a subscriber asks for.
pub(crate) struct NewSubscriber<'a> {
    pub(crate) session: SessionKey,
    pub(crate) policy: MatchPolicy,
    pub(crate) nkey: Option<&'a str>,
    pub(crate) now: Timestamp,
}

/// What has become of a request to subscribe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subscribed {
    pub(crate) id: SubscriptionId,
    pub(crate) change: Joined,
}

/// How a subscription changes with a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joined {
    /// It had none before.
    First,
    /// It has one more.
    Another,
    /// The session was a subscriber already.
    Again,
}

/// A subscription that a session has no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Released {
    pub(crate) id: SubscriptionId,
    pub(crate) left: Left,
    /// Whether the pattern is the router's own, of which no meta event tells.
    pub(crate) is_reserved: bool,
}

/// How a subscription changes without a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// Others are left.
    Others,
    /// Nobody is left.
    Nobody,
}

impl Broker {
    pub(crate) fn new(seed: u64, store: Option<Box<dyn EventStore>>) -> Self {
        Self {
            table: UriTable::new(seed),
            by_id: HashMap::with_hasher(hasher(seed)),
            members: Membership::new(seed),
            next_id: SubscriptionId::MIN,
            histories: Histories::new(store),
            receivers: Vec::new(),
        }
    }

    /// Creates the subscription that a history is about, before anybody subscribes.
    pub(crate) fn add_history(&mut self, now: Timestamp, config: HistoryConfig) {
        let HistoryConfig { pattern, policy, limit, records } = config;
        // Of two histories of one pattern the first counts; keys follow the configuration.
        let key = self.histories.add(limit, records);
        if let Ok((entry, _)) = self.create(policy, &pattern, now)
            && let Some(subscription) = self.table.get_mut(entry)
        {
            subscription.history = Some(key);
        }
    }

    /// Subscribes a session; doing so again yields the same subscription ("Subscribing").
    pub(crate) fn subscribe<'u>(
        &mut self,
        topic: &'u str,
        new: &NewSubscriber<'_>,
    ) -> Result<Subscribed, RequestError<'u>> {
        let &NewSubscriber { session, policy, nkey, now } = new;
        let (entry, id) = match self.find(policy, topic) {
            Some(existing) => existing,
            None => self.create(policy, topic, now)?,
        };
        let change = if self.members.sessions(entry).is_empty() {
            Joined::First
        } else if self.members.contains(entry, session) {
            Joined::Again
        } else {
            Joined::Another
        };
        self.members.add(entry, session);
        if let Some(subscription) = self.table.get_mut(entry) {
            if change == Joined::First {
                subscription.created = now;
            }
            subscription.set_nkey(session, nkey);
        }
        Ok(Subscribed { id, change })
    }

    fn find(&self, policy: MatchPolicy, topic: &str) -> Option<(EntryKey, SubscriptionId)> {
        let entry = self.table.find(policy, topic)?;
        self.table.get(entry).map(|subscription| (entry, subscription.id))
    }

    fn create<'u>(
        &mut self,
        policy: MatchPolicy,
        topic: &'u str,
        created: Timestamp,
    ) -> Result<(EntryKey, SubscriptionId), RequestError<'u>> {
        let id = self.next_id;
        let subscription = Subscription { id, policy, created, history: None, shards: None };
        let entry = self.table.insert(policy, topic, subscription);
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
    ) -> Result<Released, RequestError<'static>> {
        let held = self.by_id.get(&id).filter(|entry| self.members.contains(**entry, session));
        let released = held.copied().and_then(|entry| self.release(entry, session));
        released.ok_or(RequestError::NoSuchSubscription(id))
    }

    /// Ends all subscriptions of a session, and hands over what has changed.
    pub(crate) fn detach(&mut self, session: SessionKey, mut each: impl FnMut(Released)) {
        while let Some(&entry) = self.members.entries(session).last() {
            let Some(released) = self.release(entry, session) else { return };
            each(released);
        }
    }

    fn release(&mut self, entry: EntryKey, session: SessionKey) -> Option<Released> {
        self.members.remove(entry, session);
        let is_reserved = crate::realm::is_reserved(self.table.pattern(entry));
        let subscription = self.table.get_mut(entry)?;
        subscription.set_nkey(session, None);
        let (id, has_history) = (subscription.id, subscription.history.is_some());
        let left =
            if self.members.sessions(entry).is_empty() { Left::Nobody } else { Left::Others };
        if left == Left::Nobody && !has_history {
            self.table.remove(entry);
            self.by_id.remove(&id);
        }
        Some(Released { id, left, is_reserved })
    }

    /// Whether anybody gets an event of this topic, or a history does.
    pub(crate) fn is_heard(&self, topic: &str) -> bool {
        let mut heard = false;
        self.table.matches(topic, |_| heard = true);
        heard
    }

    /// Adds the sessions that get events of a topic.
    pub(crate) fn collect_subscribers(&self, topic: &str, to: &mut BTreeSet<SessionKey>) {
        self.table.matches(topic, |entry| to.extend(self.members.sessions(entry)));
    }

    /// What there is to know about a subscription.
    pub(crate) fn info(&self, id: SubscriptionId) -> Option<SubscriptionInfo<'_>> {
        self.by_id.get(&id).and_then(|entry| self.info_at(*entry))
    }

    fn info_at(&self, entry: EntryKey) -> Option<SubscriptionInfo<'_>> {
        let &Subscription { id, policy, created, history, .. } = self.table.get(entry)?;
        let pattern = self.table.pattern(entry);
        Some(SubscriptionInfo { id, created, pattern, policy, history })
    }

    /// All subscriptions. Cost: O(most subscriptions so far).
    pub(crate) fn iter(&self) -> impl Iterator<Item = SubscriptionInfo<'_>> {
        self.table.iter().filter_map(|(entry, _)| self.info_at(entry))
    }

    /// The subscription of this very topic or pattern.
    pub(crate) fn lookup(&self, policy: MatchPolicy, pattern: &str) -> Option<SubscriptionId> {
        self.find(policy, pattern).map(|(_, id)| id)
    }

    /// The subscriptions that match a topic, in the order in which an event is sent to them.
    pub(crate) fn matching(&self, topic: &str) -> Vec<SubscriptionId> {
        let mut ids = Vec::new();
        self.table.matches(topic, |entry| {
            ids.extend(self.table.get(entry).map(|subscription| subscription.id));
        });
        ids
    }

    /// The sessions that a subscription has.
    pub(crate) fn subscribers(&self, id: SubscriptionId) -> Option<&[SessionKey]> {
        self.by_id.get(&id).map(|entry| self.members.sessions(*entry))
    }

    /// What a reader finds in a history.
    pub(crate) fn find_events<'h>(
        &'h self,
        history: HistoryKey,
        query: &Query,
        reader: Identity<'_>,
    ) -> (Vec<&'h Arc<EventRecord>>, bool) {
        self.histories.find(history, query, reader)
    }

    /// Whether there are histories.
    pub(crate) fn has_histories(&self) -> bool {
        self.histories.len() > 0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.len() == 0
            && self.table.iter().all(|(_, subscription)| subscription.history.is_some())
    }

    /// Proves the invariants. Cost: O(subscribers of all subscriptions + records of histories).
    pub(crate) fn check(&self, is_open: impl Fn(SessionKey) -> bool) -> Result<(), String> {
        self.table.check_invariants()?;
        self.members.check()?;
        self.histories.check()?;
        if self.table.len() != self.by_id.len() {
            return Err("broker: the index by id has others than the table".to_owned());
        }
        let mut subscriber_count = 0;
        for (&id, &entry) in &self.by_id {
            let Some(subscription) = self.table.get(entry).filter(|at| at.id == id) else {
                return Err(format!("broker: subscription {id} is not where its index says"));
            };
            let subscribers = self.members.sessions(entry);
            let is_needed = !subscribers.is_empty() || subscription.history.is_some();
            if !is_needed || !subscribers.iter().copied().all(&is_open) {
                return Err(format!("broker: subscription {id} is held by {subscribers:?}"));
            }
            let is_shard = |session| self.members.contains(entry, session);
            if let Some(shards) = &subscription.shards
                && (shards.is_empty() || !shards.sessions().all(is_shard))
            {
                return Err(format!("broker: subscription {id} has node keys of others"));
            }
            subscriber_count += subscribers.len();
        }
        if subscriber_count != self.members.len() {
            return Err("broker: there are subscribers of what does not exist".to_owned());
        }
        Ok(())
    }
}

impl Subscription {
    /// Gives a subscriber a node key, or takes it away.
    fn set_nkey(&mut self, session: SessionKey, nkey: Option<&str>) {
        if nkey.is_some() || self.shards.is_some() {
            let shards = self.shards.get_or_insert_default();
            shards.set(session, nkey);
            if shards.is_empty() {
                self.shards = None;
            }
        }
    }
}
