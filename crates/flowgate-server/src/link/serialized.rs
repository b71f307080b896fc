//! A serialized message, and what its transport has found out about it.

use flowgate_wire::{DecodeError, Format, Limits, Message};

/// One serialized message, as it was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Serialized<'a> {
    /// Octets of which nothing is known.
    Octets(&'a [u8]),
    /// JSON from a transport that checks UTF-8 itself, so that it need not be checked again.
    Text(&'a str),
}

impl<'a> Serialized<'a> {
    /// No message: what an array is made of before there are messages.
    pub(super) const NONE: Self = Self::Octets(&[]);

    /// The octets.
    pub(super) const fn octets(self) -> &'a [u8] {
        match self {
            Self::Octets(octets) => octets,
            Self::Text(text) => text.as_bytes(),
        }
    }

    /// Reads the message, which is in this format.
    pub(super) fn decode(
        self,
        format: Format,
        limits: &Limits,
    ) -> Result<Message<'a>, DecodeError> {
        match self {
            Self::Octets(octets) => Message::decode(format, octets, limits),
            Self::Text(text) => Message::decode_text(text, limits),
        }
    }
}
