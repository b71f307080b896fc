//! The broker of the model.

use std::collections::{BTreeMap, BTreeSet};

use flowgate_event::{Disclosure, GateAction, Timestamp};
use flowgate_router::{ClientFeatures, MetaApi, SessionKey};
use flowgate_wire::{
    Dict, MatchPolicy, MessageType, Payload, Publish, Subscribe, Unsubscribe, Value, uris,
};

use super::{Model, Name, Subscription};
use crate::{
    said::{self, Said, is_true},
    world::settings::{HISTORIES, RETAINED_MAX},
};

impl Subscription {
    fn new(id: u64, history: Option<(Vec<Kept>, usize)>) -> Self {
        let (subscribers, nodes) = (BTreeSet::new(), BTreeMap::new());
        Self { id, subscribers, nodes, created: Timestamp::EPOCH, history }
    }

    pub(super) fn details(&self, (policy, pattern): &Name) -> Value<'static> {
        Value::dict([
            ("id", Value::from(self.id)),
            ("created", Value::from(self.created.to_rfc3339())),
            ("uri", Value::from(pattern.clone())),
            ("match", Value::from(policy.name())),
        ])
    }
}

impl Model {
    pub(super) fn subscribe(&mut self, from: SessionKey, message: &Subscribe<'_>) {
        let request = message.request.get();
        let nkey = said::text(&message.options, "nkey");
        let is_wrong = nkey.is_none() && message.options.get("nkey").is_some();
        let policy = match_policy(&message.options).and_then(|policy| match is_wrong {
            true => Err(uris::error::INVALID_ARGUMENT),
            false => Ok(policy),
        });
        let admitted = policy.and_then(|policy| {
            self.admit(from, GateAction::Subscribe, policy, &message.topic).map(|_| policy)
        });
        match admitted {
            Err(error) => self.refuse(from, MessageType::Subscribe, request, error),
            Ok(policy) => {
                let name = (policy, message.topic.to_string());
                let subscription = self.subscriptions.entry(name.clone()).or_insert_with(|| {
                    self.subscription_count += 1;
                    Subscription::new(self.subscription_count, None)
                });
                let is_first = subscription.subscribers.is_empty();
                let is_new = subscription.subscribers.insert(from);
                if is_first {
                    subscription.created = self.now;
                }
                match nkey {
                    Some(nkey) => subscription.nodes.insert(from, nkey),
                    None => subscription.nodes.remove(&from),
                };
                let details = subscription.details(&name);
                let subscription = subscription.id;
                self.expect(from, Said::Subscribed { request, subscription });
                if is_true(&message.options, "get_retained") {
                    self.retained(from, policy, &message.topic, subscription);
                }
                if !is_reserved(&message.topic) {
                    let session = Value::from(self.session_id(from));
                    if is_first {
                        self.meta_event("wamp.subscription.on_create", &[session.clone(), details]);
                    }
                    if is_new {
                        let args = [session, subscription.into()];
                        self.meta_event("wamp.subscription.on_subscribe", &args);
                    }
                }
            }
        }
    }

