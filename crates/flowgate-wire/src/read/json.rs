//! JSON.

use std::borrow::Cow;

use super::{Encoded, Kind, Reader, integral};
use crate::base64;
use crate::budget::Budget;
use crate::scan::{malformed, number_end, skip_space, string_end, unescape};
use crate::{DecodeError, Format, Limits, skip};

/// The envelope of a message in JSON.
pub(crate) struct JsonReader<'a> {
    text: &'a str,
    pos: usize,
    /// No element has been read yet.
    fresh: bool,
    budget: Budget,
}

impl<'a> JsonReader<'a> {
    /// The UTF-8 of the whole text has been checked once, so that strings need no check later.
    pub(crate) const fn new(text: &'a str, limits: &Limits) -> Self {
        Self { text, pos: 0, fresh: true, budget: Budget::inside(limits) }
    }

    fn space(&mut self) {
        self.pos = skip_space(self.text.as_bytes(), self.pos);
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }

    /// Zero, and numbers with a sign, a fraction, an exponent or many digits.
    #[cold]
    fn unusual_unsigned(&mut self) -> Result<Option<u64>, DecodeError> {
        if !matches!(self.peek(), Some(b'-' | b'0'..=b'9')) {
            return Ok(None);
        }
        let (end, _) = number_end(self.text.as_bytes(), self.pos)?;
        let text = self.text.get(self.pos..end).unwrap_or_default();
        let value = match text.parse() {
            Ok(value) => Some(value),
            Err(_) => text.parse().ok().and_then(integral),
        };
        if value.is_some() {
            self.pos = end;
        }
        Ok(value)
    }

    fn unexpected(&self) -> DecodeError {
        if self.pos < self.text.len() {
            malformed(self.pos)
        } else {
            DecodeError::UnexpectedEnd { offset: self.pos }
        }
    }
}

impl<'a> Reader<'a> for JsonReader<'a> {
    const FORMAT: Format = Format::Json;

    fn open(&mut self) -> Result<(), DecodeError> {
        self.space();
        match self.peek() {
            Some(b'[') => {
                self.pos += 1;
                Ok(())
            }
            Some(b'{' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                Err(DecodeError::NotAMessage)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn next(&mut self) -> Result<bool, DecodeError> {
        self.space();
        match self.peek() {
            Some(b']') => return Ok(false),
            Some(b',') if !self.fresh => {
                self.pos += 1;
                self.space();
            }
            Some(_) if self.fresh => {}
            _ => return Err(self.unexpected()),
        }
        self.fresh = false;
        self.budget.take_value(self.pos)?;
        Ok(true)
    }

    fn unsigned(&mut self) -> Result<Option<u64>, DecodeError> {
        let bytes = self.text.as_bytes();
        let Some(first @ b'1'..=b'9') = bytes.get(self.pos) else {
            return self.unusual_unsigned();
        };
        let mut value = u64::from(first - b'0');
        let mut pos = self.pos + 1;
        while let Some(digit @ b'0'..=b'9') = bytes.get(pos) {
            // Wraps only where there are too many digits for the check below.
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            pos += 1;
        }
        // Nineteen digits cannot overflow.
        if pos - self.pos > 19 || matches!(bytes.get(pos), Some(b'.' | b'e' | b'E')) {
            return self.unusual_unsigned();
        }
        self.pos = pos;
        Ok(Some(value))
    }

    #[inline]
    fn text(&mut self) -> Result<Option<Cow<'a, str>>, DecodeError> {
        if self.peek() != Some(b'"') {
            return Ok(None);
        }
        let start = self.pos + 1;
        let (end, escapes) = string_end(self.text.as_bytes(), start)?;
        self.pos = end + 1;
        let text = self.text.get(start..end).unwrap_or_default();
        Ok(Some(if escapes { Cow::Owned(unescape(text)) } else { Cow::Borrowed(text) }))
    }

    #[inline]
    fn empty_dict(&mut self) -> Result<Option<&'a [u8]>, DecodeError> {
        let text: &'a str = self.text;
        let Some(dict) = text.as_bytes().get(self.pos..).and_then(<[u8]>::first_chunk::<2>) else {
            return Ok(None);
        };
        if dict != b"{}" {
            return Ok(None);
        }
        self.budget.check_depth(1, self.pos)?;
        self.pos += 2;
        Ok(Some(dict))
    }

    fn element(&mut self) -> Result<(Kind, Encoded<'a>), DecodeError> {
        let start = self.pos;
        let bytes = self.text.as_bytes();
        let first = self.peek();
        let end = skip::json::skip(bytes, start, &mut self.budget)?;
        self.pos = end;
        let element = self.slice(start, end);
        let kind = match first {
            Some(b'[') => Kind::List,
            Some(b'{') => Kind::Dict,
            Some(b'"') if is_binary(self.text.get(start..end).unwrap_or_default()) => Kind::Binary,
            _ => Kind::Other,
        };
        Ok((kind, Encoded { start, end, bytes: element }))
    }

    fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        self.text.as_bytes().get(start..end).unwrap_or_default()
    }

    fn close(&mut self) -> Result<(), DecodeError> {
        if self.peek() == Some(b']') {
            self.pos += 1;
        }
        self.space();
        if self.pos == self.text.len() {
            Ok(())
        } else {
            Err(DecodeError::TrailingBytes { offset: self.pos })
        }
    }
}

/// Whether a JSON string, with its quotes, holds octets as NUL and base64.
fn is_binary(quoted: &str) -> bool {
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.and_then(base64::from_json_text).is_some()
}
