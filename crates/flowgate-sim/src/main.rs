//! Plays seeds: `flowgate-sim [--seed N] [--seeds COUNT] [--steps COUNT]`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for the terminal prints")]

use std::{collections::BTreeMap, process::ExitCode};

use flowgate_sim::{Options, run};

/// Seeds played unless the command line says otherwise.
const SEED_COUNT: u64 = 1000;

const USAGE: &str = "\
usage: flowgate-sim [--seed N] [--seeds COUNT] [--steps COUNT]

  --seed N       the first seed (0); without --seeds the only one
  --seeds COUNT  how many seeds to play, one after the other (1000)
  --steps COUNT  random steps of each (600)";

/// What the command line asks for.
struct Arguments {
    first: u64,
    count: u64,
    options: Options,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| matches!(argument.as_str(), "-h" | "--help" | "help")) {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match parse(&arguments) {
        Ok(arguments) => play(&arguments),
        Err(what) => {
            eprintln!("{what}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn parse(arguments: &[String]) -> Result<Arguments, String> {
    let (mut seed, mut count, mut options) = (None, None, Options::default());
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let value = rest.next().ok_or_else(|| format!("error: {name} needs a number"))?;
        let value: u64 =
            value.parse().map_err(|_| format!("error: {value:?} after {name} is no number"))?;
        match name.as_str() {
            "--seed" => seed = Some(value),
            "--seeds" => count = Some(value),
            "--steps" => options.step_count = u32::try_from(value).unwrap_or(u32::MAX),
            unknown => return Err(format!("error: there is no option {unknown:?}")),
        }
    }
    let default_count = if seed.is_some() { 1 } else { SEED_COUNT };
    let (first, count) = (seed.unwrap_or_default(), count.unwrap_or(default_count));
    Ok(Arguments { first, count, options })
}

fn play(arguments: &Arguments) -> ExitCode {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let (mut input_count, mut hash) = (0, 0_u64);
    for seed in arguments.first..arguments.first.saturating_add(arguments.count) {
        match run(seed, &arguments.options) {
            Ok(summary) => {
                input_count += summary.input_count;
                hash = hash.rotate_left(1) ^ summary.transcript_hash;
                for (name, count) in summary.counts {
                    *counts.entry(name).or_default() += count;
                }
            }
            Err(failure) => {
                eprintln!("{failure}");
                return ExitCode::FAILURE;
            }
        }
    }
    for (name, count) in counts {
        println!("{count:>9}  {name}");
    }
    println!("{} seeds, {input_count} inputs, transcript {hash:016x}: no fault", arguments.count);
    ExitCode::SUCCESS
}
