//! A client that sends and gets whatever a vector says: JSON over RawSocket, without any judgement.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{shown, vector::DEFAULT_LIMIT};

/// RawSocket: longest messages of 16 MiB, JSON.
const HANDSHAKE: [u8; 4] = [0x7f, 0xf1, 0, 0];

const WELCOME: u64 = 2;
const GOODBYE: u64 = 6;

/// One connection.
#[derive(Debug)]
pub(super) struct Session {
    stream: TcpStream,
}

impl Session {
    pub(super) fn connect(address: SocketAddr) -> Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(DEFAULT_LIMIT))?;
        stream.write_all(&HANDSHAKE)?;
        let mut reply = [0; 4];
        stream.read_exact(&mut reply)?;
        ensure!(reply[..2] == HANDSHAKE[..2], "the router refuses the handshake: {reply:02x?}");
        Ok(Self { stream })
    }

    /// Joins in all roles, with the features that a vector may need.
    pub(super) fn join(&mut self, realm: &str) -> Result<()> {
        let callee = json!({"features": {
            "call_canceling": true,
            "progressive_call_results": true,
            "progressive_call_invocations": true,
        }});
        let caller = json!({"features": {"progressive_call_invocations": true}});
        let roles = json!({"publisher": {}, "subscriber": {}, "caller": caller, "callee": callee});
        self.send(&[json!(1), json!(realm), json!({"roles": roles})])?;
        let welcome = self.receive(DEFAULT_LIMIT)?;
        ensure!(is(&welcome, WELCOME), "not welcomed: {}", shown(&welcome));
        Ok(())
    }

    /// Says GOODBYE; the next message must be the reply.
    pub(super) fn leave(mut self) -> Result<()> {
        self.send(&[json!(GOODBYE), json!({}), json!("wamp.close.close_realm")])?;
        let reply = self.receive(DEFAULT_LIMIT)?;
        ensure!(is(&reply, GOODBYE), "instead of GOODBYE there is {}", shown(&reply));
        Ok(())
    }

    pub(super) fn send(&mut self, message: &[Value]) -> Result<()> {
        let text = shown(message);
        let length = u32::try_from(text.len()).context("a message that is too long")?;
        self.stream.write_all(&[&length.to_be_bytes(), text.as_bytes()].concat())?;
        Ok(())
    }

    pub(super) fn receive(&mut self, limit: Duration) -> Result<Vec<Value>> {
        self.stream.set_read_timeout(Some(limit))?;
        let mut header = [0; 4];
        self.stream.read_exact(&mut header).context("no message comes")?;
        let length = u32::from_be_bytes(header);
        ensure!(length < 1 << 24, "a frame of {length:#x}, which is no message");
        let mut text = vec![0; usize::try_from(length)?];
        self.stream.read_exact(&mut text).context("the rest of a message does not come")?;
        serde_json::from_slice(&text).context("what comes is no message")
    }
}

fn is(message: &[Value], code: u64) -> bool {
    message.first().and_then(Value::as_u64) == Some(code)
}
