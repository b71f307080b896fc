//! `cargo xtask contention`: how often connections wait for the lock of their realm, with more
//! and more worker threads, one realm and four.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::compare::router::{Configuration, Programs, Router, Urls};
use crate::{callgrind, compare, document, machine, process, workspace};

const WORKERS_COUNTS: [usize; 4] = [1, 2, 4, 8];
const REALMS_COUNTS: [usize; 2] = [1, 4];

/// Callers of all realms together, so that the load is the same however many realms there are.
const CALLERS_COUNT: usize = 16;

/// Seconds of the two loads whose instructions are subtracted; valgrind is some 50 times slower.
const COUNTED_S: [f64; 2] = [0.5, 2.0];

/// What the router logs about each realm's lock when it ends.
const LOCK_MESSAGE: &str = "realm lock";

const HELP: &str = "\
usage: cargo xtask contention [options]

Calls through Flowgate with 1 to 8 worker threads, in one realm and in four, and how often a
connection found its realm's lock taken; instructions by valgrind and futex calls by perf, where
they are there. Writes the table of docs/performance.md.

  --seconds S   how long each run is measured (2)
  --stdout      print the table and leave the document alone";

/// One row of the table.
#[derive(Debug)]
struct Row {
    realms_count: usize,
    workers_count: usize,
    calls: Calls,
    turns: Turns,
    futexes_count: Option<u64>,
    instructions: Option<f64>,
}

/// What the load generators say together.
#[derive(Debug, Default, Clone, Copy)]
struct Calls {
    count: f64,
    per_s: f64,
    cpu_us_per_call: f64,
}

/// How often realm locks were taken, and how often not at once.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Turns {
    count: u64,
    waited_count: u64,
}

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let (mut seconds, mut to_document) = (2.0, true);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--help" => {
                println!("{HELP}");
                return Ok(ExitCode::SUCCESS);
            }
            "--seconds" => seconds = rest.next().context("--seconds needs a value")?.parse()?,
            "--stdout" => to_document = false,
            unknown => bail!("unknown option {unknown}\n{HELP}"),
        }
    }
    let directory = workspace::target_directory()?.join("contention");
    let bench = Bench { programs: Programs { binaries: compare::build()?, logs: directory } };
    if let Err(error) = callgrind::check() {
        eprintln!("instructions are left out: {error}");
    }
    let mut rows = Vec::new();
    for realms_count in REALMS_COUNTS {
        for workers_count in WORKERS_COUNTS {
            eprintln!("{realms_count} realms, {workers_count} workers");
            rows.push(bench.row(realms_count, workers_count, seconds)?);
        }
    }
    let text = render(&rows);
    if to_document {
        document::write("contention", &text)?;
    } else {
        println!("{text}");
    }
    Ok(ExitCode::SUCCESS)
}

struct Bench {
    programs: Programs,
}

/// A router that has ended, and what it was asked for.
struct Ended {
    calls: Calls,
    futexes_count: Option<u64>,
    log: String,
}

impl Bench {
    fn row(&self, realms_count: usize, workers_count: usize, seconds: f64) -> Result<Row> {
        let plain = |command: Command| command;
        let ended = self.load(realms_count, workers_count, seconds, plain)?;
        let turns = turns(&ended.log)?;
        let instructions = match callgrind::check() {
            Ok(()) => Some(self.instructions(realms_count, workers_count)?),
            Err(_) => None,
        };
        let Ended { calls, futexes_count, .. } = ended;
        Ok(Row { realms_count, workers_count, calls, turns, futexes_count, instructions })
    }

    /// The difference of a long and a short load, so that start and end cancel out.
    fn instructions(&self, realms_count: usize, workers_count: usize) -> Result<f64> {
        let [short, long] = COUNTED_S.map(|seconds| -> Result<(f64, f64)> {
            let counted = |command: Command| callgrind::command(&command);
            let ended = self.load(realms_count, workers_count, seconds, counted)?;
            Ok((callgrind::collected(&ended.log)? as f64, ended.calls.count))
        });
        let ((few, few_calls), (many, many_calls)) = (short?, long?);
        Ok((many - few) / (many_calls - few_calls))
    }

    /// Starts a router, loads every realm at once, and ends it.
    fn load(
        &self,
        realms_count: usize,
        workers_count: usize,
        seconds: f64,
        wrap: impl Fn(Command) -> Command,
    ) -> Result<Ended> {
        let Programs { binaries, logs } = &self.programs;
        let [address] = process::free_addresses()?;
        let realms: Vec<String> = (1..=realms_count).map(|n| format!("realm{n}")).collect();
        let setup = Configuration { realms: realms.clone(), workers_count, ..Default::default() };
        let mut node = setup.node(address);
        if let Some(log) = node.get_mut("flowgate").and_then(Value::as_object_mut) {
            log.insert("log".to_owned(), json!({"format": "json"}));
        }
        fs::create_dir_all(logs)?;
        let file = logs.join("flowgate.json");
        fs::write(&file, format!("{node:#}\n"))?;
        let mut command = Command::new(binaries.join("flowgate"));
        command.arg("run").arg("--config").arg(file);
        let mut command = wrap(command);
        command.env("RUST_LOG", "warn,flowgate_server::realm=debug");
        let log = logs.join("flowgate.log");
        let urls = Urls::universal(address);
        let router = Router::start("flowgate", &mut command, urls, &log)?;
        let pid = router.pid.context("it was started here")?;
        let futexes = Futexes::watch(pid, seconds);
        let url = format!("rs://{address}");
        let callers_count = CALLERS_COUNT / realms_count;
        let generators: Vec<Child> = realms
            .iter()
            .map(|realm| generator(binaries, &url, realm, pid, callers_count, seconds))
            .collect::<Result<_>>()?;
        let reports = generators.into_iter().map(report).collect::<Result<Vec<_>>>()?;
        let futexes_count = futexes.and_then(Futexes::count);
        drop(router);
        Ok(Ended { calls: together(&reports)?, futexes_count, log: fs::read_to_string(log)? })
    }
}

