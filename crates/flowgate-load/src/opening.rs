//! Opening a session: transport handshake, HELLO, and requests before the load begins.
//!
//! Blocking, one message at a time; the driver takes the socket over afterwards.

#![allow(clippy::wildcard_enum_match_arm, reason = "any other answer is not the one that was due")]

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use flowgate_wire::rawsocket::{HANDSHAKE_BYTES, Handshake, MaxLength};
use flowgate_wire::{
    Batching, Dict, Entry, Goodbye, Hello, Limits, MatchPolicy, Message, MessageType, Register,
    RequestId, Serializer, Subscribe, Uri, Value,
};

use crate::LoadError;
use crate::frame::{self, Framing, Header, Kind, Side};
use crate::target::Target;
use crate::wire::Wire;

/// How long a stream must be silent to be taken for one that has not ended.
const DRAIN_WAIT: Duration = Duration::from_millis(200);

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

/// What is asked of a broker or dealer for one URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// SUBSCRIBE.
    Subscriber,
    /// REGISTER.
    Callee,
}

impl Role {
    /// The URI of such an entry as part of the names of this load.
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::Subscriber => "topic",
            Self::Callee => "procedure",
        }
    }
}

/// A session that is being opened or closed.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) socket: Socket,
    pub(crate) wire: Wire,
    /// Received octets, and not used yet.
    received: Vec<u8>,
    /// Received messages, and not used yet.
    messages: VecDeque<Vec<u8>>,
    next_request: RequestId,
}

impl Opening {
    /// Joins the realm on a fresh connection.
    pub(crate) fn join(
        socket: Socket,
        target: &Target,
        serializer: Serializer,
        realm: &str,
    ) -> Result<Self, LoadError> {
        let wire = Wire { framing: target.framing(), serializer };
        let (received, messages) = (Vec::new(), VecDeque::new());
        let next_request = RequestId::MIN;
        let mut opening = Self { socket, wire, received, messages, next_request };
        match target.upgrade() {
            Some((host, path)) => opening.upgrade(host, path)?,
            None => opening.shake_hands()?,
        }
        opening.hello(realm)?;
        Ok(opening)
    }

    /// What has been received after everything that was due: octets of a frame.
    ///
    /// # Errors
    /// [`LoadError::Unasked`], if there is a whole message.
    pub(crate) fn leftover(&mut self) -> Result<Vec<u8>, LoadError> {
        match self.messages.pop_front() {
            Some(message) => {
                let message = self.decode(&message)?.message_type();
                Err(LoadError::Unasked { message, connection: 0 })
            }
            None => Ok(std::mem::take(&mut self.received)),
        }
    }

    fn upgrade(&mut self, host: &str, path: &str) -> Result<(), LoadError> {
        let subprotocol = self.wire.serializer.subprotocol();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n\
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
        if self.wire.serializer.batching == Batching::Batched {
            return Err(LoadError::Options("RawSocket has no batched serializers"));
        }
        let request = Handshake { max_length: MaxLength::MAX, format: self.wire.format() };
        self.socket.write_all(&request.to_octets())?;
        while self.received.len() < HANDSHAKE_BYTES {
            self.receive()?;
        }
        if let Some(octets) = self.received.first_chunk() {
            Handshake::parse_reply(*octets, self.wire.format())?;
        }
        self.received.drain(..HANDSHAKE_BYTES);
        Ok(())
    }

