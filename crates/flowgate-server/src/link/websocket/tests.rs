use std::io::{self, Read, Write};

use proptest::{collection::vec, prelude::*};
use tungstenite::{
    Message,
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

use super::*;

const MAX_MESSAGE_BYTES: usize = 300;
const MAX_FRAME_BYTES: usize = 200;
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What the two readers make of the same octets.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Message(Vec<u8>),
    Ping(Vec<u8>),
    Close(Vec<u8>),
    Failure(CloseCode),
}

fn reader(format: Format) -> WebSocketReader {
    WebSocketReader::new(format, MAX_MESSAGE_BYTES, MAX_FRAME_BYTES)
}

/// One masked frame; the first octet holds the bits and the opcode.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut octets = vec![first];
    match u8::try_from(payload.len()) {
        Ok(len @ 0..126) => octets.push(0x80 | len),
        _ => {
            octets.push(0x80 | 126);
            octets.extend_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    octets.extend_from_slice(&MASK);
    octets.extend(payload.iter().zip(MASK.iter().cycle()).map(|(octet, mask)| octet ^ mask));
    octets
}

/// Feeds octets in portions, keeping what is not a whole frame, as a connection does.
fn read(format: Format, octets: &[u8], portion_bytes: usize) -> Vec<Outcome> {
    let mut reader = reader(format);
    let mut partial = Vec::new();
    let mut outcomes = Vec::new();
    for portion in octets.chunks(portion_bytes.max(1)) {
        partial.extend_from_slice(portion);
        let mut input = partial.as_mut_slice();
        loop {
            match reader.next(&mut input) {
                Ok(Received::Nothing) => break,
                Ok(Received::Message(message)) => {
                    outcomes.push(Outcome::Message(message.octets().to_vec()));
                }
                Ok(Received::Joined(message)) => outcomes.push(Outcome::Message(message)),
                Ok(Received::Ping(payload)) => outcomes.push(Outcome::Ping(payload.to_vec())),
                Ok(Received::Close(frame)) => {
                    outcomes.push(Outcome::Close(frame.get(2..4).unwrap_or_default().to_vec()));
                    return outcomes;
                }
                Err(failure) => {
                    outcomes.push(Outcome::Failure(code_of(&failure)));
                    return outcomes;
                }
            }
        }
        partial = input.to_vec();
    }
    outcomes
}

fn code_of(failure: &Failure) -> CloseCode {
    let code = failure.close.get(2..).and_then(|rest| rest.first_chunk::<2>());
    CloseCode::from(u16::from_be_bytes(*code.unwrap()))
}

/// What tungstenite's own reader makes of the octets.
fn oracle(octets: &[u8]) -> Vec<Outcome> {
    struct Memory<'a>(&'a [u8], Vec<u8>);
    impl Read for Memory<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                Err(io::ErrorKind::WouldBlock.into())
            } else {
                self.0.read(buffer)
            }
        }
    }
    impl Write for Memory<'_> {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.1.extend_from_slice(octets);
            Ok(octets.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_FRAME_BYTES));
    let mut context = WebSocketContext::new(Role::Server, Some(config));
    let mut memory = Memory(octets, Vec::new());
    let mut outcomes = Vec::new();
    loop {
        match context.read(&mut memory) {
            Ok(Message::Binary(octets)) => outcomes.push(Outcome::Message(octets.to_vec())),
            Ok(Message::Ping(payload)) => outcomes.push(Outcome::Ping(payload.to_vec())),
            Ok(Message::Pong(_)) => {}
            Ok(Message::Close(_)) => {
                memory.1.clear();
                let _ = context.flush(&mut memory);
                outcomes.push(Outcome::Close(memory.1.get(2..4).unwrap_or_default().to_vec()));
                return outcomes;
            }
            Ok(other) => panic!("not in these streams: {other:?}"),
            Err(Error::Io(_)) => return outcomes,
            Err(Error::Capacity(_)) => {
                outcomes.push(Outcome::Failure(CloseCode::Size));
                return outcomes;
            }
            Err(Error::Utf8(_)) => {
                outcomes.push(Outcome::Failure(CloseCode::Invalid));
                return outcomes;
            }
            Err(_) => {
                outcomes.push(Outcome::Failure(CloseCode::Protocol));
                return outcomes;
            }
        }
    }
}

