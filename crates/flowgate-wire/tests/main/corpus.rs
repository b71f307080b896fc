//! The seeds of the fuzz targets, replayed.

use std::path::Path;

use flowgate_wire::{Format, Limits, Message};

use crate::encode;

fn replay(target: &str, mut check: impl FnMut(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut seeds = 0;
    for file in std::fs::read_dir(&folder).expect("the corpus") {
        check(&std::fs::read(file.expect("a file").path()).expect("readable"));
        seeds += 1;
    }
    assert!(seeds > 0, "no seeds in {}", folder.display());
}

/// What the fuzz targets check: no panic, and what is accepted survives every format.
fn survives(format: Format, bytes: &[u8]) {
    let limits = Limits { depth: 32, ..Limits::default() };
    let Ok(message) = Message::decode(format, bytes, &limits) else { return };
    for target in Format::ALL {
        let encoded = encode(target, &message);
        let again = Message::decode(target, &encoded, &limits).expect("encoded messages decode");
        assert_eq!(encode(target, &again), encoded);
    }
}

#[test]
fn seeds_of_the_decoders() {
    replay("decode_json", |bytes| survives(Format::Json, bytes));
    replay("decode_msgpack", |bytes| survives(Format::MessagePack, bytes));
    replay("decode_cbor", |bytes| survives(Format::Cbor, bytes));
}

/// Messages, and what is none: both ways find the same in it.
#[test]
fn text_that_was_checked_is_read_as_text_that_was_not() {
    let mut accepted = 0;
    replay("decode_json", |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let limits = Limits { depth: 32, message_bytes: 200, ..Limits::default() };
        let checked = Message::decode_text(text, &limits).map(|message| message.to_json());
        let unchecked = Message::decode(Format::Json, bytes, &limits);
        accepted += usize::from(checked.is_ok());
        assert_eq!(checked, unchecked.map(|message| message.to_json()));
    });
    assert!(accepted > 0);
}

#[test]
fn seeds_of_transcoding() {
    replay("transcode", |bytes| {
        for format in Format::ALL {
            survives(format, bytes);
        }
    });
}
