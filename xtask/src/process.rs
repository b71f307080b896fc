//! Running other programs: with their output in a file and a limit on their time.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// How often a child is looked at: short beside anything that is waited for.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How long a program may take to write where it hangs.
const ABORT_LIMIT: Duration = Duration::from_secs(2);

/// The end of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Exited(ExitStatus),
    /// It took too long, and was killed.
    TimedOut,
}

/// Starts a program without an input, its output and errors in the file `log`.
pub(crate) fn spawn(command: &mut Command, log: &Path) -> Result<Child> {
    if let Some(directory) = log.parent() {
        fs::create_dir_all(directory)?;
    }
    let file = File::create(log).with_context(|| log.display().to_string())?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))
}

/// Addresses for programs to listen on, which nobody uses at this moment.
pub(crate) fn free_addresses<const N: usize>() -> Result<[SocketAddr; N]> {
    let mut addresses = [SocketAddr::from(([127, 0, 0, 1], 0)); N];
    // All are held at once, so that they differ.
    let listeners = addresses.iter().map(TcpListener::bind).collect::<std::io::Result<Vec<_>>>()?;
    for (address, listener) in addresses.iter_mut().zip(listeners.iter()) {
        *address = listener.local_addr()?;
    }
    Ok(addresses)
}

/// Runs a program to its end, or kills it after `limit`.
pub(crate) fn run(command: &mut Command, log: &Path, limit: Duration) -> Result<Ended> {
    let mut child = spawn(command, log)?;
    wait(&mut child, limit)
}

/// Waits for a child, and kills it after `limit`.
///
/// First by SIGABRT, on which Python says where it hangs.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> Result<Ended> {
    let mut status = None;
    poll(limit, || {
        status = child.try_wait()?;
        Ok(status.is_some())
    })?;
    if let Some(status) = status {
        return Ok(Ended::Exited(status));
    }
    signal(child, "-ABRT")?;
    if !poll(ABORT_LIMIT, || Ok(child.try_wait()?.is_some()))? {
        child.kill()?;
        child.wait()?;
    }
    Ok(Ended::TimedOut)
}

/// Asks until the answer is yes; false if it is not yes after `limit`.
pub(crate) fn poll(limit: Duration, mut ask: impl FnMut() -> Result<bool>) -> Result<bool> {
    #[allow(clippy::disallowed_methods, reason = "a limit on real time, outside the router")]
    let now = std::time::Instant::now;
    let start = now();
    while !ask()? {
        if now().duration_since(start) > limit {
            return Ok(false);
        }
        thread::sleep(POLL_INTERVAL);
    }
    Ok(true)
}

/// Asks a child to end, as a service manager does.
pub(crate) fn terminate(child: &Child) -> Result<()> {
    signal(child, "-TERM")
}

fn signal(child: &Child, name: &str) -> Result<()> {
    let pid = child.id().to_string();
    let status = Command::new("kill").args([name, &pid]).stdin(Stdio::null()).status()?;
    ensure!(status.success(), "cannot signal process {pid}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_end_is_killed() {
        let log = std::env::temp_dir().join(format!("xtask-{}-endless.log", std::process::id()));
        let ended = run(Command::new("tail").args(["-f", "/dev/null"]), &log, Duration::ZERO);
        fs::remove_file(&log).unwrap();
        assert_eq!(ended.unwrap(), Ended::TimedOut);
    }

    #[test]
    fn output_and_errors_go_to_the_log() {
        let log = std::env::temp_dir().join(format!("xtask-{}-output.log", std::process::id()));
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let ended = run(&mut command, &log, Duration::from_secs(60)).unwrap();
        let text = fs::read_to_string(&log).unwrap();
        fs::remove_file(&log).unwrap();
        assert_eq!(text, "out\nerr\n");
        let Ended::Exited(status) = ended else { panic!("it ended by itself") };
        assert_eq!(status.code(), Some(3));
    }
}
