//! What can be registered, and what becomes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use crate::{
    Buckets, CollectorKind, Counter, Descriptor, Gauge, Label, Metric, NameError, RegisterError,
    Registry, Unit, encode,
};

fn page(registry: &Registry) -> String {
    let mut page = String::new();
    encode::text(&registry.scrape(), &mut page);
    page
}

#[test]
fn registering_the_same_again_gives_the_same_metric() {
    let registry = Registry::new();
    let jobs = || registry.counter(Descriptor::new("jobs", "Jobs."));
    jobs().unwrap().inc();
    jobs().unwrap().inc();
    assert_eq!(jobs().unwrap().value(), 2);
    let sizes = || registry.histogram(Descriptor::new("size", "Sizes."), Buckets::sizes());
    sizes().unwrap().record(1);
    assert_eq!(sizes().unwrap().count(), 1);
}

#[test]
fn a_name_that_means_something_else_is_taken() {
    let registry = Registry::new();
    registry.counter(Descriptor::new("jobs", "Jobs.")).unwrap();
    let taken = Err(RegisterError::Taken("jobs".into()));
    let jobs = || Descriptor::new("jobs", "Jobs.");
    let nothing = |result: Result<_, RegisterError>| result.map(|_: Gauge| ());
    assert_eq!(nothing(registry.gauge(jobs())), taken);
    assert_eq!(registry.counter(Descriptor::new("jobs", "Tasks.")).map(|_| ()), taken);
    assert_eq!(registry.counters(jobs(), ["name"]).map(|_| ()), taken);
    let pull = registry.pull(jobs(), CollectorKind::Counter, || Ok(1.0));
    assert_eq!(pull.map(|_| ()), taken);
    let size = || Descriptor::new("size", "Sizes.");
    registry.histogram(size(), Buckets::sizes()).unwrap();
    let other = registry.histogram(size(), Buckets::fan_out());
    assert_eq!(other.map(|_| ()), Err(RegisterError::Taken("size".into())));
}

#[test]
fn a_place_on_the_console_has_one_stat() {
    let registry = Registry::new();
    registry.counter(Descriptor::new("one", "One.").stat("a", "b").container("c")).unwrap();
    let second = registry.counter(Descriptor::new("two", "Two.").stat("a", "b").container("c"));
    assert_eq!(
        second.unwrap_err().to_string(),
        "the stat a.c.b is registered by the metric \"one\""
    );
    registry.counter(Descriptor::new("three", "Three.").stat("a", "b").container("d")).unwrap();
}

#[test]
fn names_that_some_format_does_not_take_are_refused() {
    let registry = Registry::new();
    let cases = [
        ("", NameError::Metric(String::new())),
        ("wa-mp", NameError::Metric("wa-mp".into())),
        ("1st", NameError::Metric("1st".into())),
        ("jobs_total", NameError::Suffix { name: "jobs_total".into(), suffix: "_total" }),
        ("x_bucket", NameError::Suffix { name: "x_bucket".into(), suffix: "_bucket" }),
        ("list_of", NameError::Category("list".into())),
    ];
    for (name, error) in cases {
        let result = registry.counter(Descriptor::new(name, "Help."));
        assert_eq!(result.map(|_| ()), Err(error.into()), "{name}");
    }
    let seconds = Descriptor::new("time_seconds", "Time.").unit(Unit::Seconds);
    let suffix = NameError::Suffix { name: "time_seconds".into(), suffix: "seconds" };
    assert_eq!(registry.counter(seconds).map(|_| ()), Err(suffix.into()));
    let labels = [
        ("a-b", NameError::Label("a-b".into())),
        ("__name__", NameError::Label("__name__".into())),
        ("le", NameError::ReservedLabel("le".into())),
    ];
    for (label, error) in labels {
        let result = registry.counters(Descriptor::new("x", "X."), [label]);
        assert_eq!(result.map(|_| ()), Err(error.into()));
    }
    let twice = registry.counters(Descriptor::new("x", "X."), ["a", "a"]);
    assert_eq!(twice.map(|_| ()), Err(NameError::RepeatedLabel("a".into()).into()));
    let container = registry.counters(Descriptor::new("x", "X.").container_label("b"), ["a"]);
    assert_eq!(container.map(|_| ()), Err(RegisterError::ContainerLabel("b".into())));
    assert!(Registry::with_prefix("a b").is_err());
    assert_eq!(page(&registry), "", "nothing was registered");
}

#[test]
fn a_pull_that_fails_is_absent_and_counted_and_comes_back() {
    let registry = Registry::new();
    let works = Arc::new(AtomicBool::new(true));
    let queue = {
        let works = Arc::clone(&works);
        move || if works.load(Ordering::Relaxed) { Ok(3.0) } else { Err("gone".into()) }
    };
    let pull =
        registry.pull(Descriptor::new("queue", "Queue."), CollectorKind::Gauge, queue).unwrap();
    assert!(page(&registry).contains("\nqueue 3\n"));
    works.store(false, Ordering::Relaxed);
    assert!(!page(&registry).contains("queue 3"));
    // The count of a failure shows from the next scrape on: other families are read already.
    let failed = page(&registry);
    assert!(
        failed.contains("collector_errors_total{family=\"queue\"} 2\n") || failed.contains("} 1\n")
    );
    assert!(!failed.contains("\nqueue "), "{failed}");
    works.store(true, Ordering::Relaxed);
    assert!(page(&registry).contains("\nqueue 3\n"));
    drop(pull);
    assert!(!page(&registry).contains("\nqueue "));
}

