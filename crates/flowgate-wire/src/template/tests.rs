use super::Template;
use crate::{Dict, Event, Format, Message, Payload, PublicationId, SubscriptionId, Value};

const FORMATS: [Format; 3] = [Format::Json, Format::MessagePack, Format::Cbor];

/// What a message with this payload is encoded to.
fn encoded(format: Format, payload: &Payload<'_>) -> Vec<u8> {
    let message = Message::Event(Event {
        subscription: SubscriptionId::new(1).unwrap(),
        publication: PublicationId::new(2).unwrap(),
        details: Dict::EMPTY,
        payload: payload.clone(),
    });
    let mut out = Vec::new();
    message.encode(format, &mut out);
    out
}

/// A filled template is encoded, decoded and kept as the values are that it stands for.
fn check(template: Vec<Value<'static>>, values: &[Value<'_>], stands_for: &[Value<'_>]) {
    let template = Template::new(template);
    let (filled, plain) = (template.fill(values), Payload::from_values(stands_for, &[]));
    assert_eq!(filled.decode(), plain.decode());
    assert_eq!(filled.is_empty(), plain.is_empty());
    for format in FORMATS {
        let expected = encoded(format, &plain);
        assert_eq!(encoded(format, &filled), expected, "{format:?}");
        assert_eq!(encoded(format, &filled.to_owned().as_payload()), expected, "{format:?}");
    }
}

fn long() -> Value<'static> {
    Value::from("\"a key\" of more than sixteen octets\n".to_owned())
}

#[test]
fn gaps_are_filled_in_their_order_wherever_they_are() {
    let deep = |a, b| {
        Value::dict([
            ("one", a),
            ("a longer key than others", Value::from(vec![Value::from(7u64), b])),
        ])
    };
    check(
        vec![deep(Value::Null, Value::Null), Value::Null, Value::from("same"), Value::Null],
        &[Value::from(1u64 << 60), long(), Value::from(-3i64), Value::from(true)],
        &[deep(Value::from(1u64 << 60), long()), Value::from(-3i64), "same".into(), true.into()],
    );
}

#[test]
fn a_gap_may_be_first_or_all_and_a_template_may_have_none() {
    check(vec![Value::Null], &[long()], &[long()]);
    check(vec![Value::from("same")], &[], &[Value::from("same")]);
    check(vec![], &[], &[]);
    let empty = || vec![Value::from(Vec::<Value<'_>>::new()), Value::Dict(Vec::new())];
    check(empty(), &[], &empty());
}

#[test]
fn gaps_without_a_value_are_null_and_values_without_a_gap_are_left_out() {
    check(vec![Value::Null, Value::Null], &[1u64.into()], &[1u64.into(), Value::Null]);
    check(vec![Value::Null], &[1u64.into(), 2u64.into()], &[1u64.into()]);
}

/// More arguments than the short form of a list has.
#[test]
fn a_template_may_be_long() {
    let all = |value: &Value<'static>| vec![value.clone(); 40];
    check(all(&Value::Null), &all(&long()), &all(&long()));
}
