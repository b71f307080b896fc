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

#[test]
fn seeds_of_transcoding() {
    replay("transcode", |bytes| {
        for format in Format::ALL {
            survives(format, bytes);
        }
    });
}
