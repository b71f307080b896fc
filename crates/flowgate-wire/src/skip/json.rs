//! JSON.

use crate::DecodeError;
use crate::budget::Budget;
use crate::scan::{malformed, number_end, skip_space, string_end, word_end};

/// One bit a level: whether it is a dictionary. Sixty-four levels need no allocation.
#[derive(Debug, Default)]
struct Levels {
    top: u64,
    depth: usize,
    spilled: Vec<u64>,
}

impl Levels {
    fn push(&mut self, dict: bool) {
        if self.depth != 0 && self.depth.is_multiple_of(64) {
            self.spilled.push(self.top);
        }
        self.top = self.top << 1 | u64::from(dict);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.top >>= 1;
        if self.depth != 0 && self.depth.is_multiple_of(64) {
            self.top = self.spilled.pop().unwrap_or_default();
        }
    }

    const fn in_dict(&self) -> bool {
        self.top & 1 == 1
    }
}

/// The offset after the value that begins at `pos` (no white space before it).
///
/// Counts nested values, not the value itself.
pub(crate) fn skip(
    bytes: &[u8],
    mut pos: usize,
    budget: &mut Budget,
) -> Result<usize, DecodeError> {
    let mut levels = Levels::default();
    loop {
        // A value begins here.
        match bytes.get(pos) {
            Some(b'"') => pos = string_end(bytes, pos + 1)?.0 + 1,
            Some(b'-' | b'0'..=b'9') => pos = number_end(bytes, pos)?.0,
            Some(open @ (b'[' | b'{')) => {
                let dict = *open == b'{';
                budget.check_depth(levels.depth + 1, pos)?;
                levels.push(dict);
                pos = skip_space(bytes, pos + 1);
                let close = if dict { b'}' } else { b']' };
                if bytes.get(pos) == Some(&close) {
                    levels.pop();
                    pos += 1;
                } else {
                    if dict {
                        pos = skip_key(bytes, pos)?;
                    }
                    budget.take_value(pos)?;
                    continue;
                }
            }
            Some(b't') => pos = word_end(bytes, pos, b"true")?,
            Some(b'f') => pos = word_end(bytes, pos, b"false")?,
            Some(b'n') => pos = word_end(bytes, pos, b"null")?,
            Some(_) => return Err(malformed(pos)),
            None => return Err(DecodeError::UnexpectedEnd { offset: pos }),
        }
        // A value has ended; leave the levels that end with it.
        loop {
            if levels.depth == 0 {
                return Ok(pos);
            }
            pos = skip_space(bytes, pos);
            match (bytes.get(pos), levels.in_dict()) {
                (Some(b','), dict) => {
                    pos = skip_space(bytes, pos + 1);
                    if dict {
                        pos = skip_key(bytes, pos)?;
                    }
                    budget.take_value(pos)?;
                    break;
                }
                (Some(b']'), false) | (Some(b'}'), true) => {
                    levels.pop();
                    pos += 1;
                }
                (Some(_), _) => return Err(malformed(pos)),
                (None, _) => return Err(DecodeError::UnexpectedEnd { offset: pos }),
            }
        }
    }
}

/// The offset of the value to the key that begins at `pos`.
fn skip_key(bytes: &[u8], pos: usize) -> Result<usize, DecodeError> {
    match bytes.get(pos) {
        Some(b'"') => {}
        Some(_) => return Err(malformed(pos)),
        None => return Err(DecodeError::UnexpectedEnd { offset: pos }),
    }
    let (end, _) = string_end(bytes, pos + 1)?;
    let colon = skip_space(bytes, end + 1);
    match bytes.get(colon) {
        Some(b':') => Ok(skip_space(bytes, colon + 1)),
        Some(_) => Err(malformed(colon)),
        None => Err(DecodeError::UnexpectedEnd { offset: colon }),
    }
}
