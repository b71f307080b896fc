//! What pages look like, line by line and byte by byte.

use flowgate_event::Timestamp;

use super::{
    Compression, Escaping, Format, StatFilter, console, json, openmetrics, protobuf, text,
};
use crate::{
    Buckets, CollectorKind, Descriptor, Exemplar, Label, Registry, RegistryConfig, Unit, Verbosity,
};

const NOW: Timestamp = Timestamp::from_nanos(1_600_000_000_500_000_000);

/// One metric of each kind, with what has to be escaped.
fn registry() -> Registry {
    let config =
        RegistryConfig { prefix: "t".into(), started_at: Some(NOW), ..RegistryConfig::default() };
    let registry = Registry::with_config(config).unwrap();
    let calls = Descriptor::new("calls", "Calls \"made\",\nby \\ name.").stat("rpc", "Calls");
    let calls = registry.counters(calls.container_label("realm"), ["realm", "name"]).unwrap();
    calls.with(["r1", "a\"b\\c\nd\te"]).add(7);
    calls.with(["r1", ""]).add_with(1, Exemplar::trace(0xabc, 0xd, NOW));
    let stalled = Descriptor::new("stalled", "Time lost.").unit(Unit::Seconds);
    registry.counter(stalled).unwrap().add(1_500_000_001);
    let open = Descriptor::new("open", "Open now.").unit(Unit::Counted("things"));
    registry.gauge(open).unwrap().add(-3);
    let latency = Descriptor::new("latency", "How long.").unit(Unit::Seconds);
    let buckets = Buckets::new([25_000, 1_000_000_000, 1_000_000_000_000_000]).unwrap();
    let latency = registry.histogram(latency, buckets).unwrap();
    latency.record(25_000);
    latency.record_with(25_001, Exemplar::trace(1, 2, NOW));
    latency.record(u64::pow(10, 18));
    let hits =
        registry.percentage(Descriptor::new("hits", "Found.").stat("cache", "Hits")).unwrap();
    hits.count(true);
    hits.add(0, 2);
    registry
        .pull(Descriptor::new("queue", "Waiting."), CollectorKind::Gauge, || Ok(0.25))
        .unwrap()
        .keep();
    let build = Descriptor::new("build", "What runs.");
    registry.info(build, [("version", "1.0".to_owned())]).unwrap().keep();
    registry
}

#[test]
fn text_is_what_the_format_says() {
    let mut page = String::new();
    text(&registry().scrape(), &mut page);
    let expected = r#"# HELP t_build_info What runs.
# TYPE t_build_info gauge
t_build_info{version="1.0"} 1
# HELP t_calls_total Calls "made",\nby \\ name.
# TYPE t_calls_total counter
t_calls_total{realm="r1",name="a\"b\\c\nd	e"} 7
t_calls_total{realm="r1"} 1
# HELP t_hits_ratio Found.
# TYPE t_hits_ratio gauge
t_hits_ratio 0.3333333333333333
# HELP t_latency_seconds How long.
# TYPE t_latency_seconds histogram
t_latency_seconds_bucket{le="2.5e-05"} 1
t_latency_seconds_bucket{le="1.0"} 2
t_latency_seconds_bucket{le="1e+06"} 2
t_latency_seconds_bucket{le="+Inf"} 3
t_latency_seconds_sum 1000000000.000050001
t_latency_seconds_count 3
# HELP t_metrics_label_overflow_total Label sets that were counted under _other because their family was full.
# TYPE t_metrics_label_overflow_total counter
t_metrics_label_overflow_total{family="t_calls"} 0
# HELP t_open Open now.
# TYPE t_open gauge
t_open -3
# HELP t_queue Waiting.
# TYPE t_queue gauge
t_queue 0.25
# HELP t_stalled_seconds_total Time lost.
# TYPE t_stalled_seconds_total counter
t_stalled_seconds_total 1.500000001
"#;
    assert_eq!(page, expected);
}

