//! The loop that drives all connections of a run on one thread.

use std::io;
use std::time::Duration;

use flowgate_wire::Format;
use hdrhistogram::Histogram;
use mio::{Events, Poll};

use crate::LoadError;
use crate::clock::{Clock, ns};
use crate::link::{Link, Outboxes, Received, Scratch};
use crate::opening::{Opening, framed, goodbye};
use crate::process::{Process, Usage};

/// Events taken from the system at once.
const EVENTS_COUNT: usize = 1024;

/// How long replies may take after the last request.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// How long routers may take to say GOODBYE.
const LEAVE_LIMIT: Duration = Duration::from_secs(2);

/// Longest time that is told apart from longer ones.
const LATENCY_MAX_NS: u64 = 60_000_000_000;

/// How long a run takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Not measured.
    pub(crate) warmup: Duration,
    /// Measured.
    pub(crate) duration: Duration,
    /// The router, if it can be observed.
    pub(crate) router: Option<Process>,
}

/// What a scenario does with messages.
pub(crate) trait Scenario {
    /// Sends the first requests.
    fn start(&mut self, now_ns: u64, outboxes: &mut Outboxes);

    /// Checks a message that came on a connection, and sends what is due then.
    fn message(
        &mut self,
        connection: usize,
        message: &[u8],
        now_ns: u64,
        record: &mut Record,
        outboxes: &mut Outboxes,
    ) -> Result<(), LoadError>;

    /// How many replies or events are still to come.
    fn outstanding_count(&self) -> u64;
}

/// Whether requests are being sent and replies counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Warmup,
    Measured,
    Draining,
}

/// What is counted.
#[derive(Debug)]
pub(crate) struct Record {
    phase: Phase,
    operations_count: u64,
    latency: Histogram<u64>,
}

impl Record {
    fn new() -> Result<Self, LoadError> {
        Ok(Self { phase: Phase::Warmup, operations_count: 0, latency: histogram()? })
    }

    /// Whether another request follows a reply.
    pub(crate) fn sends(&self) -> bool {
        self.phase != Phase::Draining
    }

    /// Counts an operation that was requested then.
    pub(crate) fn operation(&mut self, requested_ns: u64, now_ns: u64) {
        if self.phase == Phase::Measured {
            self.operations_count += 1;
            self.latency.saturating_record(now_ns.saturating_sub(requested_ns).max(1));
        }
    }
}

/// An empty histogram of nanoseconds, with three digits.
pub(crate) fn histogram() -> Result<Histogram<u64>, LoadError> {
    Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3)
        .map_err(|_| LoadError::Options("the histogram has no bounds"))
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) operations_count: u64,
    pub(crate) elapsed_ns: u64,
    pub(crate) latency: Histogram<u64>,
    /// What the router had used at the beginning and at the end.
    pub(crate) router: Option<(Usage, Usage)>,
    /// CPU time of the load generator itself.
    pub(crate) own_cpu_ns: u64,
}

/// The state at one moment.
struct Moment {
    now_ns: u64,
    router: Option<Usage>,
    own: Usage,
}

/// Runs a scenario on sessions that have been opened.
pub(crate) fn run(
    openings: Vec<Opening>,
    format: Format,
    scenario: &mut impl Scenario,
    plan: Plan,
) -> Result<Measured, LoadError> {
    let mut driver = Driver::new(openings, format)?;
    let measured = driver.measure(scenario, plan)?;
    driver.leave()?;
    Ok(measured)
}

struct Driver {
    poll: Poll,
    events: Events,
    clock: Clock,
    links: Vec<Link>,
    outboxes: Outboxes,
    scratch: Scratch,
    record: Record,
    /// Connections whose socket may hold more than was read.
    more: Vec<usize>,
}

