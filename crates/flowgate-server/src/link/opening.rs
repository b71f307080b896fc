//! From an accepted socket to a transport that carries WAMP messages.
//!
//! TLS first, where the listener has it; then the first octet tells RawSocket from HTTP; then the
//! RawSocket handshake or the WebSocket upgrade.

mod rawsocket;
mod upgrade;

use std::{
    future::poll_fn,
    io::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use flowgate_router::AuthPolicy;
use flowgate_wire::rawsocket::MAGIC;
use rustls::ServerConnection;
use tokio::io::ReadBuf;

use super::{
    outlet::decrypt,
    socket::{ReadHalf, WriteHalf},
};
use crate::{config::Keepalive, frame::Wire, metrics::Stage, scratch::Scratch, service::Service};

/// A client that has sent this much and has not agreed on a transport is up to something else.
const MAX_HANDSHAKE_BYTES: usize = 64 << 10;

/// A connection before it carries WAMP messages.
#[derive(Debug)]
pub(crate) struct Opening {
    reader: ReadHalf,
    writer: WriteHalf,
    tls: Option<Box<ServerConnection>>,
    /// What was read (and decrypted) and not yet understood.
    buffer: Vec<u8>,
}

/// A connection that carries WAMP messages.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) reader: ReadHalf,
    pub(crate) writer: WriteHalf,
    pub(crate) tls: Option<Box<ServerConnection>>,
    /// What was read beyond the handshake.
    pub(crate) rest: Vec<u8>,
    pub(crate) terms: Terms,
}

/// What the two sides of a transport have agreed on, and what the configuration says about it.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) wire: Wire,
    /// The longest message from the client.
    pub(crate) max_received_bytes: usize,
    /// The longest frame from the client (WebSocket).
    pub(crate) max_frame_bytes: usize,
    /// The longest message to the client.
    pub(crate) max_sent_bytes: usize,
    pub(crate) keepalive: Option<Keepalive>,
    /// How long the client may take to open a session.
    pub(crate) handshake_timeout: Duration,
    /// The length of a ping's payload.
    pub(crate) ping_payload_bytes: usize,
    /// How long the client may take to close its side once we have closed ours.
    pub(crate) closing_timeout: Duration,
    pub(crate) auth: Arc<AuthPolicy>,
}

/// Why a connection does not get to carry WAMP messages.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpeningError {
    /// The client went away, or the socket failed. Nothing to do.
    #[error("connection lost: {0}")]
    Lost(#[from] io::Error),
    /// The client's fault, or an attack. It has been told in the alert.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The client takes too long.
    #[error("handshake timed out")]
    TimedOut,
    /// The client speaks something that this listener does not. It has been told where possible.
    #[error("{0}")]
    Refused(String),
}

impl OpeningError {
    /// How far the connection has come.
    pub(crate) const fn stage(&self) -> Stage {
        match self {
            Self::Lost(_) => Stage::Lost,
            Self::Tls(_) => Stage::Tls,
            Self::TimedOut => Stage::Timeout,
            Self::Refused(_) => Stage::Transport,
        }
    }
}

impl Opening {
    pub(crate) fn new(
        reader: ReadHalf,
        writer: WriteHalf,
        tls: Option<&Arc<rustls::ServerConfig>>,
    ) -> Result<Self, rustls::Error> {
        let tls = tls
            .map(|config| ServerConnection::new(Arc::clone(config)).map(Box::new))
            .transpose()?;
        Ok(Self { reader, writer, tls, buffer: Vec::new() })
    }

    /// Agrees with the client on a transport. Bounded by the caller with a timeout.
    ///
    /// Not cancellation safe: dropping the future drops the connection.
    pub(crate) async fn open(mut self, service: &Service) -> Result<Opened, OpeningError> {
        let first = loop {
            if let Some(first) = self.buffer.first() {
                break *first;
            }
            self.fill().await?;
        };
        if first == MAGIC {
            let terms = rawsocket::agree(&mut self, service).await?;
            Ok(self.opened(terms))
        } else {
            let terms = upgrade::agree(&mut self, service).await?;
            Ok(self.opened(terms))
        }
    }

    fn opened(self, terms: Terms) -> Opened {
        let Self { reader, writer, tls, buffer, .. } = self;
        Opened { reader, writer, tls, rest: buffer, terms }
    }

    /// Reads at least one octet into the buffer.
    async fn fill(&mut self) -> Result<(), OpeningError> {
        let before = self.buffer.len();
        while self.buffer.len() == before {
            let Self { reader, tls, buffer, .. } = &mut *self;
            let read = poll_fn(|cx| {
                Scratch::with(|scratch| {
                    let mut read = ReadBuf::new(&mut scratch.read);
                    reader.poll_read(cx, &mut read).map_ok(|()| {
                        let octets = read.filled();
                        let decrypted = if let Some(tls) = tls {
                            decrypt(tls, octets, buffer)
                        } else {
                            buffer.extend_from_slice(octets);
                            Ok(())
                        };
                        (octets.len(), decrypted)
                    })
                })
            });
            let (count, decrypted) = read.await?;
            // An alert may have to go out even if decryption failed.
            self.flush_tls().await?;
            decrypted?;
            if count == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            if self.buffer.len() > MAX_HANDSHAKE_BYTES {
                return Err(OpeningError::Refused("handshake too long".to_owned()));
            }
        }
        Ok(())
    }

    async fn write(&mut self, octets: &[u8]) -> Result<(), OpeningError> {
        if let Some(tls) = self.tls.as_mut() {
            tls.writer().write_all(octets)?;
            self.flush_tls().await
        } else {
            write_all(&self.writer, octets).await
        }
    }

    async fn flush_tls(&mut self) -> Result<(), OpeningError> {
        let mut records = Vec::new();
        if let Some(tls) = self.tls.as_mut() {
            while tls.wants_write() {
                tls.write_tls(&mut records)?;
            }
        }
        write_all(&self.writer, &records).await
    }
}

async fn write_all(writer: &WriteHalf, mut octets: &[u8]) -> Result<(), OpeningError> {
    while !octets.is_empty() {
        match writer.try_write(octets) {
            Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
            Ok(count) => octets = octets.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                poll_fn(|cx| writer.poll_writable(cx)).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
