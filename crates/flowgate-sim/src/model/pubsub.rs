//! The broker of the model.

use std::collections::{BTreeMap, BTreeSet};

use flowgate_event::{Disclosure, GateAction};
use flowgate_router::{ClientFeatures, MetaApi, SessionKey};
use flowgate_wire::{
    Call, Dict, MatchPolicy, MessageType, Payload, Publish, Subscribe, Unsubscribe, Value, uris,
};

use super::{Model, Name, Phase, Seat, Subscription};
use crate::{
    said::{self, Said, is_true},
    world::{HISTORIES, RETAINED_MAX},
};

impl Model {
    pub(super) fn subscribe(&mut self, from: SessionKey, message: &Subscribe<'_>) {
        let request = message.request.get();
        let admitted = match_policy(&message.options).and_then(|policy| {
            self.admit(from, GateAction::Subscribe, policy, &message.topic).map(|_| policy)
        });
        match admitted {
            Err(error) => self.refuse(from, MessageType::Subscribe, request, error),
            Ok(policy) => {
                let name = (policy, message.topic.to_string());
                let subscription = self.subscriptions.entry(name).or_insert_with(|| {
                    self.subscription_count += 1;
                    let id = self.subscription_count;
                    Subscription { id, subscribers: [].into(), history: None }
                });
                let is_first = subscription.subscribers.is_empty();
                let is_new = subscription.subscribers.insert(from);
                let subscription = subscription.id;
                self.expect(from, Said::Subscribed { request, subscription });
                if is_true(&message.options, "get_retained") {
                    self.retained(from, policy, &message.topic, subscription);
                }
                if !is_reserved(&message.topic) {
                    if is_first {
                        self.meta_event("wamp.subscription.on_create");
                    }
                    if is_new {
                        self.meta_event("wamp.subscription.on_subscribe");
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
                let said = Said::Event {
                    subscription,
                    topic: (policy != MatchPolicy::Exact).then(|| topic.clone()),
                    publisher: kept.publisher,
                    retained: true,
                    scheme: kept.scheme.clone(),
                    payload: kept.payload.clone(),
                };
                self.expect(to, said);
            }
        }
    }

    pub(super) fn unsubscribe(&mut self, from: SessionKey, message: &Unsubscribe) {
        let (request, id) = (message.request.get(), message.subscription.get());
        if self.holds(from, id) {
            self.expect(from, Said::Unsubscribed { request });
            self.remove(from, id);
        } else {
            let error = uris::error::NO_SUCH_SUBSCRIPTION;
            self.refuse(from, MessageType::Unsubscribe, request, error);
        }
    }

    fn holds(&self, session: SessionKey, id: u64) -> bool {
        self.subscriptions.values().any(|one| one.id == id && one.subscribers.contains(&session))
    }

    /// Takes a session out of a subscription, and tells those who want to know.
    fn remove(&mut self, session: SessionKey, id: u64) {
        let mut told = Vec::new();
        for ((_, pattern), one) in &mut self.subscriptions {
            if one.id == id && one.subscribers.remove(&session) && !is_reserved(pattern) {
                told.push("wamp.subscription.on_unsubscribe");
                told.extend(one.subscribers.is_empty().then_some("wamp.subscription.on_delete"));
            }
        }
        self.forget_unused();
        told.into_iter().for_each(|topic| self.meta_event(topic));
    }

    /// Takes a session that is over out of everything before anybody is told.
    pub(super) fn unsubscribe_all(&mut self, session: SessionKey) {
        let mut told = Vec::new();
        for ((_, pattern), one) in &mut self.subscriptions {
            if one.subscribers.remove(&session) && !is_reserved(pattern) {
                told.push("wamp.subscription.on_unsubscribe");
                told.extend(one.subscribers.is_empty().then_some("wamp.subscription.on_delete"));
            }
        }
        self.forget_unused();
        told.into_iter().for_each(|topic| self.meta_event(topic));
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
                if is_acknowledged {
                    self.expect(from, Said::Published { request });
                }
                let publisher = self.sessions.get(&from).map_or(0, |seat| seat.id);
                let except = Some(publisher).filter(|_| wishes.exclude_me);
                let (topic, payload) = (&message.topic, &message.payload);
                self.deliver(topic, payload, wishes, (publisher, disclosure), except);
            }
        }
    }

