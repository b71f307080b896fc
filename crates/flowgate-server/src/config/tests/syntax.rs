//! Both syntaxes: what they accept, refuse and agree on.

use std::path::Path;

use super::{FILE, accepted, environment, errors, parse_as, parse_yaml};
use crate::config::{ConfigError, MAX_FILE_BYTES, STARTER, Syntax, load};

/// The realm of the documentation of session statistics, in the surroundings that it needs.
const SEED: &str = include_str!("seed.json");

fn json(text: &str) -> Vec<String> {
    errors(parse_as(Syntax::Json, text.as_bytes()))
}

fn yaml(text: &str) -> Vec<String> {
    errors(parse_yaml(text))
}

#[test]
fn the_documented_example_is_the_same_in_json_and_yaml() {
    let from_json = parse_as(Syntax::Json, SEED.as_bytes()).unwrap();
    assert!(from_json.warnings.is_empty(), "{}", from_json.warnings);
    assert!(from_json.realms[0].stats.is_some());
    let from_flow_yaml = accepted(SEED);
    let from_block_yaml = accepted(include_str!("seed.yaml"));
    assert_eq!(from_json, from_flow_yaml);
    assert_eq!(from_json, from_block_yaml);
}

#[test]
fn json_errors_name_their_place() {
    for (text, expected) in [
        ("", "1:1: expected a value, found the end of the file"),
        ("{} x", "1:4: expected nothing after the end of the value"),
        ("{\n  \"a\": 1,\n  \"a\": 2}", "3:3: duplicate key `a`, first given in line 2"),
        ("{\"a\": 1,}", "1:8: trailing comma before `}`"),
        ("[1,\n]", "1:3: trailing comma before `]`"),
        ("[1 2]", "1:4: expected `,` or `]`, found '2'"),
        ("{a: 1}", "1:2: expected a key in double quotes, found 'a'"),
        ("{\"a\" 1}", "1:6: expected `:` after the key, found '1'"),
        ("// no\n{}", "1:1: expected a value; JSON has no comments"),
        ("[01]", "1:2: malformed number"),
        ("[1.]", "1:2: malformed number"),
        ("[1e]", "1:2: malformed number"),
        ("[-]", "1:2: malformed number"),
        ("[1e999]", "1:2: number out of range"),
        ("[nul]", "1:2: expected a value; strings need double quotes"),
        ("[\"\\x\"]", "1:3: unknown escape in a string"),
        ("[\"\\u12\"]", "1:3: expected four hexadecimal digits after `\\u`"),
        ("[\"\\ud800\"]", "1:3: surrogate without its pair in a string"),
        ("[\"\\ud800\\n\"]", "1:3: surrogate without its pair in a string"),
        ("[\"\\ud800\\u0041\"]", "1:3: surrogate without its pair in a string"),
        ("[\"\\udc00\"]", "1:3: surrogate without its pair in a string"),
        ("[\"a\tb\"]", "1:4: unescaped control character '\\t' in a string"),
        ("[\"a", "1:2: string without end"),
    ] {
        assert_eq!(json(text), [expected], "{text}");
    }
    let long = format!("[1{}]", "0".repeat(50));
    assert_eq!(json(&long), ["1:2: number out of range"]);
    let deep = "[".repeat(100_000);
    assert_eq!(json(&deep), ["1:66: nested deeper than 64 levels"]);
    let many = format!("[{}1]", "1,".repeat(200_000));
    assert_eq!(json(&many).len(), 1);
    assert!(json(&many)[0].ends_with("more than 200000 values"));
}

#[test]
fn json_strings_are_unescaped() {
    let text = SEED.replace("\"realm1\"", "\"re\\u0061lm\\u0031\"");
    assert_eq!(parse_as(Syntax::Json, text.as_bytes()).unwrap().realms[0].name, "realm1");
    let text = SEED.replace("\"anonymous\"", "\"\\ud83d\\ude00\\/\\n\\t\\\"\\\\\\b\\f\\r\"");
    let config = parse_as(Syntax::Json, text.as_bytes()).unwrap();
    assert_eq!(config.realms[0].roles[0].name, "😀/\n\t\"\\\u{8}\u{c}\r");
}

