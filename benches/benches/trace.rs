//! Tracing: what a message costs its worker, off and on, and what it costs the collector.

use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use flowgate_benches::trace::{MESSAGE_COUNT, NOW, Traffic, fill, levels, registry};
use flowgate_trace::{Collector, Recorder, Tap};

/// The worker's side: facts gathered and recorded; emptying the ring is not counted.
fn recording(c: &mut Criterion) {
    let traffic = Traffic::new();
    let mut group = c.benchmark_group("trace/record");
    group.throughput(Throughput::Elements(MESSAGE_COUNT));
    for (name, options) in levels() {
        let (_registry, switch) = registry(options);
        let (mut recorder, mut tap) = Recorder::new(switch, 1024, NOW);
        // One filled ring per measurement, emptied in between.
        group.bench_function(name, |b| {
            b.iter_custom(|iterations| {
                let mut elapsed = Duration::ZERO;
                for _ in 0..iterations {
                    #[expect(clippy::disallowed_methods, reason = "a benchmark measures")]
                    let start = std::time::Instant::now();
                    fill(&traffic, &mut recorder);
                    elapsed += start.elapsed();
                    while tap.pop().is_some() {}
                }
                elapsed
            });
        });
    }
    group.finish();
}

/// The collector's side: order, filters, assembly, memory.
fn collecting(c: &mut Criterion) {
    let traffic = Traffic::new();
    let mut group = c.benchmark_group("trace/collect");
    group.throughput(Throughput::Elements(MESSAGE_COUNT));
    for (name, options) in levels() {
        if options.is_none() {
            continue;
        }
        let (mut registry, switch) = registry(options);
        group.bench_function(name, |b| {
            let filled = || -> Tap {
                let (mut recorder, tap) = Recorder::new(Arc::clone(&switch), 1024, NOW);
                fill(&traffic, &mut recorder);
                tap
            };
            b.iter_batched(
                filled,
                |tap| {
                    let mut collector = Collector::new(Duration::ZERO);
                    collector.add(tap);
                    collector.flush(&mut registry);
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, recording, collecting);
criterion_main!(benches);
