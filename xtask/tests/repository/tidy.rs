//! The rules of this repository that neither the compiler nor clippy knows.
//!
//! They read `cargo metadata` and the sources, and build nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{none, root};

/// Which crates may stand below each crate: the architecture.
///
/// Only dependencies of the library or binary count, not those of its tests and examples.
const LAYERS: &[(&str, Below)] = &[
    ("flowgate-wire", Below::Only(&[])),
    ("flowgate-event", Below::Only(&["flowgate-wire"])),
    ("flowgate-router", Below::Only(&["flowgate-event", "flowgate-wire"])),
    ("flowgate-meter", Below::Only(&["flowgate-event"])),
    ("flowgate-trace", Below::Only(&["flowgate-event", "flowgate-wire"])),
    ("flowgate-metrics", Below::Only(&["flowgate-event"])),
    ("flowgate-observer", Below::Only(&["flowgate-event"])),
    ("flowgate-client", Below::Only(&["flowgate-wire"])),
    ("flowgate-sim", Below::AllBut(SHELL)),
    ("flowgate-server", Below::AllBut(&["flowgate-sim"])),
    ("flowgate-load", Below::Only(&["flowgate-wire"])),
];

/// The crates that do I/O, beside or above the core: only they may know sockets and event loops.
///
/// `LAYERS` lets no crate below depend on one of them.
const SHELL: &[&str] = &["flowgate-server", "flowgate-client", "flowgate-load"];

/// What would bring I/O below the shell.
const IO_CRATES: &[&str] = &["tokio", "mio", "socket2", "tungstenite", "tokio-tungstenite"];

/// A file beyond this has a seam that nobody looked for.
const LINES_COUNT_MAX: usize = 800;

/// Files that may be longer, with the reason for each.
const LONG_FILES: &[(&str, &str)] = &[];

/// Words that must not stay in the sources, each with the reason.
/// They are split here, since this file is searched too.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("todo", "!("), "finish it, or open an issue"),
    (concat!("unimplemented", "!("), "finish it, or open an issue"),
    (concat!("dbg", "!("), "was for you alone"),
    (concat!("FIX", "ME"), "fix it, or open an issue"),
    (concat!("#[ig", "nore]"), "a test that does not run is a defect"),
];

enum Below {
    Only(&'static [&'static str]),
    AllBut(&'static [&'static str]),
}

impl Below {
    fn allows(&self, name: &str) -> bool {
        match self {
            Self::Only(names) => names.contains(&name),
            Self::AllBut(names) => !names.contains(&name),
        }
    }
}

/// A package of the workspace, as far as the rules need it.
struct Package {
    name: String,
    directory: PathBuf,
    /// Names of what it always depends on, except for tests and examples.
    dependencies: Vec<String>,
}

#[test]
fn crates_depend_only_on_the_layers_below() -> Result<()> {
    let mut violations = Vec::new();
    for package in crates()? {
        let name = &package.name;
        let Some((_, below)) = LAYERS.iter().find(|(layer, _)| layer == name) else {
            violations
                .push(format!("{name} has no place in LAYERS of xtask/tests/repository/tidy.rs"));
            continue;
        };
        let ours = package.dependencies.iter().filter(|other| other.starts_with("flowgate-"));
        for other in ours.filter(|other| !below.allows(other)) {
            violations.push(format!("{name} must not depend on {other}"));
        }
    }
    none(&violations)
}

#[test]
fn there_is_no_io_below_the_shell() -> Result<()> {
    let mut violations = Vec::new();
    // No crate may depend on the shell, so looking at direct dependencies covers indirect ones.
    for package in crates()?.iter().filter(|package| !SHELL.contains(&package.name.as_str())) {
        for io in IO_CRATES.iter().filter(|io| package.dependencies.iter().any(|d| d == *io)) {
            violations.push(format!("{} must not depend on {io}", package.name));
        }
    }
    none(&violations)
}

#[test]
fn folders_are_named_after_their_packages() -> Result<()> {
    let mut violations = Vec::new();
    for Package { name, directory, .. } in packages()? {
        // `benches` holds the benchmarks of all crates, under a name that says whose they are.
        if directory.starts_with(root().join("crates")) && !directory.ends_with(&name) {
            violations.push(format!("{} holds the package {name}", directory.display()));
        }
    }
    none(&violations)
}

