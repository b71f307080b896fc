//! The session meta API of the model.

use std::time::Duration;

use flowgate_event::{Account, Disclosure, GateAction, Report, Verdict};
use flowgate_router::{MetaApi, SessionKey, TrustLevel};
use flowgate_wire::{Call, Dict, MatchPolicy, Payload, Uri, Value, uris};

use super::{Model, Phase, Seat, asked::Asked, wishes::Wishes};
use crate::{
    said::{self, Said},
    world::settings::trustlevel,
};

/// How long a killed session has to answer GOODBYE.
const FAREWELL: Duration = Duration::from_secs(5);

/// What is published when a session has left.
#[derive(Debug, Clone)]
pub(crate) struct Testament {
    is_detached: bool,
    topic: String,
    wishes: Wishes,
    admitted: Disclosure,
    args: Vec<Value<'static>>,
}

impl Seat {
    /// Who it is, to those who may know.
    pub(super) fn identity(&self) -> String {
        said::identity(self.id, &self.authid, &self.authrole)
    }

    /// How far its role is trusted.
    pub(super) fn trustlevel(&self) -> Option<u64> {
        trustlevel(&self.authrole).map(|TrustLevel(level)| u64::from(level))
    }

    /// What the session meta API tells about a session.
    pub(super) fn details(&self) -> Value<'static> {
        Value::dict([
            ("session", Value::from(self.id)),
            ("authid", Value::from(self.authid.clone())),
            ("authrole", Value::from(self.authrole.clone())),
            ("authmethod", Value::from("anonymous")),
            ("authprovider", Value::from("static")),
            ("realm", Value::from("realm1")),
            ("transport", Value::dict([("type", Value::from("simulation"))])),
        ])
    }

    /// The arguments of `wamp.session.on_stats`.
    pub(super) fn stats(&self, report: &Report) -> [Value<'static>; 2] {
        let who = Value::dict([
            ("authid", Value::from(self.authid.clone())),
            ("authrole", Value::from(self.authrole.clone())),
            ("realm", Value::from("realm1")),
            ("session", Value::from(self.id)),
        ]);
        let account = |account: Account| {
            Value::dict([
                ("bytes", Value::from(account.bytes)),
                ("messages", Value::from(account.messages)),
                ("rated_messages", Value::from(account.rated_messages)),
            ])
        };
        let Report { received, sent, .. } = *report;
        let duration = u64::try_from(report.duration.as_nanos()).unwrap_or(u64::MAX);
        let stats = Value::dict([
            ("bytes", Value::from(received.bytes + sent.bytes)),
            ("cycle", Value::from(report.cycle)),
            ("duration", Value::from(duration)),
            ("first", Value::from(report.first)),
            ("last", Value::from(report.last)),
            ("messages", Value::from(received.messages + sent.messages)),
            ("rated_messages", Value::from(received.rated_messages + sent.rated_messages)),
            ("serializer", Value::from(self.serializer)),
            ("timestamp", Value::from(report.start.as_nanos())),
            ("received", account(received)),
            ("sent", account(sent)),
        ]);
        [who, stats]
    }
}

