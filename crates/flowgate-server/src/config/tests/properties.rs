//! Whatever a file holds, reading it ends with a configuration or with findings.

use proptest::prelude::*;

use super::{errors, parse_as};
use crate::config::{STARTER, Syntax};

const SEED: &str = include_str!("seed.json");

/// What mutations put into a file.
const PIECES: &[&str] = &[
    "",
    "\n",
    " ",
    "  ",
    ":",
    ": ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "\"",
    "'",
    "\\",
    "\\u",
    "\\ud800",
    "#",
    "&a",
    "*a",
    "!!str ",
    "|",
    ">",
    "%",
    "@",
    "`",
    "?",
    "? ",
    "---\n",
    "...\n",
    "~",
    "null",
    "true",
    "-1",
    "1e400",
    "0.5",
    "99999999999999999999999999999999999999999",
    "$PORT",
    "${PORT}",
    "\t",
    "\r\n",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "\0",
    "é",
    "😀",
    "<<: ",
    "type: ",
    "stats: ",
];

/// Reads the bytes in both syntaxes; a refusal must name at least one finding, each in the file.
fn check(bytes: &[u8]) {
    for syntax in [Syntax::Json, Syntax::Yaml] {
        let result = parse_as(syntax, bytes);
        let refused = result.is_err();
        let found = errors(result);
        assert_eq!(refused, !found.is_empty(), "{found:?}");
    }
}

/// Replaces characters of `text` by pieces, at relative places.
fn mutated(text: &str, edits: &[(f64, usize, usize)]) -> String {
    let mut characters: Vec<String> = text.chars().map(String::from).collect();
    for &(place, removed, piece) in edits {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place within a short text"
        )]
        let start = (place * characters.len() as f64) as usize;
        let end = (start + removed).min(characters.len());
        characters.splice(start..end, [PIECES[piece % PIECES.len()].to_owned()]);
    }
    characters.concat()
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes);
    }

    #[test]
    fn arbitrary_pieces_never_panic(pieces in prop::collection::vec(0..PIECES.len(), 0..60)) {
        let text: String = pieces.iter().map(|piece| PIECES[*piece]).collect();
        check(text.as_bytes());
    }

    #[test]
    fn mutated_files_never_panic(
        edits in prop::collection::vec((0.0..1.0, 0_usize..6, any::<usize>()), 1..6)
    ) {
        check(mutated(STARTER, &edits).as_bytes());
        check(mutated(SEED, &edits).as_bytes());
    }
}
