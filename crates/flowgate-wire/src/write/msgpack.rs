//! MessagePack, every number and length in its shortest form.

use super::widen::{Header, Wide, widen};
use super::{Shape, Writer};
use crate::Format;

/// Writes MessagePack; complete after [`finish`](Self::finish).
pub(crate) struct MessagePackWriter<'o> {
    out: &'o mut Vec<u8>,
    wide: Vec<Wide>,
}

impl<'o> MessagePackWriter<'o> {
    pub(crate) const fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, wide: Vec::new() }
    }

    /// Makes room for the counts that came late.
    pub(crate) fn finish(mut self) {
        if !self.wide.is_empty() {
            widen(self.out, &mut self.wide, |wide| header(wide.shape, wide.count));
        }
    }

    /// A length of one of the types that have 8, 16 and 32 bit forms with consecutive codes.
    fn length(&mut self, code: u8, len: usize) {
        match len {
            0..=0xff => self.out.extend_from_slice(&[code, low(len)]),
            0x100..=0xffff => self.out.extend_from_slice(&[code + 1, low(len >> 8), low(len)]),
            _ => {
                self.out.push(code + 2);
                self.out.extend_from_slice(&wide_length(len).to_be_bytes());
            }
        }
    }
}

/// The lowest octet.
#[allow(clippy::cast_possible_truncation, reason = "takes the lowest octet on purpose")]
const fn low(number: usize) -> u8 {
    number as u8
}

/// No message is as long as the 4 GiB at which this saturates.
fn wide_length(len: usize) -> u32 {
    debug_assert!(u32::try_from(len).is_ok(), "messages are far shorter than 4 GiB");
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn header(shape: Shape, count: usize) -> Header {
    let (short, long) = match shape {
        Shape::List => (0x90, 0xdc),
        Shape::Dict => (0x80, 0xde),
    };
    match count {
        0..=15 => ([short | low(count), 0, 0, 0, 0, 0, 0, 0, 0], 1),
        16..=0xffff => ([long, low(count >> 8), low(count), 0, 0, 0, 0, 0, 0], 3),
        _ => {
            let [a, b, c, d] = wide_length(count).to_be_bytes();
            ([long + 1, a, b, c, d, 0, 0, 0, 0], 5)
        }
    }
}

impl Writer for MessagePackWriter<'_> {
    const FORMAT: Format = Format::MessagePack;

    fn begin(&mut self, shape: Shape, count: Option<usize>) -> usize {
        let at = self.out.len();
        let (octets, len) = header(shape, count.unwrap_or(0));
        self.out.extend_from_slice(octets.get(..len).unwrap_or_default());
        at
    }

    fn end(&mut self, shape: Shape, at: usize, count: Option<usize>) {
        let Some(count) = count else { return };
        let (octets, len) = header(shape, count);
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
        self.out.push(0xc0);
    }

    fn bool(&mut self, truth: bool) {
        self.out.push(if truth { 0xc3 } else { 0xc2 });
    }

    fn unsigned(&mut self, number: u64) {
        let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
        match number {
            0..=0x7f => self.out.push(h),
            0x80..=0xff => self.out.extend_from_slice(&[0xcc, h]),
            0x100..=0xffff => self.out.extend_from_slice(&[0xcd, g, h]),
            0x1_0000..=0xffff_ffff => self.out.extend_from_slice(&[0xce, e, f, g, h]),
            _ => self.out.extend_from_slice(&[0xcf, a, b, c, d, e, f, g, h]),
        }
    }

    fn signed(&mut self, number: i64) {
        let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
        match number {
            -0x20.. => self.out.push(h),
            -0x80.. => self.out.extend_from_slice(&[0xd0, h]),
            -0x8000.. => self.out.extend_from_slice(&[0xd1, g, h]),
            -0x8000_0000.. => self.out.extend_from_slice(&[0xd2, e, f, g, h]),
            _ => self.out.extend_from_slice(&[0xd3, a, b, c, d, e, f, g, h]),
        }
    }

    fn float(&mut self, number: f64) {
        let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
        self.out.extend_from_slice(&[0xcb, a, b, c, d, e, f, g, h]);
    }

    #[inline]
    fn string(&mut self, text: &[u8]) {
        match text.len() {
            len @ 0..=31 => self.out.push(0xa0 | low(len)),
            len => self.length(0xd9, len),
        }
        self.out.extend_from_slice(text);
    }

    fn binary(&mut self, octets: &[u8]) {
        self.length(0xc4, octets.len());
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
