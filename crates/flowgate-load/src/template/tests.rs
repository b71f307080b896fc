use super::*;
use flowgate_wire::{Serializer, batch};

use crate::frame::{Framing, Header};
use crate::head::Cursor;

/// Every way to write messages.
fn wires() -> Vec<Wire> {
    let serializers = Format::ALL.map(|format| {
        [Batching::Single, Batching::Batched].map(|batching| Serializer { format, batching })
    });
    let wires = serializers.into_iter().flatten().flat_map(|serializer| {
        [Framing::RawSocket, Framing::WebSocket].map(|framing| Wire { framing, serializer })
    });
    wires.collect()
}

/// The message in the only frame of `out`.
fn message_in(wire: Wire, out: &mut Vec<u8>) -> Vec<u8> {
    let header = Header::parse(wire.framing, out).unwrap().unwrap();
    assert_eq!(header.frame_bytes(), out.len());
    let mut message = out.split_off(header.header_bytes);
    if let Some(mask) = header.mask {
        frame::unmask(&mut message, mask);
    }
    if wire.serializer.batching == Batching::Batched {
        let messages: Result<Vec<&[u8]>, _> = batch::split(wire.format(), &message).collect();
        let [one] = messages.unwrap()[..] else { panic!("not one message in the batch") };
        return one.to_vec();
    }
    message
}

fn check(wire: Wire, payload_bytes: usize, string_count: usize) {
    let format = wire.format();
    let content = Content::new(format, payload_bytes, string_count);
    let template =
        Template::request(wire, MessageType::Publish, Options::Acknowledge, "a.b", &content);
    for sequence in [1, 23, 24, 200, 70_000, 1 << 33] {
        let number = Number::new(3, sequence);
        let mut out = Vec::new();
        template.push_number(sequence, &content, number, &mut out);
        let message = message_in(wire, &mut out);
        let decoded = decode(format, &message);
        let Some(Message::Publish(publish)) = decoded else { panic!("{decoded:?}") };
        assert_eq!(publish.request.get(), sequence);
        assert_eq!(publish.topic.as_str(), "a.b");
        assert_eq!(publish.options.get("acknowledge"), Some(Value::Bool(true)));
        let (values, _) = publish.payload.decode();
        let bytes: usize = values.iter().map(|value| value.as_str().unwrap().len()).sum();
        assert_eq!((values.len(), bytes), (string_count, payload_bytes));
        let (_, raw) = publish.payload.raw().unwrap();
        for received in [content.number_of(raw), content.number_of_values(&publish.payload)] {
            let received = received.unwrap();
            assert!(content.is(received, number), "{received:?}");
            assert_eq!(content.is(received, Number::new(3, sequence + 1)), payload_bytes == 0);
        }
        // The canonical encoding, so that a router's copy is byte for byte the same.
        let mut again = Vec::new();
        Message::from(publish.clone()).encode(format, &mut again);
        assert_eq!(again, message);
    }
}

#[test]
fn requests_are_what_the_codec_reads_and_writes() {
    for wire in wires() {
        for payload_bytes in [0, 1, 8, 16, 17, 31, 32, 256, 4096, 70_000] {
            check(wire, payload_bytes, 1);
        }
        check(wire, 4096, 512);
    }
}

#[test]
fn a_reply_carries_the_arguments_as_they_came() {
    for wire in wires() {
        let content = Content::new(wire.format(), 16, 1);
        let mut arguments = content.before.clone();
        arguments.extend_from_slice(b"00000000000000ff");
        arguments.extend_from_slice(&content.after);
        let mut out = Vec::new();
        Template::reply(wire).push(300, &arguments, &mut out);
        let message = message_in(wire, &mut out);
        let decoded = decode(wire.format(), &message);
        let Some(Message::Yield(reply)) = decoded else { panic!("{decoded:?}") };
        assert_eq!(reply.request.get(), 300);
        let (number, full) =
            (content.number_of_values(&reply.payload), content.full_number_of(&arguments));
        assert_eq!(number, full);
        assert_eq!((number.unwrap().sender(), number.unwrap().sequence()), (0, 255));
    }
}

#[test]
fn numbers_that_are_not_in_full_say_nothing_about_their_sender() {
    let content = Content::new(Format::Json, 8, 1);
    assert_eq!(content.number_of(br#"["00000001"]"#), Some(Number::new(0, 1)));
    assert_eq!(content.full_number_of(br#"["00000001"]"#), None);
    // Nor do those of another list.
    let content = Content::new(Format::Json, 16, 1);
    assert_eq!(content.full_number_of(br#"[["0000000000000001"]]"#), None);
    assert_eq!(content.full_number_of(br#"["000000000000001"]"#), None);
}

#[test]
fn details_are_what_the_codec_writes() {
    for format in Format::ALL {
        let topic = [("topic".into(), "com.example".into())];
        for (dict, uri) in [
            (flowgate_wire::Dict::EMPTY, None),
            (flowgate_wire::Dict::from_entries(&topic), Some(("topic", "com.example"))),
        ] {
            let reason = flowgate_wire::Uri::new("a");
            let goodbye = flowgate_wire::Goodbye { details: dict, reason };
            let mut encoded = Vec::new();
            Message::from(goodbye).encode(format, &mut encoded);
            let mut cursor = Cursor::open(format, &encoded).unwrap().0;
            assert!(cursor.element(&details(format, uri)).is_some(), "{format:?} {uri:?}");
        }
    }
}

#[test]
fn altered_content_is_noticed() {
    let content = Content::new(Format::Json, 20, 1);
    let number = content.number_of(br#"["0000000000000001xxxx"]"#);
    assert_eq!(number, Some(Number::new(0, 1)));
    for altered in [
        br#"["0000000000000001xxxy"]"#.as_slice(),
        br#"["000000000000001xxxx"]"#,
        br#"["000000000000000Gxxxx"]"#,
        br#"["0000000000000001xxxx",1]"#,
        br#"[]"#,
    ] {
        assert_eq!(content.number_of(altered), None);
    }
}
