//! Sessions that are opened and closed again, by one thread for each session at a time.

use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use flowgate_wire::Format;
use hdrhistogram::Histogram;

use crate::LoadError;
use crate::clock::Clock;
use crate::driver::{Measured, Plan, histogram};
use crate::opening::Opening;
use crate::process::Process;
use crate::target::Target;

/// What the threads are to do now.
const WARMUP: u8 = 0;
const MEASURED: u8 = 1;
const DONE: u8 = 2;

/// Opens and closes sessions on `client_count` threads.
pub(crate) fn run(
    target: &Target,
    format: Format,
    realm: &str,
    client_count: usize,
    plan: Plan,
) -> Result<Measured, LoadError> {
    let phase = AtomicU8::new(WARMUP);
    let clock = Clock::start();
    thread::scope(|scope| {
        let client = || sessions(target, format, realm, clock, &phase);
        let clients: Vec<_> = (0..client_count).map(|_| scope.spawn(client)).collect();
        // Whatever happens here, the threads must learn that they are done.
        let moments = moments(clock, plan, &phase);
        phase.store(DONE, Ordering::Relaxed);
        let mut latency = histogram()?;
        for client in clients {
            let sessions = client.join().map_err(|_| LoadError::Thread)??;
            latency.add(sessions).map_err(|_| LoadError::Thread)?;
        }
        Ok(Measured { operations_count: latency.len(), latency, ..moments? })
    })
}

fn moments(clock: Clock, plan: Plan, phase: &AtomicU8) -> Result<Measured, LoadError> {
    thread::sleep(plan.warmup);
    let router = plan.router.map(Process::usage).transpose()?;
    let own = Process::own().usage()?;
    let begin_ns = clock.now_ns();
    phase.store(MEASURED, Ordering::Relaxed);
    thread::sleep(plan.duration);
    phase.store(DONE, Ordering::Relaxed);
    let elapsed_ns = clock.now_ns() - begin_ns;
    let router_after = plan.router.map(Process::usage).transpose()?;
    Ok(Measured {
        operations_count: 0,
        elapsed_ns,
        latency: histogram()?,
        router: router.zip(router_after),
        own_cpu_ns: Process::own().usage()?.cpu_ns.saturating_sub(own.cpu_ns),
    })
}

/// One session after the other; the times from opening to WELCOME of those that were measured.
fn sessions(
    target: &Target,
    format: Format,
    realm: &str,
    clock: Clock,
    phase: &AtomicU8,
) -> Result<Histogram<u64>, LoadError> {
    let mut latency = histogram()?;
    loop {
        let before = phase.load(Ordering::Relaxed);
        if before == DONE {
            return Ok(latency);
        }
        let begin_ns = clock.now_ns();
        let opening = Opening::join(target, format, realm)?;
        let joined_ns = clock.now_ns() - begin_ns;
        opening.leave()?;
        if phase.load(Ordering::Relaxed) == MEASURED {
            latency.saturating_record(joined_ns.max(1));
        }
    }
}

/// Holds sessions that do nothing; what the router used before and after they were opened.
pub(crate) fn idle(
    target: &Target,
    format: Format,
    realm: &str,
    session_count: usize,
    plan: Plan,
) -> Result<Measured, LoadError> {
    // The first session pays for what the router sets up once.
    let first = Opening::join(target, format, realm)?;
    thread::sleep(plan.warmup);
    let clock = Clock::start();
    let router = plan.router.map(Process::usage).transpose()?;
    let own = Process::own().usage()?;
    let mut latency = histogram()?;
    let mut openings = Vec::with_capacity(session_count);
    for _ in 0..session_count {
        let begin_ns = clock.now_ns();
        openings.push(Opening::join(target, format, realm)?);
        latency.saturating_record((clock.now_ns() - begin_ns).max(1));
    }
    thread::sleep(plan.duration);
    let router_after = plan.router.map(Process::usage).transpose()?;
    let own_cpu_ns = Process::own().usage()?.cpu_ns.saturating_sub(own.cpu_ns);
    let elapsed_ns = clock.now_ns();
    // A session that the router has dropped cannot say GOODBYE.
    for opening in openings.into_iter().chain([first]) {
        opening.leave()?;
    }
    let operations_count = latency.len();
    let router = router.zip(router_after);
    Ok(Measured { operations_count, elapsed_ns, latency, router, own_cpu_ns })
}
