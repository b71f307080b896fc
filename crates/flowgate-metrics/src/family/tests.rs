//! Series that come, go and are folded, against sums that are computed on the side.

use std::collections::BTreeMap;

use flowgate_event::Timestamp;
use proptest::prelude::*;

use super::IDLE_TICKS;
use crate::{
    Counter, Descriptor, Family, Gauge, Label, LocalCounter, Metric, OTHER, Registry,
    RegistryConfig,
};

const LIMIT: usize = 3;

fn registry() -> Registry {
    Registry::with_config(RegistryConfig { series_limit: LIMIT, ..RegistryConfig::default() })
        .unwrap()
}

fn calls(registry: &Registry) -> Family<Counter, 2> {
    let labels = [Label::open("name"), Label::closed("outcome")];
    registry.counters(Descriptor::new("calls", "Calls."), labels).unwrap()
}

/// What is shown: label values and totals.
fn shown(family: &Family<Counter, 2>) -> BTreeMap<Vec<String>, u64> {
    let entries = family.core.view();
    let shown = entries.iter().map(|entry| {
        let mut total = 0;
        entry.read(&mut total);
        (entry.series.labels.values().map(str::to_owned).collect(), total)
    });
    shown.collect()
}

fn count(family: &Family<Counter, 2>, name: &str, outcome: &str) -> Option<u64> {
    shown(family).get(&vec![name.to_owned(), outcome.to_owned()]).copied()
}

fn let_pass(registry: &Registry, ticks: u64) {
    (0..ticks).for_each(|tick| registry.sample(Timestamp::from_nanos(tick)));
}

#[test]
fn newcomers_are_counted_as_other_while_all_are_in_use() {
    let registry = registry();
    let family = calls(&registry);
    for name in ["a", "b", "c", "d", "e"] {
        family.with([name, "ok"]).inc();
    }
    family.with(["e", "error"]).inc();
    assert_eq!(count(&family, "c", "ok"), Some(1));
    assert_eq!(count(&family, "d", "ok"), None);
    assert_eq!(count(&family, OTHER, "ok"), Some(2));
    assert_eq!(count(&family, OTHER, "error"), Some(1), "closed labels are kept");
    let stats = registry.stats();
    let overflow = crate::encode::console::show(&stats, &["metrics.calls"], crate::Verbosity::Info);
    assert_eq!(overflow.unwrap(), "metrics.calls.LabelOverflow : 3 folds\n");
}

#[test]
fn the_longest_unused_is_folded_and_its_handles_go_on_counting() {
    let registry = registry();
    let family = calls(&registry);
    let handles = ["a", "b", "c"].map(|name| family.with([name, "ok"]));
    let local = handles[1].local(&registry.shard());
    handles.iter().for_each(Counter::inc);
    let_pass(&registry, IDLE_TICKS);
    handles[0].inc();
    handles[2].inc();
    let_pass(&registry, 1);
    family.with(["d", "ok"]).add(10);
    assert_eq!(count(&family, "b", "ok"), None);
    assert_eq!(count(&family, "d", "ok"), Some(10));
    assert_eq!(count(&family, OTHER, "ok"), Some(1));
    handles[1].add(100);
    local.add(1000);
    assert_eq!(count(&family, OTHER, "ok"), Some(1101));
    drop((handles, local));
    // Folding another one adds up those that have no handle left.
    let_pass(&registry, IDLE_TICKS + 1);
    family.with(["e", "ok"]).inc();
    assert_eq!(count(&family, OTHER, "ok"), Some(1103), "and a or c with 2");
    let folded = |family: &Family<Counter, 2>| {
        let entries = family.core.view();
        entries.iter().filter_map(|e| e.folded.as_ref()).map(|f| f.live.len()).sum::<usize>()
    };
    assert_eq!(folded(&family), 1, "only the one that was folded last is not added up yet");
}

#[test]
fn a_gauge_that_stands_above_zero_is_never_folded() {
    let registry = registry();
    let family: Family<Gauge, 1> =
        registry.gauges(Descriptor::new("open", "Open."), ["name"]).unwrap();
    let held: Vec<_> = ["a", "b", "c"].map(|name| family.with([name]).hold()).into();
    let_pass(&registry, IDLE_TICKS * 2);
    let _d = family.with(["d"]).hold();
    assert_eq!(family.with([OTHER]).value(), 1);
    drop(held);
    let_pass(&registry, IDLE_TICKS * 2);
    let _e = family.with(["e"]).hold();
    assert_eq!(family.with(["e"]).value(), 1);
    assert_eq!(family.with([OTHER]).value(), 1);
}

#[test]
fn a_scoped_series_goes_with_its_last_owner() {
    let registry = registry();
    let family = calls(&registry);
    let first = family.scoped(["a", "ok"]);
    let second = family.scoped(["a", "ok"]);
    first.inc();
    second.inc();
    drop(first);
    assert_eq!(count(&family, "a", "ok"), Some(2));
    drop(second);
    assert_eq!(count(&family, "a", "ok"), None);
    let scoped = family.scoped(["b", "ok"]);
    family.with(["b", "ok"]).inc();
    drop(scoped);
    assert_eq!(count(&family, "b", "ok"), Some(1), "asked for without an end too");
}

