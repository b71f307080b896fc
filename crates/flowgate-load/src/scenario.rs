//! From the command line to the report: opens the sessions, runs the load, sums up.

use std::io;

use flowgate_wire::Serializer;

use crate::background;
use crate::cli::{self, Common, Payload, Scenario};
use crate::clock::Clock;
use crate::driver::{self, Measured, Plan};
use crate::names::{detail, entry, uri};
use crate::opening::{Opening, Role};
use crate::process::Process;
use crate::progress::Progress;
use crate::pubsub::{PubSub, Publications, Shape};
use crate::report::{self, Background, Latency, Rate, Report, RouterCost, Stalled};
use crate::rpc::{self, Rpc};
use crate::sessions::{Sessions, Use};
use crate::template::{Content, Options};
use crate::wire::{Wire, name_of_serializer};
use crate::{LoadError, connect, idle};

/// More clients of one kind have no number of their own.
const CLIENTS_COUNT_MAX: usize = 1 << 16;
/// More sessions than any system has files for.
const SESSIONS_COUNT_MAX: usize = 1 << 24;
/// What fits into a frame of 16 MiB together with the head of the message.
const PAYLOAD_BYTES_MAX: usize = (16 << 20) - 1024;
/// Below, the numbers of events repeat too soon to tell lost from repeated ones.
const NUMBERED_BYTES_MIN: usize = 8;

/// Requests in flight of one client at a fixed rate: far more than a router needs to be busy, and
/// few enough that one that cannot keep up has answered them soon after the end.
const PACED_IN_FLIGHT_COUNT: usize = 256;

/// Runs a scenario.
pub(crate) fn run(scenario: &Scenario) -> Result<Report, LoadError> {
    let common = scenario.common();
    let mut run = Run {
        common,
        sessions: Sessions::new(&common.url, &common.realm, common.timeout),
        plan: Plan {
            warmup: common.warmup,
            duration: common.duration,
            timeout: common.timeout,
            rate_per_s: None,
            router: common.router_pid.map(Process::new),
        },
        progress: Progress::new(common.progress, Clock::start()),
    };
    match scenario {
        Scenario::Rpc(options) => run.rpc(options),
        Scenario::Pubsub(options) => {
            let shape = shape(&options.publications, &options.pace, 1, options.clients);
            let cli::Pubsub { payload, entries, pace, publications, .. } = options;
            run.publish("pubsub", payload, entries, pace, publications, shape)
        }
        Scenario::Topics(options) => {
            let shape = shape(&options.publications, &options.pace, options.topics, 1);
            let cli::Topics { payload, entries, pace, publications, .. } = options;
            run.publish("topics", payload, entries, pace, publications, shape)
        }
        Scenario::Connect(options) => run.connect(options),
        Scenario::Idle(options) => run.idle(options),
    }
}

/// What all scenarios have in common.
struct Run<'a> {
    common: &'a Common,
    sessions: Sessions<'a>,
    plan: Plan,
    progress: Progress,
}

/// What a report is about.
#[derive(Debug, Clone, Copy)]
struct Subject<'a> {
    scenario: &'static str,
    operation: &'static str,
    peers: &'a [Serializer],
    session_count: usize,
}

