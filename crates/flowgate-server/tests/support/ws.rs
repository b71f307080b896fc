//! WebSocket frame by frame, for what no client library sends.

use flowgate_client::{BoxedStream, Connection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// The bit that ends a message.
pub(crate) const FIN: u8 = 0x80;

/// The key that frames are masked with; any will do.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A WebSocket connection after its opening handshake, without a library.
pub(crate) struct RawWebSocket {
    stream: BoxedStream,
}

/// Whether a frame is masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Masking {
    Masked,
    Unmasked,
}

/// A frame as a client sends it.
pub(crate) fn frame(first: u8, payload: &[u8], masking: Masking) -> Vec<u8> {
    let masked = if masking == Masking::Masked { 0x80 } else { 0 };
    let mut frame = vec![first];
    match payload.len() {
        len @ ..126 => frame.push(masked | u8::try_from(len).unwrap()),
        len @ ..0x1_0000 => {
            frame.push(masked | 126);
            frame.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
        len => {
            frame.push(masked | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    if masking == Masking::Masked {
        frame.extend(MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(octet, key)| octet ^ key));
    } else {
        frame.extend(payload);
    }
    frame
}

impl RawWebSocket {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { stream: connection.into_stream().unwrap() }
    }

    /// Writes octets; a router that has closed meanwhile takes none, which is no error.
    pub(crate) async fn write(&mut self, octets: &[u8]) {
        let _ = self.stream.write_all(octets).await;
        let _ = self.stream.flush().await;
    }

    pub(crate) async fn send(&mut self, first: u8, payload: &[u8]) {
        self.write(&frame(first, payload, Masking::Masked)).await;
    }

    /// The next frame: its opcode and payload; the router never fragments and never masks.
    pub(crate) async fn receive(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).await.ok()?;
        assert_eq!(head[0] & 0xf0, FIN);
        let len = match head[1] {
            126 => usize::from(self.stream.read_u16().await.ok()?),
            127 => usize::try_from(self.stream.read_u64().await.ok()?).unwrap(),
            len @ ..126 => usize::from(len),
            128.. => panic!("the router masks"),
        };
        let mut payload = vec![0; len];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some((head[0] & 0x0f, payload))
    }

    /// The code of the close frame, which is the next frame and the last.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        let (opcode, payload) = self.receive().await?;
        assert_eq!(opcode, CLOSE);
        assert!(self.receive().await.is_none(), "something comes after the close frame");
        Some(u16::from_be_bytes([payload[0], payload[1]]))
    }
}
