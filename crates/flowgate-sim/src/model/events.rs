//! Events of the model: who gets them, and what is kept of them.

use std::collections::{BTreeMap, BTreeSet};

use flowgate_event::{Disclosure, Timestamp};
use flowgate_router::{MetaApi, SessionKey};
use flowgate_wire::{MatchPolicy, Payload, Value};

use super::{Model, wishes::Wishes};
use crate::{
    said::{self, Said},
    world::settings::RETAINED_MAX,
};

/// An event that may be kept, for those who come later or ask later.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    /// Each has its own.
    pub(super) number: u64,
    pub(super) at: Timestamp,
    pub(super) topic: String,
    /// The subscription or registration that it tells of.
    pub(super) about: Option<u64>,
    /// The session that did not get it.
    pub(super) except: Option<u64>,
    pub(super) publisher: Option<String>,
    pub(super) trustlevel: Option<u64>,
    pub(super) lists: Vec<(String, Vec<Value<'static>>)>,
    pub(super) rkey: Option<String>,
    pub(super) scheme: Option<String>,
    pub(super) payload: String,
}

impl Model {
    /// The latest retained event of each topic that matches and that the subscriber may get.
    pub(super) fn retained(
        &mut self,
        to: SessionKey,
        policy: MatchPolicy,
        pattern: &str,
        subscription: u64,
    ) {
        let topics: BTreeSet<_> = self.retained.iter().map(|kept| kept.topic.clone()).collect();
        for topic in topics.iter().filter(|topic| policy.matches(pattern, topic)) {
            let mut latest = self.retained.iter().rev().filter(|kept| kept.topic == *topic);
            let latest = latest.find(|kept| {
                kept.except.is_none_or(|id| !self.is_session(to, id))
                    && kept.lists.iter().all(|list| self.admits(list, to))
            });
            if let Some(kept) = latest {
                let (number, payload) = (kept.number, kept.payload.clone());
                let mut said = Said::Event {
                    subscription,
                    about: None,
                    publication: 0,
                    topic: (policy != MatchPolicy::Exact).then(|| topic.clone()),
                    publisher: kept.publisher.clone(),
                    trustlevel: kept.trustlevel,
                    retained: true,
                    scheme: kept.scheme.clone(),
                    payload,
                };
                self.name_publication(number, to, &mut said);
                self.expect(to, said);
            }
        }
    }

    /// Publishes what has been admitted.
    pub(super) fn deliver(
        &mut self,
        topic: &str,
        payload: &Payload<'_>,
        wishes: Wishes,
        (publisher, trustlevel, disclosure): (String, Option<u64>, Disclosure),
        except: Option<u64>,
        publication: Option<u64>,
    ) {
        let is_disclosed = match disclosure {
            Disclosure::Always => true,
            Disclosure::OnRequest => wishes.disclose_me,
            Disclosure::Never => false,
        };
        self.sequence += 1;
        let kept = Kept {
            number: self.sequence,
            at: self.now.to_millis(),
            topic: topic.to_owned(),
            about: None,
            except,
            publisher: is_disclosed.then_some(publisher),
            trustlevel,
            lists: wishes.lists,
            rkey: wishes.rkey,
            scheme: wishes.scheme,
            payload: said::payload(payload),
        };
        if let Some(publication) = publication {
            self.note_publication(kept.number, publication);
        }
        self.event(&kept);
        if wishes.retain {
            self.retain(kept);
        }
    }

    /// Keeps an event: one for everybody replaces all of its topic, others are few.
    fn retain(&mut self, kept: Kept) {
        let of_topic = |other: &Kept| other.topic == kept.topic;
        let most = if kept.lists.is_empty() { 0 } else { 8 };
        while self.retained.iter().filter(|other| of_topic(other)).count() > most {
            let oldest = self.retained.iter().position(of_topic);
            oldest.map(|place| self.retained.remove(place));
        }
        self.retained.push(kept);
        if self.retained.len() > RETAINED_MAX {
            self.retained.remove(0);
        }
    }

