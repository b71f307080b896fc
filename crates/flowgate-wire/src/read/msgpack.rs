//! MessagePack.

use std::borrow::Cow;

use super::{Encoded, Kind, Reader, integral};
use crate::budget::Budget;
use crate::head::msgpack::{Head, head, unsigned};
use crate::{DecodeError, Format, Limits, skip, utf8};

/// The envelope of a message in MessagePack.
pub(crate) struct MessagePackReader<'a> {
    bytes: &'a [u8],
    pos: usize,
    /// Elements still to come.
    remaining: u32,
    budget: Budget,
}

impl<'a> MessagePackReader<'a> {
    pub(crate) const fn new(bytes: &'a [u8], limits: &Limits) -> Self {
        Self { bytes, pos: 0, remaining: 0, budget: Budget::inside(limits) }
    }

    /// Floats, and integers that are not negative and were written as if they could be.
    #[cold]
    fn unusual_unsigned(&mut self) -> Result<Option<u64>, DecodeError> {
        let (item, next) = head(self.bytes, self.pos)?;
        let value = match item {
            Head::Unsigned(value) => Some(value),
            Head::Float(number) => integral(number),
            Head::Nil
            | Head::Bool(_)
            | Head::Signed(_)
            | Head::String(_)
            | Head::Binary(_)
            | Head::Ext(..)
            | Head::List(_)
            | Head::Dict(_) => None,
        };
        if value.is_some() {
            self.pos = next;
        }
        Ok(value)
    }
}

impl<'a> Reader<'a> for MessagePackReader<'a> {
    const FORMAT: Format = Format::MessagePack;

    fn open(&mut self) -> Result<(), DecodeError> {
        let (item, next) = head(self.bytes, 0)?;
        let Head::List(count) = item else {
            return Err(DecodeError::NotAMessage);
        };
        self.pos = next;
        self.remaining = count;
        Ok(())
    }

    fn next(&mut self) -> Result<bool, DecodeError> {
        match self.remaining.checked_sub(1) {
            Some(rest) => {
                self.remaining = rest;
                self.budget.take_value(self.pos)?;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn unsigned(&mut self) -> Result<Option<u64>, DecodeError> {
        if let Some((value, next)) = unsigned(self.bytes, self.pos) {
            self.pos = next;
            return Ok(Some(value));
        }
        self.unusual_unsigned()
    }

    #[inline]
    fn text(&mut self) -> Result<Option<Cow<'a, str>>, DecodeError> {
        let (item, next) = head(self.bytes, self.pos)?;
        let Head::String(text) = item else {
            return Ok(None);
        };
        match utf8::text(text) {
            Some(text) => {
                self.pos = next;
                Ok(Some(Cow::Borrowed(text)))
            }
            None => Err(DecodeError::InvalidUnicode { offset: next - text.len() }),
        }
    }

    #[inline]
    fn empty_dict(&mut self) -> Result<Option<&'a [u8]>, DecodeError> {
        if self.bytes.get(self.pos) != Some(&0x80) {
            return Ok(None);
        }
        self.budget.check_depth(1, self.pos)?;
        self.pos += 1;
        Ok(Some(&[0x80]))
    }

    fn element(&mut self) -> Result<(Kind, Encoded<'a>), DecodeError> {
        let start = self.pos;
        let kind = match self.bytes.get(start) {
            Some(0x90..=0x9f | 0xdc | 0xdd) => Kind::List,
            Some(0x80..=0x8f | 0xde | 0xdf) => Kind::Dict,
            Some(0xc4..=0xc6) => Kind::Binary,
            _ => Kind::Other,
        };
        let end = skip::msgpack::skip(self.bytes, start, &mut self.budget)?;
        self.pos = end;
        Ok((kind, Encoded { start, end, bytes: self.slice(start, end) }))
    }

    fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    fn close(&mut self) -> Result<(), DecodeError> {
        if self.pos == self.bytes.len() {
            Ok(())
        } else {
            Err(DecodeError::TrailingBytes { offset: self.pos })
        }
    }
}
