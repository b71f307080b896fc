//! Testaments: what is published for a session when it has ended.
//!
//! Source: advanced profile, "Session Testament"; docs/decisions/0030 says which end counts.

use flowgate_event::{GateAction, Observer};
use flowgate_wire::{Dict, MatchPolicy, Message, Payload, Publish, RequestId, Uri};

use super::{Answer, Arguments, Results};
use crate::{
    SessionKey,
    options::PublishOptions,
    realm::State,
    request_error::RequestError,
    session::Session,
    stored_message::StoredMessage,
    testaments::{Scope, Testament},
    turn::Turn,
};

/// A procedure of the testament meta API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Procedure {
    Add,
    Flush,
}

impl Procedure {
    pub(super) fn from_uri(uri: &str) -> Option<Self> {
        match uri {
            "wamp.session.add_testament" => Some(Self::Add),
            "wamp.session.flush_testaments" => Some(Self::Flush),
            _ => None,
        }
    }
}

impl State {
    pub(super) fn call_testament<'v, O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        procedure: Procedure,
        arguments: Arguments<'v>,
    ) -> Answer<'v> {
        match procedure {
            Procedure::Add => self.add_testament(turn, from, arguments)?,
            Procedure::Flush => {
                let scope = Scope::from_name(arguments.text(0, "scope")?)?;
                if let Some(session) = self.sessions.open_mut(from) {
                    session.testaments.flush(scope);
                }
            }
        }
        Ok(Results::default())
    }

    /// What could not be published is refused now, and not when nobody is there to be told.
    fn add_testament<'v, O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        arguments: Arguments<'v>,
    ) -> Result<(), RequestError<'v>> {
        let topic = arguments.required_text(0, "topic")?;
        let args = arguments.list(1, "args")?;
        let kwargs = arguments.dict(2, "kwargs")?;
        let options = Dict::from_entries(arguments.dict(3, "publish_options")?);
        let scope = Scope::from_name(arguments.text(4, "scope")?)?;
        let publish = PublishOptions::parse(&options, &mut self.contexts)?;
        if publish.passthru().is_some() && !self.announces_passthru(from) {
            return Err(RequestError::PassthruNotAnnounced);
        }
        if self.check_uri(&Uri::from(topic), MatchPolicy::Exact).is_err() {
            return Err(RequestError::InvalidUriArgument("topic"));
        }
        if self.is_of_router(topic) {
            return Err(RequestError::ReservedUri(topic));
        }
        let admitted = self.admit(turn, from, GateAction::Publish, topic, MatchPolicy::Exact)?;
        if !publish.disclose_me.is_allowed(admitted) {
            return Err(RequestError::DiscloseMeDisallowed(topic));
        }
        let message = Message::Publish(Publish {
            request: RequestId::MIN,
            options,
            topic: Uri::from(topic),
            payload: Payload::from_values(args, kwargs),
        });
        let message = StoredMessage::new(&message);
        let Some(session) = self.sessions.open_mut(from) else { return Ok(()) };
        session.testaments.add(Testament { scope, message, admitted })
    }

    /// Publishes the testaments of a session that has left.
    pub(crate) fn publish_testaments<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        session: &Session,
    ) {
        for testament in session.testaments.in_order() {
            if let Some(Message::Publish(message)) = testament.message.message() {
                self.publish_testament(turn, session, &message, testament.admitted);
            }
        }
    }
}
