//! What the shell says about one message.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use flowgate_event::{CallOutcome, Step, Timestamp};
use flowgate_wire::{
    Format, MessageType, PublicationId, RegistrationId, RequestId, Serializer, SessionId,
    SubscriptionId,
};

/// The facts about one message, borrowed from whoever handles it.
///
/// Filling one costs no allocation; [`Recorder::record`](crate::Recorder::record) takes from it
/// what the level asks for.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// When the message was decoded (received) or handed to the socket (sent).
    pub at: Timestamp,
    /// Which way it went, seen from the router.
    pub direction: Direction,
    /// Its type.
    pub message: MessageType,
    /// The session that sent or receives it.
    pub who: &'a Arc<Identity>,
    /// Its place in its action; `None` for messages that belong to none.
    pub step: Option<Step<'a>>,
    /// Octets of the serialized message, without framing.
    pub bytes: usize,
    /// Its request.
    pub request: Option<RequestId>,
    /// The registration, subscription or publication that it is about.
    pub object: Option<Object>,
    /// Nanoseconds that it waited: received, for the realm; sent, in the queue of its receiver.
    pub queue_ns: Option<u64>,
    /// Nanoseconds that the router worked on it.
    pub router_ns: Option<u64>,
    /// The error URI that it carries, or with which it was refused.
    pub error: Option<&'a str>,
    /// How the call ended whose last message it is; `None` leaves it to be guessed from the error.
    pub outcome: Option<CallOutcome>,
    /// Why a message that the router meant to send has not been sent; `None` if it has.
    pub undelivered: Option<Undelivered>,
    /// The serialized message, shared and not copied; read at the level of payloads only.
    ///
    /// A handle into a larger buffer keeps all of that buffer, until redaction or truncation
    /// makes a copy or the record is gone.
    pub frame: Option<(Format, &'a Bytes)>,
    /// Whether more is to come: a progressive result, or a call that goes on.
    pub is_progress: bool,
    /// How the payload is encrypted, for payloads that the router does not read.
    pub encryption: Option<Encryption<'a>>,
}

impl<'a> Facts<'a> {
    /// The facts that every message has; the others are to be filled in.
    #[must_use]
    pub const fn new(
        at: Timestamp,
        direction: Direction,
        message: MessageType,
        who: &'a Arc<Identity>,
    ) -> Self {
        Self {
            at,
            direction,
            message,
            who,
            step: None,
            bytes: 0,
            request: None,
            object: None,
            queue_ns: None,
            router_ns: None,
            error: None,
            outcome: None,
            undelivered: None,
            frame: None,
            is_progress: false,
            encryption: None,
        }
    }
}

/// Which way a message went, seen from the router.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From a client to the router.
    Rx,
    /// From the router to a client.
    Tx,
}

impl Direction {
    /// `rx` or `tx`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rx => "rx",
            Self::Tx => "tx",
        }
    }
}

/// Why a message did not reach its receiver.
///
/// A record of what was not sent is how an action ends whose originator has gone: its last message
/// is the reply that there would have been.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Undelivered {
    /// The receiver's session is over.
    ReceiverGone,
    /// The receiver's transport does not take messages of this size.
    TooLarge,
    /// The receiver has not read what was sent to it, and is cut off.
    SlowConsumer,
}

impl Undelivered {
    /// The word in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReceiverGone => "receiver_gone",
            Self::TooLarge => "too_large",
            Self::SlowConsumer => "slow_consumer",
        }
    }
}

/// What a message is about, besides its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Object {
    /// A registration.
    Registration(RegistrationId),
    /// A subscription, and the publication if there is one.
    Subscription(SubscriptionId, Option<PublicationId>),
    /// A publication.
    Publication(PublicationId),
}

/// Who is at the other end of a connection; made once and shared by all records about it.
///
/// Before WELCOME there is neither session nor authid; a new identity is made when there is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// The realm; empty while none is known.
    pub realm: Box<str>,
    /// The session.
    pub session: Option<SessionId>,
    /// Who it is.
    pub authid: Option<Box<str>>,
    /// The role it has.
    pub authrole: Option<Box<str>>,
    /// The transport, such as `websocket`; empty if unknown.
    pub transport: Box<str>,
    /// The serializer.
    pub serializer: Option<Serializer>,
    /// The client's address, for transports that have one.
    pub peer: Option<SocketAddr>,
}

/// How a payload is encrypted: the attributes of payload passthru mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encryption<'a> {
    /// `enc_algo`: the algorithm.
    pub algo: &'a str,
    /// `enc_key`: the name of the key.
    pub key: Option<&'a str>,
    /// `enc_serializer`: the format below the encryption.
    pub serializer: Option<&'a str>,
}
