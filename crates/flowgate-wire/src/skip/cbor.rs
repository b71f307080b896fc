//! CBOR.

use super::run::{Plain, skip_list, skip_run};
use super::{INDEFINITE, Keys, Level, Nesting, Next};
use crate::DecodeError;
use crate::budget::Budget;
use crate::head::cbor::{Chunks, Head, head_inlined, malformed};
use crate::utf8;

/// The offset after the value that begins at `pos`, and what it is without its tags.
///
/// Counts nested values, not the value itself.
pub(crate) fn skip(bytes: &[u8], pos: usize, budget: &mut Budget) -> Result<usize, DecodeError> {
    // Most payloads are a short list of plain values, which takes no more than this.
    if let Some(first @ 0x80..=0x97) = bytes.get(pos) {
        return skip_list(bytes, pos, first & 0x1f, budget, pass_plain, skip_inside);
    }
    skip_inside(bytes, pos, Nesting::new(), budget)
}

/// The offset after what is left of a value.
fn skip_inside(
    bytes: &[u8],
    mut pos: usize,
    mut nesting: Nesting,
    budget: &mut Budget,
) -> Result<usize, DecodeError> {
    let mut tags = 0;
    loop {
        let start = pos;
        let next = nesting.current.next();
        let item;
        (item, pos) = head_inlined(bytes, pos)?;
        if !matches!(item, Head::Tag(_) | Head::Break) {
            if nesting.current.is_indefinite() && !matches!(next, Next::Key(_)) {
                budget.take_value(start)?;
            }
            nesting.current.remaining -= 1;
        }
        match item {
            Head::Text(Some(text)) => utf8::check(text, pos)?,
            Head::Text(None) => {
                let mut chunks = Chunks::text(bytes, pos);
                while let Some(chunk) = chunks.next()? {
                    utf8::check(chunk, chunks.pos())?;
                }
                pos = chunks.pos();
            }
            Head::Binary(_)
            | Head::Unsigned(_)
            | Head::Negative(_)
            | Head::Float(_)
            | Head::Bool(_)
            | Head::Null
            | Head::Undefined
            | Head::Simple => {
                if next == Next::Key(Keys::Strings) {
                    return Err(DecodeError::WrongKey { offset: start });
                }
                if matches!(item, Head::Binary(None)) {
                    let mut chunks = Chunks::binary(bytes, pos);
                    while chunks.next()?.is_some() {}
                    pos = chunks.pos();
                }
            }
            Head::List(count) | Head::Dict(count) => {
                if matches!(next, Next::Key(_)) {
                    return Err(DecodeError::WrongKey { offset: start });
                }
                budget.check_depth(nesting.depth + 1 + tags, start)?;
                let dict = matches!(item, Head::Dict(_));
                let keys = if dict { Some(nesting.keys()) } else { None };
                let Some(count) = count else {
                    nesting.enter(INDEFINITE, keys, tags);
                    tags = 0;
                    continue;
                };
                // Each value takes an octet at least.
                let values = count.saturating_mul(1 + u64::from(dict));
                if values > (bytes.len() - pos) as u64 {
                    return Err(DecodeError::UnexpectedEnd { offset: start });
                }
                budget.take_values(count, start)?;
                if count != 0 {
                    nesting.enter(values, keys, tags);
                }
            }
            Head::Tag(_) => {
                // Decoders recurse for tags as they do for lists.
                tags += 1;
                budget.check_depth(nesting.depth + tags, start)?;
                continue;
            }
            Head::Break => {
                let complete = matches!(next, Next::Item | Next::Key(_));
                if tags != 0 || !complete || !nesting.current.is_indefinite() {
                    return Err(malformed(start));
                }
                // The outermost level is definite, so there is a parent.
                nesting.leave();
            }
        }
        tags = 0;
        if !nesting.current.is_indefinite() {
            pos = pass_plain(bytes, pos, &mut nesting.current);
            if nesting.is_complete() {
                return Ok(pos);
            }
        }
    }
}

/// The offset after as many plain values of the level as follow each other.
///
/// Not inlined, so that the loop has all registers.
#[inline(never)]
fn pass_plain(bytes: &[u8], pos: usize, level: &mut Level) -> usize {
    skip_run(bytes, pos, level, plain)
}

#[inline(always)]
const fn plain(first: u8) -> Plain {
    match first {
        0x60..=0x77 => Plain::Text(first & 0x1f),
        0x78 => Plain::Text8,
        0x79 => Plain::Text16,
        0x00..=0x17 | 0x20..=0x37 | 0xf4..=0xf7 => Plain::Scalar(1),
        0x18 | 0x38 => Plain::Scalar(2),
        0x19 | 0x39 | 0xf9 => Plain::Scalar(3),
        0x1a | 0x3a | 0xfa => Plain::Scalar(5),
        0x1b | 0x3b | 0xfb => Plain::Scalar(9),
        _ => Plain::Other,
    }
}
