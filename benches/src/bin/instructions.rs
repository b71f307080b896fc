//! Runs one case a given number of times, for callgrind to count its instructions.
//!
//! `instructions` alone lists the cases, a line each: name, by how much to divide, and the case
//! that is to be subtracted, separated by tabs.
//! `instructions CASE COUNT` runs one.
//! The difference of two counts, divided by the difference of the numbers, is what one run costs:
//! everything else cancels out.
//! `cargo xtask bench` does all this.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal prints")]

use std::process::ExitCode;

use flowgate_benches::cases;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        for case in cases::all() {
            println!("{}\t{}\t{}", case.name, case.units_count, case.baseline.unwrap_or_default());
        }
        return ExitCode::SUCCESS;
    };
    let case = cases::all().into_iter().find(|case| case.name == name);
    let count = arguments.next().and_then(|count| count.parse().ok());
    let (Some(case), Some(count)) = (case, count) else {
        eprintln!("usage: instructions [CASE COUNT]");
        return ExitCode::from(2);
    };
    case.run(count);
    ExitCode::SUCCESS
}
