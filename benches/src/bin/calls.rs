//! Calls a procedure through a router, one call after the other.
//!
//! `calls ADDRESS COUNT` opens two sessions over RawSocket, with CBOR: one registers a procedure,
//! the other calls it with 16 octets.
//! `cargo xtask bench` counts the instructions of the router meanwhile.

#![allow(clippy::print_stderr, reason = "a program for the terminal prints")]

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;

use flowgate_benches::messages;
use flowgate_wire::rawsocket::{
    FrameHeader, FrameKind, HANDSHAKE_BYTES, HEADER_BYTES, Handshake, MaxLength,
};
use flowgate_wire::{Dict, Format, Hello, Limits, Message, MessageType, Register, Uri, Value};

const FORMAT: Format = Format::Cbor;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next();
    let count = arguments.next().and_then(|count| count.parse().ok());
    let (Some(address), Some(count)) = (address, count) else {
        eprintln!("usage: calls ADDRESS COUNT");
        return ExitCode::from(2);
    };
    match run(&address, count) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("calls: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(address: &str, count: u64) -> io::Result<()> {
    let mut caller = Session::open(address)?;
    let mut callee = Session::open(address)?;
    let register = Register {
        request: messages::request(1),
        options: Dict::EMPTY,
        procedure: Uri::from(messages::PROCEDURE),
    };
    callee.send(&messages::encoded(FORMAT, register))?;
    callee.expect(MessageType::Registered)?;
    let formats = [FORMAT; 2];
    let args = messages::text(16);
    for number in 1..=count {
        let [call, answer] = messages::call_frames(number, messages::PROCEDURE, formats, &args);
        caller.send(&call)?;
        callee.expect(MessageType::Invocation)?;
        callee.send(&answer)?;
        caller.expect(MessageType::Result)?;
    }
    Ok(())
}

/// A session on a connection of its own.
struct Session {
    stream: TcpStream,
}

impl Session {
    fn open(address: &str) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let request = Handshake { max_length: MaxLength::MAX, format: FORMAT };
        stream.write_all(&request.to_octets())?;
        let mut reply = [0; HANDSHAKE_BYTES];
        stream.read_exact(&mut reply)?;
        Handshake::parse_reply(reply, FORMAT).map_err(io::Error::other)?;
        let mut session = Self { stream };
        let roles = ["caller", "callee"].map(|role| (role, Value::Dict(Vec::new())));
        let details = [("roles".into(), Value::dict(roles))];
        let hello = Hello { realm: Uri::from("realm1"), details: Dict::from_entries(&details) };
        session.send(&messages::encoded(FORMAT, hello))?;
        session.expect(MessageType::Welcome)?;
        Ok(session)
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let header = FrameHeader::new(FrameKind::Regular, message.len(), MaxLength::MAX);
        let header = header.map_err(io::Error::other)?.to_octets();
        self.stream.write_all(&[&header, message].concat())
    }

    /// Waits for the next message, which has to be of this type.
    fn expect(&mut self, expected: MessageType) -> io::Result<()> {
        let mut header = [0; HEADER_BYTES];
        self.stream.read_exact(&mut header)?;
        let header = FrameHeader::parse(header).map_err(io::Error::other)?;
        let mut octets = vec![0; header.len()];
        self.stream.read_exact(&mut octets)?;
        let message = Message::decode(FORMAT, &octets, &Limits::default());
        let message_type = message.map_err(io::Error::other)?.message_type();
        if message_type == expected {
            Ok(())
        } else {
            let (came, expected) = (message_type.name(), expected.name());
            Err(io::Error::other(format!("{came} came where {expected} was to come")))
        }
    }
}