impl Model {
    /// Answers a call of one of the router's own procedures.
    pub(super) fn call_meta(
        &mut self,
        from: SessionKey,
        message: &Call<'_>,
    ) -> Result<(), &'static str> {
        if self.settings.meta_api == MetaApi::Disabled {
            return Err(uris::error::NO_SUCH_PROCEDURE);
        }
        let asked = Asked::new(message);
        let payload = if asked.procedure.starts_with("wamp.registration.") {
            self.asked_about_registrations(&asked)?
        } else if asked.procedure.starts_with("wamp.subscription.") {
            self.asked_about_subscriptions(from, &asked)?
        } else {
            let result = self.asked_about_sessions(from, &asked)?;
            Payload::from_vecs(result.into_iter().collect(), Vec::new())
        };
        *self.seen.entry(format!("{} answered", asked.procedure)).or_default() += 1;
        let (request, payload) = (message.request.get(), said::payload(&payload));
        self.expect(from, Said::Result { request, progress: false, passthru: None, payload });
        Ok(())
    }

    fn asked_about_sessions(
        &mut self,
        from: SessionKey,
        asked: &Asked<'_>,
    ) -> Result<Option<Value<'static>>, &'static str> {
        let first = asked.args.first();
        let kwargs = Dict::from_entries(&asked.kwargs);
        Ok(match asked.procedure {
            "wamp.session.count" => Some(Value::from(self.sessions_with(first)?.len() as u64)),
            "wamp.session.list" => {
                let mut ids = self.sessions_with(first)?;
                ids.sort_unstable();
                Some(Value::List(ids.into_iter().map(Value::from).collect()))
            }
            "wamp.session.get" => {
                let id = first.and_then(Value::as_u64).ok_or(uris::error::INVALID_ARGUMENT)?;
                let mut open = self.sessions.values().filter(|seat| seat.phase == Phase::Open);
                let found = open.find(|seat| seat.id == id);
                Some(found.ok_or(uris::error::NO_SUCH_SESSION)?.details())
            }
            "wamp.session.kill" => {
                let id = first.and_then(Value::as_u64).ok_or(uris::error::INVALID_ARGUMENT)?;
                let killed = self.kill(from, &kwargs, |seat| seat.id == id)?;
                if killed.is_empty() {
                    return Err(uris::error::NO_SUCH_SESSION);
                }
                None
            }
            "wamp.session.kill_by_authid" => {
                let authid = first.and_then(Value::as_str);
                let mut killed =
                    self.kill(from, &kwargs, |seat| Some(seat.authid.as_str()) == authid)?;
                killed.sort_unstable();
                Some(Value::List(killed.into_iter().map(Value::from).collect()))
            }
            "wamp.session.kill_by_authrole" => {
                let authrole = first.and_then(Value::as_str);
                let killed =
                    self.kill(from, &kwargs, |seat| Some(seat.authrole.as_str()) == authrole)?;
                Some(Value::from(killed.len() as u64))
            }
            "wamp.session.kill_all" => {
                Some(Value::from(self.kill(from, &kwargs, |_| true)?.len() as u64))
            }
            "wamp.session.add_testament" => {
                self.add_testament(from, &asked.args, &kwargs)?;
                None
            }
            "wamp.session.flush_testaments" => {
                let is_detached = is_detached(&kwargs)?;
                if let Some(seat) = self.sessions.get_mut(&from) {
                    seat.testaments.retain(|testament| testament.is_detached != is_detached);
                }
                None
            }
            _ => return Err(uris::error::NO_SUCH_PROCEDURE),
        })
    }

    /// The open sessions, or those that have one of the roles.
    fn sessions_with(&self, roles: Option<&Value<'_>>) -> Result<Vec<u64>, &'static str> {
        let roles = roles.map(|roles| roles.as_list().ok_or(uris::error::INVALID_ARGUMENT));
        let roles = roles.transpose()?;
        let is_open = |seat: &&Seat| seat.phase == Phase::Open;
        let has_role = |seat: &&Seat| {
            roles.is_none_or(|roles| roles.contains(&Value::from(seat.authrole.clone())))
        };
        let fits = self.sessions.values().filter(is_open).filter(has_role);
        Ok(fits.map(|seat| seat.id).collect())
    }

    /// Ends the sessions that fit, but not the one that asks.
    fn kill(
        &mut self,
        from: SessionKey,
        kwargs: &Dict<'_>,
        fits: impl Fn(&Seat) -> bool,
    ) -> Result<Vec<u64>, &'static str> {
        let reason = said::text(kwargs, "reason");
        let reason = reason.as_deref().unwrap_or(uris::close::KILLED);
        if !Uri::from(reason).is_valid(self.settings.uri_check, MatchPolicy::Exact) {
            return Err(uris::error::INVALID_URI);
        }
        let mut killed = Vec::new();
        for key in self.open() {
            let Some(seat) = self.sessions.get(&key).filter(|seat| key != from && fits(seat))
            else {
                continue;
            };
            killed.push(seat.id);
            self.dismiss(key, reason);
            let deadline = self.deadline_in(FAREWELL);
            if let Some(seat) = self.sessions.get_mut(&key) {
                seat.farewell = Some(deadline);
            }
        }
        Ok(killed)
    }

    fn add_testament(
        &mut self,
        from: SessionKey,
        args: &[Value<'_>],
        kwargs: &Dict<'_>,
    ) -> Result<(), &'static str> {
        let topic = args.first().and_then(Value::as_str).ok_or(uris::error::INVALID_ARGUMENT)?;
        let items = args.get(1).and_then(Value::as_list).unwrap_or_default();
        let options = kwargs.get("publish_options").map(Dict::from).unwrap_or_default();
        let is_detached = is_detached(kwargs)?;
        let wishes = Wishes::parse(&options)?;
        if !wishes.are_announced(self.features(from)) {
            return Err(uris::error::FEATURE_NOT_SUPPORTED);
        }
        let uri = Uri::from(topic);
        let admitted = self.admit(from, GateAction::Publish, MatchPolicy::Exact, &uri)?;
        wishes.check(admitted)?;
        let args = items.iter().cloned().map(Value::into_owned).collect();
        let testament = Testament { is_detached, topic: topic.to_owned(), wishes, admitted, args };
        if let Some(seat) = self.sessions.get_mut(&from) {
            seat.testaments.push(testament);
        }
        Ok(())
    }

    /// Publishes the testaments of a session that has left.
    pub(super) fn publish_testaments(&mut self, seat: &Seat) {
        let detached = seat.testaments.iter().filter(|one| one.is_detached);
        let destroyed = seat.testaments.iter().filter(|one| !one.is_detached);
        for testament in detached.chain(destroyed) {
            let Testament { topic, wishes, args, .. } = testament;
            let disclosure =
                match self.verdict(seat.role, GateAction::Publish, MatchPolicy::Exact, topic) {
                    Verdict::Admit(disclosure) => disclosure,
                    Verdict::Ask { .. } => testament.admitted,
                    Verdict::Deny => continue,
                };
            if wishes.check(disclosure).is_ok() {
                let payload = Payload::from_values(args, &[]);
                let publisher = (seat.identity(), seat.trustlevel(), disclosure);
                self.deliver(topic, &payload, wishes.clone(), publisher, None, None);
            }
        }
    }
}

/// The scope, which is `destroyed` unless another is given.
fn is_detached(kwargs: &Dict<'_>) -> Result<bool, &'static str> {
    match said::text(kwargs, "scope").as_deref() {
        None | Some("destroyed") => Ok(false),
        Some("detached") => Ok(true),
        Some(_) => Err(uris::error::TESTAMENT_ERROR),
    }
}
