//! `cargo xtask figures`: what Flowgate costs beside a program that only forwards.
//!
//! Every case runs against both in turn, several times, so that the ratio of the two stands even
//! where the machine is shared and noisy.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{process, workspace};

/// A program that does not listen by then is broken.
const START_LIMIT: Duration = Duration::from_secs(10);

const HELP: &str = "\
usage: cargo xtask figures [options]

  --repeats N         how often each case runs against each program (5)
  --seconds S         how long each run is measured (2)
  --serializer NAME   json, msgpack or cbor (json); may be repeated
  --filter TEXT       only cases whose name contains TEXT
  --binaries FOLDER   take floor, flowgate and flowgate-load from there, and build nothing";

/// Name and arguments of a load.
type Load = (&'static str, &'static [&'static str]);

const LOADS: &[Load] = &[
    ("rpc 4x8 16 B", &["rpc", "--clients", "4", "--in-flight", "8", "--payload", "16"]),
    (
        "pubsub 1 to 10 16 B",
        &["pubsub", "--subscribers", "10", "--in-flight", "4", "--payload", "16"],
    ),
];

/// What the command line asks for.
#[derive(Debug)]
struct Options {
    repeat_count: usize,
    seconds: f64,
    serializers: Vec<String>,
    filter: String,
    binaries: Option<PathBuf>,
}

/// One load over one transport.
struct Case {
    name: String,
    /// Arguments to the load generator, without the URL.
    arguments: Vec<String>,
    transport: Transport,
}

#[derive(Debug, Clone, Copy)]
enum Transport {
    RawSocket,
    WebSocket,
}

impl Transport {
    fn name(self) -> &'static str {
        match self {
            Self::RawSocket => "RawSocket",
            Self::WebSocket => "WebSocket",
        }
    }

    fn url(self, address: SocketAddr) -> String {
        match self {
            Self::RawSocket => format!("rs://{address}"),
            Self::WebSocket => format!("ws://{address}/ws"),
        }
    }
}

/// What one run measured.
#[derive(Debug, Clone, Copy)]
struct Sample {
    cpu_us: f64,
    operations_per_s: f64,
    p50_us: f64,
    p99_us: f64,
}

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    if arguments.iter().any(|argument| argument == "--help") {
        println!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let options = parse(arguments)?;
    let binaries = options.binaries.clone().map_or_else(build, Ok)?;
    let logs = workspace::target_directory()?.join("figures");
    let floor = Server::start(
        "floor",
        &binaries.join("floor"),
        |address| vec![address.to_string()],
        &logs,
    )?;
    let admin = free_address()?;
    let flowgate = Server::start(
        "flowgate",
        &binaries.join("flowgate"),
        |address| {
            let [address, admin] = [address, admin].map(|address| address.to_string());
            ["run", "--listen", &address, "--admin", &admin].map(str::to_owned).to_vec()
        },
        &logs,
    )?;
    let load = binaries.join("flowgate-load");
    println!("| case | Flowgate | floor | ratio | spread of the ratio |");
    println!("|---|---|---|---|---|");
    for case in cases(&options) {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for repeat in 0..options.repeat_count {
            // Who comes first changes, so that neither always gets what the other warmed up.
            let order = if repeat % 2 == 0 { [true, false] } else { [false, true] };
            for is_ours in order {
                let (server, samples) =
                    if is_ours { (&flowgate, &mut ours) } else { (&floor, &mut theirs) };
                samples.push(measure(&load, &case, server, &options)?);
            }
        }
        print(&case, &ours, &theirs);
    }
    Ok(ExitCode::SUCCESS)
}

fn parse(arguments: &[String]) -> Result<Options> {
    let mut options = Options {
        repeat_count: 5,
        seconds: 2.0,
        serializers: Vec::new(),
        filter: String::new(),
        binaries: None,
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--repeats" => options.repeat_count = value()?.parse()?,
            "--seconds" => options.seconds = value()?.parse()?,
            "--serializer" => options.serializers.push(value()?.clone()),
            "--filter" => options.filter.clone_from(value()?),
            "--binaries" => options.binaries = Some(fs::canonicalize(value()?)?),
            unknown => bail!("unknown option {unknown}\n{HELP}"),
        }
    }
    ensure!(options.repeat_count > 0, "--repeats must be at least 1");
    if options.serializers.is_empty() {
        options.serializers.push("json".to_owned());
    }
    Ok(options)
}

