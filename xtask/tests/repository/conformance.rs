//! `docs/conformance.md` claims nothing that no test shows, and leaves out nothing that is
//! announced.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::{none, read, root};

mod specification;

/// One row of the tables: what, where, test file, test, status.
type Row = [String; 5];

#[test]
fn every_row_names_files_and_a_test_that_exist() -> Result<()> {
    let mut violations = Vec::new();
    for [what, file, test_file, test, status] in rows()? {
        if !["done", "refused", "unused"].contains(&status.as_str()) {
            violations.push(format!("{what}: {status:?} is no status"));
        }
        if !root().join(unquoted(&file)).is_file() {
            violations.push(format!("{what}: there is no {file}"));
        }
        let text = fs::read_to_string(root().join(unquoted(&test_file))).unwrap_or_default();
        if !has_test(&text, unquoted(&test)) {
            violations.push(format!("{what}: {test_file} has no test {test}"));
        }
    }
    none(&violations)
}

#[test]
fn every_announced_feature_has_a_row() -> Result<()> {
    let rows = rows()?;
    let mut violations = Vec::new();
    let features = features(&read("crates/flowgate-router/src/welcome.rs")?);
    ensure!(features.len() > 5, "the features of WELCOME are not where they were: {features:?}");
    for feature in features {
        if !rows.iter().any(|[what, ..]| what.contains(&format!("`{feature}`"))) {
            violations.push(format!("the feature {feature} has no row"));
        }
    }
    none(&violations)
}

#[test]
fn every_section_of_the_specification_has_a_row() -> Result<()> {
    let rows = rows()?;
    let titles: Vec<&str> = rows.iter().flat_map(|[what, ..]| titles(what)).collect();
    let without = specification::SECTIONS.iter().filter(|section| !titles.contains(section));
    none(&without.map(|section| format!("{section} has no row")).collect::<Vec<_>>())
}

#[test]
fn every_predefined_uri_of_the_specification_has_a_row() -> Result<()> {
    let uris = specification::URIS
        .iter()
        .flat_map(|(beginning, ends)| ends.iter().map(move |end| format!("{beginning}{end}")));
    each_has_a_row(uris)
}

#[test]
fn every_uri_that_the_router_uses_has_a_row() -> Result<()> {
    let mut uris = uris(&read("crates/flowgate-wire/src/uris.rs")?);
    ensure!(uris.len() > 20, "the predefined URIs are not where they were: {uris:?}");
    let files = sources(&root().join("crates/flowgate-router/src"))?;
    let meta: Vec<String> = files.iter().flat_map(|text| self::uris(text)).collect();
    for expected in ["wamp.session.kill_all", "wamp.registration.on_create"] {
        ensure!(meta.iter().any(|uri| uri == expected), "{expected} is not found: {meta:?}");
    }
    let of_prefixes: Vec<String> = files.iter().flat_map(|text| arms(text)).collect();
    ensure!(of_prefixes.len() > 10, "the meta procedures are not found: {of_prefixes:?}");
    uris.extend(meta);
    uris.extend(of_prefixes);
    each_has_a_row(uris)
}

fn each_has_a_row(uris: impl IntoIterator<Item = String>) -> Result<()> {
    let rows = rows()?;
    let has_row = |uri: &String| rows.iter().any(|[what, ..]| *what == format!("`{uri}`"));
    let without = uris.into_iter().filter(|uri| !has_row(uri));
    none(&without.map(|uri| format!("{uri} has no row")).collect::<Vec<_>>())
}

/// The titles that a row begins with, of which there may be several: up to the first colon, and
/// what follows a comma may be a detail of the section.
fn titles(what: &str) -> impl Iterator<Item = &str> {
    what.split(':').next().into_iter().flat_map(|titles| titles.split(", "))
}

/// The URIs among the string literals of a source.
fn uris(source: &str) -> Vec<String> {
    let is_uri = |text: &&str| {
        ["wamp.error.", "wamp.close.", "wamp.session.", "wamp.registration.", "wamp.subscription."]
            .iter()
            .any(|beginning| text.len() > beginning.len() && text.starts_with(beginning))
            || text.starts_with("crossbar.")
    };
    literals(source).filter(is_uri).map(str::to_owned).collect()
}

/// The URIs that a source names by what comes behind a common beginning:
/// `match uri.strip_prefix("wamp.x.")? { "y" => …, _ => … }`.
fn arms(source: &str) -> Vec<String> {
    let Some((beginning, rest)) =
        source.split_once(".strip_prefix(\"wamp.").and_then(|(_, rest)| rest.split_once("\")?"))
    else {
        return Vec::new();
    };
    let arms = rest.split("_ =>").next().unwrap_or_default();
    literals(arms).map(|end| format!("wamp.{beginning}{end}")).collect()
}

/// The string literals of a source; none of ours has an escaped quote and a URI.
fn literals(source: &str) -> impl Iterator<Item = &str> {
    let code = source.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    code.flat_map(|line| line.split('"').skip(1).step_by(2))
}

/// The texts of all files below a folder, but for tests.
fn sources(folder: &Path) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.file_stem().is_some_and(|name| name == "tests") {
            continue;
        } else if path.is_dir() {
            texts.extend(sources(&path)?);
        } else {
            texts.push(fs::read_to_string(&path)?);
        }
    }
    Ok(texts)
}

/// Whether a source has a function of this name below a `#[test]`; one with an attribute such as
/// `#[tokio::test]` counts, too.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    lines.windows(2).any(|pair| {
        let [attribute, function] = pair else { return false };
        let function = function.trim_start_matches("async ");
        (attribute.starts_with("#[test") || attribute.contains("::test"))
            && function.starts_with(&format!("fn {name}("))
    })
}

/// The words in the feature lists of WELCOME: the texts of its constants.
fn features(source: &str) -> Vec<String> {
    let constants = source.split("const ").skip(1).filter_map(|rest| rest.split(';').nth(1));
    let texts = constants.flat_map(|value| value.split('"').skip(1).step_by(2));
    texts.map(str::to_owned).collect()
}

/// The rows of all tables, without the headings.
fn rows() -> Result<Vec<Row>> {
    let text = read("docs/conformance.md")?;
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<String> =
            line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        let row: Row = cells.try_into().map_err(|_| anyhow::anyhow!("not five cells: {line}"))?;
        if row[0] != "what" && !row[0].starts_with("---") {
            rows.push(row);
        }
    }
    ensure!(!rows.is_empty(), "docs/conformance.md has no rows");
    Ok(rows)
}

fn unquoted(cell: &str) -> &str {
    cell.trim_matches('`')
}
