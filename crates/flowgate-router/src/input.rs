//! What happens to a realm: its inputs.

use flowgate_event::{Answer, LeaveReason, Report, Step};
use flowgate_wire::{Message, MessageType, Payload, RequestId, Value};

use crate::{AskId, ServeId, SessionKey};

/// One thing that happened; a realm handles them one at a time.
#[derive(Debug, Clone)]
pub enum Input<'a> {
    /// A connection has finished its handshake.
    ///
    /// The realm answers with WELCOME, or with ABORT and [`Close`](crate::Action::Close) if it has
    /// no such role; either way the session exists until its [`Leave`](Self::Leave).
    Join(Join),
    /// A session has sent a message.
    Message {
        /// The sender.
        session: SessionKey,
        /// The message.
        message: &'a Message<'a>,
    },
    /// A session has sent something that is no valid message.
    Violation {
        /// The sender.
        session: SessionKey,
        /// What is wrong with it, for the ABORT.
        what: &'a str,
    },
    /// A message that the realm sent was larger than its receiver's transport takes, and has been
    /// dropped by the shell.
    Undeliverable {
        /// The receiver.
        session: SessionKey,
        /// The type of the message.
        message: MessageType,
        /// What a call loses with it.
        lost: Option<Lost>,
        /// Its place in its action, if it is traced.
        step: Option<Step<'a>>,
    },
    /// An authorizer has answered an [`Ask`](crate::Action::Ask).
    ///
    /// An answer that comes too late, or for a session that has gone, does nothing.
    Answer {
        /// The session whose request waits.
        session: SessionKey,
        /// The question.
        ask: AskId,
        /// What has come of it.
        answer: Answer,
    },
    /// The shell has served a call that it was [given](crate::Action::Serve).
    ///
    /// An answer to a call that is over does nothing.
    Served {
        /// The call.
        call: ServeId,
        /// What its caller gets.
        reply: Reply<'a>,
    },
    /// The router itself publishes an event.
    Publish(Announcement<'a>),
    /// A metering window of a session has closed.
    Stats {
        /// The session.
        session: SessionKey,
        /// The window.
        report: Report,
    },
    /// A session is over: its connection is gone, or its closing handshake is finished.
    ///
    /// Comes exactly once for every [`Join`](Self::Join), as the last input that names its key.
    Leave {
        /// The session.
        session: SessionKey,
        /// How it ended.
        reason: LeaveReason,
        /// The last metering window, if the realm is to publish one.
        report: Option<Report>,
    },
    /// The moment that [`Realm::next_deadline`](crate::Realm::next_deadline) gave has come.
    ///
    /// Given early, it does nothing.
    Tick,
    /// The router shuts down: every session is sent GOODBYE, those last who watch sessions end.
    ///
    /// Given again, it closes the connections of those who have been told and have not answered.
    Shutdown,
}

/// What a call loses with a message that its receiver's transport does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// INVOCATION, or one part of it, by its own request.
    Invocation(RequestId),
    /// A RESULT that is not the last, by the request of its CALL.
    Progress(RequestId),
    /// RESULT or ERROR, the final reply, by the request of its CALL.
    Reply(RequestId),
}

impl Lost {
    /// What a call loses with a message, if anything.
    #[must_use]
    pub fn of(message: &Message<'_>) -> Option<Self> {
        if let Message::Invocation(invocation) = message {
            Some(Self::Invocation(invocation.request))
        } else if let Message::Result(result) = message {
            let is_last = result.details.get("progress") != Some(Value::Bool(true));
            let lost = if is_last { Self::Reply } else { Self::Progress };
            Some(lost(result.request))
        } else if let Message::Error(error) = message {
            let is_reply = error.request_type == MessageType::Call;
            is_reply.then_some(Self::Reply(error.request))
        } else {
            None
        }
    }
}

/// The final reply to a call that the shell serves.
#[derive(Debug, Clone)]
pub enum Reply<'a> {
    /// RESULT.
    Result(Payload<'a>),
    /// ERROR.
    Error {
        /// The error, a valid URI.
        error: &'a str,
        /// What there is to say about it.
        payload: Payload<'a>,
    },
}

/// An event of the router itself.
#[derive(Debug, Clone)]
pub struct Announcement<'a> {
    /// The topic, which is not checked: it should be one that clients cannot publish to.
    pub topic: &'a str,
    /// What EVENT carries.
    pub payload: Payload<'a>,
    /// The only roles whose sessions get it; `None` for all.
    pub eligible_authroles: Option<&'a [String]>,
    /// Roles whose sessions do not get it.
    pub exclude_authroles: Option<&'a [String]>,
}

/// A session that wants to join, with what the handshake has found out about it.
#[derive(Debug, Clone)]
pub struct Join {
    /// The place that the shell has chosen.
    pub session: SessionKey,
    /// Who the session is; `None` for a name drawn at random.
    pub authid: Option<String>,
    /// The role that the session asks for by way of its authentication.
    pub authrole: String,
    /// How it proved who it is.
    pub authmethod: &'static str,
    /// Who checked that.
    pub authprovider: &'static str,
    /// What the client announced.
    pub features: ClientFeatures,
    /// What the session's messages are serialized with: `json`, `msgpack` or `cbor`, followed by
    /// `.batched` where they are.
    pub serializer: &'static str,
    /// What there is to know about the transport, for the session meta API.
    pub transport: Value<'static>,
}

/// The announced features of a client that the router acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClientFeatures {
    /// The callee can be interrupted (`callee.call_canceling`).
    pub callee_call_canceling: bool,
    /// The callee yields progressive results (`callee.progressive_call_results`).
    pub callee_progressive_call_results: bool,
    /// The callee takes calls in parts (`callee.progressive_call_invocations`).
    pub callee_progressive_call_invocations: bool,
    /// The callee can stop by itself when time is over (`callee.call_timeout`).
    pub callee_call_timeout: bool,
    /// The callee may leave a call to others (`callee.call_reroute`).
    pub callee_call_reroute: bool,
    /// The callee understands that a registration is revoked (`callee.registration_revocation`).
    pub callee_registration_revocation: bool,
    /// The callee takes payloads that are not to be looked into (`callee.payload_passthru_mode`).
    pub callee_payload_passthru_mode: bool,
    /// The caller makes calls in parts (`caller.progressive_call_invocations`).
    pub caller_progressive_call_invocations: bool,
    /// The caller takes payloads that are not to be looked into (`caller.payload_passthru_mode`).
    pub caller_payload_passthru_mode: bool,
    /// The publisher marks payloads that are not to be looked into
    /// (`publisher.payload_passthru_mode`).
    pub publisher_payload_passthru_mode: bool,
    /// The subscriber understands that a subscription is revoked
    /// (`subscriber.subscription_revocation`).
    pub subscriber_subscription_revocation: bool,
}
