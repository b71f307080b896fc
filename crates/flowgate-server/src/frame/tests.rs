use std::io::Cursor;

use flowgate_wire::{
    Batching, Dict, Event, Format, Message, Payload, PublicationId, Serializer, SubscriptionId,
    Value, batch, rawsocket::FrameHeader,
};
use tungstenite::protocol::frame::{Frame, FrameHeader as WebSocketHeader};

use super::{ControlKind, Framing, Wire};

fn wires() -> impl Iterator<Item = Wire> {
    let rawsocket = Format::ALL
        .map(|format| Wire { framing: Framing::RawSocket, serializer: Serializer::single(format) });
    let websocket = [Batching::Single, Batching::Batched].into_iter().flat_map(|batching| {
        Format::ALL.map(|format| Wire {
            framing: Framing::WebSocket,
            serializer: Serializer { format, batching },
        })
    });
    rawsocket.into_iter().chain(websocket)
}

/// Splits a frame into its body and what follows it.
fn body(wire: Wire, frame: &[u8]) -> (Vec<u8>, usize) {
    match wire.framing {
        Framing::RawSocket => {
            let header = FrameHeader::parse(*frame.first_chunk().unwrap()).unwrap();
            (frame[4..4 + header.len()].to_vec(), frame.len() - 4 - header.len())
        }
        Framing::WebSocket => {
            let mut cursor = Cursor::new(frame);
            let (header, len) = WebSocketHeader::parse(&mut cursor).unwrap().unwrap();
            let start = usize::try_from(cursor.position()).unwrap();
            let len = usize::try_from(len).unwrap();
            let payload = frame[start..start + len].to_vec();
            assert!(Frame::from_payload(header, payload.clone().into()).header().is_final);
            (payload, frame.len() - start - len)
        }
    }
}

/// The message in a body.
fn message_in(wire: Wire, body: &[u8]) -> Vec<u8> {
    match wire.serializer.batching {
        Batching::Single => body.to_vec(),
        Batching::Batched => {
            let messages: Vec<_> = batch::split(wire.serializer.format, body).collect();
            assert_eq!(messages.len(), 1);
            messages[0].unwrap().to_vec()
        }
    }
}

#[test]
fn every_wire_has_an_index_of_its_own() {
    let mut indexes: Vec<_> = wires().map(Wire::index).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, (0..Wire::COUNT).collect::<Vec<_>>());
}

/// Lengths around those where the header of a WebSocket frame grows, and far from the estimate.
#[test]
fn a_frame_holds_exactly_the_message_behind_whatever_was_there() {
    let lengths = (0..200).chain(65_400..65_600).chain([1 << 20]);
    for length in lengths {
        let args = [Value::from("x".repeat(length))];
        let message = Message::Event(Event {
            subscription: SubscriptionId::MIN,
            publication: PublicationId::MIN,
            details: Dict::EMPTY,
            payload: Payload::from_values(&args, &[]),
        });
        for wire in wires() {
            let mut expected = Vec::new();
            message.encode(wire.serializer.format, &mut expected);
            let mut frames = b"before".to_vec();
            let message_bytes = wire.encode(&message, &mut frames);
            assert_eq!(message_bytes, expected.len(), "{wire:?} {length}");
            assert_eq!(&frames[..6], b"before");
            let (body, rest) = body(wire, &frames[6..]);
            assert_eq!(rest, 0);
            assert_eq!(message_in(wire, &body), expected, "{wire:?} {length}");
        }
    }
}

#[test]
fn control_frames_carry_their_payload() {
    for wire in wires() {
        for kind in [ControlKind::Ping, ControlKind::Pong] {
            assert_eq!(body(wire, &wire.control(kind, b"payload")), (b"payload".to_vec(), 0));
        }
    }
}