#[test]
fn versions_and_features_are_declared_once_at_the_root() -> Result<()> {
    let mut violations = Vec::new();
    let manifest = root().join("Cargo.toml");
    for (line, text) in dependency_lines(&manifest)? {
        let ours = text.contains("path =");
        if !ours && !text.contains("default-features = false") {
            violations.push(format!("Cargo.toml:{line}: without default-features = false"));
        }
    }
    for package in packages()? {
        let manifest = package.directory.join("Cargo.toml");
        for (line, text) in dependency_lines(&manifest)? {
            if !text.contains("workspace = true") {
                violations.push(format!("{}:{line}: not from the root", relative(&manifest)));
            }
        }
    }
    none(&violations)
}

#[test]
fn every_package_takes_the_lints_of_the_workspace() -> Result<()> {
    let mut violations = Vec::new();
    for package in packages()? {
        let manifest = package.directory.join("Cargo.toml");
        if !fs::read_to_string(&manifest)?.contains("\n[lints]\nworkspace = true\n") {
            violations.push(format!("{}: no [lints] workspace = true", relative(&manifest)));
        }
    }
    none(&violations)
}

#[test]
fn every_crate_says_first_what_it_is() -> Result<()> {
    let mut violations = Vec::new();
    for package in packages()? {
        for file in ["src/lib.rs", "src/main.rs"] {
            let path = package.directory.join(file);
            if path.is_file() && !fs::read_to_string(&path)?.starts_with("//! ") {
                violations.push(format!("{}: does not start with //!", relative(&path)));
            }
        }
    }
    none(&violations)
}

#[test]
fn files_stay_short() -> Result<()> {
    let mut violations = Vec::new();
    for package in crates()? {
        for (path, text) in sources(&package.directory.join("src"))? {
            let lines_count = text.lines().count();
            let path = relative(&path);
            let excused = LONG_FILES.iter().any(|(file, _)| *file == path);
            if lines_count > LINES_COUNT_MAX && !excused {
                violations.push(format!("{path}: {lines_count} lines"));
            }
        }
    }
    none(&violations)
}

#[test]
fn nothing_is_left_behind() -> Result<()> {
    let mut violations = Vec::new();
    for package in packages()? {
        for (path, text) in sources(&package.directory)? {
            for (line, content) in text.lines().enumerate() {
                for (word, advice) in FORBIDDEN.iter().filter(|(word, _)| content.contains(word)) {
                    violations.push(format!("{}:{}: {word} {advice}", relative(&path), line + 1));
                }
            }
        }
    }
    none(&violations)
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The packages below `crates/`.
fn crates() -> Result<Vec<Package>> {
    let directory = root().join("crates");
    Ok(packages()?.into_iter().filter(|p| p.directory.starts_with(&directory)).collect())
}

/// All packages of the workspace.
fn packages() -> Result<Vec<Package>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    list(&metadata, "packages").map(package).collect()
}

fn package(value: &Value) -> Result<Package> {
    let manifest = Path::new(text(value, "manifest_path")?);
    let mut dependencies = Vec::new();
    for dependency in list(value, "dependencies") {
        let is_dev = dependency.get("kind").and_then(Value::as_str) == Some("dev");
        // An optional dependency is a feature that its user turns on.
        let is_optional = dependency.get("optional").and_then(Value::as_bool) == Some(true);
        if !is_dev && !is_optional {
            dependencies.push(text(dependency, "name")?.to_owned());
        }
    }
    Ok(Package {
        name: text(value, "name")?.to_owned(),
        directory: manifest.parent().context("a manifest is in a folder")?.to_path_buf(),
        dependencies,
    })
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value.get(key).and_then(Value::as_str).with_context(|| format!("no {key} in the metadata"))
}

/// Line number and text of each entry in a manifest's sections of dependencies.
fn dependency_lines(manifest: &Path) -> Result<Vec<(usize, String)>> {
    let mut lines = Vec::new();
    let mut inside = false;
    for (index, line) in fs::read_to_string(manifest)?.lines().enumerate() {
        if line.starts_with('[') {
            // Also a section of its own for one dependency, which no rule here would read.
            inside = line.ends_with("dependencies]") || line.contains("dependencies.");
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            lines.push((index + 1, line.to_owned()));
        }
    }
    Ok(lines)
}

/// Every Rust file below a folder, with its text.
fn sources(directory: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    let mut folders = vec![directory.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path)?;
                found.push((path, text));
            }
        }
    }
    Ok(found)
}
