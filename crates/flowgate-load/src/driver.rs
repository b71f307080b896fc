//! The loop that drives all connections of a run on one thread.

use std::io;
use std::num::NonZeroU64;
use std::time::Duration;

use flowgate_wire::Message;
use hdrhistogram::Histogram;
use mio::{Events, Poll, Token};

use crate::LoadError;
use crate::clock::ns;
use crate::link::{Link, Outboxes, Scratch};
use crate::opening::{Opening, goodbye};
use crate::process::{Process, Usage};
use crate::progress::Progress;
use crate::record::{Record, histogram};
use crate::template::decode;
use crate::timer::Timer;
use crate::wire::Wire;

/// Events taken from the system at once.
const EVENTS_COUNT: usize = 1024;

/// The token of the timer; connections count from 0.
const TIMER: Token = Token(usize::MAX);

/// How a run goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Not measured.
    pub(crate) warmup: Duration,
    /// Measured.
    pub(crate) duration: Duration,
    /// How long the router may take for any answer.
    pub(crate) timeout: Duration,
    /// Requests a second of all clients together; `None`: as fast as possible.
    pub(crate) rate_per_s: Option<NonZeroU64>,
    /// The router, if it can be observed.
    pub(crate) router: Option<Process>,
}

/// What a scenario does with messages.
pub(crate) trait Scenario {
    /// How many clients send requests.
    fn client_count(&self) -> usize;

    /// Sends as many requests of a client as it has room for and [`Record::request`] allows.
    fn refill(&mut self, client: usize, now_ns: u64, record: &mut Record, outboxes: &mut Outboxes);

    /// Checks a message that came on a connection, and sends what is due then.
    fn message(
        &mut self,
        connection: usize,
        message: &[u8],
        now_ns: u64,
        record: &mut Record,
        outboxes: &mut Outboxes,
    ) -> Result<(), LoadError>;

    /// Learns that the router has closed a connection.
    fn closed(&mut self, connection: usize) -> Result<(), LoadError> {
        Err(LoadError::Closed { connection })
    }

    /// How many replies or events are still to come.
    fn outstanding_count(&self) -> u64;
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) operation_count: u64,
    /// Messages in both directions.
    pub(crate) message_count: u64,
    /// Requests that were sent.
    pub(crate) request_count: u64,
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
    message_count: u64,
    router: Option<Usage>,
    own: Usage,
}

/// Runs a scenario on sessions that have been opened.
pub(crate) fn run(
    openings: Vec<Opening>,
    scenario: &mut impl Scenario,
    plan: Plan,
    progress: &mut Progress,
) -> Result<Measured, LoadError> {
    let mut driver = Driver::new(progress)?;
    for opening in openings {
        driver.add(opening)?;
    }
    let measured = driver.measure(scenario, plan)?;
    driver.leave(plan.timeout)?;
    Ok(measured)
}

/// All connections of a run.
pub(crate) struct Driver<'a> {
    poll: Poll,
    events: Events,
    timer: Timer,
    /// What the timer was set to last.
    timer_ns: u64,
    progress: &'a mut Progress,
    links: Vec<Link>,
    outboxes: Outboxes,
    scratch: Scratch,
    record: Record,
    /// Connections whose socket may hold more than was read.
    unread: Vec<usize>,
}

impl<'a> Driver<'a> {
    pub(crate) fn new(progress: &'a mut Progress) -> Result<Self, LoadError> {
        let poll = Poll::new()?;
        Ok(Self {
            timer: Timer::new(poll.registry(), TIMER)?,
            timer_ns: 0,
            poll,
            events: Events::with_capacity(EVENTS_COUNT),
            progress,
            links: Vec::new(),
            outboxes: Outboxes::new(0),
            scratch: Scratch::new(),
            record: Record::new()?,
            unread: Vec::new(),
        })
    }

    /// Takes a session over.
    pub(crate) fn add(&mut self, opening: Opening) -> Result<(), LoadError> {
        self.links.push(Link::new(opening, self.poll.registry(), self.links.len())?);
        self.outboxes.add();
        Ok(())
    }

