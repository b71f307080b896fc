//! Transport frames, written by hand: RawSocket's, and those of WebSocket (RFC 6455, section 5.2).
//!
//! A client masks WebSocket frames with four times the same octet, [`MASK`]: the router has the
//! same work as with any mask, and what is masked in advance fits at any offset.

use flowgate_wire::Format;
use flowgate_wire::rawsocket::{self, FrameHeader, FrameKind, MaxLength};

/// Each of the four octets with which a client masks WebSocket frames.
pub const MASK: u8 = 0x5a;

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

/// How messages are framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Four octets before each message.
    RawSocket,
    /// WebSocket messages.
    WebSocket,
}

/// Which end writes a frame: a client masks WebSocket frames, a server does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The end that opened the connection.
    Client,
    /// The end that accepted it.
    Server,
}

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One whole message.
    Message,
    /// The beginning or a middle part of a message.
    Part,
    /// The last part of a message.
    LastPart,
    /// To be answered with the same octets.
    Ping,
    /// The answer to a ping.
    Pong,
    /// The WebSocket closing handshake.
    Close,
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the frame carries.
    pub kind: Kind,
    /// Octets of the header itself.
    pub header_bytes: usize,
    /// Octets that follow the header.
    pub payload_bytes: usize,
    /// With what the payload is masked, four octets in turn.
    pub mask: Option<[u8; 4]>,
}

/// The octets are no frame; the peer's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed frame that begins with {first:#04x}")]
pub struct FrameError {
    /// The first octet.
    pub first: u8,
}

impl Header {
    /// Reads a header; `None` as long as it is not complete.
    ///
    /// # Errors
    /// [`FrameError`], after which the boundaries of frames are lost.
    pub fn parse(framing: Framing, bytes: &[u8]) -> Result<Option<Self>, FrameError> {
        match framing {
            Framing::RawSocket => Self::parse_rawsocket(bytes),
            Framing::WebSocket => Self::parse_websocket(bytes),
        }
    }

    fn parse_rawsocket(bytes: &[u8]) -> Result<Option<Self>, FrameError> {
        let Some(octets) = bytes.first_chunk::<{ rawsocket::HEADER_BYTES }>() else {
            return Ok(None);
        };
        let [first, ..] = *octets;
        let header = FrameHeader::parse(*octets).map_err(|_| FrameError { first })?;
        let kind = match header.kind() {
            FrameKind::Regular => Kind::Message,
            FrameKind::Ping => Kind::Ping,
            FrameKind::Pong => Kind::Pong,
        };
        Ok(Some(Self {
            kind,
            header_bytes: rawsocket::HEADER_BYTES,
            payload_bytes: header.len(),
            mask: None,
        }))
    }

    fn parse_websocket(bytes: &[u8]) -> Result<Option<Self>, FrameError> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let kind = match (first & FIN != 0, first & 0x7f) {
            (true, 1 | 2) => Kind::Message,
            (false, 0..=2) => Kind::Part,
            (true, 0) => Kind::LastPart,
            (true, 8) => Kind::Close,
            (true, 9) => Kind::Ping,
            (true, 10) => Kind::Pong,
            _ => return Err(FrameError { first: *first }),
        };
        let (length_bytes, payload_bytes) = match second & 0x7f {
            126 => match rest.first_chunk() {
                Some(octets) => (2, usize::from(u16::from_be_bytes(*octets))),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(octets) => match usize::try_from(u64::from_be_bytes(*octets)) {
                    Ok(length) => (8, length),
                    Err(_) => return Err(FrameError { first: *first }),
                },
                None => return Ok(None),
            },
            length => (0, usize::from(length)),
        };
        let mut header_bytes = 2 + length_bytes;
        let mut mask = None;
        if second & MASKED != 0 {
            let Some(octets) = rest.get(length_bytes..).and_then(<[u8]>::first_chunk) else {
                return Ok(None);
            };
            mask = Some(*octets);
            header_bytes += 4;
        }
        Ok(Some(Self { kind, header_bytes, payload_bytes, mask }))
    }

    /// Octets of the whole frame.
    #[must_use]
    pub fn frame_bytes(&self) -> usize {
        self.header_bytes.saturating_add(self.payload_bytes)
    }
}

/// Appends the header of a frame with one message of `payload_bytes`.
///
/// Nothing is masked here; see [`mask`].
pub fn push_header(
    framing: Framing,
    side: Side,
    format: Format,
    payload_bytes: usize,
    out: &mut Vec<u8>,
) {
    let opcode = match format {
        Format::Json => 1,
        Format::MessagePack | Format::Cbor => 2,
    };
    match framing {
        Framing::RawSocket => push_rawsocket(FrameKind::Regular, payload_bytes, out),
        Framing::WebSocket => push_websocket(opcode, side, payload_bytes, out),
    }
}

/// Appends a whole control frame.
pub fn push_control(framing: Framing, side: Side, kind: Kind, payload: &[u8], out: &mut Vec<u8>) {
    match (framing, kind) {
        (Framing::RawSocket, Kind::Ping) => push_rawsocket(FrameKind::Ping, payload.len(), out),
        (Framing::RawSocket, Kind::Pong) => push_rawsocket(FrameKind::Pong, payload.len(), out),
        (Framing::WebSocket, Kind::Ping) => push_websocket(9, side, payload.len(), out),
        (Framing::WebSocket, Kind::Pong) => push_websocket(10, side, payload.len(), out),
        (Framing::WebSocket, Kind::Close) => push_websocket(8, side, payload.len(), out),
        (Framing::RawSocket, Kind::Close) | (_, Kind::Message | Kind::Part | Kind::LastPart) => {
            return;
        }
    }
    let mask = mask(framing, side);
    out.extend(payload.iter().map(|octet| octet ^ mask));
}

/// What each octet of the payload is combined with; 0 where nothing is masked.
#[must_use]
pub const fn mask(framing: Framing, side: Side) -> u8 {
    match (framing, side) {
        (Framing::WebSocket, Side::Client) => MASK,
        (Framing::RawSocket, _) | (Framing::WebSocket, Side::Server) => 0,
    }
}

/// Removes the mask of a received frame.
pub fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    // In chunks of the mask's length, which the compiler turns into vector instructions.
    let (chunks, rest) = payload.as_chunks_mut::<4>();
    for chunk in chunks {
        for (octet, mask) in chunk.iter_mut().zip(mask) {
            *octet ^= mask;
        }
    }
    for (octet, mask) in rest.iter_mut().zip(mask) {
        *octet ^= mask;
    }
}

fn push_rawsocket(kind: FrameKind, payload_bytes: usize, out: &mut Vec<u8>) {
    // Nothing longer is ever built: the command line refuses it.
    let header = FrameHeader::new(kind, payload_bytes, MaxLength::MAX);
    debug_assert!(header.is_ok());
    if let Ok(header) = header {
        out.extend_from_slice(&header.to_octets());
    }
}

fn push_websocket(opcode: u8, side: Side, payload_bytes: usize, out: &mut Vec<u8>) {
    let (masked, mask): (u8, &[u8]) = match side {
        Side::Client => (MASKED, &[MASK; 4]),
        Side::Server => (0, &[]),
    };
    out.push(FIN | opcode);
    match (u8::try_from(payload_bytes), u16::try_from(payload_bytes)) {
        (Ok(length @ ..126), _) => out.push(masked | length),
        (_, Ok(length)) => {
            out.push(masked | 126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&(payload_bytes as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(mask);
}

#[cfg(test)]
mod tests;
