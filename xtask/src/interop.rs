//! `cargo xtask interop`: third-party clients against the built router.
//!
//! Each case is a process of its own: a script below `interop/` that asserts, and that exits with
//! something else than 0 when an assertion fails.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};

use self::cases::{Argument, Case};
use self::clients::Clients;
use self::router::{Endpoints, Router, Setup, Signal};
use self::runner::{Runner, Subject, report};
use crate::tally::{Skips, Summary, Tally};
use crate::workspace;

mod cases;
mod clients;
mod programs;
pub(crate) mod router;
mod runner;

const HELP: &str = "\
usage: cargo xtask interop [options]

  --filter TEXT     only cases whose name contains TEXT; may be repeated, all must match
  --list            list the cases and run none
  --binary PATH     run this flowgate binary instead of building one
  --router URL...   use a router that is already there: its ws://… and rs://… addresses
                    (only the cases that need no configuration of their own)";

/// What the command line asks for.
#[derive(Debug, Default)]
struct Options {
    filters: Vec<String>,
    list: bool,
    binary: Option<PathBuf>,
    external: Option<Endpoints>,
}

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    if arguments.iter().any(|argument| argument == "--help") {
        println!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let options = parse(arguments)?;
    if options.list {
        selected(&options).iter().for_each(|case| println!("{}", case.name));
        return Ok(ExitCode::SUCCESS);
    }
    let mut summary = Summary::default();
    summary.add("interop with third-party clients", run_cases(&options)?);
    Ok(summary.finish(Skips::of_this_run()))
}

/// All cases, against a router built now.
pub(crate) fn run_all() -> Result<Tally> {
    run_cases(&Options::default())
}

fn parse(arguments: &[String]) -> Result<Options> {
    let mut options = Options::default();
    let mut rest = arguments.iter().peekable();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--list" => options.list = true,
            "--filter" => options.filters.push(value()?.clone()),
            "--binary" => {
                let path = value()?;
                options.binary = Some(fs::canonicalize(path).with_context(|| path.clone())?);
            }
            "--router" => {
                let endpoints = options.external.get_or_insert_default();
                endpoints.add(value()?)?;
                while let Some(url) = rest.next_if(|next| !next.starts_with("--")) {
                    endpoints.add(url)?;
                }
            }
            unknown => bail!("unknown option {unknown}\n{HELP}"),
        }
    }
    Ok(options)
}

fn selected(options: &Options) -> Vec<Case> {
    let matches = |name: &str| options.filters.iter().all(|text| name.contains(text.as_str()));
    cases::all().into_iter().filter(|case| matches(&case.name)).collect()
}

fn run_cases(options: &Options) -> Result<Tally> {
    let cases = selected(options);
    ensure!(!cases.is_empty(), "no case matches the filter");
    let directory = workspace::target_directory()?.join("interop");
    let runner = Runner::new(Clients::install(&directory, &cases)?, &directory);
    println!("\nInterop with third-party clients, logs in {}", runner.logs().display());
    match &options.external {
        Some(endpoints) => against_external(cases, endpoints, &runner),
        None => {
            let binary = options.binary.clone().map_or_else(router::build, Ok)?;
            against_own(cases, &binary, &runner)
        }
    }
}

/// Starts a router for each setup that the cases need, and stops it as an operator would.
fn against_own(cases: Vec<Case>, binary: &Path, runner: &Runner) -> Result<Tally> {
    let mut by_setup: BTreeMap<Setup, Vec<Case>> = BTreeMap::new();
    let mut alone = Vec::new();
    for case in cases {
        match case.setup {
            Some(setup) => by_setup.entry(setup).or_default().push(case),
            None => alone.push(case),
        }
    }
    let alone_subject =
        Subject { binary: Some(binary), endpoints: &Endpoints::default(), router_pid: None };
    let mut tally = runner.run(&alone, alone_subject)?;
    for (setup, cases) in by_setup {
        let log = runner.logs().join(format!("{setup}-router.log"));
        let mut router = match Router::start(binary, setup, &log) {
            Ok(router) => router,
            Err(error) => {
                tally += report(&format!("{setup}/router/starts"), &Err(error), &log);
                tally.skip(cases.len(), format!("the router for {setup} does not start"));
                continue;
            }
        };
        let (endpoints, router_pid) = (router.endpoints(), Some(router.pid()));
        tally += runner.run(&cases, Subject { binary: Some(binary), endpoints, router_pid })?;
        let sent = cases.iter().any(|case| case.arguments.contains(&Argument::RouterPid));
        let signal = if sent { Signal::SentByCase } else { Signal::NotSent };
        let name = format!("{setup}/router/ends with 0 on SIGTERM");
        tally += report(&name, &router.stop(signal), &log);
    }
    Ok(tally)
}

/// Runs what can run on a router that somebody else configured.
fn against_external(cases: Vec<Case>, endpoints: &Endpoints, runner: &Runner) -> Result<Tally> {
    let able = |case: &Case| {
        case.setup == Some(Setup::Embedded)
            && case.arguments.iter().all(|argument| match argument {
                Argument::WebSocket => endpoints.websocket.is_some(),
                Argument::RawSocket => endpoints.rawsocket.is_some(),
                Argument::Backend | Argument::RouterPid | Argument::Flowgate => false,
                Argument::Text(_)
                | Argument::Node
                | Argument::NodeScript(_)
                | Argument::PhpScript(_)
                | Argument::Program(_) => true,
            })
    };
    let (able, unable): (Vec<_>, Vec<_>) = cases.into_iter().partition(able);
    let mut tally = runner.run(&able, Subject { binary: None, endpoints, router_pid: None })?;
    tally.skip(unable.len(), "cases that need a router of their own, or another transport");
    Ok(tally)
}
