//! Records of all kinds for the tests of this crate, and what becomes of them as dictionaries.

use bytes::Bytes;
use flowgate_wire::{
    Call, Dict, Format, Message, Payload, PublicationId, RegistrationId, Serializer,
    SubscriptionId, Uri, Value,
};
use proptest::prelude::*;

use super::*;

/// A second of the year 2019, from which tests count.
pub(crate) const START: Timestamp = Timestamp::from_nanos(1_574_688_364_000_000_000);

pub(crate) fn at(ns: u64) -> Timestamp {
    Timestamp::from_nanos(START.as_nanos() + ns)
}

pub(crate) fn identity(session: u64) -> Arc<Identity> {
    Arc::new(Identity {
        realm: "realm1".into(),
        session: SessionId::new(session).ok(),
        authid: Some(format!("user{session}").into()),
        authrole: Some("anonymous".into()),
        transport: "websocket".into(),
        serializer: Some(Serializer::single(Format::Json)),
        peer: Some(([127, 0, 0, 1], 40_000).into()),
    })
}

/// A message of action `correlation` at `ns`, if that is not 0.
pub(crate) fn message(
    message: MessageType,
    direction: Direction,
    session: u64,
    correlation: u128,
    position: Position,
    ns: u64,
) -> MessageRecord {
    MessageRecord {
        seq: 0,
        at: at(ns),
        pc_ns: ns,
        direction,
        message,
        who: identity(session),
        step: Correlation::new(correlation).map(|correlation| RecordedStep {
            correlation,
            uri: Some("com.example.uri".into()),
            position,
        }),
        bytes: 100,
        request: RequestId::new(1).ok(),
        object: None,
        queue_ns: None,
        router_ns: None,
        is_progress: false,
        error: None,
        undelivered: None,
        frame: None,
        truncated_bytes: None,
        outcome: None,
        gap: 0,
        foreign_trace: None,
        foreign_parent: None,
        encryption: None,
    }
}

/// A call of session 1 that session 2 answers: 100 ns to the callee, 700 ns there, 200 ns back.
pub(crate) fn call(correlation: u128, ns: u64) -> [MessageRecord; 4] {
    use Direction::{Rx, Tx};
    let of = |kind, direction, session, position, offset_ns| {
        message(kind, direction, session, correlation, position, ns + offset_ns)
    };
    [
        of(MessageType::Call, Rx, 1, Position::Anchor, 0),
        of(MessageType::Invocation, Tx, 2, Position::Inner, 100),
        of(MessageType::Yield, Rx, 2, Position::Inner, 800),
        of(MessageType::Result, Tx, 1, Position::Last, 1000),
    ]
}

/// A CALL with this payload, as CBOR.
pub(crate) fn call_frame(args: Vec<Value<'_>>, kwargs: Vec<(&'static str, Value<'_>)>) -> Frame {
    let kwargs = kwargs.into_iter().map(|(key, value)| (key.into(), value)).collect();
    let call = Message::from(Call {
        request: RequestId::MIN,
        options: Dict::from_vec(vec![("timeout".into(), Value::from(5_u64))]),
        procedure: Uri::new("com.example.uri"),
        payload: Payload::from_vecs(args, kwargs),
    });
    let mut octets = Vec::new();
    call.encode(Format::Cbor, &mut octets);
    Frame { format: Format::Cbor, bytes: Bytes::from(octets) }
}

fn id<T: TryFrom<u64> + std::fmt::Debug>() -> impl Strategy<Value = T>
where
    T::Error: std::fmt::Debug,
{
    (1_u64..=1 << 53).prop_map(|number| T::try_from(number).unwrap())
}

fn value() -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<u64>().prop_map(Value::Unsigned),
        (i64::MIN..0).prop_map(Value::Signed),
        prop::num::f64::NORMAL.prop_map(Value::Float),
        "[^\0]{0,12}".prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 0..12).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::btree_map("[a-z]{0,4}", inner, 0..4).prop_map(Value::dict),
        ]
    })
}

fn who() -> impl Strategy<Value = Arc<Identity>> {
    let names = ("[ -~]{0,8}", prop::option::of("[ -~]{0,8}"), prop::option::of("\\PC{0,8}"));
    let serializers = prop::sample::select(vec!["wamp.2.json", "wamp.2.cbor.batched", "none"]);
    let peer = prop::option::of(prop_oneof![
        Just(([10, 0, 0, 1], 80).into()),
        Just(([0, 0, 0, 0, 0, 0, 0, 1], 9).into())
    ]);
    (names, prop::option::of(id()), serializers, peer, "[a-z]{0,9}").prop_map(
        |((realm, authid, authrole), session, serializer, peer, transport)| {
            Arc::new(Identity {
                realm: realm.into(),
                session,
                authid: authid.map(Into::into),
                authrole: authrole.map(Into::into),
                transport: transport.into(),
                serializer: Serializer::from_subprotocol(serializer),
                peer,
            })
        },
    )
}

