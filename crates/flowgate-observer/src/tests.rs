//! Scenarios: lines in, page out.

use std::time::Duration;

use flowgate_event::Timestamp;

use crate::{
    Aggregate, Batch, ConnectionId, Counts, Intake, Limits, Observer, Protocol, Snapshot, page,
};

const TIMEOUT: Duration = Duration::from_millis(300);

fn at(ms: u64) -> Timestamp {
    Timestamp::from_nanos(ms * 1_000_000)
}

/// A line of the PHP client.
fn logged(direction: &str, message: &str) -> String {
    let mut line = serde_json::to_string(&["wamp", direction, message]).unwrap();
    line.push('\n');
    line
}

/// What happens: milliseconds, connection and line.
type Step<'a> = (u64, u64, &'a str);

fn run_with(limits: Limits, protocol: Protocol, steps: &[Step<'_>], end_ms: u64) -> Observer {
    let mut observer = Observer::new(at(0), TIMEOUT, limits, 1);
    for (ms, connection, line) in steps {
        let mut batch = Batch::default();
        let mut intake = Intake::new(protocol, limits);
        intake.feed(line.as_bytes(), &mut batch);
        intake.finish(&mut batch);
        observer.apply(at(*ms), ConnectionId(*connection), &mut batch);
        observer.check();
    }
    observer.expire(at(end_ms));
    observer.check();
    observer
}

fn run(steps: &[Step<'_>]) -> Observer {
    run_with(Limits::default(), Protocol::Wamp, steps, 10_000)
}

fn request(id: &str, name: &str) -> String {
    logged("in", &format!(r#"[2,"{id}","{name}",{{"msg":"x"}}]"#))
}

fn response(id: &str) -> String {
    logged("in", &format!(r#"[3,"{id}",{{"msg":"x"}}]"#))
}

/// Lines of the page without the buckets, which one test checks whole.
fn short_page(snapshot: &Snapshot) -> String {
    let page = page(snapshot);
    page.lines()
        .filter(|line| !line.contains("_bucket") && !line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn the_page_is_that_of_php_wamp_observer() {
    let observer = run(&[
        (0, 1, &request("a", "Reset")),
        (4, 1, &logged("in", r#"[4,"a",{}]"#)),
        (10, 1, &request("b", "hello")),
        (40, 1, &response("b")),
    ]);
    let buckets = |name: &str, counts: [u64; 12]| -> String {
        let bounds =
            ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"];
        let lines = bounds.iter().zip(counts);
        lines.map(|(le, count)| format!("{name}_bucket{{le=\"{le}\"}} {count}\n")).collect()
    };
    let expected = [
        "# TYPE wamp_in_errors_seconds summary\n",
        "# UNIT wamp_in_errors_seconds seconds\n",
        "# HELP wamp_in_errors_seconds A summary of the wamp in errors.\n",
        "wamp_in_errors_seconds_count{message=\"Reset\"} 1\n",
        "wamp_in_errors_seconds_sum{message=\"Reset\"} 0.004\n",
        "# TYPE wamp_in_errors_total_seconds histogram\n",
        "# UNIT wamp_in_errors_total_seconds seconds\n",
        "# HELP wamp_in_errors_total_seconds A histogram of the wamp in errors.\n",
        &buckets("wamp_in_errors_total_seconds", [1; 12]),
        "wamp_in_errors_total_seconds_sum 0.004\n",
        "wamp_in_errors_total_seconds_count 1\n",
        "# TYPE wamp_in_responses_seconds summary\n",
        "# UNIT wamp_in_responses_seconds seconds\n",
        "# HELP wamp_in_responses_seconds A summary of the wamp in responses.\n",
        "wamp_in_responses_seconds_count{message=\"hello\"} 1\n",
        "wamp_in_responses_seconds_sum{message=\"hello\"} 0.030\n",
        "# TYPE wamp_in_responses_total_seconds histogram\n",
        "# UNIT wamp_in_responses_total_seconds seconds\n",
        "# HELP wamp_in_responses_total_seconds A histogram of the wamp in responses.\n",
        &buckets("wamp_in_responses_total_seconds", [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
        "wamp_in_responses_total_seconds_sum 0.030\n",
        "wamp_in_responses_total_seconds_count 1\n",
        "# EOF\n",
    ]
    .concat();
    assert_eq!(page(&observer.snapshot()), expected);
}

#[test]
fn nothing_measured_is_the_end_alone() {
    assert_eq!(page(&run(&[]).snapshot()), "# EOF\n");
}

#[test]
fn a_request_without_reply_times_out_under_its_own_protocol_and_direction() {
    let observer =
        run_with(Limits::default(), Protocol::Wamp, &[(0, 1, &request("a", "slow"))], 299);
    assert_eq!(page(&observer.snapshot()), "# EOF\n");
    assert_eq!(observer.next_deadline(), Some(at(300)));
    let observer =
        run_with(Limits::default(), Protocol::Wamp, &[(0, 1, &request("a", "slow"))], 300);
    assert_eq!(
        short_page(&observer.snapshot()),
        "wamp_in_timeouts_seconds_count{message=\"slow\"} 1\n\
         wamp_in_timeouts_seconds_sum{message=\"slow\"} 0.300\n\
         wamp_in_timeouts_total_seconds_sum 0.300\n\
         wamp_in_timeouts_total_seconds_count 1\n"
    );
    assert_eq!((observer.next_deadline(), observer.pending_count()), (None, 0));
}

#[test]
fn a_reply_that_comes_too_late_is_not_counted_again() {
    let observer = run(&[(0, 1, &request("a", "slow")), (300, 1, &response("a"))]);
    assert!(!page(&observer.snapshot()).contains("responses"));
    let Counts { answered, timed_out, replies, .. } = observer.counts();
    assert_eq!((answered, timed_out, replies), (0, 1, 1));
}

#[test]
fn a_reply_has_the_direction_of_its_own_line() {
    let observer = run(&[(0, 1, &request("a", "x")), (5, 1, &logged("out", r#"[3,"a",{}]"#))]);
    assert!(page(&observer.snapshot()).contains("wamp_out_responses_seconds_count"));
}

#[test]
fn a_reply_is_for_the_request_of_its_own_connection() {
    let observer = run(&[
        (0, 1, &request("a", "first")),
        (1, 2, &request("a", "second")),
        (2, 1, &response("a")),
        (9, 2, &response("a")),
    ]);
    let page = short_page(&observer.snapshot());
    assert!(page.contains("{message=\"first\"} 0.002"), "{page}");
    assert!(page.contains("{message=\"second\"} 0.008"), "{page}");
}

#[test]
fn a_reply_from_another_connection_is_for_the_newest_request() {
    let observer = run(&[
        (0, 1, &request("a", "first")),
        (1, 2, &request("a", "second")),
        (5, 3, &response("a")),
        (7, 3, &response("a")),
        (8, 3, &response("a")),
    ]);
    let page = short_page(&observer.snapshot());
    assert!(page.contains("{message=\"second\"} 0.004"), "{page}");
    assert!(page.contains("{message=\"first\"} 0.007"), "{page}");
    assert_eq!(observer.counts().answered, 2);
}

#[test]
fn an_identifier_used_again_replaces_the_request_and_waits_its_full_time() {
    let line = request("a", "x");
    let observer =
        run_with(Limits::default(), Protocol::Wamp, &[(0, 1, &line), (200, 1, &line)], 499);
    assert_eq!((observer.counts().replaced, observer.pending_count()), (1, 1));
    let observer = run(&[(0, 1, &line), (200, 1, &line), (450, 1, &response("a"))]);
    assert!(
        short_page(&observer.snapshot()).contains("responses_seconds_sum{message=\"x\"} 0.250")
    );
}

#[test]
fn lines_that_are_not_understood_are_counted_and_harm_nothing() {
    let long = format!("[\"wamp\",\"in\",\"{}\"]\n", "x".repeat(70_000));
    let lines = [
        ("\n", "empty"),
        ("\r\n", "empty"),
        ("no json\n", "malformed"),
        ("{}\n", "malformed"),
        ("[]\n", "malformed"),
        ("[\"wamp\",\"in\"]\n", "malformed"),
        ("[\"wamp\",\"in\",null]\n", "malformed"),
        ("[\"wamp\",\"in\",\"[]\"]\n", "malformed"),
        ("[\"wamp\",\"in\",\"[2]\"]\n", "malformed"),
        ("[\"wamp\",\"in\",\"[2,null,\\\"x\\\"]\"]\n", "malformed"),
        ("[\"wamp\",\"in\",\"[2,\\\"a\\\",null]\"]\n", "malformed"),
        ("[\"wamp\",\"in\",\"[2,\\\"a\\\",\\\"x\\\"\"]\n", "malformed"),
        ("[\"wamp\",\"in\",\"[\\\"2\\\",\\\"a\\\",\\\"x\\\"]\"]\n", "malformed"),
        ("\u{fffd}\u{0}\n", "malformed"),
        ("[\"wamp\",\"in\",\"[8,\\\"a\\\"]\"]\n", "ignored"),
        (&long, "oversized"),
    ];
    let steps: Vec<Step<'_>> = lines.iter().map(|(line, _)| (0, 1, *line)).collect();
    let mut observer = run(&steps);
    let of = |kind| lines.iter().filter(|(_, expected)| *expected == kind).count() as u64;
    let expected = Counts {
        empty: of("empty"),
        malformed: of("malformed"),
        ignored: of("ignored"),
        oversized: of("oversized"),
        ..Counts::default()
    };
    assert_eq!(observer.counts(), expected);
    assert_eq!(observer.counts().lines(), lines.len() as u64);
    let mut batch = Batch::default();
    let mut intake = Intake::new(Protocol::Wamp, Limits::default());
    intake.feed((request("a", "x") + &response("a")).as_bytes(), &mut batch);
    observer.apply(at(20_000), ConnectionId(1), &mut batch);
    assert_eq!(observer.counts().answered, 1);
}

#[test]
fn fields_and_identifiers_are_taken_as_tolerantly_as_they_can_be() {
    let observer = run(&[
        (0, 1, "[\"wamp\",\"in\",\"[2,17,\\\"x\\\"]\",\"more\",{}]\r\n"),
        (1, 1, "[\"wamp\",\"in\",\"[3.0,17]\"]"),
        (2, 1, "[null,7,\"[2,\\\"b\\\",\\\"caf\\\\u00e9 \\\\/\\\"]\"]\n"),
        (3, 1, "[null,[7,{\"a\":1}],\"[3,\\\"b\\\"]\"]\n"),
    ]);
    let page = short_page(&observer.snapshot());
    assert!(page.contains("wamp_in_responses_seconds_count{message=\"x\"} 1\n"), "{page}");
    assert!(page.contains("__responses_seconds_count{message=\"café /\"} 1\n"), "{page}");
    assert_eq!(observer.counts().malformed, 0);
}

#[test]
fn names_and_values_are_legal_for_prometheus() {
    let observer = run(&[
        (0, 1, "[\"wa-mp\",\"1n\",\"[2,\\\"a\\\",\\\"q\\\\\\\"b\\\\\\\\s\\\\nn\\\\tt\\\"]\"]\n"),
        (1, 1, "[\"2wa-mp\",\"ïn\",\"[3,\\\"a\\\"]\"]\n"),
    ]);
    let page = short_page(&observer.snapshot());
    let expected = "_2wa_mp__n_responses_seconds_count{message=\"q\\\"b\\\\s\\nn\tt\"} 1\n";
    assert!(page.starts_with(expected), "{page}");
}

#[test]
fn the_sibling_protocol_counts_and_measures() {
    let steps = [
        (0, 1, "[\"hits\",\"page\",\"home\"]\n"),
        (0, 1, "[\"hits\",\"page\",\"home\"]\n"),
        (0, 1, "[\"hits\",\"page\",\"about\"]\n"),
        (0, 1, "[\"query\",\"db\",\"main\",\"0.0125\"]\n"),
        (0, 1, "[\"query\",\"db\",\"main\",\"20\"]\n"),
    ];
    let observer = run_with(Limits::default(), Protocol::Metrics, &steps, 0);
    let page = page(&observer.snapshot());
    let expected = "# TYPE hits counter\n# HELP hits A counter of the hits.\n\
                    hits_total{page=\"about\"} 1\nhits_total{page=\"home\"} 2\n\
                    # TYPE query_seconds summary\n";
    assert!(page.starts_with(expected), "{page}");
    assert!(page.contains("query_seconds_sum{db=\"main\"} 20.013\n"), "{page}");
    assert!(page.contains("query_total_seconds_bucket{le=\"10\"} 1\n"), "{page}");
    assert!(page.contains("query_total_seconds_bucket{le=\"+Inf\"} 2\n"), "{page}");
}

#[test]
fn durations_that_are_none_are_malformed() {
    for seconds in ["-1", "NaN", "inf", "1e300", "soon", ""] {
        let line = format!("[\"query\",\"db\",\"main\",\"{seconds}\"]\n");
        let observer = run_with(Limits::default(), Protocol::Metrics, &[(0, 1, &line)], 0);
        assert_eq!(observer.counts().malformed, 1, "{seconds}");
        assert_eq!(page(&observer.snapshot()), "# EOF\n");
    }
    for line in ["[\"a\",\"b\"]\n", "[\"a\",\"b\",\"c\",\"1\",\"d\"]\n"] {
        let observer = run_with(Limits::default(), Protocol::Metrics, &[(0, 1, line)], 0);
        assert_eq!(observer.counts().malformed, 1, "{line}");
    }
}

#[test]
fn a_bucket_takes_what_is_exactly_as_long_as_its_bound() {
    for (seconds, first_bound) in [("0.005", "0.005"), ("0.005000001", "0.01"), ("1", "1")] {
        let line = format!("[\"query\",\"db\",\"main\",\"{seconds}\"]\n");
        let observer = run_with(Limits::default(), Protocol::Metrics, &[(0, 1, &line)], 0);
        let page = page(&observer.snapshot());
        let first = page.lines().find(|line| line.contains("_bucket") && line.ends_with(" 1"));
        assert!(first.unwrap().contains(&format!("le=\"{first_bound}\"")), "{seconds}: {first:?}");
    }
}

#[test]
fn what_is_beyond_the_limits_is_folded_and_sums_stay_exact() {
    let limits = Limits { max_label_value_count: 2, max_family_count: 2, ..Limits::default() };
    let mut steps = Vec::new();
    for metric in ["a", "b", "c", "d"] {
        for value in ["x", "y", "z", "x"] {
            steps.push(format!("[\"{metric}\",\"{metric}_label\",\"{value}\"]\n"));
        }
    }
    let steps: Vec<Step<'_>> = steps.iter().map(|line| (0, 1, line.as_str())).collect();
    let observer = run_with(limits, Protocol::Metrics, &steps, 0);
    assert_eq!(
        short_page(&observer.snapshot()),
        "_other_total{label=\"_other\"} 2\n\
         _other_total{label=\"x\"} 4\n\
         _other_total{label=\"y\"} 2\n\
         a_total{a_label=\"_other\"} 1\n\
         a_total{a_label=\"x\"} 2\n\
         a_total{a_label=\"y\"} 1\n\
         b_total{b_label=\"_other\"} 1\n\
         b_total{b_label=\"x\"} 2\n\
         b_total{b_label=\"y\"} 1\n"
    );
    assert_eq!(observer.counts().folded, 2 + 8);
}

#[test]
fn requests_beyond_a_limit_are_counted_and_do_not_disturb_the_others() {
    // The texts of one: `wamp_in`, its identifier and its name.
    let by_bytes = Limits { max_pending_bytes: 9, ..Limits::default() };
    for limits in [Limits { max_pending_count: 1, ..Limits::default() }, by_bytes] {
        let steps = [
            (0, 1, request("a", "x")),
            (1, 1, request("b", "y")),
            (2, 1, response("b")),
            (3, 1, response("a")),
            (4, 1, request("c", "z")),
            (6, 1, response("c")),
        ];
        let steps: Vec<Step<'_>> =
            steps.iter().map(|(ms, at, line)| (*ms, *at, line.as_str())).collect();
        let observer = run_with(limits, Protocol::Wamp, &steps, 10);
        let Counts { unpaired, answered, .. } = observer.counts();
        assert_eq!((unpaired, answered), (1, 2), "{limits:?}");
        let page = short_page(&observer.snapshot());
        assert!(page.contains("{message=\"x\"} 0.003") && page.contains("{message=\"z\"} 0.002"));
    }
}

#[test]
fn a_source_counts_once_however_often_it_is_asked() {
    let first = run(&[(0, 1, &request("a", "x")), (5, 1, &response("a"))]).snapshot();
    let mut aggregate = Aggregate::default();
    for _ in 0..3 {
        aggregate.replace("one", first.clone());
    }
    assert_eq!(page(&aggregate.total(Snapshot::default())), page(&first));
    aggregate.replace("two", first.clone());
    let total = short_page(&aggregate.total(first.clone()));
    assert!(total.contains("_count{message=\"x\"} 3\n"), "{total}");
}

#[test]
fn a_source_that_was_started_anew_goes_on_where_it_ended() {
    let snapshot = run(&[(0, 1, &request("a", "x")), (5, 1, &response("a"))]).snapshot();
    let restarted = Snapshot { started_ns: 7, ..snapshot.clone() };
    let mut aggregate = Aggregate::default();
    aggregate.replace("one", snapshot);
    aggregate.replace("one", Snapshot { started_ns: 7, families: Vec::new() });
    aggregate.replace("one", restarted);
    let total = short_page(&aggregate.total(Snapshot::default()));
    assert!(total.contains("_count{message=\"x\"} 2\n"), "{total}");
    assert!(total.contains("_total_seconds_sum 0.010\n"), "{total}");
}

#[test]
fn a_snapshot_survives_its_way_as_json() {
    let snapshot = run(&[(0, 1, &request("a", "x")), (5, 1, &response("a"))]).snapshot();
    let text = serde_json::to_string(&snapshot).unwrap();
    assert_eq!(serde_json::from_str::<Snapshot>(&text).unwrap(), snapshot);
}

#[test]
fn families_are_in_the_order_of_name_bar_and_label() {
    let steps = [
        (0, 1, "[\"ab\",\"l\",\"x\"]\n"),
        (0, 1, "[\"ab_c\",\"l\",\"x\"]\n"),
        (0, 1, "[\"ab\",\"k\",\"x\"]\n"),
    ];
    let observer = run_with(Limits::default(), Protocol::Metrics, &steps, 0);
    assert_eq!(
        short_page(&observer.snapshot()),
        "ab_c_total{l=\"x\"} 1\nab_total{k=\"x\"} 1\nab_total{l=\"x\"} 1\n"
    );
}
