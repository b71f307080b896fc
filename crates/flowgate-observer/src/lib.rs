//! Logged WAMP calls into Prometheus metrics: the line protocol of php-wamp-observer, without I/O.
//!
//! Applications log every WAMP message that they get or send as one line over TCP.
//! The observer pairs requests with their replies and shows how many of each name were answered,
//! failed or were never answered, and how long that took.
//! Names, labels, buckets, order and number formats are those of
//! [php-wamp-observer](https://github.com/mevdschee/php-wamp-observer), so that its dashboards go
//! on working; the [sibling protocol](Protocol::Metrics) of php-observability is read as well.
//!
//! Start with [`Observer`]: it is told what was read and when, and gives the [`Snapshot`] from
//! which [`page`] writes what Prometheus scrapes.
//!
//! ```
//! use std::time::Duration;
//!
//! use flowgate_event::Timestamp;
//! use flowgate_observer::{Batch, ConnectionId, Intake, Limits, Observer, Protocol, page};
//!
//! let mut observer = Observer::new(Timestamp::EPOCH, Duration::from_millis(300), Limits::default(), 7);
//! let connection = ConnectionId(1);
//! let mut intake = Intake::new(Protocol::Wamp, Limits::default());
//! let mut batch = Batch::default();
//!
//! intake.feed(b"[\"wamp\",\"in\",\"[2,\\\"a1\\\",\\\"Reset\\\",{}]\"]\n", &mut batch);
//! observer.apply(Timestamp::EPOCH, connection, &mut batch);
//! intake.feed(b"[\"wamp\",\"in\",\"[3,\\\"a1\\\",{}]\"]\n", &mut batch);
//! observer.apply(Timestamp::from_nanos(4_000_000), connection, &mut batch);
//!
//! let text = page(&observer.snapshot());
//! assert!(text.contains("wamp_in_responses_seconds_count{message=\"Reset\"} 1\n"));
//! assert!(text.contains("wamp_in_responses_seconds_sum{message=\"Reset\"} 0.004\n"));
//! ```
//!
//! # What it must not do
//!
//! - Read a clock, open a socket or start a thread: the shell does, and passes in what it gets.
//! - Fail on what it is sent: every line that is not understood is counted in [`Counts`] and costs
//!   nobody else anything.
//! - Grow without bound: lines, open requests, families and label values have [`Limits`], and what
//!   is beyond them is counted or folded into `_other`, so that sums stay exact.

mod aggregate;
mod batch;
mod counts;
mod intake;
mod limits;
mod line;
mod observer;
mod page;
mod pending;
mod series;
mod snapshot;

pub use aggregate::Aggregate;
pub use batch::Batch;
pub use counts::Counts;
pub use intake::{Intake, Protocol};
pub use limits::Limits;
pub use observer::{ConnectionId, Observer};
pub use page::page;
pub use snapshot::{Durations, Family, Snapshot};

#[cfg(test)]
mod prop;
#[cfg(test)]
mod tests;
