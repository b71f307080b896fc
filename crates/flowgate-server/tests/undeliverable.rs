//! Messages that are longer than their receiver takes.

use serde_json::json;

use crate::support::{
    client::Client,
    meta::{Monitor, check_account},
    router::{JSON, Router, Setup, Transport},
    within,
};

const PAYLOAD_SIZE_EXCEEDED: &str = "wamp.error.payload_size_exceeded";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_or_result_that_does_not_fit_fails_and_the_sessions_go_on() {
    within(async {
        let router = Router::start(&Setup::default());
        let mut monitor = Monitor::join(&router, (Transport::RawSocket, JSON)).await;
        let (mut small, mut large) = (
            Client::join_small(&router).await,
            Client::join(&router, (Transport::WebSocket, JSON)).await,
        );
        small.register("com.small").await;
        large.register("com.large").await;
        small.subscribe("com.topic").await;
        for _ in 0..3 {
            // An invocation that the callee does not take.
            let request = large.request();
            large.say(&json!([48, request, {}, "com.small", ["x".repeat(2100)]])).await;
            let error = large.hear().await;
            assert_eq!(
                (&error[0], &error[2], &error[4]),
                (&json!(8), &json!(request), &json!(PAYLOAD_SIZE_EXCEEDED)),
                "{error}"
            );
            // A result that the caller does not take.
            let request = small.request();
            small.say(&json!([48, request, {}, "com.large", ["x"]])).await;
            let invocation = large.hear().await;
            large.say(&json!([70, invocation[1], {}, ["x".repeat(2100)]])).await;
            let error = small.hear().await;
            assert_eq!(
                (&error[0], &error[2], &error[4]),
                (&json!(8), &json!(request), &json!(PAYLOAD_SIZE_EXCEEDED)),
                "{error}"
            );
            // An event that the subscriber does not take is lost for it alone.
            for (len, heard) in [(2100, false), (20, true)] {
                let request = large.request();
                let options = json!({"acknowledge": true});
                large.say(&json!([16, request, options, "com.topic", ["x".repeat(len)]])).await;
                assert_eq!(large.hear().await[0], 17);
                if heard {
                    assert_eq!(small.hear().await[4][0].as_str().unwrap().len(), len);
                }
            }
            // What fits goes through.
            let request = large.request();
            large.say(&json!([48, request, {}, "com.small", ["x"]])).await;
            let invocation = small.hear().await;
            small.say(&json!([70, invocation[1], {}, ["y"]])).await;
            assert_eq!(large.hear().await[3], json!(["y"]));
        }
        // What was not sent is on nobody's account.
        small.leave().await;
        check_account(&monitor.life_of(small.session).await, &small);
        large.leave().await;
        check_account(&monitor.life_of(large.session).await, &large);
    })
    .await;
}
