//! The command line.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the command line")]

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use flowgate_wire::Format;

use crate::driver::{self, Measured, Plan};
use crate::opening::Opening;
use crate::process::Process;
use crate::pubsub::{PubSub, Shape};
use crate::report::{self, Latency, Report, RouterCost};
use crate::rpc::Rpc;
use crate::template::{Content, Options};
use crate::{LoadError, Target, connect};

/// What the procedure of the load is called.
const PROCEDURE: &str = "com.example.load.echo";
/// What the topics of the load begin with.
const TOPIC: &str = "com.example.load.topic";

/// More clients of one kind have no number of their own.
const CLIENTS_COUNT_MAX: usize = 1 << 16;
/// What fits into a frame of 16 MiB together with the head of the message.
const PAYLOAD_BYTES_MAX: usize = (16 << 20) - 1024;
/// Below, the numbers of events repeat too soon to tell lost from repeated ones.
const NUMBERED_BYTES_MIN: usize = 8;

/// Load a WAMP router and check every reply.
#[derive(Debug, Parser)]
#[command(name = "flowgate-load", version)]
pub struct Bench {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// Callers, and one callee that returns what it gets.
    Rpc {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        payload: Payload,
        /// Callers.
        #[arg(long, value_name = "N", default_value_t = 4)]
        clients: usize,
        /// Calls in flight of each caller.
        #[arg(long, value_name = "N", default_value_t = 8)]
        in_flight: usize,
    },
    /// Publishers, and subscribers that all get every event.
    Pubsub {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        payload: Payload,
        #[command(flatten)]
        publications: Publications,
        /// Publishers.
        #[arg(long, value_name = "N", default_value_t = 1)]
        clients: usize,
    },
    /// Several topics with one publisher each, and subscribers of their own.
    Topics {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        payload: Payload,
        #[command(flatten)]
        publications: Publications,
        /// Topics, and as many publishers.
        #[arg(long, value_name = "N", default_value_t = 10)]
        topics: usize,
    },
    /// Sessions that are opened and closed again.
    Connect {
        #[command(flatten)]
        common: Common,
        /// Sessions at a time.
        #[arg(long, value_name = "N", default_value_t = 4)]
        clients: usize,
    },
    /// Sessions that do nothing; with --router-pid, what memory each takes.
    Idle {
        #[command(flatten)]
        common: Common,
        /// Sessions.
        #[arg(long, value_name = "N", default_value_t = 1000)]
        clients: usize,
    },
}

#[derive(Debug, Args)]
struct Common {
    /// The router: `ws://host:port/path`, `rs://host:port` or `unix:/path`.
    url: Target,
    /// The serializer.
    #[arg(long, value_name = "NAME", default_value = "json", value_parser = serializer)]
    serializer: Format,
    /// The realm to join.
    #[arg(long, value_name = "REALM", default_value = "realm1")]
    realm: String,
    /// How long to measure, in seconds.
    #[arg(long, value_name = "S", default_value = "5", value_parser = seconds)]
    duration: Duration,
    /// How long to run before that, in seconds.
    #[arg(long, value_name = "S", default_value = "1", value_parser = seconds)]
    warmup: Duration,
    /// The process whose CPU time and memory to report; children count.
    #[arg(long, value_name = "PID")]
    router_pid: Option<u32>,
    /// Print the report as one line of JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Payload {
    /// Octets of text in each message.
    #[arg(long, value_name = "BYTES", default_value_t = 16)]
    payload: usize,
    /// Over how many arguments the octets are spread.
    #[arg(long, value_name = "N", default_value_t = 1)]
    strings: usize,
}

#[derive(Debug, Args)]
struct Publications {
    /// Subscribers of each topic.
    #[arg(long, value_name = "N", default_value_t = 10)]
    subscribers: usize,
    /// Publications in flight of each publisher.
    #[arg(long, value_name = "N", default_value_t = 4)]
    in_flight: usize,
    /// Ask for an acknowledgement of every publication.
    #[arg(long)]
    acknowledge: bool,
}

fn serializer(name: &str) -> Result<Format, &'static str> {
    Format::from_name(name).ok_or("one of json, msgpack and cbor")
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or("not a number of seconds")
}

