//! What stands in for the shell: connections, and the outbox that encodes for them.

use std::collections::VecDeque;

use flowgate_event::{CallOutcome, Correlation, GateAction, GateRequest, Step};
use flowgate_router::{Action, AskId, Close, Outbox, Received, ServeId, SessionKey, Unsent};
use flowgate_wire::{Format, Limits, Message};

use crate::{
    actions::{Actions, OwnedStep},
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
    /// More than its client reads was to be queued: nothing comes or goes any more, which the realm
    /// learns later.
    pub(crate) is_dead: bool,
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
        /// Its place in its action.
        step: Option<OwnedStep>,
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
    /// If messages are traced.
    pub(crate) actions: Option<&'w mut Actions>,
}

impl Connection {
    pub(crate) fn new(client: Client) -> Self {
        let (inbound, outbound) = (VecDeque::new(), VecDeque::new());
        Self { client, inbound, outbound, closing: None, is_dead: false }
    }

    /// Queues a message for the client; what a client does not read may not grow without bound.
    pub(crate) fn queue(&mut self, bytes: Vec<u8>) {
        self.outbound.push_back(bytes);
        if self.outbound.len() > self.client.queue_limit {
            self.inbound.clear();
            self.outbound.clear();
            self.is_dead = true;
        }
    }

    /// Whether so much waits for the client that no more is taken from it.
    pub(crate) fn is_congested(&self) -> bool {
        self.outbound.len() > self.client.queue_limit / 2
    }

    pub(crate) fn send(&mut self, message: &Message<'_>) {
        self.inbound.push_back(Some(encode(self.client.format, message)));
    }
}

impl Outbox for Encoder<'_> {
    fn push(&mut self, action: Action<'_>) {
        match action {
            Action::Send { to, message } => {
                let step = self.placed(message);
                self.encode(to, message, step.as_ref());
            }
            Action::FanOut { to, message, .. } => {
                let mut receivers = to.to_vec();
                receivers.sort_unstable();
                receivers.dedup();
                if receivers.is_empty() || receivers.len() != to.len() {
                    self.fault = Some(format!("fan-out to {to:?}"));
                }
                let step = self.placed(message);
                for receiver in to {
                    self.encode(*receiver, message, step.as_ref());
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

    fn is_traced(&self) -> bool {
        self.actions.is_some()
    }

    fn place(&mut self, step: Step<'_>) {
        self.trace(|actions| actions.place(step));
    }

    fn received(&mut self, received: Received<'_>) {
        self.trace(|actions| actions.received(&received));
    }

    fn postponed(&mut self) {
        self.trace(Actions::postponed);
    }

    fn unsent(&mut self, unsent: Unsent<'_>) {
        self.trace(|actions| actions.unsent(&unsent));
    }

    fn ended(&mut self, correlation: Correlation, _outcome: Option<CallOutcome>) {
        self.trace(|actions| actions.ended(correlation));
    }
}

impl Encoder<'_> {
    fn trace(&mut self, tell: impl FnOnce(&mut Actions)) {
        match self.actions.as_deref_mut() {
            Some(actions) => tell(actions),
            None => {
                self.fault = Some("an outbox that does not trace is told of actions".to_owned());
            }
        }
    }

    fn placed(&mut self, message: &Message<'_>) -> Option<OwnedStep> {
        self.actions.as_deref_mut()?.sent(message)
    }

    fn encode(&mut self, to: SessionKey, message: &Message<'_>, step: Option<&OwnedStep>) {
        let seat = self.seats.get(to.0 as usize).and_then(Option::as_ref);
        let Some(Connection { client, .. }) = seat else {
            self.fault =
                Some(format!("{} to {to:?}, where nobody is", message.message_type().name()));
            return;
        };
        let bytes = encode(client.format, message);
        let is_too_large = bytes.len() > client.limit_bytes;
        let step = step.cloned();
        self.sent.push(Sent { to, what: What::Message { bytes, is_too_large, step } });
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
