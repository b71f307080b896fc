//! MessagePack.

use std::borrow::Cow;

use super::{Encoded, Kind, Reader, integral};
use crate::budget::Budget;
use crate::head::msgpack::{Head, head};
use crate::{DecodeError, Format, Limits, skip};

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

    fn text(&mut self) -> Result<Option<Cow<'a, str>>, DecodeError> {
        let (item, next) = head(self.bytes, self.pos)?;
        let Head::String(text) = item else {
            return Ok(None);
        };
        match simdutf8::basic::from_utf8(text) {
            Ok(text) => {
                self.pos = next;
                Ok(Some(Cow::Borrowed(text)))
            }
            Err(_) => Err(DecodeError::InvalidUnicode { offset: next - text.len() }),
        }
    }

    fn element(&mut self) -> Result<(Kind, Encoded<'a>), DecodeError> {
        let start = self.pos;
        let kind = match self.bytes.get(start) {
            Some(0x90..=0x9f | 0xdc | 0xdd) => Kind::List,
            Some(0x80..=0x8f | 0xde | 0xdf) => Kind::Dict,
            Some(0xc4..=0xc6) => Kind::Binary,
            _ => Kind::Other,
        };
        // An empty dictionary is the most frequent element.
        let end = if self.bytes.get(start) == Some(&0x80) {
            self.budget.check_depth(1, start)?;
            start + 1
        } else {
            skip::msgpack::skip(self.bytes, start, &mut self.budget)?
        };
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
