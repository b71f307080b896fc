//! Subscriptions, and events to their subscribers.

mod shards;

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use flowgate_event::{Observer, Timestamp};
use flowgate_wire::{
    Entry, Event, MatchPolicy, Payload, PublicationId, SessionId, SubscriptionId, Value,
};

use crate::{
    EventRecord, EventStore, HistoryConfig, HistoryKey, SessionKey, Traffic,
    audience::Audience,
    details::Details,
    foreign_context::{GivenContext, PassedContext},
    history::{Histories, Query},
    ids::{HashMap, hasher},
    membership::Membership,
    passthru::Passthru,
    record::NewRecord,
    request_error::RequestError,
    session::{Identity, Sessions},
    turn::Turn,
    uri_table::{EntryKey, UriTable},
};
use shards::Shards;

/// The most entries that the details of an EVENT have.
const DETAILS_MAX: usize = PLAIN_DETAILS_MAX + Passthru::KEYS.len() + GivenContext::KEY_COUNT + 1;
/// The most entries that the details of an ordinary EVENT have.
const PLAIN_DETAILS_MAX: usize = 4;

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

/// One event on its way to the subscribers.
pub(crate) struct Publication<'a> {
    pub(crate) topic: &'a str,
    pub(crate) id: PublicationId,
    pub(crate) now: Timestamp,
    /// The publisher, if the subscribers are told.
    pub(crate) publisher: Option<Identity<'a>>,
    /// The session that does not get the event though it subscribes.
    pub(crate) exclude: Option<SessionKey>,
    pub(crate) payload: Payload<'a>,
    pub(crate) traffic: Traffic,
    pub(crate) extras: Extras<'a>,
}

/// What few events have.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Extras<'a> {
    /// Who may get the event, if not everybody.
    pub(crate) audience: Option<&'a Audience>,
    /// The resource key: of sharded subscribers one gets the event.
    pub(crate) rkey: Option<&'a str>,
    pub(crate) passthru: Option<&'a Passthru>,
    /// The publisher's distributed trace, which is not kept with the event.
    pub(crate) context: Option<&'a PassedContext<'a>>,
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

    /// Sends an event once for every subscription that matches ("Publishing and Events",
    /// "Pattern-based Subscriptions"), and adds it to the histories of those that have one.
    ///
    /// Returns how many events that were, one for each subscription and receiver.
    /// Cost: O(receivers), where sessions are listed as eligible O(those sessions) if that is less.
    pub(crate) fn publish<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        sessions: &Sessions,
        publication: &Publication<'_>,
    ) -> usize {
        let mut event_count = 0;
        let Self { table, members, receivers, histories, .. } = self;
        let excluded = publication.exclude.filter(|session| !members.entries(*session).is_empty());
        let mut record = None;
        table.matches(publication.topic, |entry| {
            let Some(subscription) = table.get(entry) else { return };
            if let Some(history) = subscription.history
                && publication.may_be_recorded()
            {
                let record = record.get_or_insert_with(|| Arc::new(publication.record()));
                histories.append(history, Arc::clone(record));
            }
            let mut to = members.sessions(entry);
            let excluded = excluded.filter(|session| members.contains(entry, *session));
            if publication.extras.selects() {
                let Extras { audience, rkey, .. } = publication.extras;
                listed(receivers, sessions, audience, to, |key| members.contains(entry, key));
                receivers.retain(|receiver| Some(*receiver) != excluded);
                if let (Some(rkey), Some(shards)) = (rkey, &subscription.shards) {
                    shards.choose(rkey, receivers);
                }
                to = receivers;
            } else if let Some(session) = excluded {
                receivers.clear();
                receivers.extend(to.iter().filter(|receiver| **receiver != session));
                to = receivers;
            }
            if to.is_empty() {
                return;
            }
            event_count += to.len();
            let (id, policy) = (subscription.id, subscription.policy);
            if publication.extras.are_plain() {
                publication.send::<PLAIN_DETAILS_MAX, O>(turn, to, id, policy);
            } else {
                publication.send::<DETAILS_MAX, O>(turn, to, id, policy);
            }
        });
        event_count
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

    #[cfg(test)]
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

/// Collects the subscribers that an audience admits.
fn listed(
    receivers: &mut Vec<SessionKey>,
    sessions: &Sessions,
    audience: Option<&Audience>,
    subscribers: &[SessionKey],
    subscribes: impl Fn(SessionKey) -> bool,
) {
    receivers.clear();
    let Some(audience) = audience else { return receivers.extend(subscribers) };
    let admits = |key: &SessionKey| {
        sessions.open(*key).is_some_and(|session| audience.admits(session.identity()))
    };
    match audience.eligible_sessions() {
        Some(eligible) if eligible.len() < subscribers.len() => {
            let keys = eligible.iter().filter_map(|id: &SessionId| sessions.key(*id));
            receivers.extend(keys.filter(|key| subscribes(*key) && admits(key)));
        }
        Some(_) | None => receivers.extend(subscribers.iter().copied().filter(admits)),
    }
}

impl Extras<'_> {
    /// Whether they add nothing to the details.
    fn are_plain(&self) -> bool {
        self.passthru.is_none() && self.context.is_none()
    }

    /// Whether not everybody gets the event.
    fn selects(&self) -> bool {
        self.audience.is_some() || self.rkey.is_some()
    }
}

