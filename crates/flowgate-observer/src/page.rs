//! The page that Prometheus scrapes.

use std::fmt::Write;
use std::time::Duration;

use crate::{
    Family, Snapshot,
    snapshot::{BUCKETS, Durations},
};

/// Everything measured in the Prometheus text format 0.0.4, as php-wamp-observer writes it.
///
/// Families come in the order of their names, label values in theirs, octet by octet; sums have
/// three decimals; the last line is `# EOF`.
/// Serve it as `text/plain; version=0.0.4; charset=utf-8`: as OpenMetrics, Prometheus would give
/// some series other names.
#[must_use]
pub fn page(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    for family in &snapshot.families {
        // Writing to a string cannot fail.
        let _ = write_family(&mut text, family);
    }
    text.push_str("# EOF\n");
    text
}

fn write_family(to: &mut String, family: &Family) -> std::fmt::Result {
    let Family { name, label, counters, durations, buckets } = family;
    let words = name.replace('_', " ");
    if !counters.is_empty() {
        writeln!(to, "# TYPE {name} counter")?;
        writeln!(to, "# HELP {name} A counter of the {words}.")?;
        for (value, count) in counters {
            write!(to, "{name}_total{{{label}=\"")?;
            write_escaped(to, value);
            writeln!(to, "\"}} {count}")?;
        }
    }
    if durations.is_empty() {
        return Ok(());
    }
    writeln!(to, "# TYPE {name}_seconds summary")?;
    writeln!(to, "# UNIT {name}_seconds seconds")?;
    writeln!(to, "# HELP {name}_seconds A summary of the {words}.")?;
    let mut total = Durations::default();
    for (value, one) in durations {
        total.add(*one);
        write!(to, "{name}_seconds_count{{{label}=\"")?;
        write_escaped(to, value);
        writeln!(to, "\"}} {}", one.count)?;
        write!(to, "{name}_seconds_sum{{{label}=\"")?;
        write_escaped(to, value);
        writeln!(to, "\"}} {}", Seconds(one.sum))?;
    }
    writeln!(to, "# TYPE {name}_total_seconds histogram")?;
    writeln!(to, "# UNIT {name}_total_seconds seconds")?;
    writeln!(to, "# HELP {name}_total_seconds A histogram of the {words}.")?;
    let mut cumulative = 0_u64;
    for ((_, bound), count) in BUCKETS.iter().zip(buckets) {
        cumulative = cumulative.saturating_add(*count);
        writeln!(to, "{name}_total_seconds_bucket{{le=\"{bound}\"}} {cumulative}")?;
    }
    writeln!(to, "{name}_total_seconds_bucket{{le=\"+Inf\"}} {}", total.count)?;
    writeln!(to, "{name}_total_seconds_sum {}", Seconds(total.sum))?;
    writeln!(to, "{name}_total_seconds_count {}", total.count)
}

/// Seconds with three decimals, rounded to the nearest.
struct Seconds(Duration);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rounded = self.0.saturating_add(Duration::from_micros(500));
        write!(f, "{}.{:03}", rounded.as_secs(), rounded.subsec_millis())
    }
}

/// A label value as the text format has it: only these three are escaped.
fn write_escaped(to: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '\\' => to.push_str("\\\\"),
            '"' => to.push_str("\\\""),
            '\n' => to.push_str("\\n"),
            c => to.push(c),
        }
    }
}
