//! Arguments of a known shape: what is the same in all messages is encoded once.

use std::ops::Range;

use crate::payload::PayloadRepr;
use crate::write::{CborWriter, JsonWriter, MessagePackWriter, Shape, Writer, write_value};
use crate::{Format, Payload, Value};

/// `Arguments` with gaps for what differs from message to message.
///
/// For events that the router itself publishes often: to fill a gap costs a copy and a scalar, and
/// neither a tree of values nor its keys are made again.
#[derive(Debug)]
pub struct Template {
    /// The arguments, with null in place of each gap.
    args: Vec<Value<'static>>,
    json: Pieces,
    message_pack: Pieces,
    cbor: Pieces,
}

/// What is between the list's beginning, the gaps and the list's end, in one format.
#[derive(Debug)]
struct Pieces {
    octets: Vec<u8>,
    /// The places of the gaps.
    gaps: Vec<usize>,
}

impl Template {
    /// A template of some arguments; each [`Value::Null`] in them, however deep, is a gap.
    #[must_use]
    pub fn new(args: Vec<Value<'static>>) -> Self {
        Self {
            json: Pieces::cut(Format::Json, &args),
            message_pack: Pieces::cut(Format::MessagePack, &args),
            cbor: Pieces::cut(Format::Cbor, &args),
            args,
        }
    }

    /// A payload that has these values in its gaps, in their order; further gaps are null.
    #[must_use]
    pub const fn fill<'a>(&'a self, values: &'a [Value<'a>]) -> Payload<'a> {
        Payload(PayloadRepr::Filled { template: self, values })
    }

    /// Whether there are no arguments.
    pub(crate) const fn is_empty(&self) -> bool {
        self.args.is_empty()
    }

    /// About how many octets the filled arguments take when they are encoded.
    pub(crate) fn encoded_len_hint(&self, values: &[Value<'_>]) -> usize {
        self.json.octets.len() + values.iter().map(Value::encoded_len_hint).sum::<usize>()
    }

    /// The filled arguments as values.
    pub(crate) fn values<'a>(&'a self, values: &'a [Value<'a>]) -> Vec<Value<'a>> {
        let mut values = values.iter();
        self.args.iter().map(|arg| filled(arg, &mut values)).collect()
    }

    /// Writes the filled arguments.
    pub(crate) fn write<W: Writer>(&self, values: &[Value<'_>], writer: &mut W) {
        let Pieces { octets, gaps } = match W::FORMAT {
            Format::Json => &self.json,
            Format::MessagePack => &self.message_pack,
            Format::Cbor => &self.cbor,
        };
        let at = writer.begin(Shape::List, Some(self.args.len()));
        let mut values = values.iter();
        let mut start = 0;
        for gap in gaps {
            writer.between(octets.get(start..*gap).unwrap_or_default());
            write_value(writer, values.next().unwrap_or(&Value::Null));
            start = *gap;
        }
        writer.between(octets.get(start..).unwrap_or_default());
        writer.end(Shape::List, at, None);
    }
}

/// A value with its gaps filled.
fn filled<'a>(
    value: &'a Value<'static>,
    values: &mut impl Iterator<Item = &'a Value<'a>>,
) -> Value<'a> {
    match value {
        Value::Null => values.next().cloned().unwrap_or(Value::Null),
        Value::List(items) => Value::List(items.iter().map(|item| filled(item, values)).collect()),
        Value::Dict(entries) => {
            let entries = entries.iter().map(|(key, value)| (key.clone(), filled(value, values)));
            Value::Dict(entries.collect())
        }
        Value::Bool(_)
        | Value::Unsigned(_)
        | Value::Signed(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Binary(_) => value.clone(),
    }
}

impl Pieces {
    fn cut(format: Format, args: &[Value<'_>]) -> Self {
        let mut out = Vec::new();
        let (all, nulls) = match format {
            Format::Json => mark(&mut JsonWriter::new(&mut out), args),
            Format::MessagePack => mark(&mut MessagePackWriter::new(&mut out), args),
            Format::Cbor => mark(&mut CborWriter::new(&mut out), args),
        };
        let mut pieces = Self { octets: Vec::new(), gaps: Vec::new() };
        let mut start = all.start;
        for null in nulls {
            pieces.octets.extend_from_slice(out.get(start..null.start).unwrap_or_default());
            pieces.gaps.push(pieces.octets.len());
            start = null.end;
        }
        pieces.octets.extend_from_slice(out.get(start..all.end).unwrap_or_default());
        pieces
    }
}

/// Writes arguments; where they are, without the list around them, and where in them nulls are.
fn mark<W: Writer>(writer: &mut W, args: &[Value<'_>]) -> (Range<usize>, Vec<Range<usize>>) {
    let mut nulls = Vec::new();
    writer.begin(Shape::List, Some(args.len()));
    let start = writer.position();
    args.iter().for_each(|arg| mark_value(writer, arg, &mut nulls));
    (start..writer.position(), nulls)
}

fn mark_value<W: Writer>(writer: &mut W, value: &Value<'_>, nulls: &mut Vec<Range<usize>>) {
    match value {
        Value::Null => {
            writer.null();
            // A comma may have come before it.
            let end = writer.position();
            nulls.push(end - null_bytes(W::FORMAT)..end);
        }
        Value::List(items) => {
            let at = writer.begin(Shape::List, Some(items.len()));
            items.iter().for_each(|item| mark_value(writer, item, nulls));
            writer.end(Shape::List, at, None);
        }
        Value::Dict(entries) => {
            let at = writer.begin(Shape::Dict, Some(entries.len()));
            for (key, value) in entries {
                writer.key(key.as_bytes());
                mark_value(writer, value, nulls);
            }
            writer.end(Shape::Dict, at, None);
        }
        Value::Bool(_)
        | Value::Unsigned(_)
        | Value::Signed(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Binary(_) => write_value(writer, value),
    }
}

/// The length of an encoded null.
const fn null_bytes(format: Format) -> usize {
    match format {
        Format::Json => "null".len(),
        Format::MessagePack | Format::Cbor => 1,
    }
}

#[cfg(test)]
mod tests;