/// Mostly well-formed frames, of every opcode, with now and then a wrong bit.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        6 => Just(0x82_u8),
        3 => Just(0x02),
        3 => Just(0x80),
        3 => Just(0x00),
        2 => Just(0x89),
        2 => Just(0x8a),
        1 => Just(0x88),
        1 => (0_u8..=255).prop_filter("texts are tried on their own", |first| first & 0x0f != 1),
    ];
    let payload = prop_oneof![
        8 => vec(0_u8..128, 0..40),
        1 => vec(0_u8..128, 120..210),
        1 => (990_u16..1020).prop_map(|code| code.to_be_bytes().to_vec()),
    ];
    vec((first, payload), 1..12).prop_map(|frames| {
        frames.iter().flat_map(|(first, payload)| frame(*first, payload)).collect()
    })
}

proptest! {
    #[test]
    fn reads_what_the_library_reads(octets in frames(), portion_bytes in 1_usize..300) {
        let outcomes = read(Format::Cbor, &octets, portion_bytes);
        prop_assert_eq!(outcomes, oracle(&octets));
    }
}

#[track_caller]
fn check_failure(format: Format, octets: &[u8], code: CloseCode) {
    assert_eq!(read(format, octets, usize::MAX), [Outcome::Failure(code)]);
}

#[test]
fn texts_are_utf_8_and_may_be_split_within_a_character() {
    let text = "[1,\"é\"]".as_bytes();
    let split = [frame(0x01, &text[..5]), frame(0x80, &text[5..])].concat();
    assert_eq!(read(Format::Json, &split, 3), [Outcome::Message(text.to_vec())]);
    check_failure(Format::Json, &frame(0x81, b"[\"\xff\"]"), CloseCode::Invalid);
}

#[test]
fn what_was_checked_is_known_to_be_text() {
    for length in [0, 60, 125, 126, 200] {
        let text = "é".repeat(length / 2);
        let mut octets = frame(0x81, text.as_bytes());
        let received = reader(Format::Json).next(&mut octets.as_mut_slice()).unwrap();
        assert_eq!(received, Received::Message(Serialized::Text(&text)));
    }
}

#[test]
fn messages_of_the_wrong_kind_are_refused() {
    check_failure(Format::Json, &frame(0x82, b"[]"), CloseCode::Unsupported);
    check_failure(Format::Cbor, &frame(0x81, b"[]"), CloseCode::Unsupported);
}

#[test]
fn frames_without_a_mask_are_refused() {
    check_failure(Format::Cbor, &[0x82, 1, 0], CloseCode::Protocol);
}

#[test]
fn a_frame_that_is_too_long_is_refused_before_it_arrives() {
    let mut header = frame(0x82, &[0; MAX_FRAME_BYTES + 1]);
    header.truncate(8);
    check_failure(Format::Cbor, &header, CloseCode::Size);
}

#[test]
fn a_message_that_is_too_long_is_refused_though_frames_may_be_longer() {
    let mut reader = WebSocketReader::new(Format::Cbor, 10, 20);
    let mut octets = frame(0x82, &[0; 11]);
    let failure = reader.next(&mut octets.as_mut_slice()).unwrap_err();
    assert_eq!(code_of(&failure), CloseCode::Size);
}

#[test]
fn frames_of_an_endless_message_are_refused() {
    let octets = [frame(0x02, &[0; 150]), frame(0x00, &[0; 150]), frame(0x00, &[0; 1])].concat();
    check_failure(Format::Cbor, &octets, CloseCode::Size);
}

#[test]
fn payloads_of_every_length_are_unmasked() {
    for length in 0..700 {
        let expected: Vec<u8> = (0..=255).cycle().take(length).collect();
        let mut payload = frame(0x82, &expected).split_off(if length < 126 { 6 } else { 8 });
        unmask(&mut payload, MASK);
        assert_eq!(payload, expected);
    }
}

#[test]
fn nothing_is_held_between_messages() {
    let mut reader = reader(Format::Cbor);
    let mut octets = [frame(0x02, &[1; 10]), frame(0x80, &[2; 10])].concat();
    let mut input = octets.as_mut_slice();
    assert!(matches!(reader.next(&mut input), Ok(Received::Joined(_))));
    assert_eq!(reader.fragments, None);
    let mut octets = frame(0x82, &[1; 10]);
    let mut input = octets.as_mut_slice();
    assert!(matches!(reader.next(&mut input), Ok(Received::Message(_))));
}
