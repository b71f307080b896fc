//! The catalogue is what the documentation says.

use std::{collections::BTreeSet, fmt::Write as _};

use flowgate_metrics::Listed;

use super::*;

fn row(listed: &Listed) -> String {
    let Listed { name, kind, labels, help, stat } = listed;
    let labels = labels.join(", ");
    format!("| `{name}` | {kind} | {labels} | `{stat}` | {help} |")
}

#[tokio::test]
async fn a_runtime_that_is_blocked_is_late_for_as_long() {
    const BLOCKED: Duration = Duration::from_millis(500);
    let metrics = Metrics::new(Clock::start(), Vec::new(), Vec::new(), Vec::new()).unwrap();
    let stall = &metrics.families.runtime_stall;
    let block = async {
        // The task that measures has planned its next timer by the time that it is polled again.
        tokio::task::yield_now().await;
        let started = metrics.clock.now();
        while metrics.clock.now().since(started) < BLOCKED {
            std::hint::spin_loop();
        }
        while stall.count() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = metrics.watch_stalls() => {}
        () = block => {}
    }
    let late = Duration::from_nanos(stall.sum());
    assert!(late >= BLOCKED / 2, "{late:?} late after {BLOCKED:?} without a look at timers");
}

#[tokio::test]
async fn the_documentation_lists_every_family_as_it_is_registered() {
    let metrics = Metrics::new(Clock::start(), Vec::new(), Vec::new(), Vec::new()).unwrap();
    let registered: BTreeSet<String> = metrics.registry.catalogue().iter().map(row).collect();
    let documentation = include_str!("../../../../docs/metrics.md");
    let rows = documentation.lines().filter(|line| line.starts_with("| `") && line.contains(". |"));
    let documented: BTreeSet<String> = rows.map(str::to_owned).collect();
    let mut differences = String::new();
    for missing in registered.difference(&documented) {
        writeln!(differences, "+{missing}").unwrap();
    }
    for superfluous in documented.difference(&registered) {
        writeln!(differences, "-{superfluous}").unwrap();
    }
    assert!(differences.is_empty(), "docs/metrics.md should change like this:\n{differences}");
}
