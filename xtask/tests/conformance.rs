//! `docs/conformance.md` claims nothing that no test shows, and leaves out nothing that is
//! announced.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// One row of the tables: what, where, test file, test, status.
type Row = [String; 5];

#[test]
fn every_row_names_files_and_a_test_that_exist() -> Result<()> {
    let mut violations = Vec::new();
    for [what, file, test_file, test, status] in rows()? {
        if !["done", "part"].contains(&status.as_str()) {
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
fn every_predefined_uri_that_the_core_uses_has_a_row() -> Result<()> {
    let rows = rows()?;
    let source = read("crates/flowgate-wire/src/uris.rs")?;
    let uris: Vec<_> = source.lines().filter_map(constant).collect();
    ensure!(uris.len() > 10, "the predefined URIs are not where they were: {uris:?}");
    let core = sources(&root().join("crates/flowgate-router/src"))?;
    let without = uris.iter().filter(|(name, uri)| {
        let quoted = format!("`{uri}`");
        core.contains(name) && !rows.iter().any(|[what, ..]| *what == quoted)
    });
    none(&without.map(|(_, uri)| format!("{uri} has no row")).collect::<Vec<_>>())
}

/// Name and value of a line such as `pub const TIMEOUT: &str = "wamp.error.timeout";`.
fn constant(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.trim().strip_prefix("pub const ")?.split_once(": &str = \"")?;
    Some((name, value.strip_suffix("\";")?))
}

/// The text of all files below a folder.
fn sources(folder: &Path) -> Result<String> {
    let mut text = String::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        text += &if path.is_dir() { sources(&path)? } else { fs::read_to_string(&path)? };
    }
    Ok(text)
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

fn read(path: &str) -> Result<String> {
    fs::read_to_string(root().join(path)).with_context(|| path.to_owned())
}

fn none(violations: &[String]) -> Result<()> {
    ensure!(violations.is_empty(), "\n{}", violations.join("\n"));
    Ok(())
}

fn root() -> &'static Path {
    let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest_dir.parent().unwrap_or(manifest_dir)
}