#[test]
fn openmetrics_is_what_the_format_says() {
    let mut page = String::new();
    openmetrics(&registry().scrape(), &mut page);
    let expected = r#"# TYPE t_build info
# HELP t_build What runs.
t_build_info{version="1.0"} 1
# TYPE t_calls counter
# HELP t_calls Calls \"made\",\nby \\ name.
t_calls_total{realm="r1",name="a\"b\\c\nd	e"} 7
t_calls_total{realm="r1"} 1 # {trace_id="00000000000000000000000000000abc",span_id="000000000000000d"} 1 1600000000.5
# TYPE t_hits_ratio gauge
# UNIT t_hits_ratio ratio
# HELP t_hits_ratio Found.
t_hits_ratio 0.3333333333333333
# TYPE t_latency_seconds histogram
# UNIT t_latency_seconds seconds
# HELP t_latency_seconds How long.
t_latency_seconds_bucket{le="2.5e-05"} 1
t_latency_seconds_bucket{le="1.0"} 2 # {trace_id="00000000000000000000000000000001",span_id="0000000000000002"} 0.000025001 1600000000.5
t_latency_seconds_bucket{le="1e+06"} 2
t_latency_seconds_bucket{le="+Inf"} 3
t_latency_seconds_sum 1000000000.000050001
t_latency_seconds_count 3
# TYPE t_metrics_label_overflow counter
# HELP t_metrics_label_overflow Label sets that were counted under _other because their family was full.
t_metrics_label_overflow_total{family="t_calls"} 0
# TYPE t_open gauge
# HELP t_open Open now.
t_open -3
# TYPE t_queue gauge
# HELP t_queue Waiting.
t_queue 0.25
# TYPE t_stalled_seconds counter
# UNIT t_stalled_seconds seconds
# HELP t_stalled_seconds Time lost.
t_stalled_seconds_total 1.500000001
# EOF
"#;
    assert_eq!(page, expected);
}

/// A protobuf field: its number, and what is in it.
#[derive(Debug, Clone, PartialEq)]
enum Field {
    Varint(u64, u64),
    Double(u64, f64),
    Bytes(u64, Vec<u8>),
}

/// A reader that knows nothing but the wire format.
fn fields(mut bytes: &[u8]) -> Vec<Field> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        found.push(match key & 7 {
            0 => Field::Varint(key >> 3, varint(&mut bytes)),
            1 => {
                let (value, rest) = bytes.split_at(8);
                bytes = rest;
                Field::Double(key >> 3, f64::from_le_bytes(value.try_into().unwrap()))
            }
            2 => Field::Bytes(key >> 3, delimited(&mut bytes)),
            other => panic!("wire type {other}"),
        });
    }
    found
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            break;
        }
    }
    value
}

fn delimited(bytes: &mut &[u8]) -> Vec<u8> {
    let length = usize::try_from(varint(bytes)).unwrap();
    let (value, rest) = bytes.split_at(length);
    *bytes = rest;
    value.to_vec()
}

fn family(page: &[u8], name: &str) -> Vec<Field> {
    let mut rest = page;
    while !rest.is_empty() {
        let family = fields(&delimited(&mut rest));
        if family.contains(&Field::Bytes(1, name.into())) {
            return family;
        }
    }
    panic!("no family {name}")
}

fn inner(message: &[Field], number: u64) -> Vec<Field> {
    let found = message.iter().find_map(|field| match field {
        Field::Bytes(n, bytes) if *n == number => Some(bytes),
        Field::Bytes(..) | Field::Varint(..) | Field::Double(..) => None,
    });
    fields(found.unwrap())
}

