//! Octets of a connection into lines.

use std::time::Duration;

use crate::{
    Batch, Limits,
    batch::Outcome,
    line::{Fields, Logged},
};

/// What the lines of a connection are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// php-wamp-observer: `[protocol, direction, message]`, where `message` is the JSON text of a
    /// logged call, response or error. More fields are passed over, and one that is no string is
    /// empty.
    Wamp,
    /// php-observability: `[metric, label, value]` for one more, and
    /// `[metric, label, value, seconds]` for something that took so long; all fields are strings.
    Metrics,
}

/// The reading side of one connection: cuts what arrives into lines and parses them.
#[derive(Debug)]
pub struct Intake {
    protocol: Protocol,
    max_line_bytes: usize,
    /// The beginning of a line whose end has not come; never longer than `max_line_bytes`.
    begun: Vec<u8>,
    /// Whether the line that has begun is too long.
    skipping: bool,
}

impl Intake {
    /// The reading side of a connection that has just been opened.
    #[must_use]
    pub const fn new(protocol: Protocol, limits: Limits) -> Self {
        let max_line_bytes = limits.max_line_bytes;
        Self { protocol, max_line_bytes, begun: Vec::new(), skipping: false }
    }

    /// Adds the lines that `bytes` completes to `batch`.
    ///
    /// A line ends with a newline; a carriage return before that is dropped.
    pub fn feed(&mut self, bytes: &[u8], batch: &mut Batch) {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            self.end_line(line, batch);
        }
        if self.skipping || self.begun.len() + rest.len() > self.max_line_bytes {
            self.skipping = true;
            self.begun = Vec::new();
        } else {
            self.begun.extend_from_slice(rest);
        }
    }

    /// Adds the last line to `batch`, if it has no newline: the connection is closed.
    pub fn finish(&mut self, batch: &mut Batch) {
        if self.skipping || !self.begun.is_empty() {
            self.end_line(b"", batch);
        }
    }

    fn end_line(&mut self, tail: &[u8], batch: &mut Batch) {
        if self.skipping || self.begun.len() + tail.len() > self.max_line_bytes {
            self.skipping = false;
            self.begun = Vec::new();
            batch.counts.oversized += 1;
        } else if self.begun.is_empty() {
            read(self.protocol, tail, batch);
        } else {
            let mut line = std::mem::take(&mut self.begun);
            line.extend_from_slice(tail);
            read(self.protocol, &line, batch);
            // An idle connection holds no memory beyond that of an ordinary line.
            line.clear();
            line.shrink_to(IDLE_BYTES);
            self.begun = line;
        }
    }
}

/// What a connection keeps for the beginning of its next line.
const IDLE_BYTES: usize = 512;

fn read(protocol: Protocol, line: &[u8], batch: &mut Batch) {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        batch.counts.empty += 1;
        return;
    }
    let understood = match protocol {
        Protocol::Wamp => read_logged(line, batch),
        Protocol::Metrics => read_measured(line, batch),
    };
    if understood.is_none() {
        batch.counts.malformed += 1;
    }
}

/// `None` if the line is malformed.
fn read_logged(line: &[u8], batch: &mut Batch) -> Option<()> {
    let fields = Fields::parse(line)?;
    let [protocol, direction, message] = fields.first()?;
    let source = [protocol, direction];
    match Logged::parse(message)? {
        Logged::Request { id, name } => batch.push_request(source, &id, &name),
        Logged::Response { id } => batch.push_reply(source, &id, Outcome::Response),
        Logged::Error { id } => batch.push_reply(source, &id, Outcome::Error),
        Logged::Other => batch.counts.ignored += 1,
    }
    Some(())
}

/// `None` if the line is malformed.
fn read_measured(line: &[u8], batch: &mut Batch) -> Option<()> {
    let fields = Fields::parse(line)?;
    if let Some(names) = fields.exactly::<3>() {
        batch.push_count(names);
    } else {
        let [metric, label, value, seconds] = fields.exactly::<4>()?;
        // Negative, infinite, not a number and more than 500 billion years are no durations.
        let duration = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
        batch.push_duration([metric, label, value], duration);
    }
    Some(())
}
