//! The receiving side of WebSocket: octets in, messages out, without I/O.

use std::io::{self, Read, Write};

use bytes::Bytes;
use flowgate_wire::Format;
use tungstenite::{
    Message,
    error::{CapacityError, Error},
    protocol::{
        CloseFrame, Role, WebSocketConfig, WebSocketContext,
        frame::{Frame, coding::CloseCode},
    },
};

/// Octets that the library asks for at once, and that an idle connection holds.
const READ_BUFFER_BYTES: usize = 4096;

/// Unmasks, reassembles and checks what a client sends (RFC 6455, sections 5 to 7).
#[derive(Debug)]
pub(crate) struct WebSocketReader {
    context: Box<WebSocketContext>,
    format: Format,
}

/// What was received.
#[derive(Debug)]
pub(crate) enum Received {
    /// One WebSocket message of the kind that the serializer uses.
    Message(Bytes),
    /// The client closes; the reply is in the output.
    Close,
    /// Nothing whole is left in the input.
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

/// The input of one call and what the library wants to send at once (pong, close).
struct Memory<'a, 'b> {
    input: &'a mut &'b [u8],
    output: &'a mut Vec<u8>,
}

impl WebSocketReader {
    pub(crate) fn new(format: Format, max_message_bytes: usize, max_frame_bytes: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(max_message_bytes))
            .max_frame_size(Some(max_frame_bytes));
        Self { context: Box::new(WebSocketContext::new(Role::Server, Some(config))), format }
    }

    /// Takes octets from the front of `input` until a message is whole.
    ///
    /// Control frames to be sent at once are appended to `output`.
    pub(crate) fn next(
        &mut self,
        input: &mut &[u8],
        output: &mut Vec<u8>,
    ) -> Result<Received, Failure> {
        loop {
            match self.context.read(&mut Memory { input, output }) {
                Ok(Message::Text(text)) if self.format == Format::Json => {
                    return Ok(Received::Message(text.into()));
                }
                Ok(Message::Binary(octets)) if self.format != Format::Json => {
                    return Ok(Received::Message(octets));
                }
                Ok(Message::Text(_) | Message::Binary(_)) => {
                    return Err(Failure::new(
                        CloseCode::Unsupported,
                        "text or binary, against the subprotocol",
                    ));
                }
                Ok(Message::Ping(_)) => {
                    // Lets the library write the pong.
                    let _ = self.context.flush(&mut Memory { input, output });
                }
                Ok(Message::Pong(_) | Message::Frame(_)) => {}
                Ok(Message::Close(_)) => {
                    let _ = self.context.flush(&mut Memory { input, output });
                    return Ok(Received::Close);
                }
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Received::Nothing);
                }
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => return Ok(Received::Close),
                Err(error) => return Err(Failure::from(&error)),
            }
        }
    }
}

impl Failure {
    fn new(code: CloseCode, what: &str) -> Self {
        Self { close: close_frame(code, what), what: what.to_owned() }
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let code = if let Error::Capacity(CapacityError::MessageTooLong { .. }) = error {
            CloseCode::Size
        } else if let Error::Utf8(_) = error {
            CloseCode::Invalid
        } else {
            CloseCode::Protocol
        };
        Self::new(code, &error.to_string())
    }
}

/// A close frame; the reason is cut to what a control frame can hold.
pub(crate) fn close_frame(code: CloseCode, reason: &str) -> Vec<u8> {
    /// A control frame holds 125 octets, two of which are the code (RFC 6455, section 5.5).
    const MAX_REASON_BYTES: usize = 123;
    let mut end = reason.len().min(MAX_REASON_BYTES);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let reason = reason.get(..end).unwrap_or_default().into();
    let mut octets = Vec::new();
    // Writing to memory does not fail.
    let _ = Frame::close(Some(CloseFrame { code, reason })).format(&mut octets);
    octets
}

impl Read for Memory<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.input.read(buffer)
    }
}

impl Write for Memory<'_, '_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
