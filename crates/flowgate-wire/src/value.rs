//! A value of the WAMP type system, for the parts of a message that the router reads or makes.

mod serde_impls;

use std::borrow::Cow;

use crate::read::integral;

/// One value.
///
/// Used for options, details and the router's own payloads; client payloads are never turned
/// into values, they stay encoded in a [`Payload`](crate::Payload).
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// No value.
    Null,
    /// A truth value.
    Bool(bool),
    /// A non-negative integer.
    Unsigned(u64),
    /// A negative integer; a non-negative one is always [`Unsigned`](Self::Unsigned) when decoded.
    Signed(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// Text.
    String(Cow<'a, str>),
    /// Octets; in JSON a string of NUL and base64.
    Binary(Cow<'a, [u8]>),
    /// A list.
    List(Vec<Value<'a>>),
    /// A dictionary, in the order of the wire.
    Dict(Vec<Entry<'a>>),
}

/// A key with its value.
pub type Entry<'a> = (Cow<'a, str>, Value<'a>);

impl<'a> Value<'a> {
    /// The number, if this is a non-negative integer, or a float with such a value up to 2^53.
    ///
    /// JavaScript's CBOR libraries write integers above 2^32, such as session ids, as floats.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(*number),
            Self::Float(number) => integral(*number),
            Self::Null
            | Self::Bool(_)
            | Self::Signed(_)
            | Self::String(_)
            | Self::Binary(_)
            | Self::List(_)
            | Self::Dict(_) => None,
        }
    }

    /// The truth value, if this is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(truth) = self { Some(*truth) } else { None }
    }

    /// The text, if this is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The items, if this is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Value<'a>]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    /// The entries, if this is a dictionary.
    #[must_use]
    pub fn as_dict(&self) -> Option<&[Entry<'a>]> {
        if let Self::Dict(entries) = self { Some(entries) } else { None }
    }

    /// The value under `key`, if this is a dictionary that has it; of several the last one.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.as_dict()?.iter().rfind(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// About how many octets the value takes when it is encoded.
    pub(crate) fn encoded_len_hint(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) => 5,
            Self::Unsigned(_) | Self::Signed(_) | Self::Float(_) => 10,
            Self::String(text) => text.len() + 5,
            Self::Binary(octets) => octets.len() / 3 * 4 + 12,
            Self::List(items) => 5 + items.iter().map(Self::encoded_len_hint).sum::<usize>(),
            Self::Dict(entries) => {
                let entries =
                    entries.iter().map(|(key, value)| 4 + key.len() + value.encoded_len_hint());
                5 + entries.sum::<usize>()
            }
        }
    }

    /// The same value without borrowed parts.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(truth) => Value::Bool(truth),
            Self::Unsigned(number) => Value::Unsigned(number),
            Self::Signed(number) => Value::Signed(number),
            Self::Float(number) => Value::Float(number),
            Self::String(text) => Value::String(Cow::Owned(text.into_owned())),
            Self::Binary(octets) => Value::Binary(Cow::Owned(octets.into_owned())),
            Self::List(items) => Value::List(items.into_iter().map(Value::into_owned).collect()),
            Self::Dict(entries) => Value::Dict(
                entries
                    .into_iter()
                    .map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned()))
                    .collect(),
            ),
        }
    }

    /// A dictionary from keys and values.
    pub fn dict<K: Into<Cow<'a, str>>>(entries: impl IntoIterator<Item = (K, Value<'a>)>) -> Self {
        Self::Dict(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }
}

impl From<bool> for Value<'_> {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Unsigned(number)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        u64::try_from(number).map_or(Self::Signed(number), Self::Unsigned)
    }
}

impl From<f64> for Value<'_> {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::String(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::String(Cow::Owned(text))
    }
}

impl<'a> From<Vec<Value<'a>>> for Value<'a> {
    fn from(items: Vec<Value<'a>>) -> Self {
        Self::List(items)
    }
}

impl From<Vec<u8>> for Value<'_> {
    fn from(octets: Vec<u8>) -> Self {
        Self::Binary(Cow::Owned(octets))
    }
}
