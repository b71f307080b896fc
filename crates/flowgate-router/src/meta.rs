//! The meta API: procedures that the router answers, and events that it publishes.
//!
//! One module for each part; here is what they share.
//! Source: advanced profile, "Meta API".

mod arguments;
mod session;
mod testament;

use flowgate_event::Observer;
use flowgate_wire::{Call, Dict, MessageType, Payload, Result as ResultMessage, Value};

use crate::{
    MetaApi, SessionKey, Traffic, broker::Publication, realm::State, request_error::RequestError,
    turn::Turn,
};
use arguments::Arguments;

pub(crate) use session::ENDINGS;

/// What a procedure of the router gives back: one result, or none.
type Answer<'v> = Result<Option<Value<'static>>, RequestError<'v>>;

/// A procedure of the meta API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Procedure {
    Session(session::Procedure),
    Testament(testament::Procedure),
}

impl Procedure {
    fn from_uri(uri: &str) -> Option<Self> {
        session::Procedure::from_uri(uri)
            .map(Self::Session)
            .or_else(|| testament::Procedure::from_uri(uri).map(Self::Testament))
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
            Procedure::Session(procedure) => self.call_session(turn, from, procedure, arguments),
            Procedure::Testament(procedure) => {
                self.call_testament(turn, from, procedure, arguments)
            }
        };
        let request = message.request;
        match answer {
            Ok(result) => {
                let payload = Payload::from_values(result.as_slice(), &[]);
                turn.send(from, ResultMessage { request, details: Dict::EMPTY, payload });
            }
            // Here and not by the caller, since it may speak of the arguments, which end here.
            Err(error) => turn.refuse(from, MessageType::Call, request, &error),
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
        let publication = Publication {
            topic,
            id: self.ids.publication(),
            publisher: None,
            exclude: None,
            payload: Payload::from_values(args, &[]),
            traffic,
        };
        self.broker.publish(turn.out, &publication);
    }
}
