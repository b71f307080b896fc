//! Turning the messages of one side into those of the other.

use flowgate_load::frame::{self, Framing, Side};
use flowgate_load::head::{Cursor, Encoded};
use flowgate_wire::Format;

/// How all messages of a connection are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wire {
    pub(crate) framing: Framing,
    pub(crate) format: Format,
}

/// A received message, as far as it is needed.
#[derive(Debug)]
pub(crate) enum Incoming<'a> {
    /// CALL; request and arguments.
    Call(u64, &'a [u8]),
    /// YIELD; request of the invocation and arguments.
    Yield(u64, &'a [u8]),
    /// PUBLISH; request, whether it is to be acknowledged, topic and arguments.
    Publish(u64, Acknowledge, &'a [u8], &'a [u8]),
    /// SUBSCRIBE; request and topic.
    Subscribe(u64, &'a [u8]),
    /// REGISTER; request.
    Register(u64),
    /// HELLO.
    Hello,
    /// GOODBYE.
    Goodbye,
}

/// Whether PUBLISHED is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acknowledge {
    Yes,
    No,
}

/// Bits of an invocation's request that hold the caller; the others hold the caller's request.
const CALLER_BITS: u32 = 12;

/// The request of an invocation.
pub(crate) const fn invocation(caller: usize, request: u64) -> u64 {
    request << CALLER_BITS | caller as u64
}

/// The caller and its request.
pub(crate) const fn caller(invocation: u64) -> (usize, u64) {
    let caller = invocation & ((1 << CALLER_BITS) - 1);
    #[allow(clippy::cast_possible_truncation, reason = "twelve bits")]
    (caller as usize, invocation >> CALLER_BITS)
}

impl<'a> Incoming<'a> {
    /// Reads a message; `None` for anything unexpected.
    pub(crate) fn read(format: Format, message: &'a [u8]) -> Option<Self> {
        let (mut cursor, code) = Cursor::open(format, message)?;
        match code {
            48 => {
                let request = cursor.unsigned()?;
                cursor.empty_dict()?;
                cursor.text()?;
                Some(Self::Call(request, cursor.tail()?))
            }
            70 => {
                let request = cursor.unsigned()?;
                cursor.empty_dict()?;
                Some(Self::Yield(request, cursor.tail()?))
            }
            16 => {
                let request = cursor.unsigned()?;
                let mut plain = cursor.clone();
                let acknowledge = if plain.empty_dict().is_some() {
                    cursor = plain;
                    Acknowledge::No
                } else {
                    cursor.element(acknowledged(format))?;
                    Acknowledge::Yes
                };
                let topic = cursor.text()?;
                Some(Self::Publish(request, acknowledge, topic, cursor.tail()?))
            }
            32 => {
                let request = cursor.unsigned()?;
                cursor.empty_dict()?;
                Some(Self::Subscribe(request, cursor.text()?))
            }
            64 => Some(Self::Register(cursor.unsigned()?)),
            1 => Some(Self::Hello),
            6 => Some(Self::Goodbye),
            _ => None,
        }
    }
}

/// The options of a publication that is to be acknowledged.
const fn acknowledged(format: Format) -> &'static [u8] {
    match format {
        Format::Json => b"{\"acknowledge\":true}",
        Format::MessagePack => b"\x81\xabacknowledge\xc3",
        Format::Cbor => b"\xa1\x6backnowledge\xf5",
    }
}

impl Wire {
    /// Appends `[code, ids…, {}, arguments]` in its frame; without a dictionary and arguments if
    /// there are none.
    pub(crate) fn push(self, code: u64, ids: &[u64], arguments: Option<&[u8]>, out: &mut Vec<u8>) {
        let format = self.format;
        let count = 1 + ids.len() + if arguments.is_some() { 2 } else { 0 };
        let mut head = Head::default();
        head.push(Encoded::list_head(format, count).as_bytes());
        head.push(Encoded::unsigned(format, code).as_bytes());
        for id in ids {
            if format == Format::Json {
                head.push(b",");
            }
            head.push(Encoded::unsigned(format, *id).as_bytes());
        }
        let end: &[u8] = if format == Format::Json { b"]" } else { b"" };
        if arguments.is_some() {
            head.push(match format {
                Format::Json => b",{},",
                Format::MessagePack => b"\x80",
                Format::Cbor => b"\xa0",
            });
        }
        let arguments = arguments.unwrap_or_default();
        let bytes = head.as_bytes().len() + arguments.len() + end.len();
        frame::push_header(self.framing, Side::Server, format, bytes, out);
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(arguments);
        out.extend_from_slice(end);
    }
}

/// The beginning of a message, on the stack.
struct Head {
    octets: [u8; Self::MAX_BYTES],
    len: usize,
}

impl Default for Head {
    fn default() -> Self {
        Self { octets: [0; Self::MAX_BYTES], len: 0 }
    }
}

impl Head {
    /// Three integers of JSON with brackets, commas and a dictionary.
    const MAX_BYTES: usize = 80;

    fn push(&mut self, octets: &[u8]) {
        if let Some(place) = self.octets.get_mut(self.len..self.len + octets.len()) {
            place.copy_from_slice(octets);
            self.len += octets.len();
        }
    }

    fn as_bytes(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use flowgate_wire::{Limits, Message};

    use super::*;

    #[test]
    fn invocations_are_told_apart_by_caller_and_request() {
        assert_eq!(caller(invocation(5, 1 << 30)), (5, 1 << 30));
    }

    #[test]
    fn what_is_forwarded_is_what_the_codec_writes() {
        for format in Format::ALL {
            let wire = Wire { framing: Framing::RawSocket, format };
            let arguments: &[u8] = match format {
                Format::Json => br#"["a"]"#,
                Format::MessagePack => b"\x91\xa1a",
                Format::Cbor => b"\x81\x61a",
            };
            let mut out = Vec::new();
            wire.push(68, &[1 << 40, 1], Some(arguments), &mut out);
            let body = out.split_off(4);
            let message = Message::decode(format, &body, &Limits::default()).unwrap();
            let mut again = Vec::new();
            message.encode(format, &mut again);
            assert_eq!(again, body);
            let Message::Invocation(invocation) = message else { panic!("{message:?}") };
            assert_eq!(invocation.request.get(), 1 << 40);
        }
    }
}
