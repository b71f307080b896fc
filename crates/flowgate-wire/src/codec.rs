//! Messages to and from bytes.

use crate::read::{CborReader, JsonReader, MessagePackReader};
use crate::token::{AnyTokens, Tokens, read_value};
use crate::write::{CborWriter, JsonWriter, MessagePackWriter};
use crate::{DecodeError, Format, Limits, Message, Value, utf8};

impl<'a> Message<'a> {
    /// Reads one serialized message.
    ///
    /// Reads the envelope, and checks everything: the grammar of the format, UTF-8, nesting and
    /// the number of values.
    /// Options and payload stay encoded and borrow from `bytes`, names borrow where they have no
    /// escapes.
    /// Costs one pass over `bytes`; allocates for names with escapes or in several parts, for
    /// octets in place of a JSON payload, and for nesting deeper than 16 levels only.
    ///
    /// Identifiers and the type may be encoded with any width, and as floats with such a value,
    /// as JavaScript's libraries do above 2^32.
    /// JSON may be surrounded by white space; CBOR may have tags in front of the message and its
    /// elements, which are ignored, and indefinite lengths.
    /// Keys that occur twice are accepted; the last one counts.
    ///
    /// # Errors
    /// [`DecodeError`] tells what is wrong and where.
    pub fn decode(format: Format, bytes: &'a [u8], limits: &Limits) -> Result<Self, DecodeError> {
        check_length(bytes, limits)?;
        match format {
            Format::Json => Self::read(&mut JsonReader::new(utf8::json_text(bytes)?, limits)),
            Format::MessagePack => Self::read(&mut MessagePackReader::new(bytes, limits)),
            Format::Cbor => Self::read(&mut CborReader::new(bytes, limits)),
        }
    }

    /// Reads one message in JSON whose UTF-8 has been checked, as by a WebSocket that takes texts.
    ///
    /// # Errors
    /// As those of [`decode`](Self::decode).
    pub fn decode_text(text: &'a str, limits: &Limits) -> Result<Self, DecodeError> {
        check_length(text.as_bytes(), limits)?;
        Self::read(&mut JsonReader::new(text, limits))
    }

    /// Appends the serialized message to `out`.
    ///
    /// Options and payload that were received in the same format are copied as they are; from
    /// another format they are transcoded, see docs/payload.md.
    /// Integers and lengths take their shortest form, JSON has no white space.
    /// Allocates only to grow `out`, and to transcode strings with escapes, octets and long lists.
    pub fn encode(&self, format: Format, out: &mut Vec<u8>) {
        match format {
            Format::Json => self.write(&mut JsonWriter::new(out)),
            Format::MessagePack => {
                let mut writer = MessagePackWriter::new(out);
                self.write(&mut writer);
                writer.finish();
            }
            Format::Cbor => {
                let mut writer = CborWriter::new(out);
                self.write(&mut writer);
                writer.finish();
            }
        }
    }

    /// The message as JSON text without white space between the envelope's elements.
    ///
    /// For logs, debugging and tests; a payload received as JSON keeps its own white space.
    /// Decoding the text as JSON gives the message again, as far as JSON can express it.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        self.encode(Format::Json, &mut out);
        // JSON is written from text that has been checked, so nothing is ever replaced.
        String::from_utf8(out)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    /// The message as the list of values that it is on the wire.
    ///
    /// For tests and tools: builds a tree of everything, payload included.
    #[must_use]
    pub fn to_value(&self) -> Value<'static> {
        let mut out = Vec::new();
        self.encode(Format::Cbor, &mut out);
        let mut tokens = AnyTokens::new(Format::Cbor, &out);
        let first = tokens.token();
        read_value(&mut tokens, first).into_owned()
    }

    /// Whether both messages mean the same, whatever formats they came in: the same values, with
    /// the entries of dictionaries in any order.
    ///
    /// Integers and floats differ, and so do octets and their text in MessagePack and CBOR.
    /// For tests: builds a tree of both.
    #[must_use]
    pub fn same_as(&self, other: &Message<'_>) -> bool {
        same(&self.to_value(), &other.to_value())
    }
}

const fn check_length(bytes: &[u8], limits: &Limits) -> Result<(), DecodeError> {
    if bytes.len() > limits.message_bytes {
        let limit = limits.message_bytes;
        return Err(DecodeError::MessageTooLong { bytes: bytes.len(), limit });
    }
    Ok(())
}

/// Equality that ignores the order of dictionary entries; the last of equal keys counts.
fn same(left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(a, b)| same(a, b))
        }
        (Value::Dict(entries), Value::Dict(others)) => {
            let equal = |key: &str| match (left.get(key), right.get(key)) {
                (Some(left), Some(right)) => same(left, right),
                (_, None) | (None, _) => false,
            };
            entries.iter().chain(others).all(|(key, _)| equal(key))
        }
        _ => left == right,
    }
}

#[cfg(test)]
pub(crate) mod prop;
