//! MessagePack.

use super::{Keys, Nesting, Next, is_short_ascii};
use crate::DecodeError;
use crate::budget::Budget;
use crate::head::check_utf8;
use crate::head::msgpack::{Head, head};

/// The offset after the value that begins at `pos`.
///
/// Counts nested values, not the value itself.
pub(crate) fn skip(
    bytes: &[u8],
    mut pos: usize,
    budget: &mut Budget,
) -> Result<usize, DecodeError> {
    let mut nesting = Nesting::new();
    loop {
        let start = pos;
        let next = nesting.current.next();
        if let Some(end) = skip_plain(bytes, pos, next) {
            pos = end;
            if nesting.end_value() {
                return Ok(pos);
            }
            continue;
        }
        let item;
        (item, pos) = head(bytes, pos)?;
        match item {
            Head::String(text) => check_utf8(text, pos)?,
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
                    continue;
                }
            }
        }
        if nesting.end_value() {
            return Ok(pos);
        }
    }
}

/// The offset after a short string of ASCII, or a number, truth value or nil: what lists are made
/// of. `None` leaves the value, and whatever may be wrong with it, to the careful way.
#[inline]
fn skip_plain(bytes: &[u8], pos: usize, next: Next) -> Option<usize> {
    let first = *bytes.get(pos)?;
    let octets = match first {
        0xa0..=0xbf => {
            let len = first & 0x1f;
            return is_short_ascii(bytes, pos + 1, len).then(|| pos + 1 + usize::from(len));
        }
        _ if next == Next::Key(Keys::Strings) => return None,
        0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => 1,
        0xcc | 0xd0 => 2,
        0xcd | 0xd1 => 3,
        0xca | 0xce | 0xd2 => 5,
        0xcb | 0xcf | 0xd3 => 9,
        _ => return None,
    };
    let end = pos + octets;
    (end <= bytes.len()).then_some(end)
}
