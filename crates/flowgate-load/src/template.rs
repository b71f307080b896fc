//! Messages that are encoded once, with places for the request and for the number of the message.

use flowgate_wire::batch::{JSON_TERMINATOR, LENGTH_BYTES};
use flowgate_wire::{Batching, Format, Limits, Message, MessageType, Payload, Value};

use crate::frame::{self, Side};
use crate::head::Encoded;
use crate::wire::Wire;

/// The number that a message carries: who sent it, in the upper 16 bits, and which of theirs it
/// is, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number(u64);

impl Number {
    pub(crate) const fn new(sender: u16, sequence: u64) -> Self {
        Self((sender as u64) << 48 | (sequence & Self::SEQUENCE))
    }

    const SEQUENCE: u64 = (1 << 48) - 1;

    /// The sender, where the number was written in full.
    pub(crate) const fn sender(self) -> usize {
        (self.0 >> 48) as usize
    }

    /// Which of the sender's messages it is.
    pub(crate) const fn sequence(self) -> u64 {
        self.0 & Self::SEQUENCE
    }
}

/// What all messages of a run carry: strings whose first octets are the message's number in
/// hexadecimal digits.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    format: Format,
    /// Encoded arguments before the number.
    before: Vec<u8>,
    /// Digits of the number, at most 16: the lowest ones.
    digit_count: usize,
    /// Encoded arguments after the number.
    after: Vec<u8>,
}

/// The filler after the number.
const FILLER: u8 = b'x';

impl Content {
    /// Digits of a number in full.
    pub(crate) const DIGITS: usize = 16;

    /// `string_count` strings, at least one, of `payload_bytes` altogether.
    pub(crate) fn new(format: Format, payload_bytes: usize, string_count: usize) -> Self {
        let string_count = string_count.max(1);
        let string_bytes = payload_bytes / string_count;
        // What the division leaves over belongs to the first string.
        let first_bytes = payload_bytes - string_bytes * (string_count - 1);
        let digit_count = first_bytes.min(Self::DIGITS);
        let quote: &[u8] = if format == Format::Json { b"\"" } else { b"" };
        let mut before = Encoded::list_head(format, string_count).as_bytes().to_vec();
        before.extend_from_slice(Encoded::text_head(format, first_bytes).as_bytes());
        let mut after = vec![FILLER; first_bytes - digit_count];
        after.extend_from_slice(quote);
        for _ in 1..string_count {
            if format == Format::Json {
                after.push(b',');
            }
            after.extend_from_slice(Encoded::text_head(format, string_bytes).as_bytes());
            after.resize(after.len() + string_bytes, FILLER);
            after.extend_from_slice(quote);
        }
        if format == Format::Json {
            after.push(b']');
        }
        Self { format, before, digit_count, after }
    }

    /// The number in encoded arguments; `None` if these are not what was sent.
    pub(crate) fn number_of(&self, arguments: &[u8]) -> Option<Number> {
        let digits = arguments
            .strip_prefix(self.before.as_slice())
            .and_then(|rest| rest.strip_suffix(self.after.as_slice()))?;
        (digits.len() == self.digit_count).then(|| parse_hex(digits).map(Number))?
    }

    /// The number in encoded arguments whose remainder is somebody else's to check; `None` if it
    /// was not written in full, or is not where it should be.
    pub(crate) fn full_number_of(&self, arguments: &[u8]) -> Option<Number> {
        let digits = arguments.strip_prefix(self.before.as_slice())?.get(..Self::DIGITS)?;
        (self.digit_count == Self::DIGITS).then(|| parse_hex(digits).map(Number))?
    }

    /// The number in a payload that may be encoded in another way than ours.
    pub(crate) fn number_of_values(&self, payload: &Payload<'_>) -> Option<Number> {
        let (values, keywords) = payload.decode();
        let strings: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
        let strings = strings.filter(|_| keywords.is_empty())?;
        let quote: &[u8] = if self.format == Format::Json { b"\"" } else { b"" };
        let mut encoded = Encoded::list_head(self.format, strings.len()).as_bytes().to_vec();
        for (index, string) in strings.iter().enumerate() {
            if index > 0 && self.format == Format::Json {
                encoded.push(b',');
            }
            encoded.extend_from_slice(Encoded::text_head(self.format, string.len()).as_bytes());
            encoded.extend_from_slice(string.as_bytes());
            encoded.extend_from_slice(quote);
        }
        if self.format == Format::Json {
            encoded.push(b']');
        }
        self.number_of(&encoded)
    }

    /// Whether a received number is this one, as far as it was written.
    pub(crate) fn is(&self, received: Number, expected: Number) -> bool {
        let bits = self.digit_count * 4;
        let mask = if bits < 64 { (1 << bits) - 1 } else { u64::MAX };
        received.0 == expected.0 & mask
    }

    /// The digits of a number that fit.
    fn digits(&self, number: Number) -> ([u8; Self::DIGITS], usize) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0; Self::DIGITS];
        let mut rest = number.0;
        for digit in digits.iter_mut().rev() {
            *digit = HEX.get((rest & 0xf) as usize).copied().unwrap_or_default();
            rest >>= 4;
        }
        (digits, Self::DIGITS - self.digit_count)
    }
}

fn parse_hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(digit))
    })
}

/// A message in its frame, as a client sends it, with a place for the request and a place for
/// what changes from message to message. What does not change is masked in advance.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    wire: Wire,
    /// Octets that the serializer's batching puts before a message: its length.
    length_bytes: usize,
    before_request: Vec<u8>,
    after_request: Vec<u8>,
    end: Vec<u8>,
}

