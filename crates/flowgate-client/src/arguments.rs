//! Application payload as values.

use flowgate_wire::{Dict, Entry, Payload, Value};

/// The payload of an event, call, result or error: positional and keyword arguments.
///
/// Made from a list of values, from one value, or from nothing (`()`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Arguments {
    /// `Arguments`.
    pub args: Vec<Value<'static>>,
    /// `ArgumentsKw`, in the order of the wire.
    pub kwargs: Vec<Entry<'static>>,
}

impl Arguments {
    /// Arguments of both kinds.
    #[must_use]
    pub const fn new(args: Vec<Value<'static>>, kwargs: Vec<Entry<'static>>) -> Self {
        Self { args, kwargs }
    }

    /// The first positional argument.
    #[must_use]
    pub fn first(&self) -> Option<&Value<'static>> {
        self.args.first()
    }

    /// The keyword argument `key`. Cost: the number of keyword arguments.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value<'static>> {
        self.kwargs.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The same arguments as the payload of a message.
    #[must_use]
    pub fn into_payload(self) -> Payload<'static> {
        Payload::from_vecs(self.args, self.kwargs)
    }

    /// Decodes a received payload.
    pub(crate) fn decode(payload: &Payload<'_>) -> Self {
        let (args, kwargs) = payload.decode();
        let args = args.into_iter().map(Value::into_owned).collect();
        Self { args, kwargs: own(kwargs) }
    }
}

impl From<()> for Arguments {
    fn from((): ()) -> Self {
        Self::default()
    }
}

impl From<Value<'static>> for Arguments {
    fn from(value: Value<'static>) -> Self {
        Self::new(vec![value], Vec::new())
    }
}

impl From<Vec<Value<'static>>> for Arguments {
    fn from(args: Vec<Value<'static>>) -> Self {
        Self::new(args, Vec::new())
    }
}

impl<const N: usize> From<[Value<'static>; N]> for Arguments {
    fn from(args: [Value<'static>; N]) -> Self {
        Self::new(args.into(), Vec::new())
    }
}

/// The entries of a received dictionary.
pub(crate) fn decode_dict(dict: &Dict<'_>) -> Vec<Entry<'static>> {
    own(dict.entries())
}

fn own<'a>(entries: impl IntoIterator<Item = Entry<'a>>) -> Vec<Entry<'static>> {
    entries.into_iter().map(|(key, value)| (key.into_owned().into(), value.into_owned())).collect()
}
