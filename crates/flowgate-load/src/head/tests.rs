use flowgate_wire::{
    Call, Dict, Invocation, Message, Payload, PublicationId, Published, RegistrationId, RequestId,
    Uri, Value,
};

use super::*;

const IDS: [u64; 12] =
    [1, 23, 24, 127, 128, 255, 256, 65_535, 65_536, u32::MAX as u64, u32::MAX as u64 + 1, 1 << 53];

fn encode(format: Format, message: impl Into<Message<'static>>) -> Vec<u8> {
    let mut out = Vec::new();
    message.into().encode(format, &mut out);
    out
}

fn arguments() -> Payload<'static> {
    Payload::from_vecs(vec![Value::String("some text".into())], Vec::new())
}

#[test]
fn heads_that_the_codec_writes_are_read() {
    for format in Format::ALL {
        for id in IDS {
            let message = encode(
                format,
                Invocation {
                    request: RequestId::new(id).unwrap(),
                    registration: RegistrationId::new(7).unwrap(),
                    details: Dict::default(),
                    payload: arguments(),
                },
            );
            let (mut cursor, code) = Cursor::open(format, &message).unwrap();
            assert_eq!(code, 68);
            assert_eq!(cursor.unsigned(), Some(id));
            assert_eq!(cursor.unsigned(), Some(7));
            assert_eq!(cursor.empty_dict(), Some(()));
            let decoded = Message::decode(format, &message, &flowgate_wire::Limits::default());
            let Ok(Message::Invocation(decoded)) = decoded else { panic!("{decoded:?}") };
            assert_eq!(cursor.tail(), decoded.payload.raw().map(|(_, bytes)| bytes));
        }
    }
}

#[test]
fn calls_are_read_up_to_the_procedure() {
    for format in Format::ALL {
        let message = encode(
            format,
            Call {
                request: RequestId::new(1).unwrap(),
                options: Dict::default(),
                procedure: Uri::new("com.example.procedure.with.a.name.of.more.than.31.octets"),
                payload: arguments(),
            },
        );
        let (mut cursor, _) = Cursor::open(format, &message).unwrap();
        cursor.unsigned().unwrap();
        cursor.empty_dict().unwrap();
        let name = cursor.text().unwrap();
        assert_eq!(name, b"com.example.procedure.with.a.name.of.more.than.31.octets");
        assert!(!cursor.tail().unwrap().is_empty());
    }
}

#[test]
fn integers_are_encoded_as_by_the_codec() {
    for format in Format::ALL {
        for id in IDS {
            let message = encode(
                format,
                Published {
                    request: RequestId::new(id).unwrap(),
                    publication: PublicationId::new(1).unwrap(),
                },
            );
            let id = Encoded::unsigned(format, id);
            let hit = message.windows(id.as_bytes().len()).any(|window| window == id.as_bytes());
            assert!(hit, "{id:?} in {message:02x?}");
        }
    }
}

#[test]
fn what_is_not_usual_is_left_to_the_decoder() {
    let (mut cursor, code) = Cursor::open(Format::Json, br#"[50,1,{"progress":true},[]]"#).unwrap();
    assert_eq!((code, cursor.unsigned()), (50, Some(1)));
    assert_eq!(cursor.empty_dict(), None);
    assert!(Cursor::open(Format::Json, b" [50,1]").is_none());
    assert!(Cursor::open(Format::Json, b"[50.0,1]").is_none());
    assert!(Cursor::open(Format::Cbor, b"\x9f\x01\xff").is_none());
}