impl Run<'_> {
    fn rpc(&mut self, options: &cli::Rpc) -> Result<Report, LoadError> {
        let cli::Rpc { payload, entries, clients, .. } = options;
        self.plan.rate_per_s = options.pace.rate;
        let in_flight_count = in_flight(options.in_flight, &options.pace, 8);
        counts(&[*clients, in_flight_count], CLIENTS_COUNT_MAX)?;
        payload.check(0)?;
        Sessions::reserve(clients + 2)?;
        let caller = self.common.serializer;
        let callee = options.callee_serializer.unwrap_or(caller);
        let (role, policy) = (Role::Callee, entries.policies.of_hit());
        let mut openings = vec![self.join(callee)?];
        if let Some(callee) = openings.first_mut() {
            callee.enter(role, &entry(role, policy, 0), policy)?;
        }
        for _ in 0..*clients {
            openings.push(self.join(caller)?);
        }
        let background = self.background(role, entries, 1, &mut openings)?;
        let procedure = uri(role, 0);
        let shape = rpc::Shape {
            caller_count: *clients,
            in_flight_count,
            procedure: &procedure,
            detail: detail(role, policy),
            payload_bytes: payload.payload,
            string_count: payload.strings,
        };
        let mut load = Rpc::new(self.wire(caller), self.wire(callee), shape);
        let measured = driver::run(openings, &mut load, self.plan, &mut self.progress)?;
        let subject = Subject {
            scenario: "rpc",
            operation: "call",
            peers: &[callee],
            session_count: clients + 1,
        };
        let report = self.report(subject, Some(payload), &measured)?;
        Ok(Report { background, ..report })
    }

    fn publish(
        &mut self,
        scenario: &'static str,
        payload: &Payload,
        entries: &cli::Entries,
        pace: &cli::Pace,
        publications: &cli::Publications,
        shape: Shape,
    ) -> Result<Report, LoadError> {
        let Shape { topic_count, publisher_count, subscriber_count, in_flight_count } = shape;
        self.plan.rate_per_s = pace.rate;
        let numbers = [topic_count, publisher_count, subscriber_count, in_flight_count];
        counts(&numbers, CLIENTS_COUNT_MAX)?;
        counts(&[publications.stalled + 1], CLIENTS_COUNT_MAX)?;
        payload.check(if publisher_count > 1 { Content::DIGITS } else { NUMBERED_BYTES_MIN })?;
        let stalled_count = publications.stalled * topic_count;
        Sessions::reserve(shape.publishers() + shape.subscribers() + stalled_count + 1)?;
        let publisher = self.common.serializer;
        let subscribers = match publications.subscriber_serializer.as_slice() {
            [] => &[publisher],
            others => others,
        };
        let (role, policy) = (Role::Subscriber, entries.policies.of_hit());
        let mut openings = Vec::new();
        for _ in 0..shape.publishers() {
            openings.push(self.join(publisher)?);
        }
        let mut in_turn = subscribers.iter().cycle();
        for topic in 0..topic_count {
            for serializer in in_turn.by_ref().take(subscriber_count) {
                let mut opening = self.join(*serializer)?;
                opening.enter(role, &entry(role, policy, topic), policy)?;
                openings.push(opening);
            }
        }
        let mut stalled = Vec::new();
        for topic in 0..stalled_count {
            let mut opening = self.sessions.join(publisher, Use::Stall)?;
            opening.enter(role, &entry(role, policy, topic % topic_count), policy)?;
            stalled.push(opening);
        }
        let session_count = openings.len();
        let background = self.background(role, entries, topic_count, &mut openings)?;
        let topics: Vec<String> = (0..topic_count).map(|topic| uri(role, topic)).collect();
        let publications = Publications {
            topics: &topics,
            detail: detail(role, policy),
            options: match publications.acknowledge {
                true => Options::Acknowledge,
                false => Options::Empty,
            },
            payload_bytes: payload.payload,
            string_count: payload.strings,
        };
        let readers: Vec<Wire> = subscribers.iter().map(|reader| self.wire(*reader)).collect();
        let mut load = PubSub::new(self.wire(publisher), &readers, shape, publications);
        let measured = driver::run(openings, &mut load, self.plan, &mut self.progress)?;
        let subject = Subject { scenario, operation: "event", peers: subscribers, session_count };
        let report = self.report(subject, Some(payload), &measured)?;
        Ok(Report { background, stalled: disconnected(stalled)?, ..report })
    }

    fn connect(&mut self, options: &cli::Connect) -> Result<Report, LoadError> {
        self.plan.rate_per_s = options.pace.rate;
        counts(&[options.clients], CLIENTS_COUNT_MAX)?;
        Sessions::reserve(options.clients)?;
        let serializer = self.common.serializer;
        let (clients, plan) = (options.clients, self.plan);
        let measured = connect::run(&self.sessions, serializer, clients, plan, &mut self.progress)?;
        self.report(sessions("connect", clients), None, &measured)
    }

    fn idle(&mut self, options: &cli::Idle) -> Result<Report, LoadError> {
        let steps = match options.steps.as_slice() {
            [] => &[options.clients],
            steps => steps,
        };
        counts(steps, SESSIONS_COUNT_MAX)?;
        if !steps.is_sorted_by(|less, more| less < more) {
            return Err(LoadError::Options("--steps must grow"));
        }
        let clients = steps.last().copied().unwrap_or_default();
        Sessions::reserve(clients + 1)?;
        let (serializer, plan) = (self.common.serializer, self.plan);
        let (measured, steps) =
            idle::run(&self.sessions, serializer, steps, plan, &mut self.progress)?;
        let mut report = self.report(sessions("idle", clients), None, &measured)?;
        if let (Some(router), Some(last)) = (&mut report.router, steps.last()) {
            router.resident_bytes_per_session = Some(last.resident_bytes_per_session);
        }
        Ok(Report { steps, ..report })
    }

    fn join(&mut self, serializer: Serializer) -> Result<Opening, LoadError> {
        let now_ns = self.progress.clock().now_ns();
        self.progress.tick(now_ns, || "opening sessions".to_owned());
        self.sessions.join(serializer, Use::Read)
    }

    /// Adds a session with entries that the load does not hit; `first` is the first number that
    /// the load does not use.
    fn background(
        &mut self,
        role: Role,
        entries: &cli::Entries,
        first: usize,
        openings: &mut Vec<Opening>,
    ) -> Result<Option<Background>, LoadError> {
        let cli::Entries { policies, background: count } = *entries;
        if count == 0 {
            return Ok(None);
        }
        let mut opening = self.join(self.common.serializer)?;
        let entries = background::Entries { role, policies, count, first };
        let background = background::add(&mut opening, entries, self.plan, &mut self.progress)?;
        openings.push(opening);
        Ok(Some(background))
    }

    fn wire(&self, serializer: Serializer) -> Wire {
        Wire { framing: self.common.url.framing(), serializer }
    }

    fn report(
        &self,
        subject: Subject<'_>,
        payload: Option<&Payload>,
        measured: &Measured,
    ) -> Result<Report, LoadError> {
        let operations = measured.operation_count;
        if operations == 0 {
            return Err(LoadError::Nothing);
        }
        let Subject { scenario, operation, peers, session_count } = subject;
        Ok(Report {
            scenario,
            url: self.common.url.to_string(),
            serializer: name_of_serializer(self.common.serializer),
            peer_serializers: peers.iter().map(|peer| name_of_serializer(*peer)).collect(),
            operation,
            payload_bytes: payload.map_or(0, |payload| payload.payload),
            string_count: payload.map_or(0, |payload| payload.strings),
            session_count,
            duration_s: measured.elapsed_ns as f64 / 1e9,
            operation_count: operations,
            message_count: measured.message_count,
            operations_per_s: report::per(operations, measured.elapsed_ns) * 1e9,
            rate: self.plan.rate_per_s.map(|asked| Rate::of(asked, measured)),
            latency: Latency::of(&measured.latency),
            router: RouterCost::of(measured),
            steps: Vec::new(),
            background: None,
            stalled: None,
            load_cpu_us_per_operation: report::per(measured.own_cpu_ns, operations) / 1e3,
        })
    }
}

