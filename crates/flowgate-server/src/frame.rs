//! Messages to transport frames.

use flowgate_wire::{
    Batching, Format, Message, Serializer, batch,
    rawsocket::{self, FrameHeader, FrameKind, MaxLength},
};
use tungstenite::protocol::frame::coding::{Data, OpCode};

/// The greatest WebSocket header of a server, which masks nothing (RFC 6455, section 5.2).
const MAX_HEADER_BYTES: usize = 10;

/// How messages become octets on one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wire {
    /// The framing of the transport.
    pub(crate) framing: Framing,
    /// The serializer.
    pub(crate) serializer: Serializer,
}

/// The framing of a transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// A four-octet header before each message.
    RawSocket,
    /// WebSocket messages of one frame.
    WebSocket,
}

impl Wire {
    /// How many different wires there are.
    pub(crate) const COUNT: usize = 9;

    /// A number below [`COUNT`](Self::COUNT), different for wires with different octets.
    pub(crate) fn index(self) -> usize {
        let format = match self.serializer.format {
            Format::Json => 0,
            Format::MessagePack => 1,
            Format::Cbor => 2,
        };
        match (self.framing, self.serializer.batching) {
            // RawSocket has no batching.
            (Framing::RawSocket, _) => format,
            (Framing::WebSocket, Batching::Single) => 3 + format,
            (Framing::WebSocket, Batching::Batched) => 6 + format,
        }
    }

    /// Appends a frame with one message and returns the length of the serialized message.
    pub(crate) fn encode(self, message: &Message<'_>, out: &mut Vec<u8>) -> usize {
        match self.framing {
            Framing::RawSocket => rawsocket_frame(self.serializer.format, message, out),
            Framing::WebSocket => websocket_frame(self.serializer, message, out),
        }
    }

    /// A control frame of the transport.
    pub(crate) fn control(self, kind: ControlKind, payload: &[u8]) -> Vec<u8> {
        match self.framing {
            Framing::RawSocket => {
                let kind = match kind {
                    ControlKind::Ping => FrameKind::Ping,
                    ControlKind::Pong => FrameKind::Pong,
                };
                let mut frame = FrameHeader::new(kind, payload.len(), MaxLength::MAX)
                    .map_or([0; rawsocket::HEADER_BYTES], FrameHeader::to_octets)
                    .to_vec();
                frame.extend_from_slice(payload);
                frame
            }
            Framing::WebSocket => {
                let payload = payload.to_vec();
                let frame = match kind {
                    ControlKind::Ping => tungstenite::protocol::frame::Frame::ping(payload),
                    ControlKind::Pong => tungstenite::protocol::frame::Frame::pong(payload),
                };
                let mut out = Vec::new();
                // Writing to memory does not fail.
                let _ = frame.format(&mut out);
                out
            }
        }
    }
}

/// The control frames that both transports have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ControlKind {
    /// Asks for a [`Pong`](Self::Pong).
    Ping,
    /// Answers a [`Ping`](Self::Ping) with the same payload.
    Pong,
}

fn rawsocket_frame(format: Format, message: &Message<'_>, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; rawsocket::HEADER_BYTES]);
    let body = out.len();
    message.encode(format, out);
    let len = out.len() - body;
    // A longer message has no header; the caller sees its length and takes it back.
    if let Ok(header) = FrameHeader::new(FrameKind::Regular, len, MaxLength::MAX)
        && let Some(octets) = out.get_mut(start..body)
    {
        octets.copy_from_slice(&header.to_octets());
    }
    len
}

fn websocket_frame(serializer: Serializer, message: &Message<'_>, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    let (_, guess) = websocket_header(serializer.format, estimate(message));
    out.resize(start + guess, 0);
    let body = out.len();
    let len = match serializer.batching {
        Batching::Single => {
            message.encode(serializer.format, out);
            out.len() - body
        }
        Batching::Batched => append_batched(serializer.format, message, out),
    };
    let frame_len = out.len() - body;
    let (header, actual) = websocket_header(serializer.format, frame_len);
    if actual != guess {
        move_body(out, body, start + actual);
    }
    if let (Some(place), Some(header)) = (out.get_mut(start..start + actual), header.get(..actual))
    {
        place.copy_from_slice(header);
    }
    len
}

fn append_batched(format: Format, message: &Message<'_>, out: &mut Vec<u8>) -> usize {
    let mut len = 0;
    let appended = batch::append(format, out, |out| {
        let before = out.len();
        message.encode(format, out);
        len = out.len() - before;
        Ok::<(), batch::BatchError>(())
    });
    // A message beyond the length prefix is taken back by the caller, who sees its length.
    debug_assert!(appended.is_ok() || u32::try_from(len).is_err());
    len
}

/// Moves everything from `from` on to `to`.
fn move_body(out: &mut Vec<u8>, from: usize, to: usize) {
    let len = out.len() - from;
    if to > from {
        out.resize(to + len, 0);
        out.copy_within(from..from + len, to);
    } else {
        out.copy_within(from.., to);
        out.truncate(to + len);
    }
}

/// About how long the serialized message is: its payload and a usual head.
fn estimate(message: &Message<'_>) -> usize {
    const HEAD: usize = 40;
    const WELCOME: usize = 400;
    let payload = if let Message::Event(event) = message {
        event.payload.encoded_len_hint()
    } else if let Message::Invocation(invocation) = message {
        invocation.payload.encoded_len_hint()
    } else if let Message::Result(result) = message {
        result.payload.encoded_len_hint()
    } else if let Message::Error(error) = message {
        error.payload.encoded_len_hint()
    } else if let Message::Welcome(_) = message {
        WELCOME
    } else {
        0
    };
    HEAD + payload
}

/// The WebSocket header of a message in one frame, and how many of the octets it has (RFC 6455,
/// section 5.2).
fn websocket_header(format: Format, payload_bytes: usize) -> ([u8; MAX_HEADER_BYTES], usize) {
    let first = websocket_first(format);
    let [a, b, c, d, e, f, g, h] = (payload_bytes as u64).to_be_bytes();
    match payload_bytes {
        0..126 => ([first, h, 0, 0, 0, 0, 0, 0, 0, 0], 2),
        126..=0xffff => ([first, 126, g, h, 0, 0, 0, 0, 0, 0], 4),
        _ => ([first, 127, a, b, c, d, e, f, g, h], 10),
    }
}

/// The first octet of a WebSocket message in one frame.
pub(crate) fn websocket_first(format: Format) -> u8 {
    /// No other frame of the message follows.
    const FINAL: u8 = 0x80;
    FINAL
        | u8::from(OpCode::Data(match format {
            Format::Json => Data::Text,
            Format::MessagePack | Format::Cbor => Data::Binary,
        }))
}

#[cfg(test)]
mod tests;
