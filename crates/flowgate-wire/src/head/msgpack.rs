//! MessagePack.
//!
//! Source: the MessagePack specification, "Formats".

use super::{fixed, take};
use crate::{DecodeError, Format};

/// One item; of lists and dictionaries only the number of items or entries.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Head<'a> {
    Nil,
    Bool(bool),
    Unsigned(u64),
    /// Negative.
    Signed(i64),
    Float(f64),
    /// Not yet checked.
    String(&'a [u8]),
    Binary(&'a [u8]),
    Ext(i8, &'a [u8]),
    List(u32),
    Dict(u32),
}

const fn integer(number: i64) -> Head<'static> {
    if number < 0 { Head::Signed(number) } else { Head::Unsigned(number.cast_unsigned()) }
}

/// The unsigned integer at `pos` and the offset after it, if one stands there.
///
/// For the identifiers in envelopes; leaves the signed codes and everything else to [`head`].
#[inline]
pub(crate) fn unsigned(bytes: &[u8], pos: usize) -> Option<(u64, usize)> {
    match *bytes.get(pos..)? {
        [first @ 0x00..=0x7f, ..] => Some((u64::from(first), pos + 1)),
        [0xcc, a, ..] => Some((u64::from(a), pos + 2)),
        [0xcd, a, b, ..] => Some((u64::from(u16::from_be_bytes([a, b])), pos + 3)),
        [0xce, a, b, c, d, ..] => Some((u64::from(u32::from_be_bytes([a, b, c, d])), pos + 5)),
        [0xcf, a, b, c, d, e, f, g, h, ..] => {
            Some((u64::from_be_bytes([a, b, c, d, e, f, g, h]), pos + 9))
        }
        _ => None,
    }
}

/// The head of the item at `pos` and the offset after it; strings and octets are taken whole.
#[inline]
pub(crate) fn head(bytes: &[u8], pos: usize) -> Result<(Head<'_>, usize), DecodeError> {
    let Some(&first) = bytes.get(pos) else {
        return Err(DecodeError::UnexpectedEnd { offset: pos });
    };
    let next = pos + 1;
    match first {
        0x00..=0x7f => Ok((Head::Unsigned(u64::from(first)), next)),
        0x80..=0x8f => Ok((Head::Dict(u32::from(first & 0x0f)), next)),
        0x90..=0x9f => Ok((Head::List(u32::from(first & 0x0f)), next)),
        0xa0..=0xbf => {
            let (text, next) = take(bytes, next, u64::from(first & 0x1f), pos)?;
            Ok((Head::String(text), next))
        }
        0xe0..=0xff => Ok((Head::Signed(i64::from(first.cast_signed())), next)),
        0xc0..=0xdf => long(bytes, pos, first),
    }
}

fn long(bytes: &[u8], pos: usize, first: u8) -> Result<(Head<'_>, usize), DecodeError> {
    let next = pos + 1;
    match first {
        0xc0 => Ok((Head::Nil, next)),
        0xc2 => Ok((Head::Bool(false), next)),
        0xc3 => Ok((Head::Bool(true), next)),
        0xc4..=0xc6 => {
            let (len, next) = length(bytes, next, first - 0xc4)?;
            let (octets, next) = take(bytes, next, u64::from(len), pos)?;
            Ok((Head::Binary(octets), next))
        }
        0xc7..=0xc9 => {
            let (len, next) = length(bytes, next, first - 0xc7)?;
            ext(bytes, next, len, pos)
        }
        0xca => fixed(bytes, next)
            .map(|(octets, next)| (Head::Float(f64::from(f32::from_be_bytes(octets))), next)),
        0xcb => {
            fixed(bytes, next).map(|(octets, next)| (Head::Float(f64::from_be_bytes(octets)), next))
        }
        0xcc => fixed(bytes, next)
            .map(|(octets, next)| (Head::Unsigned(u64::from(u8::from_be_bytes(octets))), next)),
        0xcd => fixed(bytes, next)
            .map(|(octets, next)| (Head::Unsigned(u64::from(u16::from_be_bytes(octets))), next)),
        0xce => fixed(bytes, next)
            .map(|(octets, next)| (Head::Unsigned(u64::from(u32::from_be_bytes(octets))), next)),
        0xcf => fixed(bytes, next)
            .map(|(octets, next)| (Head::Unsigned(u64::from_be_bytes(octets)), next)),
        0xd0 => fixed(bytes, next)
            .map(|(octets, next)| (integer(i64::from(i8::from_be_bytes(octets))), next)),
        0xd1 => fixed(bytes, next)
            .map(|(octets, next)| (integer(i64::from(i16::from_be_bytes(octets))), next)),
        0xd2 => fixed(bytes, next)
            .map(|(octets, next)| (integer(i64::from(i32::from_be_bytes(octets))), next)),
        0xd3 => {
            fixed(bytes, next).map(|(octets, next)| (integer(i64::from_be_bytes(octets)), next))
        }
        0xd4..=0xd8 => ext(bytes, next, 1 << (first - 0xd4), pos),
        0xd9..=0xdb => {
            let (len, next) = length(bytes, next, first - 0xd9)?;
            let (text, next) = take(bytes, next, u64::from(len), pos)?;
            Ok((Head::String(text), next))
        }
        0xdc | 0xdd => {
            length(bytes, next, first - 0xdb).map(|(count, next)| (Head::List(count), next))
        }
        0xde | 0xdf => {
            length(bytes, next, first - 0xdd).map(|(count, next)| (Head::Dict(count), next))
        }
        // 0xc1 is never used; all others are handled by the caller.
        _ => Err(DecodeError::Malformed { format: Format::MessagePack, offset: pos }),
    }
}

/// A length of 1, 2 or 4 octets, for width 0, 1 and 2.
fn length(bytes: &[u8], pos: usize, width: u8) -> Result<(u32, usize), DecodeError> {
    match width {
        0 => fixed(bytes, pos).map(|(octets, next)| (u32::from(u8::from_be_bytes(octets)), next)),
        1 => fixed(bytes, pos).map(|(octets, next)| (u32::from(u16::from_be_bytes(octets)), next)),
        _ => fixed(bytes, pos).map(|(octets, next)| (u32::from_be_bytes(octets), next)),
    }
}

fn ext(bytes: &[u8], pos: usize, len: u32, start: usize) -> Result<(Head<'_>, usize), DecodeError> {
    let (kind, next) = fixed(bytes, pos)?;
    let (octets, next) = take(bytes, next, u64::from(len), start)?;
    Ok((Head::Ext(i8::from_be_bytes(kind), octets), next))
}
