//! What ends a run.

use std::io;

use flowgate_wire::{DecodeError, MessageType, batch::BatchError, rawsocket::ReplyError};

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
    /// No local port is left for another connection.
    #[error("no local port is left for another connection to {url}")]
    Ports {
        /// The router.
        url: String,
    },
    /// This process may not open as many files as there are to be sessions.
    #[error(
        "{session_count} sessions need {needed} open files, and {limit} are allowed: raise the \
         hard limit (ulimit -Hn)"
    )]
    Files {
        /// The sessions.
        session_count: usize,
        /// The files.
        needed: u64,
        /// The hard limit.
        limit: u64,
    },
    /// Some sessions could be opened, this one not.
    #[error("session {session}: {source}")]
    Opening {
        /// Which one, counted from 1.
        session: usize,
        /// Why.
        source: Box<LoadError>,
    },
    /// The router may not open more files, which it probably needs.
    #[error("{source}; the router may have {limit} files open: raise its limit (ulimit -n)")]
    RouterFiles {
        /// The router's limit.
        limit: u64,
        /// What happened.
        source: Box<LoadError>,
    },
    /// The router did not answer in time while a session was set up or closed.
    #[error("the router does not answer")]
    Silent,
    /// A connection broke.
    #[error("connection: {0}")]
    Io(io::Error),
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
    /// The router sent no batch of messages, where the serializer batches.
    #[error("undecodable batch: {0}")]
    Batch(#[from] BatchError),
    /// The router sent another message than was due.
    #[error("{} on connection {connection}, where {expected} was due", got.name())]
    Unexpected {
        /// What was due.
        expected: &'static str,
        /// What came.
        got: MessageType,
        /// Which connection.
        connection: usize,
    },
    /// The router refused the realm, a topic or a procedure; usually the operator's fault.
    #[error("the router refuses {what}: {reason}")]
    Refused {
        /// The realm or URI.
        what: String,
        /// The router's words.
        reason: String,
    },
    /// The router answered a request of the load with an error, or ended the session.
    #[error("{} on connection {connection}, where {expected} was due: {reason}", got.name())]
    Failed {
        /// What was due.
        expected: &'static str,
        /// What came.
        got: MessageType,
        /// The router's reason.
        reason: String,
        /// Which connection.
        connection: usize,
    },
    /// The router sent a message to a session that is to get none.
    #[error("{} on connection {connection}, which nobody asked for", message.name())]
    Unasked {
        /// What came.
        message: MessageType,
        /// Which connection.
        connection: usize,
    },
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
    /// An event or invocation was lost, repeated or overtaken by another.
    #[error(
        "{message} {got} of client {client} on connection {connection}, where {expected} was due"
    )]
    Order {
        /// The message.
        message: &'static str,
        /// The publisher or caller, counted from 0.
        client: usize,
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
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Options(_)
            | Self::Connect { .. }
            | Self::Ports { .. }
            | Self::Files { .. }
            | Self::Refused { .. }
            | Self::Process { .. } => 2,
            Self::Opening { source, .. } | Self::RouterFiles { source, .. } => source.exit_code(),
            Self::Silent
            | Self::Io(_)
            | Self::Closed { .. }
            | Self::Upgrade(_)
            | Self::Handshake(_)
            | Self::Frame(_)
            | Self::Message(_)
            | Self::Unexpected { .. }
            | Self::Batch(_)
            | Self::Failed { .. }
            | Self::Unasked { .. }
            | Self::Altered { .. }
            | Self::Repeated { .. }
            | Self::Order { .. }
            | Self::Lost { .. }
            | Self::Nothing
            | Self::Thread => 1,
        }
    }
}

impl From<io::Error> for LoadError {
    fn from(error: io::Error) -> Self {
        // What a read on a blocking socket gives when its time is over.
        if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
            Self::Silent
        } else {
            Self::Io(error)
        }
    }
}
