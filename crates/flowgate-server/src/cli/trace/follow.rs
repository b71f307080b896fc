//! Records as they come: `flowgate trace tail` and `flowgate tap`.

use std::net::SocketAddr;

use flowgate_trace::{Record, line, ndjson};
use hyper::{HeaderMap, Method, body::Bytes};
use serde_json::Value as Json;

use super::{
    AskError, Router, Tap, TraceError, Word, ask, begin, escaped, print, query, records,
    stop_quietly, style, whole_seconds,
};
use crate::cli::signals;

/// How long the router holds an answer back while there is nothing to say: well below the time that
/// it may take to answer.
const WAIT_MS: u64 = 5000;

/// Time between two batches of a tap: soon enough for people.
const TAP_BATCHING_MS: u64 = 100;

#[derive(Debug, clap::Args)]
pub(super) struct Tail {
    /// The trace.
    trace: String,
    /// One record of JSON a line.
    #[arg(long)]
    json: bool,
    /// Which records: a URI or pattern, or conditions such as session=7.
    #[arg(value_name = "URI|CONDITION=VALUE")]
    words: Vec<Word>,
}

/// How records are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Lines,
    /// With the message behind each line.
    Payload,
    Json,
}

/// Records from one answer, and what its head says.
pub(super) struct Page {
    pub(super) body: Bytes,
    pub(super) next_seq: u64,
    pub(super) has_more: bool,
    pub(super) is_stopped: bool,
}

pub(super) async fn tail(admin: SocketAddr, tail: &Tail) -> Result<(), TraceError> {
    let shape = if tail.json { Shape::Json } else { Shape::Lines };
    follow(admin, &tail.trace, &query(&tail.words)?, shape).await
}

/// Traces until it is told to end, and leaves nothing behind.
pub(super) async fn tap(tap: Tap) -> Result<(), TraceError> {
    let Router { admin } = tap.router;
    let stopped = signals()?;
    let mut texts = vec![
        ("duration".to_owned(), whole_seconds(tap.duration)),
        ("batching_period".to_owned(), TAP_BATCHING_MS.to_string()),
        ("retention".to_owned(), "60".to_owned()),
    ];
    if tap.payload {
        texts.push(("trace_app_payload".to_owned(), "true".to_owned()));
    }
    let shape = match (tap.json, tap.payload) {
        (true, _) => Shape::Json,
        (false, true) => Shape::Payload,
        (false, false) => Shape::Lines,
    };
    let trace = begin(admin, None, texts, &tap.words).await?;
    let followed = tokio::select! {
        followed = follow(admin, &trace, "", shape) => followed,
        () = stopped => Ok(()),
    };
    stop_quietly(admin, &trace).await;
    followed
}

/// Prints what a trace has and gets, until it has stopped.
async fn follow(
    admin: SocketAddr,
    trace: &str,
    conditions: &str,
    shape: Shape,
) -> Result<(), TraceError> {
    let mut cursor = 0;
    loop {
        let conditions = format!("{conditions}&wait_ms={WAIT_MS}");
        let page = page(admin, trace, cursor, &conditions).await?;
        cursor = page.next_seq;
        let text: String =
            records(&page.body)?.iter().map(|record| shown(record, shape) + "\n").collect();
        print(&text)?;
        if page.is_stopped && !page.has_more {
            return Ok(());
        }
    }
}

/// A page of the records of a trace.
pub(super) async fn page(
    admin: SocketAddr,
    trace: &str,
    cursor: u64,
    conditions: &str,
) -> Result<Page, AskError> {
    let path = format!("/api/traces/{}/records?cursor={cursor}&{conditions}", escaped(trace));
    let (head, body) = ask(admin, Method::GET, &path, Bytes::new()).await?.into_parts();
    let header = |name| text_of(&head.headers, name);
    Ok(Page {
        body,
        // A router that does not say where to go on says nothing more.
        next_seq: header("x-flowgate-next-seq").parse().unwrap_or(u64::MAX),
        has_more: header("x-flowgate-more") == "true",
        is_stopped: header("x-flowgate-trace-status") == "stopped",
    })
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn shown(record: &Record, shape: Shape) -> String {
    match shape {
        Shape::Lines => line(record, style()),
        Shape::Payload => {
            let message = serde_json::to_value(record).ok();
            let message = message.as_ref().and_then(|json| json.get("msg")).map(Json::to_string);
            format!("{} {}", line(record, style()), message.unwrap_or_default())
        }
        Shape::Json => {
            let mut octets = Vec::new();
            ndjson([record], &mut octets);
            String::from_utf8_lossy(octets.trim_ascii_end()).into_owned()
        }
    }
}