    fn hello(&mut self, realm: &str) -> Result<(), LoadError> {
        let roles = ["caller", "callee", "publisher", "subscriber"];
        let roles = roles.map(|role| (role, Value::Dict(Vec::new())));
        let details: [Entry<'_>; 1] = [("roles".into(), Value::dict(roles))];
        let hello = Hello { realm: Uri::new(realm), details: Dict::from_entries(&details) };
        self.send(&hello.into())?;
        let answer = self.next_message()?;
        match self.decode(&answer)? {
            Message::Welcome(_) => Ok(()),
            other => Err(refused("WELCOME", realm, &other)),
        }
    }

    /// Subscribes to a topic, or registers a procedure.
    pub(crate) fn enter(
        &mut self,
        role: Role,
        uri: &str,
        policy: MatchPolicy,
    ) -> Result<(), LoadError> {
        let request = self.request_entry(role, uri, policy)?;
        self.await_entry(role, uri, request)
    }

    /// Asks for a subscription or registration.
    pub(crate) fn request_entry(
        &mut self,
        role: Role,
        uri: &str,
        policy: MatchPolicy,
    ) -> Result<RequestId, LoadError> {
        let request = self.request();
        let entries: [Entry<'_>; 1] = [("match".into(), policy.name().into())];
        let options = match policy {
            MatchPolicy::Exact => Dict::EMPTY,
            MatchPolicy::Prefix | MatchPolicy::Wildcard => Dict::from_entries(&entries),
        };
        let uri = Uri::new(uri);
        let message = match role {
            Role::Subscriber => Subscribe { request, options, topic: uri }.into(),
            Role::Callee => Register { request, options, procedure: uri }.into(),
        };
        self.send(&message)?;
        Ok(request)
    }

    /// Waits for the answer to [`Self::request_entry`].
    pub(crate) fn await_entry(
        &mut self,
        role: Role,
        uri: &str,
        request: RequestId,
    ) -> Result<(), LoadError> {
        let answer = self.next_message()?;
        match (role, self.decode(&answer)?) {
            (Role::Subscriber, Message::Subscribed(reply)) if reply.request == request => Ok(()),
            (Role::Callee, Message::Registered(reply)) if reply.request == request => Ok(()),
            (Role::Subscriber, other) => Err(refused("SUBSCRIBED", uri, &other)),
            (Role::Callee, other) => Err(refused("REGISTERED", uri, &other)),
        }
    }

    /// Reads to the end of the stream.
    ///
    /// # Errors
    /// `WouldBlock`, if nothing more comes, and the stream has not ended.
    pub(crate) fn drain(&mut self) -> io::Result<()> {
        match &self.socket {
            Socket::Tcp(stream) => stream.set_read_timeout(Some(DRAIN_WAIT))?,
            Socket::Unix(stream) => stream.set_read_timeout(Some(DRAIN_WAIT))?,
        }
        let mut buffer = [0; 4096];
        while self.socket.read(&mut buffer)? > 0 {}
        Ok(())
    }

    /// Ends the session: GOODBYE until the router's GOODBYE, then the transport.
    pub(crate) fn leave(mut self) -> Result<(), LoadError> {
        self.send(&goodbye())?;
        let answer = self.next_message()?;
        match self.decode(&answer)? {
            Message::Goodbye(_) => {}
            other => return Err(unexpected("GOODBYE", 0, &other)),
        }
        if self.wire.framing == Framing::WebSocket {
            self.close_websocket()?;
        }
        Ok(())
    }

    /// The WebSocket closing handshake.
    fn close_websocket(&mut self) -> Result<(), LoadError> {
        let mut out = Vec::new();
        let normal = 1000u16.to_be_bytes();
        frame::push_control(self.wire.framing, Side::Client, Kind::Close, &normal, &mut out);
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
        Ok(self.socket.write_all(&self.wire.framed(message)?)?)
    }

    fn next_message(&mut self) -> Result<Vec<u8>, LoadError> {
        let mut parts = Vec::new();
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Ok(message);
            }
            let (kind, payload) = self.next_frame()?;
            match kind {
                Kind::Message => self.split(&payload)?,
                Kind::Part => parts.extend_from_slice(&payload),
                Kind::LastPart => {
                    parts.extend_from_slice(&payload);
                    self.split(&parts)?;
                    parts.clear();
                }
                Kind::Ping => {
                    let mut out = Vec::new();
                    let (framing, side) = (self.wire.framing, Side::Client);
                    frame::push_control(framing, side, Kind::Pong, &payload, &mut out);
                    self.socket.write_all(&out)?;
                }
                Kind::Pong => {}
                Kind::Close => return Err(LoadError::Closed { connection: 0 }),
            }
        }
    }

    fn split(&mut self, payload: &[u8]) -> Result<(), LoadError> {
        self.wire.each_message(payload, |message| {
            self.messages.push_back(message.to_vec());
            Ok(())
        })
    }

    fn next_frame(&mut self) -> Result<(Kind, Vec<u8>), LoadError> {
        loop {
            if let Some(header) = Header::parse(self.wire.framing, &self.received)?
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
        Ok(Message::decode(self.wire.format(), message, &Limits::default())?)
    }
}

/// The GOODBYE of a client that leaves.
pub(crate) fn goodbye() -> Message<'static> {
    Goodbye { details: Dict::EMPTY, reason: Uri::new("wamp.close.close_realm") }.into()
}

/// What a message means that is not the one that was due while a session was set up.
fn refused(expected: &'static str, what: &str, message: &Message<'_>) -> LoadError {
    let (reason, details) = match message {
        Message::Abort(abort) => (&abort.reason, &abort.details),
        Message::Goodbye(goodbye) => (&goodbye.reason, &goodbye.details),
        Message::Error(error) => (&error.error, &error.details),
        other => {
            return LoadError::Unexpected { expected, got: other.message_type(), connection: 0 };
        }
    };
    let mut reason = reason.as_str().to_owned();
    if let Some(message) = details.get("message").as_ref().and_then(Value::as_str) {
        reason = format!("{reason} ({message})");
    }
    LoadError::Refused { what: what.to_owned(), reason }
}

/// What a message means that is not the one that was due under load.
pub(crate) fn unexpected(
    expected: &'static str,
    connection: usize,
    message: &Message<'_>,
) -> LoadError {
    let reason = match message {
        Message::Abort(abort) => &abort.reason,
        Message::Goodbye(goodbye) => &goodbye.reason,
        Message::Error(error) => &error.error,
        other => {
            let got: MessageType = other.message_type();
            return LoadError::Unexpected { expected, got, connection };
        }
    };
    let (got, reason) = (message.message_type(), reason.as_str().to_owned());
    LoadError::Failed { expected, got, reason, connection }
}
