//! What a run prints.

use std::fmt;
use std::num::NonZeroU64;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::driver::Measured;

/// Which part of the requests that were due must have been sent.
const REACHED: f64 = 0.99;

const KIB: f64 = 1024.0;
const MIB: f64 = 1024.0 * 1024.0;

/// The result of a run that lost and altered nothing.
///
/// Its JSON names the fields as they are here; those that do not apply are `null`, or an empty
/// list.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The kind of load: `rpc`, `pubsub`, `topics`, `connect` or `idle`.
    pub scenario: &'static str,
    /// The router.
    pub url: String,
    /// The serializer of callers or publishers, by its short name.
    pub serializer: &'static str,
    /// The serializers of the callee or of the subscribers in turn.
    pub peer_serializers: Vec<&'static str>,
    /// What is counted: `call`, `event` or `session`.
    pub operation: &'static str,
    /// Octets of payload in each message; 0 where there is none.
    pub payload_bytes: usize,
    /// Over how many strings they are spread.
    pub string_count: usize,
    /// Sessions that were open at a time, without stalled and background ones.
    pub session_count: usize,
    /// How long was measured.
    pub duration_s: f64,
    /// Operations that were completed in that time.
    pub operation_count: u64,
    /// Messages that the load generator sent and received in that time.
    pub message_count: u64,
    /// Operations a second.
    pub operations_per_s: f64,
    /// The fixed rate, where one was asked for.
    pub rate: Option<Rate>,
    /// From request to reply, or to the event, or from opening to WELCOME.
    /// At a fixed rate it counts from when the request was due.
    pub latency: Option<Latency>,
    /// What the router's process used, where it was named.
    pub router: Option<RouterCost>,
    /// Memory of idle sessions, where the router's process was named.
    pub steps: Vec<Step>,
    /// Further subscriptions or registrations.
    pub background: Option<Background>,
    /// Subscribers that did not read.
    pub stalled: Option<Stalled>,
    /// CPU time of the load generator for each operation, in microseconds.
    pub load_cpu_us_per_operation: f64,
}

/// What became of a fixed rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    /// Requests a second that were asked for.
    pub asked_per_s: f64,
    /// Requests a second that were sent.
    pub sent_per_s: f64,
    /// Whether at least 99 of 100 requests were sent in the time in which they were due.
    pub reached: bool,
}

/// Idle sessions and the router's memory.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Step {
    /// Idle sessions, without the first one, which counts as base.
    pub session_count: usize,
    /// Resident memory with all of them.
    pub resident_bytes: u64,
    /// Growth over the base for each session.
    pub resident_bytes_per_session: f64,
    /// Growth over the step before for each session that came since.
    pub resident_bytes_per_further_session: f64,
}

/// Further subscriptions or registrations, which the load does not hit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Background {
    /// How many.
    pub entry_count: u64,
    /// How they match: `exact`, `prefix`, `wildcard` or `mixed`.
    pub match_policy: &'static str,
    /// How many were added a second.
    pub entries_per_s: f64,
    /// CPU time of the router to add one.
    pub router_cpu_us_per_entry: Option<f64>,
    /// Growth of the router's resident memory for each.
    pub router_bytes_per_entry: Option<f64>,
}

