//! The broker of the model.

use flowgate_event::{Disclosure, GateAction};
use flowgate_router::{MetaApi, SessionKey};
use flowgate_wire::{Dict, MatchPolicy, MessageType, Publish, Subscribe, Unsubscribe, Value, uris};

use super::{Model, Subscription};
use crate::said::{self, Said, is_true};

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
                    Subscription { id: self.subscription_count, subscribers: [].into() }
                });
                subscription.subscribers.insert(from);
                let subscription = subscription.id;
                self.expect(from, Said::Subscribed { request, subscription });
            }
        }
    }

    pub(super) fn unsubscribe(&mut self, from: SessionKey, message: &Unsubscribe) {
        let (request, id) = (message.request.get(), message.subscription.get());
        let held = self.subscriptions.values_mut().find(|one| one.id == id);
        if held.is_some_and(|subscription| subscription.subscribers.remove(&from)) {
            self.subscriptions.retain(|_, subscription| !subscription.subscribers.is_empty());
            self.expect(from, Said::Unsubscribed { request });
        } else {
            let error = uris::error::NO_SUCH_SUBSCRIPTION;
            self.refuse(from, MessageType::Unsubscribe, request, error);
        }
    }

    pub(super) fn publish(&mut self, from: SessionKey, message: &Publish<'_>) {
        let request = message.request.get();
        let is_acknowledged = is_true(&message.options, "acknowledge");
        let options =
            check_booleans(&message.options, &["acknowledge", "exclude_me", "disclose_me"]);
        let admitted = options.and_then(|()| {
            self.admit(from, GateAction::Publish, MatchPolicy::Exact, &message.topic)
        });
        match admitted {
            Err(error) if is_acknowledged => {
                self.refuse(from, MessageType::Publish, request, error);
            }
            Err(_) => {}
            Ok(disclosure) => {
                if is_acknowledged {
                    self.expect(from, Said::Published { request });
                }
                let includes_me = message.options.get("exclude_me") == Some(Value::Bool(false));
                let exclude = (!includes_me).then_some(from);
                let is_disclosed =
                    disclosure == Disclosure::Always || is_true(&message.options, "disclose_me");
                let publisher = self.sessions.get(&from).map(|seat| seat.id);
                let publisher = publisher.filter(|_| is_disclosed);
                let payload = said::payload(&message.payload);
                self.event(&message.topic, exclude, publisher, &payload);
            }
        }
    }

    pub(super) fn meta_event(&mut self, topic: &str) {
        if self.settings.meta_api == MetaApi::Enabled {
            self.event(topic, None, None, "");
        }
    }

    pub(super) fn event(
        &mut self,
        topic: &str,
        exclude: Option<SessionKey>,
        publisher: Option<u64>,
        payload: &str,
    ) {
        for ((policy, pattern), subscription) in &self.subscriptions {
            if !policy.matches(pattern, topic) {
                continue;
            }
            let said = Said::Event {
                subscription: subscription.id,
                topic: (*policy != MatchPolicy::Exact).then(|| topic.to_owned()),
                publisher,
                payload: payload.to_owned(),
            };
            let receivers = subscription.subscribers.iter().filter(|key| Some(**key) != exclude);
            for receiver in receivers {
                self.expected.entry(*receiver).or_default().push(said.clone());
            }
        }
    }
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
