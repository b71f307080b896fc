//! The transport handshakes.

use std::io;

use flowgate_load::frame::Framing;
use flowgate_wire::rawsocket::{HANDSHAKE_BYTES, Handshake, MAGIC, MaxLength};
use flowgate_wire::{Format, Serializer};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tungstenite::handshake::derive_accept_key;

use crate::message::Wire;

/// Reads the client's handshake; how messages are written, and the answer.
pub(crate) async fn accept(stream: &mut TcpStream) -> io::Result<(Wire, Vec<u8>)> {
    let mut received = Vec::new();
    loop {
        let answer = match received.first() {
            Some(&MAGIC) => rawsocket(&received),
            Some(_) => websocket(&received),
            None => None,
        };
        if let Some(answer) = answer {
            return Ok(answer);
        }
        if stream.read_buf(&mut received).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn rawsocket(received: &[u8]) -> Option<(Wire, Vec<u8>)> {
    let octets = received.first_chunk::<HANDSHAKE_BYTES>()?;
    let request = Handshake::parse_request(*octets).ok()?;
    let reply = Handshake { max_length: MaxLength::MAX, ..request };
    let wire = Wire { framing: Framing::RawSocket, format: request.format };
    Some((wire, reply.to_octets().to_vec()))
}

fn websocket(received: &[u8]) -> Option<(Wire, Vec<u8>)> {
    let head = std::str::from_utf8(received).ok()?;
    if !head.ends_with("\r\n\r\n") {
        return None;
    }
    let value = |name: &str| {
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let key = derive_accept_key(value("sec-websocket-key")?.as_bytes());
    let subprotocol = value("sec-websocket-protocol")?;
    let format = Serializer::from_subprotocol(subprotocol).map_or(Format::Json, |s| s.format);
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {key}\r\nSec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
    );
    Some((Wire { framing: Framing::WebSocket, format }, answer.into_bytes()))
}
