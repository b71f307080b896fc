//! The command line: what is typed, what is printed, and the exit codes.
//!
//! 0: done. 1: failed. 2: the command line or the configuration is wrong, or a port is taken.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the command line")]

mod admin;
mod console;
mod observe;
mod replay;
mod stats;
mod trace;

use std::{
    fs::OpenOptions,
    future::Future,
    io::{self, IsTerminal as _, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};
use flowgate_load::Bench;
use flowgate_server::{
    Server, check_files, codec,
    config::{
        self, AdminTracing, ConfigError, Endpoint, LogConfig, LogFormat, LogLevel, NodeConfig,
    },
};
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

/// The command line or the configuration is wrong, or a port is taken.
const USAGE: u8 = 2;

/// A WAMP router in which every message is metered.
#[derive(Debug, Parser)]
#[command(name = "flowgate", version, arg_required_else_help = false)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the router; this is also what happens without a command.
    Run(Run),
    /// Check a configuration file and say what it sets up.
    Check {
        /// The file, `.json`, `.yaml` or `.yml`.
        file: PathBuf,
    },
    /// Write a commented starter configuration.
    Init {
        /// Where to; never overwritten.
        #[arg(default_value = config::STARTER_FILE)]
        file: PathBuf,
    },
    /// Load a WAMP router and check every reply.
    Bench(Bench),
    /// Turn WAMP messages that applications log into Prometheus metrics.
    Observe(observe::Observe),
    /// Ask a running router for its stats.
    Stats(stats::Stats),
    /// Record messages and actions: start, stop, list, show, tail, export.
    Trace(trace::Trace),
    /// Print messages as the router gets and sends them, one a line.
    Tap(trace::Tap),
    /// Play once more what a trace has recorded, against any router, or compare two.
    Replay(replay::Replay),
    /// Decode, check and re-encode single WAMP messages, one JSON object a line.
    Codec,
}

#[derive(Debug, Default, clap::Args)]
struct Run {
    /// The node configuration; without it, the built-in one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen for clients, instead of what the configuration's only TCP listener says.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where the administration interface listens.
    #[arg(long, value_name = "ADDR")]
    admin: Option<SocketAddr>,
    /// Take commands from standard input, such as `show stats`.
    #[arg(long)]
    console: bool,
}

/// Runs the command line of this process.
pub(crate) fn main() -> ExitCode {
    match Arguments::parse().command.unwrap_or_else(|| Command::Run(Run::default())) {
        Command::Run(options) => run(&options),
        Command::Check { file } => check(&file),
        Command::Init { file } => init(&file),
        Command::Observe(options) => observe::run(options),
        Command::Stats(options) => stats::run(options),
        Command::Trace(options) => trace::run(options),
        Command::Tap(options) => trace::run_tap(options),
        Command::Replay(options) => replay::run(&options),
        Command::Bench(bench) => bench.main("flowgate bench"),
        Command::Codec => match codec::run(io::stdin().lock(), io::stdout().lock()) {
            Ok(()) => ExitCode::SUCCESS,
            // Whoever reads the answers has heard enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(error) => fail(1, &error),
        },
    }
}

fn fail(code: u8, error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("flowgate: {error}");
    ExitCode::from(code)
}

fn load(path: &Path) -> Result<NodeConfig, ConfigError> {
    config::load(path, &|name| std::env::var(name).ok())
}

fn check(file: &Path) -> ExitCode {
    let config = match load(file) {
        Ok(config) => config,
        Err(error) => return fail(USAGE, &error),
    };
    for warning in config.warnings.lines() {
        eprintln!("warning: {warning}");
    }
    if let Err(error) = check_files(&config) {
        return fail(USAGE, &error);
    }
    println!("{}", config.summary());
    ExitCode::SUCCESS
}

fn init(file: &Path) -> ExitCode {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .and_then(|mut open| open.write_all(config::STARTER.as_bytes()));
    match written {
        Ok(()) => {
            println!("wrote {0}\nrun it with: flowgate run --config {0}", file.display());
            ExitCode::SUCCESS
        }
        Err(error) => fail(1, &format!("cannot write {}: {error}", file.display())),
    }
}

