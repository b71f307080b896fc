//! The catalogue is what the documentation says.

use std::{collections::BTreeSet, fmt::Write as _};

use flowgate_metrics::{Listed, encode};
use flowgate_wire::{Batching, Format, MessageType, Serializer};

use super::*;

fn row(listed: &Listed) -> String {
    let Listed { name, kind, labels, help, stat } = listed;
    let labels = labels.join(", ");
    format!("| `{name}` | {kind} | {labels} | `{stat}` | {help} |")
}

#[tokio::test]
async fn a_runtime_that_is_blocked_is_late_for_as_long() {
    const BLOCKED: Duration = Duration::from_millis(500);
    let metrics = Metrics::new(Clock::start(), Vec::new(), Vec::new(), Vec::new()).unwrap();
    let stall = &metrics.families.runtime_stall;
    let block = async {
        // The task that measures has planned its next timer by the time that it is polled again.
        tokio::task::yield_now().await;
        let started = metrics.clock.now();
        while metrics.clock.now().since(started) < BLOCKED {
            std::hint::spin_loop();
        }
        while stall.count() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = metrics.watch_stalls() => {}
        () = block => {}
    }
    let late = Duration::from_nanos(stall.sum());
    assert!(late >= BLOCKED / 2, "{late:?} late after {BLOCKED:?} without a look at timers");
}

#[tokio::test]
async fn the_documentation_lists_every_family_as_it_is_registered() {
    let metrics = Metrics::new(Clock::start(), Vec::new(), Vec::new(), Vec::new()).unwrap();
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

fn metrics_of_one_realm() -> Arc<Metrics> {
    let realms = vec![("office".to_owned(), RatedMessageSize::DEFAULT)];
    Metrics::new(Clock::start(), realms, vec!["door".to_owned()], Vec::new()).unwrap()
}

fn page_of(metrics: &Metrics) -> String {
    let mut page = String::new();
    encode::text(&metrics.registry.scrape(), &mut page);
    page
}

/// Every message is in each of the families that it is counted in, with its own labels, whoever
/// has counted it, and when the thread that did is gone.
#[tokio::test]
async fn messages_reach_all_their_families_and_outlive_their_threads() {
    let metrics = metrics_of_one_realm();
    let office = metrics.realm("office");
    let serializers = [
        (Format::Json, Batching::Single, "json"),
        (Format::MessagePack, Batching::Single, "msgpack"),
        (Format::Cbor, Batching::Single, "cbor"),
        (Format::Json, Batching::Batched, "json.batched"),
        (Format::MessagePack, Batching::Batched, "msgpack.batched"),
        (Format::Cbor, Batching::Batched, "cbor.batched"),
    ];
    let threads = 2;
    for _ in 0..threads {
        let counted = Arc::clone(&metrics);
        let count = move || {
            let local = counted.local();
            // As many messages, and each as long, as its serializer's place among them says.
            for (place, (format, batching, _)) in (1..).zip(serializers) {
                let serializer = Serializer { format, batching };
                let received = Lane::new(office, Direction::Received, serializer);
                for _ in 0..place {
                    local.messages(received).unwrap().count(MessageType::Call, 1000 * place);
                    local.messages(received.back()).unwrap().count(MessageType::Result, place);
                }
            }
        };
        std::thread::spawn(count).join().unwrap();
        // One look while there are threads to come, and one after.
        page_of(&metrics);
    }
    let page = page_of(&metrics);
    let has = |line: &str| assert!(page.lines().any(|of| of == line), "{line} is not in\n{page}");
    let sum: usize = (1..=6).sum();
    has(&format!(
        "flowgate_messages_total{{realm=\"office\",direction=\"received\",type=\"CALL\"}} {}",
        threads * sum
    ));
    has(&format!(
        "flowgate_messages_total{{realm=\"office\",direction=\"sent\",type=\"RESULT\"}} {}",
        threads * sum
    ));
    let rated: usize = (1..=6).map(|place: usize| place * (1000 * place).div_ceil(512)).sum();
    has(&format!(
        "flowgate_rated_messages_total{{realm=\"office\",direction=\"received\"}} {}",
        threads * rated
    ));
    for (place, (_, _, name)) in (1..).zip(serializers) {
        for (way, bytes) in [("received", 1000 * place * place), ("sent", place * place)] {
            let labels = format!("direction=\"{way}\",serializer=\"{name}\"");
            has(&format!(
                "flowgate_message_bytes_total{{realm=\"office\",{labels}}} {}",
                threads * bytes
            ));
            has(&format!("flowgate_message_size_bytes_sum{{{labels}}} {}", threads * bytes));
            has(&format!("flowgate_message_size_bytes_count{{{labels}}} {}", threads * place));
        }
    }
}

#[tokio::test]
async fn octets_and_answered_calls_reach_their_families() {
    let metrics = metrics_of_one_realm();
    let office = metrics.realm("office");
    let listener = ListenerMetrics::new(&metrics, "door");
    let local = metrics.local();
    let first = RegistrationId::MIN;
    // Has the place of the first, and nobody has said what it is called.
    let second = (0..4096).fold(first, |id, _| id.next());
    metrics.families.procedures.add(office, first, "com.example.add");
    let mut answered = AnsweredCalls::default();
    // What has been told is not told again, and what comes after it is.
    for times in 1..=3 {
        listener.wire_bytes(&local, Direction::Received, 7);
        listener.wire_bytes(&local, Direction::Sent, 8);
        for registration in [first, first, second, first] {
            answered.count(&metrics, office, registration);
        }
        let page = page_of(&metrics);
        for (family, labels, once) in [
            ("wire_bytes", r#"listener="door",direction="received""#, 7),
            ("wire_bytes", r#"listener="door",direction="sent""#, 8),
            ("rpc_calls", r#"realm="office",procedure="com.example.add",outcome="ok""#, 3),
            ("rpc_calls", r#"realm="office",procedure="_other",outcome="ok""#, 1),
        ] {
            let line = format!("flowgate_{family}_total{{{labels}}} {}", times * once);
            assert!(page.lines().any(|of| of == line), "{line} is not in\n{page}");
        }
    }
}