/// Subscribers that did not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stalled {
    /// How many.
    pub subscriber_count: usize,
    /// How many of them the router had disconnected by the end.
    pub disconnected_count: usize,
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
    /// The part of it in user mode, as far as the system's ticks tell.
    pub cpu_user_us_per_operation: Option<f64>,
    /// The part of it in system mode, as far as the system's ticks tell.
    pub cpu_system_us_per_operation: Option<f64>,
    /// User and system time for each message that the load generator sent or received.
    pub cpu_us_per_message: f64,
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
    pub(crate) fn of(measured: &Measured) -> Option<Self> {
        let (before, after) = measured.router?;
        let used = after.since(before);
        let cpu_us = |cpu_ns: f64| cpu_ns / 1e3 / measured.operation_count as f64;
        let ticks = used.user_ticks + used.system_ticks;
        // The ticks are coarse, their sum is not: only the ratio is taken from them.
        let part = |part: u64| (ticks > 0).then(|| cpu_us(used.cpu_ns as f64 * per(part, ticks)));
        Some(Self {
            cpu_us_per_operation: cpu_us(used.cpu_ns as f64),
            cpu_user_us_per_operation: part(used.user_ticks),
            cpu_system_us_per_operation: part(used.system_ticks),
            cpu_us_per_message: per(used.cpu_ns, measured.message_count) / 1e3,
            cpu_share: per(used.cpu_ns, measured.elapsed_ns),
            resident_bytes_before: before.resident_bytes,
            resident_bytes_after: after.resident_bytes,
            resident_bytes_per_session: None,
        })
    }
}

impl Rate {
    pub(crate) fn of(asked_per_s: NonZeroU64, measured: &Measured) -> Self {
        let asked_per_s = asked_per_s.get() as f64;
        let sent_per_s = per(measured.request_count, measured.elapsed_ns) * 1e9;
        Self { asked_per_s, sent_per_s, reached: sent_per_s >= asked_per_s * REACHED }
    }
}

/// The quotient; 0 where there is nothing to divide by.
pub(crate) fn per(amount: u64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { amount as f64 / count as f64 }
}

/// Width of the column with the names of the rows.
const NAME_WIDTH: usize = 16;

impl fmt::Display for Report {
    /// A table of two columns, without a line break at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, .. } = self;
        write!(f, "{} {} {}", self.scenario, self.url, self.serializer)?;
        if self.peer_serializers.iter().any(|peer| *peer != self.serializer) {
            write!(f, " to {}", self.peer_serializers.join("/"))?;
        }
        if self.payload_bytes > 0 {
            write!(f, ", {} B", self.payload_bytes)?;
        }
        if self.string_count > 1 {
            write!(f, " in {} strings", self.string_count)?;
        }
        write!(f, ", {} sessions", self.session_count)?;
        let mut row =
            |name: &str, text: fmt::Arguments<'_>| write!(f, "\n  {name:<NAME_WIDTH$}{text}");
        row(
            &format!("{operation}s"),
            format_args!("{} in {:.2} s", self.operation_count, self.duration_s),
        )?;
        row("throughput", format_args!("{:.0} {operation}s/s", self.operations_per_s))?;
        if let Some(rate) = self.rate {
            let reached = if rate.reached { "reached" } else { "NOT REACHED" };
            let (asked, sent) = (rate.asked_per_s, rate.sent_per_s);
            row("rate", format_args!("{asked:.0}/s asked for, {sent:.0}/s sent: {reached}"))?;
        }
        if let Some(latency) = self.latency {
            row("latency", format_args!("{latency}"))?;
        }
        if let Some(router) = self.router {
            router.rows(operation, &mut row)?;
        }
        for step in &self.steps {
            row(
                &format!("  {}", step.session_count),
                format_args!(
                    "{:.2} KiB/session, {:.2} KiB for each further one, {:.1} MiB",
                    step.resident_bytes_per_session / KIB,
                    step.resident_bytes_per_further_session / KIB,
                    step.resident_bytes as f64 / MIB,
                ),
            )?;
        }
        if let Some(background) = &self.background {
            let Background { entry_count, match_policy, entries_per_s, .. } = background;
            row(
                "background",
                format_args!("{entry_count} {match_policy} entries, added at {entries_per_s:.0}/s"),
            )?;
            if let Some(cpu_us) = background.router_cpu_us_per_entry
                && let Some(bytes) = background.router_bytes_per_entry
            {
                row("", format_args!("{cpu_us:.2} µs CPU and {bytes:.0} B of memory for each"))?;
            }
        }
        if let Some(Stalled { subscriber_count, disconnected_count }) = self.stalled {
            row(
                "stalled",
                format_args!(
                    "{subscriber_count} subscribers, {disconnected_count} disconnected by the router"
                ),
            )?;
        }
        row(
            "load generator",
            format_args!("{:.2} µs CPU/{operation}", self.load_cpu_us_per_operation),
        )
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50_us, p90_us, p99_us, p999_us, max_us } = self;
        write!(
            f,
            "p50 {p50_us:.0} µs, p90 {p90_us:.0} µs, p99 {p99_us:.0} µs, p99.9 {p999_us:.0} µs, \
             max {max_us:.0} µs"
        )
    }
}

