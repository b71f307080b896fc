//! MessagePack.

use std::borrow::Cow;

use super::{Token, Tokens};
use crate::head::msgpack::{Head, head};

/// Tokens of MessagePack.
#[derive(Debug, Clone)]
pub(crate) struct MessagePackTokens<'a> {
    bytes: &'a [u8],
    pos: usize,
}

impl<'a> MessagePackTokens<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, pos: 0 }
    }
}

impl<'a> Tokens<'a> for MessagePackTokens<'a> {
    fn token(&mut self) -> Token<'a> {
        let Ok((item, next)) = head(self.bytes, self.pos) else {
            self.pos = self.bytes.len();
            return Token::End;
        };
        self.pos = next;
        match item {
            Head::Nil => Token::Null,
            Head::Bool(truth) => Token::Bool(truth),
            Head::Unsigned(number) => Token::Unsigned(number),
            Head::Signed(number) => Token::Signed(number),
            Head::Float(number) => Token::Float(number),
            Head::String(text) => Token::String(Cow::Borrowed(text)),
            Head::Binary(octets) => Token::Binary(Cow::Borrowed(octets)),
            Head::Ext(kind, octets) => ext(kind, octets),
            Head::List(count) => Token::List(Some(u64::from(count))),
            Head::Dict(count) => Token::Dict(Some(u64::from(count))),
        }
    }

    fn key(&mut self) -> Token<'a> {
        self.token()
    }
}

/// What an extension stands for; the octets of one that is not known.
fn ext(kind: i8, octets: &[u8]) -> Token<'_> {
    match (kind, octets) {
        // How msgpackr, and with it wampy, writes `undefined`.
        (0, [0]) => Token::Undefined,
        (-1, _) => timestamp(octets).unwrap_or(Token::Binary(Cow::Borrowed(octets))),
        _ => Token::Binary(Cow::Borrowed(octets)),
    }
}

/// Seconds since the epoch, from any of the three sizes of the timestamp extension.
fn timestamp(octets: &[u8]) -> Option<Token<'static>> {
    /// The lower 34 bits of the middle size are seconds.
    const SECONDS: u64 = (1 << 34) - 1;
    let (seconds, nanoseconds) = if let Ok(octets) = octets.try_into() {
        (i64::from(u32::from_be_bytes(octets)), 0)
    } else if let Ok(octets) = octets.try_into() {
        let both = u64::from_be_bytes(octets);
        ((both & SECONDS).cast_signed(), both >> 34)
    } else {
        let (nanoseconds, seconds) = octets.split_first_chunk::<4>()?;
        let seconds = i64::from_be_bytes(seconds.try_into().ok()?);
        (seconds, u64::from(u32::from_be_bytes(*nanoseconds)))
    };
    if nanoseconds == 0 {
        return Some(match u64::try_from(seconds) {
            Ok(seconds) => Token::Unsigned(seconds),
            Err(_) => Token::Signed(seconds),
        });
    }
    // Microseconds survive for dates in reach, nanoseconds do not: documented.
    #[allow(clippy::cast_precision_loss)]
    Some(Token::Float(seconds as f64 + nanoseconds as f64 / 1e9))
}
