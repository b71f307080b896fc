//! Records for the eye.

use std::fmt::Write;

use flowgate_event::Timestamp;
use flowgate_wire::SessionId;

use super::actions;
use crate::facts::{Direction, Identity, Undelivered};
use crate::record::{ActionRecord, Outcome, Record, type_name};
use crate::time::TimeOfDay;

/// Columns of a bar in a waterfall.
const BAR_COLUMNS: u64 = 40;

/// Whether a line has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Text alone.
    Plain,
    /// With the escape sequences of a terminal.
    Coloured,
}

impl Style {
    fn paint(self, colour: u8, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => format!("\x1b[{colour}m{text}\x1b[0m"),
        }
    }
}

/// Green, red, yellow, cyan and grey on a terminal.
const GREEN: u8 = 32;
const RED: u8 = 31;
const YELLOW: u8 = 33;
const CYAN: u8 = 36;
const GREY: u8 = 90;

/// One line about a record, without a line feed.
///
/// A message: time of day, realm, direction seen from the router (`->` to it, `<-` from it), who,
/// type, URI, request, size, error, and why it was not sent.
/// An action: time of day of its end, realm, who, kind, URI, outcome, duration, fan-out, error.
/// Control characters in names are escaped, so that nobody can write over a terminal.
#[must_use]
pub fn line(record: &Record, style: Style) -> String {
    let mut parts = Vec::new();
    if record.gap() > 0 {
        parts.push(style.paint(RED, &format!("[{} missing]", record.gap())));
    }
    parts.push(style.paint(GREY, &TimeOfDay(record.at()).to_string()));
    match record {
        Record::Message(message) => {
            parts.push(plain(&message.who.realm));
            let is_received = message.direction == Direction::Rx;
            parts.push(style.paint(GREY, if is_received { "->" } else { "<-" }));
            parts.push(who(&message.who));
            let colour = if is_received { CYAN } else { GREEN };
            parts.push(style.paint(colour, message.message.name()));
            parts.extend(message.uri().map(plain));
            parts.extend(message.request.map(|request| format!("#{request}")));
            parts.push(format!("{} B", message.bytes));
            parts.extend(message.error.as_deref().map(|error| style.paint(RED, &plain(error))));
            let undelivered = message.undelivered.map(Undelivered::name);
            parts.extend(undelivered.map(|why| style.paint(RED, &format!("[not sent: {why}]"))));
        }
        Record::Action(action) => {
            parts.push(plain(&action.originator.realm));
            parts.push(who(&action.originator));
            parts.push(style.paint(CYAN, action.action.name()));
            parts.extend(action.uri.as_deref().map(plain));
            parts.push(style.paint(colour(action.outcome), action.outcome.name()));
            parts.push(milliseconds(action.duration_ns()));
            parts.push(format!("x{}", action.fanout));
            parts.extend(action.error.as_deref().map(|error| style.paint(RED, &plain(error))));
        }
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

/// A drawing of each action among the records, or that their messages make up: its parts over time.
///
/// First a line with kind, URI, outcome and duration, one with how callees and the router share
/// it, then one line per delivery and message, with its offset, and a bar or mark where it lies.
#[must_use]
pub fn waterfall(records: &[Record], style: Style) -> String {
    let mut out = String::new();
    for action in actions(records) {
        draw(&action, records, style, &mut out);
    }
    out
}

fn draw(action: &ActionRecord, records: &[Record], style: Style, out: &mut String) {
    let outcome = style.paint(colour(action.outcome), action.outcome.name());
    let uri = action.uri.as_deref().map(plain).unwrap_or_default();
    let duration = milliseconds(action.duration_ns());
    let kind = style.paint(CYAN, action.action.name());
    let error =
        action.error.as_deref().map(|error| format!(" {}", plain(error))).unwrap_or_default();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{kind} {uri} {outcome} {duration}{}", style.paint(RED, &error));
    let _ = writeln!(
        out,
        "  {} {}  {}",
        plain(&action.originator.realm),
        who(&action.originator),
        style.paint(GREY, &action.correlation.to_string()),
    );
    let _ = writeln!(
        out,
        "  callees {}  router {}  fan-out {}",
        milliseconds(action.callee_ns),
        milliseconds(action.router_ns()),
        action.fanout,
    );
    let mut rows =
        vec![Row::new(action, action.at, Some(action.end), type_name(action.action).to_owned())];
    for responder in &action.responders {
        let error = responder.error.as_deref().map(plain).unwrap_or_default();
        let label = format!("to {} {error}", who(&responder.who));
        let end = responder.end.unwrap_or(action.end);
        rows.push(Row::new(action, responder.start, Some(end), label));
    }
    for record in records {
        if let Record::Message(message) = record
            && message.correlation() == Some(action.correlation)
        {
            let (direction, name) = (message.direction.name(), type_name(message.message));
            let error = message.error.as_deref().map(plain).unwrap_or_default();
            let label =
                format!("{direction} {name} {} {} B {error}", who(&message.who), message.bytes);
            rows.push(Row::new(action, message.at, None, label));
        }
    }
    rows.sort_by_key(|row| row.offset_ns);
    for row in rows {
        let offset = milliseconds(row.offset_ns);
        let _ = writeln!(out, "  {offset:>14}  |{}|  {}", row.bar, row.label.trim_end());
    }
}

struct Row {
    offset_ns: u64,
    bar: String,
    label: String,
}

impl Row {
    /// A bar from `start` to `end`, or a mark at `start`.
    fn new(action: &ActionRecord, start: Timestamp, end: Option<Timestamp>, label: String) -> Self {
        let offset_ns = |moment: Timestamp| moment.as_nanos().saturating_sub(action.at.as_nanos());
        let column = |moment: Timestamp| {
            let columns = u128::from(offset_ns(moment)) * u128::from(BAR_COLUMNS - 1);
            let column = columns / u128::from(action.duration_ns().max(1));
            u64::try_from(column).unwrap_or(u64::MAX).min(BAR_COLUMNS - 1)
        };
        let (from, to) = (column(start), column(end.unwrap_or(start)));
        let mark = if end.is_some() { '=' } else { '*' };
        let char = |column| if (from..=to).contains(&column) { mark } else { ' ' };
        Self { offset_ns: offset_ns(start), bar: (0..BAR_COLUMNS).map(char).collect(), label }
    }
}

const fn colour(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Ok => GREEN,
        Outcome::Error
        | Outcome::Canceled
        | Outcome::Timeout
        | Outcome::NoCallee
        | Outcome::Denied
        | Outcome::CalleeGone
        | Outcome::CallerGone
        | Outcome::Shutdown => RED,
        Outcome::Expired | Outcome::Evicted | Outcome::Unfinished => YELLOW,
    }
}

fn who(who: &Identity) -> String {
    match (who.authid.as_deref(), who.session.map(SessionId::get)) {
        (Some(authid), Some(session)) => format!("{}({session})", plain(authid)),
        (Some(authid), None) => plain(authid),
        (None, Some(session)) => session.to_string(),
        (None, None) => "?".to_owned(),
    }
}

/// A duration in milliseconds, to the microsecond.
fn milliseconds(ns: u64) -> String {
    format!("{}.{:03} ms", ns / 1_000_000, ns / 1000 % 1000)
}

/// Text of others without control characters.
fn plain(text: &str) -> String {
    if text.chars().any(char::is_control) {
        text.escape_default().to_string()
    } else {
        text.to_owned()
    }
}
