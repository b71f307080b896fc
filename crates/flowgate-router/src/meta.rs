//! The session meta API: procedures that the router answers, and events that it publishes.
//!
//! Source: advanced profile, "Session Meta API"; `wamp.session.on_stats` is an extension of
//! Crossbar.io ("Session Statistics").

mod registration;
mod subscription;

use flowgate_event::{Account, Observer, Report};
use flowgate_wire::{Call, Dict, Entry, Payload, Result as ResultMessage, SessionId, Value};

use crate::{
    MetaApi, SessionKey, Traffic,
    broker::{Extras, Publication},
    realm::State,
    request_error::RequestError,
    session::Session,
    turn::Turn,
};

const ON_JOIN: &str = "wamp.session.on_join";
const ON_LEAVE: &str = "wamp.session.on_leave";
const ON_STATS: &str = "wamp.session.on_stats";

/// What tells of the end of sessions.
pub(crate) const ENDINGS: [&str; 2] = [ON_STATS, ON_LEAVE];

/// A procedure of the session meta API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Procedure {
    Count,
    List,
    Get,
}

impl Procedure {
    fn from_uri(uri: &str) -> Option<Self> {
        match uri {
            "wamp.session.count" => Some(Self::Count),
            "wamp.session.list" => Some(Self::List),
            "wamp.session.get" => Some(Self::Get),
            _ => None,
        }
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
        if self.config.meta_api == MetaApi::Enabled
            && let Some(procedure) = registration::Procedure::from_uri(uri)
        {
            return self.call_registration_meta(turn, from, message, procedure);
        }
        if self.config.meta_api == MetaApi::Enabled
            && let Some(procedure) = subscription::Procedure::from_uri(uri)
        {
            return self.call_subscription_meta(turn, from, message, procedure);
        }
        let procedure = match self.config.meta_api {
            MetaApi::Enabled => Procedure::from_uri(uri),
            MetaApi::Disabled => None,
        };
        let procedure = procedure.ok_or(RequestError::NoSuchProcedure(uri))?;
        let (args, kwargs) = message.payload.decode();
        let result = match procedure {
            Procedure::Count => {
                let roles = filter_authroles(&args, &kwargs)?;
                Value::from(self.sessions_with(roles).count() as u64)
            }
            Procedure::List => {
                let roles = filter_authroles(&args, &kwargs)?;
                Value::List(self.sessions_with(roles).map(|id| Value::from(id.get())).collect())
            }
            Procedure::Get => self.session_details(&args)?,
        };
        let (request, results) = (message.request, [result]);
        let payload = Payload::from_values(&results, &[]);
        turn.send(from, ResultMessage { request, details: Dict::EMPTY, payload });
        Ok(())
    }

