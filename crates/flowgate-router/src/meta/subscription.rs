//! The subscription meta API, and event histories.
//!
//! Source: advanced profile, "Subscriptions Meta API" and "Event History";
//! `wamp.subscription.remove_subscriber` is an extension of Crossbar.io.

use flowgate_event::{GateAction, Observer, Timestamp};
use flowgate_wire::{
    Dict, MatchPolicy, PublicationId, SessionId, SubscriptionId, Uri, UriCheck, Value,
};

use super::{Answer, Arguments, Results, lists_by_policy};
use crate::{
    EventRecord, SessionKey, Traffic,
    broker::{Joined, Left, Released, Subscribed, SubscriptionInfo},
    history::{Order, Query},
    options::SubscribeOptions,
    realm::{State, is_reserved},
    request_error::RequestError,
    turn::Turn,
};

const ON_CREATE: &str = "wamp.subscription.on_create";
const ON_SUBSCRIBE: &str = "wamp.subscription.on_subscribe";
const ON_UNSUBSCRIBE: &str = "wamp.subscription.on_unsubscribe";
const ON_DELETE: &str = "wamp.subscription.on_delete";

/// The place of arguments that have none.
const KEYWORD: usize = usize::MAX;

/// A procedure of the subscription meta API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Procedure {
    List,
    Lookup,
    Match,
    Get,
    ListSubscribers,
    CountSubscribers,
    GetEvents,
    RemoveSubscriber,
}

impl Procedure {
    pub(super) fn from_uri(uri: &str) -> Option<Self> {
        match uri.strip_prefix("wamp.subscription.")? {
            "list" => Some(Self::List),
            "lookup" => Some(Self::Lookup),
            "match" => Some(Self::Match),
            "get" => Some(Self::Get),
            "list_subscribers" => Some(Self::ListSubscribers),
            "count_subscribers" => Some(Self::CountSubscribers),
            "get_events" => Some(Self::GetEvents),
            "remove_subscriber" => Some(Self::RemoveSubscriber),
            _ => None,
        }
    }
}

