//! Opening a session: transport handshake, HELLO, and requests before the load begins.
//!
//! Blocking, one message at a time; the driver takes the socket over afterwards.

#![allow(clippy::wildcard_enum_match_arm, reason = "any other answer is not the one that was due")]

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use flowgate_wire::rawsocket::{HANDSHAKE_BYTES, Handshake, MaxLength};
use flowgate_wire::{
    Dict, Entry, Format, Goodbye, Hello, Limits, Message, Register, RequestId, Serializer,
    Subscribe, Uri, Value,
};

use crate::LoadError;
use crate::frame::{self, Framing, Header, Kind, Side};
use crate::target::{Target, resolve};

/// How long the router may take for any answer outside of the load.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// The key of RFC 6455's example with the answer to it: the router computes as with any other.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Longest answer to an upgrade that is read.
const UPGRADE_BYTES_MAX: usize = 16 << 10;

/// A connected socket.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    fn connect(target: &Target) -> io::Result<Self> {
        match target {
            Target::WebSocket { authority, .. } | Target::RawSocket { authority } => {
                let addresses = resolve(authority)?;
                let stream = TcpStream::connect(addresses.as_slice())?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(ANSWER_LIMIT))?;
                Ok(Self::Tcp(stream))
            }
            Target::Unix { path } => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(ANSWER_LIMIT))?;
                Ok(Self::Unix(stream))
            }
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes),
            Self::Unix(stream) => stream.write_all(bytes),
        }
    }
}

/// A session that is being opened or closed.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) socket: Socket,
    pub(crate) framing: Framing,
    pub(crate) format: Format,
    /// Received, and not used yet.
    pub(crate) received: Vec<u8>,
    next_request: RequestId,
}

impl Opening {
    /// Connects and joins the realm.
    pub(crate) fn join(target: &Target, format: Format, realm: &str) -> Result<Self, LoadError> {
        let socket = Socket::connect(target)
            .map_err(|source| LoadError::Connect { url: target.url(), source })?;
        let framing = target.framing();
        let next_request = RequestId::MIN;
        let mut opening = Self { socket, framing, format, received: Vec::new(), next_request };
        match target {
            Target::WebSocket { authority, path } => opening.upgrade(authority, path)?,
            Target::RawSocket { .. } | Target::Unix { .. } => opening.shake_hands()?,
        }
        opening.hello(realm)?;
        Ok(opening)
    }

    fn upgrade(&mut self, authority: &str, path: &str) -> Result<(), LoadError> {
        let subprotocol = Serializer::single(self.format).subprotocol();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
        );
        self.socket.write_all(request.as_bytes())?;
        let head = loop {
            let end = self.received.windows(4).position(|octets| octets == b"\r\n\r\n");
            if let Some(end) = end {
                break self.received.drain(..end + 4).collect::<Vec<u8>>();
            }
            if self.received.len() > UPGRADE_BYTES_MAX {
                return Err(LoadError::Upgrade("a head without an end".to_owned()));
            }
            self.receive()?;
        };
        let head = String::from_utf8_lossy(&head);
        let value = |name: &str| {
            head.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        let status = head.lines().next().unwrap_or_default();
        if status.split(' ').nth(1) == Some("101")
            && value("sec-websocket-accept") == Some(ACCEPT)
            && value("sec-websocket-protocol") == Some(subprotocol)
        {
            Ok(())
        } else {
            Err(LoadError::Upgrade(status.to_owned()))
        }
    }

    fn shake_hands(&mut self) -> Result<(), LoadError> {
        let request = Handshake { max_length: MaxLength::MAX, format: self.format };
        self.socket.write_all(&request.to_octets())?;
        while self.received.len() < HANDSHAKE_BYTES {
            self.receive()?;
        }
        if let Some(octets) = self.received.first_chunk() {
            Handshake::parse_reply(*octets, self.format)?;
        }
        self.received.drain(..HANDSHAKE_BYTES);
        Ok(())
    }