#[test]
fn protobuf_has_native_and_classic_buckets_exemplars_and_the_start() {
    let mut page = Vec::new();
    protobuf(&registry().scrape(), &mut page);
    let latency = family(&page, "t_latency_seconds");
    assert!(latency.contains(&Field::Varint(3, 4)), "HISTOGRAM");
    assert!(latency.contains(&Field::Bytes(5, "seconds".into())));
    let histogram = inner(&inner(&latency, 4), 7);
    let expected = [
        Field::Varint(1, 3),
        Field::Double(2, 1.000_000_000_000_05e18 / 1e9),
        Field::Varint(5, 6), // sint32 3
        Field::Varint(7, 0),
    ];
    for field in expected {
        assert!(histogram.contains(&field), "{field:?}");
    }
    let numbers = |number: u64| {
        histogram.iter().filter(move |field| match field {
            Field::Varint(n, _) | Field::Double(n, _) | Field::Bytes(n, _) => *n == number,
        })
    };
    assert_eq!(numbers(3).count(), 3, "classic buckets with a bound");
    // 25 µs and a nanosecond more share a bucket, 10^9 s is far away: 2^(-122/8) and 2^(240/8).
    let spans: Vec<_> = numbers(12).collect();
    let zigzag = |value: i64| ((value << 1) ^ (value >> 63)).cast_unsigned();
    let span = |offset: i64, length: u64| {
        let mut bytes = vec![0x08];
        protobuf::write_varint(zigzag(offset), &mut bytes);
        bytes.push(0x10);
        protobuf::write_varint(length, &mut bytes);
        Field::Bytes(12, bytes)
    };
    assert_eq!(spans, [&span(-122, 1), &span(240 + 122 - 1, 1)]);
    let deltas: Vec<_> = numbers(13).collect();
    assert_eq!(deltas, [&Field::Varint(13, zigzag(2)), &Field::Varint(13, zigzag(-1))]);
    assert_eq!(numbers(16).count(), 1, "exemplars of the native histogram");
    let start = inner(&histogram, 15);
    assert_eq!(start, [Field::Varint(1, 1_600_000_000), Field::Varint(2, 500_000_000)]);

    let calls = family(&page, "t_calls_total");
    let first = inner(&calls, 4);
    let labels: Vec<_> = first.iter().filter(|field| matches!(field, Field::Bytes(1, _))).collect();
    assert_eq!(labels.len(), 2);
    assert!(inner(&first, 3).contains(&Field::Double(1, 7.0)));
}

#[test]
fn a_native_histogram_without_values_says_that_it_is_one() {
    let registry = Registry::new();
    registry.histogram(Descriptor::new("size", "Sizes."), Buckets::native_only()).unwrap();
    let mut page = Vec::new();
    protobuf(&registry.scrape(), &mut page);
    let histogram = inner(&inner(&family(&page, "size"), 4), 7);
    assert!(histogram.contains(&Field::Bytes(12, vec![0x08, 0, 0x10, 0])), "a span of length 0");
}

#[test]
fn the_format_with_the_highest_quality_is_chosen() {
    let proto = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
    let om = Format::OpenMetrics100(Escaping::Underscores);
    let prometheus_2_42 = format!(
        "{proto},application/openmetrics-text;version=1.0.0;q=0.8,\
         application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
    );
    let prometheus_3 = format!(
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,{proto};q=0.5,\
         text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,*/*;q=0.1"
    );
    let cases = [
        ("", Format::Text004),
        ("*/*", Format::Text004),
        ("image/png", Format::Text004),
        ("text/html, */*;q=0.8", Format::Text004),
        (&*prometheus_2_42, Format::Protobuf(None)),
        (&*prometheus_3, Format::OpenMetrics100(Escaping::AllowUtf8)),
        ("application/openmetrics-text; version=0.0.1", Format::OpenMetrics001),
        ("application/openmetrics-text; version=2.0.0, text/plain;q=0.2", Format::Text004),
        ("application/openmetrics-text;q=0, text/plain;q=0.1", Format::Text004),
        ("application/openmetrics-text;q=0", Format::Text004),
        ("application/openmetrics-text, text/plain", om),
        ("text/plain;version=1.0.0;escaping=dots", Format::Text100(Escaping::Underscores)),
        ("text/plain;q=0.5, APPLICATION/openmetrics-text;Q=0.6", om),
        ("application/vnd.google.protobuf;proto=x;encoding=delimited", Format::Text004),
        ("application/openmetrics-text;q=nonsense, text/plain;q=0.1", Format::Text004),
    ];
    for (accept, format) in cases {
        assert_eq!(Format::negotiate(Some(accept)), format, "{accept}");
    }
    assert_eq!(Format::negotiate(None), Format::Text004);
}

