//! The receiving side of WebSocket: frames in, messages out, without I/O and without a buffer of
//! its own.
//!
//! Frames are unmasked where they were read to; only a message in several frames is copied.
//! The library parses the headers, but for those of messages in one frame; the rules behind them
//! (RFC 6455, sections 5 to 7) are here, and a property holds them to the library's own reader.

use std::{io::Cursor, mem};

use fearless_simd::{Level, dispatch};
use flowgate_wire::Format;
use tungstenite::{
    error::{CapacityError, Error, ProtocolError},
    protocol::{
        CloseFrame,
        frame::{
            Frame, FrameHeader,
            coding::{CloseCode, Control, Data, OpCode},
        },
    },
};

use super::serialized::Serialized;
use crate::frame::websocket_first;

/// A control frame holds no more (RFC 6455, section 5.5).
const MAX_CONTROL_BYTES: usize = 125;

/// The code in front of a close frame's reason.
const CLOSE_CODE_BYTES: usize = 2;

/// Unmasks, reassembles and checks what a client sends.
#[derive(Debug)]
pub(crate) struct WebSocketReader {
    format: Format,
    /// The first octet of a message in one frame.
    plain_first: u8,
    max_message_bytes: usize,
    max_frame_bytes: usize,
    /// The message whose last frame has not come yet.
    fragments: Option<Vec<u8>>,
}

/// What was received.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received<'a> {
    /// One WebSocket message of the kind that the serializer uses, in one frame.
    Message(Serialized<'a>),
    /// Such a message that came in several frames; text is UTF-8.
    Joined(Vec<u8>),
    /// A ping, to be answered with the same octets.
    Ping(&'a [u8]),
    /// The client closes; the frame is the answer.
    Close(Vec<u8>),
    /// The rest of the frame has not arrived.
    Nothing,
}

/// The client has broken WebSocket's rules: send the close frame, then close.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The close frame.
    pub(crate) close: Vec<u8>,
    /// What is wrong, for the log.
    pub(crate) what: String,
}

impl WebSocketReader {
    pub(crate) fn new(format: Format, max_message_bytes: usize, max_frame_bytes: usize) -> Self {
        let plain_first = websocket_first(format);
        Self { format, plain_first, max_message_bytes, max_frame_bytes, fragments: None }
    }

