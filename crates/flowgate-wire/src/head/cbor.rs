//! CBOR.
//!
//! Source: RFC 8949, "Specification of the CBOR Encoding".

use super::{fixed, take};
use crate::{DecodeError, Format};

pub(crate) const fn malformed(offset: usize) -> DecodeError {
    DecodeError::Malformed { format: Format::Cbor, offset }
}

/// One item; of lists and dictionaries only the number of items or entries, `None` if indefinite.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Head<'a> {
    Unsigned(u64),
    /// −1 minus this.
    Negative(u64),
    /// `None`: [`Chunks`] follow.
    Binary(Option<&'a [u8]>),
    /// `None`: [`Chunks`] follow. Not yet checked.
    Text(Option<&'a [u8]>),
    List(Option<u64>),
    Dict(Option<u64>),
    Tag(u64),
    Bool(bool),
    Null,
    Undefined,
    /// Any other simple value; none has a meaning.
    Simple,
    Float(f64),
    Break,
}

/// The unsigned integer at `pos` and the offset after it, if one stands there without a tag.
///
/// For the identifiers in envelopes; leaves everything else to [`head`].
#[inline]
pub(crate) fn unsigned(bytes: &[u8], pos: usize) -> Option<(u64, usize)> {
    match *bytes.get(pos..)? {
        [first @ 0x00..=0x17, ..] => Some((u64::from(first), pos + 1)),
        [0x18, a, ..] => Some((u64::from(a), pos + 2)),
        [0x19, a, b, ..] => Some((u64::from(u16::from_be_bytes([a, b])), pos + 3)),
        [0x1a, a, b, c, d, ..] => Some((u64::from(u32::from_be_bytes([a, b, c, d])), pos + 5)),
        [0x1b, a, b, c, d, e, f, g, h, ..] => {
            Some((u64::from_be_bytes([a, b, c, d, e, f, g, h]), pos + 9))
        }
        _ => None,
    }
}

/// The octets of the string at `pos`, if it is a short one without a tag, and the offset after it.
///
/// Leaves everything else to [`head`].
#[inline]
pub(crate) fn short_text(bytes: &[u8], pos: usize) -> Option<(&[u8], usize)> {
    match bytes.get(pos) {
        Some(first @ 0x60..=0x77) => {
            let end = pos + 1 + usize::from(first & 0x1f);
            Some((bytes.get(pos + 1..end)?, end))
        }
        _ => None,
    }
}

/// The head of the item at `pos` and the offset after it; definite strings are taken whole.
pub(crate) fn head(bytes: &[u8], pos: usize) -> Result<(Head<'_>, usize), DecodeError> {
    head_inlined(bytes, pos)
}

/// [`head`] for the one loop that runs for every value of a payload: a third fewer instructions
/// for a list of short strings. Elsewhere it is slower.
#[inline(always)]
pub(crate) fn head_inlined(bytes: &[u8], pos: usize) -> Result<(Head<'_>, usize), DecodeError> {
    let Some(&first) = bytes.get(pos) else {
        return Err(DecodeError::UnexpectedEnd { offset: pos });
    };
    let info = first & 0x1f;
    let next = pos + 1;
    match first {
        0x00..=0x17 => Ok((Head::Unsigned(u64::from(first)), next)),
        0x60..=0x77 => {
            let (text, next) = take(bytes, next, u64::from(info), pos)?;
            Ok((Head::Text(Some(text)), next))
        }
        0x80..=0x97 => Ok((Head::List(Some(u64::from(info))), next)),
        0xa0..=0xb7 => Ok((Head::Dict(Some(u64::from(info))), next)),
        0xe0..=0xff => simple(bytes, pos, info),
        0x18..=0x5f | 0x78..=0x7f | 0x98..=0x9f | 0xb8..=0xdf => long(bytes, pos, first),
    }
}

fn long(bytes: &[u8], pos: usize, first: u8) -> Result<(Head<'_>, usize), DecodeError> {
    let info = first & 0x1f;
    let (argument, next) = match info {
        0..=23 => (Some(u64::from(info)), pos + 1),
        24..=27 => {
            let (argument, next) = long_argument(bytes, pos + 1, info)?;
            (Some(argument), next)
        }
        31 => (None, pos + 1),
        _ => return Err(malformed(pos)),
    };
    match (first >> 5, argument) {
        (0, Some(argument)) => Ok((Head::Unsigned(argument), next)),
        (1, Some(argument)) => Ok((Head::Negative(argument), next)),
        (2, Some(len)) => {
            let (octets, next) = take(bytes, next, len, pos)?;
            Ok((Head::Binary(Some(octets)), next))
        }
        (2, None) => Ok((Head::Binary(None), next)),
        (3, Some(len)) => {
            let (text, next) = take(bytes, next, len, pos)?;
            Ok((Head::Text(Some(text)), next))
        }
        (3, None) => Ok((Head::Text(None), next)),
        (4, count) => Ok((Head::List(count), next)),
        (5, count) => Ok((Head::Dict(count), next)),
        (6, Some(tag)) => Ok((Head::Tag(tag), next)),
        _ => Err(malformed(pos)),
    }
}

fn long_argument(bytes: &[u8], pos: usize, info: u8) -> Result<(u64, usize), DecodeError> {
    match info {
        24 => fixed(bytes, pos).map(|(octets, next)| (u64::from(u8::from_be_bytes(octets)), next)),
        25 => fixed(bytes, pos).map(|(octets, next)| (u64::from(u16::from_be_bytes(octets)), next)),
        26 => fixed(bytes, pos).map(|(octets, next)| (u64::from(u32::from_be_bytes(octets)), next)),
        _ => fixed(bytes, pos).map(|(octets, next)| (u64::from_be_bytes(octets), next)),
    }
}

fn simple(bytes: &[u8], pos: usize, info: u8) -> Result<(Head<'_>, usize), DecodeError> {
    let next = pos + 1;
    match info {
        0..=19 => Ok((Head::Simple, next)),
        20 => Ok((Head::Bool(false), next)),
        21 => Ok((Head::Bool(true), next)),
        22 => Ok((Head::Null, next)),
        23 => Ok((Head::Undefined, next)),
        24 => match fixed(bytes, next)? {
            // Below 32 the short form is the only one.
            ([0..=31], _) => Err(malformed(pos)),
            (_, next) => Ok((Head::Simple, next)),
        },
        25 => fixed(bytes, next)
            .map(|(octets, next)| (Head::Float(half(u16::from_be_bytes(octets))), next)),
        26 => fixed(bytes, next)
            .map(|(octets, next)| (Head::Float(f64::from(f32::from_be_bytes(octets))), next)),
        27 => {
            fixed(bytes, next).map(|(octets, next)| (Head::Float(f64::from_be_bytes(octets)), next))
        }
        31 => Ok((Head::Break, next)),
        _ => Err(malformed(pos)),
    }
}

/// The number that a half-precision float stands for; every one is exact in double precision.
fn half(bits: u16) -> f64 {
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f64::from(bits & 0x3ff);
    let magnitude = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if bits & 0x3ff == 0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (fraction + 1024.0) * 2f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}

/// The chunks of a string of indefinite length.
#[derive(Debug)]
pub(crate) struct Chunks<'a> {
    bytes: &'a [u8],
    pos: usize,
    text: bool,
}

impl<'a> Chunks<'a> {
    pub(crate) const fn text(bytes: &'a [u8], pos: usize) -> Self {
        Self { bytes, pos, text: true }
    }

    pub(crate) const fn binary(bytes: &'a [u8], pos: usize) -> Self {
        Self { bytes, pos, text: false }
    }

    /// The offset after the last chunk, and after the break when there is no other.
    pub(crate) const fn pos(&self) -> usize {
        self.pos
    }

    /// The next chunk; `None` after the break, which may be read once.
    #[allow(clippy::should_implement_trait, reason = "fails, and must not be called after the end")]
    pub(crate) fn next(&mut self) -> Result<Option<&'a [u8]>, DecodeError> {
        let (item, next) = head(self.bytes, self.pos)?;
        let chunk = match (item, self.text) {
            (Head::Text(Some(chunk)), true) | (Head::Binary(Some(chunk)), false) => Some(chunk),
            (Head::Break, _) => None,
            _ => return Err(malformed(self.pos)),
        };
        self.pos = next;
        Ok(chunk)
    }
}
