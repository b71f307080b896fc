//! Sessions against a scripted router.

use std::{future::Future, time::Duration};

use flowgate_client::{
    Arguments, ClientError, Closed, Connection, ConnectionError, Failure, JoinOptions, Session,
    Violation,
};
use flowgate_wire::{
    Batching, Dict, Entry, Format, MessageType, Serializer, SessionId, Uri, Value,
    rawsocket::MaxLength,
};
use futures_util::{FutureExt, future::join_all};

use crate::peer::{Peer, Transport, all_links, pair, pair_with};

const CBOR: Serializer = Serializer::single(Format::Cbor);

const WELCOME: &str = r#"[2,77,{"realm":"realm1","roles":{"broker":{},"dealer":{}}}]"#;

/// A session that has joined, and the router's end of it.
async fn joined(options: JoinOptions) -> (Session, Peer) {
    let (connection, peer) = pair(Transport::RawSocket, CBOR).await;
    join(connection, peer, options).await
}

async fn join(connection: Connection, mut peer: Peer, options: JoinOptions) -> (Session, Peer) {
    let welcoming = async {
        let hello = String::from_utf8(peer.recv().await).unwrap();
        assert!(hello.starts_with(r#"[1,"realm1",{"#), "{hello}");
        assert!(hello.contains(r#""callee":{"features":{"#), "{hello}");
        peer.send(WELCOME).await;
    };
    let (session, ()) = tokio::join!(Session::join(connection, "realm1", options), welcoming);
    (session.unwrap(), peer)
}

/// Makes a request and answers it: the request in JSON, the answers in JSON.
async fn answered<T>(
    peer: &mut Peer,
    request: impl Future<Output = T>,
    expected: &str,
    answers: &[&str],
) -> T {
    let answering = async {
        peer.expect(expected).await;
        peer.send_all(answers).await;
    };
    tokio::join!(request, answering).0
}

fn integers(integers: &[u64]) -> Arguments {
    integers.iter().copied().map(Value::from).collect::<Vec<_>>().into()
}

#[tokio::test]
async fn a_session_joins_and_leaves_on_every_link_and_counts_all_of_it() {
    for (transport, serializer) in all_links() {
        let (connection, peer) = pair(transport, serializer).await;
        let (session, mut peer) = join(connection, peer, JoinOptions::default()).await;
        assert_eq!(session.id(), SessionId::new(77).unwrap());
        assert_eq!(session.realm().as_str(), "realm1");
        assert_eq!(session.details()[0], ("realm".into(), Value::from("realm1")));
        assert_eq!(session.serializer(), serializer);
        let leaving = async {
            peer.expect(r#"[6,{},"wamp.close.close_realm"]"#).await;
            // What crosses the GOODBYE is counted and ignored.
            peer.send("[68,1,6,{}]").await;
            peer.send(r#"[6,{},"wamp.close.goodbye_and_out"]"#).await;
            peer.expect_close().await;
        };
        let (left, ()) = tokio::join!(session.leave(), leaving);
        left.unwrap();
        assert_eq!(session.traffic().sent, peer.received);
        assert_eq!(session.traffic().received, peer.sent);
        assert!(matches!(session.closed().await, Closed::Left));
        let late = session.call("com.example.sum", Dict::EMPTY, ()).await;
        assert!(matches!(late, Err(ClientError::Closed(Closed::Left))), "{late:?}");
    }
}

#[tokio::test]
async fn a_refused_session_says_why() {
    let (connection, mut peer) = pair(Transport::WebSocket, CBOR).await;
    let refusing = async {
        peer.recv().await;
        peer.send(r#"[3,{"message":"none such"},"wamp.error.no_such_realm"]"#).await;
        peer.expect_close().await;
    };
    let joining = Session::join(connection, "nowhere", JoinOptions::default());
    let (refused, ()) = tokio::join!(joining, refusing);
    let Err(ClientError::Refused { reason, details }) = refused else { panic!("{refused:?}") };
    assert_eq!(reason.as_str(), "wamp.error.no_such_realm");
    assert_eq!(details, [("message".into(), Value::from("none such"))]);
}

#[tokio::test]
async fn a_challenge_is_answered() {
    let (connection, mut peer) = pair(Transport::RawSocket, CBOR).await;
    let options = JoinOptions {
        details: vec![("authmethods".into(), vec![Value::from("ticket")].into())],
        ..JoinOptions::default()
    };
    let options = options.with_authenticator(|method, extra| {
        assert_eq!(extra, [("hint".into(), Value::from(1_u64))]);
        (format!("secret for {method}"), Vec::new())
    });
    let challenging = async {
        let hello = String::from_utf8(peer.recv().await).unwrap();
        assert!(hello.contains(r#""authmethods":["ticket"]"#), "{hello}");
        peer.send(r#"[4,"ticket",{"hint":1}]"#).await;
        peer.expect(r#"[5,"secret for ticket",{}]"#).await;
        peer.send(WELCOME).await;
    };
    let (session, ()) = tokio::join!(Session::join(connection, "realm1", options), challenging);
    session.unwrap();
}

#[tokio::test]
async fn a_challenge_without_answer_ends_the_handshake() {
    let (connection, mut peer) = pair(Transport::RawSocket, CBOR).await;
    let challenging = async {
        peer.recv().await;
        peer.send(r#"[4,"wampcra",{}]"#).await;
        peer.expect(r#"[3,{},"wamp.error.no_matching_auth_method"]"#).await;
        peer.expect_close().await;
    };
    let joining = Session::join(connection, "realm1", JoinOptions::default());
    let (session, ()) = tokio::join!(joining, challenging);
    let required = matches!(
        &session, Err(ClientError::AuthenticationRequired { method }) if method == "wampcra"
    );
    assert!(required, "{session:?}");
}

#[tokio::test]
async fn events_reach_their_subscription() {
    let (session, mut peer) = joined(JoinOptions::default()).await;
    let options = Dict::from(Value::dict([("match", Value::from("prefix"))]));
    let mut subscription = answered(
        &mut peer,
        session.subscribe("com.example", options),
        r#"[32,1,{"match":"prefix"},"com.example"]"#,
        &["[33,1,5]", r#"[36,5,9,{"topic":"com.example.a"},["x"],{"k":1}]"#, "[36,5,10,{}]"],
    )
    .await
    .unwrap();
    assert_eq!(subscription.id().get(), 5);
    assert_eq!(subscription.topic().as_str(), "com.example");
    let event = subscription.next().await.unwrap();
    assert_eq!(event.publication.get(), 9);
    assert_eq!(event.detail("topic"), Some(&Value::from("com.example.a")));
    let kwargs = vec![("k".into(), Value::from(1_u64))];
    assert_eq!(event.arguments, Arguments::new(vec![Value::from("x")], kwargs));
    assert_eq!(subscription.next().await.unwrap().arguments, Arguments::default());

    let request = session.unsubscribe(subscription);
    answered(&mut peer, request, "[34,2,5]", &["[35,2]"]).await.unwrap();
}

#[tokio::test]
async fn subscriptions_to_one_topic_share_it() {
    let (session, mut peer) = joined(JoinOptions::default()).await;
    let mut subscriptions = Vec::new();
    for request in 1..=2 {
        let expected = format!(r#"[32,{request},{{}},"com.example"]"#);
        let answer = format!("[33,{request},5]");
        let subscribing = session.subscribe("com.example", Dict::EMPTY);
        let subscription = answered(&mut peer, subscribing, &expected, &[&answer]).await;
        subscriptions.push(subscription.unwrap());
    }
    peer.send("[36,5,9,{}]").await;
    for subscription in &mut subscriptions {
        assert_eq!(subscription.next().await.unwrap().publication.get(), 9);
    }
    session.unsubscribe(subscriptions.remove(0)).await.unwrap();
    let request = session.unsubscribe(subscriptions.remove(0));
    answered(&mut peer, request, "[34,3,5]", &["[35,3]"]).await.unwrap();
}

#[tokio::test]
async fn a_dropped_subscription_ends_with_the_next_event() {
    let (session, mut peer) = joined(JoinOptions::default()).await;
    let subscribing = session.subscribe("com.example", Dict::EMPTY);
    let expected = r#"[32,1,{},"com.example"]"#;
    drop(answered(&mut peer, subscribing, expected, &["[33,1,5]"]).await.unwrap());
    peer.send("[36,5,9,{}]").await;
    peer.expect("[34,2,5]").await;
    // The next event crosses the UNSUBSCRIBE.
    peer.send_all(&["[36,5,10,{}]", "[35,2]"]).await;
    let publishing = session.publish("com.example", Dict::EMPTY, ());
    answered(&mut peer, publishing, r#"[16,3,{},"com.example"]"#, &[]).await.unwrap();
}

#[tokio::test]
async fn a_subscription_that_nobody_awaits_is_undone() {
    let (session, mut peer) = joined(JoinOptions::default()).await;
    {
        let mut subscribing = Box::pin(session.subscribe("com.example", Dict::EMPTY));
        assert!(subscribing.as_mut().now_or_never().is_none());
        peer.expect(r#"[32,1,{},"com.example"]"#).await;
    }
    peer.send("[33,1,5]").await;
    peer.expect("[34,2,5]").await;
}

#[tokio::test]
async fn a_revoked_subscription_ends() {
    let (session, mut peer) = joined(JoinOptions::default()).await;
    let subscribing = session.subscribe("com.example", Dict::EMPTY);
    let expected = r#"[32,1,{},"com.example"]"#;
    let answers = ["[33,1,5]", "[36,5,9,{}]", r#"[35,0,{"subscription":5}]"#];
    let mut subscription = answered(&mut peer, subscribing, expected, &answers).await.unwrap();
    assert!(subscription.next().await.is_some());
    assert!(subscription.next().await.is_none());
}

#[tokio::test]
async fn events_beyond_the_queue_are_counted() {
    let (session, mut peer) =
        joined(JoinOptions { queue_count: 2, ..JoinOptions::default() }).await;
    let subscribing = session.subscribe("com.example", Dict::EMPTY);
    let expected = r#"[32,1,{},"com.example"]"#;
    let events = ["[36,5,1,{}]", "[36,5,2,{}]", "[36,5,3,{}]", "[36,5,4,{}]"];
    let answers = [&["[33,1,5]"], &events[..]].concat();
    let mut subscription = answered(&mut peer, subscribing, expected, &answers).await.unwrap();
    // Once the call is answered, the events before its answer have been delivered.
    let calling = session.call("com.example.sum", Dict::EMPTY, ());
    let expected = r#"[48,2,{},"com.example.sum"]"#;
    answered(&mut peer, calling, expected, &["[50,2,{}]"]).await.unwrap();
    assert_eq!(subscription.missed_count(), 2);
    assert_eq!(subscription.next().await.unwrap().publication.get(), 1);
    assert_eq!(subscription.next().await.unwrap().publication.get(), 2);
    peer.send("[36,5,5,{}]").await;
    assert_eq!(subscription.next().await.unwrap().publication.get(), 5);
}

#[tokio::test]
async fn publications_are_acknowledged_on_request() {
    let (session, mut peer) = joined(JoinOptions::default()).await;
    let publishing = session.publish("com.example", Dict::EMPTY, integers(&[1]));
    answered(&mut peer, publishing, r#"[16,1,{},"com.example",[1]]"#, &[]).await.unwrap();
    let options = Dict::from(Value::dict([("exclude_me", Value::Bool(false))]));
    let publishing = session.publish_acknowledged("com.example", options, integers(&[2]));
    let expected = r#"[16,2,{"exclude_me":false,"acknowledge":true},"com.example",[2]]"#;
    let publication = answered(&mut peer, publishing, expected, &["[17,2,99]"]).await.unwrap();
    assert_eq!(publication.get(), 99);
}

#[tokio::test]
async fn calls_return_results_and_errors() {
    let (session, mut peer) = joined(JoinOptions::default()).await;
    let calling = session.call("com.example.sum", Dict::EMPTY, integers(&[2, 3]));
    let progress = r#"[50,1,{"progress":true},[4]]"#;
    let expected = r#"[48,1,{},"com.example.sum",[2,3]]"#;
    let answers = [progress, "[50,1,{},[5]]"];
    let result = answered(&mut peer, calling, expected, &answers).await.unwrap();
    assert_eq!(result.arguments.first(), Some(&Value::from(5_u64)));

    let calling = session.call("com.example.sum", Dict::EMPTY, Value::from("x"));
    let expected = r#"[48,2,{},"com.example.sum",["x"]]"#;
    let error = r#"[8,48,2,{"d":1},"com.example.error",["why"],{"k":2}]"#;
    let failed = answered(&mut peer, calling, expected, &[error]).await;
    let Err(ClientError::Error { error, details, arguments }) = failed else { panic!() };
    assert_eq!(error.as_str(), "com.example.error");
    assert_eq!(details, [("d".into(), Value::from(1_u64))]);
    assert_eq!(arguments.first(), Some(&Value::from("why")));
    assert_eq!(arguments.get("k"), Some(&Value::from(2_u64)));
}

#[tokio::test]
async fn every_request_can_fail() {
    let (session, mut peer) = joined(JoinOptions::default()).await;
    macro_rules! fails {
        ($request:expr, $expected:literal, $answer:literal) => {
            let failed = answered(&mut peer, $request, $expected, &[$answer]).await;
            let failed = failed.map(drop);
            assert!(matches!(failed, Err(ClientError::Error { .. })), "{failed:?}");
        };
    }
    fails!(session.subscribe("a", Dict::EMPTY), r#"[32,1,{},"a"]"#, r#"[8,32,1,{},"e"]"#);
    fails!(session.register("a", Dict::EMPTY), r#"[64,2,{},"a"]"#, r#"[8,64,2,{},"e"]"#);
    fails!(
        session.publish_acknowledged("a", Dict::EMPTY, ()),
        r#"[16,3,{"acknowledge":true},"a"]"#,
        r#"[8,16,3,{},"e"]"#
    );
    let subscribing = session.subscribe("a", Dict::EMPTY);
    let subscription =
        answered(&mut peer, subscribing, r#"[32,4,{},"a"]"#, &["[33,4,5]"]).await.unwrap();
    fails!(session.unsubscribe(subscription), "[34,5,5]", r#"[8,34,5,{},"e"]"#);
    let registering = session.register("a", Dict::EMPTY);
    let registration =
        answered(&mut peer, registering, r#"[64,6,{},"a"]"#, &["[65,6,5]"]).await.unwrap();
    fails!(session.unregister(registration), "[66,7,5]", r#"[8,66,7,{},"e"]"#);
}

#[tokio::test]
async fn invocations_are_answered() {
    let (session, mut peer) = joined(JoinOptions::default()).await;
    let registering = session.register("com.example.sum", Dict::EMPTY);
    let expected = r#"[64,1,{},"com.example.sum"]"#;
    let mut registration = answered(&mut peer, registering, expected, &["[65,1,6]"]).await.unwrap();
    assert_eq!(registration.id().get(), 6);
    peer.send_all(&[r#"[68,1,6,{"caller":3},[2,3]]"#, "[68,2,6,{}]", "[68,3,6,{}]"]).await;
    let first = registration.next().await.unwrap();
    assert_eq!(first.arguments, integers(&[2, 3]));
    assert_eq!(first.detail("caller"), Some(&Value::from(3_u64)));
    let second = registration.next().await.unwrap();
    drop(registration.next().await.unwrap());
    peer.expect(r#"[8,68,3,{},"wamp.error.canceled"]"#).await;
    second.fail(Failure::new("com.example.error", Value::from("why")));
    peer.expect(r#"[8,68,2,{},"com.example.error",["why"]]"#).await;
    first.succeed(Value::from(5_u64));
    peer.expect("[70,1,{},[5]]").await;

    let request = session.unregister(registration);
    answered(&mut peer, request, "[66,2,6]", &["[68,4,6,{}]", "[67,2]"]).await.unwrap();
    peer.expect(r#"[8,68,4,{},"wamp.error.no_such_registration"]"#).await;
}

#[tokio::test]
async fn a_handler_serves_a_registration() {
    let (session, mut peer) = joined(JoinOptions::default()).await;
    let registering = session.register("com.example.echo", Dict::EMPTY);
    let expected = r#"[64,1,{},"com.example.echo"]"#;
    let registration = answered(&mut peer, registering, expected, &["[65,1,6]"]).await.unwrap();
    let echo = |_: Vec<Entry<'static>>, arguments: Arguments| async move {
        if arguments == Arguments::default() {
            return Err(Failure::new("wamp.error.invalid_argument", ()));
        }
        Ok(arguments)
    };
    let serving = tokio::spawn(registration.serve(2, echo));
    peer.send_all(&["[68,1,6,{},[1]]", "[68,2,6,{}]", "[68,3,6,{},[3]]"]).await;
    peer.expect("[70,1,{},[1]]").await;
    peer.expect(r#"[8,68,2,{},"wamp.error.invalid_argument"]"#).await;
    peer.expect("[70,3,{},[3]]").await;
    peer.send(r#"[67,0,{"registration":6}]"#).await;
    serving.await.unwrap();
}

#[tokio::test]
async fn invocations_beyond_the_queue_and_of_nobody_are_refused() {
    let (session, mut peer) =
        joined(JoinOptions { queue_count: 1, ..JoinOptions::default() }).await;
    let registering = session.register("com.example.sum", Dict::EMPTY);
    let expected = r#"[64,1,{},"com.example.sum"]"#;
    let registration = answered(&mut peer, registering, expected, &["[65,1,6]"]).await.unwrap();
    peer.send_all(&["[68,1,6,{}]", "[68,2,6,{}]"]).await;
    peer.expect(r#"[8,68,2,{},"wamp.error.unavailable"]"#).await;
    drop(registration);
    peer.expect(r#"[8,68,1,{},"wamp.error.canceled"]"#).await;
    peer.send("[68,3,6,{}]").await;
    peer.expect(r#"[8,68,3,{},"wamp.error.unavailable"]"#).await;
    peer.expect("[66,2,6]").await;
}

#[tokio::test]
async fn what_the_router_does_not_take_fails_alone() {
    let (connection, peer) =
        pair_with(Transport::RawSocket, CBOR, 1 << 20, MaxLength::from_code(1).unwrap()).await;
    let (session, mut peer) = join(connection, peer, JoinOptions::default()).await;
    let long = Value::from("x".repeat(2000));
    let failed = session.call("com.example.sum", Dict::EMPTY, long.clone()).await;
    assert!(matches!(failed, Err(ClientError::NotSent(_))), "{failed:?}");

    let registering = session.register("com.example.sum", Dict::EMPTY);
    let expected = r#"[64,1,{},"com.example.sum"]"#;
    let mut registration =
        answered(&mut peer, registering, expected, &["[65,1,6]", "[68,1,6,{}]"]).await.unwrap();
    registration.next().await.unwrap().succeed(long);
    peer.expect(r#"[8,68,1,{},"wamp.error.payload_size_exceeded"]"#).await;
}

#[tokio::test]
async fn concurrent_requests_share_a_batch() {
    let serializer = Serializer { format: Format::Json, batching: Batching::Batched };
    let (connection, peer) = pair(Transport::WebSocket, serializer).await;
    let (session, mut peer) = join(connection, peer, JoinOptions::default()).await;
    join_all((0..20).map(|_| session.publish("com.example", Dict::EMPTY, ()))).await;
    assert_eq!(peer.recv_messages().await.len(), 20);
}

#[tokio::test]
async fn a_client_reads_while_it_waits_to_write() {
    let (connection, peer) = pair_with(Transport::RawSocket, CBOR, 256, MaxLength::MAX).await;
    let (session, mut peer) = join(connection, peer, JoinOptions::default()).await;
    let long = "x".repeat(100_000);
    let calling = session.call("com.example.sum", Dict::EMPTY, Value::from(long.clone()));
    let answering = async {
        // The router does not read before it has written.
        peer.send(&format!(r#"[36,5,9,{{}},["{long}"]]"#)).await;
        peer.expect(&format!(r#"[48,1,{{}},"com.example.sum",["{long}"]]"#)).await;
        peer.send("[50,1,{}]").await;
    };
    tokio::join!(calling, answering).0.unwrap();
}

#[tokio::test]
async fn the_routers_goodbye_is_answered_and_ends_all() {
    let (session, mut peer) = joined(JoinOptions::default()).await;
    let calling = session.call("com.example.sum", Dict::EMPTY, ());
    let ending = async {
        peer.recv().await;
        peer.send(r#"[6,{"message":"now"},"wamp.close.system_shutdown"]"#).await;
        peer.expect(r#"[6,{},"wamp.close.goodbye_and_out"]"#).await;
        peer.expect_close().await;
    };
    let (failed, ()) = tokio::join!(calling, ending);
    let Err(ClientError::Closed(Closed::Goodbye { reason, details })) = failed else {
        panic!("{failed:?}")
    };
    assert_eq!(reason.as_str(), "wamp.close.system_shutdown");
    assert_eq!(details, [("message".into(), Value::from("now"))]);
    assert!(matches!(session.leave().await, Err(Closed::Goodbye { .. })));
}

#[tokio::test]
async fn an_abort_and_a_lost_connection_end_all() {
    let (session, mut peer) = joined(JoinOptions::default()).await;
    peer.send(r#"[3,{},"wamp.error.protocol_violation"]"#).await;
    peer.expect_close().await;
    let closed = session.closed().await;
    let expected = Uri::from("wamp.error.protocol_violation");
    assert!(matches!(&closed, Closed::Aborted { reason, .. } if *reason == expected), "{closed:?}");

    let (session, mut peer) = joined(JoinOptions::default()).await;
    let subscribing = session.subscribe("com.example", Dict::EMPTY);
    let expected = r#"[32,1,{},"com.example"]"#;
    let mut subscription = answered(&mut peer, subscribing, expected, &["[33,1,5]"]).await.unwrap();
    drop(peer);
    assert!(subscription.next().await.is_none());
    let Closed::Connection(error) = session.closed().await else { panic!() };
    assert!(matches!(*error, ConnectionError::Closed { .. }), "{error:?}");
}

#[tokio::test]
async fn a_router_that_breaks_the_protocol_is_told() {
    let unknown = |message| move |violation: &Violation| matches!(violation, Violation::UnknownRequest { message: m, .. } if *m == message);
    let unexpected =
        |violation: &Violation| matches!(violation, Violation::Unexpected(MessageType::Welcome));
    let check = async |json: &str, is_expected: &dyn Fn(&Violation) -> bool| {
        let (session, mut peer) = joined(JoinOptions::default()).await;
        let registering = session.register("com.example.sum", Dict::EMPTY);
        let expected = r#"[64,1,{},"com.example.sum"]"#;
        let failed = answered(&mut peer, registering, expected, &[json]).await;
        let Err(ClientError::Closed(Closed::Violation(violation))) = &failed else {
            panic!("{failed:?}")
        };
        assert!(is_expected(violation), "{violation:?}");
        peer.expect(r#"[3,{},"wamp.error.protocol_violation"]"#).await;
    };
    // Answers to no request, to another kind of request, and what no router says.
    tokio::time::pause();
    check("[33,2,5]", &unknown(MessageType::Subscribed)).await;
    check("[33,1,5]", &unknown(MessageType::Subscribed)).await;
    check(r#"[8,32,1,{},"e"]"#, &unknown(MessageType::Error)).await;
    check(r#"[50,9,{"progress":true}]"#, &unknown(MessageType::Result)).await;
    check(WELCOME, &unexpected).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_decoded_ends_the_session() {
    let (session, mut peer) = joined(JoinOptions::default()).await;
    peer.send_octets(b"\xff".to_vec()).await;
    peer.expect(r#"[3,{},"wamp.error.protocol_violation"]"#).await;
    let closed = session.closed().await;
    assert!(matches!(closed, Closed::Violation(Violation::Malformed(_))), "{closed:?}");
}

#[tokio::test(start_paused = true)]
async fn leaving_does_not_wait_for_ever() {
    let (session, mut peer) = joined(JoinOptions::default()).await;
    let begin = tokio::time::Instant::now();
    let left = session.leave().await;
    assert!(matches!(left, Err(Closed::Unconfirmed)), "{left:?}");
    assert!(begin.elapsed() <= Duration::from_secs(11), "{:?}", begin.elapsed());
    peer.expect(r#"[6,{},"wamp.close.close_realm"]"#).await;
}

#[tokio::test]
async fn a_session_without_handles_leaves() {
    let (session, mut peer) = joined(JoinOptions::default()).await;
    let other = session.clone();
    drop(session);
    other.publish("com.example", Dict::EMPTY, ()).await.unwrap();
    drop(other);
    peer.expect(r#"[16,1,{},"com.example"]"#).await;
    peer.expect(r#"[6,{},"wamp.close.close_realm"]"#).await;
    peer.send(r#"[6,{},"wamp.close.goodbye_and_out"]"#).await;
    peer.expect_close().await;
}
