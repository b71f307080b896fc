//! Many sessions at once: nothing is lost, doubled, reordered or changed.

use std::collections::BTreeMap;

use flowgate_client::{Session, Subscription};
use flowgate_wire::{Dict, Value};
use futures_util::future::join_all;
use serde_json::json;

use crate::support::{
    router::{CBOR, JSON, Router, Setup, Transport, all_links},
    within,
};

fn number(value: &Value<'_>) -> u64 {
    value.as_u64().unwrap()
}

/// Publishes `count` events with the publisher's name and numbers.
async fn publish(session: Session, name: u64, count: u64) {
    for event in 0..count {
        let arguments = [name, event].map(Value::from);
        if event % 10 == 9 {
            session.publish_acknowledged("com.load", Dict::EMPTY, arguments).await.unwrap();
        } else {
            session.publish("com.load", Dict::EMPTY, arguments).await.unwrap();
        }
    }
}

/// Takes all events and checks that each publisher's come in order.
async fn receive(mut subscription: Subscription, publishers: u64, count: u64) {
    let mut next: BTreeMap<u64, u64> = BTreeMap::new();
    for _ in 0..publishers * count {
        let event = subscription.next().await.unwrap();
        let [name, event] = &event.arguments.args[..] else { panic!("{event:?}") };
        let expected = next.entry(number(name)).or_default();
        assert_eq!(number(event), *expected);
        *expected += 1;
    }
    assert!(next.values().all(|seen| *seen == count));
    assert_eq!(subscription.missed_count(), 0);
}

/// Calls all procedures in turn, several calls at a time; a second reply to one call would end the
/// session.
async fn call(session: Session, callees: u64, count: u64) {
    let calls = (0..count).map(|call| {
        let session = &session;
        async move {
            let procedure = format!("com.load.{}", call % callees);
            let result = session.call(procedure, Dict::EMPTY, Value::from(call)).await.unwrap();
            assert_eq!(result.arguments.args, [Value::from(call % callees), Value::from(call)]);
        }
    });
    join_all(calls).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_arrives_once_and_in_order() {
    within(async {
        let (events, calls) = (200, 200);
        let router = Router::start(&Setup::default());
        let links = all_links();
        let count = links.len() as u64;
        let mut sessions = Vec::new();
        for link in links {
            sessions.push(router.join(link).await);
        }
        let mut work = tokio::task::JoinSet::new();
        for (name, session) in (0_u64..).zip(&sessions) {
            let include = Dict::EMPTY;
            let subscription = session.subscribe("com.load", include).await.unwrap();
            // A publisher does not receive its own events.
            work.spawn(receive(subscription, count - 1, events));
            let registration = session.register(format!("com.load.{name}"), Dict::EMPTY).await;
            let serving = registration.unwrap().serve(16, move |_, arguments| async move {
                let mut arguments = arguments;
                arguments.args.insert(0, Value::from(name));
                Ok(arguments)
            });
            tokio::spawn(serving);
        }
        for (name, session) in (0_u64..).zip(&sessions) {
            work.spawn(publish(session.clone(), name, events));
            work.spawn(call(session.clone(), count, calls));
        }
        while let Some(done) = work.join_next().await {
            done.unwrap();
        }
        for session in sessions {
            session.leave().await.unwrap();
        }
    })
    .await;
}

/// A payload of a megabyte with everything that serializers differ in.
fn large() -> Value<'static> {
    let text: String = "\"Grüße\\\n\u{1f30d}\u{0}".chars().cycle().take(400_000).collect();
    Value::dict([
        ("text", Value::from(text)),
        ("numbers", (0..10_000_u64).map(Value::from).collect::<Vec<_>>().into()),
        ("binary", Value::Binary((0..=255).cycle().take(100_000).collect::<Vec<u8>>().into())),
        ("negative", Value::from(-1_i64)),
        ("float", Value::from(0.1)),
        ("nothing", Value::Null),
        ("flag", Value::Bool(true)),
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_calls_cross_formats_and_transports_unchanged() {
    within(async {
        let router = Router::start(&Setup::default());
        for callee_link in [(Transport::RawSocket, CBOR), (Transport::WebSocketTls, JSON)] {
            let callee = router.join(callee_link).await;
            let echo = callee.register("com.echo", Dict::EMPTY).await.unwrap();
            let serving = tokio::spawn(echo.serve(4, |_, arguments| async move { Ok(arguments) }));
            for link in all_links() {
                // One transport is enough for the other direction.
                if callee_link != (Transport::RawSocket, CBOR) && link.0 != Transport::RawSocket {
                    continue;
                }
                let caller = router.join(link).await;
                let result = caller.call("com.echo", Dict::EMPTY, large()).await.unwrap();
                assert!(result.arguments.args == [large()], "{link:?} {callee_link:?}");
                caller.leave().await.unwrap();
            }
            callee.leave().await.unwrap();
            serving.await.unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_event_reaches_all_formats_and_transports_unchanged() {
    within(async {
        let router = Router::start(&Setup::default());
        let mut subscribers = Vec::new();
        for link in all_links() {
            let session = router.join(link).await;
            let subscription = session.subscribe("com.large", Dict::EMPTY).await.unwrap();
            subscribers.push((session, subscription, link));
        }
        for link in [(Transport::RawSocket, JSON), (Transport::WebSocket, CBOR)] {
            let publisher = router.join(link).await;
            publisher.publish_acknowledged("com.large", Dict::EMPTY, large()).await.unwrap();
            for (_, subscription, link) in &mut subscribers {
                let event = subscription.next().await.unwrap();
                assert!(event.arguments.args == [large()], "{link:?}");
            }
        }
    })
    .await;
}

/// Sessions that are sent much while they send much themselves; without pings, whoever the router
/// forgot would hang here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_forgotten_who_sends_and_receives_at_once() {
    within(async {
        let flowgate = json!({
            "keepalive": {"interval": 0}, "limits": {"send_queue_bytes": 1 << 30},
        });
        let router = Router::start(&Setup::with_flowgate(flowgate));
        let payload = Value::from("x".repeat(300 << 10));
        let mut sessions = Vec::new();
        for link in [
            (Transport::RawSocket, CBOR),
            (Transport::WebSocket, CBOR),
            (Transport::Unix, CBOR),
            (Transport::RawSocketTls, CBOR),
        ] {
            let session = router.join(link).await;
            let subscription = session.subscribe("com.much", Dict::EMPTY).await.unwrap();
            sessions.push((session, subscription));
        }
        let expected = (sessions.len() - 1) * 40;
        let work = sessions.into_iter().map(|(session, mut subscription)| {
            let payload = payload.clone();
            tokio::spawn(async move {
                let publishing = async {
                    for _ in 0..40 {
                        session
                            .publish_acknowledged("com.much", Dict::EMPTY, payload.clone())
                            .await
                            .unwrap();
                    }
                };
                let receiving = async {
                    for _ in 0..expected {
                        subscription.next().await.unwrap();
                    }
                };
                tokio::join!(publishing, receiving);
                session.leave().await.unwrap();
            })
        });
        for done in join_all(work).await {
            done.unwrap();
        }
    })
    .await;
}
