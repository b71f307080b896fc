//! What a run prints.

use std::fmt;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::process::Usage;

/// The result of a run that lost and altered nothing.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The kind of load: `rpc`, `pubsub`, `topics`, `connect` or `idle`.
    pub scenario: &'static str,
    /// The router.
    pub url: String,
    /// The serializer, by its short name.
    pub serializer: &'static str,
    /// What is counted: `call`, `event` or `session`.
    pub operation: &'static str,
    /// Octets of payload in each message; 0 where there is none.
    pub payload_bytes: usize,
    /// Sessions that were open at a time.
    pub session_count: usize,
    /// How long was measured.
    pub duration_s: f64,
    /// Operations that were completed in that time.
    pub operation_count: u64,
    /// Operations a second.
    pub operations_per_s: f64,
    /// From request to reply, or to the event, or from opening to WELCOME.
    pub latency: Option<Latency>,
    /// What the router's process used, where it was named.
    pub router: Option<RouterCost>,
    /// CPU time of the load generator for each operation, in microseconds.
    pub load_cpu_us_per_operation: f64,
}

/// Percentiles in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// Half of the operations took at most that long.
    pub p50_us: f64,
    /// 90 of 100.
    pub p90_us: f64,
    /// 99 of 100.
    pub p99_us: f64,
    /// 999 of 1000.
    pub p999_us: f64,
    /// The slowest.
    pub max_us: f64,
}

/// What the router's process used while the run was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RouterCost {
    /// User and system time for each operation.
    pub cpu_us_per_operation: f64,
    /// User and system time, as a part of one CPU.
    pub cpu_share: f64,
    /// Resident memory at the beginning.
    pub resident_bytes_before: u64,
    /// Resident memory at the end.
    pub resident_bytes_after: u64,
    /// Growth of the resident memory for each session that was opened in between.
    pub resident_bytes_per_session: Option<f64>,
}

impl Latency {
    pub(crate) fn of(histogram: &Histogram<u64>) -> Option<Self> {
        let quantile = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        (!histogram.is_empty()).then(|| Self {
            p50_us: quantile(0.5),
            p90_us: quantile(0.9),
            p99_us: quantile(0.99),
            p999_us: quantile(0.999),
            max_us: histogram.max() as f64 / 1e3,
        })
    }
}

impl RouterCost {
    pub(crate) fn between(before: Usage, after: Usage, operations: u64, elapsed_ns: u64) -> Self {
        let cpu_ns = after.cpu_ns.saturating_sub(before.cpu_ns);
        Self {
            cpu_us_per_operation: per(cpu_ns, operations) / 1e3,
            cpu_share: per(cpu_ns, elapsed_ns),
            resident_bytes_before: before.resident_bytes,
            resident_bytes_after: after.resident_bytes,
            resident_bytes_per_session: None,
        }
    }
}

/// The quotient; 0 where there is nothing to divide by.
pub(crate) fn per(amount: u64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { amount as f64 / count as f64 }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, url, serializer, operation, payload_bytes, .. } = self;
        writeln!(
            f,
            "{scenario} {url} {serializer}, {payload_bytes} B, {} sessions",
            self.session_count
        )?;
        writeln!(
            f,
            "  {:.0} {operation}s/s ({} in {:.2} s)",
            self.operations_per_s, self.operation_count, self.duration_s
        )?;
        if let Some(latency) = self.latency {
            writeln!(
                f,
                "  latency: p50 {:.0} µs, p90 {:.0} µs, p99 {:.0} µs, p99.9 {:.0} µs, max {:.0} µs",
                latency.p50_us, latency.p90_us, latency.p99_us, latency.p999_us, latency.max_us
            )?;
        }
        if let Some(router) = self.router {
            writeln!(
                f,
                "  router: {:.2} µs CPU/{operation}, {:.0} % of a CPU, {:.1} MiB resident",
                router.cpu_us_per_operation,
                router.cpu_share * 100.0,
                router.resident_bytes_after as f64 / f64::from(1 << 20)
            )?;
            if let Some(bytes) = router.resident_bytes_per_session {
                writeln!(f, "  router: {:.2} KiB for each session", bytes / 1024.0)?;
            }
        }
        write!(f, "  load generator: {:.2} µs CPU/{operation}", self.load_cpu_us_per_operation)
    }
}