    /// Takes frames from the front of `input` until one has to be acted on.
    ///
    /// A frame is taken only when it is whole, but judged as soon as its header is there.
    pub(crate) fn next<'a>(&mut self, input: &mut &'a mut [u8]) -> Result<Received<'a>, Failure> {
        loop {
            if let Some(header) = self.plain_header(input) {
                return match take_payload(input, &header) {
                    Some(payload) => self.whole(payload),
                    None => Ok(Received::Nothing),
                };
            }
            let mut cursor = Cursor::new(&**input);
            let Some((frame, payload_bytes)) = FrameHeader::parse(&mut cursor)? else {
                return Ok(Received::Nothing);
            };
            let (mask, payload_bytes) = self.judge(&frame, payload_bytes)?;
            // A header has at most 14 octets.
            let header_bytes = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
            let header = Header { mask, header_bytes, payload_bytes };
            let Some(payload) = take_payload(input, &header) else {
                return Ok(Received::Nothing);
            };
            match frame.opcode {
                OpCode::Control(Control::Ping) => return Ok(Received::Ping(payload)),
                OpCode::Control(Control::Close) => return Ok(Received::Close(answer(payload)?)),
                OpCode::Control(Control::Pong | Control::Reserved(_)) => {}
                OpCode::Data(_) if frame.is_final && self.fragments.is_none() => {
                    return self.whole(payload);
                }
                OpCode::Data(_) => {
                    if let Some(message) = self.join(payload, frame.is_final)? {
                        return Ok(Received::Joined(message));
                    }
                }
            }
        }
    }

    /// The header of a message in one frame below 64 KiB, which most frames are.
    ///
    /// Leaves everything else, whatever is wrong included, to the careful way.
    #[inline]
    fn plain_header(&self, input: &[u8]) -> Option<Header> {
        let (length_bytes, payload_bytes) = match *input {
            [_, length @ 0x80..=0xfd, ..] => (2, usize::from(length & 0x7f)),
            [_, 0xfe, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
            _ => return None,
        };
        let mask = *input.get(length_bytes..)?.first_chunk()?;
        let is_plain = input.first() == Some(&self.plain_first)
            && self.fragments.is_none()
            && payload_bytes <= self.max_frame_bytes
            && payload_bytes <= self.max_message_bytes;
        let header_bytes = length_bytes + mask.len();
        is_plain.then_some(Header { mask, header_bytes, payload_bytes })
    }

    /// Checks what the header of a frame tells; its mask, and how long its payload is.
    fn judge(&self, header: &FrameHeader, payload_bytes: u64) -> Result<([u8; 4], usize), Failure> {
        let len = usize::try_from(payload_bytes).unwrap_or(usize::MAX);
        if len > self.max_frame_bytes {
            return Err(too_long(len, self.max_frame_bytes));
        }
        let Some(mask) = header.mask else {
            return Err(ProtocolError::UnmaskedFrameFromClient.into());
        };
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(ProtocolError::NonZeroReservedBits.into());
        }
        match header.opcode {
            OpCode::Control(_) if !header.is_final => {
                Err(ProtocolError::FragmentedControlFrame.into())
            }
            OpCode::Control(_) if len > MAX_CONTROL_BYTES => {
                Err(ProtocolError::ControlFrameTooBig.into())
            }
            OpCode::Control(Control::Reserved(number)) => {
                Err(ProtocolError::UnknownControlFrameType(number).into())
            }
            OpCode::Control(Control::Close | Control::Ping | Control::Pong) => Ok((mask, len)),
            OpCode::Data(data) => self.judge_data(data, len).map(|()| (mask, len)),
        }
    }

    fn judge_data(&self, data: Data, len: usize) -> Result<(), Failure> {
        let kind = match self.format {
            Format::Json => Data::Text,
            Format::MessagePack | Format::Cbor => Data::Binary,
        };
        match (data, &self.fragments) {
            (Data::Reserved(number), _) => Err(ProtocolError::UnknownDataFrameType(number).into()),
            (Data::Continue, None) => Err(ProtocolError::UnexpectedContinueFrame.into()),
            (Data::Text | Data::Binary, Some(_)) => {
                Err(ProtocolError::ExpectedFragment(data).into())
            }
            (Data::Text | Data::Binary, None) if data != kind => {
                Err(Failure::new(CloseCode::Unsupported, "text or binary, against the subprotocol"))
            }
            (Data::Text | Data::Binary | Data::Continue, fragments) => {
                let message_bytes = fragments.as_ref().map_or(0, Vec::len).saturating_add(len);
                if message_bytes > self.max_message_bytes {
                    return Err(too_long(message_bytes, self.max_message_bytes));
                }
                Ok(())
            }
        }
    }

    /// A message in one frame.
    fn whole<'a>(&self, payload: &'a [u8]) -> Result<Received<'a>, Failure> {
        Ok(Received::Message(match self.format {
            Format::Json => Serialized::Text(text(payload)?),
            Format::MessagePack | Format::Cbor => Serialized::Octets(payload),
        }))
    }

    /// Adds a frame's payload to the message that it belongs to; the message, if it is whole.
    fn join(&mut self, payload: &[u8], is_final: bool) -> Result<Option<Vec<u8>>, Failure> {
        let mut message = self.fragments.take().unwrap_or_default();
        message.extend_from_slice(payload);
        if !is_final {
            self.fragments = Some(message);
            return Ok(None);
        }
        if self.format == Format::Json {
            text(&message)?;
        }
        Ok(Some(message))
    }
}

