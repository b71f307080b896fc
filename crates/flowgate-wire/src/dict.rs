//! Options and Details: dictionaries that stay encoded until somebody asks.

use std::borrow::Cow;

use crate::items::Items;
use crate::token::{AnyTokens, Token, Tokens, count_down, read_value};
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
    Entries(Items<'a, Entry<'a>>),
}

impl<'a> Dict<'a> {
    /// The empty dictionary.
    pub const EMPTY: Self = Self(DictRepr::Entries(Items::Borrowed(&[])));

    /// A dictionary of borrowed entries; costs no allocation.
    #[must_use]
    pub const fn from_entries(entries: &'a [Entry<'a>]) -> Self {
        Self(DictRepr::Entries(Items::Borrowed(entries)))
    }

    /// A dictionary that owns its entries.
    #[must_use]
    pub const fn from_vec(entries: Vec<Entry<'a>>) -> Self {
        Self(DictRepr::Entries(Items::Owned(entries)))
    }

    /// The entries in the order of the wire, without those whose value is `undefined`.
    ///
    /// A key that occurs twice comes twice; the last one counts.
    /// Each call reads the encoded dictionary anew.
    pub fn entries(&self) -> impl Iterator<Item = (Cow<'_, str>, Value<'_>)> {
        match &self.0 {
            // What most messages have costs no reader.
            DictRepr::Raw { format, bytes } if is_shortest_empty(*format, bytes) => {
                Entries::Values([].iter())
            }
            DictRepr::Raw { format, bytes } => Entries::Raw(RawEntries::new(*format, bytes)),
            DictRepr::Entries(entries) => Entries::Values(entries.iter()),
        }
    }

    /// The value under `key`; of several the last one.
    #[inline]
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value<'_>> {
        match self.0 {
            // What most messages have.
            DictRepr::Raw { format, bytes } if is_shortest_empty(format, bytes) => None,
            DictRepr::Raw { .. } | DictRepr::Entries(_) => self.find(key),
        }
    }

    fn find(&self, key: &str) -> Option<Value<'_>> {
        self.entries().filter(|(name, _)| name == key).last().map(|(_, value)| value)
    }

    /// Whether there are no entries.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self.0 {
            // What most messages have.
            DictRepr::Raw { format, bytes } if is_shortest_empty(format, bytes) => true,
            DictRepr::Raw { .. } => self.entries().next().is_none(),
            DictRepr::Entries(ref entries) => entries.is_empty(),
        }
    }
}

/// Whether this is the empty dictionary as clients send it.
const fn is_shortest_empty(format: Format, bytes: &[u8]) -> bool {
    match format {
        Format::Json => matches!(bytes, b"{}"),
        Format::MessagePack => matches!(bytes, [0x80]),
        Format::Cbor => matches!(bytes, [0xa0]),
    }
}

/// The entries of a dictionary.
enum Entries<'d> {
    Raw(RawEntries<'d>),
    Values(std::slice::Iter<'d, Entry<'d>>),
}

impl<'d> Iterator for Entries<'d> {
    type Item = Entry<'d>;

    fn next(&mut self) -> Option<Entry<'d>> {
        match self {
            Self::Raw(entries) => entries.next(),
            Self::Values(entries) => {
                entries.next().map(|(key, value)| (Cow::Borrowed(key.as_ref()), value.clone()))
            }
        }
    }
}

/// The entries of an encoded dictionary.
struct RawEntries<'d> {
    tokens: AnyTokens<'d>,
    remaining: Option<u64>,
}

impl<'d> RawEntries<'d> {
    fn new(format: Format, bytes: &'d [u8]) -> Self {
        let mut tokens = AnyTokens::new(format, bytes);
        // The decoder makes this of dictionaries only.
        let remaining =
            if let Token::Dict(remaining) = tokens.token() { remaining } else { Some(0) };
        Self { tokens, remaining }
    }

    fn next(&mut self) -> Option<Entry<'d>> {
        while count_down(&mut self.remaining) {
            let key = self.tokens.key();
            if matches!(key, Token::End) {
                break;
            }
            let token = self.tokens.token();
            if !matches!(token, Token::Undefined) {
                return Some((key.into_key(), read_value(&mut self.tokens, token)));
            }
        }
        self.remaining = Some(0);
        None
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
