//! What is asked of traces behind the question mark.

use std::{borrow::Cow, str::FromStr, time::Duration};

use flowgate_event::{Correlation, Timestamp};
use flowgate_trace::{Query, TraceOptions, WithStopped, options_from_texts};

use super::TraceError;
use crate::metrics::QueryError;

/// The longest that an answer is waited for.
const MAX_WAIT_MS: u64 = 30_000;

/// Why a query cannot be answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// A parameter.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A condition, or what the traces say.
    #[error(transparent)]
    Trace(#[from] TraceError),
}

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordsFormat {
    /// A record of JSON a line.
    Ndjson,
    /// A sequence of dictionaries in CBOR.
    Cbor,
    /// Text for people: lines, or the waterfall of an action.
    Text,
}

/// Which records are wanted, and how.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Records {
    pub(super) query: Query,
    pub(super) format: Option<RecordsFormat>,
    /// How long to wait for the first one.
    pub(super) wait: Duration,
}

impl RecordsFormat {
    const NAMES: [(&'static str, Self); 3] =
        [("ndjson", Self::Ndjson), ("cbor", Self::Cbor), ("text", Self::Text)];
}

/// The parameters of a query, decoded, in their order.
fn parameters(query: Option<&str>) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
}

/// Which traces are listed: `stopped`, whether stopped ones are, too.
pub(super) fn traces(query: Option<&str>) -> Result<WithStopped, QueryError> {
    let mut stopped = None;
    for (name, value) in parameters(query) {
        match &*name {
            "stopped" => once(&mut stopped, "stopped", number(&value, "true or false"))?,
            other => return unknown(other, "use stopped"),
        }
    }
    Ok(if stopped.unwrap_or(true) { WithStopped::Yes } else { WithStopped::No })
}

/// A query of what takes no parameters.
pub(super) fn none(query: Option<&str>) -> Result<(), QueryError> {
    match parameters(query).next() {
        None => Ok(()),
        Some((name, _)) => unknown(&name, "there are none here"),
    }
}

/// How an action is wanted: `trace` and `format`.
pub(super) fn action(
    query: Option<&str>,
) -> Result<(Option<String>, Option<RecordsFormat>), QueryError> {
    let (mut trace, mut format) = (None, None);
    for (name, value) in parameters(query) {
        match &*name {
            "trace" => once(&mut trace, "trace", Ok(value.into_owned()))?,
            "format" => once(&mut format, "format", parse_format(&value))?,
            other => return unknown(other, "use trace and format"),
        }
    }
    Ok((trace, format))
}

/// Which records are wanted: `from_seq` or `cursor`, `to_seq`, `from`, `to`, `correlation`,
/// `limit`, `format`, `wait_ms`, and the conditions that a trace can have, under the same names.
pub(super) fn records(query: Option<&str>) -> Result<Records, AskError> {
    let (mut from_seq, mut cursor, mut to_seq, mut limit) = (None, None, None, None);
    let (mut from, mut to, mut correlation) = (None, None, None);
    let (mut format, mut wait_ms) = (None, None);
    let mut conditions = Vec::new();
    for (name, value) in parameters(query) {
        let whole = || number::<u64>(&value, "a whole number");
        match &*name {
            "from_seq" => once(&mut from_seq, "from_seq", whole())?,
            "cursor" => once(&mut cursor, "cursor", whole())?,
            "to_seq" => once(&mut to_seq, "to_seq", whole())?,
            "limit" => once(&mut limit, "limit", whole())?,
            "from" => once(&mut from, "from", moment(&value))?,
            "to" => once(&mut to, "to", moment(&value))?,
            "correlation" => {
                let parsed = number::<Correlation>(&value, "the UUID of an action");
                once(&mut correlation, "correlation", parsed)?;
            }
            "format" => once(&mut format, "format", parse_format(&value))?,
            "wait_ms" => {
                let problem = format!("must be from 0 to {MAX_WAIT_MS}");
                let wait = value.parse().ok().filter(|wait| *wait <= MAX_WAIT_MS).ok_or(problem);
                once(&mut wait_ms, "wait_ms", wait)?;
            }
            "realm" | "session" | "authid" | "authrole" | "direction" | "msg_type" | "uri"
            | "match" | "min_bytes" | "max_bytes" | "errors_only" | "min_duration_ms" => {
                conditions.push((name, value));
            }
            other => return Ok(unknown(other, RECORDS_KNOWN)?),
        }
    }
    let conditions = conditions.iter().map(|(name, value)| (&**name, &**value));
    let options = TraceOptions::from_value(&options_from_texts(conditions));
    let filter = options.map_err(TraceError::from)?.filter;
    let from_seq = from_seq.unwrap_or(0).max(cursor.unwrap_or(0));
    let query = Query { from_seq, to_seq, from, to, correlation, filter, limit };
    Ok(Records { query, format, wait: Duration::from_millis(wait_ms.unwrap_or(0)) })
}

const RECORDS_KNOWN: &str = "use from_seq, to_seq, cursor, from, to, correlation, limit, format, \
     wait_ms, realm, session, authid, authrole, direction, msg_type, uri, match, min_bytes, \
     max_bytes, errors_only or min_duration_ms";

/// Stores the value of a parameter that may be given once.
fn once<T>(
    place: &mut Option<T>,
    name: &'static str,
    value: Result<T, String>,
) -> Result<(), QueryError> {
    let value = value.map_err(|problem| QueryError::Value { name, problem })?;
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(QueryError::Twice(name)),
    }
}

fn unknown<T>(name: &str, known: &'static str) -> Result<T, QueryError> {
    Err(QueryError::Unknown { name: name.to_owned(), known })
}

fn number<T: FromStr>(value: &str, wanted: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{value:?} is not {wanted}"))
}

/// Nanoseconds since 1970, or a date and time.
fn moment(value: &str) -> Result<Timestamp, String> {
    let nanos = value.parse().ok().map(Timestamp::from_nanos);
    nanos.or_else(|| Timestamp::from_rfc3339(value)).ok_or_else(|| {
        format!("{value:?} is neither nanoseconds nor a time such as 2026-11-21T14:30:00Z")
    })
}

fn parse_format(value: &str) -> Result<RecordsFormat, String> {
    let known = RecordsFormat::NAMES.iter().find(|(name, _)| *name == value);
    known.map(|(_, format)| *format).ok_or_else(|| format!("{value:?} is not ndjson, cbor or text"))
}

#[cfg(test)]
mod tests;
