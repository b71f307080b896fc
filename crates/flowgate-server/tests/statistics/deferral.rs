//! Statistics wait for others to be written with, but nothing ends before they are out.

use serde_json::{Value, json};

use crate::support::{
    client::{Client, goodbye},
    router::{CBOR, JSON, Link, Router, Setup, Transport, all_links},
    within,
};

/// A way in which a monitor ends, or ceases to be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Goodbye,
    Unsubscribe,
    /// ABORT, to which there is no answer.
    Abort,
    /// Its side of the transport is closed.
    Closed,
}

/// The monitor, and the subscription to statistics that it has.
async fn monitor(router: &Router, link: Link) -> (Client, u64) {
    let mut monitor = Client::join(router, link).await;
    let subscription = monitor.subscribe("wamp.session.on_stats").await;
    (monitor, subscription)
}

/// Ends the monitor; what it hears before.
async fn end((mut monitor, subscription): (Client, u64), ending: Ending) -> Vec<Value> {
    let last = match ending {
        Ending::Goodbye => {
            monitor.say(&goodbye()).await;
            6
        }
        Ending::Unsubscribe => {
            let request = monitor.request();
            monitor.say(&json!([34, request, subscription])).await;
            35
        }
        Ending::Abort => {
            monitor.say(&json!([3, {}, "com.example.tired"])).await;
            return monitor.end().await.0;
        }
        Ending::Closed => {
            monitor.connection.writer().close().await.unwrap();
            return monitor.end().await.0;
        }
    };
    let mut heard = Vec::new();
    loop {
        let message = monitor.hear().await;
        if message[0] == last {
            return heard;
        }
        heard.push(message);
    }
}

async fn check(router: &Router, link: Link, ending: Ending) {
    let monitor = monitor(router, link).await;
    let mut client = Client::join(router, (Transport::RawSocket, CBOR)).await;
    for _ in 0..5 {
        let request = client.request();
        client.say(&json!([16, request, {"acknowledge": true}, "com.a"])).await;
        client.hear().await;
    }
    // The report of the last reply may come too late.
    let reported_count = client.sent.messages + client.received.messages - 1;
    let heard = end(monitor, ending).await;
    let windows = heard.iter().filter(|event| event[4][0]["session"] == client.session);
    let windows: Vec<&Value> = windows.map(|event| &event[4][1]).collect();
    let cycles: Vec<Option<u64>> = windows.iter().map(|stats| stats["cycle"].as_u64()).collect();
    let gapless: Vec<Option<u64>> = (1..).map(Some).take(windows.len()).collect();
    assert_eq!(cycles, gapless, "{link:?} {ending:?}");
    let message_count: u64 = windows.iter().filter_map(|stats| stats["messages"].as_u64()).sum();
    assert!(
        message_count >= reported_count,
        "{link:?} {ending:?}: {message_count} of {reported_count} messages reported"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_a_monitor_ends_it_has_been_told_what_was_reported_before() {
    within(async {
        let stats = json!({"trigger_after_rated_messages": 1});
        let router = Router::start(&Setup::with_stats(stats));
        for link in all_links() {
            for ending in [Ending::Goodbye, Ending::Unsubscribe, Ending::Abort] {
                check(&router, link, ending).await;
            }
        }
        // A WebSocket that has said that it closes is told nothing more.
        for transport in [Transport::RawSocket, Transport::Unix, Transport::RawSocketTls] {
            check(&router, (transport, JSON), Ending::Closed).await;
        }
    })
    .await;
}
