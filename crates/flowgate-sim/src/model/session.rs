//! The session meta API of the model.

use std::time::Duration;

use flowgate_event::{Disclosure, GateAction, Verdict};
use flowgate_router::{MetaApi, SessionKey};
use flowgate_wire::{Call, Dict, MatchPolicy, Payload, Uri, Value, uris};

use super::{Model, Seat, pubsub::Wishes};
use crate::said::{self, Said};

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

impl Model {
    /// The procedures that the simulation calls: `list` and `get` with arguments that are wrong.
    pub(super) fn call_meta(
        &mut self,
        from: SessionKey,
        message: &Call<'_>,
    ) -> Result<(), &'static str> {
        if self.settings.meta_api == MetaApi::Disabled {
            return Err(uris::error::NO_SUCH_PROCEDURE);
        }
        let (args, kwargs) = message.payload.decode();
        let first = args.first();
        let kwargs = Dict::from_vec(kwargs);
        let result = match message.procedure.as_str() {
            "wamp.session.count" => {
                Some(Value::from(u64::try_from(self.open_count()).unwrap_or(u64::MAX)))
            }
            "wamp.subscription.count_subscribers" => return self.count_subscribers(from, message),
            "wamp.subscription.get_events" => return self.get_events(from, message),
            "wamp.subscription.remove_subscriber" => return self.remove_subscriber(from, message),
            "wamp.session.list" => return Err(uris::error::INVALID_ARGUMENT),
            "wamp.session.get" => return Err(uris::error::NO_SUCH_SESSION),
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
                let killed = self.kill(from, &kwargs, |seat| seat.authid.as_deref() == authid)?;
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
                self.add_testament(from, &args, &kwargs)?;
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
        };
        let payload = said::payload(&Payload::from_values(result.as_slice(), &[]));
        let request = message.request.get();
        self.expect(from, Said::Result { request, progress: false, passthru: None, payload });
        Ok(())
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
                self.deliver(
                    topic,
                    &payload,
                    wishes.clone(),
                    (seat.id, seat.role, disclosure),
                    None,
                );
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
