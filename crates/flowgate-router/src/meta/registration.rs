//! The registration meta API.
//!
//! Source: advanced profile, "Registration Meta API"; `remove_callee` is Crossbar.io's.

use flowgate_event::{Event, EventKind, Observer};
use flowgate_wire::{Dict, RegistrationId, Value};

use super::{Answer, Arguments, lists_by_policy};
use crate::{
    SessionKey, Traffic,
    dealer::{Joined, JoinedWhat, Left, RegistrationInfo},
    options::RegisterOptions,
    realm::State,
    request_error::RequestError,
    turn::Turn,
};

const ON_CREATE: &str = "wamp.registration.on_create";
const ON_REGISTER: &str = "wamp.registration.on_register";
const ON_UNREGISTER: &str = "wamp.registration.on_unregister";
const ON_DELETE: &str = "wamp.registration.on_delete";

/// A procedure of the registration meta API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Procedure {
    List,
    Lookup,
    Match,
    Get,
    ListCallees,
    CountCallees,
    RemoveCallee,
}

impl Procedure {
    pub(super) fn from_uri(uri: &str) -> Option<Self> {
        match uri.strip_prefix("wamp.registration.")? {
            "list" => Some(Self::List),
            "lookup" => Some(Self::Lookup),
            "match" => Some(Self::Match),
            "get" => Some(Self::Get),
            "list_callees" => Some(Self::ListCallees),
            "count_callees" => Some(Self::CountCallees),
            "remove_callee" => Some(Self::RemoveCallee),
            _ => None,
        }
    }
}

impl State {
    /// Answers a call of a procedure of the registration meta API.
    pub(super) fn call_registration<'v, O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        procedure: Procedure,
        arguments: Arguments<'v>,
    ) -> Answer<'v> {
        let result = match procedure {
            Procedure::List => self.registration_lists(),
            Procedure::Lookup => {
                let options = Dict::from_entries(arguments.dict(1, "options")?);
                let policy = RegisterOptions::parse(&options)?.policy;
                identifier(self.dealer.find(policy, arguments.uri("procedure")?))
            }
            Procedure::Match => identifier(self.dealer.find_best(arguments.uri("procedure")?)),
            Procedure::Get => {
                let id = arguments.registration()?;
                let info = self.dealer.info(id).ok_or(RequestError::UnknownRegistration(id))?;
                details(&info).into_owned()
            }
            Procedure::ListCallees => {
                Value::List(self.callees(arguments.registration()?)?.map(Value::from).collect())
            }
            Procedure::CountCallees => {
                Value::from(self.callees(arguments.registration()?)?.count() as u64)
            }
            Procedure::RemoveCallee => {
                let registration = arguments.registration()?;
                let id = arguments.session(1)?;
                let callee = self.sessions.key(id).ok_or(RequestError::NoSuchSession(id))?;
                self.revoke(turn, callee, registration, arguments.text(2, "reason")?)?;
                Value::Null
            }
        };
        Ok(result.into())
    }

    fn registration_lists(&self) -> Value<'static> {
        lists_by_policy(|policy| self.dealer.list(policy).into_iter().map(RegistrationId::get))
    }

    /// The sessions that are callees of a registration, in the order in which they registered.
    fn callees(
        &self,
        id: RegistrationId,
    ) -> Result<impl Iterator<Item = u64> + '_, RequestError<'static>> {
        let callees = self.dealer.callees(id).ok_or(RequestError::UnknownRegistration(id))?;
        let sessions = callees.filter_map(|callee| self.sessions.open(callee));
        Ok(sessions.map(|session| session.id.get()))
    }

    /// Tells subscribers that a session has become a callee.
    pub(crate) fn publish_registered<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        callee: SessionKey,
        joined: Joined,
    ) {
        let Joined { registration, what } = joined;
        if what == JoinedWhat::New
            && let Some(RegistrationInfo { uri, policy, invoke, .. }) =
                self.dealer.info(registration)
        {
            let invoke = invoke.name();
            turn.observe(EventKind::RegistrationCreated, || Event::RegistrationCreated {
                registration,
                uri,
                policy,
                invoke,
            });
        }
        if what == JoinedWhat::New && self.is_published(ON_CREATE) {
            let session = self.session_value(callee);
            let info = self.dealer.info(registration).map(|info| details(&info).into_owned());
            let args = [session, info.unwrap_or(Value::Null)];
            self.publish_meta(turn, ON_CREATE, &args, Traffic::Ordinary);
        }
        if what != JoinedWhat::Own {
            self.publish_membership(turn, ON_REGISTER, callee, registration);
        }
    }

    /// Tells the observer and subscribers that a session is no callee any more.
    pub(crate) fn publish_unregistered<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        callee: SessionKey,
        left: Left,
    ) {
        self.publish_membership(turn, ON_UNREGISTER, callee, left.registration);
        if left.is_last {
            let registration = left.registration;
            turn.observe(EventKind::RegistrationDeleted, || Event::RegistrationDeleted {
                registration,
            });
            self.publish_membership(turn, ON_DELETE, callee, left.registration);
        }
    }

    fn publish_membership<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        topic: &'static str,
        callee: SessionKey,
        registration: RegistrationId,
    ) {
        if self.is_published(topic) {
            let args = [self.session_value(callee), Value::from(registration.get())];
            self.publish_meta(turn, topic, &args, Traffic::Ordinary);
        }
    }

    /// The identifier of a session, which may have just ended.
    fn session_value(&self, key: SessionKey) -> Value<'static> {
        self.sessions.get(key).map_or(Value::Null, |session| Value::from(session.id.get()))
    }
}

/// `RegistrationDetails`.
fn details<'a>(info: &RegistrationInfo<'a>) -> Value<'a> {
    Value::dict([
        ("id", Value::from(info.id.get())),
        ("created", Value::from(info.created.to_rfc3339())),
        ("uri", Value::from(info.uri)),
        ("match", Value::from(info.policy.name())),
        ("invoke", Value::from(info.invoke.name())),
    ])
}

fn identifier(id: Option<RegistrationId>) -> Value<'static> {
    id.map_or(Value::Null, |id| Value::from(id.get()))
}

impl Arguments<'_> {
    fn registration(self) -> Result<RegistrationId, RequestError<'static>> {
        const NAME: &str = "registration";
        let invalid =
            RequestError::InvalidArgument { argument: NAME, expected: "a registration identifier" };
        let id = self.find(0, NAME).and_then(Value::as_u64);
        id.and_then(|id| RegistrationId::new(id).ok()).ok_or(invalid)
    }
}
