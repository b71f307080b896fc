//! Newline-delimited JSON, there and back.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::record::Record;

/// Why a text is no export; the fault of whoever has changed it.
#[derive(Debug, thiserror::Error)]
#[error("line {line_number} is no record: {}", without_place(.problem))]
pub struct ImportError {
    /// The line, counted from 1.
    pub line_number: usize,
    /// What is wrong with it.
    #[source]
    pub problem: serde_json::Error,
}

/// What is wrong, without the line that serde counts, which is always the first.
fn without_place(problem: &serde_json::Error) -> String {
    let text = problem.to_string();
    text.rsplit_once(" at line ").map_or_else(|| text.clone(), |(text, _)| text.to_owned())
}

/// Appends one line of JSON per record.
///
/// Octets in messages are texts of NUL and base64, and numbers that are not finite are null, as in
/// WAMP over JSON; nothing else is lost.
pub fn ndjson<'a>(records: impl IntoIterator<Item = &'a Record>, out: &mut Vec<u8>) {
    for record in records {
        let written = serde_json::to_writer(&mut *out, record);
        // Keys are texts, and memory takes everything.
        debug_assert!(written.is_ok());
        out.push(b'\n');
    }
}

/// Reads what [`ndjson`] has written; empty lines are ignored.
///
/// # Errors
/// [`ImportError`] at the first line that is no record.
pub fn read_ndjson(octets: &[u8]) -> Result<Vec<Record>, ImportError> {
    let lines = octets.split(|octet| *octet == b'\n').enumerate();
    let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    lines
        .map(|(index, line)| {
            read(line).map_err(|problem| ImportError { line_number: index + 1, problem })
        })
        .collect()
}

/// What tells a message from an action.
#[derive(Deserialize)]
struct Kind {
    msg_type: Option<IgnoredAny>,
}

fn read(line: &[u8]) -> serde_json::Result<Record> {
    let kind: Kind = serde_json::from_slice(line)?;
    match kind.msg_type {
        Some(_) => serde_json::from_slice(line).map(Record::Message),
        None => serde_json::from_slice(line).map(Record::Action),
    }
}