/// What is needed of a frame's header.
struct Header {
    mask: [u8; 4],
    header_bytes: usize,
    payload_bytes: usize,
}

/// Takes a frame from the front of `input` and unmasks its payload; `None` if it is not whole.
#[inline]
fn take_payload<'a>(input: &mut &'a mut [u8], header: &Header) -> Option<&'a mut [u8]> {
    let frame_bytes = header.header_bytes.saturating_add(header.payload_bytes);
    if input.len() < frame_bytes {
        return None;
    }
    let (frame, rest) = mem::take(input).split_at_mut(frame_bytes);
    *input = rest;
    let payload = frame.get_mut(header.header_bytes..).unwrap_or_default();
    unmask(payload, header.mask);
    Some(payload)
}

/// A text's octets are UTF-8 (RFC 6455, section 8.1).
fn text(payload: &[u8]) -> Result<&str, Failure> {
    simdutf8::basic::from_utf8(payload)
        .map_err(|_| Failure::new(CloseCode::Invalid, "text that is not UTF-8"))
}

/// Applies a mask (RFC 6455, section 5.3).
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    /// From so many octets on it pays to ask for the widest vectors that the machine has.
    const LONG: usize = 256;
    if payload.len() < LONG {
        unmask_words(payload, mask);
    } else {
        dispatch!(Level::new(), _ => unmask_words(payload, mask));
    }
}

/// Applies a mask, four octets at a time, which the compiler makes as many as there may be.
#[inline(always)]
fn unmask_words(payload: &mut [u8], mask: [u8; 4]) {
    let (words, rest) = payload.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    for (octet, mask) in rest.iter_mut().zip(mask) {
        *octet ^= mask;
    }
}

/// The close frame that answers a client's: its own code and reason, if they are allowed.
fn answer(payload: &[u8]) -> Result<Vec<u8>, Failure> {
    let Some((code, reason)) = payload.split_first_chunk::<CLOSE_CODE_BYTES>() else {
        return match payload {
            [] => Ok(format_close(None)),
            _ => Err(ProtocolError::InvalidCloseSequence.into()),
        };
    };
    let code = CloseCode::from(u16::from_be_bytes(*code));
    let Ok(reason) = simdutf8::basic::from_utf8(reason) else {
        return Err(Failure::new(CloseCode::Invalid, "a reason that is not UTF-8"));
    };
    if code.is_allowed() {
        Ok(format_close(Some(CloseFrame { code, reason: reason.into() })))
    } else {
        Ok(close_frame(CloseCode::Protocol, "a close code that must not be sent"))
    }
}

fn too_long(size: usize, max_size: usize) -> Failure {
    Error::Capacity(CapacityError::MessageTooLong { size, max_size }).into()
}

impl Failure {
    fn new(code: CloseCode, what: &str) -> Self {
        Self { close: close_frame(code, what), what: what.to_owned() }
    }
}

impl From<ProtocolError> for Failure {
    fn from(error: ProtocolError) -> Self {
        Error::Protocol(error).into()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = if let Error::Capacity(CapacityError::MessageTooLong { .. }) = error {
            CloseCode::Size
        } else {
            CloseCode::Protocol
        };
        Self::new(code, &error.to_string())
    }
}

/// A close frame; the reason is cut to what a control frame can hold.
pub(crate) fn close_frame(code: CloseCode, reason: &str) -> Vec<u8> {
    let mut end = reason.len().min(MAX_CONTROL_BYTES - CLOSE_CODE_BYTES);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let reason = reason.get(..end).unwrap_or_default().into();
    format_close(Some(CloseFrame { code, reason }))
}

fn format_close(close: Option<CloseFrame>) -> Vec<u8> {
    let mut octets = Vec::new();
    // Writing to memory does not fail.
    let _ = Frame::close(close).format(&mut octets);
    octets
}

#[cfg(test)]
mod tests;
