//! What a process uses: CPU time and memory, from `/proc`.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::LoadError;

/// A process that is observed, with its children.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(u32);

/// What a process has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// User and system time of all threads that live now.
    pub(crate) cpu_ns: u64,
    /// The part of it in user mode, in ticks of the system.
    pub(crate) user_ticks: u64,
    /// The part of it in system mode, in ticks of the system.
    pub(crate) system_ticks: u64,
    /// Resident memory.
    pub(crate) resident_bytes: u64,
}

impl Usage {
    /// What has been used since then; memory that was given back counts as 0.
    pub(crate) const fn since(self, before: Self) -> Self {
        Self {
            cpu_ns: self.cpu_ns.saturating_sub(before.cpu_ns),
            user_ticks: self.user_ticks.saturating_sub(before.user_ticks),
            system_ticks: self.system_ticks.saturating_sub(before.system_ticks),
            resident_bytes: self.resident_bytes.saturating_sub(before.resident_bytes),
        }
    }
}

impl Process {
    pub(crate) const fn new(pid: u32) -> Self {
        Self(pid)
    }

    /// The load generator itself.
    pub(crate) fn own() -> Self {
        Self(std::process::id())
    }

    /// How many files the process may have open; `None` if that is not known, or unlimited.
    pub(crate) fn files_limit(self) -> Option<u64> {
        let limits = fs::read_to_string(format!("/proc/{}/limits", self.0)).ok()?;
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// CPU time and memory of the process and its children.
    pub(crate) fn usage(self) -> Result<Usage, LoadError> {
        let mut usage = Usage::default();
        add(self.0, &mut usage).map_err(|source| LoadError::Process { pid: self.0, source })?;
        Ok(usage)
    }
}

fn add(pid: u32, usage: &mut Usage) -> io::Result<()> {
    let directory = PathBuf::from(format!("/proc/{pid}"));
    let status = fs::read_to_string(directory.join("status"))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = resident.and_then(|line| line.trim().strip_suffix("kB")).map(str::trim);
    usage.resident_bytes += kibibytes.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0) << 10;
    let [user_ticks, system_ticks] = ticks(&fs::read_to_string(directory.join("stat"))?);
    usage.user_ticks += user_ticks;
    usage.system_ticks += system_ticks;
    for task in fs::read_dir(directory.join("task"))? {
        let task = task?.path();
        // A thread may end while we look; what it used is lost, as the scheduler forgets it too.
        let Ok(schedule) = fs::read_to_string(task.join("schedstat")) else { continue };
        usage.cpu_ns += running_ns(&schedule);
        let children = fs::read_to_string(task.join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            // Children end as well.
            let _ = add(child, usage);
        }
    }
    Ok(())
}

/// User and system time of a `stat` file.
///
/// They stand 11 fields after the state, which follows the name in parentheses; the name may
/// contain anything.
fn ticks(stat: &str) -> [u64; 2] {
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let mut times = fields.split_whitespace().skip(11);
    [(); 2].map(|()| times.next().and_then(|ticks| ticks.parse().ok()).unwrap_or_default())
}

/// The first number of a `schedstat` file: nanoseconds on a CPU, in user and system mode.
fn running_ns(schedule: &str) -> u64 {
    let first = schedule.split_whitespace().next();
    first.and_then(|number| number.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_on_the_cpu_is_the_first_number() {
        assert_eq!(running_ns("234485 2252354 2\n"), 234_485);
        assert_eq!(running_ns(""), 0);
    }

    #[test]
    fn user_and_system_time_are_found_after_any_name() {
        let stat = "7 (a ) 1 2) S 1 7 7 0 -1 4194560 1 2 3 4 55 66 0 0 20 0 1 0";
        assert_eq!(ticks(stat), [55, 66]);
        assert_eq!(ticks(""), [0, 0]);
    }

    #[test]
    fn the_limit_of_open_files_is_known() {
        assert!(Process::own().files_limit().is_none_or(|limit| limit > 10));
    }

    #[test]
    fn this_process_uses_memory_and_time() {
        let usage = Process::own().usage().unwrap();
        assert!(usage.resident_bytes > 0 && usage.cpu_ns > 0, "{usage:?}");
    }
}