    /// Publishes what has been admitted.
    pub(super) fn deliver(
        &mut self,
        topic: &str,
        payload: &Payload<'_>,
        wishes: Wishes,
        (publisher, disclosure): (u64, Disclosure),
        except: Option<u64>,
    ) {
        let is_disclosed = match disclosure {
            Disclosure::Always => true,
            Disclosure::OnRequest => wishes.disclose_me,
            Disclosure::Never => false,
        };
        let (args, _) = payload.decode();
        let kept = Kept {
            topic: topic.to_owned(),
            except,
            publisher: is_disclosed.then_some(publisher),
            lists: wishes.lists,
            scheme: wishes.scheme,
            payload: said::payload(payload),
            recorded: said::recorded(topic, &Value::List(args)),
        };
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

    pub(super) fn meta_event(&mut self, topic: &str) {
        if self.settings.meta_api == MetaApi::Enabled {
            self.event(&Kept { topic: topic.to_owned(), ..Kept::default() });
        }
    }

    pub(super) fn event(&mut self, kept: &Kept) {
        let mut expected = Vec::new();
        let names_sessions = kept.lists.iter().any(|(key, _)| !key.contains('_'));
        for ((policy, pattern), subscription) in &mut self.subscriptions {
            if !policy.matches(pattern, &kept.topic) {
                continue;
            }
            if let Some((records, _)) = subscription.history.as_mut().filter(|_| !names_sessions) {
                records.push(kept.clone());
            }
            let said = Said::Event {
                subscription: subscription.id,
                topic: (*policy != MatchPolicy::Exact).then(|| kept.topic.clone()),
                publisher: kept.publisher,
                retained: false,
                scheme: kept.scheme.clone(),
                payload: kept.payload.clone(),
            };
            expected.extend(subscription.subscribers.iter().map(|key| (*key, said.clone())));
        }
        for (receiver, said) in expected {
            let is_excluded = kept.except.is_some_and(|id| self.is_session(receiver, id));
            if !is_excluded && kept.lists.iter().all(|list| self.admits(list, receiver)) {
                self.expect(receiver, said);
            }
        }
    }

    fn is_session(&self, key: SessionKey, id: u64) -> bool {
        self.sessions.get(&key).is_some_and(|seat| seat.id == id)
    }

    /// Whether one list admits a receiver.
    fn admits(&self, (key, items): &(String, Vec<Value<'static>>), to: SessionKey) -> bool {
        let Some(seat) = self.sessions.get(&to) else { return false };
        let (role, _) = &self.settings.roles[seat.role];
        let is_listed = if key.ends_with("_authid") {
            let authid = seat.authid.as_deref();
            authid.is_some_and(|authid| items.contains(&Value::from(authid.to_owned())))
        } else if key.ends_with("_authrole") {
            items.contains(&Value::from(role.clone()))
        } else {
            items.contains(&Value::from(seat.id))
        };
        is_listed == key.starts_with("eligible")
    }

    pub(super) fn count_subscribers(
        &mut self,
        from: SessionKey,
        message: &Call<'_>,
    ) -> Result<(), &'static str> {
        let subscription = self.asked_about(message)?;
        let count = u64::try_from(subscription.subscribers.len()).unwrap_or(u64::MAX);
        self.reply(from, message, said::payload(&Payload::from_vecs(vec![count.into()], vec![])));
        Ok(())
    }

    pub(super) fn get_events(
        &mut self,
        from: SessionKey,
        message: &Call<'_>,
    ) -> Result<(), &'static str> {
        let id = self.asked_about(message)?.id;
        let ((policy, pattern), _) =
            self.subscriptions.iter().find(|(_, one)| one.id == id).ok_or("found before")?;
        self.admit(from, GateAction::Subscribe, *policy, &pattern.clone().into())?;
        let Some((records, most)) = &self.asked_about(message)?.history else {
            return Err("wamp.error.history_unavailable");
        };
        let (_, query) = message.payload.decode();
        let option = |name| query.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        let limit = option("limit").and_then(Value::as_u64);
        if limit == Some(0) {
            return Err(uris::error::INVALID_ARGUMENT);
        }
        let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let topic = option("topic").and_then(Value::as_str);
        let kept = records.iter().skip(records.len().saturating_sub(*most));
        let seen = kept.filter(|kept| {
            topic.is_none_or(|topic| topic == kept.topic)
                && kept.lists.iter().all(|list| self.admits(list, from))
        });
        let mut seen: Vec<_> = seen.map(|kept| kept.recorded.clone()).collect();
        if option("reverse") == Some(&Value::Bool(true)) {
            seen.reverse();
        }
        seen.truncate(limit);
        let payload = said::found(&seen, records.len() > *most);
        self.reply(from, message, payload);
        Ok(())
    }

