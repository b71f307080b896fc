//! JSON.

use crate::DecodeError;
use crate::budget::Budget;
use crate::scan::{Strings, malformed, number_end, skip_space, word_end};

/// One bit a level: whether it is a list. Sixty-four levels need no allocation.
#[derive(Debug, Default)]
struct Levels {
    top: u64,
    depth: usize,
    spilled: Vec<u64>,
}

impl Levels {
    fn push(&mut self, list: bool) {
        if self.depth != 0 && self.depth.is_multiple_of(64) {
            self.spilled.push(self.top);
        }
        self.top = self.top << 1 | u64::from(list);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.top >>= 1;
        if self.depth != 0 && self.depth.is_multiple_of(64) {
            self.top = self.spilled.pop().unwrap_or_default();
        }
    }

    /// Whether the innermost level is a list; `false` if there is none.
    const fn in_list(&self) -> bool {
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
    let mut strings = Strings::new();
    // Most payloads are a list that begins with a string.
    if bytes.get(pos..).is_some_and(|rest| rest.starts_with(b"[\"")) {
        budget.check_depth(1, pos)?;
        budget.take_value(pos + 1)?;
        pos = strings.skip_run(bytes, pos + 2, budget)?;
        if bytes.get(pos) == Some(&b']') {
            return Ok(pos + 1);
        }
        levels.push(true);
        match next_value(bytes, pos, &mut levels, &mut strings, budget)? {
            Next::Value(next) => pos = next,
            Next::End(end) => return Ok(end),
        }
    }
    loop {
        // A value begins here.
        match bytes.get(pos) {
            Some(b'"') if levels.in_list() => pos = strings.skip_run(bytes, pos + 1, budget)?,
            Some(b'"') => pos = strings.skip(bytes, pos + 1)?,
            Some(b'-' | b'0'..=b'9') => pos = number_end(bytes, pos)?.0,
            Some(open @ (b'[' | b'{')) => {
                let list = *open == b'[';
                budget.check_depth(levels.depth + 1, pos)?;
                levels.push(list);
                pos = skip_space(bytes, pos + 1);
                let close = if list { b']' } else { b'}' };
                if bytes.get(pos) == Some(&close) {
                    levels.pop();
                    pos += 1;
                } else {
                    if !list {
                        pos = skip_key(bytes, pos, &mut strings)?;
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
        match next_value(bytes, pos, &mut levels, &mut strings, budget)? {
            Next::Value(next) => pos = next,
            Next::End(end) => return Ok(end),
        }
    }
}

/// What comes after a value.
enum Next {
    /// Another one, at this offset.
    Value(usize),
    /// The end of the outermost one, before this offset.
    End(usize),
}

/// What comes after the value that has ended at `pos`; leaves the levels that end with it.
#[inline(always)]
fn next_value(
    bytes: &[u8],
    mut pos: usize,
    levels: &mut Levels,
    strings: &mut Strings,
    budget: &mut Budget,
) -> Result<Next, DecodeError> {
    loop {
        if levels.depth == 0 {
            return Ok(Next::End(pos));
        }
        pos = skip_space(bytes, pos);
        match (bytes.get(pos), levels.in_list()) {
            (Some(b','), list) => {
                pos = skip_space(bytes, pos + 1);
                if !list {
                    pos = skip_key(bytes, pos, strings)?;
                }
                budget.take_value(pos)?;
                return Ok(Next::Value(pos));
            }
            (Some(b']'), true) | (Some(b'}'), false) => {
                levels.pop();
                pos += 1;
            }
            (Some(_), _) => return Err(malformed(pos)),
            (None, _) => return Err(DecodeError::UnexpectedEnd { offset: pos }),
        }
    }
}

/// The offset of the value to the key that begins at `pos`.
#[inline]
fn skip_key(bytes: &[u8], pos: usize, strings: &mut Strings) -> Result<usize, DecodeError> {
    match bytes.get(pos) {
        Some(b'"') => {}
        Some(_) => return Err(malformed(pos)),
        None => return Err(DecodeError::UnexpectedEnd { offset: pos }),
    }
    let end = strings.skip(bytes, pos + 1)?;
    let colon = skip_space(bytes, end);
    match bytes.get(colon) {
        Some(b':') => Ok(skip_space(bytes, colon + 1)),
        Some(_) => Err(malformed(colon)),
        None => Err(DecodeError::UnexpectedEnd { offset: colon }),
    }
}