/// Builds the three programs in the release profile; the folder they are in.
fn build() -> Result<PathBuf> {
    let packages = ["flowgate-server", "flowgate-load", "flowgate-benches"];
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    let status =
        workspace::cargo().args(["build", "--release", "--bins"]).args(packages).status()?;
    ensure!(status.success(), "the programs do not compile");
    Ok(workspace::target_directory()?.join("release"))
}

fn cases(options: &Options) -> Vec<Case> {
    let mut cases = Vec::new();
    for (load, arguments) in LOADS {
        for transport in [Transport::RawSocket, Transport::WebSocket] {
            for serializer in &options.serializers {
                let own = ["--serializer", serializer];
                let arguments = arguments.iter().copied().chain(own).map(str::to_owned).collect();
                let name = format!("{load}, {}, {serializer}", transport.name());
                cases.push(Case { name, arguments, transport });
            }
        }
    }
    cases.retain(|case| case.name.contains(&options.filter));
    cases
}

/// A program under load, killed when this is dropped: it has nothing to save.
#[derive(Debug)]
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(
        name: &str,
        binary: &Path,
        arguments: impl Fn(SocketAddr) -> Vec<String>,
        logs: &Path,
    ) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(binary);
        command.args(arguments(address));
        let child = process::spawn(&mut command, &logs.join(format!("{name}.log")))?;
        let mut server = Self { child, address };
        let listens = process::poll(START_LIMIT, || {
            if let Some(status) = server.child.try_wait()? {
                bail!("{name} ended: {status}");
            }
            Ok(TcpStream::connect(address).is_ok())
        })?;
        ensure!(listens, "{name} does not listen");
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that nobody uses at this moment.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// One run of the load generator; any lost or altered message is an error.
fn measure(load: &Path, case: &Case, server: &Server, options: &Options) -> Result<Sample> {
    let output = Command::new(load)
        .args(&case.arguments)
        .arg(case.transport.url(server.address))
        .args(["--duration", &options.seconds.to_string(), "--warmup", "0.5", "--json"])
        .args(["--router-pid", &server.child.id().to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start the load generator")?;
    ensure!(
        output.status.success(),
        "{}: the load generator ended with {}",
        case.name,
        output.status
    );
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let number = |pointer: &str| {
        let number = report.pointer(pointer).and_then(Value::as_f64);
        number.with_context(|| format!("the report has no number {pointer}"))
    };
    Ok(Sample {
        cpu_us: number("/router/cpu_us_per_operation")?,
        operations_per_s: number("/operations_per_s")?,
        p50_us: number("/latency/p50_us")?,
        p99_us: number("/latency/p99_us")?,
    })
}

/// The value in the middle; of two the mean.
fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        at(middle.wrapping_sub(1)).midpoint(at(middle))
    } else {
        at(middle)
    }
}

/// CPU per operation, rate and latencies, each the median of the runs.
fn cell(samples: &[Sample]) -> String {
    let of = |field: fn(&Sample) -> f64| median(samples.iter().map(field));
    format!(
        "**{:.2} µs** {:.0}k/s {:.2}/{:.2} ms",
        of(|sample| sample.cpu_us),
        of(|sample| sample.operations_per_s) / 1e3,
        of(|sample| sample.p50_us) / 1e3,
        of(|sample| sample.p99_us) / 1e3,
    )
}

/// A row of the table; the ratio is the median of the ratios of neighbouring runs.
fn print(case: &Case, ours: &[Sample], theirs: &[Sample]) {
    let ratios: Vec<f64> =
        ours.iter().zip(theirs).map(|(ours, theirs)| ours.cpu_us / theirs.cpu_us).collect();
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ratios.iter().copied().fold(0.0, f64::max);
    println!(
        "| {} | {} | {} | **{:.2}** | {least:.2} to {most:.2} |",
        case.name,
        cell(ours),
        cell(theirs),
        median(ratios),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median([]).is_nan());
    }

    #[test]
    fn options_have_the_values_that_the_help_names() {
        let options = parse(&[]).unwrap();
        assert_eq!((options.repeat_count, options.serializers.len()), (5, 1));
        assert_eq!(cases(&options).len(), 4);
        assert!(parse(&["--repeats".to_owned()]).is_err());
        assert!(parse(&["--unknown".to_owned()]).is_err());
    }
}
