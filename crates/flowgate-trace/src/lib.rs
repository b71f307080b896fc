//! Message tracing: records of WAMP messages and actions, as they pass through a router.
//!
//! Usable with any router: nothing here knows Flowgate's.
//! Each worker has a [`Recorder`], which is told the [`Facts`] about each message while the
//! [`Switch`] is on; a [`Collector`] brings the records of all workers to the traces of a
//! [`Registry`], which filter, assemble [actions](ActionRecord), limit, redact and keep them.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//!
//! use flowgate_event::{Correlation, Timestamp};
//! use flowgate_trace::*;
//! use flowgate_wire::MessageType;
//!
//! let (switch, start) = (Arc::new(Switch::new()), Timestamp::from_nanos(1_700_000_000_000_000_000));
//! let node = Node { node_id: "node1".into(), worker_id: "router".into(), origin: start, seed: 7 };
//! let mut registry = Registry::new(Arc::clone(&switch), node, None);
//! let id = registry.create(None, TraceOptions::default())?;
//! registry.start(&id, start)?;
//!
//! // In each worker: one relaxed load per message while nothing is traced.
//! let (mut recorder, tap) = Recorder::new(Arc::clone(&switch), 4096, start);
//! if recorder.is_on() {
//!     let who = Arc::new(Identity { realm: "realm1".into(), ..Identity::default() });
//!     let mut facts = Facts::new(start, Direction::Rx, MessageType::Publish, &who);
//!     let correlation = Correlation::new(1).unwrap();
//!     let uri = Some("com.example.topic");
//!     facts.step = Some(Step { correlation, uri, position: Position::Only, context: None });
//!     assert_eq!(recorder.record(&facts), Recorded::Yes);
//! }
//!
//! // In the one thread of the collector, every few milliseconds:
//! let mut collector = Collector::new(Duration::from_millis(10));
//! collector.add(tap);
//! let now = start.after(Duration::from_millis(250));
//! collector.collect(now, &mut registry);
//! registry.tick(now);
//! for notice in registry.take_notices() {
//!     if let Notice::Data(_, _, records) = notice {
//!         println!("{}", line(&records[0], Style::Plain));
//!     }
//! }
//! # assert_eq!(registry.data(&id, DataRange::new(0, None, None)?)?.len(), 1);
//! # Ok::<(), RegistryError>(())
//! ```
//!
//! # What it must not do
//!
//! - Read a clock or start a thread: moments are passed in, and the shell calls the collector.
//! - Slow a worker down: recording takes no lock, never waits, and copies no payload; what finds no
//!   room is dropped, counted, and shown as the gap in front of the next record.
//! - Keep secrets: AUTHENTICATE and CHALLENGE are recorded without their content, and so are the
//!   authentication details of HELLO and WELCOME.
//! - Grow without bound: rings, open actions, messages that wait for their actions, memory and
//!   files all have limits, and each says when it was reached.
//!
//! Files are written by [`Segments`] alone, through the [`Files`] seam, in the collector's thread.
//!
//! # OpenTelemetry
//!
//! The feature `otlp` adds spans in the OpenTelemetry protocol: an encoder, and an exporter with a
//! bounded queue that makes requests and takes their answers.
//! It stands on prost with the dozen messages that spans need, and not on the opentelemetry crates:
//! those bring the SDK and the futures crates, take more than three times as long to build (25 s of
//! processor time against 7 s), and their exporters have threads and clocks of their own, which this
//! crate must not have.
//! The requests are plain POSTs, which the HTTP client of the shell sends.

mod action;
mod collector;
mod export;
mod facts;
mod filter;
mod frame;
mod options;
mod query;
mod record;
mod recorder;
mod redaction;
mod registry;
mod sampling;
mod store;
mod switch;
mod time;
mod trace;

pub use action::{Assembler, Finished, Relevance};
pub use collector::Collector;
pub use export::{
    AttributeValue, ImportError, Link, Span, SpanKind, SpanStatus, Style, cbor, line, ndjson,
    pcapng, perfetto, read_ndjson, spans, waterfall,
};
#[cfg(feature = "otlp")]
pub use export::{OTLP_CONTENT_TYPE, OtlpAnswer, OtlpCounts, OtlpExporter, OtlpLimits, otlp};
pub use facts::{Direction, Encryption, Facts, Identity, Object, Undelivered};
pub use filter::Filter;
pub use flowgate_event::{ContextCounts, Position, SpanId, Step, TraceContext, TraceId};
pub use frame::Frame;
pub use options::{
    OptionsError, OptionsProblem, PayloadCapture, Persistence, TraceLevel, TraceOptions,
    options_from_texts,
};
pub use query::{Query, QueryPage};
pub use record::{
    ActionRecord, MessageRecord, Outcome, RESPONDERS_COUNT_MAX, Record, RecordedEncryption,
    RecordedStep, Responder, Spans, type_from_name, type_name,
};
pub use recorder::{Recorded, Recorder, Tap};
pub use redaction::{KeyPath, REDACTED};
pub use registry::{
    DATA_COUNT_MAX, DataRange, Info, Node, Notice, OpenFiles, Period, Registry, RegistryError,
    Status, StopReason, Totals, WithStopped,
};
pub use sampling::Sampling;
pub use store::{
    Block, Files, Folder, Recovery, Segment, SegmentError, SegmentFile, Segments, SegmentsLimits,
    StoreError,
};
pub use switch::Switch;
