//! Prometheus text, version 0.0.4.
//!
//! Source: "Exposition formats" of the Prometheus documentation.

use super::number::{canonical_bound, write_float, write_recorded, write_recorded_signed};
use crate::collector::CollectorKind;
use crate::descriptor::{Identity, Unit};
use crate::exemplar::Exemplar;
use crate::histogram::HistogramCore;
use crate::histogram::distribution::Distribution;
use crate::label::Labels;
use crate::scrape::{Scrape, View};
use crate::series::Core;

/// Appends a scrape as Prometheus text 0.0.4.
///
/// Counters are called `…_total` throughout, exemplars and native buckets are left out, since the
/// format has no place for them.
pub fn text(scrape: &Scrape, out: &mut String) {
    scrape.present().for_each(|view| write_family(view, Dialect::Text, out));
}

/// What the two text formats disagree about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// HELP, TYPE; families named as their samples.
    Text,
    /// TYPE, UNIT, HELP; families without `_total`; exemplars.
    OpenMetrics,
}

pub(super) fn write_family(view: &View, dialect: Dialect, out: &mut String) {
    let identity = view.identity();
    let unit = identity.unit();
    match view {
        View::Counter(view) => {
            write_head(identity, "counter", "_total", dialect, out);
            let name = line_start(identity, "_total");
            for (entry, total) in view.totals(Labels::fetch_text) {
                out.extend([name.as_str(), entry.series.labels.text()]);
                write_recorded(out, total, unit);
                if dialect == Dialect::OpenMetrics {
                    write_exemplar(entry.series.core.exemplar.latest(), unit, out);
                }
                out.push('\n');
            }
        }
        View::Gauge(view) => {
            write_head(identity, "gauge", "", dialect, out);
            let name = line_start(identity, "");
            for (entry, total) in view.totals(Labels::fetch_text) {
                out.extend([name.as_str(), entry.series.labels.text()]);
                write_recorded_signed(out, total, unit);
                out.push('\n');
            }
        }
        View::Percentage(view) => {
            write_head(identity, "gauge", "", dialect, out);
            let name = line_start(identity, "");
            for (entry, (part, whole)) in view.totals(Labels::fetch_text) {
                out.extend([name.as_str(), entry.series.labels.text()]);
                write_float(out, ratio(part, whole));
                out.push('\n');
            }
        }
        View::Histogram(view) => {
            write_head(identity, "histogram", "", dialect, out);
            let names = HistogramNames::new(identity, &view.family.spec.bounds);
            let mut total = HistogramCore::zero(&view.family.spec);
            for entry in view.entries.iter() {
                total.clear();
                entry.read(&mut total);
                let labels = &entry.series.labels;
                write_histogram(&names, labels, &total, out, |classic, out| {
                    if dialect == Dialect::OpenMetrics {
                        write_exemplar(entry.series.core.exemplar(classic), unit, out);
                    }
                });
            }
        }
        View::Collected { collector, samples } => {
            let (kind, suffix) = match (collector.kind, dialect) {
                (CollectorKind::Counter, _) => ("counter", "_total"),
                (CollectorKind::Gauge, _) => ("gauge", ""),
                (CollectorKind::Info, Dialect::Text) => ("gauge", "_info"),
                (CollectorKind::Info, Dialect::OpenMetrics) => ("info", "_info"),
            };
            write_head(identity, kind, suffix, dialect, out);
            let name = line_start(identity, suffix);
            for (labels, value) in samples {
                out.extend([name.as_str(), labels.text()]);
                write_float(out, *value);
                out.push('\n');
            }
        }
    }
}

/// A share of 1; not a number of nothing.
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a float is what every format has")]
    let ratio = part as f64 / whole as f64;
    ratio
}

/// The comment lines of a family; `suffix` is what its samples' names end in.
fn write_head(identity: &Identity, kind: &str, suffix: &str, dialect: Dialect, out: &mut String) {
    let name = &identity.family;
    match dialect {
        Dialect::Text => {
            out.extend(["# HELP ", name, suffix, " "]);
            escape_help(identity.help(), dialect, out);
            out.extend(["\n# TYPE ", name, suffix, " ", kind, "\n"]);
        }
        Dialect::OpenMetrics => {
            out.extend(["# TYPE ", name, " ", kind, "\n"]);
            if let Some(unit) = identity.unit().base() {
                out.extend(["# UNIT ", name, " ", unit, "\n"]);
            }
            out.extend(["# HELP ", name, " "]);
            escape_help(identity.help(), dialect, out);
            out.push('\n');
        }
    }
}

fn escape_help(help: &str, dialect: Dialect, out: &mut String) {
    for c in help.chars() {
        match (c, dialect) {
            ('\\', _) => out.push_str("\\\\"),
            ('\n', _) => out.push_str("\\n"),
            ('"', Dialect::OpenMetrics) => out.push_str("\\\""),
            (c, _) => out.push(c),
        }
    }
}

fn line_start(identity: &Identity, suffix: &str) -> String {
    [&identity.family, suffix].concat()
}

/// What the lines of a histogram have in common.
struct HistogramNames {
    /// `name_bucket{`
    bucket: String,
    /// `le="0.005"} ` for each bound, and `+Inf`.
    bounds: Vec<String>,
    sum: String,
    count: String,
}

impl HistogramNames {
    fn new(identity: &Identity, bounds: &[u64]) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a bound is written as a float")]
        let bounds =
            bounds.iter().map(|bound| canonical_bound(identity.unit().scale(*bound as f64)));
        let bounds = bounds.chain([String::from("+Inf")]);
        Self {
            bucket: line_start(identity, "_bucket{"),
            bounds: bounds.map(|bound| format!("le=\"{bound}\"}} ")).collect(),
            sum: line_start(identity, "_sum"),
            count: line_start(identity, "_count"),
        }
    }
}

fn write_histogram(
    names: &HistogramNames,
    labels: &Labels,
    total: &Distribution,
    out: &mut String,
    exemplar: impl Fn(usize, &mut String),
) {
    let (mut cumulative, pairs) = (0_u64, labels.pairs());
    for (index, (count, bound)) in total.classic.iter().zip(&names.bounds).enumerate() {
        cumulative = cumulative.wrapping_add(*count);
        out.push_str(&names.bucket);
        out.push_str(pairs);
        if !pairs.is_empty() {
            out.push(',');
        }
        out.push_str(bound);
        write_recorded(out, cumulative, Unit::None);
        exemplar(index, out);
        out.push('\n');
    }
    out.extend([names.sum.as_str(), labels.text()]);
    write_recorded(out, total.sum, total.layout.unit);
    out.push('\n');
    out.extend([names.count.as_str(), labels.text()]);
    write_recorded(out, cumulative, Unit::None);
    out.push('\n');
}

/// ` # {trace_id="…"} 0.25 1600000000.5`
fn write_exemplar(latest: Option<(u64, Exemplar)>, unit: Unit, out: &mut String) {
    let Some((recorded, exemplar)) = latest else { return };
    out.push_str(" # {");
    exemplar.write_labels(out);
    out.push_str("} ");
    write_recorded(out, recorded, unit);
    out.push(' ');
    write_recorded(out, exemplar.at.as_nanos(), Unit::Seconds);
}
