//! `cargo xtask test`: all tests, with one total at the end.

use std::io::{BufRead, BufReader};
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, ensure};

use crate::tally::{Skips, Summary, Tally};
use crate::{interop, workspace};

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    ensure!(arguments.is_empty(), "cargo xtask test takes no arguments");
    let mut summary = Summary::default();
    add_steps(&mut summary);
    Ok(summary.finish(Skips::of_this_run()))
}

/// Every step runs, also after one that failed; an error of ours is a failure as well.
pub(crate) fn add_steps(summary: &mut Summary) {
    // The rules of the repository are an ordinary test of this package: see tests/repository/tidy.rs.
    let all_targets = ["test", "--workspace", "--all-targets", "--no-fail-fast"];
    summary.add("unit, property, end-to-end and tidy tests", or_failed(cargo_test(&all_targets)));
    let documentation = ["test", "--workspace", "--doc", "--no-fail-fast"];
    summary.add("documentation tests", or_failed(cargo_test(&documentation)));
    summary.add("interop with third-party clients", or_failed(interop::run_all()));
}

fn or_failed(result: Result<Tally>) -> Tally {
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        Tally::one(false)
    })
}

/// Runs `cargo test`, passes its output on, and adds up what its test programs report.
fn cargo_test(arguments: &[&str]) -> Result<Tally> {
    println!("\n$ cargo {}", arguments.join(" "));
    let mut child = workspace::cargo().args(arguments).stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().context("the output is piped")?;
    let mut tally = Tally::default();
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        if let Some(counts) = parse_result(&line) {
            tally += counts;
        }
    }
    // A program that does not compile, or that dies, reports no failed test.
    if !child.wait()?.success() && tally.failed_count == 0 {
        tally.failed_count = 1;
    }
    Ok(tally)
}

/// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn parse_result(line: &str) -> Option<Tally> {
    let (_, counts) = line.trim().strip_prefix("test result: ")?.split_once(". ")?;
    let count = |name: &str| {
        counts
            .split("; ")
            .find_map(|part| part.strip_suffix(name)?.trim().parse::<usize>().ok())
            .unwrap_or_default()
    };
    let mut tally =
        Tally { passed_count: count("passed"), failed_count: count("failed"), skipped: Vec::new() };
    tally.skip(count("ignored"), "tests marked `ignore`, named in the output above");
    Some(tally)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Skipped;

    #[test]
    fn results_of_test_programs_are_read() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; \
                    7 filtered out; finished in 0.02s";
        let tally = parse_result(line).unwrap();
        assert_eq!((tally.passed_count, tally.failed_count), (12, 3));
        assert!(matches!(tally.skipped.as_slice(), [Skipped { count: 1, .. }]));
        assert_eq!(parse_result("running 3 tests"), None);
    }
}
