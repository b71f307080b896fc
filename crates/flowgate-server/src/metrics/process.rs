//! Metrics of the process, by the names that Prometheus gives them everywhere.
//!
//! Source: "Process metrics" in Prometheus's "Writing client libraries", and proc(5).

use std::{fs, str::FromStr};

use flowgate_metrics::{CollectorKind, Descriptor, Failure, Registration, Registry, Unit};

use super::MetricsError;

/// The kernel tells user space times in this unit on every architecture that Flowgate runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Registers everything; the metrics stay as long as what is returned.
pub(super) fn register(registry: &Registry) -> Result<Vec<Registration>, MetricsError> {
    use CollectorKind::{Counter, Gauge};
    type Pull = fn() -> Result<f64, Failure>;
    let pulls: [(Descriptor, CollectorKind, Pull); 7] = [
        (
            named("process_cpu", "CpuTime", "User and system time spent.").unit(Unit::Seconds),
            Counter,
            cpu_s,
        ),
        (
            named("process_resident_memory", "ResidentMemory", "Memory that is in use.")
                .unit(Unit::Bytes),
            Gauge,
            || status_bytes("VmRSS:"),
        ),
        (
            named("process_virtual_memory", "VirtualMemory", "Memory that is addressed.")
                .unit(Unit::Bytes),
            Gauge,
            || status_bytes("VmSize:"),
        ),
        (named("process_threads", "Threads", "Threads."), Gauge, || status("Threads:")),
        (named("process_open_fds", "OpenFiles", "Open file descriptors."), Gauge, open_fds),
        (
            named("process_max_fds", "MaxFiles", "How many file descriptors may be open."),
            Gauge,
            max_fds,
        ),
        (
            named("process_start_time", "StartTime", "When the process started, since the epoch.")
                .unit(Unit::Seconds),
            Gauge,
            start_time_s,
        ),
    ];
    let register = |(descriptor, kind, pull)| Ok(registry.pull(descriptor, kind, pull)?);
    pulls.into_iter().map(register).collect()
}

fn named(name: &'static str, short_name: &'static str, help: &'static str) -> Descriptor {
    Descriptor::new(name, help).stat("process", short_name).unprefixed()
}

/// The fields of `/proc/self/stat` behind the command, which may hold anything; the first of them
/// is the third of the manual page.
fn stat(number: usize) -> Result<f64, Failure> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("/proc/self/stat has no command")?;
    let field = number.checked_sub(3).and_then(|index| fields.split_whitespace().nth(index));
    Ok(f64::from_str(field.ok_or("/proc/self/stat is too short")?)?)
}

fn cpu_s() -> Result<f64, Failure> {
    Ok((stat(14)? + stat(15)?) / TICKS_PER_SECOND)
}

fn start_time_s() -> Result<f64, Failure> {
    Ok(field("/proc/stat", "btime")? + stat(22)? / TICKS_PER_SECOND)
}

fn status(name: &str) -> Result<f64, Failure> {
    field("/proc/self/status", name)
}

fn status_bytes(name: &str) -> Result<f64, Failure> {
    Ok(status(name)? * 1024.0)
}

fn max_fds() -> Result<f64, Failure> {
    field("/proc/self/limits", "Max open files")
}

#[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 open files")]
fn open_fds() -> Result<f64, Failure> {
    Ok(fs::read_dir("/proc/self/fd")?.count() as f64)
}

/// The number behind a word at the start of a line.
fn field(file: &'static str, name: &str) -> Result<f64, Failure> {
    let text = fs::read_to_string(file)?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name));
    let number = rest.and_then(|rest| rest.split_whitespace().next());
    let number = number.ok_or_else(|| format!("{file} has no {name}"))?;
    if number == "unlimited" { Ok(f64::INFINITY) } else { Ok(f64::from_str(number)?) }
}
