//! What the router publishes about sessions, what it counts, and what clients have counted
//! themselves is the same, exactly.

use serde_json::{Value, json};

use super::page::Page;
use crate::support::{
    client::{Account, Client},
    router::{CBOR, JSON, Link, MSGPACK, REALM, Router, Setup, Transport, batched},
    within,
};

const CALLS: u64 = 60;
const PUBLICATIONS: u64 = 40;

/// Waits for a page on which this holds: what a client has read is counted a moment later.
async fn page_on_which(router: &Router, holds: impl Fn(&Page) -> bool) -> Page {
    loop {
        let page = Page::fetch(router).await;
        if holds(&page) {
            return page;
        }
        tokio::task::yield_now().await;
    }
}

/// What is counted of a realm, in one direction.
fn counted(page: &Page, direction: &str) -> Account {
    let labels = [&*format!("realm=\"{REALM}\""), &*format!("direction=\"{direction}\"")];
    Account {
        messages: page.sum("flowgate_messages_total", &labels),
        bytes: page.sum("flowgate_message_bytes_total", &labels),
        rated_messages: page.sum("flowgate_rated_messages_total", &labels),
    }
}

/// What a session with statistics subscribes to, and what it has been told.
struct Monitor {
    client: Client,
    received: Account,
    sent: Account,
    left: usize,
}

impl Monitor {
    async fn join(router: &Router) -> Self {
        let mut client = Client::join(router, (Transport::RawSocket, JSON)).await;
        client.subscribe("wamp.session.on_stats").await;
        Self { client, received: Account::default(), sent: Account::default(), left: 0 }
    }

