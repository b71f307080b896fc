//! Finding the end of JSON strings and numbers.

mod cursor;
mod list;

use fearless_simd::{Level, Simd, SimdMask as _, dispatch};

use crate::block::{BLOCK, LANE, lane_specials, specials_in};
use crate::{DecodeError, Format};

pub(crate) use cursor::Strings;

pub(crate) const fn malformed(offset: usize) -> DecodeError {
    DecodeError::Malformed { format: Format::Json, offset }
}

/// How far strings are scanned lane by lane before the search by blocks takes over; below, it costs
/// more to start than it saves.
const SHORT: usize = 48;

/// Times an octet: that octet eight times.
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The offset after white space.
#[inline]
pub(crate) fn skip_space(bytes: &[u8], pos: usize) -> usize {
    // Mostly there is none, and all of it lies below any other octet of a text.
    match bytes.get(pos) {
        Some(..=b' ') => skip_some_space(bytes, pos),
        _ => pos,
    }
}

#[inline(never)]
fn skip_some_space(bytes: &[u8], mut pos: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(pos) {
        pos += 1;
    }
    pos
}

/// The offset of the first quote, backslash or control character at or after `pos`; the length if
/// there is none.
#[inline]
pub(crate) fn find_special(bytes: &[u8], mut pos: usize) -> usize {
    let short = pos + SHORT;
    while let Some(lane) = bytes.get(pos..).and_then(<[u8]>::first_chunk::<LANE>) {
        let specials = lane_specials(lane);
        if specials != 0 {
            return pos + specials.trailing_zeros() as usize;
        }
        pos += LANE;
        if pos >= short {
            return find_special_long(bytes, pos);
        }
    }
    // The last lane of the text begins before what is left of it.
    match (bytes.last_chunk::<LANE>(), bytes.len().checked_sub(pos)) {
        (Some(lane), Some(rest)) => {
            let specials = lane_specials(lane) >> (LANE - rest);
            if specials == 0 { bytes.len() } else { pos + specials.trailing_zeros() as usize }
        }
        _ => find_special_padded(bytes, pos),
    }
}

/// The same where the whole text is shorter than a lane.
#[inline]
fn find_special_padded(bytes: &[u8], pos: usize) -> usize {
    let rest = bytes.get(pos..).unwrap_or_default();
    let mut lane = [b' '; LANE];
    if let Some(start) = lane.get_mut(..rest.len()) {
        start.copy_from_slice(rest);
    }
    let specials = lane_specials(&lane);
    if specials == 0 { bytes.len() } else { pos + specials.trailing_zeros() as usize }
}

#[inline(never)]
fn find_special_long(bytes: &[u8], pos: usize) -> usize {
    find_special_on(Level::new(), bytes, pos)
}

/// The same on a machine that has at least this.
fn find_special_on(machine: Level, bytes: &[u8], pos: usize) -> usize {
    dispatch!(machine, simd => find_special_with(simd, bytes, pos))
}

/// The same, compiled once for each kind of machine.
#[inline(always)]
fn find_special_with<S: Simd>(simd: S, bytes: &[u8], mut pos: usize) -> usize {
    // Two blocks at once, while there is nothing in them.
    while let Some(blocks) = bytes.get(pos..).and_then(<[u8]>::first_chunk::<{ 2 * BLOCK }>)
        && let ([first, second], _) = blocks.as_chunks::<BLOCK>()
        && !(specials_in(simd, first) | specials_in(simd, second)).any_true()
    {
        pos += 2 * BLOCK;
    }
    while let Some(block) = bytes.get(pos..).and_then(<[u8]>::first_chunk::<BLOCK>) {
        let specials = specials_in(simd, block).to_bitmask();
        if specials != 0 {
            return pos + specials.trailing_zeros() as usize;
        }
        pos += BLOCK;
    }
    // What is left is shorter with each turn.
    find_special(bytes, pos)
}

/// Scans a string whose opening quote stands before `pos`: the offset of the closing quote, and
/// whether there are escapes.
#[inline]
pub(crate) fn string_end(bytes: &[u8], pos: usize) -> Result<(usize, bool), DecodeError> {
    let end = find_special(bytes, pos);
    if bytes.get(end) == Some(&b'"') { Ok((end, false)) } else { escaped_string_end(bytes, end) }
}

#[inline(never)]
fn escaped_string_end(bytes: &[u8], mut pos: usize) -> Result<(usize, bool), DecodeError> {
    let mut escapes = false;
    loop {
        pos = find_special(bytes, pos);
        match bytes.get(pos) {
            Some(b'"') => return Ok((pos, escapes)),
            Some(b'\\') => {
                escapes = true;
                pos = escape_end(bytes, pos)?;
            }
            Some(_) => return Err(malformed(pos)),
            None => return Err(DecodeError::UnexpectedEnd { offset: pos }),
        }
    }
}

