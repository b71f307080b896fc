//! What a trace holds: records of messages and of actions.

mod shape;

use std::sync::Arc;

use flowgate_event::{CallOutcome, Correlation, Position, SpanId, Timestamp, TraceId};
use flowgate_wire::{MessageType, RequestId, SessionId, SubscriptionId};

use crate::facts::{Direction, Encryption, Identity, Object, Undelivered};
use crate::frame::Frame;

/// One record of a trace.
///
/// Serialized it is a dictionary in the shape that Crossbar.io's tracing has, with more keys:
/// see [`MessageRecord`] and [`ActionRecord`].
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum Record {
    /// A message.
    Message(MessageRecord),
    /// A whole action.
    Action(ActionRecord),
}

/// One message that the router received or sent.
///
/// Serialized: `seq`, `pc`, `ts` (nanoseconds), `direction`, `msg_type`, `realm`, `session_id`,
/// `authid`, `authrole`, `correlation`, `uri` and the same again as `correlation_uri`,
/// `correlation_is_anchor`, `correlation_is_last`, `enc_algo`, `enc_key`, `enc_serializer` and
/// `serializations` are always there.
/// Where they apply there are `transport`, `serializer`, `peer`, `bytes`, `request`,
/// `registration`, `subscription`, `publication`, `progress`, `queue_ns`, `router_ns`, `error`,
/// `drop_reason` (why it has not been sent), `truncated` (octets before truncation), `gap` (how many records are missing before this one), `trace_id`,
/// `span_id`, `parent_span_id` and `msg`, the message as a list.
///
/// Source: "Trace Records" of Crossbar.io Fabric's documentation.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageRecord {
    /// Its number in its trace, counted from 0 without gaps; 0 before it is in one.
    pub seq: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// Nanoseconds since the process started.
    pub pc_ns: u64,
    /// Which way it went.
    pub direction: Direction,
    /// Its type.
    pub message: MessageType,
    /// Who sent or received it.
    pub who: Arc<Identity>,
    /// Its place in its action.
    pub step: Option<RecordedStep>,
    /// Octets of the serialized message.
    pub bytes: u64,
    /// Its request.
    pub request: Option<RequestId>,
    /// What it is about.
    pub object: Option<Object>,
    /// Nanoseconds that it waited.
    pub queue_ns: Option<u64>,
    /// Nanoseconds that the router worked on it.
    pub router_ns: Option<u64>,
    /// Whether more is to come: a progressive result, or a call that goes on.
    pub is_progress: bool,
    /// Its error URI, or the one with which it was refused.
    pub error: Option<Arc<str>>,
    /// How the call ended whose last message it is; for its action, and not serialized here.
    pub outcome: Option<CallOutcome>,
    /// Why it has not been sent, if it has not.
    pub undelivered: Option<Undelivered>,
    /// The message itself, if the trace wants payloads.
    pub frame: Option<Frame>,
    /// Octets of the message before its payload was cut.
    pub truncated_bytes: Option<u64>,
    /// How many records are missing right before this one.
    pub gap: u64,
    /// The client's distributed trace; without one the action is a trace of its own.
    pub foreign_trace: Option<TraceId>,
    /// The client's span, on the first message of an action.
    pub foreign_parent: Option<SpanId>,
    /// How the payload is encrypted.
    pub encryption: Option<Arc<RecordedEncryption>>,
}

/// A message's place in its action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedStep {
    /// The action.
    pub correlation: Correlation,
    /// Its URI.
    pub uri: Option<Arc<str>>,
    /// Whether the message begins or ends it.
    pub position: Position,
}

/// How a payload is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEncryption {
    /// The algorithm.
    pub algo: Box<str>,
    /// The name of the key.
    pub key: Option<Box<str>>,
    /// The format below the encryption.
    pub serializer: Option<Box<str>>,
}

/// The spans that a message belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spans {
    /// The distributed trace.
    pub trace: TraceId,
    /// The message's span.
    pub span: SpanId,
    /// The span around it: the action's, or the client's around that.
    pub parent: Option<SpanId>,
}

/// One whole action: a call, a publication, a subscription and so on.
///
/// Serialized: `seq`, `pc`, `ts`, `realm`, `action`, `correlation_id`, `correlation_uri`,
/// `originator` (session), `responders` (each with `session_id`, `authid`, `authrole`, `enc_algo`,
/// `enc_key`, `enc_serializer`, and `request`, `start_ts`, `end_ts`, `error` of ours) and `success`
/// as in Crossbar.io, and besides `authid` and `authrole` of the originator, `end_ts`,
/// `duration_ns`, `callee_ns`, `router_ns`, `fanout`, `outcome`, `error`, `messages`, `gap`,
/// `trace_id`, `span_id` and `parent_span_id`.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionRecord {
    /// Its number in its trace; actions are numbered in the order in which they end.
    pub seq: u64,
    /// When its first message was recorded.
    pub at: Timestamp,
    /// Nanoseconds from the start of the process to its first message.
    pub pc_ns: u64,
    /// The type of its first message.
    pub action: MessageType,
    /// The action.
    pub correlation: Correlation,
    /// The procedure or topic.
    pub uri: Option<Arc<str>>,
    /// Who began it.
    pub originator: Arc<Identity>,
    /// The request that began it.
    pub request: Option<RequestId>,
    /// Callees and subscribers, in the order in which they were told; at most
    /// [`RESPONDERS_COUNT_MAX`], `fanout` counts them all.
    pub responders: Vec<Responder>,
    /// How many invocations and events were sent.
    pub fanout: u64,
    /// When it ended.
    pub end: Timestamp,
    /// Nanoseconds during which at least one callee had it.
    pub callee_ns: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// The error URI that its originator got.
    pub error: Option<Arc<str>>,
    /// How many messages were recorded of it.
    pub message_count: u64,
    /// How many records are missing before this one.
    pub gap: u64,
    /// The client's distributed trace.
    pub foreign_trace: Option<TraceId>,
    /// The client's span.
    pub foreign_parent: Option<SpanId>,
}

