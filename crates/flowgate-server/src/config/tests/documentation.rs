//! `docs/configuration.md` says what the code does.

use crate::config::schema::{Fixed, REFUSED_VALUES, SECTIONS, Treatment};

const DOCUMENT: &str = include_str!("../../../../../docs/configuration.md");

/// The lines of a table between its markers, without its two heading lines.
fn table(name: &str) -> Vec<&'static str> {
    let begin = format!("<!-- {name}: begin -->");
    let end = format!("<!-- {name}: end -->");
    let (_, rest) = DOCUMENT.split_once(&begin).expect("the marker of the table's begin");
    let (inside, _) = rest.split_once(&end).expect("the marker of the table's end");
    inside.lines().filter(|line| line.starts_with('|')).skip(2).collect()
}

/// Compares a table with the lines that the code implies, in the order of the code.
fn check(name: &str, expected: &[String]) {
    let text = expected.join("\n");
    assert_eq!(table(name), expected, "the table must be:\n{text}");
}

#[test]
fn the_table_of_keys_without_effect_is_complete() {
    let mut rows = Vec::new();
    for section in SECTIONS {
        for key in section.keys() {
            let (warning, reason) = match &key.treatment {
                Treatment::Used | Treatment::Refused(_) => continue,
                Treatment::Quiet(reason) => ("never".to_owned(), reason),
                Treatment::Ignored(reason) => ("always".to_owned(), reason),
                Treatment::Fixed(Fixed::Boolean(value), reason) => {
                    (format!("unless `{value}`"), reason)
                }
                Treatment::Fixed(Fixed::Integer(value), reason) => {
                    (format!("unless `{value}`"), reason)
                }
                Treatment::OnlyEmpty(reason) => ("refused unless empty".to_owned(), reason),
            };
            rows.push(format!("| {} | `{}` | {warning} | {reason} |", section.name, key.name));
        }
    }
    check("without-effect", &rows);
}

#[test]
fn the_table_of_refused_keys_and_values_is_complete() {
    let mut rows = Vec::new();
    for section in SECTIONS {
        for key in section.keys() {
            if let Treatment::Refused(reason) = &key.treatment {
                rows.push(format!("| {} | `{}` | {reason} |", section.name, key.name));
            }
        }
    }
    for list in REFUSED_VALUES {
        for (value, reason) in list.values {
            rows.push(format!("| {} | `{}: {value}` | {reason} |", list.section, list.key));
        }
    }
    check("refused", &rows);
}

#[test]
fn every_supported_key_has_a_row_in_the_table_of_its_section() {
    for section in SECTIONS {
        let used: Vec<_> =
            section.keys().filter(|key| matches!(key.treatment, Treatment::Used)).collect();
        let rows = table(section.name);
        let documented: Vec<_> = rows.iter().map(|row| row.split('`').nth(1).unwrap()).collect();
        let names: Vec<_> = used.iter().map(|key| key.name).collect();
        assert_eq!(documented, names, "section {}", section.name);
    }
}

#[test]
fn no_section_lists_a_key_twice() {
    for section in SECTIONS {
        let mut names: Vec<_> = section.keys().map(|key| key.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "section {}", section.name);
    }
}
