//! What figures were measured with: a line for the reader of a table.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;

use crate::workspace;

/// Processor, memory and kernel of this machine.
pub(crate) fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu_info = read("/proc/cpuinfo");
    let field = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        line.map(|line| line.trim_start_matches([':', '\t', ' ']).to_owned())
    };
    let model = field(&cpu_info, "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let cores_count = thread::available_parallelism().map_or(0, usize::from);
    let kibibytes = field(&read("/proc/meminfo"), "MemTotal")
        .and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    let memory_gib = kibibytes.unwrap_or_default() >> 20;
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{model}, {cores_count} cores, {memory_gib} GiB, Linux {}, loopback", kernel.trim())
}

/// The compiler and the revision that is checked out.
pub(crate) fn toolchain() -> String {
    let rustc = text(Command::new("rustc").arg("--version"));
    let release = rustc.split_whitespace().nth(1).unwrap_or("unknown").to_owned();
    let mut git = Command::new("git");
    git.current_dir(workspace::root()).args(["describe", "--always", "--dirty"]);
    format!("rustc {release}, release profile, revision {}", text(&mut git).trim())
}

fn text(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}