/// Most responders that an action record lists.
pub const RESPONDERS_COUNT_MAX: usize = 32;

/// A callee or subscriber of an action.
#[derive(Debug, Clone, PartialEq)]
pub struct Responder {
    /// Who it is.
    pub who: Arc<Identity>,
    /// The invocation.
    pub request: Option<RequestId>,
    /// The subscription.
    pub subscription: Option<SubscriptionId>,
    /// When it was told.
    pub start: Timestamp,
    /// When it had answered; for events, when it was told.
    pub end: Option<Timestamp>,
    /// The error that it answered with.
    pub error: Option<Arc<str>>,
    /// How its payload is encrypted.
    pub encryption: Option<Arc<RecordedEncryption>>,
}

/// How an action ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Well.
    Ok,
    /// With an error that is none of those below.
    Error,
    /// Its originator canceled it.
    Canceled,
    /// It took longer than it was allowed to.
    Timeout,
    /// No procedure or callee was there.
    NoCallee,
    /// The originator may not do that.
    Denied,
    /// The callee went away.
    CalleeGone,
    /// The originator went away.
    CallerGone,
    /// The router shut down before.
    Shutdown,
    /// Not yet: the recorder has waited for its end for as long as it is told to.
    Expired,
    /// Not yet: the recorder had too many open actions to follow.
    Evicted,
    /// Not yet: the trace stopped before.
    Unfinished,
}

impl Outcome {
    /// The word in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Canceled => "canceled",
            Self::Timeout => "timeout",
            Self::NoCallee => "no_callee",
            Self::Denied => "denied",
            Self::CalleeGone => "callee_gone",
            Self::CallerGone => "caller_gone",
            Self::Shutdown => "shutdown",
            Self::Expired => "expired",
            Self::Evicted => "evicted",
            Self::Unfinished => "unfinished",
        }
    }

    /// Whether the end of the action was recorded.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Expired | Self::Evicted | Self::Unfinished)
    }
}

impl Record {
    /// Its number in its trace.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        match self {
            Self::Message(message) => message.seq,
            Self::Action(action) => action.seq,
        }
    }

    /// When it was recorded: a message then, an action when it ended.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Message(message) => message.at,
            Self::Action(action) => action.end,
        }
    }

    /// The action that it is or belongs to.
    #[must_use]
    pub fn correlation(&self) -> Option<Correlation> {
        match self {
            Self::Message(message) => message.correlation(),
            Self::Action(action) => Some(action.correlation),
        }
    }

    /// How many records are missing right before this one.
    #[must_use]
    pub const fn gap(&self) -> u64 {
        match self {
            Self::Message(message) => message.gap,
            Self::Action(action) => action.gap,
        }
    }

    /// The realm that it belongs to; empty for what is said before a session has one.
    #[must_use]
    pub fn realm(&self) -> &str {
        match self {
            Self::Message(message) => &message.who.realm,
            Self::Action(action) => &action.originator.realm,
        }
    }

    /// Takes the message itself out of it, for readers who may not see payload.
    pub fn drop_payload(&mut self) {
        match self {
            Self::Message(message) => {
                message.frame = None;
                message.truncated_bytes = None;
            }
            Self::Action(_) => {}
        }
    }

    /// About how many octets of memory it takes.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let of_kind = match self {
            Self::Message(message) => message.frame.as_ref().map_or(0, |frame| frame.bytes.len()),
            Self::Action(action) => action.responders.len() * size_of::<Responder>(),
        };
        (size_of::<Self>() + of_kind) as u64
    }
}

impl MessageRecord {
    /// The action that it belongs to.
    #[must_use]
    pub fn correlation(&self) -> Option<Correlation> {
        self.step.as_ref().map(|step| step.correlation)
    }

    /// The URI of its action.
    #[must_use]
    pub fn uri(&self) -> Option<&str> {
        self.step.as_ref()?.uri.as_deref()
    }

