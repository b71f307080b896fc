//! Clients that do not read what is sent to them.

use serde_json::{Value, json};

use crate::support::{
    client::{Client, goodbye},
    meta::{Monitor, check_account, check_windows},
    router::{CBOR, JSON, MSGPACK, Router, Setup, Transport},
    within,
};

/// Payload of the events: few of them fill every buffer.
const EVENT_BYTES: usize = 256 << 10;

/// More events than all buffers between router and client hold.
const EVENT_COUNT: u64 = 100;

fn small_queues() -> Setup {
    Setup::with_flowgate(json!({"limits": {"send_queue_bytes": 1 << 20}}))
}

/// Publishes numbered events, acknowledged, so that the publisher never runs ahead.
async fn publish(publisher: &mut Client, numbers: std::ops::Range<u64>) {
    let payload = "x".repeat(EVENT_BYTES);
    for number in numbers {
        let request = publisher.request();
        let options = json!({"acknowledge": true});
        publisher.say(&json!([16, request, options, "com.numbers", [number, payload]])).await;
        assert_eq!(publisher.hear().await[1], request);
    }
}

/// The numbers of events.
fn numbers(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event[4][0].as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_does_not_read_is_cut_off_and_nobody_else_notices() {
    within(async {
        let router = Router::start(&small_queues());
        let mut monitor = Monitor::join(&router, (Transport::RawSocket, JSON)).await;
        for transport in [Transport::RawSocket, Transport::WebSocketTls] {
            let mut publisher = Client::join(&router, (Transport::Unix, CBOR)).await;
            let mut slow = Client::join(&router, (transport, CBOR)).await;
            slow.subscribe("com.numbers").await;
            let mut reader = Client::join(&router, (transport, MSGPACK)).await;
            reader.subscribe("com.numbers").await;
            let reading = tokio::spawn(async move {
                let mut events = Vec::new();
                for _ in 0..EVENT_COUNT {
                    let event = reader.hear().await;
                    events.push(json!([36, 0, 0, {}, [event[4][0]]]));
                }
                reader.leave().await;
                (reader, events)
            });
            publish(&mut publisher, 0..EVENT_COUNT).await;
            let (reader, events) = reading.await.unwrap();
            assert_eq!(numbers(&events), (0..EVENT_COUNT).collect::<Vec<_>>());
            check_account(&monitor.life_of(reader.session).await, &reader);
            // The slow one gets the beginning, whole messages only, and is gone.
            let windows = monitor.life_of(slow.session).await;
            let (_, sent) = check_windows(&windows);
            let (events, _) = end(&mut slow).await;
            assert!((events.len() as u64) < EVENT_COUNT / 2, "{}", events.len());
            assert_eq!(events, (0..events.len() as u64).collect::<Vec<_>>());
            // One write may have been under way when the session was cut off.
            assert!(slow.received.messages <= sent.messages + 1, "{sent:?}");
            publisher.leave().await;
        }
    })
    .await;
}

/// More than a Unix stream holds on its way, and far less than what may wait for a client.
const STALLED_EVENTS: u64 = 128;
const STALLED_EVENT_BYTES: usize = 8 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_others_have_every_event_while_one_subscriber_does_not_read() {
    within(async {
        let router = Router::start(&Setup::default());
        let link = (Transport::Unix, CBOR);
        let mut stalled = Client::join(&router, link).await;
        stalled.subscribe("com.numbers").await;
        let mut reading = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let mut reader = Client::join(&router, link).await;
            reader.subscribe("com.numbers").await;
            reading.spawn(async move { hear_numbers(&mut reader).await });
        }
        let mut publisher = Client::join(&router, link).await;
        let payload = "x".repeat(STALLED_EVENT_BYTES);
        for number in 0..STALLED_EVENTS {
            let request = publisher.request();
            publisher.say(&json!([16, request, {}, "com.numbers", [number, payload]])).await;
        }
        let all: Vec<u64> = (0..STALLED_EVENTS).collect();
        while let Some(heard) = reading.join_next().await {
            assert_eq!(heard.unwrap(), all);
        }
        // Only now does it read, and finds all that waited for it.
        assert_eq!(hear_numbers(&mut stalled).await, all);
    })
    .await;
}

