//! The head of a message, read and written without a codec.
//!
//! Only the shapes that routers usually write are understood: short lists, empty dictionaries,
//! strings without escapes.
//! [`Cursor`] gives `None` for everything else, and the caller falls back to the full decoder.

use flowgate_wire::Format;

/// Walks over the elements of one message.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    format: Format,
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Enters the list of a message and reads its type; `None` if it is no short list.
    #[must_use]
    pub fn open(format: Format, message: &'a [u8]) -> Option<(Self, u64)> {
        let (first, rest) = message.split_first()?;
        let matches = match format {
            Format::Json => *first == b'[',
            Format::MessagePack => first & 0xf0 == 0x90,
            Format::Cbor => matches!(first, 0x80..=0x97),
        };
        if !matches {
            return None;
        }
        let mut cursor = Self { format, rest };
        let code = cursor.unsigned()?;
        Some((cursor, code))
    }

    /// The next element, an unsigned integer.
    pub fn unsigned(&mut self) -> Option<u64> {
        match self.format {
            Format::Json => self.digits(),
            Format::MessagePack => match self.take_octet()? {
                octet @ ..0x80 => Some(u64::from(octet)),
                0xcc => self.take_be::<1>(),
                0xcd => self.take_be::<2>(),
                0xce => self.take_be::<4>(),
                0xcf => self.take_be::<8>(),
                _ => None,
            },
            Format::Cbor => match self.take_octet()? {
                octet @ ..24 => Some(u64::from(octet)),
                24 => self.take_be::<1>(),
                25 => self.take_be::<2>(),
                26 => self.take_be::<4>(),
                27 => self.take_be::<8>(),
                _ => None,
            },
        }
    }

    /// The next element, a dictionary without entries.
    pub fn empty_dict(&mut self) -> Option<()> {
        match self.format {
            Format::Json => {
                self.separator();
                self.literal(b"{}")
            }
            Format::MessagePack => self.literal(&[0x80]),
            Format::Cbor => self.literal(&[0xa0]),
        }
    }

    /// The next element, a string without escapes and, unless in JSON, below 256 octets.
    pub fn text(&mut self) -> Option<&'a [u8]> {
        let len = match self.format {
            Format::Json => {
                self.separator();
                self.literal(b"\"")?;
                let len = self.rest.iter().position(|octet| matches!(octet, b'"' | b'\\'))?;
                let text = self.take(len)?;
                return self.literal(b"\"").map(|()| text);
            }
            Format::MessagePack => match self.take_octet()? {
                octet @ 0xa0..=0xbf => usize::from(octet & 0x1f),
                0xd9 => usize::from(self.take_octet()?),
                _ => return None,
            },
            Format::Cbor => match self.take_octet()? {
                octet @ 0x60..=0x77 => usize::from(octet & 0x1f),
                0x78 => usize::from(self.take_octet()?),
                _ => return None,
            },
        };
        self.take(len)
    }

    /// Skips these octets, if they come next; in JSON with the comma before an element.
    pub fn element(&mut self, encoded: &[u8]) -> Option<()> {
        self.separator();
        self.literal(encoded)
    }

    /// The encoded elements up to the end of the list.
    #[must_use]
    pub fn tail(mut self) -> Option<&'a [u8]> {
        if self.format == Format::Json {
            self.separator();
            return self.rest.strip_suffix(b"]");
        }
        Some(self.rest)
    }

    fn digits(&mut self) -> Option<u64> {
        self.separator();
        let mut value = 0u64;
        let mut rest = self.rest;
        while let Some((digit @ b'0'..=b'9', after)) = rest.split_first() {
            value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
            rest = after;
        }
        let complete = matches!(rest.first(), Some(b',' | b']')) && rest.len() < self.rest.len();
        self.rest = rest;
        complete.then_some(value)
    }

    fn separator(&mut self) {
        if self.format == Format::Json {
            self.rest = self.rest.strip_prefix(b",").unwrap_or(self.rest);
        }
    }

    fn literal(&mut self, octets: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(octets)?;
        Some(())
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    fn take_octet(&mut self) -> Option<u8> {
        let (octet, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*octet)
    }

    fn take_be<const N: usize>(&mut self) -> Option<u64> {
        let octets = self.take(N)?;
        Some(octets.iter().fold(0, |value, octet| value << 8 | u64::from(*octet)))
    }
}