    /// The session that sent or received it.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        self.who.session
    }

    /// The spans that it belongs to, if it belongs to an action.
    ///
    /// What goes between router and originator is the span of the action; what goes between router
    /// and callee or subscriber is a span within.
    #[must_use]
    pub fn spans(&self) -> Option<Spans> {
        let step = self.step.as_ref()?;
        let correlation = step.correlation;
        let trace = self.foreign_trace.unwrap_or(TraceId::from(correlation));
        let action = SpanId::of_action(correlation);
        let receiver = self.who.session.map_or(0, SessionId::get);
        let within = |number: u64| Spans {
            trace,
            span: SpanId::of_delivery(correlation, receiver, number),
            parent: Some(action),
        };
        Some(match (self.side(), self.object, self.request) {
            (Side::Responder, Some(Object::Subscription(subscription, _)), _) => {
                within(subscription.get())
            }
            (Side::Responder, _, request) => within(request.map_or(0, RequestId::get)),
            (Side::Originator, ..) => Spans { trace, span: action, parent: self.foreign_parent },
        })
    }

    /// Which side of its action it was exchanged with.
    pub(crate) const fn side(&self) -> Side {
        match self.message {
            MessageType::Invocation
            | MessageType::Interrupt
            | MessageType::Yield
            | MessageType::Event
            | MessageType::EventReceived => Side::Responder,
            // Clients send ERROR for invocations only, and the router for requests only.
            MessageType::Error => match self.direction {
                Direction::Rx => Side::Responder,
                Direction::Tx => Side::Originator,
            },
            MessageType::Hello
            | MessageType::Welcome
            | MessageType::Abort
            | MessageType::Challenge
            | MessageType::Authenticate
            | MessageType::Goodbye
            | MessageType::Publish
            | MessageType::Published
            | MessageType::Subscribe
            | MessageType::Subscribed
            | MessageType::Unsubscribe
            | MessageType::Unsubscribed
            | MessageType::Call
            | MessageType::Cancel
            | MessageType::Result
            | MessageType::Register
            | MessageType::Registered
            | MessageType::Unregister
            | MessageType::Unregistered => Side::Originator,
        }
    }
}

/// The sides of an action, besides the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Who began it.
    Originator,
    /// A callee or subscriber.
    Responder,
}

impl ActionRecord {
    /// Nanoseconds from its first message to its end.
    #[must_use]
    pub const fn duration_ns(&self) -> u64 {
        self.end.as_nanos().saturating_sub(self.at.as_nanos())
    }

    /// The part of the duration during which no callee had it.
    #[must_use]
    pub const fn router_ns(&self) -> u64 {
        self.duration_ns().saturating_sub(self.callee_ns)
    }

    /// The spans of the action as a whole.
    #[must_use]
    pub fn spans(&self) -> Spans {
        Spans {
            trace: self.foreign_trace.unwrap_or(TraceId::from(self.correlation)),
            span: SpanId::of_action(self.correlation),
            parent: self.foreign_parent,
        }
    }
}

impl Responder {
    /// The span of what it was told and answered.
    #[must_use]
    pub fn span(&self, correlation: Correlation) -> SpanId {
        let number = match (self.subscription, self.request) {
            (Some(subscription), _) => subscription.get(),
            (None, request) => request.map_or(0, RequestId::get),
        };
        SpanId::of_delivery(correlation, self.who.session.map_or(0, SessionId::get), number)
    }
}

impl From<Encryption<'_>> for RecordedEncryption {
    fn from(encryption: Encryption<'_>) -> Self {
        Self {
            algo: encryption.algo.into(),
            key: encryption.key.map(Into::into),
            serializer: encryption.serializer.map(Into::into),
        }
    }
}

/// The name of a message type in records, such as `EventReceived`: that of Crossbar.io's classes.
#[must_use]
pub const fn type_name(message: MessageType) -> &'static str {
    match message {
        MessageType::Hello => "Hello",
        MessageType::Welcome => "Welcome",
        MessageType::Abort => "Abort",
        MessageType::Challenge => "Challenge",
        MessageType::Authenticate => "Authenticate",
        MessageType::Goodbye => "Goodbye",
        MessageType::Error => "Error",
        MessageType::Publish => "Publish",
        MessageType::Published => "Published",
        MessageType::Subscribe => "Subscribe",
        MessageType::Subscribed => "Subscribed",
        MessageType::Unsubscribe => "Unsubscribe",
        MessageType::Unsubscribed => "Unsubscribed",
        MessageType::Event => "Event",
        MessageType::Call => "Call",
        MessageType::Cancel => "Cancel",
        MessageType::Result => "Result",
        MessageType::Register => "Register",
        MessageType::Registered => "Registered",
        MessageType::Unregister => "Unregister",
        MessageType::Unregistered => "Unregistered",
        MessageType::Invocation => "Invocation",
        MessageType::Interrupt => "Interrupt",
        MessageType::Yield => "Yield",
        MessageType::EventReceived => "EventReceived",
    }
}

/// The message type with this [name](type_name), or with the specification's, such as
/// `EVENT_RECEIVED`.
#[must_use]
pub fn type_from_name(name: &str) -> Option<MessageType> {
    MessageType::ALL
        .iter()
        .copied()
        .find(|&message| type_name(message) == name || message.name() == name)
}

#[cfg(test)]
pub(crate) mod tests;
