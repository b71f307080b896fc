//! Batches: several WAMP messages in one transport message.
//!
//! A batch in JSON is each message followed by the octet 0x1e; in MessagePack and CBOR it is each
//! message preceded by its length in four octets, big-endian.
//! Read one with [`split`], write one message after the other with [`append`].
//!
//! ```text
//! JSON               message 0x1e  message 0x1e  …
//! MessagePack, CBOR  length message  length message  …
//! ```
//!
//! What is read is wider than what is written:
//! - 0x18 ends a JSON message too, since routers and clients in the field send it.
//!   Neither octet can be part of a message: JSON has no raw control characters but white space,
//!   and escapes them in strings.
//! - The last JSON message may lack its terminator, since some senders take it for a separator.
//!   Nothing is lost by that: the transport delivers its messages whole.
//!
//! Source: WAMP advanced profile, "Message Batching".

use std::iter::FusedIterator;

use memchr::memchr2;

use crate::Format;

/// The octet after each JSON message that is sent, and one of the two accepted.
pub const JSON_TERMINATOR: u8 = 0x1e;

/// The other octet accepted after a JSON message.
pub const JSON_TERMINATOR_IN_THE_FIELD: u8 = 0x18;

/// Octets of the length before each MessagePack or CBOR message.
pub const LENGTH_BYTES: usize = 4;

/// What is wrong with a batch.
///
/// On receiving always the peer's fault: the router fails the transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The batch holds no message.
    #[error("batch without a message")]
    Empty,
    /// A message in the batch has no octets.
    #[error("message without octets at octet {at}")]
    EmptyMessage {
        /// Where the message begins in the batch, its length included.
        at: usize,
    },
    /// The batch ends within a length.
    #[error("batch ends within a length at octet {at}")]
    TruncatedLength {
        /// Where the length begins in the batch.
        at: usize,
    },
    /// The batch ends within a message.
    #[error("batch ends after {available} of {length} octets of a message at octet {at}")]
    TruncatedMessage {
        /// Where the message's length begins in the batch.
        at: usize,
        /// The message's length in octets.
        length: u32,
        /// The octets that are there.
        available: usize,
    },
    /// A message to be sent has more octets than a length can say; our fault, and kept from
    /// happening by the limits of every transport. The message is not sent.
    #[error("message of {length} octets is too long for a batch")]
    TooLong {
        /// The message's length in octets.
        length: usize,
    },
}

/// The messages of a batch, in order; made by [`split`].
///
/// The first error is the last item.
#[derive(Debug, Clone)]
pub struct Messages<'a> {
    format: Format,
    rest: &'a [u8],
    /// Octets of the batch before `rest`.
    at: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Within,
    Failed,
}

/// The messages of a batch in `format`, in order.
///
/// Finds boundaries only: whether each slice is a message is for the decoder to say.
/// Walks the octets once in JSON; costs the number of messages in MessagePack and CBOR.
///
/// # Errors
/// The iterator yields one [`BatchError`] and then ends.
#[must_use]
pub const fn split(format: Format, batch: &[u8]) -> Messages<'_> {
    Messages { format, rest: batch, at: 0, state: State::Start }
}

impl<'a> Messages<'a> {
    /// The first message of `rest`, which is not empty, and how many octets the batch adds to it.
    fn first(&self) -> Result<(&'a [u8], usize), BatchError> {
        let (message, overhead) = match self.format {
            Format::Json => terminated(self.rest),
            Format::MessagePack | Format::Cbor => (prefixed(self.rest, self.at)?, LENGTH_BYTES),
        };
        if message.is_empty() {
            return Err(BatchError::EmptyMessage { at: self.at });
        }
        Ok((message, overhead))
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<&'a [u8], BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return match self.state {
                State::Start => {
                    self.state = State::Failed;
                    Some(Err(BatchError::Empty))
                }
                State::Within | State::Failed => None,
            };
        }
        match self.first() {
            Ok((message, overhead)) => {
                let consumed = message.len().saturating_add(overhead);
                self.rest = self.rest.get(consumed..).unwrap_or_default();
                self.at = self.at.saturating_add(consumed);
                self.state = State::Within;
                Some(Ok(message))
            }
            Err(error) => {
                self.rest = &[];
                self.state = State::Failed;
                Some(Err(error))
            }
        }
    }
}

impl FusedIterator for Messages<'_> {}

/// Appends one message to a batch, written in place by `encode`, and returns its length in octets
/// without what the batch adds.
///
/// # Errors
/// Those of `encode`, and [`BatchError::EmptyMessage`] or [`BatchError::TooLong`] if what it wrote
/// cannot be in a batch; `out` is then what it was before.
pub fn append<E: From<BatchError>>(
    format: Format,
    out: &mut Vec<u8>,
    encode: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<usize, E> {
    let start = out.len();
    let appended = match format {
        Format::Json => append_terminated(out, encode),
        Format::MessagePack | Format::Cbor => append_prefixed(out, encode),
    };
    if appended.is_err() {
        out.truncate(start);
    }
    appended
}

/// The message up to the first terminator, and how many octets the terminator has.
fn terminated(batch: &[u8]) -> (&[u8], usize) {
    memchr2(JSON_TERMINATOR, JSON_TERMINATOR_IN_THE_FIELD, batch)
        .and_then(|end| batch.get(..end))
        .map_or((batch, 0), |message| (message, 1))
}

/// The message after the length; `at` is where the length begins in the whole batch.
fn prefixed(batch: &[u8], at: usize) -> Result<&[u8], BatchError> {
    let (length, rest) =
        batch.split_first_chunk::<LENGTH_BYTES>().ok_or(BatchError::TruncatedLength { at })?;
    let length = u32::from_be_bytes(*length);
    usize::try_from(length)
        .ok()
        .and_then(|length| rest.get(..length))
        .ok_or(BatchError::TruncatedMessage { at, length, available: rest.len() })
}

fn append_terminated<E: From<BatchError>>(
    out: &mut Vec<u8>,
    encode: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<usize, E> {
    let start = out.len();
    encode(out)?;
    let message = out.get(start..).unwrap_or_default();
    debug_assert!(
        memchr2(JSON_TERMINATOR, JSON_TERMINATOR_IN_THE_FIELD, message).is_none(),
        "JSON escapes control characters"
    );
    let length = message.len();
    if length == 0 {
        return Err(BatchError::EmptyMessage { at: start }.into());
    }
    out.push(JSON_TERMINATOR);
    Ok(length)
}

fn append_prefixed<E: From<BatchError>>(
    out: &mut Vec<u8>,
    encode: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<usize, E> {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    let body = out.len();
    encode(out)?;
    let length = out.len().saturating_sub(body);
    if length == 0 {
        return Err(BatchError::EmptyMessage { at: start }.into());
    }
    let octets = u32::try_from(length).map_err(|_| BatchError::TooLong { length })?.to_be_bytes();
    if let Some(prefix) = out.get_mut(start..body) {
        prefix.copy_from_slice(&octets);
    }
    Ok(length)
}

#[cfg(test)]
mod tests;
