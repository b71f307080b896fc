//! Further subscriptions or registrations, which the load does not hit.

use std::collections::VecDeque;

use flowgate_wire::RequestId;

use crate::LoadError;
use crate::driver::Plan;
use crate::names::{Policies, entry};
use crate::opening::{Opening, Role};
use crate::process::Process;
use crate::progress::Progress;
use crate::report::{Background, per};

/// Requests that have no answer yet: enough to keep the router busy, and few enough that neither
/// side's socket buffers fill up.
const IN_FLIGHT_COUNT: usize = 128;

/// Which entries, and how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entries {
    pub(crate) role: Role,
    pub(crate) policies: Policies,
    pub(crate) count: usize,
    /// The number of the first one; those below are the load's own.
    pub(crate) first: usize,
}

/// Adds entries to a session and measures what they cost.
pub(crate) fn add(
    opening: &mut Opening,
    entries: Entries,
    plan: Plan,
    progress: &mut Progress,
) -> Result<Background, LoadError> {
    let Entries { role, policies, count, first } = entries;
    let before = plan.router.map(Process::usage).transpose()?;
    let clock = progress.clock();
    let begin_ns = clock.now_ns();
    let mut open: VecDeque<(RequestId, String)> = VecDeque::with_capacity(IN_FLIGHT_COUNT);
    for index in 0..count {
        if open.len() == IN_FLIGHT_COUNT
            && let Some((request, uri)) = open.pop_front()
        {
            opening.await_entry(role, &uri, request)?;
        }
        let policy = policies.of_other(index);
        let uri = entry(role, policy, first + index);
        let request = opening.request_entry(role, &uri, policy)?;
        open.push_back((request, uri));
        progress.tick(clock.now_ns(), || format!("{index} of {count} {}s added", role.noun()));
    }
    for (request, uri) in open {
        opening.await_entry(role, &uri, request)?;
    }
    let elapsed_ns = clock.now_ns() - begin_ns;
    let after = plan.router.map(Process::usage).transpose()?;
    let count = count as u64;
    let used = before.zip(after).map(|(before, after)| after.since(before));
    Ok(Background {
        entry_count: count,
        match_policy: policies.name(),
        entries_per_s: per(count, elapsed_ns) * 1e9,
        router_cpu_us_per_entry: used.map(|used| per(used.cpu_ns, count) / 1e3),
        router_bytes_per_entry: used.map(|used| per(used.resident_bytes, count)),
    })
}
