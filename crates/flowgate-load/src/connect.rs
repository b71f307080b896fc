//! Sessions that are opened and closed again, by one thread for each session at a time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

use flowgate_wire::Serializer;
use hdrhistogram::Histogram;

use crate::LoadError;
use crate::clock::{Clock, ns};
use crate::driver::{Measured, Plan};
use crate::pace::Pace;
use crate::process::Process;
use crate::progress::Progress;
use crate::record::histogram;
use crate::sessions::{Sessions, Use};

/// Messages of one session: HELLO, WELCOME, and a GOODBYE each way.
const SESSION_MESSAGES_COUNT: u64 = 4;

/// How often it is looked whether a thread has failed, and progress is shown.
const LOOK: Duration = Duration::from_millis(100);

/// What the threads are to do now.
const WARMUP: u8 = 0;
const MEASURED: u8 = 1;
const DONE: u8 = 2;

/// What the threads share.
struct Shared<'a> {
    sessions: &'a Sessions<'a>,
    serializer: Serializer,
    phase: AtomicU8,
    pace: Option<Mutex<Pace>>,
    clock: Clock,
}

/// Opens and closes sessions on `client_count` threads.
pub(crate) fn run(
    sessions: &Sessions<'_>,
    serializer: Serializer,
    client_count: usize,
    plan: Plan,
    progress: &mut Progress,
) -> Result<Measured, LoadError> {
    let clock = progress.clock();
    let pace = plan.rate_per_s.map(|per_s| Pace::new(per_s, clock.now_ns(), client_count));
    let pace = pace.map(Mutex::new);
    let shared = Shared { sessions, serializer, phase: AtomicU8::new(WARMUP), pace, clock };
    thread::scope(|scope| {
        let shared = &shared;
        let client = |client| scope.spawn(move || shared.sessions_of(client));
        let clients: Vec<_> = (0..client_count).map(client).collect();
        let failed = || clients.iter().any(thread::ScopedJoinHandle::is_finished);
        // Whatever happens here, the threads must learn that they are done.
        let moments = shared.moments(plan, progress, failed);
        shared.phase.store(DONE, Ordering::Relaxed);
        let mut latency = histogram()?;
        for client in clients {
            let sessions = client.join().map_err(|_| LoadError::Thread)??;
            latency.add(sessions).map_err(|_| LoadError::Thread)?;
        }
        let operation_count = latency.len();
        Ok(Measured {
            operation_count,
            message_count: operation_count * SESSION_MESSAGES_COUNT,
            request_count: operation_count,
            latency,
            ..moments?
        })
    })
}

impl Shared<'_> {
    fn moments(
        &self,
        plan: Plan,
        progress: &mut Progress,
        failed: impl Fn() -> bool,
    ) -> Result<Measured, LoadError> {
        self.wait(plan.warmup, "warming up", progress, &failed);
        let router = plan.router.map(Process::usage).transpose()?;
        let own = Process::own().usage()?;
        let begin_ns = self.clock.now_ns();
        self.phase.store(MEASURED, Ordering::Relaxed);
        self.wait(plan.duration, "measuring", progress, &failed);
        let elapsed_ns = self.clock.now_ns() - begin_ns;
        // As long as the threads live: what they have used ends with them.
        let own_cpu_ns = Process::own().usage()?.since(own).cpu_ns;
        let router_after = plan.router.map(Process::usage).transpose()?;
        self.phase.store(DONE, Ordering::Relaxed);
        Ok(Measured {
            operation_count: 0,
            message_count: 0,
            request_count: 0,
            elapsed_ns,
            latency: histogram()?,
            router: router.zip(router_after),
            own_cpu_ns,
        })
    }

    /// Lets the threads work, until one of them has failed.
    fn wait(
        &self,
        time: Duration,
        doing: &str,
        progress: &mut Progress,
        failed: &impl Fn() -> bool,
    ) {
        let end_ns = self.clock.now_ns() + ns(time);
        while !failed() {
            let now_ns = self.clock.now_ns();
            let left = Duration::from_nanos(end_ns.saturating_sub(now_ns));
            if left.is_zero() {
                return;
            }
            progress.tick(now_ns, || format!("{doing}, {:.1} s left", left.as_secs_f64()));
            thread::sleep(left.min(LOOK));
        }
    }

    /// One session after the other; the times from opening, or from when it was due, to WELCOME
    /// of those that were measured.
    fn sessions_of(&self, client: usize) -> Result<Histogram<u64>, LoadError> {
        let mut latency = histogram()?;
        loop {
            let begin_ns = self.begin(client);
            if self.phase.load(Ordering::Relaxed) == DONE {
                return Ok(latency);
            }
            let opening = self.sessions.join(self.serializer, Use::Read)?;
            let joined_ns = self.clock.now_ns().saturating_sub(begin_ns);
            opening.leave()?;
            if self.phase.load(Ordering::Relaxed) == MEASURED {
                latency.saturating_record(joined_ns.max(1));
            }
        }
    }

    /// Waits until the client's next session is due, or everything is done; when it was due.
    fn begin(&self, client: usize) -> u64 {
        loop {
            let now_ns = self.clock.now_ns();
            let Some(pace) = &self.pace else { return now_ns };
            // A thread that panics with the lock leaves the schedule as it was.
            let mut pace = pace.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Some(due_ns) = pace.take(client, now_ns) {
                return due_ns;
            }
            let wait = Duration::from_nanos(pace.next_ns_of(client).saturating_sub(now_ns));
            drop(pace);
            if self.phase.load(Ordering::Relaxed) == DONE {
                return now_ns;
            }
            thread::sleep(wait.min(LOOK));
        }
    }
}
