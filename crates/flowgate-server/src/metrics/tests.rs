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
async fn the_documentation_lists_every_family_as_it_is_registered() {
    let metrics = Metrics::new(Clock::start(), Vec::new(), Vec::new()).unwrap();
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
