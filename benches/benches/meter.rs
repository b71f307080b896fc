//! Metering: the message path per message, and what closing a window costs.

use std::hint::black_box;
use std::num::NonZeroU64;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flowgate_event::Timestamp;
use flowgate_meter::{Due, SessionMeter, StatsConfig, Traffic};

/// Messages per iteration, so that the timer's resolution does not matter.
const MESSAGE_COUNT: u64 = 1024;

/// A threshold that the run never reaches, but that the meter has to compare with.
const OUT_OF_REACH: Option<NonZeroU64> = NonZeroU64::new(1 << 60);

const NOW: Timestamp = Timestamp::from_nanos(1_574_688_364_518_998_111);

fn joined(config: Option<StatsConfig>) -> SessionMeter {
    let mut meter = SessionMeter::new(config, NOW);
    black_box(meter.joined(NOW));
    meter
}

fn metered() -> Option<StatsConfig> {
    Some(StatsConfig { trigger_after_rated_messages: OUT_OF_REACH, ..StatsConfig::default() })
}

/// Lengths between 16 and 4111 bytes in no order that a branch predictor could learn.
fn lengths() -> Vec<usize> {
    (0..MESSAGE_COUNT)
        .scan(1_u32, |state, _| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some(16 + (*state >> 20) as usize)
        })
        .collect()
}

/// One message path: the meter is in memory before and after every message, as in a connection.
fn path(
    c: &mut Criterion,
    name: &str,
    config: Option<StatsConfig>,
    count: impl Fn(&mut SessionMeter, usize) -> Due,
) {
    let lengths = lengths();
    let mut meter = joined(config);
    let mut group = c.benchmark_group("meter");
    group.throughput(Throughput::Elements(MESSAGE_COUNT));
    group.bench_function(name, |b| {
        b.iter(|| {
            for &bytes in &lengths {
                if count(black_box(&mut meter), bytes) == Due::Now {
                    black_box(meter.close(NOW));
                }
            }
        });
    });
    group.finish();
}

fn message_paths(c: &mut Criterion) {
    path(c, "loop_only", metered(), |_, _| Due::NotYet);
    path(c, "received", metered(), SessionMeter::received);
    path(c, "sent", metered(), |meter, bytes| meter.sent(bytes, Traffic::Ordinary));
    path(c, "sent_stats_event", metered(), |meter, bytes| meter.sent(bytes, Traffic::StatsEvent));
    path(c, "received_without_stats", None, SessionMeter::received);
}

fn window(c: &mut Criterion) {
    let config = StatsConfig {
        trigger_after_duration: Some(Duration::from_secs(1)),
        ..StatsConfig::default()
    };
    let mut meter = joined(Some(config));
    let mut now = NOW;
    c.bench_function("meter/close_window", |b| {
        b.iter(|| {
            now = now.after(Duration::from_secs(1));
            black_box(&mut meter).tick(now)
        });
    });
}

criterion_group!(benches, message_paths, window);
criterion_main!(benches);
