//! Options and Details: dictionaries that stay encoded until somebody asks.

use std::borrow::Cow;

use crate::{Entry, Format, Value};

/// An `Options|dict` or `Details|dict` element.
///
/// A received one is the checked, still encoded map; the router reads the few keys it acts on with
/// [`entries`](Self::entries), and unknown keys survive forwarding and re-encoding untouched.
/// One made by the router is a list of entries, encoded straight into the target format.
/// `undefined` (MessagePack extension 0, CBOR 0xf7) as a value means that the key is absent.
#[derive(Debug, Clone)]
pub struct Dict<'a>(pub(crate) DictRepr<'a>);

#[derive(Debug, Clone)]
pub(crate) enum DictRepr<'a> {
    /// One encoded map that the decoder has checked: well-formed, string keys, within the limits.
    Raw { format: Format, bytes: &'a [u8] },
    /// Entries in order.
    Entries(Cow<'a, [Entry<'a>]>),
}

impl<'a> Dict<'a> {
    /// The empty dictionary.
    pub const EMPTY: Self = Self(DictRepr::Entries(Cow::Borrowed(&[])));

    /// A dictionary of borrowed entries; costs no allocation.
    #[must_use]
    pub const fn from_entries(entries: &'a [Entry<'a>]) -> Self {
        Self(DictRepr::Entries(Cow::Borrowed(entries)))
    }

    /// A dictionary that owns its entries.
    #[must_use]
    pub const fn from_vec(entries: Vec<Entry<'a>>) -> Self {
        Self(DictRepr::Entries(Cow::Owned(entries)))
    }
}

impl Default for Dict<'_> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<'a> From<Value<'a>> for Dict<'a> {
    /// The entries of a dictionary value; any other value becomes the empty dictionary.
    fn from(value: Value<'a>) -> Self {
        if let Value::Dict(entries) = value { Self::from_vec(entries) } else { Self::EMPTY }
    }
}