impl State {
    /// Answers a call of a procedure about subscriptions; the gate has admitted it.
    pub(super) fn call_subscription<'v, O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        procedure: Procedure,
        uri: &'v str,
        arguments: Arguments<'v>,
    ) -> Answer<'v> {
        let result = match procedure {
            Procedure::List => self.subscription_lists(),
            Procedure::Lookup => self.lookup_subscription(arguments)?,
            Procedure::Match => self.match_subscriptions(arguments)?,
            Procedure::Get => self.subscription(arguments)?.details().into_owned(),
            Procedure::ListSubscribers => {
                let subscribers = self.subscriber_ids(arguments)?;
                Value::List(subscribers.map(|id| Value::from(id.get())).collect())
            }
            Procedure::CountSubscribers => {
                Value::from(self.subscriber_ids(arguments)?.count() as u64)
            }
            Procedure::GetEvents => {
                self.admit_reader(turn, from, uri, arguments)?;
                return self.events(from, arguments);
            }
            Procedure::RemoveSubscriber => {
                self.remove_subscriber(turn, arguments)?;
                Value::Null
            }
        };
        Ok(result.into())
    }

    /// The identifiers of all subscriptions, by match policy.
    fn subscription_lists(&self) -> Value<'static> {
        lists_by_policy(|policy| {
            let of_policy = self.broker.iter().filter(move |info| info.policy == policy);
            of_policy.map(|info| info.id.get())
        })
    }

    fn lookup_subscription(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Value<'static>, RequestError<'static>> {
        let topic = arguments.uri("topic")?;
        let options = Dict::from_entries(arguments.dict(1, "options")?);
        let policy = SubscribeOptions::parse(&options)?.policy;
        let found = self.broker.lookup(policy, topic);
        Ok(found.map_or(Value::Null, |id| Value::from(id.get())))
    }

    fn match_subscriptions(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Value<'static>, RequestError<'static>> {
        let ids = self.broker.matching(arguments.uri("topic")?);
        if ids.is_empty() {
            return Ok(Value::Null);
        }
        Ok(Value::List(ids.into_iter().map(|id| Value::from(id.get())).collect()))
    }

    fn subscription(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<SubscriptionInfo<'_>, RequestError<'static>> {
        let id = arguments.subscription()?;
        self.broker.info(id).ok_or(RequestError::UnknownSubscription(id))
    }

    fn subscriber_ids(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<impl Iterator<Item = SessionId>, RequestError<'static>> {
        let id = arguments.subscription()?;
        let keys = self.broker.subscribers(id).ok_or(RequestError::UnknownSubscription(id))?;
        Ok(keys.iter().filter_map(|key| self.sessions.open(*key)).map(|session| session.id))
    }

    /// Ends the subscription of a session, whatever it wants.
    fn remove_subscriber<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        arguments: Arguments<'_>,
    ) -> Result<(), RequestError<'static>> {
        let subscription = self.subscription(arguments)?.id;
        let id = arguments.session(1)?;
        let session = self.sessions.key(id).ok_or(RequestError::NoSuchSession(id))?;
        let reason = arguments.text(2, "reason")?;
        self.revoke_subscription(turn, session, subscription, reason)
    }

    /// Whether a session may read the history of a subscription: if it may subscribe like that
    /// ("Event History", "Security Aspects").
    fn admit_reader<'v, O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        reader: SessionKey,
        procedure: &'v str,
        arguments: Arguments<'v>,
    ) -> Result<(), RequestError<'v>> {
        let SubscriptionInfo { pattern, policy, .. } = self.subscription(arguments)?;
        let pattern = pattern.to_owned();
        let action = GateAction::Call;
        match self.admit(turn, reader, GateAction::Subscribe, &pattern, policy) {
            Ok(_) => Ok(()),
            Err(RequestError::Asked) => Err(RequestError::Asked),
            // Of the call, since its caller need not know what the pattern is.
            Err(RequestError::AuthorizationFailed { .. }) => {
                Err(RequestError::AuthorizationFailed { action, uri: procedure })
            }
            Err(_) => Err(RequestError::NotAuthorized { action, uri: procedure }),
        }
    }

    /// `wamp.subscription.get_events`.
    fn events(
        &self,
        reader: SessionKey,
        arguments: Arguments<'_>,
    ) -> Result<Results, RequestError<'static>> {
        let SubscriptionInfo { id, history, .. } = self.subscription(arguments)?;
        let history = history.ok_or(RequestError::HistoryUnavailable(id))?;
        let query = arguments.query()?;
        let Some(reader) = self.sessions.open(reader) else {
            // Invariant: calls are handled for open sessions only.
            debug_assert!(false, "a reader is open");
            return Err(RequestError::HistoryUnavailable(id));
        };
        let (found, is_limit_reached) = self.broker.find_events(history, &query, reader.identity());
        Ok(Results {
            args: found.into_iter().filter_map(|record| event(id, record)).collect(),
            kwargs: vec![("is_limit_reached".into(), Value::from(is_limit_reached))],
        })
    }

    /// Tells of a new subscriber; of a new subscription first.
    pub(crate) fn publish_subscribed<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        session: SessionKey,
        subscribed: Subscribed,
        topic: &str,
    ) {
        if subscribed.change == Joined::Again || is_reserved(topic) {
            return;
        }
        let Some(session) = self.sessions.open(session).map(|session| session.id) else { return };
        let (session, id) = (Value::from(session.get()), subscribed.id);
        if subscribed.change == Joined::First && self.is_published(ON_CREATE) {
            let details = self.broker.info(id).map(|info| info.details().into_owned());
            let args = [session.clone(), details.unwrap_or(Value::Null)];
            self.publish_meta(turn, ON_CREATE, &args, Traffic::Ordinary);
        }
        if self.is_published(ON_SUBSCRIBE) {
            let args = [session, Value::from(id.get())];
            self.publish_meta(turn, ON_SUBSCRIBE, &args, Traffic::Ordinary);
        }
    }

    /// Tells that a subscription has lost a subscriber, and if it was the last that it is gone.
    pub(crate) fn publish_released<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        session: SessionId,
        released: Released,
    ) {
        if released.is_reserved {
            return;
        }
        let args = [Value::from(session.get()), Value::from(released.id.get())];
        if self.is_published(ON_UNSUBSCRIBE) {
            self.publish_meta(turn, ON_UNSUBSCRIBE, &args, Traffic::Ordinary);
        }
        if released.left == Left::Nobody && self.is_published(ON_DELETE) {
            self.publish_meta(turn, ON_DELETE, &args, Traffic::Ordinary);
        }
    }
}

