//! Running cases one by one, and saying how each went.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use super::cases::{Argument, Case, Script};
use super::clients::Clients;
use super::router::Endpoints;
use crate::process::{self, Ended};
use crate::tally::Tally;
use crate::workspace;

/// Longer than the watchdogs within the scripts, which know better what they wait for.
const CASE_LIMIT: Duration = Duration::from_secs(60);

/// How much of a log is shown when its case fails.
const SHOWN_LINES_COUNT: usize = 60;

/// The clients, and where their output goes.
#[derive(Debug)]
pub(super) struct Runner {
    clients: Clients,
    logs: PathBuf,
}

/// What cases run against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    /// The built binary, for those that start it.
    pub(super) binary: Option<&'a Path>,
    pub(super) endpoints: &'a Endpoints,
    /// The process id of a router that we have started.
    pub(super) router_pid: Option<u32>,
}

impl Runner {
    pub(super) fn new(clients: Clients, directory: &Path) -> Self {
        Self { clients, logs: directory.join("logs") }
    }

    pub(super) fn logs(&self) -> &Path {
        &self.logs
    }

    /// Runs cases one after the other, since some count the sessions of the router.
    pub(super) fn run(&self, cases: &[Case], subject: Subject<'_>) -> Result<Tally> {
        let mut tally = Tally::default();
        for case in cases {
            if let Some(reason) = self.clients.missing(case) {
                println!("skip  {}: {reason}", case.name);
                tally.skip(1, format!("interop cases: {reason}"));
                continue;
            }
            let log = self.logs.join(case.name.replace('/', "-") + ".log");
            let mut command = self.command(case, subject)?;
            let result = match process::run(&mut command, &log, CASE_LIMIT)? {
                Ended::Exited(status) if status.success() => Ok(()),
                Ended::Exited(status) => Err(anyhow!("{status}")),
                Ended::TimedOut => Err(anyhow!("not done after {} s", CASE_LIMIT.as_secs())),
            };
            tally += report(&case.name, &result, &log);
        }
        Ok(tally)
    }

    fn command(&self, case: &Case, subject: Subject<'_>) -> Result<Command> {
        let Subject { binary, endpoints, router_pid } = subject;
        let scripts = workspace::root().join("interop");
        let (program, script) = match case.script {
            Script::Python(name) => (self.clients.python()?, scripts.join("python").join(name)),
            Script::Node(name) => (self.clients.node()?, scripts.join("node").join(name)),
        };
        let mut command = Command::new(program);
        command.arg(script).env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUNBUFFERED", "1");
        command.env("PYTHONFAULTHANDLER", "1");
        command.env("NODE_PATH", self.clients.node_modules());
        for argument in &case.arguments {
            match argument {
                Argument::Text(text) => command.arg(text),
                Argument::WebSocket => {
                    command.arg(endpoints.websocket.as_ref().context("no WebSocket address")?)
                }
                Argument::Backend => {
                    command.arg(endpoints.backend.as_ref().context("no address of a backend")?)
                }
                Argument::RawSocket => {
                    command.arg(endpoints.rawsocket.as_ref().context("no RawSocket address")?)
                }
                Argument::RouterPid => {
                    command.arg(router_pid.context("the router is not ours")?.to_string())
                }
                Argument::Node => command.arg(self.clients.node()?),
                Argument::NodeScript(name) => command.arg(scripts.join("node").join(name)),
                Argument::PhpScript(name) => command.arg(scripts.join("php").join(name)),
                Argument::Flowgate => command.arg(binary.context("the router is not ours")?),
                Argument::Program(program) => command.arg(self.clients.program(*program)?),
            };
        }
        Ok(command)
    }
}

/// Prints the line of a case, and for one that failed the end of its log.
pub(super) fn report(name: &str, result: &Result<()>, log: &Path) -> Tally {
    match result {
        Ok(()) => println!("ok    {name}"),
        Err(error) => {
            println!("FAIL  {name}: {error:#}");
            let text = fs::read(log).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let skipped_count = text.lines().count().saturating_sub(SHOWN_LINES_COUNT);
            text.lines().skip(skipped_count).for_each(|line| println!("      | {line}"));
            println!("      all of it: {}", log.display());
        }
    }
    Tally::one(result.is_ok())
}
