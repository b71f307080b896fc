//! Lines that have been read and not yet been taken into account.

use std::ops::Range;
use std::time::Duration;

use crate::Counts;

/// What some lines say, parsed; reading needs no access to the [`Observer`](crate::Observer).
///
/// Reusable: [`Observer::apply`](crate::Observer::apply) leaves it empty, with its memory.
#[derive(Debug, Default)]
pub struct Batch {
    /// The texts of all entries, one after the other.
    text: String,
    entries: Vec<Entry>,
    /// Lines that say nothing.
    pub(crate) counts: Counts,
}

/// What a line says; every text is a range of the batch's text.
#[derive(Debug, Clone)]
enum Entry {
    Request { source: Span, id: Span, name: Span },
    Reply { source: Span, id: Span, outcome: Outcome },
    Count { metric: Span, label: Span, value: Span },
    Duration { metric: Span, label: Span, value: Span, duration: Duration },
}

type Span = Range<usize>;

/// How a request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Response,
    Error,
}

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said<'a> {
    /// A request; `source` is protocol and direction, joined by an underscore.
    Request { source: &'a str, id: &'a str, name: &'a str },
    /// A reply to a request.
    Reply { source: &'a str, id: &'a str, outcome: Outcome },
    /// One more of something.
    Count { metric: &'a str, label: &'a str, value: &'a str },
    /// Something that took its time.
    Duration { metric: &'a str, label: &'a str, value: &'a str, duration: Duration },
}

impl Batch {
    /// Whether no line has been read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.counts == Counts::default()
    }

    pub(crate) fn push_request(&mut self, source: [&str; 2], id: &str, name: &str) {
        let source = self.source(source);
        let (id, name) = (self.span(id), self.span(name));
        self.entries.push(Entry::Request { source, id, name });
    }

    pub(crate) fn push_reply(&mut self, source: [&str; 2], id: &str, outcome: Outcome) {
        let source = self.source(source);
        let id = self.span(id);
        self.entries.push(Entry::Reply { source, id, outcome });
    }

    pub(crate) fn push_count(&mut self, [metric, label, value]: [&str; 3]) {
        let [metric, label, value] = [metric, label, value].map(|text| self.span(text));
        self.entries.push(Entry::Count { metric, label, value });
    }

    pub(crate) fn push_duration(&mut self, [metric, label, value]: [&str; 3], duration: Duration) {
        let [metric, label, value] = [metric, label, value].map(|text| self.span(text));
        self.entries.push(Entry::Duration { metric, label, value, duration });
    }

    /// What the lines say, in their order.
    pub(crate) fn said(&self) -> impl Iterator<Item = Said<'_>> {
        // Invariant: every span was made by `span` from this text, which only grows until `clear`.
        let text = |span: &Span| self.text.get(span.clone()).unwrap_or_default();
        self.entries.iter().map(move |entry| match entry {
            Entry::Request { source, id, name } => {
                Said::Request { source: text(source), id: text(id), name: text(name) }
            }
            Entry::Reply { source, id, outcome } => {
                Said::Reply { source: text(source), id: text(id), outcome: *outcome }
            }
            Entry::Count { metric, label, value } => {
                Said::Count { metric: text(metric), label: text(label), value: text(value) }
            }
            Entry::Duration { metric, label, value, duration } => Said::Duration {
                metric: text(metric),
                label: text(label),
                value: text(value),
                duration: *duration,
            },
        })
    }

    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.entries.clear();
        self.counts = Counts::default();
    }

    fn source(&mut self, [protocol, direction]: [&str; 2]) -> Span {
        let start = self.text.len();
        for part in [protocol, "_", direction] {
            self.text.push_str(part);
        }
        start..self.text.len()
    }

    fn span(&mut self, text: &str) -> Span {
        let start = self.text.len();
        self.text.push_str(text);
        start..self.text.len()
    }
}
