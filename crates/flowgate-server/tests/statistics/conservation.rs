//! The sum over all windows of a session equals the wire, exactly, on every link.

use serde_json::{Value, json};

use super::workload::{Partner, RATED_MESSAGE_SIZE, work};
use crate::support::{
    client::{Client, goodbye, hello},
    meta::{Monitor, check_account},
    router::{
        CBOR, JSON, Link, MSGPACK, QUIET_REALM, REALM, Router, Setup, Transport, all_links, batched,
    },
    within,
};

/// What a realm is configured to report, and whether its first window is the join.
struct Variant {
    stats: Value,
    joins: bool,
    /// Whether windows close in between.
    cuts: bool,
}

fn variants() -> Vec<Variant> {
    let size = RATED_MESSAGE_SIZE;
    let variant = |stats, joins, cuts| Variant { stats, joins, cuts };
    vec![
        variant(json!({"rated_message_size": size}), true, false),
        variant(json!({"rated_message_size": size, "trigger_on_join": false}), false, false),
        variant(json!({"rated_message_size": size, "trigger_after_rated_messages": 1}), true, true),
        variant(
            json!({
                "rated_message_size": size, "trigger_after_rated_messages": 7,
                "trigger_on_join": false,
            }),
            false,
            true,
        ),
    ]
}

/// A session's life on one link, checked against its client's own account.
async fn check(link: Link, variant: &Variant, router: &Router, monitor: &mut Monitor) {
    let partner = Partner::join(router).await;
    let mut client = Client::connect(router, link).await.rated_by(RATED_MESSAGE_SIZE);
    client.join_realm(REALM).await;
    let handshake = (client.sent, client.received);
    work(&mut client, &partner).await;
    client.leave().await;
    let traffic = client.connection.traffic();
    assert_eq!(
        (traffic.sent.bytes, traffic.sent.messages),
        (client.sent.bytes, client.sent.messages)
    );
    let windows = monitor.life_of(client.session).await;
    check_account(&windows, &client);
    if variant.joins {
        assert_eq!((windows[0].received, windows[0].sent), handshake, "{link:?}");
        assert_eq!((windows[0].received.messages, windows[0].sent.messages), (1, 1));
    }
    if variant.cuts {
        assert!(windows.len() > 10, "{}", windows.len());
    } else {
        assert_eq!(windows.len(), 1 + usize::from(variant.joins));
    }
    let (_, serializer) = link;
    let name = serializer.subprotocol().strip_prefix("wamp.2.").unwrap();
    assert!(windows.iter().all(|window| window.serializer == name), "{}", windows[0].serializer);
    client.connection.close().await.unwrap();
}

async fn check_variant(index: usize) {
    let variant = &variants()[index];
    let router = Router::start(&Setup::with_stats(variant.stats.clone()));
    let mut monitor = Monitor::join(&router, (Transport::RawSocket, JSON)).await;
    for link in all_links() {
        // The partner's procedure exists once; its session ends with its handle.
        check(link, variant, &router, &mut monitor).await;
        while router.session_count().await > 1 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_of_join_and_leave_add_up_to_the_wire_on_every_link() {
    within(check_variant(0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_window_adds_up_to_the_wire_on_every_link() {
    within(check_variant(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_of_one_rated_message_add_up_to_the_wire_on_every_link() {
    within(check_variant(2)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_of_several_rated_messages_add_up_to_the_wire_on_every_link() {
    within(check_variant(3)).await;
}

/// All that a session says in one write: the join window must not see what comes behind HELLO, nor
/// the second session what came before its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipelined_sessions_on_one_connection_have_accounts_of_their_own() {
    within(async {
        let router = Router::start(&Setup::default());
        let mut monitor = Monitor::join(&router, (Transport::WebSocket, CBOR)).await;
        for link in all_links() {
            let mut client = Client::connect(&router, link).await;
            let mut halves = Vec::new();
            for publications in [3_u64, 40] {
                client.feed(&hello(REALM));
                for request in 1..=publications {
                    client.feed(&json!([16, request, {"acknowledge": true}, "com.a", ["x"]]));
                }
                client.feed(&goodbye());
                halves.push(std::mem::take(&mut client.sent));
            }
            client.flush().await;
            let mut sessions = Vec::new();
            for (publications, sent) in [3, 40].into_iter().zip(halves) {
                client.start_account();
                client.sent = sent;
                client.expect_welcome().await;
                let handshake = client.received;
                for request in 1..=publications {
                    let published = client.hear().await;
                    assert_eq!((&published[0], &published[1]), (&json!(17), &json!(request)));
                }
                assert_eq!(client.hear().await[0], 6);
                let windows = monitor.life_of(client.session).await;
                check_account(&windows, &client);
                assert_eq!(windows.len(), 2, "{link:?}");
                assert_eq!((windows[0].received.messages, windows[0].sent), (1, handshake));
                sessions.push(client.session);
            }
            assert_ne!(sessions[0], sessions[1]);
        }
    })
    .await;
}

/// Many sessions at once, who publish to each other: every frame is counted for whom it was sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_sessions_are_counted_apart() {
    within(async {
        let stats = json!({"rated_message_size": 512, "trigger_after_rated_messages": 20});
        let router = Router::start(&Setup::with_stats(stats));
        let mut monitor = Monitor::join(&router, (Transport::Unix, MSGPACK)).await;
        let mut clients = Vec::new();
        for link in all_links() {
            let mut client = Client::join(&router, link).await;
            client.subscribe("com.all").await;
            clients.push(client);
        }
        let events = clients.len() * 20;
        let tasks: Vec<_> = clients
            .into_iter()
            .map(|mut client| {
                tokio::spawn(async move {
                    for _ in 0..20 {
                        let request = client.request();
                        let options = json!({"exclude_me": false});
                        client.feed(&json!([16, request, options, "com.all", ["x".repeat(300)]]));
                    }
                    client.flush().await;
                    for _ in 0..events {
                        assert_eq!(client.hear().await[0], 36);
                    }
                    client.leave().await;
                    client
                })
            })
            .collect();
        for task in tasks {
            let client = task.await.unwrap();
            check_account(&monitor.life_of(client.session).await, &client);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_realm_without_statistics_publishes_none() {
    within(async {
        let router = Router::start(&Setup::default());
        let mut monitor = Client::connect(&router, (Transport::RawSocket, JSON)).await;
        monitor.join_realm(QUIET_REALM).await;
        let request = monitor.request();
        monitor.say(&json!([32, request, {"match": "prefix"}, "wamp.session.on_"])).await;
        monitor.hear_type(33).await;
        let mut client =
            Client::connect(&router, (Transport::WebSocket, batched(CBOR.format))).await;
        client.join_realm(QUIET_REALM).await;
        client.leave().await;
        let topics =
            [monitor.hear().await, monitor.hear().await].map(|event| event[3]["topic"].clone());
        assert_eq!(topics, ["wamp.session.on_join", "wamp.session.on_leave"]);
        assert!(monitor.messages_before_pong().await.is_empty());
    })
    .await;
}
