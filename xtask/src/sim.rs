//! `cargo xtask sim`: the simulation of the router's core, in release mode.

use std::process::ExitCode;

use anyhow::Result;

use crate::workspace;

/// Passes `--seed N`, `--seeds COUNT` and `--steps COUNT` on; its own help comes with `--help`.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let mut command = workspace::cargo();
    command.args(["run", "--quiet", "--release", "--package", "flowgate-sim", "--"]);
    let status = command.args(arguments).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