impl RouterCost {
    fn rows(
        &self,
        operation: &str,
        row: &mut impl FnMut(&str, fmt::Arguments<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let parts = match (self.cpu_user_us_per_operation, self.cpu_system_us_per_operation) {
            (Some(user), Some(system)) => format!(" ({user:.2} user, {system:.2} system)"),
            _ => String::new(),
        };
        row(
            "router",
            format_args!(
                "{:.2} µs CPU/{operation}{parts}, {:.2} µs/message, {:.0} % of a CPU",
                self.cpu_us_per_operation,
                self.cpu_us_per_message,
                self.cpu_share * 100.0,
            ),
        )?;
        row(
            "router memory",
            format_args!(
                "{:.1} MiB before, {:.1} MiB after",
                self.resident_bytes_before as f64 / MIB,
                self.resident_bytes_after as f64 / MIB,
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Usage;
    use crate::record::histogram;

    fn measured() -> Measured {
        let before = Usage { cpu_ns: 500, user_ticks: 1, system_ticks: 1, resident_bytes: 1 << 20 };
        let after =
            Usage { cpu_ns: 4_000_500, user_ticks: 2, system_ticks: 4, resident_bytes: 3 << 20 };
        let mut latency = histogram().unwrap();
        (1..=1000).for_each(|us| latency.saturating_record(us * 1000));
        Measured {
            operation_count: 1000,
            message_count: 4000,
            request_count: 980,
            elapsed_ns: 1_000_000_000,
            latency,
            router: Some((before, after)),
            own_cpu_ns: 1_000_000,
        }
    }

    #[test]
    fn the_cost_of_the_router_is_divided_by_operations_and_messages() {
        let cost = RouterCost::of(&measured()).unwrap();
        let close = |left: f64, right: f64| (left - right).abs() < 1e-9;
        assert!(close(cost.cpu_us_per_operation, 4.0), "{cost:?}");
        assert!(close(cost.cpu_user_us_per_operation.unwrap(), 1.0), "{cost:?}");
        assert!(close(cost.cpu_system_us_per_operation.unwrap(), 3.0), "{cost:?}");
        assert!(close(cost.cpu_us_per_message, 1.0), "{cost:?}");
        assert!(close(cost.cpu_share, 0.004), "{cost:?}");
    }

    #[test]
    fn a_rate_is_reached_when_nearly_all_requests_were_sent() {
        let asked = |per_s| Rate::of(NonZeroU64::new(per_s).unwrap(), &measured()).reached;
        assert!(asked(980) && asked(989));
        assert!(!asked(991));
    }

    #[test]
    fn percentiles_are_those_of_the_histogram() {
        let latency = Latency::of(&measured().latency).unwrap();
        let near = |got: f64, due: f64| (got / due - 1.0).abs() < 0.002;
        for (got, due) in [
            (latency.p50_us, 500.0),
            (latency.p90_us, 900.0),
            (latency.p99_us, 990.0),
            (latency.p999_us, 999.0),
            (latency.max_us, 1000.0),
        ] {
            assert!(near(got, due), "{got} {due}");
        }
        assert_eq!(Latency::of(&histogram().unwrap()), None);
    }
}
