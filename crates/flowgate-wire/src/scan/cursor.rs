//! Strings that follow each other, as in the payload of a message.

use super::{escaped_string_end, find_special, find_special_long, list::pass_blocks};
use crate::DecodeError;
use crate::block::{BLOCK, specials};
use crate::budget::Budget;

/// Finds the ends of the strings of one text, in ascending order.
///
/// Each block of text is classified once, however many strings end in it: the offset of the next
/// end is a shift and a bit scan away from that of the last one, and no octet is looked at.
/// Blocks are whole; what is left of the text after the last one is scanned word by word, and what
/// is longer than a block by the vectorized search, which costs more to start.
#[derive(Debug, Clone)]
pub(crate) struct Strings {
    /// The quotes, backslashes and control characters of the block that ends at `end`, if any.
    specials: u64,
    /// The offset after the classified block; no block if nothing lies before the offset asked for.
    end: usize,
}

impl Strings {
    /// Before the first string.
    pub(crate) const fn new() -> Self {
        Self { specials: 0, end: 0 }
    }

    /// The offset of the first quote, backslash or control character at or after `pos`, which must
    /// not lie before what was found last; the length if there is none.
    #[inline]
    pub(crate) fn find(&mut self, bytes: &[u8], pos: usize) -> usize {
        if pos < self.end {
            let passed = BLOCK - (self.end - pos);
            let specials = self.specials >> passed;
            if specials != 0 {
                return pos + specials.trailing_zeros() as usize;
            }
        }
        self.find_beyond(bytes, pos.max(self.end))
    }

    #[inline(never)]
    fn find_beyond(&mut self, bytes: &[u8], pos: usize) -> usize {
        let Some(block) = bytes.get(pos..).and_then(<[u8]>::first_chunk::<BLOCK>) else {
            return find_special(bytes, pos);
        };
        self.specials = specials(block);
        self.end = pos + BLOCK;
        if self.specials == 0 {
            return find_special_long(bytes, self.end);
        }
        pos + self.specials.trailing_zeros() as usize
    }

    /// The offset after the closing quote of the string whose opening quote stands before `pos`.
    #[inline]
    pub(crate) fn skip(&mut self, bytes: &[u8], pos: usize) -> Result<usize, DecodeError> {
        let end = self.find(bytes, pos);
        after_quote(bytes, end)
    }

    /// The offset of the closing quote of that string, and whether it has escapes.
    #[inline]
    pub(crate) fn end(&mut self, bytes: &[u8], pos: usize) -> Result<(usize, bool), DecodeError> {
        let end = self.find(bytes, pos);
        if bytes.get(end) == Some(&b'"') {
            Ok((end, false))
        } else {
            escaped_string_end(bytes, end)
        }
    }

    /// The same for the last of several strings that have nothing but a comma between them; takes
    /// each but the first from the budget.
    #[inline]
    pub(crate) fn skip_run(
        &mut self,
        bytes: &[u8],
        pos: usize,
        budget: &mut Budget,
    ) -> Result<usize, DecodeError> {
        let mut left = *budget;
        let mut end = self.find(bytes, pos);
        let mut strings: u32 = 0;
        while bytes.get(end..).is_some_and(|rest| rest.starts_with(b"\",\"")) {
            left.take_value(end + 2)?;
            let mut pos = end + 3;
            strings = strings.wrapping_add(1);
            if strings == FEW {
                pos = pass_blocks(bytes, pos, &mut left);
            }
            end = self.find(bytes, pos);
        }
        *budget = left;
        after_quote(bytes, end)
    }
}

/// After how many strings with nothing but a comma between them more of the kind are likely.
const FEW: u32 = 4;

/// The offset after the closing quote of a string; its first special octet stands at `end`.
#[inline]
fn after_quote(bytes: &[u8], end: usize) -> Result<usize, DecodeError> {
    if bytes.get(end) == Some(&b'"') {
        Ok(end + 1)
    } else {
        escaped_string_end(bytes, end).map(|(end, _)| end + 1)
    }
}

#[cfg(test)]
mod prop;
