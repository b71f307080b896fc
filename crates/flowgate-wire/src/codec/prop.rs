//! Random messages survive every format, and no input makes the decoder panic.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::{
    Call, Dict, Entry, Error, Event, Format, Hello, Invocation, Limits, MAX_ID, Message,
    MessageType, Payload, PublicationId, Publish, RegistrationId, RequestId, SubscriptionId,
    Unregistered, Unsubscribed, Value,
};

/// Values that every format can express, so that transcoding loses nothing.
pub(crate) fn value() -> impl Strategy<Value = Value<'static>> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<u64>().prop_map(Value::Unsigned),
        (0..300_u64).prop_map(Value::Unsigned),
        any::<i64>().prop_map(Value::from),
        (-300..0_i64).prop_map(Value::Signed),
        any::<f64>()
            .prop_filter("JSON has no others", |float| float.is_finite())
            .prop_map(Value::Float),
        text().prop_map(Value::from),
        vec(any::<u8>(), 0..40).prop_map(Value::from),
    ];
    let scalar = prop_oneof![
        9 => scalar,
        1 => (0..300_usize).prop_map(|len| Value::List(vec![Value::Unsigned(7); len])),
    ];
    scalar.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::List),
            entries(inner).prop_map(Value::Dict),
        ]
    })
}

/// Text with much that JSON escapes, but no NUL, which might make it octets.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[\u{1}-\u{1f}\"\\\\/a-zé\u{1f600}]{0,60}",
        Just("long enough for a length of two octets ".repeat(8)),
        any::<String>().prop_map(|text| text.replace('\0', "")),
    ]
}

fn entries(
    value: impl Strategy<Value = Value<'static>>,
) -> impl Strategy<Value = Vec<Entry<'static>>> {
    vec((text().prop_map(Into::into), value), 0..6)
}

fn payload() -> impl Strategy<Value = Payload<'static>> {
    let kwargs = prop_oneof![Just(Vec::new()), entries(value())];
    (vec(value(), 0..4), kwargs).prop_map(|(args, kwargs)| Payload::from_vecs(args, kwargs))
}

fn dict() -> impl Strategy<Value = Dict<'static>> {
    prop_oneof![Just(Dict::EMPTY), entries(value()).prop_map(Dict::from_vec)]
}

fn id() -> impl Strategy<Value = u64> {
    prop_oneof![1..=MAX_ID, 1..300_u64, Just(MAX_ID)]
}

fn request() -> impl Strategy<Value = RequestId> {
    id().prop_map(|id| RequestId::new(id).expect("in range"))
}

/// One message for each combination of kinds of elements that there is.
fn message() -> impl Strategy<Value = Message<'static>> {
    let registration = || id().prop_map(|id| RegistrationId::new(id).expect("in range"));
    let subscription = id().prop_map(|id| SubscriptionId::new(id).expect("in range"));
    let publication = id().prop_map(|id| PublicationId::new(id).expect("in range"));
    let request_type = proptest::sample::select(MessageType::ALL);
    prop_oneof![
        (text(), dict()).prop_map(|(realm, details)| Hello { realm: realm.into(), details }.into()),
        (request_type, request(), dict(), text(), payload()).prop_map(
            |(request_type, request, details, error, payload)| {
                Error { request_type, request, details, error: error.into(), payload }.into()
            }
        ),
        (request(), dict(), text(), payload()).prop_map(|(request, options, topic, payload)| {
            Publish { request, options, topic: topic.into(), payload }.into()
        }),
        (request(), dict(), text(), payload()).prop_map(|(request, options, uri, payload)| {
            Call { request, options, procedure: uri.into(), payload }.into()
        }),
        (subscription, publication, dict(), payload()).prop_map(
            |(subscription, publication, details, payload)| {
                Event { subscription, publication, details, payload }.into()
            }
        ),
        (request(), registration(), dict(), payload()).prop_map(
            |(request, registration, details, payload)| {
                Invocation { request, registration, details, payload }.into()
            }
        ),
        (proptest::option::of(request()), proptest::option::of(dict()))
            .prop_map(|(request, details)| Unsubscribed { request, details }.into()),
        (proptest::option::of(request()), proptest::option::of(dict()))
            .prop_map(|(request, details)| Unregistered { request, details }.into()),
    ]
}

fn encode(format: Format, message: &Message<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(format, &mut out);
    out
}

proptest! {
    #[test]
    fn messages_survive_every_format_and_every_way_between(message in message()) {
        let limits = Limits::default();
        let encoded = Format::ALL.map(|format| (format, encode(format, &message)));
        for (from, bytes) in &encoded {
            let received = Message::decode(*from, bytes, &limits).expect("encoded");
            prop_assert_eq!(received.message_type(), message.message_type());
            prop_assert!(received.same_as(&message), "{:?}\n{:?}", received, message);
            for (to, expected) in &encoded {
                prop_assert_eq!(&encode(*to, &received), expected, "{:?} to {:?}", from, to);
            }
        }
    }

    #[test]
    fn options_and_payload_give_back_their_values(message in message()) {
        let Message::Call(call) = &message else { return Ok(()) };
        for format in Format::ALL {
            let bytes = encode(format, &message);
            let received = Message::decode(format, &bytes, &Limits::default()).expect("encoded");
            let Message::Call(received) = received else { panic!("a CALL") };
            let entries: Vec<_> = received.options.entries().collect();
            prop_assert_eq!(&entries, &call.options.entries().collect::<Vec<_>>());
            prop_assert_eq!(received.options.is_empty(), entries.is_empty());
            for (key, _) in &entries {
                prop_assert_eq!(received.options.get(key), call.options.get(key));
            }
            prop_assert_eq!(received.payload.decode(), call.payload.decode());
        }
    }

    #[test]
    fn whatever_is_appended_goes_behind_what_is_there(message in message(), before: Vec<u8>) {
        for format in Format::ALL {
            let alone = encode(format, &message);
            let other = if format == Format::Json { Format::Cbor } else { Format::Json };
            let through = encode(other, &message);
            let received = Message::decode(other, &through, &Limits::default()).expect("encoded");
            let mut out = before.clone();
            received.encode(format, &mut out);
            prop_assert_eq!(out, [&before[..], &alone[..]].concat());
        }
    }

    #[test]
    fn no_octets_make_the_decoder_panic(bytes: Vec<u8>, depth in 0..4_usize, elements in 0..9_usize) {
        let limits = Limits { depth, elements, ..Limits::default() };
        for format in Format::ALL {
            let _ = Message::decode(format, &bytes, &limits);
        }
    }

    #[test]
    fn changed_messages_do_not_panic_and_are_written_alike_twice(
        message in message(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        for format in Format::ALL {
            let mut bytes = encode(format, &message);
            for (index, byte) in &changes {
                let index = index.index(bytes.len());
                bytes[index] = *byte;
            }
            let Ok(message) = Message::decode(format, &bytes, &Limits::default()) else { continue };
            for target in Format::ALL {
                let encoded = encode(target, &message);
                let again = Message::decode(target, &encoded, &Limits::default());
                prop_assert_eq!(encode(target, &again.expect("encoded")), encoded);
            }
        }
    }
}
