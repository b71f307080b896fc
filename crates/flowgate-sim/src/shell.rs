//! What stands in for the shell: connections, and the outbox that encodes for them.

use std::collections::VecDeque;

use flowgate_event::{GateAction, GateRequest};
use flowgate_router::{Action, AskId, Close, Outbox, ServeId, SessionKey};
use flowgate_wire::{Format, Limits, Message, MessageType, RequestId};

use crate::{
    client::Client,
    said::{self, Said},
};

/// A connection with the client at its other end.
pub(crate) struct Connection {
    pub(crate) client: Client,
    /// On the way to the router; `None` is something that is no message.
    pub(crate) inbound: VecDeque<Option<Vec<u8>>>,
    /// On the way to the client.
    pub(crate) outbound: VecDeque<Vec<u8>>,
    /// The realm has asked to close the session.
    pub(crate) closing: Option<Close>,
}

/// One action for one session.
pub(crate) struct Sent {
    pub(crate) to: SessionKey,
    pub(crate) what: What,
}

pub(crate) enum What {
    Message {
        bytes: Vec<u8>,
        /// The receiver's transport does not take it.
        is_too_large: bool,
    },
    Close(Close),
    Ask {
        ask: AskId,
        action: GateAction,
        uri: String,
    },
    Serve {
        call: ServeId,
        procedure: String,
        payload: String,
    },
}

/// Encodes the realm's messages for each receiver.
pub(crate) struct Encoder<'w> {
    pub(crate) seats: &'w [Option<Connection>],
    pub(crate) sent: Vec<Sent>,
    pub(crate) fault: Option<String>,
}

impl Connection {
    pub(crate) fn new(client: Client) -> Self {
        let (inbound, outbound) = (VecDeque::new(), VecDeque::new());
        Self { client, inbound, outbound, closing: None }
    }

    pub(crate) fn send(&mut self, message: &Message<'_>) {
        self.inbound.push_back(Some(encode(self.client.format, message)));
    }
}

impl Outbox for Encoder<'_> {
    fn push(&mut self, action: Action<'_>) {
        match action {
            Action::Send { to, message } => self.encode(to, &message),
            Action::FanOut { to, message, .. } => {
                let mut receivers = to.to_vec();
                receivers.sort_unstable();
                receivers.dedup();
                if receivers.is_empty() || receivers.len() != to.len() {
                    self.fault = Some(format!("fan-out to {to:?}"));
                }
                for receiver in to {
                    self.encode(*receiver, &message);
                }
            }
            Action::Ask { session, ask, request } => {
                let GateRequest { action, uri, .. } = request;
                let what = What::Ask { ask, action, uri: uri.to_owned() };
                self.sent.push(Sent { to: session, what });
            }
            Action::Serve { session, call, request } => {
                let (procedure, payload) =
                    (request.procedure.to_owned(), said::payload(request.payload));
                self.sent
                    .push(Sent { to: session, what: What::Serve { call, procedure, payload } });
            }
            Action::Close { session, how } => {
                self.sent.push(Sent { to: session, what: What::Close(how) });
            }
        }
    }
}

impl Encoder<'_> {
    fn encode(&mut self, to: SessionKey, message: &Message<'_>) {
        let seat = self.seats.get(to.0 as usize).and_then(Option::as_ref);
        let Some(Connection { client, .. }) = seat else {
            self.fault =
                Some(format!("{} to {to:?}, where nobody is", message.message_type().name()));
            return;
        };
        let bytes = encode(client.format, message);
        let is_too_large = bytes.len() > client.limit_bytes;
        self.sent.push(Sent { to, what: What::Message { bytes, is_too_large } });
    }
}

impl Sent {
    /// What was said, as the receiver understands it.
    pub(crate) fn said(&self, format: Format) -> Result<Said, String> {
        match &self.what {
            What::Message { bytes, .. } => Ok(Said::message(&decode(format, bytes)?)),
            What::Close(how) => Ok(Said::close(*how)),
            What::Ask { action, uri, .. } => Ok(Said::Ask { action: *action, uri: uri.clone() }),
            What::Serve { procedure, payload, .. } => {
                Ok(Said::Serve { procedure: procedure.clone(), payload: payload.clone() })
            }
        }
    }
}

pub(crate) fn encode(format: Format, message: &Message<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(format, &mut bytes);
    bytes
}

pub(crate) fn decode(format: Format, bytes: &[u8]) -> Result<Message<'_>, String> {
    Message::decode(format, bytes, &Limits::default())
        .map_err(|error| format!("undecodable {} {bytes:02x?}: {error}", format.name()))
}

/// What the realm is told of a dropped message: the request, where a call depends on it.
pub(crate) fn dropped(message: &Message<'_>) -> (MessageType, Option<RequestId>) {
    let request = match message {
        Message::Invocation(invocation) => Some(invocation.request),
        Message::Result(result) => Some(result.request),
        Message::Error(error) if error.request_type == MessageType::Call => Some(error.request),
        _ => None,
    };
    (message.message_type(), request)
}
