//! Counting instructions by valgrind's callgrind.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Whether valgrind is there.
pub(crate) fn check() -> Result<()> {
    let found = Command::new("valgrind").arg("--version").stdin(Stdio::null()).output();
    ensure!(
        found.is_ok_and(|output| output.status.success()),
        "valgrind is missing: instructions cannot be counted (apt-get install valgrind)"
    );
    Ok(())
}

/// The same program under callgrind, which writes no file.
pub(crate) fn command(program: &Command) -> Command {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(program.get_program()).args(program.get_args()).stdin(Stdio::null());
    command
}

/// Runs a program to its end; the instructions of all its threads.
pub(crate) fn count(program: &Command) -> Result<u64> {
    let output = command(program).output().context("cannot start valgrind")?;
    let messages = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}\n{messages}", output.status);
    collected(&messages)
}

/// Reads `==1234== Collected : 5678`.
pub(crate) fn collected(messages: &str) -> Result<u64> {
    let line = messages.lines().find_map(|line| line.split_once("Collected :"));
    let (_, number) = line.with_context(|| format!("callgrind says no count:\n{messages}"))?;
    number.trim().parse().with_context(|| number.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read_from_what_callgrind_says() {
        let messages = "==7== Events    : Ir\n==7== Collected : 2299047\n==7== \n";
        assert_eq!(collected(messages).unwrap(), 2_299_047);
        assert!(collected("==7== nothing").is_err());
    }
}
