//! MessagePack.

use super::{Keys, Nesting, Next};
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
        let item;
        (item, pos) = head(bytes, pos)?;
        let next = nesting.current.next;
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
                    let next = if dict { Next::Key(nesting.keys()) } else { Next::Item };
                    nesting.enter(values, next, 0);
                    continue;
                }
            }
        }
        if nesting.end_value() {
            return Ok(pos);
        }
    }
}
