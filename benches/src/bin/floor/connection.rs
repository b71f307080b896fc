//! One connection: reading, forwarding, and writing to the destinations.

use std::io;
use std::sync::Arc;

use flowgate_load::frame::{self, Framing, Header, Kind, Side};
use flowgate_wire::{Dict, Entry, Goodbye, Message, SessionId, Uri, Value, Welcome};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;

use crate::handshake::accept;
use crate::message::{Acknowledge, Incoming, Wire, caller, invocation};
use crate::routes::{Peer, Routes};

/// The read buffer of a session that has not received much.
const BUFFER_BYTES_MIN: usize = 4 << 10;
/// Grown so far when reads fill it, and further only for a message that is longer.
const BUFFER_BYTES_MAX: usize = 256 << 10;

/// The registration of every procedure.
const REGISTRATION: u64 = 1;

/// A connection whose handshake is done.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: OwnedReadHalf,
    wire: Wire,
    peer: Arc<Peer>,
    routes: Arc<Routes>,
    index: usize,
    /// Frames for single connections, by destination.
    staged: Vec<(usize, Vec<u8>)>,
    /// Event frames, by topic.
    events: Vec<(usize, Vec<u8>)>,
    publication: u64,
    done: bool,
}

impl Connection {
    /// Serves a connection to its end.
    pub(crate) async fn open(mut stream: TcpStream, routes: Arc<Routes>) {
        let Ok((wire, answer)) = accept(&mut stream).await else { return };
        if stream.write_all(&answer).await.is_err() {
            return;
        }
        let (stream, sink) = stream.into_split();
        let peer = Peer::new(sink);
        let index = routes.join(&peer);
        let routes_of_all = Arc::clone(&routes);
        let connection = Self {
            stream,
            wire,
            peer,
            routes,
            index,
            staged: Vec::new(),
            events: Vec::new(),
            publication: 1,
            done: false,
        };
        // An error is the end of the connection, as any other.
        let _ = connection.serve().await;
        routes_of_all.leave(index);
    }

    async fn serve(mut self) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES_MIN];
        let mut filled = 0;
        while !self.done {
            let read = self.stream.read(buffer.get_mut(filled..).unwrap_or_default()).await?;
            if read == 0 {
                return Ok(());
            }
            filled += read;
            let full = filled == buffer.len();
            let (used, needed) = self.handle(buffer.get_mut(..filled).unwrap_or_default());
            self.write().await?;
            buffer.copy_within(used..filled, 0);
            filled -= used;
            let grown = if full { (buffer.len() * 2).min(BUFFER_BYTES_MAX) } else { 0 };
            if buffer.len() < grown.max(needed) {
                buffer.resize(grown.max(needed), 0);
            }
        }
        Ok(())
    }

    /// Handles all whole messages; how many octets those were, and how many the next one has.
    fn handle(&mut self, bytes: &mut [u8]) -> (usize, usize) {
        let routes = Arc::clone(&self.routes);
        let mut used = 0;
        while let Some(rest) = bytes.get_mut(used..) {
            let Ok(Some(header)) = Header::parse(self.wire.framing, rest) else { break };
            let Some(payload) = rest.get_mut(header.header_bytes..header.frame_bytes()) else {
                return (used, header.frame_bytes());
            };
            if let Some(mask) = header.mask {
                frame::unmask(payload, mask);
            }
            match header.kind {
                Kind::Message => self.message(&routes, payload),
                Kind::Close => {
                    let out = stage(&mut self.staged, self.index);
                    let framing = self.wire.framing;
                    frame::push_control(framing, Side::Server, Kind::Close, payload, out);
                    self.done = true;
                }
                Kind::Part | Kind::LastPart | Kind::Ping | Kind::Pong => {}
            }
            used += header.frame_bytes();
        }
        (used, 0)
    }

    fn message(&mut self, routes: &Routes, message: &[u8]) {
        let wire = self.wire;
        let index = self.index;
        match Incoming::read(wire.format, message) {
            Some(Incoming::Call(request, arguments)) => {
                if let Some(callee) = routes.tables().callee() {
                    let ids = [invocation(index, request), REGISTRATION];
                    wire.push(68, &ids, Some(arguments), stage(&mut self.staged, callee));
                }
            }
            Some(Incoming::Yield(request, arguments)) => {
                let (caller, request) = caller(request);
                wire.push(50, &[request], Some(arguments), stage(&mut self.staged, caller));
            }
            Some(Incoming::Publish(request, acknowledge, topic, arguments)) => {
                self.publication += 1;
                if let Some(topic) = routes.tables().topic(topic) {
                    let ids = [topic as u64 + 1, self.publication];
                    wire.push(36, &ids, Some(arguments), stage(&mut self.events, topic));
                }
                if acknowledge == Acknowledge::Yes {
                    let ids = [request, self.publication];
                    wire.push(17, &ids, None, stage(&mut self.staged, index));
                }
            }
            Some(Incoming::Subscribe(request, topic)) => {
                let subscription = routes.subscribe(index, topic);
                wire.push(33, &[request, subscription], None, stage(&mut self.staged, index));
            }
            Some(Incoming::Register(request)) => {
                routes.register(index);
                wire.push(65, &[request, REGISTRATION], None, stage(&mut self.staged, index));
            }
            Some(Incoming::Hello) => self.reply(&welcome()),
            Some(Incoming::Goodbye) => {
                let reason = Uri::new("wamp.close.goodbye_and_out");
                self.reply(&Goodbye { details: Dict::EMPTY, reason }.into());
                self.done = wire.framing == Framing::RawSocket;
            }
            None => self.done = true,
        }
    }

    fn reply(&mut self, message: &Message<'_>) {
        let mut body = Vec::new();
        message.encode(self.wire.format, &mut body);
        let out = stage(&mut self.staged, self.index);
        frame::push_header(self.wire.framing, Side::Server, self.wire.format, body.len(), out);
        out.extend_from_slice(&body);
    }

    /// Writes everything staged, once to each destination.
    async fn write(&mut self) -> io::Result<()> {
        for (destination, frames) in &mut self.staged {
            if frames.is_empty() {
                continue;
            }
            let peer = if *destination == self.index {
                Some(Arc::clone(&self.peer))
            } else {
                self.routes.tables().peer(*destination).map(Arc::clone)
            };
            if let Some(peer) = peer {
                // What is wrong with another connection is noticed by its own reader.
                let _ = peer.write(frames).await;
            }
            frames.clear();
        }
        for (topic, frames) in &mut self.events {
            if frames.is_empty() {
                continue;
            }
            let subscribers: Vec<Arc<Peer>> =
                self.routes.tables().subscribers(*topic).map(Arc::clone).collect();
            for peer in subscribers {
                let _ = peer.write(frames).await;
            }
            frames.clear();
        }
        Ok(())
    }
}

/// The frames that are staged for a destination.
fn stage(staged: &mut Vec<(usize, Vec<u8>)>, destination: usize) -> &mut Vec<u8> {
    let position = staged.iter().position(|(known, _)| *known == destination);
    let position = position.unwrap_or_else(|| {
        staged.push((destination, Vec::new()));
        staged.len() - 1
    });
    #[allow(clippy::indexing_slicing, reason = "the position was just found or added")]
    &mut staged[position].1
}

fn welcome() -> Message<'static> {
    let roles = ["broker", "dealer"].map(|role| (role, Value::Dict(Vec::new())));
    let details: Vec<Entry<'_>> = vec![("roles".into(), Value::dict(roles))];
    Welcome { session: SessionId::MIN, details: Dict::from_vec(details) }.into()
}