    pub(super) fn remove_subscriber(
        &mut self,
        from: SessionKey,
        message: &Call<'_>,
    ) -> Result<(), &'static str> {
        let id = self.asked_about(message)?.id;
        let (args, _) = message.payload.decode();
        let open = |(_, seat): &(&SessionKey, &Seat)| {
            seat.phase == Phase::Open && args.get(1) == Some(&Value::from(seat.id))
        };
        let removed = self.sessions.iter().find(open).map(|(key, _)| *key);
        let removed = removed.ok_or(uris::error::NO_SUCH_SESSION)?;
        if !self.holds(removed, id) {
            return Err(uris::error::NO_SUCH_SUBSCRIPTION);
        }
        if self.features(removed).subscriber_subscription_revocation {
            self.expect(removed, Said::Unsubscribed { request: 0 });
        }
        self.remove(removed, id);
        let payload = said::payload(&Payload::from_vecs(vec![Value::Null], vec![]));
        self.reply(from, message, payload);
        Ok(())
    }

    fn reply(&mut self, to: SessionKey, message: &Call<'_>, payload: String) {
        let request = message.request.get();
        self.expect(to, Said::Result { request, progress: false, passthru: None, payload });
    }

    /// The subscription that is the first argument of a call.
    fn asked_about(&self, message: &Call<'_>) -> Result<&Subscription, &'static str> {
        let (args, _) = message.payload.decode();
        let id = args.first().and_then(Value::as_u64);
        let found = self.subscriptions.values().find(|one| Some(one.id) == id);
        found.ok_or(uris::error::NO_SUCH_SUBSCRIPTION)
    }
}

/// What a publisher asks for.
#[derive(Debug, Clone)]
pub(super) struct Wishes {
    exclude_me: bool,
    disclose_me: bool,
    retain: bool,
    lists: Vec<(String, Vec<Value<'static>>)>,
    scheme: Option<String>,
}

impl Wishes {
    pub(super) fn parse(options: &Dict<'_>) -> Result<Self, &'static str> {
        check_booleans(options, &["exclude_me", "disclose_me", "retain"])?;
        let scheme = said::text(options, "ppt_scheme");
        if scheme.is_none() && options.get("ppt_cipher").is_some() {
            return Err(uris::error::INVALID_ARGUMENT);
        }
        Ok(Self {
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
    topic: String,
    /// The session that did not get it.
    except: Option<u64>,
    publisher: Option<u64>,
    lists: Vec<(String, Vec<Value<'static>>)>,
    scheme: Option<String>,
    payload: String,
    recorded: String,
}

impl Kept {
    /// An event of the router itself.
    pub(super) fn of_router(
        topic: &str,
        lists: Vec<(String, Vec<Value<'static>>)>,
        payload: String,
        recorded: String,
    ) -> Self {
        Self { topic: topic.to_owned(), lists, payload, recorded, ..Self::default() }
    }
}

/// The subscriptions that have a history, which are there from the start.
pub(super) fn histories() -> BTreeMap<Name, Subscription> {
    let numbered = (1..).zip(HISTORIES);
    numbered
        .map(|(id, (pattern, policy, limit))| {
            let history = Some((Vec::new(), limit));
            ((policy, pattern.to_owned()), Subscription { id, subscribers: [].into(), history })
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