impl Publication<'_> {
    fn send<const N: usize, O: Observer>(
        &self,
        turn: &mut Turn<'_, O>,
        to: &[SessionKey],
        subscription: SubscriptionId,
        policy: MatchPolicy,
    ) {
        let mut details = Details::<'_, N>::new();
        if policy != MatchPolicy::Exact {
            details.push("topic", self.topic);
        }
        self.describe(&mut details);
        if let Some(context) = self.extras.context {
            context.push_to(&mut details);
        }
        let message = Event {
            subscription,
            publication: self.id,
            details: details.as_dict(),
            payload: self.payload.clone(),
        };
        turn.fan_out(to, message, self.traffic);
    }

    /// `EVENT.Details` but for the topic: the publisher where it is disclosed, and the attributes
    /// of the payload.
    fn describe<'d, const N: usize>(&'d self, details: &mut Details<'d, N>) {
        if let Some(publisher) = self.publisher {
            details.push("publisher", publisher.session.get());
            details.push("publisher_authid", publisher.authid);
            details.push("publisher_authrole", publisher.authrole);
        }
        if let Some(passthru) = self.extras.passthru {
            passthru.push_to(details);
        }
    }

    /// Whether a history may have it: events with lists of sessions are left out, since those
    /// sessions are gone when somebody reads ("Event History", "Security Aspects").
    fn may_be_recorded(&self) -> bool {
        self.extras.audience.is_none_or(|audience| !audience.names_sessions())
    }

    /// The event as it is kept.
    pub(crate) fn record(&self) -> EventRecord {
        let mut details = Details::<'_, DETAILS_MAX>::new();
        self.describe(&mut details);
        let audience = self.extras.audience.cloned().map(Box::new);
        EventRecord::new(NewRecord {
            publication: self.id,
            timestamp: self.now,
            topic: self.topic,
            audience,
            details: details.entries(),
            payload: &self.payload,
        })
    }
}

/// `EVENT.Details` of a retained event, from those it was recorded with.
pub(crate) fn retained_details(recorded: Vec<Entry<'_>>, policy: MatchPolicy) -> Vec<Entry<'_>> {
    let is_told = |key: &str| policy != MatchPolicy::Exact || key != "topic";
    let told = recorded.into_iter().filter(|(key, _)| is_told(key));
    told.chain([(Cow::Borrowed("retained"), Value::Bool(true))]).collect()
}
