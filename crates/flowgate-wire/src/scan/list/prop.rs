//! What is passed by blocks is what one by one would be.

use proptest::prelude::*;

use super::pass_blocks_on;
use crate::Limits;
use crate::block::machines;
use crate::budget::Budget;

/// Where `pass_blocks` may be at most, and how many strings that takes: octet by octet.
fn naive(bytes: &[u8], mut pos: usize) -> Vec<usize> {
    let mut openings = vec![pos];
    while let Some(length) =
        bytes[pos..].iter().position(|byte| *byte < 0x20 || b"\"\\".contains(byte))
    {
        if !bytes[pos + length..].starts_with(b"\",\"") {
            break;
        }
        pos += length + 3;
        openings.push(pos);
    }
    openings
}

fn check(bytes: &[u8], elements: usize) -> usize {
    let openings = naive(bytes, 0);
    let passed = machines().map(|machine| {
        let mut budget = Budget::inside(&Limits { elements, ..Limits::default() });
        let pos = pass_blocks_on(machine, bytes, 0, &mut budget);
        let passed = openings.iter().position(|opening| *opening == pos);
        let passed = passed.unwrap_or_else(|| panic!("{pos} is no string's start in {openings:?}"));
        let left = std::iter::from_fn(|| budget.take_value(0).ok()).count();
        assert_eq!(left, elements - passed);
        passed
    });
    let passed: Vec<usize> = passed.collect();
    assert!(passed.iter().all(|count| *count == passed[0]), "{passed:?} on different machines");
    passed[0]
}

#[test]
fn lists_of_short_strings_are_passed_but_for_the_last_block() {
    for length in 0..=61 {
        for first in 0..=61 {
            let strings = vec!["a".repeat(length); 40].join("\",\"");
            let text = format!("{}\",\"{strings}\"]", "b".repeat(first));
            let whole_blocks = text.len() / 64 * 64;
            let openings = naive(text.as_bytes(), 0);
            let expected = openings.iter().filter(|opening| **opening <= whole_blocks).count() - 1;
            assert_eq!(check(text.as_bytes(), 1000), expected, "{text}");
        }
    }
}

#[test]
fn no_more_is_passed_than_the_budget_allows() {
    let text = "\",\"".repeat(200);
    for elements in 0..200 {
        assert!(check(text.as_bytes(), elements) <= elements);
    }
}

#[test]
fn one_wrong_octet_ends_it() {
    let good = "abcde\",\"".repeat(40);
    for place in 0..good.len() {
        for wrong in *b"\\\n\x1f\",:] a" {
            let mut bytes = good.clone().into_bytes();
            bytes[place] = wrong;
            check(&bytes, 1000);
        }
    }
}

proptest! {
    #[test]
    fn nothing_but_plain_strings_is_passed(
        pieces in proptest::collection::vec(
            prop_oneof![
                100 => "[a-z,:]{0,9}\",\"",
                20 => "[a-zäöü€]{0,70}\",\"",
                1 => r#"(\\"|\\\\|[\x00-\x1f]|""|",|, "|\]|"\])"#,
            ],
            0..60,
        ),
    ) {
        check(pieces.concat().as_bytes(), 1000);
    }
}
