//! Metrics: what counting costs, alone and beside others, next to what other crates take for it in
//! the same run; and what a scrape of 100,000 lines costs.

#![expect(clippy::expect_used, reason = "a benchmark that cannot register has nothing to measure")]

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use flowgate_metrics::{
    Buckets, Descriptor, Label, LocalCounter, Metric, Registry, RegistryConfig, Unit, encode,
};
use metrics_util::registry::{AtomicStorage, Registry as FacadeRegistry};
use prometheus_client::encoding::text::encode as encode_theirs;
use prometheus_client::metrics::counter::Counter as TheirCounter;
use prometheus_client::metrics::family::Family as TheirFamily;
use prometheus_client::metrics::histogram::Histogram as TheirHistogram;
use prometheus_client::registry::Registry as TheirRegistry;

/// Operations per iteration, so that the timer's resolution does not matter.
const OPERATION_COUNT: u64 = 1024;

/// The lines of the page that is scraped.
const LINE_COUNT: usize = 100_000;

/// Values with all kinds of lengths, in no order that a branch predictor could learn.
fn values() -> Vec<u64> {
    let next = |state: &mut u64, _| {
        *state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // 1 µs to 1 s, in nanoseconds.
        Some(1_000 + (*state >> (34 + *state % 20)))
    };
    (0..OPERATION_COUNT).scan(1_u64, next).collect()
}

/// One operation, over and over.
fn each(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut operation: impl FnMut(u64)) {
    let values = values();
    group.throughput(Throughput::Elements(OPERATION_COUNT));
    group.bench_function(name, |b| b.iter(|| values.iter().for_each(|value| operation(*value))));
}

/// The same while another thread does the same to the same metric.
fn beside_another<O: FnMut(u64)>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    operation: impl Fn() -> O + Sync,
) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut operation = operation();
            while !stop.load(Ordering::Relaxed) {
                (0..OPERATION_COUNT).for_each(&mut operation);
            }
        });
        each(group, name, operation());
        stop.store(true, Ordering::Relaxed);
    });
}

fn about(name: &'static str) -> Descriptor {
    Descriptor::new(name, "Something.")
}

fn counters(c: &mut Criterion) {
    let registry = Registry::new();
    let counter = registry.counter(about("jobs")).expect("registers");
    let theirs = TheirCounter::<u64>::default();
    let facade = FacadeRegistry::new(AtomicStorage);
    let key = metrics::Key::from_static_name("jobs");
    let facade =
        facade.get_or_create_counter(&key, |handle| metrics::Counter::from_arc(handle.clone()));
    let local = || {
        let counter = counter.local(&registry.shard());
        move |_| black_box(&counter).inc()
    };

    let mut group = c.benchmark_group("metrics/counter");
    each(&mut group, "nothing", |value| {
        black_box(value);
    });
    each(&mut group, "flowgate_local", local());
    each(&mut group, "flowgate_shared", |_| black_box(&counter).inc());
    each(&mut group, "prometheus_client", |_| {
        black_box(&theirs).inc();
    });
    each(&mut group, "metrics", |_| black_box(&facade).increment(1));
    group.finish();

    let mut group = c.benchmark_group("metrics/counter_beside_another");
    beside_another(&mut group, "flowgate_local", local);
    beside_another(&mut group, "flowgate_shared", || |_| black_box(&counter).inc());
    beside_another(&mut group, "prometheus_client", || {
        |_| {
            black_box(&theirs).inc();
        }
    });
    beside_another(&mut group, "metrics", || |_| black_box(&facade).increment(1));
    group.finish();
}

fn labels(c: &mut Criterion) {
    let registry = Registry::new();
    let family = registry.counters(about("calls"), ["realm", "procedure"]).expect("registers");
    let theirs = TheirFamily::<Vec<(&str, String)>, TheirCounter>::default();
    let names: Vec<String> = (0..64).map(|n| format!("com.example.procedure{n}")).collect();
    let name = |value: u64| {
        names.get(usize::try_from(value % 64).unwrap_or_default()).map_or("", String::as_str)
    };
    let mut local = family.local(&registry.shard());

    let mut group = c.benchmark_group("metrics/counter_by_labels");
    each(&mut group, "flowgate_local", |v| local.with(["realm1", name(v)], LocalCounter::inc));
    each(&mut group, "flowgate_shared", |v| family.with(["realm1", name(v)]).inc());
    each(&mut group, "prometheus_client", |v| {
        let labels = vec![("realm", "realm1".to_owned()), ("procedure", name(v).to_owned())];
        theirs.get_or_create(&labels).inc();
    });
    group.finish();
}