#[test]
fn content_types_name_version_and_escaping() {
    let cases = [
        (Format::Text004, "text/plain; version=0.0.4; charset=utf-8"),
        (
            Format::OpenMetrics100(Escaping::AllowUtf8),
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        ),
        (
            Format::Protobuf(None),
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
        ),
    ];
    for (format, expected) in cases {
        assert_eq!(format.content_type().to_string(), expected);
    }
}

#[test]
fn pages_are_compressed_when_asked_for_and_long_enough() {
    let cases = [
        (None, Compression::Identity),
        (Some("gzip"), Compression::Gzip),
        (Some("deflate, gzip;q=0.5"), Compression::Gzip),
        (Some("gzip;q=0"), Compression::Identity),
        (Some("*"), Compression::Gzip),
        (Some("gzip;q=0, *"), Compression::Identity),
        (Some("identity;q=1, gzip;q=0.5"), Compression::Identity),
        (Some("br"), Compression::Identity),
    ];
    for (accept, expected) in cases {
        assert_eq!(Compression::negotiate(accept, 10_000), expected, "{accept:?}");
    }
    assert_eq!(Compression::negotiate(Some("gzip"), 100), Compression::Identity);
}

#[test]
fn console_lines_are_those_of_opensimulator() {
    let registry = Registry::new();
    let served = Descriptor::new("http_requests", "Served.")
        .unit(Unit::Counted("requests"))
        .stat("httpserver", "HTTPRequestsServed")
        .container("9000")
        .measured();
    let served = registry.counter(served).unwrap();
    let second = |n: u64| Timestamp::from_nanos(n * 1_000_000_000);
    registry.sample(second(10));
    served.add(5);
    registry.sample(second(12));
    served.add(6);
    registry.sample(second(14));
    let hits = Descriptor::new("hits", "Found.").stat("cache", "Hits.of all").container("a.b");
    registry.percentage(hits).unwrap().add(1, 3);
    let debug =
        Descriptor::new("depth", "Deep.").stat("cache", "Depth").verbosity(Verbosity::Debug);
    registry.gauge(debug).unwrap().add(2);
    let time = Descriptor::new("took", "Time.").stat("cache", "Took").unit(Unit::Seconds);
    registry.counter(time).unwrap().add(1_234_567_890);

    let stats = registry.stats();
    let show = |arguments: &[&str]| console::show(&stats, arguments, Verbosity::Info);
    let http = "httpserver.9000.HTTPRequestsServed : 11 requests, 3 requests/s, 2.75 requests/s\n";
    let hits = "cache.a.b.Hits#of#all : 33.33% (1/3)\n";
    let took = "cache.main.Took : 1.235 seconds\n";
    let depth = "cache.main.Depth : 2\n";
    assert_eq!(show(&[]).unwrap(), [hits, took, http].concat());
    assert_eq!(show(&["all"]).unwrap(), [hits, took, http].concat());
    assert_eq!(
        show(&["list"]).unwrap(),
        "Statistic categories available are:\n  cache\n  httpserver\n"
    );
    assert_eq!(show(&["httpserver"]).unwrap(), http);
    assert_eq!(show(&["cache.a.b"]).unwrap(), hits);
    assert_eq!(show(&["cache.a.b.Hits#of#all", "httpserver.9000"]).unwrap(), [hits, http].concat());
    assert_eq!(show(&["cache.main.Depth"]).unwrap(), depth, "named in full");
    let all = console::show(&stats, &[], Verbosity::Debug).unwrap();
    assert_eq!(all, [hits, depth, took, http].concat());
    let failures = [
        ("nothing", "No such category as nothing"),
        ("cache.c", "No such container c in category cache"),
        ("cache.main.Nothing", "No such stat Nothing in container main of category cache"),
    ];
    for (name, message) in failures {
        assert_eq!(show(&["all", name]).unwrap_err().to_string(), message);
    }
    let report = console::report(&stats, NOW, Verbosity::Info);
    let head = "*** STATS REPORT AT 2020-09-13 12:26:40 ***\n";
    assert_eq!(report, [head, hits, took, http].concat());
}