fn encryption() -> impl Strategy<Value = Option<Arc<RecordedEncryption>>> {
    let parts = ("[a-z]{1,5}", prop::option::of("[a-z]{1,5}"), prop::option::of("[a-z]{1,5}"));
    prop::option::of(parts.prop_map(|(algo, key, serializer)| {
        Arc::new(RecordedEncryption {
            algo: algo.into(),
            key: key.map(Into::into),
            serializer: serializer.map(Into::into),
        })
    }))
}

fn object() -> impl Strategy<Value = Option<Object>> {
    prop_oneof![
        Just(None),
        id::<RegistrationId>().prop_map(|id| Some(Object::Registration(id))),
        (id::<SubscriptionId>(), prop::option::of(id::<PublicationId>()))
            .prop_map(|(id, publication)| Some(Object::Subscription(id, publication))),
        id::<PublicationId>().prop_map(|id| Some(Object::Publication(id))),
    ]
}

fn step() -> impl Strategy<Value = Option<RecordedStep>> {
    let positions = [Position::Anchor, Position::Inner, Position::Last, Position::Only];
    let step =
        (1_u128.., prop::option::of("[a-z.]{0,12}"), prop::sample::select(positions.to_vec()));
    prop::option::of(step.prop_map(|(bits, uri, position)| RecordedStep {
        correlation: Correlation::new(bits).unwrap(),
        uri: uri.map(Into::into),
        position,
    }))
}

const UNDELIVERED: [Undelivered; 3] =
    [Undelivered::ReceiverGone, Undelivered::TooLarge, Undelivered::SlowConsumer];

fn message_record() -> impl Strategy<Value = MessageRecord> {
    let kind = prop::sample::select(MessageType::ALL.to_vec());
    let direction = prop::sample::select(vec![Direction::Rx, Direction::Tx]);
    let numbers = prop::array::uniform4(any::<u64>());
    let options = (
        prop::option::of(id::<RequestId>()),
        prop::option::of(any::<u64>()),
        prop::option::of(any::<u64>()),
        prop::option::of("[a-z.]{1,12}"),
        prop::option::of(any::<u64>()),
        prop::option::of(prop::sample::select(UNDELIVERED.to_vec())),
    );
    let frame = prop::option::of((prop::collection::vec(value(), 0..4), value()));
    let trace = (prop::option::of(1_u128..), prop::option::of(1_u64..));
    let parts = (kind, direction, numbers, who(), step(), object(), encryption());
    (parts, options, frame, trace, any::<bool>())
        .prop_map(
            |(
                (message, direction, [seq, ns, pc_ns, bytes], who, step, object, encryption),
                options,
                frame,
                trace,
                is_progress,
            )| {
                let is_anchor = step.as_ref().is_some_and(|step| step.position.is_anchor());
                let own = step.as_ref().map(|step| TraceId::from(step.correlation));
                let foreign =
                    trace.0.and_then(TraceId::new).filter(|&id| own.is_some() && Some(id) != own);
                MessageRecord {
                    seq,
                    at: Timestamp::from_nanos(ns),
                    pc_ns,
                    direction,
                    message,
                    who,
                    step,
                    bytes,
                    request: options.0,
                    object,
                    queue_ns: options.1,
                    router_ns: options.2,
                    is_progress,
                    error: options.3.map(Into::into),
                    undelivered: options.5,
                    frame: frame.map(|(args, value)| call_frame(args, vec![("key", value)])),
                    truncated_bytes: options.4,
                    outcome: None,
                    gap: bytes % 3,
                    foreign_trace: foreign,
                    foreign_parent: trace.1.and_then(SpanId::new).filter(|_| {
                        // Answers of callees have the action's span around them, whoever began it.
                        is_anchor
                    }),
                    encryption,
                }
            },
        )
        .prop_map(|mut record| {
            // Anchors are requests: a span of the client's is never around a delivery.
            if record.side() == Side::Responder {
                record.foreign_parent = None;
                if let Some(step) = &mut record.step {
                    step.position = Position::Inner;
                }
            }
            record
        })
}

