//! `cargo xtask ci`: what continuous integration runs.

use std::process::ExitCode;

use anyhow::{Result, ensure};

use crate::tally::{Skips, Summary, Tally};
use crate::{sim, test, workspace};

/// Name, arguments to cargo, and an environment variable.
type Lint = (&'static str, &'static [&'static str], Option<(&'static str, &'static str)>);

const LINTS: &[Lint] = &[
    ("formatting", &["fmt", "--all", "--check"], None),
    (
        "clippy, warnings denied",
        &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
        None,
    ),
    (
        "documentation, warnings denied",
        &["doc", "--workspace", "--no-deps"],
        Some(("RUSTDOCFLAGS", "-Dwarnings")),
    ),
];

/// Seeds of the simulation: half a minute, once it is built.
const SEEDS: &str = "10000";

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    ensure!(arguments.is_empty(), "cargo xtask ci takes no arguments");
    let mut summary = Summary::default();
    for (name, arguments, variable) in LINTS {
        println!("\n$ cargo {}", arguments.join(" "));
        let status = workspace::cargo().args(*arguments).envs(variable.iter().copied()).status()?;
        summary.add(*name, Tally::one(status.success()));
    }
    test::add_steps(&mut summary);
    println!("\n$ cargo xtask sim --seeds {SEEDS}");
    let outcome = sim::run(&["--seeds".to_owned(), SEEDS.to_owned()])?;
    let name = format!("simulation of {SEEDS} seeds");
    summary.add(name, Tally::one(outcome == ExitCode::SUCCESS));
    Ok(summary.finish(Skips::Failed))
}
