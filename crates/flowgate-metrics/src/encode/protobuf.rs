//! Prometheus protobuf: length-delimited `io.prometheus.client.MetricFamily` messages.
//!
//! Written by hand: the schema is five small messages, and a code generator would cost more to
//! build than this whole crate.
//! Source: `io/prometheus/client/metrics.proto` of the Prometheus client model, and "Native
//! Histograms" of the Prometheus documentation.

use super::text::ratio;
use crate::collector::CollectorKind;
use crate::descriptor::Unit;
use crate::exemplar::Exemplar;
use crate::family::Entry;
use crate::histogram::HistogramCore;
use crate::histogram::distribution::Distribution;
use crate::label::{Label, Labels};
use crate::scrape::{Scrape, View};
use crate::series::Core;

/// Appends a scrape as delimited protobuf, with native and classic buckets, exemplars, and start
/// timestamps if the registry knows the time.
pub fn protobuf(scrape: &Scrape, out: &mut Vec<u8>) {
    let mut family = Message::default();
    for view in scrape.present() {
        family.clear();
        write_family(view, &mut family);
        write_varint(family.0.len() as u64, out);
        out.extend_from_slice(&family.0);
    }
}

/// `MetricType`.
mod kind {
    pub(super) const COUNTER: u64 = 0;
    pub(super) const GAUGE: u64 = 1;
    pub(super) const HISTOGRAM: u64 = 4;
}

/// Below this, in units, values count as zero: 2^-128, what Prometheus' own libraries use.
const ZERO_THRESHOLD: f64 = 2.938_735_877_055_719e-39;

fn write_family(view: &View, out: &mut Message) {
    let identity = view.identity();
    let unit = identity.unit();
    let (kind, suffix) = match view {
        View::Counter(_) => (kind::COUNTER, "_total"),
        View::Gauge(_) | View::Percentage(_) => (kind::GAUGE, ""),
        View::Histogram(_) => (kind::HISTOGRAM, ""),
        View::Collected { collector, .. } => match collector.kind {
            CollectorKind::Counter => (kind::COUNTER, "_total"),
            CollectorKind::Gauge => (kind::GAUGE, ""),
            CollectorKind::Info => (kind::GAUGE, "_info"),
        },
    };
    out.text(1, &[&identity.family, suffix].concat());
    out.text(2, identity.help());
    out.varint(3, kind);
    match view {
        View::Counter(view) => {
            for (entry, total) in view.totals(Labels::fetch_values) {
                let exemplar = entry.series.core.exemplar.latest();
                let created_ns = entry.series.created_ns;
                let counter = |counter: &mut Message| {
                    counter.double(1, scaled(total, unit));
                    if let Some(latest) = exemplar {
                        counter.message(2, |out| write_exemplar(latest, unit, out));
                    }
                    counter.timestamp(3, created_ns);
                };
                out.metric(&view.family.labels, &entry.series.labels, 3, counter);
            }
        }
        View::Gauge(view) => {
            for (entry, total) in view.totals(Labels::fetch_values) {
                #[expect(clippy::cast_precision_loss, reason = "a float is what the format has")]
                let value = unit.scale(total as f64);
                out.gauge(&view.family.labels, &entry.series.labels, value);
            }
        }
        View::Percentage(view) => {
            for (entry, (part, whole)) in view.totals(Labels::fetch_values) {
                out.gauge(&view.family.labels, &entry.series.labels, ratio(part, whole));
            }
        }
        View::Histogram(view) => {
            let mut total = HistogramCore::zero(&view.family.spec);
            for entry in view.entries.iter() {
                total.clear();
                entry.read(&mut total);
                out.metric(&view.family.labels, &entry.series.labels, 7, |histogram| {
                    write_histogram(entry, &total, unit, histogram);
                });
            }
        }
        View::Collected { collector, samples } => {
            for (labels, value) in samples {
                match collector.kind {
                    CollectorKind::Counter => {
                        out.metric(&collector.labels, labels, 3, |counter| {
                            counter.double(1, *value);
                        });
                    }
                    CollectorKind::Gauge | CollectorKind::Info => {
                        out.gauge(&collector.labels, labels, *value);
                    }
                }
            }
        }
    }
    if let Some(unit) = unit.base() {
        out.text(5, unit);
    }
}

fn write_histogram(
    entry: &Entry<HistogramCore>,
    total: &Distribution,
    unit: Unit,
    out: &mut Message,
) {
    let native = total.native();
    // Readers compare this with the sum of the native buckets, and never find it below a classic
    // one, see `HistogramCell::read`.
    let count = if native.is_some() { total.native_count() } else { total.count() };
    out.varint(1, count);
    out.double(2, total.sum_in_units());
    let mut cumulative = 0_u64;
    for (index, (bound, count)) in total.layout.bounds.iter().zip(&total.classic).enumerate() {
        cumulative = cumulative.wrapping_add(*count);
        out.message(3, |bucket| {
            bucket.varint(1, cumulative);
            bucket.double(2, scaled(*bound, unit));
            if let Some(latest) = entry.series.core.exemplar(index) {
                bucket.message(3, |out| write_exemplar(latest, unit, out));
            }
        });
    }
    if let Some(native) = native {
        out.signed(5, i64::from(native.schema));
        out.double(6, ZERO_THRESHOLD);
        out.varint(7, total.zero);
        write_native(&native.buckets, out);
    }
    out.timestamp(15, entry.series.created_ns);
    // The bucket without a bound has no message of its own for its exemplar.
    if total.layout.is_native {
        let latest =
            (0..=total.layout.bounds.len()).filter_map(|index| entry.series.core.exemplar(index));
        for latest in latest {
            out.message(16, |out| write_exemplar(latest, unit, out));
        }
    }
}

