//! Sessions: who is there, who comes and goes, what their meters say, and how to end them.
//!
//! Source: advanced profile, "Session Meta API"; `wamp.session.on_stats` is an extension of
//! Crossbar.io ("Session Statistics").

use flowgate_event::{Observer, Report};
use flowgate_wire::{MatchPolicy, SessionId, Uri, Value, uris};

use super::{Answer, Arguments, Results};
use crate::{
    SessionKey, Traffic, lifecycle::Farewell, realm::State, request_error::RequestError,
    session::Session, turn::Turn,
};

const ON_JOIN: &str = "wamp.session.on_join";
const ON_LEAVE: &str = "wamp.session.on_leave";
const ON_STATS: &str = "wamp.session.on_stats";

/// What tells of the end of sessions.
pub(crate) const ENDINGS: [&str; 2] = [ON_STATS, ON_LEAVE];

/// A procedure of the session meta API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Procedure {
    Count,
    List,
    Get,
    Kill,
    KillByAuthid,
    KillByAuthrole,
    KillAll,
}

impl Procedure {
    pub(super) fn from_uri(uri: &str) -> Option<Self> {
        match uri {
            "wamp.session.count" => Some(Self::Count),
            "wamp.session.list" => Some(Self::List),
            "wamp.session.get" => Some(Self::Get),
            "wamp.session.kill" => Some(Self::Kill),
            "wamp.session.kill_by_authid" => Some(Self::KillByAuthid),
            "wamp.session.kill_by_authrole" => Some(Self::KillByAuthrole),
            "wamp.session.kill_all" => Some(Self::KillAll),
            _ => None,
        }
    }
}

impl State {
    pub(super) fn call_session<'v, O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        procedure: Procedure,
        arguments: Arguments<'v>,
    ) -> Answer<'v> {
        let result = match procedure {
            Procedure::Count => {
                let roles = filter_authroles(arguments)?;
                Some(Value::from(self.sessions_with(roles).count() as u64))
            }
            Procedure::List => {
                let roles = filter_authroles(arguments)?;
                Some(ids(self.sessions_with(roles)))
            }
            Procedure::Get => {
                let id = arguments.session(0)?;
                let session = self.sessions.find(id).ok_or(RequestError::NoSuchSession(id))?;
                Some(session.details(&self.config.name).into_owned())
            }
            Procedure::Kill => {
                let id = arguments.session(0)?;
                let farewell = self.farewell(arguments, 1)?;
                let key = self.sessions.key(id).filter(|key| *key != from);
                self.kill(turn, key.ok_or(RequestError::NoSuchSession(id))?, farewell);
                None
            }
            Procedure::KillByAuthid => {
                let authid = arguments.required_text(0, "authid")?;
                let farewell = self.farewell(arguments, 1)?;
                let killed =
                    self.kill_all(turn, from, farewell, |session| session.authid == authid);
                Some(ids(killed.into_iter()))
            }
            Procedure::KillByAuthrole => {
                let authrole = arguments.required_text(0, "authrole")?;
                let farewell = self.farewell(arguments, 1)?;
                let killed =
                    self.kill_all(turn, from, farewell, |session| session.authrole == authrole);
                Some(Value::from(killed.len() as u64))
            }
            Procedure::KillAll => {
                let farewell = self.farewell(arguments, 0)?;
                let killed = self.kill_all(turn, from, farewell, |_| true);
                Some(Value::from(killed.len() as u64))
            }
        };
        Ok(result.map(Results::from).unwrap_or_default())
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

    /// What a session that is killed is told: `reason` and `message`, from a place on.
    fn farewell<'v>(
        &self,
        arguments: Arguments<'v>,
        place: usize,
    ) -> Result<Farewell<'v>, RequestError<'static>> {
        let reason = match arguments.find(place, "reason") {
            None => uris::close::KILLED,
            Some(value) => value
                .as_str()
                .filter(|reason| self.check_uri(&Uri::from(*reason), MatchPolicy::Exact).is_ok())
                .ok_or(RequestError::InvalidUriArgument("reason"))?,
        };
        Ok(Farewell { reason, message: arguments.text(place + 1, "message")? })
    }

    /// Ends the open sessions that fit, but never the one that asks; their identifiers.
    ///
    /// All are out of the tables before the first meta event tells of an end, since that comes with
    /// [`Leave`](crate::Input::Leave).
    fn kill_all<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        farewell: Farewell<'_>,
        fits: impl Fn(&Session) -> bool,
    ) -> Vec<SessionId> {
        let open = self.sessions.iter_open();
        let others = open.filter(|(key, session)| *key != from && fits(session));
        let doomed: Vec<_> = others.map(|(key, session)| (key, session.id)).collect();
        for (key, _) in &doomed {
            self.kill(turn, *key, farewell);
        }
        doomed.into_iter().map(|(_, id)| id).collect()
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
        let stats = self.stats_voice();
        if let Some(session) = stats.voice.sessions.get(key) {
            stats.publish(turn, ON_STATS, session, report);
        }
    }

    /// The last window of a session that leaves.
    pub(crate) fn publish_on_stats<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        session: &Session,
        report: &Report,
    ) {
        if self.is_published(ON_STATS) {
            self.stats_voice().publish(turn, ON_STATS, session, report);
        }
    }
}

fn ids(sessions: impl Iterator<Item = SessionId>) -> Value<'static> {
    Value::List(sessions.map(|id| Value::from(id.get())).collect())
}

/// `filter_authroles`: the roles that count, or all.
fn filter_authroles<'v>(
    arguments: Arguments<'v>,
) -> Result<Option<&'v [Value<'v>]>, RequestError<'static>> {
    const ARGUMENT: &str = "filter_authroles";
    let Some(value) = arguments.find(0, ARGUMENT) else { return Ok(None) };
    let roles = value.as_list().filter(|roles| roles.iter().all(|role| role.as_str().is_some()));
    let invalid = RequestError::InvalidArgument { argument: ARGUMENT, expected: "a list of roles" };
    roles.map(Some).ok_or(invalid)
}
