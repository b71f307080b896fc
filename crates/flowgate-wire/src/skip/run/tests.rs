//! A short string is passed where it is there and ASCII, wherever the input ends.

use super::is_short_ascii;
use crate::block::SHORT;

#[test]
fn strings_are_looked_at_alone_and_to_their_end() {
    for total in 0..2 * SHORT + 2 {
        for foreign in 0..=total {
            let mut bytes = vec![b'a'; total];
            if let Some(octet) = bytes.get_mut(foreign) {
                *octet = 0xff;
            }
            for pos in 0..=total {
                for len in 0..SHORT {
                    let text = bytes.get(pos..pos + len);
                    let wanted = text.is_some_and(<[u8]>::is_ascii);
                    let passed = is_short_ascii(&bytes, pos, len.try_into().expect("short"));
                    assert_eq!(passed, wanted, "{len} octets at {pos} of {bytes:02x?}");
                }
            }
        }
    }
}
