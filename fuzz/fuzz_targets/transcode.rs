//! What is accepted in one format can be written in every other, decodes there, and is then
//! written in the same octets again.
#![no_main]

use flowgate_wire::{Format, Limits, Message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { depth: 32, ..Limits::default() };
    for from in Format::ALL {
        let Ok(message) = Message::decode(from, bytes, &limits) else { continue };
        for to in Format::ALL {
            let mut encoded = Vec::new();
            message.encode(to, &mut encoded);
            let again = Message::decode(to, &encoded, &limits).expect("encoded messages decode");
            let mut twice = Vec::new();
            again.encode(to, &mut twice);
            assert_eq!(twice, encoded, "{from:?} to {to:?}");
            // Values read without a tree are those of the tree.
            assert_eq!(format!("{:?}", again.to_value()), format!("{:?}", {
                let mut cbor = Vec::new();
                again.encode(Format::Cbor, &mut cbor);
                Message::decode(Format::Cbor, &cbor, &limits).expect("encoded").to_value()
            }));
        }
    }
});
