//! Automation of the Flowgate repository: `cargo xtask <command>`.
//!
//! Builds on as little as possible, since every command compiles it first.
//! Start from [`COMMANDS`]: one entry and one module for each command.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for the terminal prints")]

use std::process::ExitCode;

use anyhow::Result;

mod bench;
mod callgrind;
mod ci;
mod compare;
mod contention;
mod document;
mod install;
mod interop;
mod machine;
mod process;
mod sim;
mod spec;
mod tally;
mod test;
mod workspace;

/// A command: its name, one line of help, and the function that takes the remaining arguments.
type Command = (&'static str, &'static str, fn(&[String]) -> Result<ExitCode>);

const COMMANDS: &[Command] = &[
    (
        "bench",
        "instructions of the core by callgrind; --compare REV beside another revision",
        bench::run,
    ),
    ("ci", "formatting, lints and documentation, then all that `test` does", ci::run),
    ("compare", "router CPU and memory beside a bare forwarding program and peers", compare::run),
    ("contention", "how often connections wait for their realm's lock", contention::run),
    ("interop", "third-party clients against the router; --help lists the options", interop::run),
    ("sim", "seeded simulation of the core; --seed N replays, --seeds COUNT plays many", sim::run),
    ("spec", "the test vectors of the specification, from a checkout of it: spec PATH", spec::run),
    ("test", "all tests: units, properties, tidy rules, documentation, interop", test::run),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    match COMMANDS.iter().find(|(known, _, _)| *known == name) {
        Some((_, _, run)) => run(&rest).unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }),
        None => help(&name),
    }
}

fn help(name: &str) -> ExitCode {
    println!("usage: cargo xtask <command>\n");
    for (name, line, _) in COMMANDS {
        println!("  {name:<10} {line}");
    }
    match name {
        "" | "help" | "--help" | "-h" => ExitCode::SUCCESS,
        unknown => {
            eprintln!("\nerror: there is no command {unknown:?}");
            ExitCode::FAILURE
        }
    }
}
