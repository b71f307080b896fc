//! A serialized message in a record.

use std::borrow::Cow;

use bytes::Bytes;
use flowgate_wire::{Format, Limits, Message, Value};

/// A serialized message: the shared octets that were on the wire, or what redaction and truncation
/// left of them.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The format of `bytes`.
    pub format: Format,
    /// The message, without framing.
    pub bytes: Bytes,
}

impl Frame {
    /// A frame of values; `None` if they are no message.
    #[must_use]
    pub fn from_value(value: &Value<'_>) -> Option<Self> {
        let mut bytes = Vec::new();
        ciborium::into_writer(value, &mut bytes).ok()?;
        Message::decode(Format::Cbor, &bytes, &Limits::default()).ok()?;
        Some(Self { format: Format::Cbor, bytes: bytes.into() })
    }

    /// The message as the list of values that it is on the wire; null if the octets are none.
    ///
    /// Builds a tree of everything.
    #[must_use]
    pub fn to_value(&self) -> Value<'static> {
        // The router has decoded the same octets before.
        Message::decode(self.format, &self.bytes, &LIMITS)
            .map_or(Value::Null, |message| message.to_value())
    }
}

/// Whether both mean the same message.
impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        self.to_value() == other.to_value()
    }
}

/// As wide as any transport's may be.
const LIMITS: Limits =
    Limits { message_bytes: usize::MAX, depth: Limits::DEFAULT_DEPTH, elements: usize::MAX };

/// Values in a record: octets in texts for people (JSON) are NUL and base64, as in WAMP over JSON.
pub(crate) mod values {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Cow, Value};

    pub(crate) fn serialize<S: Serializer>(
        value: &Option<Value<'static>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) if serializer.is_human_readable() => as_text(value).serialize(serializer),
            other => other.serialize(serializer),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Value<'static>>, D::Error> {
        let is_text = deserializer.is_human_readable();
        let value = Option::<Value<'static>>::deserialize(deserializer)?;
        Ok(if is_text { value.map(from_text) } else { value })
    }

    fn as_text<'a>(value: &'a Value<'static>) -> Value<'a> {
        match value {
            Value::Binary(octets) => Value::from(format!("\0{}", STANDARD.encode(octets))),
            Value::List(items) => Value::List(items.iter().map(as_text).collect()),
            Value::Dict(entries) => Value::Dict(
                entries
                    .iter()
                    .map(|(key, value)| (Cow::Borrowed(&**key), as_text(value)))
                    .collect(),
            ),
            Value::String(text) => Value::String(Cow::Borrowed(text)),
            Value::Null => Value::Null,
            Value::Bool(truth) => Value::Bool(*truth),
            Value::Unsigned(number) => Value::Unsigned(*number),
            Value::Signed(number) => Value::Signed(*number),
            Value::Float(number) => Value::Float(*number),
        }
    }

    fn from_text(value: Value<'static>) -> Value<'static> {
        match value {
            Value::String(text) => {
                let octets = text.strip_prefix('\0').and_then(|rest| STANDARD.decode(rest).ok());
                octets.map_or(Value::String(text), Value::from)
            }
            Value::List(items) => Value::List(items.into_iter().map(from_text).collect()),
            Value::Dict(entries) => Value::Dict(
                entries.into_iter().map(|(key, value)| (key, from_text(value))).collect(),
            ),
            other @ (Value::Null
            | Value::Bool(_)
            | Value::Unsigned(_)
            | Value::Signed(_)
            | Value::Float(_)
            | Value::Binary(_)) => other,
        }
    }
}
