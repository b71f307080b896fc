//! `flowgate trace` and `flowgate tap`: message tracing, over the administration interface.

mod export;
mod follow;
mod words;

use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use flowgate_event::Correlation;
use flowgate_server::config::FlowgateConfig;
use flowgate_trace::{ImportError, Record, Style, read_ndjson, waterfall};
use hyper::{Method, body::Bytes};
use serde_json::{Value as Json, json};
use tokio::runtime::Builder;

use super::{
    USAGE, above_zero,
    admin::{AskError, ask},
    fail,
};
use export::{Export, export};
use follow::{Tail, tail, tap};
use words::{Word, WordsError, options, query};

#[derive(Debug, clap::Args)]
pub(super) struct Trace {
    #[command(flatten)]
    router: Router,
    #[command(subcommand)]
    command: TraceCommand,
}

/// Where the router is.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Router {
    /// Where the router's administration interface listens.
    #[arg(long, value_name = "ADDR", global = true, default_value_t = FlowgateConfig::DEFAULT_ADMIN)]
    admin: SocketAddr,
}

#[derive(Debug, clap::Subcommand)]
enum TraceCommand {
    /// Start a trace, and print its name.
    Start(Start),
    /// Stop a trace; what it has recorded stays for its retention.
    Stop {
        /// Its name.
        trace: String,
    },
    /// List traces, one a line.
    List {
        /// Only those that run.
        #[arg(long)]
        running: bool,
    },
    /// Show what a trace is, or draw how an action went.
    Show {
        /// The name of a trace, or the correlation of an action.
        #[arg(value_name = "TRACE|CORRELATION")]
        what: String,
        /// The only trace to look for the action in.
        #[arg(long, value_name = "TRACE")]
        trace: Option<String>,
    },
    /// Print the records of a trace, one a line, as they come.
    Tail(Tail),
    /// Write the records of a trace in the format of another tool.
    Export(Export),
}

#[derive(Debug, clap::Args)]
struct Start {
    /// Its name; trace1, trace2 and so on unless given.
    #[arg(long, value_name = "TRACE")]
    id: Option<String>,
    /// One record for each action, and not for each message.
    #[arg(long)]
    actions: bool,
    /// Keep messages with their payload.
    #[arg(long)]
    payload: bool,
    /// Write records to files.
    #[arg(long)]
    persist: bool,
    /// When it stops by itself, such as 10m.
    #[arg(long = "for", value_name = "TIME", value_parser = above_zero, default_value = "1h")]
    duration: Duration,
    /// What it takes: a URI, a prefix that ends with a dot, a pattern with empty components, or
    /// options such as `realm=realm1` and `errors_only=true` (see `docs/tracing.md`).
    #[arg(value_name = "URI|OPTION=VALUE")]
    words: Vec<Word>,
}

/// `flowgate tap`.
#[derive(Debug, clap::Args)]
pub(super) struct Tap {
    #[command(flatten)]
    router: Router,
    /// Print messages with their payload.
    #[arg(long)]
    payload: bool,
    /// One record of JSON a line.
    #[arg(long)]
    json: bool,
    /// When it ends by itself, such as 10m.
    #[arg(long = "for", value_name = "TIME", value_parser = above_zero, default_value = "1h")]
    duration: Duration,
    /// What it takes: a URI, a prefix that ends with a dot, a pattern with empty components, or
    /// options such as `realm=realm1` and `errors_only=true` (see `docs/tracing.md`).
    #[arg(value_name = "URI|OPTION=VALUE")]
    words: Vec<Word>,
}

/// Why a command about traces has failed.
#[derive(Debug, thiserror::Error)]
enum TraceError {
    /// The router.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The router has answered what nobody understands.
    #[error("the router's answer cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// What is wanted.
    #[error(transparent)]
    Words(#[from] WordsError),
    /// Records.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// Where the output goes to.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

/// Why there are no records where there should be some.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordsError {
    /// A file that cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A file of something else.
    #[error("{path}: {source}", path = path.display())]
    Import { path: PathBuf, source: ImportError },
    /// A router that answers with something else.
    #[error("the router's answer cannot be read: {0}")]
    Answer(ImportError),
}

impl TraceError {
    fn code(&self) -> u8 {
        match self {
            Self::Ask(error) => error.code(),
            Self::Words(_)
            | Self::Records(RecordsError::Read { .. } | RecordsError::Import { .. }) => USAGE,
            Self::Json(_) | Self::Records(RecordsError::Answer(_)) | Self::Output(_) => 1,
        }
    }
}

pub(super) fn run(Trace { router: Router { admin }, command }: Trace) -> ExitCode {
    finish(async {
        match command {
            TraceCommand::Start(options) => start(admin, options).await,
            TraceCommand::Stop { trace } => stop(admin, &trace).await,
            TraceCommand::List { running } => list(admin, running).await,
            TraceCommand::Show { what, trace } => show(admin, &what, trace.as_deref()).await,
            TraceCommand::Tail(options) => tail(admin, &options).await,
            TraceCommand::Export(options) => export(admin, &options).await,
        }
    })
}

pub(super) fn run_tap(options: Tap) -> ExitCode {
    finish(tap(options))
}

/// Runs a command to its end.
fn finish(command: impl Future<Output = Result<(), TraceError>>) -> ExitCode {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(1, &error),
    };
    match runtime.block_on(command) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Err(TraceError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => fail(error.code(), &error),
    }
}

