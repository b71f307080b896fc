//! One event, from its publication to those who get it.

use std::{borrow::Cow, sync::Arc};

use flowgate_event::{Observer, Timestamp};
use flowgate_wire::{
    Dict, Entry, Event, MatchPolicy, Payload, PublicationId, SessionId, SubscriptionId, Value,
};

use super::Broker;
use crate::{
    EventRecord, SessionKey, Traffic, TrustLevel,
    audience::Audience,
    details::Details,
    foreign_context::{GivenContext, PassedContext},
    passthru::Passthru,
    record::NewRecord,
    session::{Identity, Sessions},
    turn::Turn,
};

/// The most entries that the details of an EVENT have.
const DETAILS_MAX: usize = PLAIN_DETAILS_MAX + Passthru::KEYS.len() + GivenContext::KEY_COUNT + 1;
/// The most entries that the details of an ordinary EVENT have.
const PLAIN_DETAILS_MAX: usize = 5;

/// One event on its way to the subscribers.
pub(crate) struct Publication<'a> {
    pub(crate) topic: &'a str,
    pub(crate) id: PublicationId,
    pub(crate) now: Timestamp,
    /// The publisher, if the subscribers are told.
    pub(crate) publisher: Option<Identity<'a>>,
    /// How far the role of the publisher is trusted, if the configuration says so.
    pub(crate) trustlevel: Option<TrustLevel>,
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
            publication.send(turn, to, id, policy);
        });
        event_count
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
    fn send<O: Observer>(
        &self,
        turn: &mut Turn<'_, O>,
        to: &[SessionKey],
        subscription: SubscriptionId,
        policy: MatchPolicy,
    ) {
        if !self.extras.are_plain() {
            self.send_detailed::<DETAILS_MAX, O>(turn, to, subscription, policy);
        } else if policy != MatchPolicy::Exact
            || self.publisher.is_some()
            || self.trustlevel.is_some()
        {
            self.send_detailed::<PLAIN_DETAILS_MAX, O>(turn, to, subscription, policy);
        } else {
            self.send_with(turn, to, subscription, Dict::EMPTY);
        }
    }

    fn send_detailed<const N: usize, O: Observer>(
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
        self.send_with(turn, to, subscription, details.as_dict());
    }

    fn send_with<O: Observer>(
        &self,
        turn: &mut Turn<'_, O>,
        to: &[SessionKey],
        subscription: SubscriptionId,
        details: Dict<'_>,
    ) {
        let (publication, payload) = (self.id, self.payload.reborrow());
        turn.fan_out(to, Event { subscription, publication, details, payload }, self.traffic);
    }

    /// `EVENT.Details` but for the topic: the publisher where it is disclosed, the trust level of its
    /// role, and the attributes of the payload.
    fn describe<'d, const N: usize>(&'d self, details: &mut Details<'d, N>) {
        if let Some(publisher) = self.publisher {
            details.push("publisher", publisher.session.get());
            details.push("publisher_authid", publisher.authid);
            details.push("publisher_authrole", publisher.authrole);
        }
        if let Some(TrustLevel(level)) = self.trustlevel {
            details.push("trustlevel", u64::from(level));
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
