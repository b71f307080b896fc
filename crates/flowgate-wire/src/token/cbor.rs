//! CBOR.

use std::borrow::Cow;

use super::{Token, Tokens};
use crate::head::cbor::{Chunks, Head, head, short_text};

/// The tags of big integers (RFC 8949, "Bignums").
const BIGNUM: u64 = 2;
const NEGATIVE_BIGNUM: u64 = 3;

/// Tokens of CBOR; tags are dropped, except those of big integers.
#[derive(Debug, Clone)]
pub(crate) struct CborTokens<'a> {
    bytes: &'a [u8],
    pos: usize,
}

impl<'a> CborTokens<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, pos: 0 }
    }

    fn stop(&mut self) -> Token<'a> {
        self.pos = self.bytes.len();
        Token::End
    }

    /// Any token.
    #[inline(never)]
    fn any(&mut self) -> Token<'a> {
        let mut innermost_tag = None;
        loop {
            let Ok((item, next)) = head(self.bytes, self.pos) else {
                return self.stop();
            };
            self.pos = next;
            return match item {
                Head::Tag(tag) => {
                    innermost_tag = Some(tag);
                    continue;
                }
                Head::Unsigned(number) => Token::Unsigned(number),
                Head::Negative(number) => negative(number),
                Head::Binary(definite) => {
                    let octets = self.octets(definite);
                    match innermost_tag {
                        Some(BIGNUM) => bignum(&octets),
                        Some(NEGATIVE_BIGNUM) => negative_bignum(&octets),
                        _ => Token::Binary(octets),
                    }
                }
                Head::Text(Some(text)) => Token::String(Cow::Borrowed(text)),
                Head::Text(None) => {
                    let whole = self.concatenate(Chunks::text(self.bytes, self.pos));
                    Token::String(Cow::Owned(whole))
                }
                Head::List(count) => Token::List(count),
                Head::Dict(count) => Token::Dict(count),
                Head::Bool(truth) => Token::Bool(truth),
                Head::Null | Head::Simple => Token::Null,
                Head::Undefined => Token::Undefined,
                Head::Float(number) => Token::Float(number),
                Head::Break => Token::End,
            };
        }
    }

    fn octets(&mut self, definite: Option<&'a [u8]>) -> Cow<'a, [u8]> {
        definite.map_or_else(
            || Cow::Owned(self.concatenate(Chunks::binary(self.bytes, self.pos))),
            Cow::Borrowed,
        )
    }

    fn concatenate(&mut self, mut chunks: Chunks<'a>) -> Vec<u8> {
        let mut whole = Vec::new();
        while let Ok(Some(chunk)) = chunks.next() {
            whole.extend_from_slice(chunk);
        }
        self.pos = chunks.pos();
        whole
    }
}

impl<'a> Tokens<'a> for CborTokens<'a> {
    #[inline]
    fn token(&mut self) -> Token<'a> {
        match short_text(self.bytes, self.pos) {
            Some((text, next)) => {
                self.pos = next;
                Token::String(Cow::Borrowed(text))
            }
            None => self.any(),
        }
    }

    fn key(&mut self) -> Token<'a> {
        self.token()
    }
}

/// −1 minus `number`; a float below the range of 64-bit integers.
fn negative(number: u64) -> Token<'static> {
    match i64::try_from(number) {
        Ok(number) => Token::Signed(-1 - number),
        #[allow(clippy::cast_precision_loss, reason = "no integer type holds the number")]
        Err(_) => Token::Float(-1.0 - number as f64),
    }
}

fn bignum(octets: &[u8]) -> Token<'static> {
    match small(octets) {
        Some(number) => Token::Unsigned(number),
        None => Token::Float(magnitude(octets)),
    }
}

fn negative_bignum(octets: &[u8]) -> Token<'static> {
    match small(octets) {
        Some(number) => negative(number),
        // The 1 to subtract is far below the precision of a float this large.
        None => Token::Float(-magnitude(octets)),
    }
}

/// The big-endian number, if it fits.
fn small(octets: &[u8]) -> Option<u64> {
    octets.iter().try_fold(0_u64, |number, octet| {
        if number >> 56 == 0 { Some(number << 8 | u64::from(*octet)) } else { None }
    })
}

/// The float nearest to a big-endian number; infinity beyond the range.
fn magnitude(octets: &[u8]) -> f64 {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    let octets = octets.get(zeros..).unwrap_or_default();
    let (head, rest) = octets.split_at(octets.len().min(16));
    let mut number = head.iter().fold(0_u128, |number, octet| number << 8 | u128::from(*octet));
    if rest.iter().any(|octet| *octet != 0) {
        // Only tells that the number lies above a tie; far below the 53 bits that are kept.
        number |= 1;
    }
    let exponent = i32::try_from(rest.len()).unwrap_or(i32::MAX).saturating_mul(8);
    #[allow(clippy::cast_precision_loss, reason = "rounds to nearest")]
    let number = number as f64;
    number * 2f64.powi(exponent)
}
