//! MessagePack.

use super::run::{Plain, skip_list, skip_run};
use super::{Keys, Level, Nesting, Next};
use crate::DecodeError;
use crate::budget::Budget;
use crate::head::msgpack::{Head, head};
use crate::utf8;

/// The offset after the value that begins at `pos`.
///
/// Counts nested values, not the value itself.
pub(crate) fn skip(bytes: &[u8], pos: usize, budget: &mut Budget) -> Result<usize, DecodeError> {
    // Most payloads are a short list of plain values, which takes no more than this.
    if let Some(first @ 0x90..=0x9f) = bytes.get(pos) {
        return skip_list(bytes, pos, first & 0x0f, budget, pass_plain, skip_inside);
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
    loop {
        let start = pos;
        let next = nesting.current.next();
        nesting.current.remaining -= 1;
        let item;
        (item, pos) = head(bytes, pos)?;
        match item {
            Head::String(text) => utf8::check(text, pos)?,
            Head::Nil
            | Head::Bool(_)
            | Head::Unsigned(_)
            | Head::Signed(_)
            | Head::Float(_)
            | Head::Binary(_)
            | Head::Ext(..) => {
                if next == Next::Key(Keys::Strings) {
                    return Err(DecodeError::WrongKey { offset: start });
                }
            }
            Head::List(count) | Head::Dict(count) => {
                if matches!(next, Next::Key(_)) {
                    return Err(DecodeError::WrongKey { offset: start });
                }
                budget.check_depth(nesting.depth + 1, start)?;
                let dict = matches!(item, Head::Dict(_));
                let values = u64::from(count) << u32::from(dict);
                if values > (bytes.len() - pos) as u64 {
                    return Err(DecodeError::UnexpectedEnd { offset: start });
                }
                budget.take_values(u64::from(count), start)?;
                if count != 0 {
                    let keys = if dict { Some(nesting.keys()) } else { None };
                    nesting.enter(values, keys, 0);
                }
            }
        }
        pos = pass_plain(bytes, pos, &mut nesting.current);
        if nesting.is_complete() {
            return Ok(pos);
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
        0xa0..=0xbf => Plain::Text(first & 0x1f),
        0xd9 => Plain::Text8,
        0xda => Plain::Text16,
        0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => Plain::Scalar(1),
        0xcc | 0xd0 => Plain::Scalar(2),
        0xcd | 0xd1 => Plain::Scalar(3),
        0xca | 0xce | 0xd2 => Plain::Scalar(5),
        0xcb | 0xcf | 0xd3 => Plain::Scalar(9),
        _ => Plain::Other,
    }
}
