//! Metrics of message tracing.

use std::sync::Arc;

use flowgate_metrics::{CollectorKind, Descriptor, Label, Registration, Registry, Samples, Unit};

use super::MetricsError;
use crate::tracing::TraceCounts;

/// Registers everything; the metrics stay as long as what is returned.
pub(super) fn register(
    registry: &Registry,
    counts: &Arc<TraceCounts>,
) -> Result<Vec<Registration>, MetricsError> {
    let of = Arc::clone(counts);
    let records = registry.pull(
        named("trace_records", "Records", "Records that traces have got."),
        CollectorKind::Counter,
        move || Ok(float(of.records())),
    )?;
    let of = Arc::clone(counts);
    let dropped = registry.collect(
        named("trace_dropped", "Dropped", "Records that are missing from traces.")
            .container_label("reason"),
        CollectorKind::Counter,
        [Label::closed("reason")],
        move |samples: &mut Samples<1>| {
            for (loss, count) in of.dropped() {
                samples.push([loss.name()], float(count));
            }
            Ok(())
        },
    )?;
    let of = Arc::clone(counts);
    let stored = registry.collect(
        named("trace_store", "Store", "What the records of all traces take.")
            .container_label("place")
            .unit(Unit::Bytes),
        CollectorKind::Gauge,
        [Label::closed("place")],
        move |samples: &mut Samples<1>| {
            for (place, bytes) in of.stored_bytes() {
                samples.push([place], float(bytes));
            }
            Ok(())
        },
    )?;
    let of = Arc::clone(counts);
    let spans = registry.collect(
        named("trace_spans", "Spans", "Spans for the collector, by what has become of them.")
            .container_label("result"),
        CollectorKind::Counter,
        [Label::closed("result")],
        move |samples: &mut Samples<1>| {
            for (fate, count) in of.spans() {
                samples.push([fate.name()], float(count));
            }
            Ok(())
        },
    )?;
    Ok(vec![records, dropped, stored, spans])
}

#[expect(clippy::cast_precision_loss, reason = "what a process counts is below 2^53")]
const fn float(count: u64) -> f64 {
    count as f64
}

fn named(name: &'static str, short_name: &'static str, help: &'static str) -> Descriptor {
    Descriptor::new(name, help).stat("trace", short_name)
}
