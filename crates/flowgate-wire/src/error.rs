//! Why bytes are not a WAMP message.

use crate::{MAX_ID, MessageType};

/// Why a frame was refused.
///
/// In every case the peer that sent the frame is at fault, or a path that changed it on the way;
/// nothing of the message is acted on.
/// The router answers with ABORT `wamp.error.protocol_violation` and closes the session, because
/// the two ends no longer agree on the protocol; variants that are handled in another way say so.
/// No variant holds contents of the message, so that errors can be logged.
/// Offsets count octets from the beginning of the serialized message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The message is larger than [`Limits::message_bytes`](crate::Limits::message_bytes).
    ///
    /// The router closes the transport as for a frame that exceeds the agreed length.
    #[error("message of {bytes} octets exceeds the limit of {limit}")]
    MessageTooLong {
        /// The size of the message in octets.
        bytes: usize,
        /// The limit in octets.
        limit: usize,
    },
    /// The bytes end before the message does, or declare more than there is.
    #[error("message is cut off at offset {offset}")]
    UnexpectedEnd {
        /// Where the missing bytes were due, or the length that promises them stands.
        offset: usize,
    },
    /// The bytes break the grammar of the format: an unknown token, a number or escape that is
    /// none, a break in a wrong place, a reserved code.
    #[error("malformed {format} at offset {offset}", format = format.name())]
    Malformed {
        /// The format that the transport agreed on.
        format: crate::Format,
        /// Where the offending token begins, or the octet in it.
        offset: usize,
    },
    /// A string is not UTF-8, or a JSON escape names half of a surrogate pair.
    ///
    /// The router closes a WebSocket with 1007 as RFC 6455 asks.
    #[error("invalid unicode in the string at offset {offset}")]
    InvalidUnicode {
        /// Where the string or the wrong sequence begins.
        offset: usize,
    },
    /// Lists and dictionaries are nested deeper than [`Limits::depth`](crate::Limits::depth).
    #[error("nesting at offset {offset} exceeds the limit")]
    TooDeep {
        /// Where the innermost list, dictionary or CBOR tag begins.
        offset: usize,
    },
    /// The message holds more values than [`Limits::elements`](crate::Limits::elements).
    #[error("number of values exceeds the limit at offset {offset}")]
    TooManyValues {
        /// Where the first value beyond the limit begins, or the length that promises it stands.
        offset: usize,
    },
    /// A key of options, details or keyword arguments is not a string, or a key further inside is
    /// a list or a dictionary.
    #[error("dictionary key at offset {offset} is of a wrong type")]
    WrongKey {
        /// Where the key begins.
        offset: usize,
    },
    /// Octets follow the message.
    #[error("octets follow the message at offset {offset}")]
    TrailingBytes {
        /// Where they begin.
        offset: usize,
    },
    /// The bytes do not begin with a list, or the list does not begin with a non-negative integer.
    #[error("not a WAMP message: no list that begins with a message type")]
    NotAMessage,
    /// No message has this type code.
    ///
    /// A peer with an extension (256 to 1023) that was never announced, or no WAMP peer at all.
    #[error("unknown message type {0}")]
    UnknownType(u64),
    /// The list ends before an element that the message must have.
    #[error("{message} lacks {element}", message = message.name())]
    MissingElement {
        /// The message.
        message: MessageType,
        /// The element, by its field name.
        element: &'static str,
    },
    /// The list has more elements than the message.
    #[error("{message} has too many elements", message = message.name())]
    TooManyElements {
        /// The message.
        message: MessageType,
    },
    /// An element has a type that the message does not allow.
    #[error("{element} of {message} is not {expected}", message = message.name())]
    WrongElement {
        /// The message.
        message: MessageType,
        /// The element, by its field name.
        element: &'static str,
        /// What it should be, with article.
        expected: &'static str,
    },
    /// An identifier lies outside 1 to 2^53.
    #[error("{element} of {message} is {id}, outside 1 to {max}", message = message.name(), max = MAX_ID)]
    IdOutOfRange {
        /// The message.
        message: MessageType,
        /// The element, by its field name.
        element: &'static str,
        /// The number.
        id: u64,
    },
}

/// What is wrong with one element, before it is known which element of which message it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// Complete already.
    Error(DecodeError),
    /// The list ended.
    Missing,
    /// Another type was expected.
    Wrong(&'static str),
    /// An identifier out of range.
    Id(u64),
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self::Error(error)
    }
}

impl Fault {
    /// Adds the place.
    #[cold]
    pub(crate) fn at(self, message: MessageType, element: &'static str) -> DecodeError {
        match self {
            Self::Error(error) => error,
            Self::Missing => DecodeError::MissingElement { message, element },
            Self::Wrong(expected) => DecodeError::WrongElement { message, element, expected },
            Self::Id(id) => DecodeError::IdOutOfRange { message, element, id },
        }
    }
}
