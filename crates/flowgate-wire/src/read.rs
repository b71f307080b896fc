//! Reading the envelope of a message: one trait, one implementation a format.

mod cbor;
mod json;
mod msgpack;

use std::borrow::Cow;

use crate::{DecodeError, Format};

pub(crate) use cbor::CborReader;
pub(crate) use json::JsonReader;
pub(crate) use msgpack::MessagePackReader;

/// Walks over the elements of a message's list.
///
/// [`open`](Self::open) comes first, then [`next`](Self::next) before each element and exactly one
/// of the reading methods after each `true`, and [`close`](Self::close) after a `false`.
/// The reading methods that return an option leave an element of another type unread.
pub(crate) trait Reader<'a> {
    const FORMAT: Format;

    /// Enters the list of the message.
    fn open(&mut self) -> Result<(), DecodeError>;

    /// Moves to the next element; `false` at the end of the list, as often as asked.
    fn next(&mut self) -> Result<bool, DecodeError>;

    /// A non-negative integer, or a float with such a value.
    fn unsigned(&mut self) -> Result<Option<u64>, DecodeError>;

    /// A string.
    fn text(&mut self) -> Result<Option<Cow<'a, str>>, DecodeError>;

    /// Skips an empty dictionary in its shortest form, the most frequent element; its octets, or
    /// `None` if something else comes next.
    fn empty_dict(&mut self) -> Result<Option<&'a [u8]>, DecodeError>;

    /// Checks and skips any value; its octets, with what precedes the value itself (tags).
    fn element(&mut self) -> Result<(Kind, Encoded<'a>), DecodeError>;

    /// The octets between two offsets.
    fn slice(&self, start: usize, end: usize) -> &'a [u8];

    /// Leaves the list and checks that nothing follows.
    fn close(&mut self) -> Result<(), DecodeError>;
}

/// Where an element stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encoded<'a> {
    /// Offset of the first octet, tags included.
    pub(crate) start: usize,
    /// Offset after the last octet.
    pub(crate) end: usize,
    /// The value without tags.
    pub(crate) bytes: &'a [u8],
}

/// What an element is, as far as the envelope tells elements apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    List,
    /// All keys of the outermost level are strings.
    Dict,
    Binary,
    Other,
}

/// The integer that a float stands for, if it is a non-negative one that floats hold exactly.
///
/// JavaScript's MessagePack and CBOR libraries write integers above 2^32 as floats.
pub(crate) fn integral(number: f64) -> Option<u64> {
    /// 2^53; up to here every integer has a float of its own.
    const MAX: f64 = 9_007_199_254_740_992.0;
    if (0.0..=MAX).contains(&number) && number.fract() == 0.0 {
        // The range check makes the cast exact.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        return Some(number as u64);
    }
    None
}
