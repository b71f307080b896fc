//! `flowgate trace export`.

use std::{
    fs,
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
};

use clap::ValueEnum;
use flowgate_trace::{Record, ndjson, pcapng, perfetto};

use super::{AskError, TraceError, Word, follow::page, query, read_records, records};

#[derive(Debug, clap::Args)]
pub(super) struct Export {
    /// The trace.
    #[arg(required_unless_present = "file")]
    trace: Option<String>,
    /// Take the records from a file of NDJSON, and not from a router.
    #[arg(long, value_name = "FILE", conflicts_with = "trace")]
    file: Option<PathBuf>,
    /// The format.
    #[arg(long, value_enum, default_value = "ndjson")]
    format: ExportFormat,
    /// Where to; standard output unless given.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Which records: a URI or pattern, or conditions such as session=7, from=2026-11-21T14:00:00Z.
    #[arg(value_name = "URI|CONDITION=VALUE", conflicts_with = "file")]
    words: Vec<Word>,
}

/// The format of another tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// One record of JSON a line, read back by --file and by flowgate replay.
    Ndjson,
    /// For <https://ui.perfetto.dev>.
    Perfetto,
    /// For Wireshark.
    Pcapng,
}

pub(super) async fn export(admin: SocketAddr, export: &Export) -> Result<(), TraceError> {
    let records = match (&export.file, &export.trace) {
        (Some(path), _) => read_records(path)?,
        (None, trace) => fetch(admin, trace.as_deref().unwrap_or_default(), &export.words).await?,
    };
    let octets = match export.format {
        ExportFormat::Ndjson => {
            let mut octets = Vec::new();
            ndjson(&records, &mut octets);
            octets
        }
        ExportFormat::Perfetto => perfetto(&records).into_bytes(),
        ExportFormat::Pcapng => pcapng(&records),
    };
    match &export.output {
        Some(path) => fs::write(path, octets)
            .map_err(|source| AskError::Write { path: path.clone(), source }.into()),
        None => {
            let mut out = io::stdout().lock();
            out.write_all(&octets)?;
            Ok(out.flush()?)
        }
    }
}

/// All records that the trace has now.
async fn fetch(admin: SocketAddr, trace: &str, words: &[Word]) -> Result<Vec<Record>, TraceError> {
    let (conditions, mut cursor, mut all) = (query(words)?, 0, Vec::new());
    loop {
        let page = page(admin, trace, cursor, &conditions).await?;
        all.extend(records(&page.body)?);
        cursor = page.next_seq;
        if !page.has_more {
            break;
        }
    }
    let first = all.first().map_or(cursor, Record::seq);
    if words.is_empty() && first > 0 {
        eprintln!(
            "flowgate: the first {first} records of {trace} are gone: `limit` and `max_memory` say \
             how many stay"
        );
    }
    Ok(all)
}
