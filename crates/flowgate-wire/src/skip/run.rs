//! The fast way over strings and scalars: what the lists and dictionaries of binary formats are
//! mostly made of.
//!
//! It takes a value only where nothing can be wrong with it, and leaves every other one, and every
//! error, to the careful way.

use super::{Keys, Level, Nesting};
use crate::block::{SHORT, non_ascii};
use crate::budget::Budget;
use crate::{DecodeError, utf8};

/// What the first octet of a value says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Plain {
    /// A string of so many octets, less than [`SHORT`].
    Text(u8),
    /// A string whose length stands in the next octet.
    Text8,
    /// A string whose length stands in the next two octets.
    Text16,
    /// A number, truth value or null of so many octets, the first included.
    Scalar(usize),
    /// Anything else.
    Other,
}

/// The offset after the list of `count` values at `start` whose count stands in its first octet, and
/// which is the outermost value; `skip_inside` skips what is behind the plain values at its front.
#[inline(always)]
pub(super) fn skip_list(
    bytes: &[u8],
    start: usize,
    count: u8,
    budget: &mut Budget,
    pass_plain: impl Fn(&[u8], usize, &mut Level) -> usize,
    skip_inside: impl Fn(&[u8], usize, Nesting, &mut Budget) -> Result<usize, DecodeError>,
) -> Result<usize, DecodeError> {
    budget.check_depth(1, start)?;
    let mut level = Level { remaining: u64::from(count), keys: None, height: 1 };
    let pos = start + 1;
    // Each value takes an octet at least.
    if usize::from(count) > bytes.len() - pos {
        return Err(DecodeError::UnexpectedEnd { offset: start });
    }
    budget.take_values(u64::from(count), start)?;
    let pos = pass_plain(bytes, pos, &mut level);
    match level.remaining {
        0 => Ok(pos),
        _ => skip_inside(bytes, pos, Nesting::inside(level), budget),
    }
}

/// The offset after as many plain values of `level` as follow each other; takes them from the
/// level's count, which is definite.
#[inline(always)]
pub(super) fn skip_run(
    bytes: &[u8],
    mut pos: usize,
    level: &mut Level,
    plain: impl Fn(u8) -> Plain,
) -> usize {
    let strings_alone = level.keys == Some(Keys::Strings);
    let mut remaining = level.remaining;
    while remaining != 0 {
        let Some(first) = bytes.get(pos) else { break };
        let octets = match plain(*first) {
            Plain::Text(len) if is_short_ascii(bytes, pos + 1, len) => 1 + usize::from(len),
            text @ (Plain::Text8 | Plain::Text16) => match long_text(bytes, pos, text) {
                Some(octets) => octets,
                None => break,
            },
            // Keys come where the count is even.
            Plain::Scalar(_) if strings_alone && remaining.is_multiple_of(2) => break,
            Plain::Scalar(octets) if octets <= bytes.len() - pos => octets,
            Plain::Text(_) | Plain::Scalar(_) | Plain::Other => break,
        };
        pos += octets;
        remaining -= 1;
    }
    level.remaining = remaining;
    pos
}

/// How many octets the string at `pos` takes, its first included; `None` unless it is there and
/// UTF-8.
///
/// Not inlined, since the loop is for short values.
#[inline(never)]
fn long_text(bytes: &[u8], pos: usize, text: Plain) -> Option<usize> {
    let (len, header) = match (text, bytes.get(pos..)?) {
        (Plain::Text8, [_, len, ..]) => (usize::from(*len), 2),
        (Plain::Text16, [_, high, low, ..]) => (usize::from(u16::from_be_bytes([*high, *low])), 3),
        _ => return None,
    };
    let start = pos + header;
    utf8::text(bytes.get(start..start + len)?)?;
    Some(header + len)
}

/// Whether the first `len` octets at `pos` are there and ASCII.
#[inline(always)]
fn is_short_ascii(bytes: &[u8], pos: usize, len: u8) -> bool {
    let text: u64 = (1 << len) - 1;
    if let Some(block) = bytes.get(pos..).and_then(<[u8]>::first_chunk::<SHORT>) {
        return non_ascii(block) & text == 0;
    }
    // The last block of the input begins before the string.
    match (bytes.last_chunk::<SHORT>(), bytes.len().checked_sub(pos)) {
        (Some(block), Some(rest)) if usize::from(len) <= rest => {
            non_ascii(block) >> (SHORT - rest) & text == 0
        }
        _ => is_all_ascii(bytes, pos, len),
    }
}

/// The same where the whole input is shorter than a block.
#[inline(never)]
fn is_all_ascii(bytes: &[u8], pos: usize, len: u8) -> bool {
    bytes.get(pos..pos + usize::from(len)).is_some_and(<[u8]>::is_ascii)
}

#[cfg(test)]
mod tests;