    pub(super) fn meta_event(&mut self, topic: &str, args: &[Value<'_>]) {
        if self.settings.meta_api == MetaApi::Enabled {
            self.sequence += 1;
            self.event(&Kept {
                number: self.sequence,
                topic: topic.to_owned(),
                about: said::about(topic, args),
                payload: said::payload(&Payload::from_values(args, &[])),
                ..Kept::default()
            });
        }
    }

    pub(super) fn event(&mut self, kept: &Kept) {
        let names_sessions = kept.lists.iter().any(|(key, _)| !key.contains('_'));
        let mut matching = Vec::new();
        for (name, subscription) in &mut self.subscriptions {
            if name.0.matches(&name.1, &kept.topic) {
                matching.push(name.clone());
                let history = subscription.history.as_mut().filter(|_| !names_sessions);
                history.into_iter().for_each(|(records, _)| records.push(kept.clone()));
            }
        }
        for name in matching {
            let Some(subscription) = self.subscriptions.get(&name) else { continue };
            let topic = (name.0 != MatchPolicy::Exact).then(|| kept.topic.clone());
            let said = Said::Event {
                subscription: subscription.id,
                publication: 0,
                about: kept.about.filter(|_| topic.is_some()),
                topic,
                publisher: kept.publisher.clone(),
                trustlevel: kept.trustlevel,
                retained: false,
                scheme: kept.scheme.clone(),
                payload: kept.payload.clone(),
            };
            let is_for = |key: &SessionKey| {
                let is_excluded = kept.except.is_some_and(|id| self.is_session(*key, id));
                !is_excluded && kept.lists.iter().all(|list| self.admits(list, *key))
            };
            let mut receivers: Vec<_> =
                subscription.subscribers.iter().copied().filter(is_for).collect();
            if let Some(rkey) = &kept.rkey {
                let nodes = subscription.nodes.clone();
                self.choose_node(rkey, &nodes, &mut receivers, (kept.number, &said));
            }
            for receiver in receivers {
                let mut said = said.clone();
                self.name_publication(kept.number, receiver, &mut said);
                self.expect(receiver, said);
            }
        }
    }

    /// Leaves those without a node key, and of the others the one that was chosen for a resource
    /// key: the same as ever among the same nodes, and of fewer the same if it is still there.
    fn choose_node(
        &mut self,
        rkey: &str,
        nodes: &BTreeMap<SessionKey, String>,
        receivers: &mut Vec<SessionKey>,
        (number, event): (u64, &Said),
    ) {
        let able = receivers.iter().filter_map(|key| Some((*key, nodes.get(key)?)));
        let able: Vec<_> = able.collect();
        let has_got =
            |(key, _): &&(SessionKey, &String)| self.heard_event(number, *key, event).is_some();
        let Some((chosen, nkey)) = able.iter().find(has_got).or(able.first()).copied() else {
            return;
        };
        let others = able.iter().map(|(_, other)| (*other).clone());
        let others = others.filter(|other| other != nkey).collect();
        self.prefer(&format!("event {rkey}"), nkey, others);
        if able.len() > 1 {
            self.see("sharded event");
        }
        receivers.retain(|key| *key == chosen || !nodes.contains_key(key));
    }

    /// The publication of an event that was said to a session, if it is that event.
    fn heard_event(&self, number: u64, to: SessionKey, event: &Said) -> Option<u64> {
        let known = self.publications.get(&number);
        self.said.iter().filter(|(other, _)| *other == to).find_map(|(_, said)| {
            let Said::Event { publication, .. } = said else { return None };
            let is_it = match known {
                Some(known) => known == publication,
                None => !self.publication_ids.contains(publication),
            };
            let mut named = event.clone();
            named.set_publication(*publication);
            (is_it && named == *said).then_some(*publication)
        })
    }

    /// Gives an event the identifier of its publication, which is learned where it is said first.
    fn name_publication(&mut self, number: u64, to: SessionKey, event: &mut Said) {
        if !self.publications.contains_key(&number)
            && let Some(publication) = self.heard_event(number, to, event)
        {
            self.note_publication(number, publication);
        }
        event.set_publication(self.publications.get(&number).copied().unwrap_or_default());
    }

    fn note_publication(&mut self, number: u64, publication: u64) {
        if !self.publication_ids.insert(publication) {
            self.fault = Some(format!("publication {publication} exists twice"));
        }
        self.publications.insert(number, publication);
    }

    fn is_session(&self, key: SessionKey, id: u64) -> bool {
        self.sessions.get(&key).is_some_and(|seat| seat.id == id)
    }

    /// Whether one list admits a receiver.
    pub(super) fn admits(
        &self,
        (key, items): &(String, Vec<Value<'static>>),
        to: SessionKey,
    ) -> bool {
        let Some(seat) = self.sessions.get(&to) else { return false };
        let (role, _) = &self.settings.roles[seat.role];
        let is_listed = if key.ends_with("_authid") {
            items.contains(&Value::from(seat.authid.clone()))
        } else if key.ends_with("_authrole") {
            items.contains(&Value::from(role.clone()))
        } else {
            items.contains(&Value::from(seat.id))
        };
        is_listed == key.starts_with("eligible")
    }
}
