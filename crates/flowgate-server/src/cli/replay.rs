//! `flowgate replay`: what a trace has recorded, once more, against any WAMP router.

mod callee;
mod client;
mod mapping;
mod played;
mod router;
mod script;

use std::{
    error::Error,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::ValueEnum;
use flowgate_client::{ClientError, ConnectError, Target};
use tokio::runtime::Builder;

use super::{
    USAGE, fail,
    trace::{RecordsError, read_records},
};
use mapping::Mapping;
use played::Comparison;
use router::{Router, Trust, TrustError};
use script::{Calls, Script};

#[derive(Debug, clap::Args)]
pub(super) struct Replay {
    /// Records with payload, as `flowgate trace export` writes them.
    file: PathBuf,
    /// The router, such as `ws://127.0.0.1:8080/ws`.
    url: Target,
    /// What to be: the clients that call, publish and subscribe, or the callees that answer.
    #[arg(long = "as", value_enum, default_value = "client")]
    part: Part,
    /// How many times as fast as it was recorded.
    #[arg(long, value_name = "N", value_parser = speed, default_value = "1")]
    speed: f64,
    /// A second router, whose answers are compared with those of the first, and not with the
    /// recorded ones.
    #[arg(long, value_name = "URL")]
    diff: Option<Target>,
    /// Who the sessions are to be: realm, authid or authrole, for all or for one of several, such as
    /// realm=realm2 or authid:joe=alice; may be repeated.
    #[arg(long = "map", value_name = "KEY[:OLD]=VALUE")]
    mappings: Vec<Mapping>,
    /// For wss and rss: the certificates to trust, as PEM; those of the system unless given.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Whose part is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Calls, publishes and subscribes.
    Client,
    /// Registers what was called, and answers as it was answered.
    Callee,
}

/// Why nothing was played.
#[derive(Debug, thiserror::Error)]
enum ReplayError {
    /// The file.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// A file that can be read, without anything to play.
    #[error("{path}: nothing to replay; was it recorded with payload?", path = path.display())]
    Empty { path: PathBuf },
    /// No certificates to trust.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// No router.
    #[error("cannot connect to {url}: {}", with_causes(.source))]
    Connect { url: String, source: ConnectError },
    /// A router that does not let a session in, or refuses what it needs.
    #[error("{url}: {}", with_causes(.source))]
    Session { url: String, source: ClientError },
    /// Where the output goes to.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

impl ReplayError {
    const fn code(&self) -> u8 {
        match self {
            Self::Records(_) | Self::Empty { .. } | Self::Trust(_) | Self::Connect { .. } => USAGE,
            Self::Session { .. } | Self::Output(_) => 1,
        }
    }
}

pub(super) fn run(options: &Replay) -> ExitCode {
    if options.part == Part::Callee && options.diff.is_some() {
        return fail(USAGE, &"--diff compares what clients get: it takes --as client");
    }
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(1, &error),
    };
    let played = runtime.block_on(async {
        match options.part {
            Part::Client => as_client(options).await,
            Part::Callee => as_callee(options).await,
        }
    });
    match played {
        Ok(code) => code,
        Err(error) => fail(error.code(), &error),
    }
}

impl Replay {
    /// A router, to be joined.
    fn router(&self, url: &Target) -> Result<Router, TrustError> {
        let trust = self.ca.clone().map_or(Trust::System, Trust::File);
        Router::new(url.clone(), &trust)
    }
}

/// Plays, and says what was answered differently; then the exit code is 1.
async fn as_client(options: &Replay) -> Result<ExitCode, ReplayError> {
    let script = Script::read(&read_records(&options.file)?, &options.mappings);
    if script.is_empty() {
        return Err(ReplayError::Empty { path: options.file.clone() });
    }
    let router = options.router(&options.url)?;
    let second = options.diff.as_ref().map(|url| options.router(url)).transpose()?;
    let first = client::play(&script, &router, options.speed).await?;
    let (names, one, other) = match &second {
        None => (["recorded".to_owned(), "replayed".to_owned()], script.recorded(), first),
        Some(second) => {
            let other = client::play(&script, second, options.speed).await?;
            ([&router, second].map(|router| router.url.to_string()), first, other)
        }
    };
    let [name, other_name] = &names;
    let comparison = Comparison { script: &script, one: (name, &one), other: (other_name, &other) };
    let differences = comparison.differences();
    let mut text: String = differences.iter().map(|line| format!("{line}\n")).collect();
    text += &format!(
        "{} messages of {} sessions, {} calls, {} different; {} not replayed\n",
        script.message_count(),
        script.session_count(),
        script.call_count(),
        differences.len(),
        script.skipped_count(),
    );
    print(&text)?;
    Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Answers until it is told to end.
async fn as_callee(options: &Replay) -> Result<ExitCode, ReplayError> {
    let calls = Calls::read(&read_records(&options.file)?, &options.mappings);
    if calls.is_empty() {
        return Err(ReplayError::Empty { path: options.file.clone() });
    }
    let stopped = super::signals()?;
    let router = options.router(&options.url)?;
    let served = callee::serve(calls, &router, options.speed, stopped).await?;
    print(&format!("{} answered as recorded, {} unknown\n", served.known, served.unknown))?;
    Ok(ExitCode::SUCCESS)
}

/// What has gone wrong, and why, as far as that is known.
fn with_causes(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed: &f64| *speed > 0.0 && speed.is_finite());
    speed.ok_or_else(|| "must be a number above 0".to_owned())
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
