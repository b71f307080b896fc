//! Spans that wait for a collector.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use flowgate_event::Timestamp;

use super::{otlp, rejected_count};
use crate::export::span::{Span, spans};
use crate::record::Record;

/// Brings the spans of finished actions to a collector, in requests that it makes and others send.
///
/// Does no I/O: [`poll`](Self::poll) gives the body of a request when one is due, and
/// [`settle`](Self::settle) takes what has come of it.
/// One request is under way at a time; while it is, or is tried again, spans wait in a bounded
/// queue, and what finds no room there is dropped and counted.
#[derive(Debug)]
pub struct OtlpExporter {
    resource: Vec<(String, String)>,
    limits: OtlpLimits,
    /// Spans that are in no request yet.
    queue: VecDeque<Span>,
    /// Since when the oldest of them waits.
    waiting_since: Timestamp,
    is_flushed: bool,
    request: Option<Request>,
    counts: OtlpCounts,
}

/// How much waits for a collector, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtlpLimits {
    /// Most spans that wait.
    pub queue_count: usize,
    /// Most spans in a request; as many are sent at once.
    pub batch_count: usize,
    /// How long fewer spans wait for more.
    pub linger: Duration,
    /// How often a request is sent before it is given up.
    pub attempts_count: u32,
    /// The pause after the first failure, doubled after each further one.
    pub backoff: Duration,
    /// The longest pause, also of those that a collector asks for.
    pub backoff_max: Duration,
}

/// What has become of spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OtlpCounts {
    /// The collector has taken them.
    pub exported: u64,
    /// The queue had no room for them.
    pub dropped: u64,
    /// The collector did not want them.
    pub rejected: u64,
    /// The collector was not there for as long as it was tried.
    pub failed: u64,
}

/// What has come of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtlpAnswer<'a> {
    /// An HTTP answer.
    Http {
        /// Its status.
        status: u16,
        /// Its `Retry-After`.
        retry_after: Option<Duration>,
        /// Its body.
        body: &'a [u8],
    },
    /// There was no answer.
    None,
}

#[derive(Debug)]
struct Request {
    body: Bytes,
    span_count: u64,
    attempts_count: u32,
    state: RequestState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequestState {
    UnderWay,
    DueAt(Timestamp),
}

impl Default for OtlpLimits {
    /// 8192 spans, 512 per request, 1 s; 6 attempts with pauses from 1 s to 30 s.
    fn default() -> Self {
        Self {
            queue_count: 8192,
            batch_count: 512,
            linger: Duration::from_secs(1),
            attempts_count: 6,
            backoff: Duration::from_secs(1),
            backoff_max: Duration::from_secs(30),
        }
    }
}

impl OtlpExporter {
    /// An exporter without spans; `resource` describes the router, see [`otlp`].
    #[must_use]
    pub fn new(resource: Vec<(String, String)>, limits: OtlpLimits) -> Self {
        Self {
            resource,
            limits,
            queue: VecDeque::new(),
            waiting_since: Timestamp::EPOCH,
            is_flushed: false,
            request: None,
            counts: OtlpCounts::default(),
        }
    }

    /// Takes the actions among the records, as a trace at the level of actions publishes them.
    ///
    /// The spans of one action are taken or dropped together.
    /// Messages are ignored: those of one action may be in several batches.
    pub fn offer(&mut self, now: Timestamp, records: &[Record]) {
        for record in records {
            if let Record::Action(_) = record {
                self.offer_spans(now, spans(std::slice::from_ref(record)));
            }
        }
    }

    /// The body of the request to be sent now, if there is one; [`settle`](Self::settle) has to
    /// follow.
    pub fn poll(&mut self, now: Timestamp) -> Option<Bytes> {
        if self.deadline()? > now {
            return None;
        }
        let request = match &mut self.request {
            Some(request) => request,
            none @ None => {
                let count = self.queue.len().min(self.limits.batch_count.max(1));
                let spans: Vec<_> = self.queue.drain(..count).collect();
                self.waiting_since = now;
                none.insert(Request {
                    body: otlp(&self.resource, &spans).into(),
                    span_count: count as u64,
                    attempts_count: 0,
                    state: RequestState::UnderWay,
                })
            }
        };
        request.state = RequestState::UnderWay;
        request.attempts_count += 1;
        Some(request.body.clone())
    }

    /// Takes what has come of the request that is under way; if none is, nothing.
    ///
    /// What the protocol calls retryable (429, 502, 503, 504, and no answer) is tried again.
    pub fn settle(&mut self, now: Timestamp, answer: OtlpAnswer<'_>) {
        let Some(mut request) = self.request.take_if(|it| it.state == RequestState::UnderWay)
        else {
            return;
        };
        let count = request.span_count;
        match answer {
            OtlpAnswer::Http { status: 200..=299, body, .. } => {
                let rejected = rejected_count(body).min(count);
                self.counts.rejected += rejected;
                self.counts.exported += count - rejected;
            }
            OtlpAnswer::Http { status: 429 | 502..=504, .. } | OtlpAnswer::None => {
                if request.attempts_count >= self.limits.attempts_count {
                    self.counts.failed += count;
                    return;
                }
                let asked = match answer {
                    OtlpAnswer::Http { retry_after, .. } => retry_after,
                    OtlpAnswer::None => None,
                };
                let doublings = request.attempts_count.saturating_sub(1).min(16);
                let own = self.limits.backoff.saturating_mul(1 << doublings);
                let pause = asked.unwrap_or(own).min(self.limits.backoff_max);
                request.state = RequestState::DueAt(now.after(pause));
                self.request = Some(request);
            }
            OtlpAnswer::Http { .. } => self.counts.rejected += count,
        }
    }

    /// When [`poll`](Self::poll) has a request; `None` while it waits for spans or an answer.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        match &self.request {
            Some(Request { state: RequestState::DueAt(at), .. }) => Some(*at),
            Some(Request { state: RequestState::UnderWay, .. }) => None,
            None if self.queue.is_empty() => None,
            None if self.is_flushed || self.queue.len() >= self.limits.batch_count => {
                Some(self.waiting_since)
            }
            None => Some(self.waiting_since.after(self.limits.linger)),
        }
    }

    /// From now on spans do not wait for more: the router shuts down.
    pub const fn flush(&mut self) {
        self.is_flushed = true;
    }

    /// What has become of spans so far.
    #[must_use]
    pub const fn counts(&self) -> OtlpCounts {
        self.counts
    }

    fn offer_spans(&mut self, now: Timestamp, spans: Vec<Span>) {
        if self.queue.len() + spans.len() > self.limits.queue_count {
            self.counts.dropped += spans.len() as u64;
            return;
        }
        if self.queue.is_empty() {
            self.waiting_since = now;
        }
        self.queue.extend(spans);
    }
}
