//! One run of the load generator, and what follows from several.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::cases::{Load, Metric};
use super::router::Router;

/// How long each run is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Duration {
    pub(super) warmup_s: f64,
    pub(super) measured_s: f64,
}

/// What one run measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    /// CPU µs for each operation, or KiB for each session; none for a router of unknown process.
    pub(super) cost: Option<f64>,
    pub(super) operations_per_s: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
}

/// Loads a router once; any lost or altered message is an error.
pub(super) fn measure(
    generator: &Path,
    load: &Load,
    metric: Metric,
    router: &Router,
    duration: Duration,
) -> Result<Sample> {
    let report = run(generator, load, router, duration)?;
    let number = |pointer: &str| report.pointer(pointer).and_then(Value::as_f64);
    let needed = |pointer: &str| {
        number(pointer).with_context(|| format!("the report has no number {pointer}"))
    };
    let cost = match (router.pid, metric) {
        (None, _) => None,
        (Some(_), Metric::Cpu) => Some(needed("/router/cpu_us_per_operation")?),
        (Some(_), Metric::Memory) => Some(needed("/router/resident_bytes_per_session")? / 1024.0),
    };
    Ok(Sample {
        cost,
        operations_per_s: needed("/operations_per_s")?,
        p50_us: needed("/latency/p50_us")?,
        p99_us: needed("/latency/p99_us")?,
    })
}

fn run(generator: &Path, load: &Load, router: &Router, duration: Duration) -> Result<Value> {
    let url = router.urls.of(load.transport).context("the router has no such transport")?;
    let mut command = Command::new(generator);
    command.args(&load.arguments).arg(url);
    command.args(["--serializer", load.format.option(), "--json"]);
    command.args(["--duration", &duration.measured_s.to_string()]);
    command.args(["--warmup", &duration.warmup_s.to_string()]);
    if let Some(pid) = router.pid {
        command.args(["--router-pid", &pid.to_string()]);
    }
    let output =
        command.stdin(Stdio::null()).output().context("cannot start the load generator")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}, {}", output.status, complaint.trim());
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The value in the middle and the outermost ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) least: f64,
    pub(super) median: f64,
    pub(super) most: f64,
}

impl Spread {
    /// None of no values; the median of an even number is the mean of the two in the middle.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let upper = *values.get(values.len() / 2)?;
        let lower = *values.get((values.len() - 1) / 2)?;
        Some(Self { least, median: lower.midpoint(upper), most })
    }

    /// The ratios of neighbouring runs, so that what disturbs both cancels out.
    pub(super) fn of_ratios(ours: &[Sample], theirs: &[Sample]) -> Option<Self> {
        Self::ratios_by(ours, theirs, |sample| sample.cost)
    }

    /// The same of the latency that half of the operations do not exceed.
    pub(super) fn of_latency_ratios(ours: &[Sample], theirs: &[Sample]) -> Option<Self> {
        Self::ratios_by(ours, theirs, |sample| Some(sample.p50_us))
    }

    fn ratios_by(
        ours: &[Sample],
        theirs: &[Sample],
        value: impl Fn(&Sample) -> Option<f64>,
    ) -> Option<Self> {
        let pairs = ours.iter().zip(theirs);
        Self::of(pairs.filter_map(|(ours, theirs)| Some(value(ours)? / value(theirs)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let spread = |values: &[f64]| Spread::of(values.iter().copied());
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { least: 1.0, median: 2.0, most: 3.0 }));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn ratios_are_those_of_neighbours() {
        let sample = |cost| Sample { cost, operations_per_s: 1.0, p50_us: 1.0, p99_us: 1.0 };
        let ours = [sample(Some(4.0)), sample(Some(6.0)), sample(None)];
        let theirs = [sample(Some(2.0)), sample(Some(2.0)), sample(Some(2.0))];
        let spread = Spread::of_ratios(&ours, &theirs).unwrap();
        assert_eq!((spread.least, spread.most), (2.0, 3.0));
    }
}
