use super::{cbor, json, msgpack};
use crate::budget::Budget;
use crate::{DecodeError, Limits};

/// In a message, options would have been too deep before.
#[test]
fn the_outermost_list_takes_a_level() {
    let mut budget = Budget::inside(&Limits { depth: 1, ..Limits::default() });
    for list in [&b"[\"a\"]"[..], b"[1]", b"[]"] {
        let result = json::skip(list, 0, &mut budget);
        assert_eq!(result, Err(DecodeError::TooDeep { offset: 0 }), "{list:?}");
    }
    for list in [&[0x91, 1][..], &[0xdc, 0, 1, 1], &[0x90]] {
        let result = msgpack::skip(list, 0, &mut budget);
        assert_eq!(result, Err(DecodeError::TooDeep { offset: 0 }), "{list:?}");
    }
    for list in [&[0x81, 1][..], &[0x98, 1, 1], &[0x80]] {
        let result = cbor::skip(list, 0, &mut budget);
        assert_eq!(result, Err(DecodeError::TooDeep { offset: 0 }), "{list:?}");
    }
}