    /// The latest retained event of each topic that matches and that the subscriber may get.
    fn retained(&mut self, to: SessionKey, policy: MatchPolicy, pattern: &str, subscription: u64) {
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

    pub(super) fn unsubscribe(&mut self, from: SessionKey, message: &Unsubscribe) {
        let (request, id) = (message.request.get(), message.subscription.get());
        if self.holds(from, id) {
            self.expect(from, Said::Unsubscribed { request, revoked: None });
            self.remove(from, id);
        } else {
            let error = uris::error::NO_SUCH_SUBSCRIPTION;
            self.refuse(from, MessageType::Unsubscribe, request, error);
        }
    }

    pub(super) fn holds(&self, session: SessionKey, id: u64) -> bool {
        self.subscriptions.values().any(|one| one.id == id && one.subscribers.contains(&session))
    }

    /// Takes a session out of a subscription, and tells those who want to know.
    pub(super) fn remove(&mut self, session: SessionKey, id: u64) {
        self.remove_from(session, |one| one.id == id);
    }

    /// Takes a session that is over out of everything before anybody is told.
    pub(super) fn unsubscribe_all(&mut self, session: SessionKey) {
        self.remove_from(session, |_| true);
    }

    fn remove_from(&mut self, session: SessionKey, which: impl Fn(&Subscription) -> bool) {
        let mut told = Vec::new();
        for ((_, pattern), one) in &mut self.subscriptions {
            if !which(one) || !one.subscribers.remove(&session) {
                continue;
            }
            one.nodes.remove(&session);
            if !is_reserved(pattern) {
                told.push(("wamp.subscription.on_unsubscribe", one.id));
                let is_last = one.subscribers.is_empty();
                told.extend(is_last.then_some(("wamp.subscription.on_delete", one.id)));
            }
        }
        self.forget_unused();
        let session = self.session_id(session);
        for (topic, id) in told {
            self.meta_event(topic, &[session.into(), id.into()]);
        }
    }

    fn forget_unused(&mut self) {
        self.subscriptions.retain(|_, one| !one.subscribers.is_empty() || one.history.is_some());
    }

    pub(super) fn publish(&mut self, from: SessionKey, message: &Publish<'_>) {
        let request = message.request.get();
        let is_acknowledged = is_true(&message.options, "acknowledge");
        let wishes = check_booleans(&message.options, &["acknowledge"])
            .and_then(|()| Wishes::parse(&message.options));
        if wishes.as_ref().is_ok_and(|wishes| !wishes.are_announced(self.features(from))) {
            return self.violate(from);
        }
        let admitted = wishes.and_then(|wishes| {
            let disclosure =
                self.admit(from, GateAction::Publish, MatchPolicy::Exact, &message.topic)?;
            wishes.check(disclosure)?;
            Ok((wishes, disclosure))
        });
        match admitted {
            Err(error) if is_acknowledged => {
                self.refuse(from, MessageType::Publish, request, error);
            }
            Err(_) => {}
            Ok((wishes, disclosure)) => {
                let publication = self.said.iter().find_map(|(to, said)| match said {
                    Said::Published { request: other, publication } => {
                        ((*to, *other) == (from, request)).then_some(*publication)
                    }
                    _ => None,
                });
                if is_acknowledged {
                    let publication = publication.unwrap_or_default();
                    self.expect(from, Said::Published { request, publication });
                }
                let Some(seat) = self.sessions.get(&from) else { return };
                let except = Some(seat.id).filter(|_| wishes.exclude_me);
                let (topic, payload) = (&message.topic, &message.payload);
                let publisher = (seat.identity(), seat.trustlevel(), disclosure);
                self.deliver(topic, payload, wishes, publisher, except, publication);
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

/// What a publisher asks for.
#[derive(Debug, Clone)]
pub(super) struct Wishes {
    exclude_me: bool,
    disclose_me: bool,
    retain: bool,
    lists: Vec<(String, Vec<Value<'static>>)>,
    rkey: Option<String>,
    scheme: Option<String>,
}

impl Wishes {
    pub(super) fn parse(options: &Dict<'_>) -> Result<Self, &'static str> {
        check_booleans(options, &["exclude_me", "disclose_me", "retain"])?;
        let scheme = said::text(options, "ppt_scheme");
        if scheme.is_none() && options.get("ppt_cipher").is_some() {
            return Err(uris::error::INVALID_ARGUMENT);
        }
        let rkey = said::text(options, "rkey");
        if rkey.is_none() && options.get("rkey").is_some() {
            return Err(uris::error::INVALID_ARGUMENT);
        }
        Ok(Self {
            rkey,
            exclude_me: options.get("exclude_me") != Some(Value::Bool(false)),
            disclose_me: is_true(options, "disclose_me"),
            retain: is_true(options, "retain"),
            lists: lists(options)?,
            scheme,
        })
    }

    /// Whether the publisher has announced what it uses.
    pub(super) fn are_announced(&self, features: ClientFeatures) -> bool {
        self.scheme.is_none() || features.publisher_payload_passthru_mode
    }

    /// Refuses to disclose whom the gate does not let be disclosed.
    pub(super) fn check(&self, disclosure: Disclosure) -> Result<(), &'static str> {
        match disclosure {
            Disclosure::Never if self.disclose_me => Err(uris::error::DISCLOSE_ME_DISALLOWED),
            Disclosure::Never | Disclosure::OnRequest | Disclosure::Always => Ok(()),
        }
    }
}

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

/// The subscriptions that have a history, which are there from the start.
pub(super) fn histories() -> BTreeMap<Name, Subscription> {
    let numbered = (1..).zip(HISTORIES);
    numbered
        .map(|(id, (pattern, policy, limit))| {
            ((policy, pattern.to_owned()), Subscription::new(id, Some((Vec::new(), limit))))
        })
        .collect()
}

fn is_reserved(pattern: &str) -> bool {
    pattern == "wamp" || pattern.starts_with("wamp.")
}

/// The lists of a publication, by the name of their option.
fn lists(options: &Dict<'_>) -> Result<Vec<(String, Vec<Value<'static>>)>, &'static str> {
    let is_list = |key: &str| key.starts_with("eligible") || key.starts_with("exclude");
    let of_lists = options.entries().filter(|(key, _)| is_list(key) && key != "exclude_me");
    of_lists
        .map(|(key, value)| match value.into_owned() {
            Value::List(items) => Ok((key.into_owned(), items)),
            _ => Err(uris::error::INVALID_ARGUMENT),
        })
        .collect()
}

/// The `match` option.
pub(super) fn match_policy(options: &Dict<'_>) -> Result<MatchPolicy, &'static str> {
    let Some(value) = options.get("match") else { return Ok(MatchPolicy::Exact) };
    value.as_str().and_then(MatchPolicy::from_name).ok_or(uris::error::INVALID_ARGUMENT)
}

pub(super) fn check_booleans(options: &Dict<'_>, keys: &[&str]) -> Result<(), &'static str> {
    let is_wrong = |key: &&str| options.get(key).is_some_and(|value| value.as_bool().is_none());
    if keys.iter().any(is_wrong) { Err(uris::error::INVALID_ARGUMENT) } else { Ok(()) }
}
