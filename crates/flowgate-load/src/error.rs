//! What ends a run.

use std::io;

use flowgate_wire::{DecodeError, MessageType, rawsocket::ReplyError};

use crate::frame::FrameError;

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The options contradict each other; the operator's fault.
    #[error("{0}")]
    Options(&'static str),
    /// Nobody listens there, or no more connections can be had.
    #[error("cannot connect to {url}: {source}")]
    Connect {
        /// The router.
        url: String,
        /// Why.
        source: io::Error,
    },
    /// A connection broke.
    #[error("connection: {0}")]
    Io(#[from] io::Error),
    /// The router closed a connection in the middle of the run.
    #[error("the router closed connection {connection}")]
    Closed {
        /// Which one, counted from 0 in the order of opening.
        connection: usize,
    },
    /// The router did not accept the WebSocket upgrade.
    #[error("the router answers the upgrade with: {0}")]
    Upgrade(String),
    /// The router did not accept the RawSocket handshake.
    #[error("handshake: {0}")]
    Handshake(#[from] ReplyError),
    /// The router sent no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The router sent no message.
    #[error("undecodable message: {0}")]
    Message(#[from] DecodeError),
    /// The router sent another message than was due.
    #[error("{} where {expected} was due", got.name())]
    Unexpected {
        /// What was due.
        expected: &'static str,
        /// What came.
        got: MessageType,
    },
    /// The router refused a session or request.
    #[error("the router refuses: {0}")]
    Refused(String),
    /// A reply or event does not carry what was sent.
    #[error("altered content in {message} on connection {connection}")]
    Altered {
        /// The message.
        message: &'static str,
        /// Which connection.
        connection: usize,
    },
    /// A reply came twice, or to nothing that was asked.
    #[error("reply to request {request} on connection {connection}, which is not open")]
    Repeated {
        /// The request.
        request: u64,
        /// Which connection.
        connection: usize,
    },
    /// An event was lost, repeated or overtaken by another.
    #[error(
        "event {got} of publisher {publisher} on connection {connection}, where {expected} was due"
    )]
    Order {
        /// The publisher, counted from 0.
        publisher: usize,
        /// Which connection.
        connection: usize,
        /// The number that was due.
        expected: u64,
        /// The number that came, as far as it was written.
        got: u64,
    },
    /// Replies or events did not come within the limit after the last request.
    #[error("{count} replies or events are lost, {unsent_bytes} octets could not be sent")]
    Lost {
        /// How many.
        count: u64,
        /// What the router did not read; 0 where it has read every request.
        unsent_bytes: usize,
    },
    /// Nothing was measured.
    #[error("nothing was received while the run was measured")]
    Nothing,
    /// The router's process cannot be observed.
    #[error("cannot observe process {pid}: {source}")]
    Process {
        /// The process.
        pid: u32,
        /// Why.
        source: io::Error,
    },
    /// A worker thread of the load generator ended early; our fault.
    #[error("a thread of the load generator ended early")]
    Thread,
}

impl LoadError {
    /// The exit code of the process: 2 where nothing could be measured because of the command
    /// line or because there is no router, else 1.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Options(_) | Self::Connect { .. } | Self::Process { .. } => 2,
            Self::Io(_)
            | Self::Closed { .. }
            | Self::Upgrade(_)
            | Self::Handshake(_)
            | Self::Frame(_)
            | Self::Message(_)
            | Self::Unexpected { .. }
            | Self::Refused(_)
            | Self::Altered { .. }
            | Self::Repeated { .. }
            | Self::Order { .. }
            | Self::Lost { .. }
            | Self::Nothing
            | Self::Thread => 1,
        }
    }
}
