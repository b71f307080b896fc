//! Parts of a scrape.

use crate::{Descriptor, Filter, Registry, encode};

fn registry() -> Registry {
    let registry = Registry::new();
    let calls =
        registry.counters(Descriptor::new("rpc_calls", "Calls."), ["realm", "name"]).unwrap();
    for (realm, name, count) in [("r1", "a", 1), ("r1", "b", 30), ("r1", "c", 20), ("r2", "a", 40)]
    {
        calls.with([realm, name]).add(count);
    }
    let open = registry.gauges(Descriptor::new("open", "Open."), ["realm"]).unwrap();
    open.with(["r1"]).add(-1);
    open.with(["r2"]).add(1);
    registry
}

/// The lines of samples.
fn lines(filter: &Filter) -> Vec<String> {
    let mut page = String::new();
    encode::text(&registry().scrape().filtered(filter), &mut page);
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    samples.filter(|line| !line.starts_with("metrics_")).map(str::to_owned).collect()
}

#[test]
fn everything_is_shown_unless_something_is_asked_for() {
    assert_eq!(lines(&Filter::default()).len(), 6);
}

#[test]
fn families_labels_and_the_highest_values_can_be_asked_for() {
    let filter = Filter {
        families: vec!["rpc_".into()],
        labels: vec![("realm".into(), "r1".into())],
        top: Some(2),
    };
    let expected = [
        "rpc_calls_total{realm=\"r1\",name=\"b\"} 30",
        "rpc_calls_total{realm=\"r1\",name=\"c\"} 20",
    ];
    assert_eq!(lines(&filter), expected);
    let top = Filter { families: vec!["open".into()], top: Some(1), ..Filter::default() };
    assert_eq!(lines(&top), ["open{realm=\"r2\"} 1"]);
    let unknown = Filter { labels: vec![("nothing".into(), String::new())], ..Filter::default() };
    assert_eq!(lines(&unknown), [] as [&str; 0]);
}

#[test]
fn families_know_how_many_series_they_have() {
    let registry = registry();
    let scrape = registry.scrape();
    let counts: Vec<_> =
        scrape.series_counts().filter(|(name, _)| !name.starts_with("metrics_")).collect();
    assert_eq!(counts, [("collector_errors", 0), ("open", 2), ("rpc_calls", 4)]);
}
