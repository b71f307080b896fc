//! `flowgate replay`: what a trace has recorded, once more, against any WAMP router.

mod callee;
mod client;
mod script;

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::ValueEnum;
use flowgate_client::{
    ClientError, ConnectError, ConnectOptions, Connection, JoinOptions, Session, Target,
};
use tokio::runtime::Builder;

use super::{
    USAGE, fail,
    trace::{RecordsError, read_records},
};
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
    /// No router.
    #[error("cannot connect to {url}: {source}")]
    Connect { url: String, source: ConnectError },
    /// A router that does not let a session in, or refuses what it needs.
    #[error("{url}: {source}")]
    Session { url: String, source: ClientError },
    /// Where the output goes to.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

impl ReplayError {
    const fn code(&self) -> u8 {
        match self {
            Self::Records(_) | Self::Empty { .. } | Self::Connect { .. } => USAGE,
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

/// Plays, and says what was answered differently; then the exit code is 1.
async fn as_client(options: &Replay) -> Result<ExitCode, ReplayError> {
    let script = Script::read(&read_records(&options.file)?);
    if script.is_empty() {
        return Err(ReplayError::Empty { path: options.file.clone() });
    }
    let (one, other) = match &options.diff {
        None => (script.recorded(), client::play(&script, &options.url, options.speed).await?),
        Some(second) => {
            let first = client::play(&script, &options.url, options.speed).await?;
            (first, client::play(&script, second, options.speed).await?)
        }
    };
    let differences = one.differences(&other, &script);
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
    let calls = Calls::read(&read_records(&options.file)?);
    if calls.is_empty() {
        return Err(ReplayError::Empty { path: options.file.clone() });
    }
    let stopped = super::signals()?;
    let served = callee::serve(calls, &options.url, options.speed, stopped).await?;
    print(&format!("{} answered as recorded, {} unknown\n", served.known, served.unknown))?;
    Ok(ExitCode::SUCCESS)
}

/// A session in a realm.
async fn join(url: &Target, realm: &str) -> Result<Session, ReplayError> {
    let connection = Connection::open(url, &ConnectOptions::default()).await;
    let connection =
        connection.map_err(|source| ReplayError::Connect { url: url.to_string(), source })?;
    Session::join(connection, realm.to_owned(), JoinOptions::default())
        .await
        .map_err(|source| ReplayError::Session { url: url.to_string(), source })
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
