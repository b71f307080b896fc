//! Application payload: the encoded tail of a message, passed on without being read.

use std::borrow::Cow;

use crate::{Entry, Format, Value};

/// The payload elements at the end of a message: nothing, `Arguments`, or both `Arguments` and
/// `ArgumentsKw`.
///
/// A received payload is a borrowed slice of the frame, checked for well-formedness, depth,
/// element count and UTF-8, and never turned into values.
/// Written in its own format it is copied as it is; written in another it is transcoded token by
/// token (see docs/payload.md for the edge cases).
#[derive(Debug, Clone)]
pub struct Payload<'a>(pub(crate) PayloadRepr<'a>);

#[derive(Debug, Clone)]
pub(crate) enum PayloadRepr<'a> {
    /// No payload element.
    None,
    /// One or two encoded elements that the decoder has checked.
    ///
    /// `bytes` is, in JSON, the text between the comma before the first element and the closing
    /// bracket of the message, without outer white space (`["a"],{"k":1}`); in MessagePack and
    /// CBOR the encoded elements, one after the other.
    Raw { format: Format, count: TailCount, bytes: &'a [u8] },
    /// Values made by the router; an empty `kwargs` is left out, and an empty `args` too unless
    /// `kwargs` follows.
    Values { args: Cow<'a, [Value<'a>]>, kwargs: Cow<'a, [Entry<'a>]> },
}

/// How many elements an encoded tail has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TailCount {
    /// `Arguments` alone.
    One,
    /// `Arguments` and `ArgumentsKw`.
    Two,
}

impl<'a> Payload<'a> {
    /// No payload.
    pub const EMPTY: Self = Self(PayloadRepr::None);

    /// A payload of borrowed values; costs no allocation.
    #[must_use]
    pub const fn from_values(args: &'a [Value<'a>], kwargs: &'a [Entry<'a>]) -> Self {
        Self(PayloadRepr::Values { args: Cow::Borrowed(args), kwargs: Cow::Borrowed(kwargs) })
    }

    /// A payload that owns its values.
    #[must_use]
    pub const fn from_vecs(args: Vec<Value<'a>>, kwargs: Vec<Entry<'a>>) -> Self {
        Self(PayloadRepr::Values { args: Cow::Owned(args), kwargs: Cow::Owned(kwargs) })
    }
}

impl Default for Payload<'_> {
    fn default() -> Self {
        Self::EMPTY
    }
}
