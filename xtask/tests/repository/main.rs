//! What holds for the repository as a whole: its rules, and what its documents claim.
//!
//! Each test collects every violation, so that one run shows them all.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

mod conformance;
mod tidy;

/// The folder of the repository.
fn root() -> &'static Path {
    let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest_dir.parent().unwrap_or(manifest_dir)
}

/// The text of a file of the repository.
fn read(path: &str) -> Result<String> {
    fs::read_to_string(root().join(path)).with_context(|| path.to_owned())
}

/// Succeeds if there are no violations, and names all of them if there are.
fn none(violations: &[String]) -> Result<()> {
    ensure!(violations.is_empty(), "\n{}", violations.join("\n"));
    Ok(())
}
