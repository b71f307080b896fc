//! What the model answers when it is asked about subscriptions and registrations.

use flowgate_router::SessionKey;
use flowgate_wire::{Call, Dict, MatchPolicy, Payload, SessionId, Value, uris};

use super::{Model, Name, Phase, Registration, Subscription, wishes::match_policy};
use crate::said::Said;

/// The arguments of a call of the router's own procedures.
pub(super) struct Asked<'m> {
    pub(super) procedure: &'m str,
    pub(super) args: Vec<Value<'m>>,
    pub(super) kwargs: Vec<(std::borrow::Cow<'m, str>, Value<'m>)>,
}

impl<'m> Asked<'m> {
    pub(super) fn new(message: &'m Call<'_>) -> Self {
        let (args, kwargs) = message.payload.decode();
        Self { procedure: message.procedure.as_str(), args, kwargs }
    }

    fn id(&self, place: usize) -> Result<u64, &'static str> {
        let id = self.args.get(place).and_then(Value::as_u64);
        id.filter(|id| SessionId::new(*id).is_ok()).ok_or(uris::error::INVALID_ARGUMENT)
    }

    fn uri(&self) -> Result<&str, &'static str> {
        self.args.first().and_then(Value::as_str).ok_or(uris::error::INVALID_ARGUMENT)
    }

    /// The policy of the second argument, which is options.
    fn policy(&self) -> Result<MatchPolicy, &'static str> {
        let Some(options) = self.args.get(1) else { return Ok(MatchPolicy::Exact) };
        let options = options.as_dict().ok_or(uris::error::INVALID_ARGUMENT)?;
        match_policy(&Dict::from_entries(options))
    }

    /// A keyword, parsed if it is there.
    pub(super) fn keyword<T>(
        &self,
        name: &str,
        parse: impl Fn(&Value<'m>) -> Option<T>,
    ) -> Result<Option<T>, &'static str> {
        let value = self.kwargs.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        value.map(|value| parse(value).ok_or(uris::error::INVALID_ARGUMENT)).transpose()
    }
}

impl Model {
    /// What a procedure about subscriptions gives back.
    pub(super) fn asked_about_subscriptions(
        &mut self,
        from: SessionKey,
        asked: &Asked<'_>,
    ) -> Result<Payload<'static>, &'static str> {
        let lists = || self.subscriptions.iter().map(|((policy, _), one)| (*policy, one.id));
        let result = match asked.procedure {
            "wamp.subscription.list" => by_policy(&lists()),
            "wamp.subscription.lookup" => {
                let name = (asked.policy()?, asked.uri()?.to_owned());
                self.subscriptions.get(&name).map_or(Value::Null, |one| Value::from(one.id))
            }
            "wamp.subscription.match" => {
                let uri = asked.uri()?;
                let all = self.subscriptions.iter();
                let matching = all.filter(|((policy, pattern), _)| policy.matches(pattern, uri));
                match ids(matching.map(|(_, one)| one.id)) {
                    Value::List(ids) if ids.is_empty() => Value::Null,
                    ids => ids,
                }
            }
            "wamp.subscription.get" => {
                let (name, one) = self.subscription(asked)?;
                one.details(name)
            }
            "wamp.subscription.list_subscribers" => {
                let (_, one) = self.subscription(asked)?;
                ids(one.subscribers.iter().map(|key| self.session_id(*key)))
            }
            "wamp.subscription.count_subscribers" => {
                let (_, one) = self.subscription(asked)?;
                Value::from(one.subscribers.len() as u64)
            }
            "wamp.subscription.get_events" => return self.events(from, asked),
            "wamp.subscription.remove_subscriber" => {
                let id = self.subscription(asked)?.1.id;
                self.revoke_subscription(self.session(asked.id(1)?)?, id)?;
                Value::Null
            }
            _ => return Err(uris::error::NO_SUCH_PROCEDURE),
        };
        Ok(Payload::from_vecs(vec![result], Vec::new()))
    }

