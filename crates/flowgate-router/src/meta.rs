//! The meta API: procedures that the router answers, and events that it publishes.
//!
//! One module for each part; here is what they share.
//! Source: advanced profile, "Meta API".

mod arguments;
mod registration;
mod session;
mod statistics;
mod subscription;
mod testament;

use flowgate_event::{CallOutcome, Called, Observer};
use flowgate_wire::{
    Call, Dict, Entry, MatchPolicy, MessageType, Payload, Result as ResultMessage, Value,
};

use crate::{
    MetaApi, SessionKey, Traffic,
    calls::{observe_ended, observe_replied},
    realm::State,
    request_error::RequestError,
    turn::Turn,
};
use arguments::Arguments;

pub(crate) use session::ENDINGS;
pub(crate) use statistics::stats_template;

/// What a procedure of the router gives back.
type Answer<'v> = Result<Results, RequestError<'v>>;

/// The results of a procedure of the router, which are none for most that change something.
#[derive(Debug, Default)]
struct Results {
    args: Vec<Value<'static>>,
    kwargs: Vec<Entry<'static>>,
}

impl From<Value<'static>> for Results {
    fn from(result: Value<'static>) -> Self {
        Self { args: vec![result], kwargs: Vec::new() }
    }
}

/// A procedure of the meta API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Procedure {
    Registration(registration::Procedure),
    Session(session::Procedure),
    Subscription(subscription::Procedure),
    Testament(testament::Procedure),
}

impl Procedure {
    fn from_uri(uri: &str) -> Option<Self> {
        session::Procedure::from_uri(uri)
            .map(Self::Session)
            .or_else(|| testament::Procedure::from_uri(uri).map(Self::Testament))
            .or_else(|| registration::Procedure::from_uri(uri).map(Self::Registration))
            .or_else(|| subscription::Procedure::from_uri(uri).map(Self::Subscription))
    }
}

impl State {
    /// Answers a call of a procedure under `wamp`; the gate has admitted it.
    pub(crate) fn call_meta<'m, O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &'m Call<'_>,
    ) -> Result<(), RequestError<'m>> {
        let uri = message.procedure.as_str();
        let procedure = match self.config.meta_api {
            MetaApi::Enabled => Procedure::from_uri(uri),
            MetaApi::Disabled => None,
        };
        let procedure = procedure.ok_or(RequestError::NoSuchProcedure(uri))?;
        let (args, kwargs) = message.payload.decode();
        let arguments = Arguments::new(&args, &kwargs);
        let answer = match procedure {
            Procedure::Registration(procedure) => {
                self.call_registration(turn, procedure, arguments)
            }
            Procedure::Session(procedure) => self.call_session(turn, from, procedure, arguments),
            Procedure::Subscription(procedure) => {
                self.call_subscription(turn, from, procedure, uri, arguments)
            }
            Procedure::Testament(procedure) => {
                self.call_testament(turn, from, procedure, arguments)
            }
        };
        let request = message.request;
        let called = Called::Router(uri);
        match answer {
            Ok(Results { args, kwargs }) => {
                let payload = Payload::from_values(&args, &kwargs);
                let result = ResultMessage { request, details: Dict::EMPTY, payload };
                let taken = turn.reply(from, result, None);
                observe_replied(turn, called, CallOutcome::Ok, None, taken);
            }
            // Not over: it is handled again when the authorizer has answered.
            Err(RequestError::Asked) => {}
            // Here and not by the caller, since it may speak of the arguments, which end here.
            Err(error) => {
                observe_ended(turn, called, CallOutcome::Error, Some(error.uri()));
                turn.refuse(from, MessageType::Call, request, &error);
            }
        }
        Ok(())
    }

    /// Whether a meta event is to be made: the realm has the meta API, and somebody subscribes.
    fn is_published(&self, topic: &str) -> bool {
        self.config.meta_api == MetaApi::Enabled && self.broker.is_heard(topic)
    }

    fn publish_meta<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        topic: &'static str,
        args: &[Value<'_>],
        traffic: Traffic,
    ) {
        self.publish_own(turn, topic, Payload::from_values(args, &[]), None, traffic);
    }
}

/// Identifiers as `wamp.registration.list` and `wamp.subscription.list` give them: a list for each
/// match policy.
fn lists_by_policy<I: Iterator<Item = u64>>(ids: impl Fn(MatchPolicy) -> I) -> Value<'static> {
    Value::dict(
        MatchPolicy::ALL
            .map(|policy| (policy.name(), Value::List(ids(policy).map(Value::from).collect()))),
    )
}
