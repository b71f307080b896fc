//! CBOR.

use std::borrow::Cow;

use super::{Encoded, Kind, Reader, integral};
use crate::budget::Budget;
use crate::head::cbor::{Chunks, Head, head, unsigned};
use crate::{DecodeError, Format, Limits, skip, utf8};

/// The envelope of a message in CBOR; tags on the message and on its elements are ignored.
pub(crate) struct CborReader<'a> {
    bytes: &'a [u8],
    pos: usize,
    /// Elements still to come; `None` until a break.
    remaining: Option<u64>,
    budget: Budget,
}

impl<'a> CborReader<'a> {
    pub(crate) const fn new(bytes: &'a [u8], limits: &Limits) -> Self {
        Self { bytes, pos: 0, remaining: Some(0), budget: Budget::inside(limits) }
    }

    /// The item at the current offset without its tags.
    fn head(&self) -> Result<(Head<'a>, usize, usize), DecodeError> {
        let mut start = self.pos;
        let mut tags = 0;
        loop {
            let (item, next) = head(self.bytes, start)?;
            if !matches!(item, Head::Tag(_)) {
                return Ok((item, start, next));
            }
            tags += 1;
            self.budget.check_depth(tags, start)?;
            start = next;
        }
    }

    /// Floats, and integers behind tags.
    #[cold]
    fn unusual_unsigned(&mut self) -> Result<Option<u64>, DecodeError> {
        let (item, _, next) = self.head()?;
        let value = match item {
            Head::Unsigned(value) => Some(value),
            Head::Float(number) => integral(number),
            Head::Negative(_)
            | Head::Binary(_)
            | Head::Text(_)
            | Head::List(_)
            | Head::Dict(_)
            | Head::Tag(_)
            | Head::Bool(_)
            | Head::Null
            | Head::Undefined
            | Head::Simple
            | Head::Break => None,
        };
        if value.is_some() {
            self.pos = next;
        }
        Ok(value)
    }
}

impl<'a> Reader<'a> for CborReader<'a> {
    const FORMAT: Format = Format::Cbor;

    fn open(&mut self) -> Result<(), DecodeError> {
        let (item, _, next) = self.head()?;
        let Head::List(count) = item else {
            return Err(DecodeError::NotAMessage);
        };
        self.pos = next;
        self.remaining = count;
        Ok(())
    }

    fn next(&mut self) -> Result<bool, DecodeError> {
        match &mut self.remaining {
            Some(0) => return Ok(false),
            Some(remaining) => *remaining -= 1,
            None if self.bytes.get(self.pos) == Some(&0xff) => return Ok(false),
            None => {}
        }
        self.budget.take_value(self.pos)?;
        Ok(true)
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
        let (item, start, next) = self.head()?;
        let Head::Text(text) = item else {
            return Ok(None);
        };
        let invalid = DecodeError::InvalidUnicode { offset: start };
        if let Some(text) = text {
            let text = utf8::text(text).ok_or(invalid)?;
            self.pos = next;
            return Ok(Some(Cow::Borrowed(text)));
        }
        let mut whole = String::new();
        let mut chunks = Chunks::text(self.bytes, next);
        while let Some(chunk) = chunks.next()? {
            whole.push_str(utf8::text(chunk).ok_or(invalid)?);
        }
        self.pos = chunks.pos();
        Ok(Some(Cow::Owned(whole)))
    }

    #[inline]
    fn empty_dict(&mut self) -> Result<Option<&'a [u8]>, DecodeError> {
        if self.bytes.get(self.pos) != Some(&0xa0) {
            return Ok(None);
        }
        self.budget.check_depth(1, self.pos)?;
        self.pos += 1;
        Ok(Some(&[0xa0]))
    }

    fn element(&mut self) -> Result<(Kind, Encoded<'a>), DecodeError> {
        let start = self.pos;
        let end = skip::cbor::skip(self.bytes, start, &mut self.budget)?;
        self.pos = end;
        let mut inner = start;
        while let Some(0xc0..=0xdb) = self.bytes.get(inner) {
            (_, inner) = head(self.bytes, inner)?;
        }
        let kind = match self.bytes.get(inner) {
            Some(0x80..=0x9f) => Kind::List,
            Some(0xa0..=0xbf) => Kind::Dict,
            Some(0x40..=0x5f) => Kind::Binary,
            _ => Kind::Other,
        };
        Ok((kind, Encoded { start, end, bytes: self.slice(inner, end) }))
    }

    fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    fn close(&mut self) -> Result<(), DecodeError> {
        if self.remaining.is_none() && self.bytes.get(self.pos) == Some(&0xff) {
            self.pos += 1;
        }
        if self.pos == self.bytes.len() {
            Ok(())
        } else {
            Err(DecodeError::TrailingBytes { offset: self.pos })
        }
    }
}
