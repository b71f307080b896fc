//! Clients that come and go at random.

use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::support::{
    client::{Client, hello},
    meta::{Meta, Monitor},
    router::{CBOR, JSON, Link, Router, Setup, Transport, all_links},
    within,
};

const CLIENT_COUNT: usize = 400;

/// Goes as far as `steps` says, and drops the connection.
async fn visit(router: &Router, link: Link, steps: u8) {
    if steps == 0 {
        let mut stream = router.tcp().await;
        stream.write_all(b"\x7f").await.unwrap();
        return;
    }
    let mut client = Client::connect(router, link).await;
    if steps == 1 {
        return;
    }
    client.say(&hello("realm1")).await;
    if steps == 2 {
        return;
    }
    client.expect_welcome().await;
    let procedure = format!("com.churn.{}", client.session);
    client.feed(&json!([32, 1, {}, "com.churn"]));
    client.feed(&json!([64, 2, {}, procedure]));
    client.feed(&json!([16, 3, {"exclude_me": false}, "com.churn", ["x".repeat(5000)]]));
    client.feed(&json!([48, 4, {}, procedure, ["to itself, and never answered"]]));
    client.flush().await;
    if steps == 3 {
        return;
    }
    client.hear_type(68).await;
    if steps == 4 {
        return;
    }
    client.say(&crate::support::client::goodbye()).await;
    if steps == 5 {
        return;
    }
    client.hear_type(6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_come_and_go_at_random_leave_nothing_behind() {
    within(async {
        let router = std::sync::Arc::new(Router::start(&Setup::default()));
        let mut monitor = Monitor::join(&router, (Transport::RawSocket, CBOR)).await;
        let links = all_links();
        let mut random = fastrand::Rng::with_seed(4711);
        let mut visits = tokio::task::JoinSet::new();
        for _ in 0..CLIENT_COUNT {
            let link = links[random.usize(..links.len())];
            let steps = random.u8(..7);
            let router = std::sync::Arc::clone(&router);
            visits.spawn(async move { visit(&router, link, steps).await });
            if visits.len() >= 50 {
                visits.join_next().await.unwrap().unwrap();
            }
        }
        while let Some(done) = visits.join_next().await {
            done.unwrap();
        }
        // The monitor's alone is left.
        while router.session_count().await > 1 {
            tokio::task::yield_now().await;
        }
        let mut witness = Client::join(&router, (Transport::WebSocket, JSON)).await;
        witness.leave().await;
        // Each session has joined, reported twice and left, in this order.
        let mut stages = std::collections::BTreeMap::new();
        loop {
            let meta = monitor.next().await;
            let session = meta.session();
            let stage = stages.entry(session).or_insert(0);
            *stage = match (*stage, meta) {
                (0, Meta::Join { .. }) => 1,
                (1, Meta::Stats(stats)) if stats.first && !stats.last => 2,
                (2, Meta::Stats(stats)) if !stats.first && stats.last => 3,
                // It was gone before its WELCOME was out.
                (1, Meta::Stats(stats)) if stats.first && stats.last => 3,
                (1 | 3, Meta::Leave { .. }) => 4,
                (stage, meta) => panic!("{meta:?} at {stage}"),
            };
            if session == witness.session && *stage == 4 {
                break;
            }
        }
        assert!(stages.values().all(|stage| *stage == 4), "{stages:?}");
        assert!(stages.len() > CLIENT_COUNT / 2);
        monitor.session.leave().await.unwrap();
        while router.session_count().await > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
