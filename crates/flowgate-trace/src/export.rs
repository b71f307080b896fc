//! Records in the formats of other tools, and as text.

mod cbor;
mod ndjson;
#[cfg(feature = "otlp")]
mod otlp;
mod pcapng;
mod perfetto;
mod span;
mod text;

use std::time::Duration;

use flowgate_event::Timestamp;

pub use cbor::cbor;
pub use ndjson::{ImportError, ndjson, read_ndjson};
#[cfg(feature = "otlp")]
pub use otlp::{OTLP_CONTENT_TYPE, OtlpAnswer, OtlpCounts, OtlpExporter, OtlpLimits, otlp};
pub use pcapng::pcapng;
pub use perfetto::perfetto;
pub use span::{AttributeValue, Link, Span, SpanKind, SpanStatus, spans};
pub use text::{Style, line, waterfall};

use crate::action::{Assembler, Relevance};
use crate::record::{ActionRecord, Record};

/// The actions among the records and those that their messages make up, in the order of their ends.
fn actions(records: &[Record]) -> Vec<ActionRecord> {
    let mut assembler = Assembler::new(usize::MAX, Duration::MAX);
    let mut actions = Vec::new();
    let mut end = Timestamp::EPOCH;
    for record in records {
        end = end.max(record.at());
        match record {
            Record::Message(message) => {
                let take = |finished: crate::Finished| actions.push(finished.action);
                assembler.observe(message, Relevance::Relevant, take);
            }
            Record::Action(action) => actions.push(action.clone()),
        }
    }
    assembler.stop(end, |finished| actions.push(finished.action));
    actions
}

#[cfg(test)]
mod tests;