fn run(options: &Run) -> ExitCode {
    let loaded = match &options.config {
        Some(path) => load(path),
        None => NodeConfig::built_in(),
    };
    let mut config = match loaded {
        Ok(config) => config,
        Err(error) => return fail(USAGE, &error),
    };
    if let Err(error) = override_addresses(&mut config, options) {
        return fail(USAGE, &error);
    }
    start_log(config.flowgate.log);
    for warning in config.warnings.lines() {
        tracing::warn!("{warning}");
    }
    let mut builder = Builder::new_multi_thread();
    if let Some(threads) = config.flowgate.worker_threads {
        builder.worker_threads(threads.get());
    }
    match builder.enable_all().build() {
        Ok(runtime) => runtime.block_on(serve(config, options.console)),
        Err(error) => fail(1, &error),
    }
}

async fn serve(config: NodeConfig, has_console: bool) -> ExitCode {
    // Before the sockets are bound, so that no signal after the announcement is missed.
    let Ok(stop) = signals() else { return fail(1, &"cannot listen for signals") };
    let server = match Server::bind(config) {
        Ok(server) => server,
        Err(error) => return fail(USAGE, &error),
    };
    announce(&server);
    if has_console && let Err(error) = console::start(server.stats()) {
        return fail(1, &format!("no console: {error}"));
    }
    server.run(stop).await;
    ExitCode::SUCCESS
}

/// A time that is not zero, such as 300ms.
fn above_zero(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if duration.is_zero() { Err("must be above 0".to_owned()) } else { Ok(duration) }
}

/// Ready when the process is told to stop.
fn signals() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Says on standard output where the router listens and what to try next.
fn announce(server: &Server) {
    let mut out = io::stdout().lock();
    let mut lines = format!("flowgate {}\n", env!("CARGO_PKG_VERSION"));
    for url in server.urls() {
        lines.push_str(&format!("listening on {url}\n"));
    }
    for (address, _) in server.observer_addresses() {
        lines.push_str(&format!("observing on {address}\n"));
    }
    if let Some(address) = server.admin_address() {
        lines.push_str(&format!("administration on http://{address}\n"));
        lines.push_str(&format!("try: curl http://{address}/healthz\n"));
    }
    // Nobody may be reading, which is no reason not to serve.
    let _ = out.write_all(lines.as_bytes()).and_then(|()| out.flush());
}

fn override_addresses(config: &mut NodeConfig, options: &Run) -> Result<(), String> {
    let is_built_in = options.config.is_none();
    if let Some(admin) = options.admin {
        config.flowgate.admin = Some(admin);
        if is_built_in && !admin.ip().is_loopback() {
            config.flowgate.tracing.admin = AdminTracing::Off;
        }
    }
    // Everybody may trace with the built-in configuration, since everybody is on this machine.
    if is_built_in && options.listen.is_some_and(|listen| !listen.ip().is_loopback()) {
        config.flowgate.tracing.grants.clear();
    }
    let Some(listen) = options.listen else { return Ok(()) };
    let mut endpoints =
        config.listeners.iter_mut().filter_map(|listener| match &mut listener.endpoint {
            Endpoint::Tcp(endpoint) => Some(endpoint),
            Endpoint::Unix(_) => None,
        });
    match (endpoints.next(), endpoints.next()) {
        (Some(endpoint), None) => {
            endpoint.address = listen;
            Ok(())
        }
        (None, _) => Err("--listen: the configuration has no TCP listener".to_owned()),
        (Some(_), Some(_)) => {
            Err("--listen: the configuration has several TCP listeners".to_owned())
        }
    }
}

fn start_log(log: LogConfig) {
    let level = match log.level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    // `RUST_LOG` is for looking closer without touching the configuration.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        EnvFilter::new(format!("warn,flowgate={level},flowgate_server={level}"))
    });
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    let started = match log.format {
        LogFormat::Human => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    if let Err(error) = started {
        eprintln!("flowgate: no log: {error}");
    }
}