/// An encoded integer.
#[derive(Debug, Clone, Copy)]
pub struct Encoded {
    octets: [u8; Self::MAX_BYTES],
    len: usize,
}

impl Encoded {
    /// The longest integer: 20 digits of JSON.
    const MAX_BYTES: usize = 20;

    /// An unsigned integer in its shortest form.
    #[must_use]
    pub fn unsigned(format: Format, value: u64) -> Self {
        match format {
            Format::Json => Self::of(itoa::Buffer::new().format(value).as_bytes()),
            Format::MessagePack => match value {
                0..0x80 => Self::prefixed(None, value, 1),
                0x80..=0xff => Self::prefixed(Some(0xcc), value, 1),
                0x100..=0xffff => Self::prefixed(Some(0xcd), value, 2),
                0x1_0000..=0xffff_ffff => Self::prefixed(Some(0xce), value, 4),
                _ => Self::prefixed(Some(0xcf), value, 8),
            },
            Format::Cbor => Self::cbor_head(0, value),
        }
    }

    /// The head of a string of `len` octets; in JSON the opening quote.
    #[must_use]
    pub fn text_head(format: Format, len: usize) -> Self {
        let value = len as u64;
        match format {
            Format::Json => Self::of(b"\""),
            Format::MessagePack => match value {
                0..32 => Self::prefixed(None, 0xa0 | value, 1),
                32..=0xff => Self::prefixed(Some(0xd9), value, 1),
                0x100..=0xffff => Self::prefixed(Some(0xda), value, 2),
                _ => Self::prefixed(Some(0xdb), value, 4),
            },
            Format::Cbor => Self::cbor_head(0x60, value),
        }
    }

    /// The head of a list of `count` elements; in JSON the opening bracket.
    #[must_use]
    pub fn list_head(format: Format, count: usize) -> Self {
        let value = count as u64;
        match format {
            Format::Json => Self::of(b"["),
            Format::MessagePack => match value {
                0..16 => Self::prefixed(None, 0x90 | value, 1),
                16..=0xffff => Self::prefixed(Some(0xdc), value, 2),
                _ => Self::prefixed(Some(0xdd), value, 4),
            },
            Format::Cbor => Self::cbor_head(0x80, value),
        }
    }

    /// The octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }

    fn cbor_head(major: u8, value: u64) -> Self {
        match value {
            0..24 => Self::prefixed(None, u64::from(major) | value, 1),
            24..=0xff => Self::prefixed(Some(major | 24), value, 1),
            0x100..=0xffff => Self::prefixed(Some(major | 25), value, 2),
            0x1_0000..=0xffff_ffff => Self::prefixed(Some(major | 26), value, 4),
            _ => Self::prefixed(Some(major | 27), value, 8),
        }
    }

    /// A prefix and the last `width` octets of a number.
    fn prefixed(prefix: Option<u8>, value: u64, width: usize) -> Self {
        let mut all = [0; 9];
        let [first, rest @ ..] = &mut all;
        *first = prefix.unwrap_or_default();
        let value = value.to_be_bytes();
        let low = value.get(value.len() - width..).unwrap_or_default();
        for (octet, low) in rest.iter_mut().zip(low) {
            *octet = *low;
        }
        match prefix {
            Some(_) => Self::of(all.get(..=width).unwrap_or_default()),
            None => Self::of(low),
        }
    }

    fn of(bytes: &[u8]) -> Self {
        let mut octets = [0; Self::MAX_BYTES];
        for (octet, byte) in octets.iter_mut().zip(bytes) {
            *octet = *byte;
        }
        Self { octets, len: bytes.len() }
    }
}

#[cfg(test)]
mod tests;