/// The numbers of as many events as were published.
async fn hear_numbers(subscriber: &mut Client) -> Vec<u64> {
    let mut heard = Vec::new();
    for _ in 0..STALLED_EVENTS {
        heard.push(subscriber.hear().await[4][0].as_u64().unwrap());
    }
    heard
}

/// The numbers of the events up to the end of the connection, clean or not.
async fn end(client: &mut Client) -> (Vec<u64>, u64) {
    let mut events = Vec::new();
    while let Ok(event) = client.try_hear().await {
        events.push(event[4][0].as_u64().unwrap());
    }
    (events, client.received.messages)
}

/// Round trips of a witness after which a router that wanted to act would have done so.
const QUIET_ROUNDS: usize = 300;

/// Whether an invocation reaches the callee, which answers it with much.
async fn is_invoked(callee: &mut Client, witness: &mut Client) -> bool {
    let quiet = async {
        for _ in 0..QUIET_ROUNDS {
            assert!(witness.messages_before_pong().await.is_empty());
        }
    };
    let invocation = tokio::select! {
        biased;
        invocation = callee.hear() => invocation,
        () = quiet => return false,
    };
    callee.say(&json!([70, invocation[1], {}, [invocation[4][0], "x".repeat(EVENT_BYTES)]])).await;
    true
}

/// The router stops reading from a caller that does not read its results, and goes on when it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_does_not_read_is_paused_and_loses_nothing() {
    within(async {
        let router = Router::start(&small_queues());
        for transport in [Transport::RawSocket, Transport::WebSocket, Transport::RawSocketTls] {
            let mut callee = Client::join(&router, (Transport::Unix, CBOR)).await;
            callee.register("com.much").await;
            let mut witness = Client::join(&router, (Transport::RawSocket, JSON)).await;
            let mut caller = Client::join(&router, (transport, CBOR)).await;
            let mut calls = 0;
            loop {
                calls += 1;
                assert!(calls < EVENT_COUNT, "the router goes on reading");
                caller.say(&json!([48, calls, {}, "com.much", [calls]])).await;
                if !is_invoked(&mut callee, &mut witness).await {
                    break;
                }
            }
            for call in 1..calls {
                let result = caller.hear().await;
                assert_eq!((&result[0], &result[1]), (&json!(50), &json!(call)));
                assert_eq!(result[3][0], call);
            }
            assert!(is_invoked(&mut callee, &mut witness).await);
            assert_eq!(caller.hear().await[3][0], calls);
            caller.leave().await;
            callee.leave().await;
        }
    })
    .await;
}

/// How a client with a backlog begins its end.
#[derive(Debug, Clone, Copy)]
enum Parting {
    Goodbye,
    CloseFrame,
    Violation,
}

/// Whatever a client reads after it has begun to leave is still on its account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_is_metered_however_the_session_ends() {
    within(async {
        let router = Router::start(&Setup::default());
        let mut monitor = Monitor::join(&router, (Transport::RawSocket, JSON)).await;
        for parting in [Parting::Goodbye, Parting::CloseFrame, Parting::Violation] {
            let mut publisher = Client::join(&router, (Transport::Unix, CBOR)).await;
            let mut slow = Client::join(&router, (Transport::WebSocket, CBOR)).await;
            slow.subscribe("com.numbers").await;
            // Twelve megabytes: more than the socket holds, less than the queue.
            publish(&mut publisher, 0..48).await;
            match parting {
                Parting::Goodbye => slow.say(&goodbye()).await,
                Parting::CloseFrame => {
                    slow.connection.writer().feed_close(1000, "");
                    slow.flush().await;
                }
                Parting::Violation => {
                    slow.connection.writer().feed_octets(b"\xff").unwrap();
                    slow.flush().await;
                }
            }
            let mut events = 0;
            while let Ok(message) = slow.try_hear().await {
                events += u64::from(message[0] == 36);
                if message[0] == 6 {
                    break;
                }
            }
            let windows = monitor.life_of(slow.session).await;
            let (_, sent) = check_windows(&windows);
            assert_eq!(sent, slow.received, "{parting:?}: {events} events");
            publisher.leave().await;
        }
    })
    .await;
}