impl Bench {
    /// Runs the load and prints the report.
    ///
    /// Exit codes: 0, every reply was right; 1, one was lost or wrong; 2, the command line is
    /// wrong, or there is no router.
    #[must_use]
    pub fn main(&self) -> ExitCode {
        let report = match self.run() {
            Ok(report) => report,
            Err(error) => {
                eprintln!("flowgate-load: {error}");
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
        let common = self.scenario.common();
        let (target, format, realm) = (&common.url, common.serializer, common.realm.as_str());
        let plan = Plan {
            warmup: common.warmup,
            duration: common.duration,
            router: common.router_pid.map(Process::new),
        };
        match &self.scenario {
            Scenario::Rpc { payload, clients, in_flight, .. } => {
                counts(&[*clients, *in_flight])?;
                let content = payload.content(format, 0)?;
                let mut callee = common.join()?;
                callee.register(PROCEDURE)?;
                let mut openings = vec![callee];
                for _ in 0..*clients {
                    openings.push(common.join()?);
                }
                let mut rpc = Rpc::new(target.framing(), PROCEDURE, content, *clients, *in_flight);
                let measured = driver::run(openings, format, &mut rpc, plan)?;
                common.report("rpc", "call", payload.payload, clients + 1, &measured)
            }
            Scenario::Pubsub { payload, publications, clients, .. } => {
                let shape = publications.shape(1, *clients);
                common.publish("pubsub", payload, publications, shape, plan)
            }
            Scenario::Topics { payload, publications, topics, .. } => {
                let shape = publications.shape(*topics, 1);
                common.publish("topics", payload, publications, shape, plan)
            }
            Scenario::Connect { clients, .. } => {
                counts(&[*clients])?;
                let measured = connect::run(target, format, realm, *clients, plan)?;
                common.report("connect", "session", 0, *clients, &measured)
            }
            Scenario::Idle { clients, .. } => {
                let measured = connect::idle(target, format, realm, *clients, plan)?;
                let mut report = common.report("idle", "session", 0, *clients, &measured)?;
                if let Some(router) = &mut report.router {
                    let grown =
                        router.resident_bytes_after.checked_sub(router.resident_bytes_before);
                    router.resident_bytes_per_session =
                        grown.map(|bytes| report::per(bytes, measured.operations_count));
                }
                Ok(report)
            }
        }
    }
}

impl Scenario {
    fn common(&self) -> &Common {
        match self {
            Self::Rpc { common, .. }
            | Self::Pubsub { common, .. }
            | Self::Topics { common, .. }
            | Self::Connect { common, .. }
            | Self::Idle { common, .. } => common,
        }
    }
}

impl Payload {
    /// The content of all messages, with at least so many octets for their number.
    fn content(&self, format: Format, number_bytes: usize) -> Result<Content, LoadError> {
        counts(&[self.strings])?;
        let first_bytes = self.payload - self.payload / self.strings * (self.strings - 1);
        if first_bytes < number_bytes {
            return Err(LoadError::Options(
                "the payload has no room for the events' numbers: 8 octets in the first string, \
                 16 with several publishers",
            ));
        }
        if self.payload > PAYLOAD_BYTES_MAX {
            return Err(LoadError::Options("the payload does not fit into a frame of 16 MiB"));
        }
        Ok(Content::new(format, self.payload, self.strings))
    }
}

impl Publications {
    fn shape(&self, topic_count: usize, publisher_count: usize) -> Shape {
        let (subscriber_count, in_flight_count) = (self.subscribers, self.in_flight);
        Shape { topic_count, publisher_count, subscriber_count, in_flight_count }
    }
}

impl Common {
    fn join(&self) -> Result<Opening, LoadError> {
        Opening::join(&self.url, self.serializer, &self.realm)
    }

    fn publish(
        &self,
        name: &'static str,
        payload: &Payload,
        publications: &Publications,
        shape: Shape,
        plan: Plan,
    ) -> Result<Report, LoadError> {
        let Shape { topic_count, publisher_count, subscriber_count, in_flight_count } = shape;
        counts(&[topic_count, publisher_count, subscriber_count, in_flight_count])?;
        let number_bytes = if publisher_count > 1 { Content::DIGITS } else { NUMBERED_BYTES_MIN };
        let content = payload.content(self.serializer, number_bytes)?;
        let options = if publications.acknowledge { Options::Acknowledge } else { Options::Empty };
        let topics: Vec<String> = (0..topic_count).map(|n| format!("{TOPIC}{n}")).collect();
        let mut openings = Vec::new();
        for _ in 0..shape.publishers() {
            openings.push(self.join()?);
        }
        for topic in &topics {
            for _ in 0..subscriber_count {
                let mut opening = self.join()?;
                opening.subscribe(topic)?;
                openings.push(opening);
            }
        }
        let framing = self.url.framing();
        let mut load = PubSub::new(framing, &topics, content, shape, options);
        let session_count = openings.len();
        let measured = driver::run(openings, self.serializer, &mut load, plan)?;
        self.report(name, "event", payload.payload, session_count, &measured)
    }

    fn report(
        &self,
        scenario: &'static str,
        operation: &'static str,
        payload_bytes: usize,
        session_count: usize,
        measured: &Measured,
    ) -> Result<Report, LoadError> {
        let operations = measured.operations_count;
        if operations == 0 {
            return Err(LoadError::Nothing);
        }
        let elapsed_ns = measured.elapsed_ns;
        let router = measured
            .router
            .map(|(before, after)| RouterCost::between(before, after, operations, elapsed_ns));
        Ok(Report {
            scenario,
            url: self.url.url(),
            serializer: self.serializer.name(),
            operation,
            payload_bytes,
            session_count,
            duration_s: elapsed_ns as f64 / 1e9,
            operation_count: operations,
            operations_per_s: report::per(operations, elapsed_ns) * 1e9,
            latency: Latency::of(&measured.latency),
            router,
            load_cpu_us_per_operation: report::per(measured.own_cpu_ns, operations) / 1e3,
        })
    }
}

/// Checks numbers of clients and of what they have in flight.
fn counts(counts: &[usize]) -> Result<(), LoadError> {
    if counts.iter().all(|count| (1..=CLIENTS_COUNT_MAX).contains(count)) {
        Ok(())
    } else {
        Err(LoadError::Options("every count must be from 1 to 65536"))
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

    #[test]
    fn payloads_without_room_for_numbers_are_refused() {
        let payload = Payload { payload: 64, strings: 8 };
        assert!(payload.content(Format::Json, NUMBERED_BYTES_MIN).is_ok());
        assert!(payload.content(Format::Json, Content::DIGITS).is_err());
    }
}