/// Spans of adjacent buckets, and the difference of each count to the one before.
///
/// A histogram without values gets a span of length 0: by it a reader knows that it is native.
fn write_native(buckets: &[(i32, u64)], out: &mut Message) {
    let mut spans: Vec<(i32, u64)> = Vec::new();
    let mut next: Option<i32> = None;
    for (index, _) in buckets {
        match (spans.last_mut(), next) {
            (Some((_, length)), Some(next)) if *index == next => *length += 1,
            (_, next) => spans.push((index - next.unwrap_or_default(), 1)),
        }
        next = Some(index.saturating_add(1));
    }
    if spans.is_empty() {
        spans.push((0, 0));
    }
    for (offset, length) in spans {
        out.message(12, |span| {
            span.signed(1, i64::from(offset));
            span.varint(2, length);
        });
    }
    let mut before = 0_u64;
    for (_, count) in buckets {
        out.signed(13, count.wrapping_sub(before).cast_signed());
        before = *count;
    }
}

fn write_exemplar((recorded, exemplar): (u64, Exemplar), unit: Unit, out: &mut Message) {
    exemplar.labels.iter().for_each(|(name, value)| out.pair(name, value));
    out.double(2, scaled(recorded, unit));
    out.timestamp(3, exemplar.at.as_nanos());
}

fn scaled(recorded: u64, unit: Unit) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a float is what the format has")]
    unit.scale(recorded as f64)
}

/// A protobuf message being written.
#[derive(Debug, Default)]
struct Message(Vec<u8>);

/// Wire types.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const DELIMITED: u64 = 2;

impl Message {
    fn clear(&mut self) {
        self.0.clear();
    }

    fn key(&mut self, field: u64, wire_type: u64) {
        write_varint(field << 3 | wire_type, &mut self.0);
    }

    fn varint(&mut self, field: u64, value: u64) {
        self.key(field, VARINT);
        write_varint(value, &mut self.0);
    }

    /// `sint32` and `sint64`: small numbers are short, whatever their sign.
    fn signed(&mut self, field: u64, value: i64) {
        self.varint(field, ((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    fn double(&mut self, field: u64, value: f64) {
        self.key(field, FIXED64);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn text(&mut self, field: u64, value: &str) {
        self.key(field, DELIMITED);
        write_varint(value.len() as u64, &mut self.0);
        self.0.extend_from_slice(value.as_bytes());
    }

    /// A message within this one.
    fn message(&mut self, field: u64, write: impl FnOnce(&mut Self)) {
        self.key(field, DELIMITED);
        // Most lengths take one byte; the rest moves what is there already.
        let place = self.0.len();
        self.0.push(0);
        write(self);
        let length = self.0.len() - place - 1;
        match (u8::try_from(length), self.0.get_mut(place)) {
            (Ok(short @ ..0x80), Some(byte)) => *byte = short,
            _ => {
                let mut prefix = Vec::new();
                write_varint(length as u64, &mut prefix);
                self.0.splice(place..=place, prefix);
            }
        }
    }

    /// A `Metric` with its labels and its value in the given field.
    fn metric(
        &mut self,
        names: &[Label],
        labels: &Labels,
        field: u64,
        value: impl FnOnce(&mut Self),
    ) {
        self.message(4, |metric| {
            let pairs = names.iter().zip(labels.values());
            for (label, value) in pairs.filter(|(_, value)| !value.is_empty()) {
                metric.pair(label.name, value);
            }
            metric.message(field, value);
        });
    }

    fn gauge(&mut self, names: &[Label], labels: &Labels, value: f64) {
        self.metric(names, labels, 2, |gauge| gauge.double(1, value));
    }

    /// A `LabelPair` in field 1.
    fn pair(&mut self, name: &str, value: &str) {
        self.message(1, |pair| {
            pair.text(1, name);
            pair.text(2, value);
        });
    }

    /// A `google.protobuf.Timestamp`; left out if nobody knows the time.
    fn timestamp(&mut self, field: u64, nanos: u64) {
        if nanos != 0 {
            self.message(field, |timestamp| {
                timestamp.varint(1, nanos / 1_000_000_000);
                timestamp.varint(2, nanos % 1_000_000_000);
            });
        }
    }
}

pub(super) fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 128")]
    out.push(value as u8);
}
