//! Application payload: the encoded tail of a message, passed on without being read.

use crate::items::Items;
use crate::token::{AnyTokens, Tokens, read_value};
use crate::{Entry, Format, Template, Value};

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
    Values { args: Items<'a, Value<'a>>, kwargs: Items<'a, Entry<'a>> },
    /// Arguments made by the router, with values in their gaps.
    Filled { template: &'a Template, values: &'a [Value<'a>] },
}

/// How many elements an encoded tail has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TailCount {
    /// `Arguments` alone.
    One,
    /// `Arguments` and `ArgumentsKw`.
    Two,
}

impl TailCount {
    pub(crate) const fn get(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

/// A payload that outlives the frame it came in, still encoded.
#[derive(Debug, Clone)]
pub struct OwnedPayload(OwnedRepr);

#[derive(Debug, Clone)]
enum OwnedRepr {
    None,
    Raw { format: Format, count: TailCount, bytes: Box<[u8]> },
    Values { args: Vec<Value<'static>>, kwargs: Vec<Entry<'static>> },
}

impl OwnedPayload {
    /// The payload, to be sent.
    #[must_use]
    pub fn as_payload(&self) -> Payload<'_> {
        Payload(match &self.0 {
            OwnedRepr::None => PayloadRepr::None,
            OwnedRepr::Raw { format, count, bytes } => {
                PayloadRepr::Raw { format: *format, count: *count, bytes }
            }
            OwnedRepr::Values { args, kwargs } => {
                PayloadRepr::Values { args: Items::Borrowed(args), kwargs: Items::Borrowed(kwargs) }
            }
        })
    }
}

impl<'a> Payload<'a> {
    /// No payload.
    pub const EMPTY: Self = Self(PayloadRepr::None);

    /// A payload of borrowed values; costs no allocation.
    #[must_use]
    pub const fn from_values(args: &'a [Value<'a>], kwargs: &'a [Entry<'a>]) -> Self {
        Self(PayloadRepr::Values { args: Items::Borrowed(args), kwargs: Items::Borrowed(kwargs) })
    }

    /// A payload that owns its values.
    #[must_use]
    pub const fn from_vecs(args: Vec<Value<'a>>, kwargs: Vec<Entry<'a>>) -> Self {
        Self(PayloadRepr::Values { args: Items::Owned(args), kwargs: Items::Owned(kwargs) })
    }

    /// Whether the message ends without a payload element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            PayloadRepr::None => true,
            PayloadRepr::Raw { .. } => false,
            PayloadRepr::Values { args, kwargs } => args.is_empty() && kwargs.is_empty(),
            PayloadRepr::Filled { template, .. } => template.is_empty(),
        }
    }

    /// The format and the octets of a received payload, `None` for an empty one and for values.
    ///
    /// In JSON the text from the first element to the last, with the comma between the two; in
    /// MessagePack and CBOR the elements one after the other.
    #[must_use]
    pub const fn raw(&self) -> Option<(Format, &'a [u8])> {
        match &self.0 {
            PayloadRepr::Raw { format, bytes, .. } => Some((*format, bytes)),
            PayloadRepr::None | PayloadRepr::Values { .. } | PayloadRepr::Filled { .. } => None,
        }
    }

    /// The same payload for a shorter time; unlike a clone it copies no values.
    #[inline]
    #[must_use]
    pub fn reborrow(&self) -> Payload<'_> {
        Payload(match &self.0 {
            PayloadRepr::None => PayloadRepr::None,
            PayloadRepr::Raw { format, count, bytes } => {
                PayloadRepr::Raw { format: *format, count: *count, bytes }
            }
            PayloadRepr::Values { args, kwargs } => {
                PayloadRepr::Values { args: Items::Borrowed(args), kwargs: Items::Borrowed(kwargs) }
            }
            PayloadRepr::Filled { template, values } => PayloadRepr::Filled { template, values },
        })
    }

    /// A copy that outlives the frame. Cost: one allocation for a received payload.
    #[must_use]
    pub fn to_owned(&self) -> OwnedPayload {
        OwnedPayload(match &self.0 {
            PayloadRepr::None => OwnedRepr::None,
            PayloadRepr::Raw { format, count, bytes } => {
                OwnedRepr::Raw { format: *format, count: *count, bytes: (*bytes).into() }
            }
            PayloadRepr::Values { args, kwargs } => OwnedRepr::Values {
                args: args.iter().cloned().map(Value::into_owned).collect(),
                kwargs: kwargs
                    .iter()
                    .map(|(key, value)| {
                        (key.clone().into_owned().into(), value.clone().into_owned())
                    })
                    .collect(),
            },
            PayloadRepr::Filled { template, values } => OwnedRepr::Values {
                args: template.values(values).into_iter().map(Value::into_owned).collect(),
                kwargs: Vec::new(),
            },
        })
    }

    /// About how many octets the payload takes when it is encoded; exact for a received payload
    /// in its own format.
    ///
    /// Costs one look at each value if the payload is of values.
    #[must_use]
    pub fn encoded_len_hint(&self) -> usize {
        match &self.0 {
            PayloadRepr::None => 0,
            PayloadRepr::Raw { bytes, .. } => bytes.len(),
            PayloadRepr::Values { args, kwargs } => {
                let args = args.iter().map(Value::encoded_len_hint);
                let kwargs =
                    kwargs.iter().map(|(key, value)| 4 + key.len() + value.encoded_len_hint());
                4 + args.sum::<usize>() + kwargs.sum::<usize>()
            }
            PayloadRepr::Filled { template, values } => template.encoded_len_hint(values),
        }
    }

    /// The payload as values: `Arguments` and `ArgumentsKw`, either of them empty if absent.
    ///
    /// For the router's own procedures and for clients.
    /// A transparent payload (octets in place of both elements) becomes one binary argument.
    /// Keys that are no strings become text, and `undefined` becomes null; see docs/payload.md.
    #[must_use]
    pub fn decode(&self) -> (Vec<Value<'_>>, Vec<Entry<'_>>) {
        match &self.0 {
            PayloadRepr::None => (Vec::new(), Vec::new()),
            PayloadRepr::Values { args, kwargs } => (args.to_vec(), kwargs.to_vec()),
            PayloadRepr::Filled { template, values } => (template.values(values), Vec::new()),
            PayloadRepr::Raw { format, count, bytes } => {
                let mut tokens = AnyTokens::new(*format, bytes);
                let first = tokens.token();
                let first = read_value(&mut tokens, first);
                let args = if let Value::List(items) = first { items } else { vec![first] };
                let mut kwargs = Vec::new();
                if *count == TailCount::Two {
                    let second = tokens.token();
                    if let Value::Dict(entries) = read_value(&mut tokens, second) {
                        kwargs = entries;
                    }
                }
                (args, kwargs)
            }
        }
    }
}

impl Default for Payload<'_> {
    fn default() -> Self {
        Self::EMPTY
    }
}