    /// What a procedure about registrations gives back.
    pub(super) fn asked_about_registrations(
        &mut self,
        asked: &Asked<'_>,
    ) -> Result<Payload<'static>, &'static str> {
        let result = match asked.procedure {
            "wamp.registration.list" => {
                by_policy(&self.registrations.iter().map(|((policy, _), one)| (*policy, one.id)))
            }
            "wamp.registration.lookup" => {
                let name = (asked.policy()?, asked.uri()?.to_owned());
                self.registrations.get(&name).map_or(Value::Null, |one| Value::from(one.id))
            }
            "wamp.registration.match" => {
                self.best(asked.uri()?).map_or(Value::Null, |(_, one)| Value::from(one.id))
            }
            "wamp.registration.get" => {
                let (name, one) = self.registration(asked)?;
                one.details(name)
            }
            "wamp.registration.list_callees" => {
                let (_, one) = self.registration(asked)?;
                ids(one.callees.iter().map(|callee| self.session_id(callee.key)))
            }
            "wamp.registration.count_callees" => {
                let (_, one) = self.registration(asked)?;
                Value::from(one.callees.len() as u64)
            }
            "wamp.registration.remove_callee" => {
                let id = asked.id(0)?;
                let callee = self.session(asked.id(1)?)?;
                let mut held = self.registrations.iter();
                let held = held.find(|(_, one)| one.id == id && one.holds(callee));
                let name = held.map(|(name, _)| name.clone());
                self.revoke(&name.ok_or(uris::error::NO_SUCH_REGISTRATION)?, callee);
                Value::Null
            }
            _ => return Err(uris::error::NO_SUCH_PROCEDURE),
        };
        Ok(Payload::from_vecs(vec![result], Vec::new()))
    }

    /// The open session with an identifier.
    fn session(&self, id: u64) -> Result<SessionKey, &'static str> {
        let mut open = self.sessions.iter().filter(|(_, seat)| seat.phase == Phase::Open);
        let found = open.find(|(_, seat)| seat.id == id);
        found.map(|(key, _)| *key).ok_or(uris::error::NO_SUCH_SESSION)
    }

    /// The subscription that is the first argument.
    pub(super) fn subscription(
        &self,
        asked: &Asked<'_>,
    ) -> Result<(&Name, &Subscription), &'static str> {
        let id = asked.id(0)?;
        let found = self.subscriptions.iter().find(|(_, one)| one.id == id);
        found.ok_or(uris::error::NO_SUCH_SUBSCRIPTION)
    }

    /// The registration that is the first argument.
    fn registration(&self, asked: &Asked<'_>) -> Result<(&Name, &Registration), &'static str> {
        let id = asked.id(0)?;
        let found = self.registrations.iter().find(|(_, one)| one.id == id);
        found.ok_or(uris::error::NO_SUCH_REGISTRATION)
    }

    fn revoke_subscription(&mut self, session: SessionKey, id: u64) -> Result<(), &'static str> {
        if !self.holds(session, id) {
            return Err(uris::error::NO_SUCH_SUBSCRIPTION);
        }
        if self.features(session).subscriber_subscription_revocation {
            self.expect(session, Said::Unsubscribed { request: 0, revoked: Some(id) });
        }
        self.remove(session, id);
        Ok(())
    }
}

/// Identifiers in ascending order, as all lists of identifiers are compared.
fn ids(ids: impl Iterator<Item = u64>) -> Value<'static> {
    let mut ids: Vec<_> = ids.collect();
    ids.sort_unstable();
    Value::List(ids.into_iter().map(Value::from).collect())
}

fn by_policy(all: &(impl Iterator<Item = (MatchPolicy, u64)> + Clone)) -> Value<'static> {
    Value::dict(MatchPolicy::ALL.map(|policy| {
        let of_policy = all.clone().filter(|(other, _)| *other == policy);
        (policy.name(), ids(of_policy.map(|(_, id)| id)))
    }))
}
