//! JSON.

use std::borrow::Cow;

use super::{Token, Tokens};
use crate::base64;
use crate::scan::{Strings, number_end, unescape};
use crate::utf8;

/// Tokens of JSON text; white space, commas and colons are passed over.
#[derive(Debug, Clone)]
pub(crate) struct JsonTokens<'a> {
    bytes: &'a [u8],
    pos: usize,
    strings: Strings,
}

impl<'a> JsonTokens<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, pos: 0, strings: Strings::new() }
    }

    /// The first octet of the next token.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.pos) {
                Some(b' ' | b'\n' | b'\r' | b'\t' | b',' | b':') => self.pos += 1,
                other => return other.copied(),
            }
        }
    }

    fn stop(&mut self) -> Token<'a> {
        self.pos = self.bytes.len();
        Token::End
    }

    fn advance(&mut self, octets: usize, token: Token<'a>) -> Token<'a> {
        self.pos += octets;
        token
    }

    /// What stands between the quotes of the string that begins here, and whether it has escapes.
    fn quoted(&mut self) -> Option<(&'a [u8], bool)> {
        let start = self.pos + 1;
        let (end, escapes) = self.strings.end(self.bytes, start).ok()?;
        self.pos = end + 1;
        Some((self.bytes.get(start..end)?, escapes))
    }

    /// The string or the octets that the text between quotes stands for, which has escapes.
    #[inline(never)]
    fn escaped(quoted: &'a [u8]) -> Token<'a> {
        match base64::from_json_text(&utf8::checked(Cow::Borrowed(quoted))) {
            Some(octets) => Token::Binary(Cow::Owned(octets)),
            None => Self::unescaped(quoted),
        }
    }

    /// The token that begins with `first`, which is no string.
    #[inline(never)]
    fn unquoted(&mut self, first: Option<u8>) -> Token<'a> {
        match first {
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'[') => self.advance(1, Token::List(None)),
            Some(b'{') => self.advance(1, Token::Dict(None)),
            Some(b']' | b'}') => self.advance(1, Token::End),
            Some(b't') => self.advance(4, Token::Bool(true)),
            Some(b'f') => self.advance(5, Token::Bool(false)),
            Some(b'n') => self.advance(4, Token::Null),
            _ => self.stop(),
        }
    }

    /// The string that the text between quotes stands for, which has escapes.
    fn unescaped(quoted: &'a [u8]) -> Token<'a> {
        Token::String(Cow::Owned(unescape(&utf8::checked(Cow::Borrowed(quoted))).into_bytes()))
    }

    fn number(&mut self) -> Token<'a> {
        let Ok((end, float)) = number_end(self.bytes, self.pos) else {
            return self.stop();
        };
        let digits = self.bytes.get(self.pos..end).unwrap_or_default();
        self.pos = end;
        if !float && digits.len() < 20 && digits.first() != Some(&b'-') {
            // Nineteen digits cannot overflow.
            let digits = digits.iter();
            return Token::Unsigned(
                digits.fold(0, |value, digit| value * 10 + u64::from(digit & 0x0f)),
            );
        }
        // Digits, signs, points and letters alone.
        let text = std::str::from_utf8(digits).unwrap_or_default();
        if !float && text != "-0" {
            if let Ok(value) = text.parse() {
                return Token::Unsigned(value);
            }
            if let Ok(value) = text.parse() {
                return Token::Signed(value);
            }
        }
        Token::Float(text.parse().unwrap_or(f64::NAN))
    }
}

impl<'a> Tokens<'a> for JsonTokens<'a> {
    #[inline]
    fn token(&mut self) -> Token<'a> {
        match self.peek() {
            Some(b'"') => match self.quoted() {
                Some((text, false)) => Token::String(Cow::Borrowed(text)),
                Some((text, true)) => Self::escaped(text),
                None => self.stop(),
            },
            first => self.unquoted(first),
        }
    }

    fn key(&mut self) -> Token<'a> {
        match self.peek() {
            Some(b'"') => match self.quoted() {
                None => self.stop(),
                Some((text, false)) => Token::String(Cow::Borrowed(text)),
                Some((text, true)) => Self::unescaped(text),
            },
            Some(b'}') => self.advance(1, Token::End),
            _ => self.stop(),
        }
    }
}
