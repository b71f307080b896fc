//! Every message in every format, octet by octet.

use flowgate_wire::{
    Abort, Authenticate, Call, Cancel, Challenge, Dict, Entry, Error, Event, EventReceived, Format,
    Goodbye, Hello, Interrupt, Invocation, MAX_ID, Message, MessageType, Payload, PublicationId,
    Publish, Published, Register, Registered, RegistrationId, RequestId, Result, SessionId,
    Subscribe, Subscribed, SubscriptionId, Unregister, Unregistered, Unsubscribe, Unsubscribed,
    Uri, Value, Welcome, Yield,
};

use crate::{decode, encode, hex};

/// JSON, MessagePack and CBOR of the messages that [`messages`] makes, in the same order.
const VECTORS: &[(&str, &str, &str)] = &[
    (
        r#"[1,"lab",{"roles":{"caller":{},"callee":{}},"agent":"probe-1"}]"#,
        "9301a36c616282a5726f6c657382a663616c6c657280a663616c6c656580a56167656e74a770726f62652d31",
        "8301636c6162a265726f6c6573a26663616c6c6572a06663616c6c6565a0656167656e746770726f62652d31",
    ),
    (
        r#"[2,9007199254740992,{"roles":{"dealer":{}},"authid":"mia"}]"#,
        "9302cf002000000000000082a5726f6c657381a66465616c657280a6617574686964a36d6961",
        "83021b0020000000000000a265726f6c6573a1666465616c6572a066617574686964636d6961",
    ),
    (
        r#"[3,{"message":"no"},"wamp.error.no_such_realm"]"#,
        "930381a76d657373616765a26e6fb877616d702e6572726f722e6e6f5f737563685f7265616c6d",
        "8303a1676d657373616765626e6f781877616d702e6572726f722e6e6f5f737563685f7265616c6d",
    ),
    (r#"[4,"ticket",{}]"#, "9304a67469636b657480", "8304667469636b6574a0"),
    (r#"[5,"s3cret",{}]"#, "9305a673336372657480", "830566733363726574a0"),
    (
        r#"[6,{},"wamp.close.close_realm"]"#,
        "930680b677616d702e636c6f73652e636c6f73655f7265616c6d",
        "8306a07677616d702e636c6f73652e636c6f73655f7265616c6d",
    ),
    (
        r#"[8,48,23,{},"org.lab.broken",["valve",7],{"at":-1}]"#,
        "9708301780ae6f72672e6c61622e62726f6b656e92a576616c76650781a26174ff",
        "8708183017a06e6f72672e6c61622e62726f6b656e826576616c766507a162617420",
    ),
    (
        r#"[16,24,{"acknowledge":true},"org.lab.heat",[21.5]]"#,
        "95101881ab61636b6e6f776c65646765c3ac6f72672e6c61622e6865617491cb4035800000000000",
        "85101818a16b61636b6e6f776c65646765f56c6f72672e6c61622e6865617481fb4035800000000000",
    ),
    (r#"[17,255,65536]"#, "9311ccffce00010000", "831118ff1a00010000"),
    (
        r#"[32,256,{"match":"prefix"},"org.lab."]"#,
        "9420cd010081a56d61746368a6707265666978a86f72672e6c61622e",
        "841820190100a1656d6174636866707265666978686f72672e6c61622e",
    ),
    (r#"[33,65535,4294967295]"#, "9321cdffffceffffffff", "83182119ffff1affffffff"),
    (r#"[34,4294967296,128]"#, "9322cf0000000100000000cc80", "8318221b00000001000000001880"),
    (r#"[35,127]"#, "92237f", "821823187f"),
    (
        r#"[36,1,2,{},["é\n\"\\",null,false],{"raw":"\u0000AP8Q"}]"#,
        "962401028093a5c3a90a225cc0c281a3726177c40300ff10",
        "8618240102a08365c3a90a225cf6f4a1637261774300ff10",
    ),
    (
        r#"[48,1,{},"org.lab.weigh"]"#,
        "94300180ad6f72672e6c61622e7765696768",
        "84183001a06d6f72672e6c61622e7765696768",
    ),
    (r#"[49,1,{"mode":"kill"}]"#, "93310181a46d6f6465a46b696c6c", "83183101a1646d6f6465646b696c6c"),
    (
        r#"[50,1,{"progress":true},[-32,-33,-128,-129,-32768,-32769,-2147483648,-2147483649]]"#,
        "94320181a870726f6772657373c398e0d0dfd080d1ff7fd18000d2ffff7fffd280000000d3ffffffff7fffffff",
        "84183201a16870726f6772657373f588381f3820387f3880397fff3980003a7fffffff3a80000000",
    ),
    (
        r#"[64,2,{"invoke":"roundrobin"},"org.lab.weigh"]"#,
        "94400281a6696e766f6b65aa726f756e64726f62696ead6f72672e6c61622e7765696768",
        "84184002a166696e766f6b656a726f756e64726f62696e6d6f72672e6c61622e7765696768",
    ),
    (r#"[65,2,100]"#, "93410264", "831841021864"),
    (r#"[66,3,100]"#, "93420364", "831842031864"),
    (
        r#"[67,0,{"registration":100,"reason":"gone"}]"#,
        "93430082ac726567697374726174696f6e64a6726561736f6ea4676f6e65",
        "83184300a26c726567697374726174696f6e186466726561736f6e64676f6e65",
    ),
    (
        r#"[68,4,100,{"procedure":"org.lab.weigh"},[],{"kg":1.0}]"#,
        "9644046481a970726f636564757265ad6f72672e6c61622e77656967689081a26b67cb3ff0000000000000",
        "861844041864a16970726f6365647572656d6f72672e6c61622e776569676880a1626b67fb3ff0000000000000",
    ),
    (
        r#"[69,4,{"mode":"killnowait"}]"#,
        "93450481a46d6f6465aa6b696c6c6e6f77616974",
        "83184504a1646d6f64656a6b696c6c6e6f77616974",
    ),
    (r#"[70,4,{}]"#, "93460480", "83184604a0"),
    (r#"[337,77]"#, "92cd01514d", "82190151184d"),
];

fn request(id: u64) -> RequestId {
    RequestId::new(id).expect("in range")
}

fn registration(id: u64) -> RegistrationId {
    RegistrationId::new(id).expect("in range")
}

fn subscription(id: u64) -> SubscriptionId {
    SubscriptionId::new(id).expect("in range")
}

fn publication(id: u64) -> PublicationId {
    PublicationId::new(id).expect("in range")
}

fn text(text: &'static str) -> Value<'static> {
    Value::from(text)
}

fn empty() -> Value<'static> {
    Value::Dict(Vec::new())
}

fn dict<const N: usize>(entries: [(&'static str, Value<'static>); N]) -> Dict<'static> {
    Dict::from(Value::dict(entries))
}

fn payload<const N: usize, const M: usize>(
    args: [Value<'static>; N],
    kwargs: [(&'static str, Value<'static>); M],
) -> Payload<'static> {
    let kwargs: Vec<Entry<'static>> =
        kwargs.into_iter().map(|(key, value)| (key.into(), value)).collect();
    Payload::from_vecs(args.into(), kwargs)
}

fn messages() -> Vec<Message<'static>> {
    let roles = Value::dict([("caller", empty()), ("callee", empty())]);
    let integers = [-32, -33, -128, -129, -32768, -32769, -2_147_483_648, -2_147_483_649];
    let odd_text = text("é\n\"\\");
    vec![
        Hello {
            realm: "lab".into(),
            details: dict([("roles", roles), ("agent", text("probe-1"))]),
        }
        .into(),
        Welcome {
            session: SessionId::new(MAX_ID).expect("in range"),
            details: dict([("roles", Value::dict([("dealer", empty())])), ("authid", text("mia"))]),
        }
        .into(),
        Abort {
            details: dict([("message", text("no"))]),
            reason: "wamp.error.no_such_realm".into(),
            payload: Payload::EMPTY,
        }
        .into(),
        Challenge { auth_method: "ticket".into(), extra: Dict::EMPTY }.into(),
        Authenticate { signature: "s3cret".into(), extra: Dict::EMPTY }.into(),
        Goodbye { details: Dict::EMPTY, reason: "wamp.close.close_realm".into() }.into(),
        Error {
            request_type: MessageType::Call,
            request: request(23),
            details: Dict::EMPTY,
            error: "org.lab.broken".into(),
            payload: payload([text("valve"), Value::from(7_u64)], [("at", Value::from(-1_i64))]),
        }
        .into(),
        Publish {
            request: request(24),
            options: dict([("acknowledge", Value::Bool(true))]),
            topic: "org.lab.heat".into(),
            payload: payload([Value::Float(21.5)], []),
        }
        .into(),
        Published { request: request(255), publication: publication(65536) }.into(),
        Subscribe {
            request: request(256),
            options: dict([("match", text("prefix"))]),
            topic: "org.lab.".into(),
        }
        .into(),
        Subscribed { request: request(65535), subscription: subscription(0xffff_ffff) }.into(),
        Unsubscribe { request: request(0x1_0000_0000), subscription: subscription(128) }.into(),
        Unsubscribed { request: Some(request(127)), details: None }.into(),
        Event {
            subscription: subscription(1),
            publication: publication(2),
            details: Dict::EMPTY,
            payload: payload(
                [odd_text, Value::Null, Value::Bool(false)],
                [("raw", Value::Binary(vec![0, 255, 16].into()))],
            ),
        }
        .into(),
        Call {
            request: request(1),
            options: Dict::EMPTY,
            procedure: "org.lab.weigh".into(),
            payload: Payload::EMPTY,
        }
        .into(),
        Cancel { request: request(1), options: dict([("mode", text("kill"))]) }.into(),
        Result {
            request: request(1),
            details: dict([("progress", Value::Bool(true))]),
            payload: payload(integers.map(Value::Signed), []),
        }
        .into(),
        Register {
            request: request(2),
            options: dict([("invoke", text("roundrobin"))]),
            procedure: Uri::from("org.lab.weigh"),
        }
        .into(),
        Registered { request: request(2), registration: registration(100) }.into(),
        Unregister { request: request(3), registration: registration(100) }.into(),
        Unregistered {
            request: None,
            details: Some(dict([("registration", Value::from(100_u64)), ("reason", text("gone"))])),
        }
        .into(),
        Invocation {
            request: request(4),
            registration: registration(100),
            details: dict([("procedure", text("org.lab.weigh"))]),
            payload: payload([], [("kg", Value::Float(1.0))]),
        }
        .into(),
        Interrupt { request: request(4), options: dict([("mode", text("killnowait"))]) }.into(),
        Yield { request: request(4), options: Dict::EMPTY, payload: Payload::EMPTY }.into(),
        EventReceived { publication: publication(77) }.into(),
    ]
}

fn vectors() -> impl Iterator<Item = [(Format, Vec<u8>); 3]> {
    VECTORS.iter().map(|(json, msgpack, cbor)| {
        [
            (Format::Json, json.as_bytes().to_vec()),
            (Format::MessagePack, hex(msgpack)),
            (Format::Cbor, hex(cbor)),
        ]
    })
}

#[test]
fn every_message_type_has_a_vector() {
    let types: Vec<_> = messages().iter().map(Message::message_type).collect();
    assert_eq!(types, MessageType::ALL);
    assert_eq!(VECTORS.len(), types.len());
}

#[test]
fn messages_of_values_are_encoded_exactly() {
    for (message, vectors) in messages().iter().zip(vectors()) {
        for (format, bytes) in vectors {
            assert_eq!(encode(format, message), bytes, "{format:?} {message:?}");
        }
    }
}

#[test]
fn received_messages_are_encoded_exactly_in_every_format() {
    for vectors in vectors() {
        for (from, bytes) in &vectors {
            let message = decode(*from, bytes).expect("a message");
            for (to, expected) in &vectors {
                assert_eq!(encode(*to, &message), *expected, "{from:?} to {to:?} {message:?}");
            }
        }
    }
}

#[test]
fn received_messages_hold_what_was_sent() {
    for (message, vectors) in messages().iter().zip(vectors()) {
        for (format, bytes) in vectors {
            let received = decode(format, &bytes).expect("a message");
            assert_eq!(received.message_type(), message.message_type());
            assert!(received.same_as(message), "{format:?} {received:?} {message:?}");
        }
    }
}

#[test]
fn every_beginning_of_a_message_is_refused() {
    for (format, bytes) in vectors().flatten() {
        for len in 0..bytes.len() {
            assert!(decode(format, &bytes[..len]).is_err(), "{format:?} {len} of {bytes:?}");
        }
    }
}

#[test]
fn an_octet_too_many_is_refused() {
    for (format, mut bytes) in vectors().flatten() {
        bytes.push(b'0');
        assert!(decode(format, &bytes).is_err(), "{format:?} {bytes:?}");
    }
}
