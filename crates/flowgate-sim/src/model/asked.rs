//! What the model answers when it is asked about subscriptions and registrations.

use flowgate_event::{GateAction, Timestamp};
use flowgate_router::SessionKey;
use flowgate_wire::{
    Call, Dict, MatchPolicy, Payload, PublicationId, SessionId, Uri, UriCheck, Value, uris,
};

use super::{Model, Name, Phase, Registration, Subscription, pubsub::Kept, pubsub::match_policy};
use crate::said::{self, Said};

const HISTORY_UNAVAILABLE: &str = "wamp.error.history_unavailable";

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
    fn keyword<T>(
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
    fn subscription(&self, asked: &Asked<'_>) -> Result<(&Name, &Subscription), &'static str> {
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

    fn events(
        &mut self,
        from: SessionKey,
        asked: &Asked<'_>,
    ) -> Result<Payload<'static>, &'static str> {
        let ((policy, pattern), _) = self.subscription(asked)?;
        let (policy, pattern) = (*policy, Uri::from(pattern.clone()));
        self.admit(from, GateAction::Subscribe, policy, &pattern)?;
        let (_, subscription) = self.subscription(asked)?;
        let (records, most) = subscription.history.as_ref().ok_or(HISTORY_UNAVAILABLE)?;
        let kept: Vec<&Kept> = records.iter().skip(records.len().saturating_sub(*most)).collect();

        let time =
            |name| asked.keyword(name, |value| value.as_str().and_then(Timestamp::from_rfc3339));
        let place = |name| {
            let valid = |value: &Value<'_>| {
                value.as_u64().filter(|publication| PublicationId::new(*publication).is_ok())
            };
            let publication = asked.keyword(name, valid)?;
            let is_it = |kept: &Kept, id| self.publications.get(&kept.number) == Some(&id);
            Ok::<_, &'static str>(
                publication.map(|id| kept.iter().position(|kept| is_it(kept, id))),
            )
        };
        let limit = asked.keyword("limit", |value| value.as_u64().filter(|limit| *limit > 0))?;
        let topic = asked.keyword("topic", |value| {
            let topic = value.as_str()?.to_owned();
            Uri::from(topic.clone()).is_valid(UriCheck::Loose, MatchPolicy::Exact).then_some(topic)
        })?;
        let is_reverse = asked.keyword("reverse", Value::as_bool)? == Some(true);
        let (from_time, after_time) = (time("from_time")?, time("after_time")?);
        let (before_time, until_time) = (time("before_time")?, time("until_time")?);
        let from_place = place("from_publication")?;
        let after_place = place("after_publication")?;
        let before_place = place("before_publication")?;
        let until_place = place("until_publication")?;

        let fits = |(index, kept): &(usize, &&Kept)| {
            let is_in = |place: Option<Option<usize>>, fits: &dyn Fn(usize) -> bool| match place {
                None => true,
                Some(place) => place.is_some_and(fits),
            };
            from_time.is_none_or(|from| kept.at >= from)
                && after_time.is_none_or(|after| kept.at > after)
                && before_time.is_none_or(|before| kept.at < before)
                && until_time.is_none_or(|until| kept.at <= until)
                && is_in(from_place, &|place| *index >= place)
                && is_in(after_place, &|place| *index > place)
                && is_in(before_place, &|place| *index < place)
                && is_in(until_place, &|place| *index <= place)
                && topic.as_ref().is_none_or(|topic| *topic == kept.topic)
                && kept.lists.iter().all(|list| self.admits(list, from))
        };
        let id = subscription.id;
        let mut seen: Vec<_> = kept.iter().enumerate().filter(fits).map(|(_, kept)| kept).collect();
        if is_reverse {
            seen.reverse();
        }
        seen.truncate(limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(0)));
        let seen = seen.into_iter().map(|kept| {
            let who = said::publisher(kept.publisher.as_deref(), kept.trustlevel);
            let at = kept.at.to_rfc3339();
            Value::from(said::recorded(id, &at, &kept.topic, &who, &kept.payload))
        });
        let is_limit_reached = Value::from(records.len() > *most);
        Ok(Payload::from_vecs(seen.collect(), vec![(said::LIMIT_REACHED.into(), is_limit_reached)]))
    }
}

/// Identifiers in ascending order, as all lists of identifiers are compared.
fn ids(ids: impl Iterator<Item = u64>) -> Value<'static> {
    let mut ids: Vec<_> = ids.collect();
    ids.sort_unstable();
    Value::List(ids.into_iter().map(Value::from).collect())
}

fn by_policy(all: &(impl Iterator<Item = (MatchPolicy, u64)> + Clone)) -> Value<'static> {
    let policies = [MatchPolicy::Exact, MatchPolicy::Prefix, MatchPolicy::Wildcard];
    Value::dict(policies.map(|policy| {
        let of_policy = all.clone().filter(|(other, _)| *other == policy);
        (policy.name(), ids(of_policy.map(|(_, id)| id)))
    }))
}
