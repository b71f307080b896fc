//! WebSocket by tungstenite.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use flowgate_wire::Format;
use futures_util::{Sink, Stream};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        protocol::{
            CloseFrame,
            frame::{
                Frame,
                coding::{Data, OpCode},
            },
        },
    },
};

use super::{BoxedStream, Incoming, Link, Outgoing};
use crate::ConnectionError;

/// A WebSocket connection after its opening handshake.
pub(crate) struct WebSocketLink {
    stream: WebSocketStream<BoxedStream>,
    format: Format,
}

impl WebSocketLink {
    pub(crate) const fn new(stream: WebSocketStream<BoxedStream>, format: Format) -> Self {
        Self { stream, format }
    }

    /// Sorts a received message; `None` for what needs no attention.
    fn incoming(
        &mut self,
        message: Message,
        cx: &mut Context<'_>,
    ) -> Result<Option<Incoming>, ConnectionError> {
        match message {
            Message::Text(text) if self.format == Format::Json => {
                Ok(Some(Incoming::Message(text.into())))
            }
            Message::Binary(octets) if self.format != Format::Json => {
                Ok(Some(Incoming::Message(octets)))
            }
            Message::Text(_) | Message::Binary(_) => {
                Err(ConnectionError::WrongWebSocketMessage { format: self.format })
            }
            Message::Pong(octets) => Ok(Some(Incoming::Pong(octets))),
            Message::Close(frame) => {
                // tungstenite has queued the answer; what cannot be written at once is not worth
                // waiting for, since the router is free to close without it.
                let _ = Pin::new(&mut self.stream).poll_flush(cx);
                Err(closed(frame))
            }
            // tungstenite answers PINGs and never returns a frame on reading.
            Message::Ping(_) | Message::Frame(_) => Ok(None),
        }
    }
}

impl Link for WebSocketLink {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, ConnectionError>> {
        loop {
            let Some(message) = ready!(Pin::new(&mut self.stream).poll_next(cx)) else {
                return Poll::Ready(Err(closed(None)));
            };
            let incoming = message.map_err(error).and_then(|message| self.incoming(message, cx));
            if let Some(incoming) = incoming.transpose() {
                return Poll::Ready(incoming);
            }
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        Pin::new(&mut self.stream).poll_ready(cx).map_err(error)
    }

    fn start_send(&mut self, outgoing: Outgoing) -> Result<(), ConnectionError> {
        let message = match outgoing {
            // As a frame, since a text message would have to be UTF-8, and tests send what is not.
            Outgoing::Message(octets) => {
                let data = if self.format == Format::Json { Data::Text } else { Data::Binary };
                Message::Frame(Frame::message(octets, OpCode::Data(data), true))
            }
            Outgoing::Ping(octets) => Message::Ping(octets.into()),
            Outgoing::Close { code, reason } => {
                Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() }))
            }
        };
        Pin::new(&mut self.stream).start_send(message).map_err(error)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        Pin::new(&mut self.stream).poll_flush(cx).map_err(error)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        Pin::new(&mut self.stream).poll_close(cx).map_err(error)
    }

    fn into_stream(self: Box<Self>) -> BoxedStream {
        self.stream.into_inner()
    }
}

fn closed(frame: Option<CloseFrame>) -> ConnectionError {
    frame.map_or(ConnectionError::Closed { code: None, reason: String::new() }, |frame| {
        ConnectionError::Closed { code: Some(frame.code.into()), reason: frame.reason.to_string() }
    })
}

fn error(error: Error) -> ConnectionError {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => closed(None),
        Error::Io(error) => ConnectionError::Io(error),
        error @ (Error::Tls(_)
        | Error::Capacity(_)
        | Error::Protocol(_)
        | Error::WriteBufferFull(_)
        | Error::Utf8(_)
        | Error::AttackAttempt
        | Error::Url(_)
        | Error::Http(_)
        | Error::HttpFormat(_)) => ConnectionError::WebSocket(Box::new(error)),
    }
}
