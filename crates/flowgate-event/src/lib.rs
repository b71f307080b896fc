//! The vocabulary that Flowgate's layers share: timestamps, events, actions and their trace
//! contexts, and the seams of the router.
//!
//! Small on purpose: a crate that meters, records or authorizes depends on this one and on nothing
//! of the router. It must never grow behaviour.
//! Start with [`Observer`], which watches the router, and [`Gate`], which admits what sessions do.

mod context;
mod correlation;
mod gate;
mod observer;
mod stats;
mod step;
mod time;

pub use context::{ContextCounts, SpanId, TraceContext, TraceId};
pub use correlation::{Correlation, CorrelationSyntax};
pub use gate::{Answer, Disclosure, Gate, GateAction, GateRequest, Verdict};
pub use observer::{CallOutcome, Called, Event, EventKind, LeaveReason, Observer};
pub use stats::{Account, Report, Totals};
pub use step::{Position, Step};
pub use time::Timestamp;