/// The offset after the escape that begins at `pos`.
fn escape_end(bytes: &[u8], pos: usize) -> Result<usize, DecodeError> {
    match bytes.get(pos + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(pos + 2),
        Some(b'u') => match hex4(bytes, pos + 2)? {
            0xd800..=0xdbff => match (bytes.get(pos + 6), bytes.get(pos + 7)) {
                (Some(b'\\'), Some(b'u')) => match hex4(bytes, pos + 8)? {
                    0xdc00..=0xdfff => Ok(pos + 12),
                    _ => Err(DecodeError::InvalidUnicode { offset: pos }),
                },
                _ => Err(DecodeError::InvalidUnicode { offset: pos }),
            },
            0xdc00..=0xdfff => Err(DecodeError::InvalidUnicode { offset: pos }),
            _ => Ok(pos + 6),
        },
        Some(_) => Err(malformed(pos)),
        None => Err(DecodeError::UnexpectedEnd { offset: pos + 1 }),
    }
}

fn hex4(bytes: &[u8], pos: usize) -> Result<u32, DecodeError> {
    let mut code = 0;
    for offset in pos..pos + 4 {
        let byte = bytes.get(offset).ok_or(DecodeError::UnexpectedEnd { offset })?;
        let digit = char::from(*byte).to_digit(16).ok_or(malformed(offset))?;
        code = code << 4 | digit;
    }
    Ok(code)
}

/// The text between the quotes with escapes resolved; the input has passed [`string_end`].
pub(crate) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut chars = escape.chars();
        let char = match chars.next() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let high = hex_prefix(&mut chars);
                let code = if (0xd800..0xdc00).contains(&high) {
                    // The other half follows: checked before.
                    let rest = chars.as_str();
                    chars = rest.strip_prefix("\\u").unwrap_or(rest).chars();
                    let low = hex_prefix(&mut chars);
                    0x1_0000 + ((high & 0x3ff) << 10 | (low & 0x3ff))
                } else {
                    high
                };
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            Some(itself) => itself,
            None => break,
        };
        out.push(char);
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}

fn hex_prefix(chars: &mut std::str::Chars<'_>) -> u32 {
    chars.take(4).fold(0, |code, char| code << 4 | char.to_digit(16).unwrap_or_default())
}

/// The offset after the number that begins at `pos`, and whether it has a fraction or exponent.
#[inline]
pub(crate) fn number_end(bytes: &[u8], mut pos: usize) -> Result<(usize, bool), DecodeError> {
    if bytes.get(pos) == Some(&b'-') {
        pos += 1;
    }
    match bytes.get(pos) {
        Some(b'0') => pos += 1,
        Some(b'1'..=b'9') => pos = digits_end(bytes, pos + 1),
        Some(_) => return Err(malformed(pos)),
        None => return Err(DecodeError::UnexpectedEnd { offset: pos }),
    }
    let mut float = false;
    if bytes.get(pos) == Some(&b'.') {
        float = true;
        pos = some_digits_end(bytes, pos + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(pos) {
        float = true;
        pos += 1;
        if let Some(b'+' | b'-') = bytes.get(pos) {
            pos += 1;
        }
        pos = some_digits_end(bytes, pos)?;
    }
    Ok((pos, float))
}

/// The lowest set bit is the high one of the first octet that is no digit.
const fn non_digits(word: u64) -> u64 {
    // Digits become 0 to 9, to which 0x76 is added without reaching the high bit; a carry goes up.
    let digits = word ^ (ONES * 0x30);
    (digits.wrapping_add(ONES * 0x76) | digits) & HIGHS
}

#[inline]
fn digits_end(bytes: &[u8], mut pos: usize) -> usize {
    while let Some(chunk) = bytes.get(pos..).and_then(<[u8]>::first_chunk::<8>) {
        let hits = non_digits(u64::from_le_bytes(*chunk));
        if hits != 0 {
            return pos + (hits.trailing_zeros() >> 3) as usize;
        }
        pos += 8;
    }
    while let Some(b'0'..=b'9') = bytes.get(pos) {
        pos += 1;
    }
    pos
}

fn some_digits_end(bytes: &[u8], pos: usize) -> Result<usize, DecodeError> {
    match bytes.get(pos) {
        Some(b'0'..=b'9') => Ok(digits_end(bytes, pos + 1)),
        Some(_) => Err(malformed(pos)),
        None => Err(DecodeError::UnexpectedEnd { offset: pos }),
    }
}

/// The offset after the word, if it stands at `pos`.
#[inline]
pub(crate) fn word_end(bytes: &[u8], pos: usize, word: &[u8]) -> Result<usize, DecodeError> {
    let rest = bytes.get(pos..).unwrap_or_default();
    if rest.starts_with(word) {
        Ok(pos + word.len())
    } else if word.starts_with(rest) {
        Err(DecodeError::UnexpectedEnd { offset: bytes.len() })
    } else {
        Err(malformed(pos))
    }
}