    /// Adds up the reports of as many sessions, until each has said its last.
    async fn add_up(&mut self, sessions: usize) {
        while self.left < sessions {
            let event = self.client.hear_type(36).await;
            let stats = &event[4][1];
            let account = |direction: &str| Account {
                messages: number(&stats[direction]["messages"]),
                bytes: number(&stats[direction]["bytes"]),
                rated_messages: number(&stats[direction]["rated_messages"]),
            };
            self.received += account("received");
            self.sent += account("sent");
            self.left += usize::from(stats["last"] == json!(true));
        }
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

/// Calls with results, errors and in vain, and publications, all heard by two clients.
async fn work(router: &Router, link: Link) -> (Client, Client) {
    let mut server = Client::join(router, link).await;
    server.register("com.work").await;
    server.subscribe("com.topic").await;
    let mut caller = Client::join(router, link).await;
    for (number, length) in (0..CALLS).zip((0..).step_by(20)) {
        let request = caller.request();
        caller.say(&json!([48, request, {}, "com.work", ["x".repeat(length)]])).await;
        let invocation = server.hear_type(68).await;
        let id = &invocation[1];
        let answer = if number % 3 == 0 {
            json!([8, 68, id, {}, "com.failed"])
        } else {
            json!([70, id, {}, invocation[4]])
        };
        server.say(&answer).await;
        let reply = caller.hear().await;
        assert_eq!(reply[0], if number % 3 == 0 { 8 } else { 50 }, "{reply}");
    }
    let request = caller.request();
    caller.say(&json!([48, request, {}, "com.nobody"])).await;
    assert_eq!(caller.hear().await[4], "wamp.error.no_such_procedure");
    for _ in 0..PUBLICATIONS {
        let request = caller.request();
        caller.say(&json!([16, request, {"acknowledge": true}, "com.topic", ["event"]])).await;
        assert_eq!(caller.hear().await[0], 17);
        assert_eq!(server.hear().await[0], 36);
    }
    (server, caller)
}

async fn check(link: Link) {
    let router = Router::start(&Setup::with_stats(json!({"trigger_after_rated_messages": 7})));
    let mut monitor = Monitor::join(&router).await;
    let (mut server, mut caller) = work(&router, link).await;

    let realm = format!("realm=\"{REALM}\"");
    let name = |name: &str, more: &str| format!("flowgate_{name}{{{realm}{more}}}");
    let work = ",procedure=\"com.work\"";
    let answered = name("rpc_duration_seconds_count", work);
    let dispatched = |page: &Page| {
        let events = page.sum("flowgate_messages_total", &["sent", "type=\"EVENT\"", &realm]);
        events >= PUBLICATIONS
    };
    let page =
        page_on_which(&router, |page| page.count(&answered) == CALLS && dispatched(page)).await;
    for (series, expected) in [
        (name("rpc_calls_total", &format!("{work},outcome=\"ok\"")), CALLS * 2 / 3),
        (name("rpc_calls_total", &format!("{work},outcome=\"error\"")), CALLS / 3),
        (name("rpc_calls_total", ",procedure=\"_other\",outcome=\"no_callee\""), 1),
        (name("rpc_errors_total", &format!("{work},error=\"com.failed\"")), CALLS / 3),
        (name("rpc_callee_seconds_count", work), CALLS),
        (name("rpc_router_seconds_count", ""), CALLS),
        (name("rpc_inflight", ""), 0),
        (name("registrations", ",match=\"exact\",invoke=\"single\""), 1),
        (name("subscriptions", ",match=\"exact\""), 2),
        (name("publications_total", ",outcome=\"ok\""), PUBLICATIONS),
        (name("events_total", ""), PUBLICATIONS),
        (name("publish_fanout_count", ""), PUBLICATIONS),
        (name("publish_fanout_bucket", ",le=\"1.0\""), PUBLICATIONS),
        (name("event_dispatch_seconds_count", ""), PUBLICATIONS),
        (name("sessions", ",authmethod=\"anonymous\""), 3),
        (name("sessions_joined_total", ""), 3),
        (name("messages_total", ",direction=\"received\",type=\"CALL\""), CALLS + 1),
        (name("messages_total", ",direction=\"received\",type=\"YIELD\""), CALLS * 2 / 3),
        (name("messages_total", ",direction=\"sent\",type=\"INVOCATION\""), CALLS),
        (name("messages_total", ",direction=\"sent\",type=\"RESULT\""), CALLS * 2 / 3),
        (name("messages_total", ",direction=\"sent\",type=\"PUBLISHED\""), PUBLICATIONS),
    ] {
        assert_eq!(page.count(&series), expected, "{series} on {link:?}");
    }
    // The parts of a call are its whole.
    let sum = |series: &str, more| page.value(&name(&format!("{series}_seconds_sum"), more));
    let parts = sum("rpc_callee", work) + sum("rpc_router", "");
    assert!((sum("rpc_duration", work) - parts).abs() < 1e-8, "{page:?}");
    assert!(sum("rpc_callee", work) > 0.0 && sum("rpc_router", "") > 0.0);

    caller.leave().await;
    server.leave().await;
    monitor.add_up(2).await;
    let (received, sent) =
        (add(&server.sent, &caller.sent), add(&server.received, &caller.received));
    // The meter's directions are the router's.
    assert_eq!((monitor.received, monitor.sent), (received, sent), "{link:?}");
    let wire = |monitor: &Monitor| {
        (add(&received, &monitor.client.sent), add(&sent, &monitor.client.received))
    };
    // What the monitor is sent last is counted last.
    let (all_received, all_sent) = wire(&monitor);
    let page = page_on_which(&router, |page| counted(page, "sent") == all_sent).await;
    assert_eq!(counted(&page, "received"), all_received, "{link:?}");
    for (series, expected) in [
        (name("registrations", ",match=\"exact\",invoke=\"single\""), 0),
        (name("subscriptions", ",match=\"exact\""), 1),
        (name("sessions", ",authmethod=\"anonymous\""), 1),
        (name("sessions_left_total", ",reason=\"goodbye\""), 2),
    ] {
        assert_eq!(page.count(&series), expected, "{series} on {link:?}");
    }
}

fn add(one: &Account, other: &Account) -> Account {
    let mut sum = *one;
    sum += *other;
    sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_statistics_and_clients_count_the_same() {
    within(async {
        for link in [
            (Transport::RawSocket, MSGPACK),
            (Transport::WebSocket, JSON),
            (Transport::WebSocketTls, batched(flowgate_wire::Format::Cbor)),
            (Transport::Unix, CBOR),
        ] {
            check(link).await;
        }
    })
    .await;
}

/// Connections come and go: gauges and counts follow, whoever ends them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_and_sessions_that_end_are_counted_once() {
    within(async {
        let router = Router::start(&Setup::default());
        let mut clients = Vec::new();
        for _ in 0..10 {
            clients.push(Client::join(&router, (Transport::RawSocket, CBOR)).await);
        }
        for client in clients.drain(..5) {
            drop(client);
        }
        for client in &mut clients {
            client.leave().await;
        }
        drop(clients);
        let sum = |page: &Page, name: &str| page.sum(&format!("flowgate_{name}"), &[]);
        // A page is written while connections end: what it says first may be older than the rest.
        let is_over = |page: &Page| {
            sum(page, "connections_closed_total") == 10 && sum(page, "connections") == 0
        };
        let page = page_on_which(&router, is_over).await;
        assert_eq!(sum(&page, "connections_opened_total"), 10);
        assert_eq!(sum(&page, "connection_duration_seconds_count"), 10);
        assert_eq!(sum(&page, "sessions"), 0);
        assert_eq!(sum(&page, "sessions_joined_total"), 10);
        assert_eq!(page.sum("flowgate_sessions_left_total", &["goodbye"]), 5);
        assert_eq!(page.sum("flowgate_sessions_left_total", &["transport_lost"]), 5);
        assert_eq!(page.sum("flowgate_auth_attempts_total", &["anonymous", "ok"]), 10);
    })
    .await;
}

/// Whoever does not read loses events, and they are counted: none is unaccounted for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_is_written_or_dropped() {
    const EVENTS: u64 = 60;
    within(async {
        let setup = Setup::with_flowgate(json!({"limits": {"send_queue_bytes": 1 << 20}}));
        let router = Router::start(&setup);
        let mut publisher = Client::join(&router, (Transport::Unix, CBOR)).await;
        let mut slow = Vec::new();
        for transport in [Transport::RawSocket, Transport::WebSocketTls] {
            let mut client = Client::join(&router, (transport, CBOR)).await;
            client.subscribe("com.topic").await;
            slow.push(client);
        }
        let payload = "x".repeat(256 << 10);
        for _ in 0..EVENTS {
            let request = publisher.request();
            let options = json!({"acknowledge": true});
            publisher.say(&json!([16, request, options, "com.topic", [payload]])).await;
            assert_eq!(publisher.hear().await[0], 17);
        }
        let realm = format!("{{realm=\"{REALM}\"");
        let name = |name: &str, more: &str| format!("flowgate_{name}{realm}{more}}}");
        let closed = name("slow_consumers_total", ",action=\"closed\"");
        page_on_which(&router, |page| page.count(&closed) == 2).await;
        drop(slow);
        let connections = |page: &Page| page.sum("flowgate_connections", &[]);
        let page = page_on_which(&router, |page| connections(page) == 1).await;
        let sent = page.count(&name("messages_total", ",direction=\"sent\",type=\"EVENT\""));
        let dropped = page.count(&name("events_dropped_total", ",reason=\"closed\""));
        let events = page.count(&name("events_total", ""));
        assert!(dropped > 0 && sent > 0, "{sent} sent, {dropped} dropped");
        assert_eq!(sent + dropped, events);
        assert_eq!(page.count(&name("event_dispatch_seconds_count", "")), sent);
    })
    .await;
}

/// Whatever the caller gets is what is counted: of an answer that is too large for it, the error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_its_caller_cannot_take_is_an_error() {
    const ERROR: &str = "error=\"wamp.error.payload_size_exceeded\"";
    within(async {
        let router = Router::start(&Setup::default());
        let mut callee = Client::join(&router, (Transport::RawSocket, JSON)).await;
        for procedure in ["com.answer", "com.fail"] {
            callee.register(procedure).await;
        }
        // So many that the list of their identifiers is longer than 2048 octets.
        for number in 0..900 {
            callee.register(&format!("com.number{number}")).await;
        }
        let mut small = Client::join_small(&router).await;
        // Of a callee's answers, RESULT and ERROR, and of one of the router's.
        for (procedure, size) in
            [("com.answer", 10), ("com.answer", 2100), ("com.fail", 10), ("com.fail", 2100)]
        {
            let request = small.request();
            small.say(&json!([48, request, {}, procedure])).await;
            let invocation = callee.hear().await;
            let payload = json!(["x".repeat(size)]);
            callee
                .say(&if procedure == "com.fail" {
                    json!([8, 68, invocation[1], {}, "com.own", payload])
                } else {
                    json!([70, invocation[1], {}, payload])
                })
                .await;
            let is_result = procedure == "com.answer" && size == 10;
            assert_eq!(small.hear().await[0], json!(if is_result { 50 } else { 8 }));
        }
        for (procedure, reply) in [("wamp.registration.list", 8), ("wamp.session.count", 50)] {
            let request = small.request();
            small.say(&json!([48, request, {}, procedure])).await;
            assert_eq!(small.hear().await[0], reply);
        }

        let page = Page::fetch(&router).await;
        let calls = |procedure: &str, outcome: &str| {
            let labels = [format!("procedure=\"{procedure}\""), format!("outcome=\"{outcome}\"")];
            page.sum("flowgate_rpc_calls_total", &labels.each_ref().map(String::as_str))
        };
        let errors = |procedure: &str, error: &str| {
            let procedure = format!("procedure=\"{procedure}\"");
            page.sum("flowgate_rpc_errors_total", &[&procedure, error])
        };
        assert_eq!((calls("com.answer", "ok"), calls("com.answer", "error")), (1, 1));
        assert_eq!((calls("com.fail", "ok"), calls("com.fail", "error")), (0, 2));
        assert_eq!((errors("com.answer", ERROR), errors("com.fail", ERROR)), (1, 1));
        assert_eq!(errors("com.fail", "error=\"com.own\""), 1);
        let list = "wamp.registration.list";
        assert_eq!((calls(list, "ok"), calls(list, "error"), errors(list, ERROR)), (0, 1, 1));
        assert_eq!(calls("wamp.session.count", "ok"), 1);
        assert_eq!(page.sum("flowgate_rpc_inflight", &[]), 0);
    })
    .await;
}