fn histograms(c: &mut Criterion) {
    let registry = Registry::new();
    let seconds = || about("duration").unit(Unit::Seconds);
    let histogram = registry.histogram(seconds(), Buckets::latency()).expect("registers");
    let local = histogram.local(&registry.shard());
    let classic = about("classic").unit(Unit::Seconds);
    let classic =
        registry.histogram(classic, Buckets::latency().classic_only()).expect("registers");
    let classic = classic.local(&registry.shard());
    let bounds = || (0..18).map(|n: i32| 25e-6 * 2_f64.powi(n));
    let theirs = TheirHistogram::new(bounds());

    let mut group = c.benchmark_group("metrics/histogram");
    each(&mut group, "flowgate_local", |value| black_box(&local).record(value));
    each(&mut group, "flowgate_local_classic_only", |value| black_box(&classic).record(value));
    each(&mut group, "flowgate_shared", |value| black_box(&histogram).record(value));
    #[expect(clippy::cast_precision_loss, reason = "what their interface takes")]
    each(&mut group, "prometheus_client", |value| black_box(&theirs).observe(value as f64 / 1e9));
    group.finish();
}

/// What one message costs in a router: two messages and their bytes by direction, an outcome, a
/// gauge up and down, a size and a latency.
fn message(c: &mut Criterion) {
    let registry = Registry::new();
    let shard = registry.shard();
    let counters =
        registry.counters(about("messages"), [Label::closed("what")]).expect("registers");
    let counters = ["in", "out", "bytes_in", "bytes_out", "ok"]
        .map(|what| counters.with([what]).local(&shard));
    let gauge = registry.gauge(about("inflight")).expect("registers").local(&shard);
    let size = about("size").unit(Unit::Bytes);
    let size = registry.histogram(size, Buckets::sizes()).expect("registers").local(&shard);
    let latency = about("latency").unit(Unit::Seconds);
    let latency = registry.histogram(latency, Buckets::latency()).expect("registers").local(&shard);

    let mut group = c.benchmark_group("metrics/message");
    each(&mut group, "all", |value| {
        let [received, sent, bytes_in, bytes_out, ok] = black_box(&counters);
        received.inc();
        bytes_in.add(value);
        gauge.inc();
        size.record(value & 0xfff);
        sent.inc();
        bytes_out.add(value);
        ok.inc();
        gauge.dec();
        latency.record(value);
    });
    group.finish();
}

fn scrape(c: &mut Criterion) {
    let config = RegistryConfig { series_limit: LINE_COUNT, ..RegistryConfig::default() };
    let registry = Registry::with_config(config).expect("has no prefix");
    let family = registry.counters(about("calls"), ["realm", "procedure"]).expect("registers");
    let shards = [registry.shard(), registry.shard()];
    let theirs = TheirFamily::<Vec<(&str, String)>, TheirCounter>::default();
    let mut their_registry = TheirRegistry::default();
    their_registry.register("calls", "Something", theirs.clone());
    for line in 0..LINE_COUNT {
        let procedure = format!("com.example.procedure{line}");
        let counter = family.with(["realm1", &procedure]);
        shards.iter().for_each(|shard| counter.local(shard).add(line as u64));
        let labels = vec![("realm", "realm1".to_owned()), ("procedure", procedure)];
        theirs.get_or_create(&labels).inc_by(line as u64);
    }
    let histograms = Registry::with_config(RegistryConfig {
        series_limit: LINE_COUNT,
        ..RegistryConfig::default()
    });
    let histograms = histograms.expect("has no prefix");
    let seconds = about("duration").unit(Unit::Seconds);
    let durations =
        histograms.histograms(seconds, ["procedure"], Buckets::latency()).expect("registers");
    let shard = histograms.shard();
    let values = values();
    // 18 buckets, the one without a bound, sum and count.
    for line in 0..LINE_COUNT / 21 {
        let local = durations.with([&format!("com.example.procedure{line}")]).local(&shard);
        values.iter().take(50).for_each(|value| local.record(*value));
    }

    let mut group = c.benchmark_group("metrics/scrape_of_100000_lines");
    group.sample_size(20);
    let mut page = String::new();
    group.bench_function("flowgate_text", |b| {
        b.iter(|| {
            page.clear();
            encode::text(&registry.scrape(), &mut page);
            page.len()
        });
    });
    let mut page = String::new();
    group.bench_function("flowgate_openmetrics", |b| {
        b.iter(|| {
            page.clear();
            encode::openmetrics(&registry.scrape(), &mut page);
            page.len()
        });
    });
    let mut page = Vec::new();
    group.bench_function("flowgate_protobuf", |b| {
        b.iter(|| {
            page.clear();
            encode::protobuf(&registry.scrape(), &mut page);
            page.len()
        });
    });
    let mut page = String::new();
    group.bench_function("flowgate_text_of_histograms", |b| {
        b.iter(|| {
            page.clear();
            encode::text(&histograms.scrape(), &mut page);
            page.len()
        });
    });
    let mut page = String::new();
    group.bench_function("prometheus_client", |b| {
        b.iter(|| {
            page.clear();
            encode_theirs(&mut page, &their_registry).map(|()| page.len())
        });
    });
    group.finish();
}

criterion_group!(benches, counters, labels, histograms, message, scrape);
criterion_main!(benches);
