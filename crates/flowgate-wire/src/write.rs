//! Writing values: one trait, one implementation a format.

mod cbor;
mod json;
mod msgpack;
mod widen;

use crate::{Entry, Format, Value};

pub(crate) use cbor::CborWriter;
pub(crate) use json::JsonWriter;
pub(crate) use msgpack::MessagePackWriter;

/// What is being begun or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Shape {
    #[default]
    List,
    Dict,
}

/// Appends values to a buffer.
///
/// Inside a dictionary, keys and values alternate; a key of a binary format may be any scalar.
pub(crate) trait Writer {
    const FORMAT: Format;

    /// Begins a list or dictionary of `count` items or entries; `None` if that is told at its end.
    /// Returns the place to give to [`end`](Self::end).
    fn begin(&mut self, shape: Shape, count: Option<usize>) -> usize;

    /// Ends what was begun at `at`, with its count if [`begin`](Self::begin) was not told.
    fn end(&mut self, shape: Shape, at: usize, count: Option<usize>);

    /// A key of UTF-8.
    fn key(&mut self, key: &[u8]);
    fn null(&mut self);
    fn bool(&mut self, truth: bool);
    fn unsigned(&mut self, number: u64);
    /// A negative integer.
    fn signed(&mut self, number: i64);
    fn float(&mut self, number: f64);
    /// A string of UTF-8.
    fn string(&mut self, text: &[u8]);
    fn binary(&mut self, octets: &[u8]);

    /// One or more values (in JSON separated by commas) that are in this format already.
    fn raw(&mut self, encoded: &[u8]);

    /// What stands between two values or at the end of a list or dictionary, in this format: with
    /// its punctuation, if it has any.
    fn between(&mut self, encoded: &[u8]);

    /// How many octets there are so far.
    fn position(&self) -> usize;
}

/// Writes a value; recursive, since whoever made the value bounded its depth.
pub(crate) fn write_value(writer: &mut impl Writer, value: &Value<'_>) {
    match value {
        Value::Null => writer.null(),
        Value::Bool(truth) => writer.bool(*truth),
        Value::Unsigned(number) => writer.unsigned(*number),
        Value::Signed(number) => match u64::try_from(*number) {
            Ok(number) => writer.unsigned(number),
            Err(_) => writer.signed(*number),
        },
        Value::Float(number) => writer.float(*number),
        Value::String(text) => writer.string(text.as_bytes()),
        Value::Binary(octets) => writer.binary(octets),
        Value::List(items) => write_list(writer, items),
        Value::Dict(entries) => write_dict(writer, entries),
    }
}

pub(crate) fn write_list(writer: &mut impl Writer, items: &[Value<'_>]) {
    let at = writer.begin(Shape::List, Some(items.len()));
    for item in items {
        write_value(writer, item);
    }
    writer.end(Shape::List, at, None);
}

pub(crate) fn write_dict(writer: &mut impl Writer, entries: &[Entry<'_>]) {
    let at = writer.begin(Shape::Dict, Some(entries.len()));
    for (key, value) in entries {
        writer.key(key.as_bytes());
        write_value(writer, value);
    }
    writer.end(Shape::Dict, at, None);
}