/// Topics are told apart only if they are asked for, and their sums are the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publications_are_counted_by_the_configured_topics() {
    let patterns = json!([
        {"uri": "com.shop.order"},
        {"uri": "com.shop.", "match": "prefix"},
        {"uri": "com..price", "match": "wildcard"},
    ]);
    let topics =
        ["com.shop.order", "com.shop.order", "com.shop.price", "com.fuel.price", "com.else"];
    within(async {
        for (metrics, expected) in [
            (json!({}), vec![("", 5)]),
            (
                json!({"topics": patterns}),
                vec![("com.shop.order", 2), ("com.shop.", 1), ("com..price", 1), ("_other", 1)],
            ),
        ] {
            let router = Router::start(&Setup::with_flowgate(json!({"metrics": metrics})));
            let mut client = Client::join(&router, (Transport::RawSocket, JSON)).await;
            let request = client.request();
            client.say(&json!([32, request, {"match": "prefix"}, "com."])).await;
            assert_eq!(client.hear().await[0], 33);
            for topic in topics {
                let request = client.request();
                client.say(&json!([16, request, {"exclude_me": false}, topic])).await;
                assert_eq!(client.hear().await[0], 36);
                // Refused, under the same topic.
                let request = client.request();
                let options = json!({"acknowledge": true, "exclude": "nobody"});
                client.say(&json!([16, request, options, topic])).await;
                assert_eq!(client.hear().await[0], 8);
            }
            let page = Page::fetch(&router).await;
            for (topic, count) in &expected {
                let topic =
                    if topic.is_empty() { String::new() } else { format!(",topic=\"{topic}\"") };
                let labels = format!("{{realm=\"{REALM}\"{topic}");
                for outcome in ["ok", "refused"] {
                    let name =
                        format!("flowgate_publications_total{labels},outcome=\"{outcome}\"}}");
                    assert_eq!(page.count(&name), *count, "{name}");
                }
                assert_eq!(page.count(&format!("flowgate_events_total{labels}}}")), *count);
            }
            assert_eq!(page.sum("flowgate_publications_total", &["ok"]), 5);
            assert_eq!(page.sum("flowgate_publications_total", &["refused"]), 5);
            assert_eq!(page.sum("flowgate_events_total", &[]), 5);
        }
    })
    .await;
}
