//! Encoded messages.

use flowgate_wire::{
    Call, Dict, Format, Invocation, Message, Payload, Publish, RegistrationId, RequestId, Uri,
    Value, Yield,
};

/// The procedure that is called.
pub const PROCEDURE: &str = "com.myapp.procedure1";

/// The topic that is published to.
pub const TOPIC: &str = "com.myapp.topic1";

/// Arguments with one string of so many octets, a multiple of 8.
#[must_use]
pub fn text(bytes: usize) -> [Value<'static>; 1] {
    [Value::from("abcdefgh".repeat(bytes / 8))]
}

/// Arguments with one list of 512 strings of 8 octets.
#[must_use]
pub fn list() -> [Value<'static>; 1] {
    [Value::List((0..512).map(|word| Value::from(format!("{word:08}"))).collect())]
}

/// The arguments of the codec's tables, with their names.
#[must_use]
pub fn payloads() -> [(&'static str, [Value<'static>; 1]); 5] {
    [
        ("16 B", text(16)),
        ("256 B", text(256)),
        ("4 KiB", text(4096)),
        ("4 KiB as 512 strings", list()),
        ("64 KiB", text(65536)),
    ]
}

/// The octets of a message.
#[must_use]
pub fn encoded<'a>(format: Format, message: impl Into<Message<'a>>) -> Vec<u8> {
    let mut frame = Vec::new();
    message.into().encode(format, &mut frame);
    frame
}

/// A request id.
///
/// # Panics
/// It is not from 1 to 2^53.
#[must_use]
pub fn request(number: u64) -> RequestId {
    RequestId::new(number).expect("in range")
}

/// A CALL with a request id of usual length.
#[must_use]
pub fn call(format: Format, args: &[Value<'_>]) -> Vec<u8> {
    numbered_call(7_814_135, PROCEDURE, format, args)
}

fn numbered_call(number: u64, procedure: &str, format: Format, args: &[Value<'_>]) -> Vec<u8> {
    let call = Call {
        request: request(number),
        options: Dict::EMPTY,
        procedure: Uri::from(procedure),
        payload: Payload::from_values(args, &[]),
    };
    encoded(format, call)
}

/// The CALL and the YIELD of one call; both count from 1, as the callee's INVOCATIONs do.
#[must_use]
pub fn call_frames(
    number: u64,
    procedure: &str,
    formats: [Format; 2],
    args: &[Value<'_>],
) -> [Vec<u8>; 2] {
    let [caller, callee] = formats;
    let payload = Payload::from_values(args, &[]);
    let answer = Yield { request: request(number), options: Dict::EMPTY, payload };
    [numbered_call(number, procedure, caller, args), encoded(callee, answer)]
}

/// The INVOCATION that carries the payload of a CALL.
///
/// # Panics
/// The message is no CALL.
#[must_use]
pub fn invocation<'a>(call: &Message<'a>) -> Message<'a> {
    let Message::Call(call) = call else { unreachable!("encoded as a CALL") };
    Message::from(Invocation {
        request: request(1234),
        registration: RegistrationId::new(9_823_526).expect("in range"),
        details: Dict::EMPTY,
        payload: call.payload.clone(),
    })
}

/// A PUBLISH to `topic`.
#[must_use]
pub fn publish(format: Format, topic: &str, args: &[Value<'_>]) -> Vec<u8> {
    let publish = Publish {
        request: request(1),
        options: Dict::EMPTY,
        topic: Uri::from(topic),
        payload: Payload::from_values(args, &[]),
    };
    encoded(format, publish)
}
