//! Arbitrary octets never panic the decoder, limits hold, and what is accepted is encoded so that
//! it decodes to the same message.
#![no_main]

use flowgate_wire::{Format, Limits, Message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { depth: 32, elements: 4096, ..Limits::default() };
    let Ok(message) = Message::decode(Format::Cbor, bytes, &limits) else { return };
    let mut encoded = Vec::new();
    message.encode(Format::Cbor, &mut encoded);
    let again = Message::decode(Format::Cbor, &encoded, &limits).expect("encoded messages decode");
    let mut twice = Vec::new();
    again.encode(Format::Cbor, &mut twice);
    assert_eq!(twice, encoded);
});
