//! `flowgate stats`: the stats of a running router, asked for over its administration interface.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use flowgate_server::{RecordFormat, RecordOptions, config::FlowgateConfig};
use http_body_util::{BodyExt as _, Empty};
use hyper::{Method, Request, StatusCode, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, runtime::Builder, time::timeout};

use super::{USAGE, above_zero, fail};

/// How long a router may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub(super) struct Stats {
    /// Where the router's administration interface listens.
    #[arg(long, value_name = "ADDR", global = true, default_value_t = FlowgateConfig::DEFAULT_ADMIN)]
    admin: SocketAddr,
    #[command(subcommand)]
    command: StatsCommand,
}

/// What can be done with stats, here and at the console.
#[derive(Debug, clap::Subcommand)]
pub(super) enum StatsCommand {
    /// Show stats, one a line.
    Show(Show),
    /// Append reports to flowgate-stats.log, in the folder that the router was started in.
    #[command(subcommand)]
    Record(Record),
    /// Append one report to a file.
    Save {
        /// The file.
        path: PathBuf,
        /// text, ndjson or openmetrics.
        #[arg(long, value_name = "FORMAT", default_value_t)]
        format: RecordFormat,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Show {
    /// `list` for the categories, `all`, or what to show; all, if nothing is named.
    #[arg(value_name = "list|all|CATEGORY[.CONTAINER[.STAT]]")]
    pub(super) names: Vec<String>,
    /// Those for looking into something, too.
    #[arg(short, long)]
    pub(super) verbose: bool,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Record {
    /// Start, with a report at once.
    Start {
        /// The time between reports, such as 5s.
        #[arg(long, value_name = "TIME", value_parser = above_zero, default_value = "5s")]
        every: Duration,
        /// text, ndjson or openmetrics.
        #[arg(long, value_name = "FORMAT", default_value_t)]
        format: RecordFormat,
        /// How long the file may get, in octets, before a new one is begun; five old ones are kept.
        #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..),
              default_value_t = RecordOptions::DEFAULT_ROTATE_BYTES)]
        rotate: u64,
    },
    /// Stop.
    Stop,
}

/// Why a router does not say what it was asked for.
#[derive(Debug, thiserror::Error)]
enum AskError {
    /// No router, or one without administration interface.
    #[error("no router answers at {address}: {source}")]
    Connect { address: SocketAddr, source: io::Error },
    /// The connection broke.
    #[error("the router at {address} does not answer: {source}")]
    Answer { address: SocketAddr, source: hyper::Error },
    /// It takes too long.
    #[error("the router at {0} does not answer")]
    Late(SocketAddr),
    /// It says why not.
    #[error("{0}")]
    Refused(String),
    /// A request that cannot be written: our fault.
    #[error(transparent)]
    Request(#[from] hyper::http::Error),
    /// A file that cannot be written.
    #[error("cannot write {path}: {source}", path = path.display())]
    Write { path: PathBuf, source: io::Error },
}

pub(super) fn run(Stats { admin, command }: Stats) -> ExitCode {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(1, &error),
    };
    match runtime.block_on(answer(admin, command)) {
        Ok(lines) => match io::stdout().lock().write_all(lines.as_bytes()) {
            // Whoever reads has seen enough.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => fail(1, &error),
            Ok(()) | Err(_) => ExitCode::SUCCESS,
        },
        Err(error @ AskError::Request(_)) => fail(USAGE, &error),
        Err(error) => fail(1, &error),
    }
}

/// Does what is asked for; what to print.
async fn answer(admin: SocketAddr, command: StatsCommand) -> Result<String, AskError> {
    match command {
        StatsCommand::Show(Show { names, verbose }) => {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("level", if verbose { "debug" } else { "info" });
            query.extend_pairs(names.iter().map(|name| ("name", name)));
            ask(admin, Method::GET, &format!("/api/stats/show?{}", query.finish())).await
        }
        StatsCommand::Record(Record::Start { every, format, rotate }) => {
            let every_ms = every.as_millis();
            let path = format!(
                "/api/stats/record?do=start&every_ms={every_ms}&format={format}&rotate_bytes={rotate}"
            );
            ask(admin, Method::POST, &path).await
        }
        StatsCommand::Record(Record::Stop) => {
            ask(admin, Method::POST, "/api/stats/record?do=stop").await
        }
        StatsCommand::Save { path, format } => {
            let query = format!("/api/stats/report?format={format}");
            let report = ask(admin, Method::GET, &query).await?;
            if let Err(source) = save(&path, &report) {
                return Err(AskError::Write { path, source });
            }
            Ok(format!("saved to {}\n", path.display()))
        }
    }
}

fn save(path: &Path, report: &str) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).open(path)?.write_all(report.as_bytes())
}

/// One request. Cancellation loses the answer, not what it has changed.
async fn ask(admin: SocketAddr, method: Method, path: &str) -> Result<String, AskError> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, admin.to_string())
        .header(header::CONNECTION, "close")
        .header("x-flowgate-change", "yes")
        .body(Empty::<Bytes>::new())?;
    let exchange = async {
        let stream = TcpStream::connect(admin)
            .await
            .map_err(|source| AskError::Connect { address: admin, source })?;
        let broken = |source| AskError::Answer { address: admin, source };
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let answer = async {
            let answer = sender.send_request(request).await.map_err(broken)?;
            let status = answer.status();
            let body = answer.into_body().collect().await.map_err(broken)?.to_bytes();
            let text = String::from_utf8_lossy(&body).into_owned();
            match status {
                StatusCode::OK => Ok(text),
                _ => Err(AskError::Refused(text.trim_end().to_owned())),
            }
        };
        // The connection has to be driven while its answer is read.
        let (answer, _) = tokio::join!(answer, connection);
        answer
    };
    timeout(ANSWER_TIMEOUT, exchange).await.map_err(|_| AskError::Late(admin)).flatten()
}
