//! However a session ends, its last window is published once, before `on_leave`, with who it was.

use serde_json::json;

use crate::support::{
    client::Client,
    meta::{Monitor, check_account},
    router::{JSON, Link, MSGPACK, Router, Setup, Transport, all_links},
    within,
};

/// A way to end a session; afterwards the client has counted what the router counts.
#[derive(Debug, Clone, Copy)]
enum Ending {
    /// The TCP connection goes away.
    Lost,
    /// A message that is none.
    Garbage,
    /// A second HELLO.
    SecondHello,
    /// The client's ABORT.
    Abort,
    /// A close frame (WebSocket), the end of the stream (RawSocket) without GOODBYE.
    Closed,
}

async fn end(client: &mut Client, ending: Ending) {
    match ending {
        Ending::Lost => {}
        Ending::Garbage => {
            client.connection.send_raw(b"[\xc1\xff garbage".to_vec()).await.unwrap();
        }
        Ending::SecondHello => client.say(&crate::support::client::hello("realm1")).await,
        Ending::Abort => client.say(&json!([3, {}, "com.example.tired"])).await,
        Ending::Closed => client.connection.writer().close().await.unwrap(),
    }
    if !matches!(ending, Ending::Lost) {
        let (messages, _) = client.end().await;
        let aborted = matches!(ending, Ending::Garbage | Ending::SecondHello);
        // Text that is not UTF-8 is WebSocket's matter; then there is no ABORT.
        assert!(messages.len() <= usize::from(aborted), "{messages:?}");
        if let Some(abort) = messages.first() {
            assert_eq!(
                (&abort[0], &abort[2]),
                (&json!(3), &json!("wamp.error.protocol_violation"))
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_ending_is_reported_once_before_on_leave() {
    within(async {
        let stats = json!({"trigger_after_rated_messages": 4});
        let router = Router::start(&Setup::with_stats(stats));
        let mut monitor = Monitor::join(&router, (Transport::RawSocket, JSON)).await;
        for link in all_links() {
            for ending in
                [Ending::Lost, Ending::Garbage, Ending::SecondHello, Ending::Abort, Ending::Closed]
            {
                check(&router, &mut monitor, link, ending).await;
            }
        }
    })
    .await;
}

async fn check(router: &Router, monitor: &mut Monitor, link: Link, ending: Ending) {
    let mut client = Client::join(router, link).await;
    client.subscribe("com.a").await;
    for _ in 0..5 {
        let request = client.request();
        client
            .say(&json!([16, request, {"acknowledge": true, "exclude_me": false}, "com.a"]))
            .await;
        let (first, second) = (client.hear().await, client.hear().await);
        assert_eq!(first[0].as_u64().unwrap() + second[0].as_u64().unwrap(), 17 + 36);
    }
    end(&mut client, ending).await;
    let Client { session, sent, received, connection, .. } = client;
    drop(connection);
    let windows = monitor.life_of(session).await;
    let (counted_received, counted_sent) = crate::support::meta::check_windows(&windows);
    assert_eq!(counted_received, sent, "{link:?} {ending:?}");
    assert_eq!(counted_sent, received, "{link:?} {ending:?}");
}

/// What the client never reads, or what arrives half, is counted at most.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_lost_in_the_middle_is_never_counted_for_more_than_was_sent() {
    within(async {
        let router = Router::start(&Setup::default());
        let mut monitor = Monitor::join(&router, (Transport::WebSocket, MSGPACK)).await;
        for link in all_links() {
            let mut client = Client::join(&router, link).await;
            for request in 1..=50 {
                client.feed(
                    &json!([16, request, {"acknowledge": true}, "com.a", ["x".repeat(2000)]]),
                );
            }
            client.flush().await;
            let Client { session, sent, connection, .. } = client;
            drop(connection);
            let windows = monitor.life_of(session).await;
            let (counted_received, counted_sent) = crate::support::meta::check_windows(&windows);
            assert!(counted_received.messages <= sent.messages, "{link:?}");
            assert!(counted_received.bytes <= sent.bytes, "{link:?}");
            assert!(counted_sent.messages <= 1 + 50, "{link:?}");
            assert_eq!(windows.len(), 2);
        }
    })
    .await;
}

/// Two sessions, one after the other on a connection; the first is not mixed up with the second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_session_on_a_connection_has_an_account_of_its_own() {
    within(async {
        let router = Router::start(&Setup::default());
        let mut monitor = Monitor::join(&router, (Transport::Unix, JSON)).await;
        for link in all_links() {
            let mut client = Client::connect(&router, link).await;
            let mut sessions = Vec::new();
            for _ in 0..3 {
                client.start_account();
                client.join_realm("realm1").await;
                client.subscribe("com.a").await;
                client.leave().await;
                check_account(&monitor.life_of(client.session).await, &client);
                sessions.push(client.session);
            }
            sessions.dedup();
            assert_eq!(sessions.len(), 3);
        }
    })
    .await;
}
