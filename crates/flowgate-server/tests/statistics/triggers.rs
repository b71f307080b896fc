//! When windows close.

use serde_json::json;

use crate::support::{
    client::Client,
    meta::{Meta, Monitor, check_account},
    router::{CBOR, JSON, Router, Setup, Transport},
    within,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_session_reports_by_the_timer() {
    within(async {
        let stats = json!({"trigger_after_duration": 0.05});
        let router = Router::start(&Setup::with_stats(stats));
        let mut monitor = Monitor::join(&router, (Transport::WebSocket, JSON)).await;
        let mut client = Client::join(&router, (Transport::RawSocket, CBOR)).await;
        for window in 0..4 {
            let stats = monitor.stats_of(client.session).await;
            assert_eq!((stats.first, stats.last), (window == 0, false));
            assert_eq!(stats.total.messages, if window == 0 { 2 } else { 0 });
            if window > 0 {
                assert!(stats.duration >= 50_000_000, "{stats:?}");
            }
        }
        client.leave().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_closed_by_the_timer_add_up_to_the_wire() {
    within(async {
        let stats = json!({"trigger_after_duration": 0.01, "trigger_after_rated_messages": 50});
        let router = Router::start(&Setup::with_stats(stats));
        let mut monitor = Monitor::join(&router, (Transport::WebSocket, JSON)).await;
        let mut client = Client::join(&router, (Transport::WebSocketTls, CBOR)).await;
        let mut windows = Vec::new();
        while windows.len() < 20 {
            let request = client.request();
            client.say(&json!([16, request, {"acknowledge": true}, "com.a"])).await;
            client.hear().await;
            windows.push(monitor.stats_of(client.session).await);
        }
        client.leave().await;
        loop {
            match monitor.next_of(client.session).await {
                Meta::Stats(stats) => windows.push(*stats),
                Meta::Leave { .. } => break,
                join @ Meta::Join { .. } => panic!("{join:?}"),
            }
        }
        check_account(&windows, &client);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_reports_only_where_it_is_asked_for() {
    within(async {
        let router = Router::start(&Setup::with_stats(json!({"trigger_on_leave": false})));
        let mut monitor = Monitor::join(&router, (Transport::Unix, JSON)).await;
        let mut client = Client::join(&router, (Transport::RawSocket, CBOR)).await;
        client.leave().await;
        let windows = monitor.life_of(client.session).await;
        assert_eq!(windows.len(), 1);
        assert!(windows[0].first && !windows[0].last);
    })
    .await;
}

/// The reports that a monitor receives are metered like any message, and close no window: with
/// every message reported, a monitor is told of its requests and of the replies, and then no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_are_metered_and_feed_nothing_back() {
    within(async {
        let stats = json!({"trigger_after_rated_messages": 1});
        let router = Router::start(&Setup::with_stats(stats));
        let mut monitors = Vec::new();
        for link in [(Transport::RawSocket, JSON), (Transport::WebSocket, CBOR)] {
            let mut monitor = Client::join(&router, link).await;
            monitor.subscribe("wamp.session.on_stats").await;
            monitors.push(monitor);
        }
        // The requests of each are reported to both.
        let mut reports = 0;
        for _ in 0..10 {
            for monitor in &mut monitors {
                let request = monitor.request();
                monitor.say(&json!([48, request, {}, "com.nobody"])).await;
                while monitor.hear().await[0] != 8 {
                    reports += 1;
                }
            }
        }
        for monitor in &mut monitors {
            reports += monitor.messages_before_pong().await.len();
        }
        // 20 requests with a reply each, told to two monitors, besides their own beginnings.
        assert!((80..=80 + 12).contains(&reports), "{reports}");
        for _ in 0..20 {
            for monitor in &mut monitors {
                assert_eq!(monitor.messages_before_pong().await, Vec::<serde_json::Value>::new());
            }
        }
    })
    .await;
}

/// Also the reports themselves are on the account of the monitor that receives them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitors_own_account_includes_the_reports() {
    within(async {
        let stats = json!({"trigger_after_rated_messages": 3});
        let router = Router::start(&Setup::with_stats(stats));
        let mut watcher = Monitor::join(&router, (Transport::RawSocket, JSON)).await;
        let mut monitor = Client::join(&router, (Transport::WebSocket, CBOR)).await;
        monitor.subscribe("wamp.session.on_stats").await;
        let mut client = Client::join(&router, (Transport::RawSocketTls, CBOR)).await;
        for _ in 0..50 {
            let request = client.request();
            client.say(&json!([16, request, {"acknowledge": true}, "com.a"])).await;
            client.hear().await;
        }
        client.leave().await;
        check_account(&watcher.life_of(client.session).await, &client);
        monitor.leave().await;
        check_account(&watcher.life_of(monitor.session).await, &monitor);
        assert!(monitor.received.messages > 30, "{:?}", monitor.received);
    })
    .await;
}