const fn sessions(scenario: &'static str, session_count: usize) -> Subject<'static> {
    Subject { scenario, operation: "session", peers: &[], session_count }
}

fn shape(
    publications: &cli::Publications,
    pace: &cli::Pace,
    topic_count: usize,
    publisher_count: usize,
) -> Shape {
    let in_flight_count = in_flight(publications.in_flight, pace, 4);
    let subscriber_count = publications.subscribers;
    Shape { topic_count, publisher_count, subscriber_count, in_flight_count }
}

/// How many requests a client may have in flight.
fn in_flight(asked: Option<usize>, pace: &cli::Pace, usual: usize) -> usize {
    asked.unwrap_or(if pace.rate.is_some() { PACED_IN_FLIGHT_COUNT } else { usual })
}

/// Looks which of the subscribers that did not read are still connected.
fn disconnected(stalled: Vec<Opening>) -> Result<Option<Stalled>, LoadError> {
    let subscriber_count = stalled.len();
    if subscriber_count == 0 {
        return Ok(None);
    }
    let mut disconnected_count = 0;
    for mut opening in stalled {
        match opening.drain() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(()) | Err(_) => disconnected_count += 1,
        }
    }
    Ok(Some(Stalled { subscriber_count, disconnected_count }))
}

impl Payload {
    /// Checks that there is room for numbers of so many octets.
    fn check(&self, number_bytes: usize) -> Result<(), LoadError> {
        counts(&[self.strings], PAYLOAD_BYTES_MAX)?;
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
        Ok(())
    }
}

/// Checks numbers of clients and of what they have in flight.
fn counts(counts: &[usize], most: usize) -> Result<(), LoadError> {
    if counts.iter().all(|count| (1..=most).contains(count)) {
        Ok(())
    } else {
        Err(LoadError::Options("a count is 0 or too large"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_without_room_for_numbers_are_refused() {
        let payload = Payload { payload: 64, strings: 8 };
        assert!(payload.check(NUMBERED_BYTES_MIN).is_ok());
        assert!(payload.check(Content::DIGITS).is_err());
    }
}