async fn start(admin: SocketAddr, start: Start) -> Result<(), TraceError> {
    let mut texts = vec![("duration".to_owned(), whole_seconds(start.duration))];
    let flags = [
        (start.actions, "trace_level", "action"),
        (start.payload, "trace_app_payload", "true"),
        (start.persist, "persist", "true"),
    ];
    let flags = flags.into_iter().filter(|(is_set, ..)| *is_set);
    texts.extend(flags.map(|(_, key, value)| (key.to_owned(), value.to_owned())));
    let id = begin(admin, start.id, texts, &start.words).await?;
    print(&format!("{id}\n"))
}

/// Starts a trace; its name. What is typed in words comes before what flags say.
async fn begin(
    admin: SocketAddr,
    id: Option<String>,
    mut texts: Vec<(String, String)>,
    words: &[Word],
) -> Result<String, TraceError> {
    texts.retain(|(key, _)| !words.iter().any(|word| word.is_option(key)));
    let body = json!({"trace_id": id, "trace_options": options(&texts, words)?});
    let started = ask(admin, Method::POST, "/api/traces", body.to_string()).await?;
    let info: Json = serde_json::from_slice(started.body())?;
    Ok(text_of(&info, "id").to_owned())
}

async fn stop(admin: SocketAddr, trace: &str) -> Result<(), TraceError> {
    let path = format!("/api/traces/{}/stop", escaped(trace));
    let info: Json =
        serde_json::from_slice(ask(admin, Method::POST, &path, Bytes::new()).await?.body())?;
    print(&format!("{}\n", described(&info, 0)))
}

/// Stops a trace that nobody else knows; one that is gone already is no problem, and what stays
/// stops by itself.
async fn stop_quietly(admin: SocketAddr, trace: &str) {
    let path = format!("/api/traces/{}/stop", escaped(trace));
    let _ = ask(admin, Method::POST, &path, Bytes::new()).await;
}

async fn list(admin: SocketAddr, running: bool) -> Result<(), TraceError> {
    let path = format!("/api/traces?stopped={}", !running);
    let infos: Vec<Json> =
        serde_json::from_slice(ask(admin, Method::GET, &path, Bytes::new()).await?.body())?;
    let width = infos.iter().map(|info| text_of(info, "id").len()).max().unwrap_or_default();
    print(&infos.iter().map(|info| described(info, width) + "\n").collect::<String>())
}

async fn show(admin: SocketAddr, what: &str, trace: Option<&str>) -> Result<(), TraceError> {
    if what.parse::<Correlation>().is_ok() {
        let mut path = format!("/api/actions/{what}?format=ndjson");
        if let Some(trace) = trace {
            path += &format!("&trace={}", escaped(trace));
        }
        let records = records(&ask(admin, Method::GET, &path, Bytes::new()).await?.into_body())?;
        return print(&waterfall(&records, style()));
    }
    let path = format!("/api/traces/{}", escaped(what));
    let info: Json =
        serde_json::from_slice(ask(admin, Method::GET, &path, Bytes::new()).await?.body())?;
    print(&format!("{}\n", serde_json::to_string_pretty(&info)?))
}

/// A trace in one line: name, status, level, when it began, how many records, what is missing, and
/// why it stopped. The name takes at least as much room as said.
fn described(info: &Json, width: usize) -> String {
    let mut line = format!(
        "{:<width$} {:<8} {:<8} {} {:>9} records",
        text_of(info, "id"),
        text_of(info, "status"),
        info.get("options").map_or("", |options| text_of(options, "trace_level")),
        text_of(info, "started"),
        number_of(info, "next_seq"),
    );
    for key in ["missing", "limited", "unpersisted"] {
        if number_of(info, key) > 0 {
            line += &format!(", {} {key}", number_of(info, key));
        }
    }
    if !text_of(info, "reason").is_empty() {
        line += &format!(", stopped: {}", text_of(info, "reason"));
    }
    line
}

fn text_of<'a>(json: &'a Json, key: &str) -> &'a str {
    json.get(key).and_then(Json::as_str).unwrap_or_default()
}

fn number_of(json: &Json, key: &str) -> u64 {
    json.get(key).and_then(Json::as_u64).unwrap_or_default()
}

/// Records that the router has sent.
fn records(body: &[u8]) -> Result<Vec<Record>, RecordsError> {
    read_ndjson(body).map_err(RecordsError::Answer)
}

/// Records from a file of NDJSON.
pub(super) fn read_records(path: &Path) -> Result<Vec<Record>, RecordsError> {
    let octets =
        fs::read(path).map_err(|source| RecordsError::Read { path: path.to_owned(), source })?;
    read_ndjson(&octets).map_err(|source| RecordsError::Import { path: path.to_owned(), source })
}

/// A name as a part of a path.
fn escaped(name: &str) -> String {
    form_urlencoded::byte_serialize(name.as_bytes()).collect()
}

/// At least one second.
fn whole_seconds(duration: Duration) -> String {
    duration.as_secs_f64().ceil().to_string()
}

/// Colours on a terminal, unless they are not wanted (<https://no-color.org>).
fn style() -> Style {
    let is_wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if io::stdout().is_terminal() && is_wanted { Style::Coloured } else { Style::Plain }
}

fn print(text: &str) -> Result<(), TraceError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