#[test]
fn yaml_errors_name_their_place() {
    for (text, expected) in [
        ("", "1:1: the file holds no value"),
        ("# nothing\n", "1:1: the file holds no value"),
        ("a: 1\na: 2", "2:1: duplicate key `a`, first given in line 1"),
        ("a: 1\n---\nb: 2", "2:1: only one YAML document is allowed"),
        ("a: !secret x", "1:4: tags are not supported; quote the text instead"),
        ("a: !!str 1", "1:4: tags are not supported; quote the text instead"),
        ("a: &x {b: 1}\nc:\n  <<: *x", "3:3: merge keys are not supported"),
        ("? [a]\n: 1", "1:3: a key must be a string"),
        ("a: &x b\n*x : 1", "2:1: a key cannot be an alias"),
        ("&x a: 1", "1:1: a key cannot have an anchor"),
        ("a: &x [*x]", "1:8: an alias cannot stand inside its own anchor"),
        (
            "port: 08080",
            "1:7: a number with a leading zero is read differently by YAML 1.1 and \
                         1.2; quote it, or drop the zero",
        ),
    ] {
        assert_eq!(yaml(text), [expected], "{text}");
    }
    assert!(yaml("a: [1")[0].contains("malformed YAML"));
    assert!(yaml("a: *x")[0].contains("malformed YAML"));
    let deep = "[".repeat(100);
    assert_eq!(yaml(&deep), ["1:65: nested deeper than 64 levels"]);
}

#[test]
fn yaml_aliases_are_values_within_limits() {
    let text = FILE.text().replace(
        "{name: anonymous,\n      }",
        "{name: anonymous, permissions: [{uri: a, allow: &all {call: true}}, {uri: b, allow: *all}]}",
    );
    assert!(text.contains("*all"));
    accepted(&text);
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..20 {
        let below = level - 1;
        let uses = vec![format!("*a{below}"); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{uses}]\n"));
    }
    let found = yaml(&bomb);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].ends_with("more than 200000 values, aliases counted at each use"),
        "{found:?}"
    );
    let mut tower = "a0: &a0 [x]\n".to_owned();
    for level in 1..70 {
        tower.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    assert!(yaml(&tower)[0].ends_with("nested deeper than 64 levels"));
}

#[test]
fn yaml_numbers_follow_the_core_schema() {
    let with_port = |port: &str| yaml(&FILE.text().replace("8080", port));
    for port in ["8080", "+8080", "0x1F90", "0o17620"] {
        assert_eq!(with_port(port), [""; 0], "{port}");
    }
    for (port, kind) in [
        ("8080.0", "a fractional number"),
        ("1e3", "a fractional number"),
        (".5", "a fractional number"),
        ("~", "null"),
        ("True", "a boolean"),
        ("[1]", "a list"),
    ] {
        let expected = format!("expected an integer, found {kind}");
        assert!(with_port(port)[0].ends_with(&expected), "{port}");
    }
    for port in ["8_080", "inf", ".inf", "nan", "1.2.3", "0x", "0xzz", "0x-1", "80 80"] {
        assert!(with_port(port)[0].contains("must be an integer, or the name"), "{port}");
    }
}

#[test]
fn text_that_is_not_utf8_names_its_place() {
    for syntax in [Syntax::Json, Syntax::Yaml] {
        let found = errors(parse_as(syntax, b"version: 2\n  \xff"));
        assert_eq!(found, ["2:3: the file is not UTF-8"]);
    }
}

#[test]
fn a_byte_order_mark_is_skipped() {
    assert!(parse_as(Syntax::Json, format!("\u{feff}{SEED}").as_bytes()).is_ok());
    assert!(parse_as(Syntax::Yaml, format!("\u{feff}{STARTER}").as_bytes()).is_ok());
}

#[test]
fn a_file_that_is_too_long_is_not_parsed() {
    let text = vec![b' '; MAX_FILE_BYTES + 1];
    let found = errors(parse_as(Syntax::Yaml, &text));
    assert_eq!(found, ["test is longer than 4194304 bytes"]);
}

#[test]
fn a_file_is_loaded_by_its_extension_and_findings_name_it() {
    let directory = std::env::temp_dir().join(format!("flowgate-config-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let unix = SEED.replace("\"tcp\", \"port\": 8080", "\"unix\", \"path\": \"wamp.sock\"");
    assert_ne!(unix, SEED);
    let loaded = load(&write("config.json", &unix), &environment).unwrap();
    let expected = directory.join("wamp.sock").display().to_string();
    assert!(loaded.summary().to_string().contains(&expected));
    for name in ["config.yaml", "config.yml", "CONFIG.YAML"] {
        assert!(load(&write(name, STARTER), &environment).is_ok(), "{name}");
    }
    let bad = write("bad.yaml", "version: 2\nworkers: []\nworkres: []\n");
    let message = load(&bad, &environment).unwrap_err().to_string();
    let expected = "3:1: workres: unknown key in section node (did you mean `workers`?)";
    assert_eq!(message, format!("{}:{expected}", bad.display()));
    let unknown = load(&write("config.toml", ""), &environment);
    assert!(matches!(unknown, Err(ConfigError::UnknownSyntax { .. })));
    let missing = load(&directory.join("missing.yaml"), &environment);
    assert!(matches!(missing, Err(ConfigError::Read { .. })));
    assert!(load(Path::new("config"), &environment).is_err());
    std::fs::remove_dir_all(&directory).unwrap();
}