#[test]
fn a_pull_that_panics_takes_nothing_else_with_it() {
    let registry = Registry::new();
    registry.counter(Descriptor::new("jobs", "Jobs.")).unwrap().inc();
    let broken = || -> Result<f64, crate::Failure> { panic!("on purpose") };
    registry
        .pull(Descriptor::new("broken", "Broken."), CollectorKind::Gauge, broken)
        .unwrap()
        .keep();
    let _first = page(&registry);
    let second = page(&registry);
    assert!(second.contains("jobs_total 1\n") && !second.contains("\nbroken "));
    assert!(second.contains("collector_errors_total{family=\"broken\"}"));
}

#[test]
fn collected_values_have_labels_and_the_first_of_the_same_counts() {
    let registry = Registry::new();
    let descriptor = Descriptor::new("depth", "Depth.");
    let collect = registry.collect(descriptor, CollectorKind::Gauge, ["queue"], |samples| {
        samples.push(["a"], 1.5);
        samples.push(["b"], f64::INFINITY);
        samples.push(["a"], 9.0);
        Ok(())
    });
    let _registration = collect.unwrap();
    let expected = "# HELP depth Depth.\n# TYPE depth gauge\ndepth{queue=\"a\"} 1.5\ndepth{queue=\"b\"} +Inf\n";
    assert_eq!(page(&registry), expected);
}

#[test]
fn metrics_outlive_their_threads_and_shards_are_used_again() {
    let registry = Registry::new();
    let jobs = registry.counter(Descriptor::new("jobs", "Jobs.")).unwrap();
    for _ in 0..100 {
        std::thread::scope(|scope| {
            scope.spawn(|| jobs.local(&registry.shard()).inc());
        });
    }
    assert_eq!(jobs.value(), 100);
    assert_eq!(jobs.cell_count(), 2, "the shared cell, and one that all threads had in turn");
}

#[test]
fn threads_that_count_at_once_have_cells_of_their_own_and_lose_nothing() {
    let registry = Registry::new();
    let jobs = registry.counter(Descriptor::new("jobs", "Jobs.")).unwrap();
    let open = registry.gauge(Descriptor::new("open", "Open.")).unwrap();
    let hits = registry.percentage(Descriptor::new("hits", "Hits.").stat("x", "Hits")).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let shard = registry.shard();
                let (jobs, open, hits) =
                    (jobs.local(&shard), open.local(&shard), hits.local(&shard));
                for round in 0..100_000_u32 {
                    jobs.inc();
                    open.add(if round % 2 == 0 { 3 } else { -3 });
                    hits.count(true);
                }
            });
            scope.spawn(|| (0..10_000).for_each(|_| jobs.inc()));
        }
        let mut last = 0;
        while last < 440_000 {
            let value = jobs.value();
            assert!(value >= last);
            last = value;
            let (part, whole) = hits.value();
            assert!(part <= whole);
        }
    });
    assert_eq!((jobs.value(), open.value(), hits.value()), (440_000, 0, (400_000, 400_000)));
}

proptest! {
    /// However many threads count, by shared handles or local ones, the value is their sum.
    #[test]
    fn the_value_is_the_sum_over_all_handles(
        amounts in proptest::collection::vec((0..4_usize, 0..1_000_u64), 0..60),
    ) {
        let registry = Registry::new();
        let counter: Counter = registry.counter(Descriptor::new("jobs", "Jobs.")).unwrap();
        let gauge: Gauge = registry.gauge(Descriptor::new("open", "Open.")).unwrap();
        let shards = [registry.shard(), registry.shard(), registry.shard()];
        let locals = shards.each_ref().map(|shard| (counter.local(shard), gauge.local(shard)));
        let (mut sum, mut level) = (0, 0);
        for (who, amount) in amounts {
            let change = if who % 2 == 0 { amount.cast_signed() } else { -amount.cast_signed() };
            match locals.get(who) {
                Some((counter, gauge)) => {
                    counter.add(amount);
                    gauge.add(change);
                }
                None => {
                    counter.add(amount);
                    gauge.add(change);
                }
            }
            sum += amount;
            level += change;
        }
        prop_assert_eq!((counter.value(), gauge.value()), (sum, level));
    }
}

#[test]
fn closed_labels_have_no_limit() {
    let registry = Registry::new();
    let family = registry.counters(Descriptor::new("x", "X."), [Label::closed("n")]).unwrap();
    (0..2_000).for_each(|n| family.with([&n.to_string()]).inc());
    assert_eq!(page(&registry).lines().count(), 2_002);
}
