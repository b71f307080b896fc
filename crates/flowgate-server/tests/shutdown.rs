//! The end of the router.

use serde_json::{Value, json};

use crate::support::{
    client::{Client, goodbye, hello},
    meta::{Monitor, check_account},
    read_to_end,
    router::{JSON, Router, Setup, Transport, admin, all_links},
    within,
};

async fn expect_goodbye(client: &mut Client) {
    let message = client.hear().await;
    assert_eq!((&message[0], &message[2]), (&json!(6), &json!("wamp.close.system_shutdown")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_session_is_told_and_the_router_ends_when_all_have_answered() {
    within(async {
        // Would the router wait for its timeout, the test would hang.
        let flowgate = json!({"shutdown_timeout": 3600});
        let router = Router::start(&Setup::with_flowgate(flowgate));
        let mut clients = Vec::new();
        for link in all_links() {
            let mut client = Client::join(&router, link).await;
            client.subscribe("com.a").await;
            clients.push(client);
        }
        let router = router.shut_down();
        for client in &mut clients {
            expect_goodbye(client).await;
        }
        for client in &mut clients {
            client.say(&json!([6, {}, "wamp.close.goodbye_and_out"])).await;
            let (messages, _) = client.end().await;
            assert_eq!(messages, Vec::<Value>::new());
        }
        drop(clients);
        router.finished().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_answers_holds_the_router_up_for_the_timeout_only() {
    within(async {
        let flowgate = json!({"shutdown_timeout": 0.2});
        let router = Router::start(&Setup::with_flowgate(flowgate));
        let mut silent = Client::join(&router, (Transport::RawSocket, JSON)).await;
        let mut idle = router.tcp().await;
        let began = std::time::Instant::now();
        router.shut_down().finished().await;
        // Half of the time for it, the other half for those who watch others end.
        assert!(began.elapsed().as_millis() >= 100);
        expect_goodbye(&mut silent).await;
        assert_eq!(silent.end().await.0, Vec::<Value>::new());
        assert_eq!(read_to_end(&mut idle).await, b"");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_see_the_shutdown_and_nobody_joins_any_more() {
    within(async {
        let flowgate = json!({"shutdown_timeout": 3600});
        let router = Router::start(&Setup::with_flowgate(flowgate));
        let mut client = Client::join(&router, (Transport::WebSocket, JSON)).await;
        let mut late = Client::connect(&router, (Transport::WebSocket, JSON)).await;
        assert_eq!(router.admin("/readyz").await, (200, "ready\n".to_owned()));
        assert_eq!(router.admin("/healthz").await.0, 200);
        assert_eq!(router.admin("/elsewhere").await.0, 404);
        let address = router.admin_address();
        let router = router.shut_down();
        expect_goodbye(&mut client).await;
        assert_eq!(admin(address, "/readyz").await.unwrap().0, 503);
        assert_eq!(admin(address, "/healthz").await.unwrap().0, 200);
        late.say(&hello("realm1")).await;
        let (messages, _) = late.end().await;
        assert_eq!(messages.len(), 1);
        assert_eq!(
            (&messages[0][0], &messages[0][2]),
            (&json!(3), &json!("wamp.close.system_shutdown"))
        );
        assert!(!router.is_finished());
        client.say(&goodbye()).await;
        client.end().await;
        drop((client, late));
        router.finished().await;
        assert!(admin(address, "/healthz").await.is_err());
    })
    .await;
}

/// The last report of every session is published before its `on_leave`, also at the shutdown, to
/// those who watch: they are told of it last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitor_hears_of_every_end_before_its_own() {
    within(async {
        let flowgate = json!({"shutdown_timeout": 2});
        let router = Router::start(&Setup::with_flowgate(flowgate));
        let mut monitor = Monitor::join(&router, (Transport::WebSocket, JSON)).await;
        let mut answering = Vec::new();
        for link in all_links() {
            let mut client = Client::connect(&router, link).await;
            client.join_realm("realm1").await;
            answering.push(client);
        }
        let silent = Client::join(&router, (Transport::RawSocket, JSON)).await;
        let router = router.shut_down();
        for client in &mut answering {
            expect_goodbye(client).await;
            client.say(&goodbye()).await;
        }
        for client in &answering {
            let windows = monitor.life_of(client.session).await;
            assert!(windows.last().unwrap().last);
            check_account(&windows, client);
        }
        let windows = monitor.life_of(silent.session).await;
        assert!(windows.last().unwrap().last);
        assert!(monitor.events_end().await);
        router.finished().await;
    })
    .await;
}