    fn now_ns(&self) -> u64 {
        self.progress.clock().now_ns()
    }

    fn measure(&mut self, scenario: &mut impl Scenario, plan: Plan) -> Result<Measured, LoadError> {
        let start_ns = self.now_ns();
        self.record = Record::new()?.at_rate(plan.rate_per_s, start_ns, scenario.client_count());
        for client in 0..scenario.client_count() {
            scenario.refill(client, start_ns, &mut self.record, &mut self.outboxes);
        }
        self.outboxes.flush(&mut self.links)?;
        self.run_until(scenario, start_ns + ns(plan.warmup))?;
        let begin = self.moment(plan)?;
        self.record.measure();
        self.run_until(scenario, begin.now_ns + ns(plan.duration))?;
        let end = self.moment(plan)?;
        self.record.drain();
        self.drain(scenario, end.now_ns + ns(plan.timeout))?;
        Ok(Measured {
            operation_count: self.record.operation_count(),
            message_count: end.message_count - begin.message_count,
            request_count: self.record.request_count(),
            elapsed_ns: end.now_ns - begin.now_ns,
            latency: std::mem::replace(self.record.latency_mut(), histogram()?),
            router: begin.router.zip(end.router),
            own_cpu_ns: end.own.since(begin.own).cpu_ns,
        })
    }

    fn moment(&self, plan: Plan) -> Result<Moment, LoadError> {
        Ok(Moment {
            now_ns: self.now_ns(),
            message_count: self.record.received_count() + self.outboxes.frame_count(),
            router: plan.router.map(Process::usage).transpose()?,
            own: Process::own().usage()?,
        })
    }

    /// Runs a scenario up to a point in time.
    pub(crate) fn run_until(
        &mut self,
        scenario: &mut impl Scenario,
        end_ns: u64,
    ) -> Result<(), LoadError> {
        loop {
            let now_ns = self.now_ns();
            if now_ns >= end_ns {
                return Ok(());
            }
            let record = &mut self.record;
            self.progress.tick(now_ns, || record.progress(now_ns, end_ns));
            self.turn(scenario, end_ns)?;
        }
    }

    /// Handles what has come, without waiting for more.
    pub(crate) fn look(
        &mut self,
        scenario: &mut impl Scenario,
        progress: impl FnOnce() -> String,
    ) -> Result<(), LoadError> {
        let now_ns = self.now_ns();
        self.progress.tick(now_ns, progress);
        self.turn(scenario, now_ns)
    }

    /// Waits for the replies that are due.
    fn drain(&mut self, scenario: &mut impl Scenario, limit_ns: u64) -> Result<(), LoadError> {
        while scenario.outstanding_count() > 0 {
            if self.now_ns() > limit_ns {
                let count = scenario.outstanding_count();
                return Err(LoadError::Lost { count, unsent_bytes: self.outboxes.unsent_bytes() });
            }
            self.turn(scenario, limit_ns)?;
        }
        Ok(())
    }

    /// Waits for messages until then at most, handles them, and writes once to each connection.
    fn turn(&mut self, scenario: &mut impl Scenario, end_ns: u64) -> Result<(), LoadError> {
        self.poll(end_ns)?;
        for event in &self.events {
            let index = event.token().0;
            let Some(link) = self.links.get_mut(index) else { continue };
            if event.is_writable() {
                self.outboxes.writable(index);
            }
            if event.is_read_closed() {
                link.ends();
            }
            if event.is_readable() && link.readable() {
                self.unread.push(index);
            }
        }
        let mut position = 0;
        while let Some(index) = self.unread.get(position).copied() {
            if self.receive(scenario, index)? {
                position += 1;
            } else {
                self.unread.swap_remove(position);
            }
        }
        self.send_due(scenario);
        self.outboxes.flush(&mut self.links)
    }

    /// Sends the requests that have become due, at a fixed rate.
    fn send_due(&mut self, scenario: &mut impl Scenario) {
        if !self.record.is_paced() {
            return;
        }
        let now_ns = self.now_ns();
        let sent_count = self.record.sent_count();
        let mut is_due = false;
        for client in self.record.due(now_ns) {
            is_due = true;
            scenario.refill(client, now_ns, &mut self.record, &mut self.outboxes);
        }
        if is_due && self.record.sent_count() == sent_count {
            self.record.rest(now_ns);
        }
    }

