//! Every string is found, wherever it lies in the blocks.

use proptest::prelude::*;

use super::Strings;
use crate::block::machines;
use crate::budget::Budget;
use crate::scan::find_special_on;
use crate::{DecodeError, Limits};

fn naive(bytes: &[u8], pos: usize) -> usize {
    let special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    bytes.iter().skip(pos).position(special).map_or(bytes.len(), |hit| pos + hit)
}

#[test]
fn strings_of_every_length_are_found_at_every_offset() {
    for offset in 0..100 {
        for length in 0..200 {
            for special in [b'"', b'\\', 0x1f, 0] {
                for rest in [0, 1, 70] {
                    let mut bytes = vec![b'a'; offset + length];
                    bytes.push(special);
                    bytes.extend(vec![b'"'; rest]);
                    let mut strings = Strings::new();
                    for pos in [offset, offset + length, offset + length + 1] {
                        assert_eq!(strings.find(&bytes, pos), naive(&bytes, pos));
                    }
                }
            }
        }
    }
}

/// On whatever this machine can be taken for.
#[test]
fn long_strings_are_found_at_every_offset() {
    for length in 0..300 {
        for special in [b'"', b'\\', 0x1f, 0] {
            for rest in [0, 1, 200] {
                let mut bytes = vec![b'a'; length];
                bytes.push(special);
                bytes.extend(vec![b'"'; rest]);
                for machine in machines() {
                    assert_eq!(find_special_on(machine, &bytes, 0), length, "{machine:?}");
                }
            }
        }
    }
}

#[test]
fn what_lies_next_to_the_specials_is_none() {
    let bytes: Vec<u8> = (0x20..=0xff).filter(|byte| !matches!(byte, b'"' | b'\\')).collect();
    assert_eq!(Strings::new().find(&bytes, 0), bytes.len());
    assert_eq!(Strings::new().find(&bytes[..64], 0), 64);
}

#[test]
fn a_run_ends_with_the_last_string_and_takes_each_but_the_first() {
    for length in 0..100 {
        let string = format!("\"{}\"", "a".repeat(length));
        let run = [string.as_str(); 7].join(",");
        let skip = |text: &str, elements| {
            let mut budget = Budget::inside(&Limits { elements, ..Limits::default() });
            let end = Strings::new().skip_run(text.as_bytes(), 1, &mut budget);
            (end, budget.take_value(0).is_ok())
        };
        for after in ["", "]", " ,\"\"", ",1", ",", "\"\"", ":"] {
            let text = format!("{run}{after}");
            assert_eq!(skip(&text, 6), (Ok(run.len()), false), "{text}");
            assert_eq!(skip(&text, 7), (Ok(run.len()), true), "{text}");
            let offset = 6 * (length + 3);
            assert_eq!(skip(&text, 5).0, Err(DecodeError::TooManyValues { offset }));
        }
        let offset = run.len() - 1;
        assert_eq!(skip(&run[..offset], 7).0, Err(DecodeError::UnexpectedEnd { offset }));
    }
}

proptest! {
    #[test]
    fn any_octets_are_searched_as_one_by_one(
        bytes in proptest::collection::vec(
            prop_oneof![9 => any::<u8>(), 60 => 0x20..0x22_u8, 3 => Just(b'"')],
            0..400,
        ),
        steps in proptest::collection::vec(0..40_usize, 40),
    ) {
        let mut strings = Strings::new();
        let mut pos = 0;
        for step in steps {
            let found = strings.find(&bytes, pos);
            prop_assert_eq!(found, naive(&bytes, pos));
            pos = (found + step).min(bytes.len());
        }
    }
}