impl<'a> SubscriptionInfo<'a> {
    /// `SubscriptionDetails`.
    fn details(&self) -> Value<'a> {
        Value::dict([
            ("id", Value::from(self.id.get())),
            ("created", Value::from(self.created.to_rfc3339())),
            ("uri", Value::from(self.pattern)),
            ("match", Value::from(self.policy.name())),
        ])
    }
}

/// An event of a history, as a reader is told of it.
fn event(subscription: SubscriptionId, record: &EventRecord) -> Option<Value<'static>> {
    record.read(|details, payload| {
        let (args, kwargs) = payload.decode();
        let mut event = vec![
            ("timestamp".into(), Value::from(record.timestamp().to_rfc3339())),
            ("subscription".into(), Value::from(subscription.get())),
            ("publication".into(), Value::from(record.publication().get())),
            ("details".into(), Value::Dict(details)),
        ];
        if !payload.is_empty() {
            event.push(("args".into(), Value::List(args)));
        }
        if !kwargs.is_empty() {
            event.push(("kwargs".into(), Value::Dict(kwargs)));
        }
        Value::Dict(event).into_owned()
    })
}

impl Arguments<'_> {
    fn subscription(self) -> Result<SubscriptionId, RequestError<'static>> {
        const NAME: &str = "subscription";
        let invalid =
            RequestError::InvalidArgument { argument: NAME, expected: "a subscription identifier" };
        let id = self.find(0, NAME).and_then(Value::as_u64);
        id.and_then(|id| SubscriptionId::new(id).ok()).ok_or(invalid)
    }

    /// The keywords of `get_events`; the limit can be the second argument, as in Crossbar.io.
    fn query(self) -> Result<Query, RequestError<'static>> {
        let time = |name| {
            let parse = |value: &Value<'_>| value.as_str().and_then(Timestamp::from_rfc3339);
            self.parsed(KEYWORD, name, "a time in the form of RFC 3339", parse)
        };
        let publication = |name| {
            let parse =
                |value: &Value<'_>| value.as_u64().and_then(|id| PublicationId::new(id).ok());
            self.parsed(KEYWORD, name, "a publication identifier", parse)
        };
        let limit = self.parsed(1, "limit", "a positive integer", |value| {
            let number = usize::try_from(value.as_u64()?).ok();
            number.filter(|number| *number > 0)
        })?;
        let topic = self.parsed(KEYWORD, "topic", "a URI", |value| {
            let topic = value.as_str()?;
            let is_valid = Uri::new(topic).is_valid(UriCheck::Loose, MatchPolicy::Exact);
            is_valid.then(|| topic.to_owned())
        })?;
        let order = match self.parsed(KEYWORD, "reverse", "a boolean", Value::as_bool)? {
            Some(true) => Order::Reverse,
            None | Some(false) => Order::Occurrence,
        };
        Ok(Query {
            order,
            limit,
            from_time: time("from_time")?,
            after_time: time("after_time")?,
            before_time: time("before_time")?,
            until_time: time("until_time")?,
            topic,
            from_publication: publication("from_publication")?,
            after_publication: publication("after_publication")?,
            before_publication: publication("before_publication")?,
            until_publication: publication("until_publication")?,
        })
    }
}