/// Options of a request, as far as the load generator uses any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Options {
    /// None.
    Empty,
    /// PUBLISH with `acknowledge: true`.
    Acknowledge,
}

impl Options {
    /// The encoded dictionary.
    pub(crate) const fn encoded(self, format: Format) -> &'static [u8] {
        match (self, format) {
            (Self::Empty, Format::Json) => b"{}",
            (Self::Empty, Format::MessagePack) => b"\x80",
            (Self::Empty, Format::Cbor) => b"\xa0",
            (Self::Acknowledge, Format::Json) => b"{\"acknowledge\":true}",
            (Self::Acknowledge, Format::MessagePack) => b"\x81\xabacknowledge\xc3",
            (Self::Acknowledge, Format::Cbor) => b"\xa1\x6backnowledge\xf5",
        }
    }
}

impl Template {
    /// CALL or PUBLISH: `[type, request, options, uri, content]`.
    pub(crate) fn request(
        wire: Wire,
        message: MessageType,
        options: Options,
        uri: &str,
        content: &Content,
    ) -> Self {
        let format = content.format;
        let mut template = Self::new(wire, message, 5, options);
        let mut after = std::mem::take(&mut template.after_request);
        after.extend_from_slice(Encoded::text_head(format, uri.len()).as_bytes());
        after.extend_from_slice(uri.as_bytes());
        if format == Format::Json {
            after.extend_from_slice(b"\",");
        }
        after.extend_from_slice(&content.before);
        template.after_request = after;
        template.end.splice(0..0, content.after.iter().copied());
        template.masked()
    }

    /// YIELD: `[70, request, {}, arguments]`.
    pub(crate) fn reply(wire: Wire) -> Self {
        Self::new(wire, MessageType::Yield, 4, Options::Empty).masked()
    }

    fn new(wire: Wire, message: MessageType, count: usize, options: Options) -> Self {
        let format = wire.format();
        let mut before_request = Encoded::list_head(format, count).as_bytes().to_vec();
        let code = Encoded::unsigned(format, u64::from(message.code()));
        before_request.extend_from_slice(code.as_bytes());
        let mut after_request = Vec::new();
        let mut end = Vec::new();
        if format == Format::Json {
            before_request.push(b',');
            after_request.push(b',');
            end.push(b']');
        }
        after_request.extend_from_slice(options.encoded(format));
        if format == Format::Json {
            after_request.push(b',');
        }
        let length_bytes = match (wire.serializer.batching, format) {
            (Batching::Single, _) => 0,
            (Batching::Batched, Format::Json) => {
                end.push(JSON_TERMINATOR);
                0
            }
            (Batching::Batched, Format::MessagePack | Format::Cbor) => LENGTH_BYTES,
        };
        Self { wire, length_bytes, before_request, after_request, end }
    }

    fn masked(mut self) -> Self {
        let mask = self.wire.mask();
        for part in [&mut self.before_request, &mut self.after_request, &mut self.end] {
            part.iter_mut().for_each(|octet| *octet ^= mask);
        }
        self
    }

    /// Appends a frame with this request and number.
    pub(crate) fn push_number(
        &self,
        request: u64,
        content: &Content,
        number: Number,
        out: &mut Vec<u8>,
    ) {
        let (digits, skipped) = content.digits(number);
        self.push(request, digits.get(skipped..).unwrap_or_default(), out);
    }

    /// Appends a frame with this request and these octets.
    pub(crate) fn push(&self, request: u64, octets: &[u8], out: &mut Vec<u8>) {
        let request = Encoded::unsigned(self.wire.format(), request);
        let fixed_bytes = self.before_request.len() + self.after_request.len() + self.end.len();
        let bytes = fixed_bytes + request.as_bytes().len() + octets.len();
        let (framing, format) = (self.wire.framing, self.wire.format());
        frame::push_header(framing, Side::Client, format, self.length_bytes + bytes, out);
        if self.length_bytes > 0 {
            // The command line allows no payload that comes near the limit.
            let length = u32::try_from(bytes).unwrap_or(u32::MAX);
            self.push_masked(&length.to_be_bytes(), out);
        }
        out.extend_from_slice(&self.before_request);
        self.push_masked(request.as_bytes(), out);
        out.extend_from_slice(&self.after_request);
        self.push_masked(octets, out);
        out.extend_from_slice(&self.end);
    }

    fn push_masked(&self, octets: &[u8], out: &mut Vec<u8>) {
        match self.wire.mask() {
            0 => out.extend_from_slice(octets),
            mask => out.extend(octets.iter().map(|octet| octet ^ mask)),
        }
    }
}

/// The details of a message that routers usually write: nothing, or the URI where a pattern has
/// matched.
pub(crate) fn details(format: Format, uri: Option<(&str, &str)>) -> Vec<u8> {
    let Some((key, uri)) = uri else { return Options::Empty.encoded(format).to_vec() };
    let mut encoded = match format {
        Format::Json => return format!("{{\"{key}\":\"{uri}\"}}").into_bytes(),
        Format::MessagePack => vec![0x81],
        Format::Cbor => vec![0xa1],
    };
    for text in [key, uri] {
        encoded.extend_from_slice(Encoded::text_head(format, text.len()).as_bytes());
        encoded.extend_from_slice(text.as_bytes());
    }
    encoded
}

/// Decodes a message that has not the usual shape; `None` if it is none at all.
pub(crate) fn decode(format: Format, message: &[u8]) -> Option<Message<'_>> {
    Message::decode(format, message, &Limits::default()).ok()
}

#[cfg(test)]
mod tests;