impl Driver {
    fn new(openings: Vec<Opening>, format: Format) -> Result<Self, LoadError> {
        let poll = Poll::new()?;
        let framing = openings.first().map(|opening| opening.framing);
        let framing = framing.ok_or(LoadError::Options("a run needs a connection"))?;
        let outboxes = Outboxes::new(framing, format, openings.len());
        let mut links = Vec::with_capacity(openings.len());
        for (index, opening) in openings.into_iter().enumerate() {
            links.push(Link::new(opening, poll.registry(), index)?);
        }
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_COUNT),
            clock: Clock::start(),
            links,
            outboxes,
            scratch: Scratch::new(),
            record: Record::new()?,
            more: Vec::new(),
        })
    }

    fn measure(&mut self, scenario: &mut impl Scenario, plan: Plan) -> Result<Measured, LoadError> {
        scenario.start(self.clock.now_ns(), &mut self.outboxes);
        self.outboxes.flush(&mut self.links)?;
        self.run_until(scenario, self.clock.now_ns() + ns(plan.warmup))?;
        let begin = self.moment(plan)?;
        self.record.phase = Phase::Measured;
        self.run_until(scenario, begin.now_ns + ns(plan.duration))?;
        let end = self.moment(plan)?;
        self.record.phase = Phase::Draining;
        let limit_ns = end.now_ns + ns(DRAIN_LIMIT);
        while scenario.outstanding_count() > 0 {
            if self.clock.now_ns() > limit_ns {
                let count = scenario.outstanding_count();
                return Err(LoadError::Lost { count, unsent_bytes: self.outboxes.unsent_bytes() });
            }
            self.turn(scenario, limit_ns)?;
        }
        let latency = std::mem::replace(&mut self.record, Record::new()?);
        Ok(Measured {
            operations_count: latency.operations_count,
            elapsed_ns: end.now_ns - begin.now_ns,
            latency: latency.latency,
            router: begin.router.zip(end.router),
            own_cpu_ns: end.own.cpu_ns.saturating_sub(begin.own.cpu_ns),
        })
    }

    fn moment(&self, plan: Plan) -> Result<Moment, LoadError> {
        let router = plan.router.map(Process::usage).transpose()?;
        Ok(Moment { now_ns: self.clock.now_ns(), router, own: Process::own().usage()? })
    }

    fn run_until(&mut self, scenario: &mut impl Scenario, end_ns: u64) -> Result<(), LoadError> {
        while self.clock.now_ns() < end_ns {
            self.turn(scenario, end_ns)?;
        }
        Ok(())
    }

    /// Waits for messages until then at most, handles them, and writes once to each connection.
    fn turn(&mut self, scenario: &mut impl Scenario, end_ns: u64) -> Result<(), LoadError> {
        self.poll(end_ns)?;
        for event in &self.events {
            let index = event.token().0;
            if event.is_writable() {
                self.outboxes.writable(index);
            }
            if event.is_readable() && !self.more.contains(&index) {
                self.more.push(index);
            }
        }
        let mut position = 0;
        while let Some(index) = self.more.get(position).copied() {
            let Some(link) = self.links.get_mut(index) else { break };
            let mut now_ns = None;
            let clock = self.clock;
            let record = &mut self.record;
            let received =
                link.receive(&mut self.scratch, &mut self.outboxes, index, |message, outboxes| {
                    let now_ns = *now_ns.get_or_insert_with(|| clock.now_ns());
                    scenario.message(index, message, now_ns, record, outboxes)
                })?;
            if link.is_closed() {
                return Err(LoadError::Closed { connection: index });
            }
            match received {
                Received::All => {
                    self.more.swap_remove(position);
                }
                Received::More => position += 1,
            }
        }
        self.outboxes.flush(&mut self.links)
    }

    fn poll(&mut self, end_ns: u64) -> Result<(), LoadError> {
        let timeout = if self.more.is_empty() {
            Duration::from_nanos(end_ns.saturating_sub(self.clock.now_ns()))
        } else {
            Duration::ZERO
        };
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Ends all sessions; a message of the load that comes now is one too many.
    fn leave(mut self) -> Result<(), LoadError> {
        let (framing, format) = (self.outboxes.framing, self.outboxes.format);
        let goodbye = framed(framing, format, &goodbye());
        for index in 0..self.links.len() {
            self.outboxes.of(index).extend_from_slice(&goodbye);
        }
        self.outboxes.flush(&mut self.links)?;
        let limit_ns = self.clock.now_ns() + ns(LEAVE_LIMIT);
        let mut farewell = Farewell { outstanding: self.links.len() as u64 };
        while farewell.outstanding > 0 && self.clock.now_ns() < limit_ns {
            match self.turn(&mut farewell, limit_ns) {
                // A router may close right after its GOODBYE.
                Err(LoadError::Closed { .. } | LoadError::Io(_)) => break,
                other => other?,
            }
        }
        Ok(())
    }
}

/// Waits for GOODBYE on all connections.
struct Farewell {
    outstanding: u64,
}

impl Scenario for Farewell {
    fn start(&mut self, _now_ns: u64, _outboxes: &mut Outboxes) {}

    fn message(
        &mut self,
        connection: usize,
        message: &[u8],
        _now_ns: u64,
        _record: &mut Record,
        outboxes: &mut Outboxes,
    ) -> Result<(), LoadError> {
        let decoded = crate::template::decode(outboxes.format, message);
        if let Some(flowgate_wire::Message::Goodbye(_)) = decoded {
            self.outstanding = self.outstanding.saturating_sub(1);
            return Ok(());
        }
        Err(LoadError::Repeated { request: 0, connection })
    }

    fn outstanding_count(&self) -> u64 {
        self.outstanding
    }
}