    /// Reads from a connection; whether there may be more to read.
    fn receive(&mut self, scenario: &mut impl Scenario, index: usize) -> Result<bool, LoadError> {
        let Some(link) = self.links.get_mut(index) else { return Ok(false) };
        let (clock, record) = (self.progress.clock(), &mut self.record);
        let mut now_ns = None;
        link.receive(&mut self.scratch, &mut self.outboxes, index, |message, outboxes| {
            let now_ns = *now_ns.get_or_insert_with(|| clock.now_ns());
            record.received();
            scenario.message(index, message, now_ns, record, outboxes)
        })?;
        if link.is_closed() {
            scenario.closed(index)?;
            return Ok(false);
        }
        Ok(link.has_unread())
    }

    fn poll(&mut self, end_ns: u64) -> Result<(), LoadError> {
        let now_ns = self.now_ns();
        let mut wait_ns = end_ns.saturating_sub(now_ns);
        if let Some(due_ns) = self.record.next_due_ns().filter(|due_ns| *due_ns < end_ns) {
            wait_ns = due_ns.saturating_sub(now_ns);
            if self.timer_ns != due_ns && wait_ns > 0 && self.unread.is_empty() {
                self.timer.set(wait_ns)?;
                self.timer_ns = due_ns;
            }
        }
        if !self.unread.is_empty() {
            wait_ns = 0;
        }
        match self.poll.poll(&mut self.events, Some(Duration::from_nanos(wait_ns))) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Ends all sessions; a message of the load that comes now is one too many.
    pub(crate) fn leave(mut self, timeout: Duration) -> Result<(), LoadError> {
        for (index, link) in self.links.iter().enumerate() {
            let goodbye = link.wire().framed(&goodbye())?;
            self.outboxes.of(index).extend_from_slice(&goodbye);
        }
        let waits = self.links.iter().map(|link| Some(link.wire())).collect::<Vec<_>>();
        let mut farewell = Farewell { outstanding_count: waits.len() as u64, waits };
        let limit_ns = self.now_ns() + ns(timeout);
        let left = self.outboxes.flush(&mut self.links);
        match left.and_then(|()| self.drain(&mut farewell, limit_ns)) {
            // A router may close without a GOODBYE of its own, and it may take its time.
            Err(LoadError::Io(_) | LoadError::Lost { .. }) => Ok(()),
            other => other,
        }
    }
}

/// Waits for GOODBYE or the end of the stream on all connections.
struct Farewell {
    /// By connection; `None` where nothing is due any more.
    waits: Vec<Option<Wire>>,
    outstanding_count: u64,
}

impl Farewell {
    fn left(&mut self, connection: usize) {
        if self.waits.get_mut(connection).and_then(Option::take).is_some() {
            self.outstanding_count = self.outstanding_count.saturating_sub(1);
        }
    }
}

impl Scenario for Farewell {
    fn client_count(&self) -> usize {
        0
    }

    fn refill(&mut self, _: usize, _: u64, _: &mut Record, _: &mut Outboxes) {}

    fn message(
        &mut self,
        connection: usize,
        message: &[u8],
        _now_ns: u64,
        _record: &mut Record,
        _outboxes: &mut Outboxes,
    ) -> Result<(), LoadError> {
        let wire = self.waits.get(connection).copied().flatten();
        match wire.and_then(|wire| decode(wire.format(), message)) {
            Some(Message::Goodbye(_)) => {
                self.left(connection);
                Ok(())
            }
            Some(other) => Err(LoadError::Unasked { message: other.message_type(), connection }),
            None => Err(LoadError::Altered { message: "GOODBYE", connection }),
        }
    }

    fn closed(&mut self, connection: usize) -> Result<(), LoadError> {
        self.left(connection);
        Ok(())
    }

    fn outstanding_count(&self) -> u64 {
        self.outstanding_count
    }
}
