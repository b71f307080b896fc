//! The command line: what is typed, what is printed, and the exit codes.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the command line")]

use std::num::NonZeroU64;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use flowgate_wire::Serializer;

use crate::names::Policies;
use crate::wire::serializer_of_name;
use crate::{LoadError, Report, Target, scenario};

/// Load a WAMP router and check every reply.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Bench {
    #[command(subcommand)]
    scenario: Scenario,
}

/// What to do to the router.
#[derive(Debug, Subcommand)]
pub(crate) enum Scenario {
    /// Callers, and one callee that returns what it gets.
    Rpc(Rpc),
    /// Publishers, and subscribers that all get every event.
    Pubsub(Pubsub),
    /// Several topics with one publisher each, and subscribers of their own.
    Topics(Topics),
    /// Sessions that are opened and closed again.
    Connect(Connect),
    /// Sessions that do nothing; with --router-pid, what memory each takes.
    Idle(Idle),
}

#[derive(Debug, Args)]
pub(crate) struct Rpc {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) payload: Payload,
    #[command(flatten)]
    pub(crate) entries: Entries,
    #[command(flatten)]
    pub(crate) pace: Pace,
    /// Callers.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) clients: usize,
    /// Calls in flight of each caller; with --rate at most so many [default: 8, with --rate 256].
    #[arg(long, value_name = "N")]
    pub(crate) in_flight: Option<usize>,
    /// The serializer of the callee, if it is another.
    #[arg(long, value_name = "NAME", value_parser = serializer)]
    pub(crate) callee_serializer: Option<Serializer>,
}

#[derive(Debug, Args)]
pub(crate) struct Pubsub {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) payload: Payload,
    #[command(flatten)]
    pub(crate) entries: Entries,
    #[command(flatten)]
    pub(crate) pace: Pace,
    #[command(flatten)]
    pub(crate) publications: Publications,
    /// Publishers.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) clients: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Topics {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) payload: Payload,
    #[command(flatten)]
    pub(crate) entries: Entries,
    #[command(flatten)]
    pub(crate) pace: Pace,
    #[command(flatten)]
    pub(crate) publications: Publications,
    /// Topics, and as many publishers.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) topics: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Connect {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) pace: Pace,
    /// Sessions at a time.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) clients: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Idle {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Sessions.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) clients: usize,
    /// Numbers of sessions to measure at, instead of --clients: 1000,10000,100000.
    /// Each lasts --duration.
    #[arg(long, value_name = "N,…", value_delimiter = ',', conflicts_with = "clients")]
    pub(crate) steps: Vec<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The router: `ws://host:port/path`, `rs://host:port`, `unix:/socket` (RawSocket) or
    /// `ws+unix:/socket:/path`.
    pub(crate) url: Target,
    /// The serializer: json, msgpack or cbor; on WebSocket also json.batched and so on.
    #[arg(long, value_name = "NAME", default_value = "json", value_parser = serializer)]
    pub(crate) serializer: Serializer,
    /// The realm to join.
    #[arg(long, value_name = "REALM", default_value = "realm1")]
    pub(crate) realm: String,
    /// How long to measure, in seconds.
    #[arg(long, value_name = "S", default_value = "5", value_parser = seconds)]
    pub(crate) duration: Duration,
    /// How long to run before that, in seconds.
    #[arg(long, value_name = "S", default_value = "1", value_parser = seconds)]
    pub(crate) warmup: Duration,
    /// How long the router may take for any answer, in seconds.
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// The process whose CPU time and memory to report; children count.
    #[arg(long, value_name = "PID")]
    pub(crate) router_pid: Option<u32>,
    /// Print the report as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Say on standard error what is going on even where that is no terminal.
    #[arg(long)]
    pub(crate) progress: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Payload {
    /// Octets of text in each message.
    #[arg(long, value_name = "BYTES", default_value_t = 16)]
    pub(crate) payload: usize,
    /// Over how many strings the octets are spread.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) strings: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Pace {
    /// Requests a second of all clients together, sent when they are due and not when the last
    /// ones are answered; without it, as fast as possible.
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<NonZeroU64>,
}

#[derive(Debug, Args)]
pub(crate) struct Entries {
    /// How subscriptions or registrations match: the one that is hit, and those of --background.
    #[arg(long = "match", value_name = "POLICY", default_value = "exact")]
    pub(crate) policies: Policies,
    /// Further subscriptions or registrations of another session, which are not hit.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) background: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Publications {
    /// Subscribers of each topic.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) subscribers: usize,
    /// The serializers of the subscribers, which take them in turn, if they are others.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = serializer)]
    pub(crate) subscriber_serializer: Vec<Serializer>,
    /// Subscribers of each topic that never read, in addition.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) stalled: usize,
    /// Publications in flight of each publisher; with --rate at most so many
    /// [default: 4, with --rate 256].
    #[arg(long, value_name = "N")]
    pub(crate) in_flight: Option<usize>,
    /// Ask for an acknowledgement of every publication.
    #[arg(long)]
    pub(crate) acknowledge: bool,
}

fn serializer(name: &str) -> Result<Serializer, &'static str> {
    serializer_of_name(name).ok_or("one of json, msgpack and cbor, each also with .batched")
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or("not a number of seconds")
}

impl Scenario {
    pub(crate) const fn common(&self) -> &Common {
        match self {
            Self::Rpc(rpc) => &rpc.common,
            Self::Pubsub(pubsub) => &pubsub.common,
            Self::Topics(topics) => &topics.common,
            Self::Connect(connect) => &connect.common,
            Self::Idle(idle) => &idle.common,
        }
    }
}

impl Bench {
    /// Runs the load and prints the report; `program` begins the line that says what went wrong.
    ///
    /// Exit codes: 0, every reply was right; 1, one was lost or wrong; 2, the command line is
    /// wrong, or there is no router, or it refuses what the load needs.
    #[must_use]
    pub fn main(&self, program: &str) -> ExitCode {
        let report = match self.run() {
            Ok(report) => report,
            Err(error) => {
                eprintln!("{program}: {error}");
                return ExitCode::from(error.exit_code());
            }
        };
        let text = if self.scenario.common().json {
            serde_json::to_string(&report).unwrap_or_default()
        } else {
            report.to_string()
        };
        println!("{text}");
        ExitCode::SUCCESS
    }

    /// Runs the load.
    ///
    /// # Errors
    /// [`LoadError`], if anything was lost, repeated, reordered or altered, or could not be
    /// measured.
    pub fn run(&self) -> Result<Report, LoadError> {
        scenario::run(&self.scenario)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Bench::command().debug_assert();
    }
}