#[test]
fn names_from_outside_stay_on_their_line() {
    let registry = Registry::new();
    let names = Descriptor::new("names", "Names.").stat("outside", "Names").container_label("name");
    registry.counters(names, ["name"]).unwrap().with(["a\n\u{1b}b"]).inc();
    let shown = console::show(&registry.stats(), &["outside"], Verbosity::Info);
    assert_eq!(shown.unwrap(), "outside.a??b.Names : 1\n");
}

#[test]
fn dates_are_right_in_leap_years_and_at_their_borders() {
    let cases = [
        (0, "1970-01-01 00:00:00"),
        (951_782_399, "2000-02-28 23:59:59"),
        (951_782_400, "2000-02-29 00:00:00"),
        (951_868_800, "2000-03-01 00:00:00"),
        (1_735_689_599, "2024-12-31 23:59:59"),
    ];
    let stats = Registry::new().stats();
    for (second, date) in cases {
        let now = Timestamp::from_nanos(second * 1_000_000_000);
        let report = console::report(&stats, now, Verbosity::Info);
        assert_eq!(report, format!("*** STATS REPORT AT {date} ***\n"));
    }
}

#[test]
fn the_json_tree_has_the_full_map_and_filters_by_each_part() {
    let registry = Registry::new();
    let calls = Descriptor::new("calls", "Calls made.")
        .stat("rpc", "Calls")
        .container_label("realm")
        .unit(Unit::Counted("calls"))
        .title("Calls")
        .measured();
    let calls =
        registry.counters(calls, [Label::closed("realm"), Label::closed("outcome")]).unwrap();
    calls.with(["r1", "ok"]).add(2);
    calls.with(["r1", "error"]).add(1);
    calls.with(["r2", "ok"]).add(5);
    registry.percentage(Descriptor::new("hits", "Found.").stat("cache", "Hits")).unwrap().add(1, 4);
    let sizes = Descriptor::new("size", "Sizes.").stat("cache", "Sizes").unit(Unit::Bytes);
    registry.histogram(sizes, Buckets::sizes()).unwrap().record(100);

    let tree = |filter: &StatFilter| -> serde_json::Value {
        serde_json::from_str(&json(&registry.stats(), filter)).unwrap()
    };
    let all = tree(&StatFilter::default());
    let expected = serde_json::json!({
        "StatType": "Stat", "Category": "rpc", "Container": "r1", "ShortName": "Calls",
        "Name": "Calls", "Description": "Calls made.", "UnitName": "calls", "Value": 3.0,
        "LastChangeOverTime": 0.0, "AverageChangeOverTime": 0.0,
    });
    assert_eq!(all["rpc"]["r1"]["Calls"], expected);
    let hits = &all["cache"]["main"]["Hits"];
    assert_eq!((&hits["Value"], &hits["Antecedent"]), (&25.0.into(), &1.into()));
    let sizes = &all["cache"]["main"]["Sizes"];
    assert_eq!((&sizes["Value"], &sizes["Sum"]), (&1.0.into(), &100.0.into()));
    assert!((sizes["P50"].as_f64().unwrap() / 100.0 - 1.0).abs() < 0.1);

    let filter = StatFilter { container: Some("r2".into()), ..StatFilter::default() };
    let found = tree(&filter);
    assert_eq!(found["rpc"].as_object().unwrap().len(), 1);
    assert!(found.get("cache").is_none() && found["rpc"]["r2"]["Calls"]["Value"] == 5.0);
}
