//! From one format to another, token by token, without a tree and without recursion.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::Format;
use crate::token::{CborTokens, JsonTokens, MessagePackTokens, Token, Tokens, count_down};
use crate::write::{Shape, Writer};

/// What becomes of entries of the outermost dictionary whose value is `undefined`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undefined {
    /// They are left out: options and details.
    Absent,
    /// Their value is null: payload.
    Null,
}

/// Writes `count` checked values that follow each other in `bytes`.
///
/// Total: see docs/payload.md for what becomes of values that the target cannot express.
pub(crate) fn transcode(
    format: Format,
    bytes: &[u8],
    count: usize,
    undefined: Undefined,
    writer: &mut impl Writer,
) {
    match format {
        Format::Json => values(&mut JsonTokens::new(bytes), count, undefined, writer),
        Format::MessagePack => {
            values(&mut MessagePackTokens::new(bytes), count, undefined, writer);
        }
        Format::Cbor => values(&mut CborTokens::new(bytes), count, undefined, writer),
    }
}

fn values<'a>(
    tokens: &mut impl Tokens<'a>,
    count: usize,
    undefined: Undefined,
    writer: &mut impl Writer,
) {
    for _ in 0..count {
        value(tokens, undefined, writer);
    }
}

/// How many open lists and dictionaries need no allocation; deeper payloads are rare.
const INLINE: usize = 16;

/// A list or dictionary that is being written.
#[derive(Debug, Clone, Copy, Default)]
struct Open {
    shape: Shape,
    /// What the source declares to come.
    remaining: Option<u64>,
    /// What the writer gave for [`Writer::end`].
    at: usize,
    /// Items or entries so far, if the writer has not been told yet.
    count: Option<usize>,
}

fn value<'a, W: Writer>(tokens: &mut impl Tokens<'a>, undefined: Undefined, writer: &mut W) {
    let mut open: SmallVec<[Open; INLINE]> = SmallVec::new();
    let Some(mut current) = begin(tokens.token(), undefined == Undefined::Absent, writer) else {
        return;
    };
    loop {
        let more = count_down(&mut current.remaining);
        let token = match (more, current.shape) {
            (false, _) => Token::End,
            (true, Shape::List) => tokens.token(),
            (true, Shape::Dict) => {
                let key = tokens.key();
                if matches!(key, Token::End) {
                    key
                } else {
                    let token = tokens.token();
                    let optional = undefined == Undefined::Absent && open.is_empty();
                    if optional && matches!(token, Token::Undefined) {
                        continue;
                    }
                    write_key(key, writer);
                    token.or_null()
                }
            }
        };
        if matches!(token, Token::End) {
            writer.end(current.shape, current.at, current.count);
            match open.pop() {
                Some(parent) => current = parent,
                None => return,
            }
            continue;
        }
        if let Some(count) = &mut current.count {
            *count += 1;
        }
        if let Some(inner) = begin(token, false, writer) {
            open.push(current);
            current = inner;
        }
    }
}

/// Writes a scalar, or begins a list or dictionary.
#[inline]
fn begin(token: Token<'_>, count_late: bool, writer: &mut impl Writer) -> Option<Open> {
    let (shape, remaining) = match token {
        Token::List(remaining) => (Shape::List, remaining),
        Token::Dict(remaining) => (Shape::Dict, remaining),
        // The most frequent one has a way of its own.
        Token::String(Cow::Borrowed(text)) => {
            writer.string(text);
            return None;
        }
        Token::Null
        | Token::Undefined
        | Token::Bool(_)
        | Token::Unsigned(_)
        | Token::Signed(_)
        | Token::Float(_)
        | Token::String(_)
        | Token::Binary(_)
        | Token::End => {
            write_scalar(token, writer);
            return None;
        }
    };
    let declared = remaining.filter(|_| !count_late).and_then(|count| usize::try_from(count).ok());
    let at = writer.begin(shape, declared);
    let count = if declared.is_none() { Some(0) } else { None };
    Some(Open { shape, remaining, at, count })
}

fn write_key<W: Writer>(key: Token<'_>, writer: &mut W) {
    match (key, W::FORMAT) {
        (Token::String(key), _) => writer.key(&key),
        (key, Format::Json) => writer.key(key.into_key().as_bytes()),
        (key, Format::MessagePack | Format::Cbor) => write_scalar(key, writer),
    }
}

fn write_scalar(token: Token<'_>, writer: &mut impl Writer) {
    match token {
        Token::Bool(truth) => writer.bool(truth),
        Token::Unsigned(number) => writer.unsigned(number),
        Token::Signed(number) => writer.signed(number),
        Token::Float(number) => writer.float(number),
        Token::String(text) => writer.string(&text),
        Token::Binary(octets) => writer.binary(&octets),
        Token::Null | Token::Undefined | Token::End | Token::List(_) | Token::Dict(_) => {
            writer.null();
        }
    }
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod prop;
