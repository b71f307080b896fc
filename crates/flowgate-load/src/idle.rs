//! Sessions that do nothing: what they take of the router's memory.
//!
//! They are read all the same: a router's pings are answered, and one that closes a connection is
//! noticed.

use flowgate_wire::Serializer;

use crate::LoadError;
use crate::clock::ns;
use crate::driver::{Driver, Measured, Plan, Scenario};
use crate::link::Outboxes;
use crate::process::{Process, Usage};
use crate::progress::Progress;
use crate::record::{Record, histogram};
use crate::report::{Step, per};
use crate::sessions::{Sessions, Use};
use crate::template::decode;

/// Messages of one session until it is open: HELLO and WELCOME.
const OPENING_MESSAGES_COUNT: u64 = 2;

/// How many sessions are opened between two looks at those that are open.
const LOOK_COUNT: u64 = 256;

/// Opens sessions up to each of `steps`, which grow, and says what the router takes for each.
///
/// The latency is that of opening a session, and the time that of opening them all.
pub(crate) fn run(
    sessions: &Sessions<'_>,
    serializer: Serializer,
    steps: &[usize],
    plan: Plan,
    progress: &mut Progress,
) -> Result<(Measured, Vec<Step>), LoadError> {
    hold(sessions, serializer, steps, plan, progress).map_err(|error| {
        // A router without files for another connection says nothing; its limit does.
        match plan.router.and_then(Process::files_limit) {
            Some(limit) if limit <= sessions.opened_count() as u64 + LOOK_COUNT => {
                LoadError::RouterFiles { limit, source: Box::new(error) }
            }
            _ => error,
        }
    })
}

fn hold(
    sessions: &Sessions<'_>,
    serializer: Serializer,
    steps: &[usize],
    plan: Plan,
    progress: &mut Progress,
) -> Result<(Measured, Vec<Step>), LoadError> {
    let clock = progress.clock();
    let mut silence = Silence { serializer };
    let mut driver = Driver::new(progress)?;
    // The first session pays for what the router sets up once.
    driver.add(sessions.join(serializer, Use::Read)?)?;
    driver.run_until(&mut silence, clock.now_ns() + ns(plan.warmup))?;
    let own = Process::own().usage()?;
    let router = plan.router.map(Process::usage).transpose()?;
    let mut router_after = router;
    let mut latency = histogram()?;
    let mut measured_steps: Vec<Step> = Vec::with_capacity(steps.len());
    let mut opening_ns = 0;
    for step in steps {
        let step_ns = clock.now_ns();
        while latency.len() < *step as u64 {
            let begin_ns = clock.now_ns();
            driver.add(sessions.join(serializer, Use::Read)?)?;
            latency.saturating_record((clock.now_ns() - begin_ns).max(1));
            if latency.len().is_multiple_of(LOOK_COUNT) {
                driver.look(&mut silence, || format!("{} of {step} sessions", latency.len()))?;
            }
        }
        opening_ns += clock.now_ns() - step_ns;
        driver.run_until(&mut silence, clock.now_ns() + ns(plan.duration))?;
        router_after = plan.router.map(Process::usage).transpose()?;
        if let Some((before, after)) = router.zip(router_after) {
            measured_steps.push(grown(*step, before, after, measured_steps.last()));
        }
    }
    let own_cpu_ns = Process::own().usage()?.since(own).cpu_ns;
    driver.leave(plan.timeout)?;
    let operation_count = latency.len();
    let measured = Measured {
        operation_count,
        message_count: operation_count * OPENING_MESSAGES_COUNT,
        request_count: operation_count,
        elapsed_ns: opening_ns,
        latency,
        router: router.zip(router_after),
        own_cpu_ns,
    };
    Ok((measured, measured_steps))
}

/// What the sessions of a step take, and what those take that came after the last step.
fn grown(session_count: usize, before: Usage, after: Usage, last: Option<&Step>) -> Step {
    let (last_count, last_bytes) =
        last.map_or((0, before.resident_bytes), |last| (last.session_count, last.resident_bytes));
    let each = |from_bytes: u64, count: usize| {
        per(after.resident_bytes.saturating_sub(from_bytes), count as u64)
    };
    Step {
        session_count,
        resident_bytes: after.resident_bytes,
        resident_bytes_per_session: each(before.resident_bytes, session_count),
        resident_bytes_per_further_session: each(last_bytes, session_count - last_count),
    }
}

/// Gets no messages.
struct Silence {
    serializer: Serializer,
}

impl Scenario for Silence {
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
        match decode(self.serializer.format, message) {
            Some(message) => {
                Err(LoadError::Unasked { message: message.message_type(), connection })
            }
            None => Err(LoadError::Altered { message: "nothing", connection }),
        }
    }

    fn outstanding_count(&self) -> u64 {
        0
    }
}
