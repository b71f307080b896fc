//! What can go wrong, from the socket up to the session.

use std::{io, sync::Arc};

use flowgate_wire::{
    DecodeError, Entry, Format, MessageType, RequestId, Uri,
    batch::BatchError,
    rawsocket::{FrameError, ReplyError},
};
use tokio_tungstenite::tungstenite;

use crate::{Arguments, InvalidTarget};

/// Why a connection could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL is not a [`Target`](crate::Target); the caller's fault.
    #[error("invalid target")]
    Target(#[from] InvalidTarget),
    /// None of the options' serializers can be spoken on this transport; the caller's fault.
    /// RawSocket has no batched serializers.
    #[error("no serializer to offer on this transport")]
    NoSerializer,
    /// TLS is asked for, but the crate was built without its feature `tls`, or
    /// [`ConnectOptions`](crate::ConnectOptions) has no configuration for it; the caller's fault.
    #[error("tls is not configured")]
    TlsNotConfigured,
    /// The host is not a name that a certificate can be for; the caller's fault.
    #[error("host is not a valid name for tls")]
    TlsName,
    /// Connecting, or TLS, failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The handshake took longer than the options allow.
    #[error("timed out")]
    Timeout,
    /// The router did not accept the RawSocket handshake.
    #[error("rawsocket handshake failed")]
    RawSocket(#[from] ReplyError),
    /// The router answered the WebSocket handshake with another HTTP status than 101.
    #[error("websocket handshake answered with http status {status}")]
    HttpStatus {
        /// The status code.
        status: u16,
    },
    /// The WebSocket handshake failed otherwise; also when the router picks no subprotocol, or
    /// one that was not offered.
    #[error("websocket handshake failed")]
    WebSocket(#[source] Box<tungstenite::Error>),
}

/// Why a connection ended; nothing can be received after it.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The router closed the connection between two messages.
    #[error("closed by the router with code {code:?} {reason:?}")]
    Closed {
        /// The WebSocket close code; `None` if there was no close frame, or none in it, and on
        /// RawSocket.
        code: Option<u16>,
        /// The reason in the close frame.
        reason: String,
    },
    /// Reading or writing failed, or the connection ended within a message.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The router broke the rules of WebSocket, or exceeded our limits.
    #[error("websocket failed")]
    WebSocket(#[source] Box<tungstenite::Error>),
    /// The router sent text in a binary format, or binary in JSON.
    #[error("wrong kind of websocket message for {}", format.name())]
    WrongWebSocketMessage {
        /// The negotiated format.
        format: Format,
    },
    /// The router broke the rules of RawSocket, or exceeded our limit.
    #[error("bad rawsocket frame")]
    Frame(#[from] FrameError),
    /// The router sent a bad batch.
    #[error("bad batch")]
    Batch(#[from] BatchError),
}

/// Why a message cannot be sent; the connection goes on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FeedError {
    /// The message is longer than the router takes.
    #[error(transparent)]
    TooLong(#[from] FrameError),
    /// The message does not fit into a batch.
    #[error(transparent)]
    Batch(#[from] BatchError),
}

/// Why a request of a session failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClientError {
    /// The router refused to open the session (ABORT).
    #[error("session refused: {reason}")]
    Refused {
        /// Why.
        reason: Uri<'static>,
        /// Usually a `message`.
        details: Vec<Entry<'static>>,
    },
    /// The router asks for authentication, and [`JoinOptions`](crate::JoinOptions) has no answer.
    #[error("authentication by {method:?} required")]
    AuthenticationRequired {
        /// The method.
        method: String,
    },
    /// The router or the callee answered with ERROR.
    #[error("request failed: {error}")]
    Error {
        /// What failed.
        error: Uri<'static>,
        /// Additional details.
        details: Vec<Entry<'static>>,
        /// More about what failed.
        arguments: Arguments,
    },
    /// The request could not be sent; the session goes on.
    #[error("request not sent")]
    NotSent(#[from] FeedError),
    /// The session has ended, before the request or before its answer.
    #[error("session has ended")]
    Closed(#[from] Closed),
}

/// Why a session ended.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Closed {
    /// This side left ([`Session::leave`](crate::Session::leave), or all handles were dropped), and
    /// the router confirmed.
    #[error("left")]
    Left,
    /// This side left, and the router did not confirm in time.
    #[error("left without confirmation")]
    Unconfirmed,
    /// The router said GOODBYE.
    #[error("router said goodbye: {reason}")]
    Goodbye {
        /// Why.
        reason: Uri<'static>,
        /// Usually a `message`.
        details: Vec<Entry<'static>>,
    },
    /// The router sent ABORT.
    #[error("router aborted: {reason}")]
    Aborted {
        /// Why.
        reason: Uri<'static>,
        /// Usually a `message`.
        details: Vec<Entry<'static>>,
    },
    /// The router broke the protocol; this side sent ABORT.
    #[error("router broke the protocol")]
    Violation(#[from] Violation),
    /// The connection ended.
    #[error("connection ended")]
    Connection(#[source] Arc<ConnectionError>),
}

/// How a router broke the protocol.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Violation {
    /// A message that cannot be decoded.
    #[error("message cannot be decoded")]
    Malformed(#[from] DecodeError),
    /// A message that a router never sends, or not in this state.
    #[error("unexpected {}", .0.name())]
    Unexpected(MessageType),
    /// An answer to a request that was not made, or was answered already.
    #[error("{} answers unknown request {request}", message.name())]
    UnknownRequest {
        /// The answer.
        message: MessageType,
        /// The request that it names.
        request: RequestId,
    },
}

impl From<ConnectionError> for Closed {
    fn from(error: ConnectionError) -> Self {
        Self::Connection(Arc::new(error))
    }
}

impl From<ConnectionError> for ClientError {
    fn from(error: ConnectionError) -> Self {
        Self::Closed(error.into())
    }
}

impl From<Violation> for ClientError {
    fn from(violation: Violation) -> Self {
        Self::Closed(violation.into())
    }
}
