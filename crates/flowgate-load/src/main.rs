//! The load generator as a program of its own.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    flowgate_load::Bench::parse().main("flowgate-load")
}