    fn hello(&mut self, realm: &str) -> Result<(), LoadError> {
        let roles = ["caller", "callee", "publisher", "subscriber"];
        let roles = roles.map(|role| (role, Value::Dict(Vec::new())));
        let details: [Entry<'_>; 1] = [("roles".into(), Value::dict(roles))];
        let realm = Uri::new(realm);
        self.send(&Hello { realm, details: Dict::from_entries(&details) }.into())?;
        let answer = self.next_message()?;
        match self.decode(&answer)? {
            Message::Welcome(_) => Ok(()),
            other => Err(refused("WELCOME", &other)),
        }
    }

    /// Registers a procedure.
    pub(crate) fn register(&mut self, procedure: &str) -> Result<(), LoadError> {
        let request = self.request();
        let procedure = Uri::new(procedure);
        self.send(&Register { request, options: Dict::EMPTY, procedure }.into())?;
        let answer = self.next_message()?;
        match self.decode(&answer)? {
            Message::Registered(reply) if reply.request == request => Ok(()),
            other => Err(refused("REGISTERED", &other)),
        }
    }

    /// Subscribes to a topic.
    pub(crate) fn subscribe(&mut self, topic: &str) -> Result<(), LoadError> {
        let request = self.request();
        let topic = Uri::new(topic);
        self.send(&Subscribe { request, options: Dict::EMPTY, topic }.into())?;
        let answer = self.next_message()?;
        match self.decode(&answer)? {
            Message::Subscribed(reply) if reply.request == request => Ok(()),
            other => Err(refused("SUBSCRIBED", &other)),
        }
    }

    /// Ends the session: GOODBYE until the router's GOODBYE, then the transport.
    pub(crate) fn leave(mut self) -> Result<(), LoadError> {
        self.send(&goodbye())?;
        let answer = self.next_message()?;
        match self.decode(&answer)? {
            Message::Goodbye(_) => {}
            other => return Err(refused("GOODBYE", &other)),
        }
        if self.framing == Framing::WebSocket {
            self.close_websocket()?;
        }
        Ok(())
    }

    /// The WebSocket closing handshake.
    fn close_websocket(&mut self) -> Result<(), LoadError> {
        let mut out = Vec::new();
        let normal = 1000u16.to_be_bytes();
        frame::push_control(self.framing, Side::Client, Kind::Close, &normal, &mut out);
        self.socket.write_all(&out)?;
        loop {
            match self.next_frame() {
                Ok((Kind::Close, _)) | Err(LoadError::Closed { .. }) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn request(&mut self) -> RequestId {
        let id = self.next_request;
        self.next_request = id.next();
        id
    }

    fn send(&mut self, message: &Message<'_>) -> Result<(), LoadError> {
        Ok(self.socket.write_all(&framed(self.framing, self.format, message))?)
    }

    fn next_message(&mut self) -> Result<Vec<u8>, LoadError> {
        let mut parts = Vec::new();
        loop {
            let (kind, payload) = self.next_frame()?;
            match kind {
                Kind::Message => return Ok(payload),
                Kind::Part => parts.extend_from_slice(&payload),
                Kind::LastPart => {
                    parts.extend_from_slice(&payload);
                    return Ok(parts);
                }
                Kind::Ping => {
                    let mut out = Vec::new();
                    let side = Side::Client;
                    frame::push_control(self.framing, side, Kind::Pong, &payload, &mut out);
                    self.socket.write_all(&out)?;
                }
                Kind::Pong => {}
                Kind::Close => return Err(LoadError::Closed { connection: 0 }),
            }
        }
    }

    fn next_frame(&mut self) -> Result<(Kind, Vec<u8>), LoadError> {
        loop {
            if let Some(header) = Header::parse(self.framing, &self.received)?
                && self.received.len() >= header.frame_bytes()
            {
                let mut payload: Vec<u8> = self.received.drain(..header.frame_bytes()).collect();
                payload.drain(..header.header_bytes);
                return Ok((header.kind, payload));
            }
            self.receive()?;
        }
    }

    fn receive(&mut self) -> Result<(), LoadError> {
        let mut buffer = [0; 4096];
        let len = self.socket.read(&mut buffer)?;
        if len == 0 {
            return Err(LoadError::Closed { connection: 0 });
        }
        self.received.extend_from_slice(buffer.get(..len).unwrap_or_default());
        Ok(())
    }

    fn decode<'a>(&self, message: &'a [u8]) -> Result<Message<'a>, LoadError> {
        Ok(Message::decode(self.format, message, &Limits::default())?)
    }
}

/// The GOODBYE of a client that leaves.
pub(crate) fn goodbye() -> Message<'static> {
    Goodbye { details: Dict::EMPTY, reason: Uri::new("wamp.close.close_realm") }.into()
}

/// A message in its frame, masked where the transport asks for it.
pub(crate) fn framed(framing: Framing, format: Format, message: &Message<'_>) -> Vec<u8> {
    let mut body = Vec::new();
    message.encode(format, &mut body);
    let mut out = Vec::new();
    frame::push_header(framing, Side::Client, format, body.len(), &mut out);
    let mask = frame::mask(framing, Side::Client);
    out.extend(body.iter().map(|octet| octet ^ mask));
    out
}

/// What a message means that was not the one that was due.
pub(crate) fn refused(expected: &'static str, message: &Message<'_>) -> LoadError {
    match message {
        Message::Abort(abort) => LoadError::Refused(abort.reason.as_str().to_owned()),
        Message::Goodbye(goodbye) => LoadError::Refused(goodbye.reason.as_str().to_owned()),
        Message::Error(error) => LoadError::Refused(error.error.as_str().to_owned()),
        other => LoadError::Unexpected { expected, got: other.message_type() },
    }
}