#[test]
fn handles_by_values_follow_folding_and_removal() {
    let registry = registry();
    let family = calls(&registry);
    let mut local = family.local(&registry.shard());
    let scoped = family.scoped(["a", "ok"]);
    local.with(["b", "ok"], LocalCounter::inc);
    drop(scoped);
    for name in ["c", "d", "e", "e", "b"] {
        local.with([name, "ok"], LocalCounter::inc);
    }
    assert_eq!(count(&family, "b", "ok"), Some(2));
    assert_eq!(count(&family, OTHER, "ok"), Some(2));
    assert_eq!(local.handles.len(), LIMIT, "what is folded fills no memory");
    let_pass(&registry, IDLE_TICKS + 1);
    local.with(["e", "ok"], LocalCounter::inc);
    assert_eq!(count(&family, "e", "ok"), Some(1));
    assert_eq!(shown(&family).values().sum::<u64>(), 7);
}

#[test]
fn a_handle_by_values_gets_a_series_of_its_own_again_when_there_is_room() {
    let registry = registry();
    let family = calls(&registry);
    let mut local = family.local(&registry.shard());
    for name in ["a", "b", "c"] {
        local.with([name, "ok"], LocalCounter::inc);
    }
    let_pass(&registry, IDLE_TICKS);
    family.with(["b", "ok"]).inc();
    family.with(["c", "ok"]).inc();
    let_pass(&registry, 1);
    family.with(["d", "ok"]).inc();
    assert_eq!(count(&family, OTHER, "ok"), Some(1), "a is folded");
    let_pass(&registry, IDLE_TICKS + 1);
    local.with(["a", "ok"], |counter| counter.add(5));
    assert_eq!(count(&family, "a", "ok"), Some(5));
}

#[derive(Debug, Clone)]
enum Step {
    Count { name: u8, outcome: bool, amount: u8, how: u8 },
    Pass { ticks: u8 },
    Forget,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let count = (0..8_u8, any::<bool>(), 1..9_u8, 0..4_u8)
        .prop_map(|(name, outcome, amount, how)| Step::Count { name, outcome, amount, how });
    let pass = (1..60_u8).prop_map(|ticks| Step::Pass { ticks });
    proptest::collection::vec(prop_oneof![6 => count, 2 => pass, 1 => Just(Step::Forget)], 0..120)
}

proptest! {
    /// Whatever is counted, by whatever handle, however old: the sum by outcome is exact, the number
    /// of series is bounded, and every place in the index is right.
    #[test]
    fn sums_survive_folding(steps in steps()) {
        let registry = registry();
        let family = calls(&registry);
        let shards = [registry.shard(), registry.shard()];
        let mut by_values = family.local(&shards[0]);
        let mut old = Vec::new();
        let mut sums = BTreeMap::new();
        for step in steps {
            match step {
                Step::Count { name, outcome, amount, how } => {
                    let outcome = if outcome { "ok" } else { "error" };
                    let (name, amount) = (format!("n{name}"), u64::from(amount));
                    *sums.entry(outcome.to_owned()).or_insert(0) += amount;
                    match how {
                        0 => by_values.with([&name, outcome], |counter| counter.add(amount)),
                        1 => family.with([&name, outcome]).add(amount),
                        2 => family.with([&name, outcome]).local(&shards[1]).add(amount),
                        _ => {
                            // An old handle, for whatever it is shown as by now.
                            let handle = family.with([&name, outcome]);
                            handle.add(amount);
                            old.push((outcome.to_owned(), handle));
                            if let Some((outcome, handle)) = old.first() {
                                handle.inc();
                                *sums.entry(outcome.clone()).or_insert(0) += 1;
                            }
                        }
                    }
                }
                Step::Pass { ticks } => let_pass(&registry, ticks.into()),
                Step::Forget => old.clear(),
            }
            let shown = shown(&family);
            let mut by_outcome = BTreeMap::new();
            for (values, total) in &shown {
                *by_outcome.entry(values[1].clone()).or_insert(0) += total;
            }
            prop_assert_eq!(&by_outcome, &sums);
            let own = shown.keys().filter(|values| values[0] != OTHER).count();
            prop_assert!(own <= LIMIT);
            let state = family.core.state();
            prop_assert_eq!(state.open_count, own);
            prop_assert_eq!(state.index.len(), state.view.len());
            for (index, entry) in state.view.iter().enumerate() {
                prop_assert_eq!(state.position(&entry.series), Some(index));
            }
        }
    }
}

#[test]
fn threads_count_exactly_while_series_are_folded_and_read() {
    let registry = registry();
    let family = calls(&registry);
    let names: Vec<String> = (0..12).map(|n| format!("n{n}")).collect();
    std::thread::scope(|scope| {
        for thread in 0..3_usize {
            let (registry, family, names) = (&registry, &family, &names);
            scope.spawn(move || {
                let mut local = family.local(&registry.shard());
                for round in 0..20_000_usize {
                    let name = &names[(round / 500 + thread) % names.len()];
                    local.with([name, "ok"], LocalCounter::inc);
                }
            });
        }
        let mut last = 0;
        while last < 60_000 {
            let_pass(&registry, IDLE_TICKS);
            let sum = shown(&family).values().sum();
            assert!(sum >= last, "{sum} after {last}");
            last = sum;
        }
        assert_eq!(last, 60_000);
    });
}