    /// The open sessions, or those of them that have one of the roles.
    fn sessions_with<'a>(
        &'a self,
        authroles: Option<&'a [Value<'a>]>,
    ) -> impl Iterator<Item = SessionId> + 'a {
        let wanted = move |authrole: &str| {
            authroles.is_none_or(|roles| roles.iter().any(|role| role.as_str() == Some(authrole)))
        };
        let open = self.sessions.iter_open().map(|(_, session)| session);
        open.filter(move |session| wanted(&session.authrole)).map(|session| session.id)
    }

    fn session_details(&self, args: &[Value<'_>]) -> Result<Value<'_>, RequestError<'static>> {
        let id = args.first().and_then(Value::as_u64).and_then(|id| SessionId::new(id).ok());
        let id = id.ok_or(RequestError::InvalidArgument {
            argument: "session",
            expected: "a session identifier",
        })?;
        let session = self.sessions.find(id).ok_or(RequestError::NoSuchSession(id))?;
        Ok(session.details(&self.config.name))
    }

    pub(crate) fn publish_on_join<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        session: &Session,
    ) {
        if self.is_published(ON_JOIN) {
            let realm = self.config.name.clone();
            let args = [session.details(&realm)];
            self.publish_meta(turn, ON_JOIN, &args, Traffic::Ordinary);
        }
    }

    pub(crate) fn publish_on_leave<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        session: &Session,
    ) {
        if self.is_published(ON_LEAVE) {
            let args = [
                Value::from(session.id.get()),
                Value::from(session.authid.as_str()),
                Value::from(session.authrole.as_str()),
            ];
            self.publish_meta(turn, ON_LEAVE, &args, Traffic::Ordinary);
        }
    }

    /// A window of a session's meter has closed while the session goes on.
    pub(crate) fn handle_stats<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        key: SessionKey,
        report: &Report,
    ) {
        if !self.is_published(ON_STATS) {
            return;
        }
        let Some(session) = self.sessions.get(key) else { return };
        let args = stats_args(&self.config.name, session, report).map(Value::into_owned);
        self.publish_meta(turn, ON_STATS, &args, Traffic::Statistics);
    }

    /// The last window of a session that leaves.
    pub(crate) fn publish_on_stats<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        session: &Session,
        report: &Report,
    ) {
        if self.is_published(ON_STATS) {
            let realm = self.config.name.clone();
            let args = stats_args(&realm, session, report);
            self.publish_meta(turn, ON_STATS, &args, Traffic::Statistics);
        }
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
        let publication = Publication {
            topic,
            id: self.ids.publication(),
            now: turn.now,
            publisher: None,
            exclude: None,
            payload: Payload::from_values(args, &[]),
            traffic,
            extras: Extras::default(),
        };
        self.broker.publish(turn.out, &self.sessions, &publication);
    }
}

/// `filter_authroles`, the first argument or the keyword of that name; `null` counts as absent.
fn filter_authroles<'v, 'a>(
    args: &'v [Value<'a>],
    kwargs: &'v [Entry<'a>],
) -> Result<Option<&'v [Value<'a>]>, RequestError<'static>> {
    const ARGUMENT: &str = "filter_authroles";
    let keyword = || kwargs.iter().find(|(key, _)| key == ARGUMENT).map(|(_, value)| value);
    let given = args.first().or_else(keyword).filter(|value| **value != Value::Null);
    let Some(value) = given else { return Ok(None) };
    let roles = value.as_list().filter(|roles| roles.iter().all(|role| role.as_str().is_some()));
    let invalid = RequestError::InvalidArgument { argument: ARGUMENT, expected: "a list of roles" };
    roles.map(Some).ok_or(invalid)
}

/// The arguments of `wamp.session.on_stats`: who, and the window.
///
/// Crossbar.io's keys, and in addition both directions apart.
fn stats_args<'a>(realm: &'a str, session: &'a Session, report: &Report) -> [Value<'a>; 2] {
    let total = report.total();
    let duration_ns = u64::try_from(report.duration.as_nanos()).unwrap_or(u64::MAX);
    let who = Value::dict([
        ("authid", Value::from(session.authid.as_str())),
        ("authrole", Value::from(session.authrole.as_str())),
        ("realm", Value::from(realm)),
        ("session", Value::from(session.id.get())),
    ]);
    let stats = Value::dict([
        ("bytes", Value::from(total.bytes)),
        ("cycle", Value::from(report.cycle)),
        ("duration", Value::from(duration_ns)),
        ("first", Value::from(report.first)),
        ("last", Value::from(report.last)),
        ("messages", Value::from(total.messages)),
        ("rated_messages", Value::from(total.rated_messages)),
        ("serializer", Value::from(session.serializer)),
        ("timestamp", Value::from(report.start.as_nanos())),
        ("received", account(report.received)),
        ("sent", account(report.sent)),
    ]);
    [who, stats]
}

fn account(account: Account) -> Value<'static> {
    Value::dict([
        ("bytes", Value::from(account.bytes)),
        ("messages", Value::from(account.messages)),
        ("rated_messages", Value::from(account.rated_messages)),
    ])
}