fn bare(who: &Identity) -> Arc<Identity> {
    let who = who.clone();
    Arc::new(Identity { transport: "".into(), serializer: None, peer: None, ..who })
}

fn action_record() -> impl Strategy<Value = ActionRecord> {
    let responder =
        (who(), prop::option::of(id()), prop::option::of(id()), any::<[u64; 2]>(), encryption());
    let outcomes = [Outcome::Ok, Outcome::Timeout, Outcome::NoCallee, Outcome::Expired];
    let outcome = prop::sample::select(outcomes.to_vec());
    let trace = (prop::option::of(1_u128..), prop::option::of(1_u64..));
    let responders = prop::collection::vec(responder, 0..3);
    (message_record(), 1_u128.., responders, outcome, trace, any::<[u64; 4]>()).prop_map(
        |(message, bits, responders, outcome, trace, [end, callee_ns, fanout, gap])| {
            let correlation = Correlation::new(bits).unwrap();
            let originator = bare(&message.who);
            let foreign = trace.0.and_then(TraceId::new);
            ActionRecord {
                seq: message.seq,
                at: message.at,
                pc_ns: message.pc_ns,
                action: message.message,
                correlation,
                uri: message.error.clone(),
                request: message.request,
                responders: responders
                    .into_iter()
                    .map(|(who, request, subscription, [start, end], encryption)| Responder {
                        who: Arc::new(Identity {
                            realm: originator.realm.clone(),
                            ..(*bare(&who)).clone()
                        }),
                        request,
                        subscription,
                        start: Timestamp::from_nanos(start),
                        end: (end % 2 == 0).then_some(Timestamp::from_nanos(end)),
                        error: message.error.clone(),
                        encryption,
                    })
                    .collect(),
                originator,
                fanout,
                end: Timestamp::from_nanos(end),
                callee_ns,
                outcome,
                error: message.error,
                message_count: message.bytes,
                gap,
                foreign_trace: foreign.filter(|&id| id != TraceId::from(correlation)),
                foreign_parent: trace.1.and_then(SpanId::new),
            }
        },
    )
}

/// Any record.
pub(crate) fn record() -> impl Strategy<Value = Record> {
    prop_oneof![
        3 => message_record().prop_map(Record::Message),
        1 => action_record().prop_map(Record::Action),
    ]
}

#[test]
fn a_message_has_the_keys_of_crossbar_in_their_types() {
    let mut record = message(MessageType::EventReceived, Direction::Tx, 7, 3, Position::Only, 5);
    record.frame = Some(call_frame(vec![Value::from(23_u64)], Vec::new()));
    let json = serde_json::to_value(Record::Message(record)).unwrap();
    let uuid = "00000000-0000-0000-0000-000000000003";
    let expected = serde_json::json!({
        "seq": 0, "pc": 5, "ts": 1_574_688_364_000_000_005_u64, "direction": "tx",
        "msg_type": "EventReceived", "realm": "realm1", "session_id": 7, "authid": "user7",
        "authrole": "anonymous", "correlation": uuid, "uri": "com.example.uri",
        "correlation_uri": "com.example.uri", "correlation_is_anchor": true,
        "correlation_is_last": true, "enc_algo": null, "enc_key": null, "enc_serializer": null,
        "serializations": {"json": 100}, "transport": "websocket", "serializer": "wamp.2.json",
        "peer": "127.0.0.1:40000", "bytes": 100, "request": 1,
        "trace_id": "00000000000000000000000000000003", "span_id": json["span_id"],
        "parent_span_id": json["parent_span_id"],
        "msg": [48, 1, {"timeout": 5}, "com.example.uri", [23]],
    });
    assert_eq!(json, expected);
    assert_eq!(json["span_id"].as_str().unwrap().len(), 16);
}

#[test]
fn what_goes_to_a_callee_and_back_is_one_span_within_the_actions() {
    let [call, invocation, answer, result] = call(9, 0).map(|record| record.spans().unwrap());
    assert_eq!((call, invocation), (result, answer));
    assert_eq!(invocation.parent, Some(call.span));
    assert_ne!(invocation.span, call.span);
    assert_eq!(call.trace, TraceId::new(9).unwrap());
    assert_eq!(call.parent, None);
}

#[test]
fn every_type_is_found_by_both_of_its_names() {
    for &message in MessageType::ALL {
        assert_eq!(type_from_name(type_name(message)), Some(message));
        assert_eq!(type_from_name(message.name()), Some(message));
    }
    assert_eq!(type_from_name("call"), None);
}
