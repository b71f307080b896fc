//! CBOR, definite lengths only, every number and length in its shortest form, floats with 64 bits.

use super::widen::{Header, Wide, widen};
use super::{Shape, Writer};
use crate::Format;

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BINARY: u8 = 2;
const TEXT: u8 = 3;
const LIST: u8 = 4;
const DICT: u8 = 5;

/// Writes CBOR; complete after [`finish`](Self::finish).
pub(crate) struct CborWriter<'o> {
    out: &'o mut Vec<u8>,
    wide: Vec<Wide>,
}

impl<'o> CborWriter<'o> {
    pub(crate) const fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, wide: Vec::new() }
    }

    /// Makes room for the counts that came late.
    pub(crate) fn finish(mut self) {
        if !self.wide.is_empty() {
            widen(self.out, &mut self.wide, |wide| header(major(wide.shape), wide.count as u64));
        }
    }

    #[inline]
    fn head(&mut self, major: u8, argument: u64) {
        if let 0..=23 = argument {
            let (octets, _) = header(major, argument);
            return self.out.push(octets[0]);
        }
        let (octets, len) = header(major, argument);
        self.out.extend_from_slice(octets.get(..len).unwrap_or_default());
    }
}

const fn major(shape: Shape) -> u8 {
    match shape {
        Shape::List => LIST,
        Shape::Dict => DICT,
    }
}

#[inline]
const fn header(major: u8, argument: u64) -> Header {
    let [a, b, c, d, e, f, g, h] = argument.to_be_bytes();
    let major = major << 5;
    match argument {
        0..=23 => ([major | h, 0, 0, 0, 0, 0, 0, 0, 0], 1),
        24..=0xff => ([major | 24, h, 0, 0, 0, 0, 0, 0, 0], 2),
        0x100..=0xffff => ([major | 25, g, h, 0, 0, 0, 0, 0, 0], 3),
        0x1_0000..=0xffff_ffff => ([major | 26, e, f, g, h, 0, 0, 0, 0], 5),
        _ => ([major | 27, a, b, c, d, e, f, g, h], 9),
    }
}

impl Writer for CborWriter<'_> {
    const FORMAT: Format = Format::Cbor;

    fn begin(&mut self, shape: Shape, count: Option<usize>) -> usize {
        let at = self.out.len();
        self.head(major(shape), count.unwrap_or(0) as u64);
        at
    }

    fn end(&mut self, shape: Shape, at: usize, count: Option<usize>) {
        let Some(count) = count else { return };
        let (octets, len) = header(major(shape), count as u64);
        if len != 1 {
            self.wide.push(Wide { at, shape, count });
        } else if let (Some(target), [octet, ..]) = (self.out.get_mut(at), octets) {
            *target = octet;
        }
    }

    fn key(&mut self, key: &[u8]) {
        self.string(key);
    }

    fn null(&mut self) {
        self.out.push(0xf6);
    }

    fn bool(&mut self, truth: bool) {
        self.out.push(if truth { 0xf5 } else { 0xf4 });
    }

    fn unsigned(&mut self, number: u64) {
        self.head(UNSIGNED, number);
    }

    fn signed(&mut self, number: i64) {
        // -1 minus the number, which the complement is.
        self.head(NEGATIVE, (!number).cast_unsigned());
    }

    fn float(&mut self, number: f64) {
        let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
        self.out.extend_from_slice(&[0xfb, a, b, c, d, e, f, g, h]);
    }

    #[inline]
    fn string(&mut self, text: &[u8]) {
        self.head(TEXT, text.len() as u64);
        self.out.extend_from_slice(text);
    }

    fn binary(&mut self, octets: &[u8]) {
        self.head(BINARY, octets.len() as u64);
        self.out.extend_from_slice(octets);
    }

    fn raw(&mut self, encoded: &[u8]) {
        self.out.extend_from_slice(encoded);
    }

    fn between(&mut self, encoded: &[u8]) {
        self.out.extend_from_slice(encoded);
    }

    fn position(&self) -> usize {
        self.out.len()
    }
}