/// Without a warm-up, so that what is counted elsewhere are the same calls.
fn generator(
    binaries: &Path,
    url: &str,
    realm: &str,
    pid: u32,
    callers_count: usize,
    seconds: f64,
) -> Result<Child> {
    let mut command = Command::new(binaries.join("flowgate-load"));
    command.args(["rpc", url, "--realm", realm, "--clients", &callers_count.to_string()]);
    command.args(["--in-flight", "8", "--json", "--warmup", "0"]);
    command.args(["--duration", &seconds.to_string(), "--router-pid", &pid.to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    command.spawn().context("cannot start the load generator")
}

fn report(generator: Child) -> Result<Value> {
    let output = generator.wait_with_output()?;
    ensure!(output.status.success(), "the load generator ended with {}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Each generator saw the CPU time of all calls.
fn together(reports: &[Value]) -> Result<Calls> {
    let mut calls = Calls::default();
    let mut cpu_share = 0.0;
    for report in reports {
        let number = |pointer: &str| {
            let number = report.pointer(pointer).and_then(Value::as_f64);
            number.with_context(|| format!("the report has no number {pointer}"))
        };
        calls.count += number("/operation_count")?;
        calls.per_s += number("/operations_per_s")?;
        cpu_share += number("/router/cpu_share")? / reports.len() as f64;
    }
    calls.cpu_us_per_call = cpu_share * 1e6 / calls.per_s;
    Ok(calls)
}

/// Adds up what the router says about its realms.
fn turns(log: &str) -> Result<Turns> {
    let mut turns = Turns::default();
    let mut realms_count = 0_u32;
    for line in log.lines() {
        let Ok(entry) = serde_json::from_str::<Value>(line) else { continue };
        let Some(fields) = entry.get("fields") else { continue };
        if fields.get("message").and_then(Value::as_str) != Some(LOCK_MESSAGE) {
            continue;
        }
        let number = |name: &str| {
            let number = fields.get(name).and_then(Value::as_u64);
            number.with_context(|| format!("{name} is missing in {line}"))
        };
        turns.count += number("taken_count")?;
        turns.waited_count += number("waited_count")?;
        realms_count += 1;
    }
    ensure!(realms_count > 0, "the router says nothing about its locks");
    Ok(turns)
}

/// Counts the futex calls of a process by perf, for as long as it is loaded.
struct Futexes(Child);

impl Futexes {
    /// None where there is no perf.
    fn watch(pid: u32, seconds: f64) -> Option<Self> {
        let mut command = Command::new("perf");
        command.args(["stat", "-x", ",", "-e", "syscalls:sys_enter_futex", "-p"]);
        command.args([&pid.to_string(), "sleep", &seconds.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().ok().map(Self)
    }

    /// None where perf may not count them.
    fn count(self) -> Option<u64> {
        let output = self.0.wait_with_output().ok()?;
        let text = String::from_utf8(output.stderr).ok()?;
        let line = text.lines().find(|line| line.contains("sys_enter_futex"))?;
        line.split(',').next()?.parse().ok()
    }
}

fn render(rows: &[Row]) -> String {
    let mut text = format!(
        "Machine: {}.\n{}.\n\n\
         | realms | workers | calls/s | CPU µs/call | lock taken/call | of which not at once | \
         futex calls/1,000 calls | instructions/call |\n|---|---|---|---|---|---|---|---|\n",
        machine::machine(),
        machine::toolchain()
    );
    for row in rows {
        let Row { realms_count, workers_count, calls, turns, .. } = row;
        let waited = turns.waited_count as f64 / turns.count as f64 * 100.0;
        let futexes = row.futexes_count.map(|count| count as f64 / calls.count * 1e3);
        let optional =
            |number: Option<f64>| number.map_or_else(|| "–".to_owned(), |n| format!("{n:.0}"));
        text += &format!(
            "| {realms_count} | {workers_count} | {:.0}k | {:.2} | {:.2} | {waited:.2} % | {} | {} |\n",
            calls.per_s / 1e3,
            calls.cpu_us_per_call,
            turns.count as f64 / calls.count,
            optional(futexes),
            optional(row.instructions),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locks_of_all_realms_are_added_up() {
        let line = |taken, waited| {
            json!({"fields": {
                "message": "realm lock", "realm": "r", "taken_count": taken, "waited_count": waited,
            }})
        };
        let log = format!("{}\nlistening\n{}\n", line(5, 1), line(7, 0));
        assert_eq!(turns(&log).unwrap(), Turns { count: 12, waited_count: 1 });
        assert!(turns("nothing").is_err());
    }

    #[test]
    fn cpu_time_is_that_of_all_generators_calls() {
        let report = |per_s: f64| json!({"operation_count": per_s, "operations_per_s": per_s, "router": {"cpu_share": 1.0}});
        let calls = together(&[report(100e3), report(300e3)]).unwrap();
        assert!((calls.cpu_us_per_call - 2.5).abs() < 1e-9);
    }
}
