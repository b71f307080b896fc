//! The broker of the model.

use std::collections::{BTreeMap, BTreeSet};

use flowgate_event::{GateAction, Timestamp};
use flowgate_router::SessionKey;
use flowgate_wire::{MatchPolicy, MessageType, Publish, Subscribe, Unsubscribe, Value, uris};

use super::{
    Model, Name, Subscription,
    events::Kept,
    wishes::{Wishes, check_booleans, match_policy},
};
use crate::{
    said::{self, Said, is_true},
    world::settings::HISTORIES,
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
