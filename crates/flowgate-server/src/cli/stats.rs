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
use hyper::Method;
use tokio::runtime::Builder;

use super::{
    above_zero,
    admin::{AskError, ask_text},
    fail,
};

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
        Err(error) => fail(error.code(), &error),
    }
}

/// Does what is asked for; what to print.
async fn answer(admin: SocketAddr, command: StatsCommand) -> Result<String, AskError> {
    match command {
        StatsCommand::Show(Show { names, verbose }) => {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("level", if verbose { "debug" } else { "info" });
            query.extend_pairs(names.iter().map(|name| ("name", name)));
            ask_text(admin, Method::GET, &format!("/api/stats/show?{}", query.finish())).await
        }
        StatsCommand::Record(Record::Start { every, format, rotate }) => {
            let every_ms = every.as_millis();
            let path = format!(
                "/api/stats/record?do=start&every_ms={every_ms}&format={format}&rotate_bytes={rotate}"
            );
            ask_text(admin, Method::POST, &path).await
        }
        StatsCommand::Record(Record::Stop) => {
            ask_text(admin, Method::POST, "/api/stats/record?do=stop").await
        }
        StatsCommand::Save { path, format } => {
            let query = format!("/api/stats/report?format={format}");
            let report = ask_text(admin, Method::GET, &query).await?;
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
