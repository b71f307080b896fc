//! A page with metrics of every kind, in the format that is named: for a look, and for parsers.
//!
//! ```console
//! $ cargo run -p flowgate-metrics --example exposition -- text | promtool check metrics
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use flowgate_event::Timestamp;
use flowgate_metrics::encode::{self, StatFilter};
use flowgate_metrics::{
    Buckets, CollectorKind, Descriptor, Exemplar, Label, Metric, Registry, RegistryConfig, Unit,
    Verbosity,
};

fn main() -> Result<(), Box<dyn Error>> {
    let now = Timestamp::from_nanos(1_600_000_000_000_000_000);
    let registry = filled(now)?;
    let mut text = String::new();
    let mut bytes = Vec::new();
    match std::env::args().nth(1).as_deref() {
        Some("text") | None => encode::text(&registry.scrape(), &mut text),
        Some("openmetrics") => encode::openmetrics(&registry.scrape(), &mut text),
        Some("protobuf") => encode::protobuf(&registry.scrape(), &mut bytes),
        Some("json") => text = encode::json(&registry.stats(), &StatFilter::default()),
        Some("console") => text = encode::console::report(&registry.stats(), now, Verbosity::Debug),
        Some(other) => {
            return Err(
                format!("no format {other}: text, openmetrics, protobuf, json or console").into()
            );
        }
    }
    bytes.extend_from_slice(text.as_bytes());
    io::stdout().write_all(&bytes)?;
    Ok(())
}

fn filled(now: Timestamp) -> Result<Registry, Box<dyn Error>> {
    let config = RegistryConfig { prefix: "shop".into(), started_at: Some(now), series_limit: 3 };
    let registry = Registry::with_config(config)?;
    let shard = registry.shard();

    let orders = Descriptor::new("orders", "Orders by \"shop\" and outcome.")
        .stat("shop", "Orders")
        .container_label("name")
        .unit(Unit::Counted("orders"))
        .measured();
    let orders = registry.counters(orders, [Label::open("name"), Label::closed("outcome")])?;
    for (index, name) in
        ["north", "so\"u\\t\nh", "ost-ü", "west", "far away"].into_iter().enumerate()
    {
        orders.with([name, "accepted"]).local(&shard).add(10 * index as u64 + 1);
        orders.with([name, "refused"]).add_with(1, Exemplar::trace(0xabc, 0xd, now));
        registry.sample(now.after(Duration::from_millis(2500 * index as u64)));
    }

    let open = Descriptor::new("carts", "Carts open now.").stat("shop", "Carts");
    registry.gauge(open)?.add(3);

    let latency = Descriptor::new("order_duration", "From click to answer.").unit(Unit::Seconds);
    let latency = registry.histogram(latency, Buckets::latency())?;
    for micros in [0, 3, 25, 26, 480, 70_000, 70_001, 30_000_000] {
        latency.record_duration(Duration::from_micros(micros));
    }
    latency.record_with(333_000_000, Exemplar::trace(1, 2, now));

    let size = Descriptor::new("order_size", "Bytes of an order.").unit(Unit::Bytes);
    let size = registry.histogram(size, Buckets::sizes())?.local(&shard);
    (0..100_000).for_each(|value| size.record(value));
    let empty = Descriptor::new("refund_duration", "Never seen.").unit(Unit::Seconds);
    registry.histogram(empty, Buckets::latency())?;

    let waited = Descriptor::new("waited", "Time that customers waited.").unit(Unit::Seconds);
    registry.counter(waited)?.add_duration(Duration::from_millis(1_234_567));
    let hits = Descriptor::new("cache_hits", "Orders that were seen before.").stat("cache", "Hits");
    registry.percentage(hits)?.add(1, 3);
    let depth = Descriptor::new("queue_depth", "Orders waiting.").verbosity(Verbosity::Debug);
    registry.pull(depth, CollectorKind::Gauge, || Ok(1.5e-7))?.keep();
    let build = Descriptor::new("build", "What is running.");
    registry.info(build, [("version", "1.0".to_owned())])?.keep();
    Ok(registry)
}
