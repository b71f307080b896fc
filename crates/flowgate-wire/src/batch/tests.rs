use proptest::prelude::*;

use super::*;

const BINARY: [Format; 2] = [Format::MessagePack, Format::Cbor];

fn all(format: Format, batch: &[u8]) -> Vec<Result<&[u8], BatchError>> {
    split(format, batch).collect()
}

fn append_octets(format: Format, out: &mut Vec<u8>, message: &[u8]) -> Result<usize, BatchError> {
    append(format, out, |out| {
        out.extend_from_slice(message);
        Ok::<(), BatchError>(())
    })
}

#[test]
fn json_messages_end_with_either_octet_and_the_last_may_end_with_none() {
    let expected: [Result<&[u8], _>; 2] = [Ok(b"[1]"), Ok(b"[2,3]")];
    for batch in [
        &b"[1]\x1e[2,3]\x1e"[..],
        b"[1]\x18[2,3]\x18",
        b"[1]\x18[2,3]\x1e",
        b"[1]\x1e[2,3]",
        b"[1]\x18[2,3]",
    ] {
        assert_eq!(all(Format::Json, batch), expected);
    }
}

#[test]
fn binary_messages_begin_with_their_length() {
    for format in BINARY {
        let batch = b"\0\0\0\x02ab\0\0\0\x01c";
        assert_eq!(all(format, batch), [Ok(&b"ab"[..]), Ok(b"c")]);
    }
}

#[test]
fn a_batch_of_nothing_is_an_error() {
    for format in Format::ALL {
        assert_eq!(all(format, b""), [Err(BatchError::Empty)]);
    }
}

#[test]
fn json_messages_without_octets_are_errors() {
    for (batch, at) in [(&b"\x1e"[..], 0), (b"[1]\x1e\x1e", 4), (b"[1]\x1e\x18[2]\x1e", 4)] {
        let messages = all(Format::Json, batch);
        assert_eq!(messages.last(), Some(&Err(BatchError::EmptyMessage { at })));
        assert_eq!(messages.len(), if at == 0 { 1 } else { 2 });
    }
}

#[test]
fn bad_binary_batches_name_the_place() {
    let truncated = |at, length, available| BatchError::TruncatedMessage { at, length, available };
    for format in BINARY {
        for (batch, error) in [
            (&b"\0"[..], BatchError::TruncatedLength { at: 0 }),
            (b"\0\0\0\x01a\0\0\x01", BatchError::TruncatedLength { at: 5 }),
            (b"\0\0\0\0", BatchError::EmptyMessage { at: 0 }),
            (b"\0\0\0\x01a\0\0\0\x02b", truncated(5, 2, 1)),
            (b"\xff\xff\xff\xff", truncated(0, u32::MAX, 0)),
        ] {
            assert_eq!(all(format, batch).last(), Some(&Err(error)));
        }
    }
}

#[test]
fn nothing_follows_an_error() {
    for (format, batch) in
        [(Format::Json, &b"\x1e[1]\x1e"[..]), (Format::Cbor, b"\0\0\0\0\0\0\0\x01a")]
    {
        let mut messages = split(format, batch);
        assert!(messages.next().unwrap().is_err());
        assert!(messages.next().is_none());
        assert!(messages.next().is_none());
    }
}

#[test]
fn messages_are_written_as_the_specification_says() {
    for (format, batch) in [
        (Format::Json, &b"[1]\x1e[22]\x1e"[..]),
        (Format::MessagePack, b"\0\0\0\x03[1]\0\0\0\x04[22]"),
        (Format::Cbor, b"\0\0\0\x03[1]\0\0\0\x04[22]"),
    ] {
        let mut out = Vec::new();
        assert_eq!(append_octets(format, &mut out, b"[1]"), Ok(3));
        assert_eq!(append_octets(format, &mut out, b"[22]"), Ok(4));
        assert_eq!(out, batch);
    }
}

#[test]
fn a_message_that_cannot_be_written_leaves_no_trace() {
    for format in Format::ALL {
        let mut out = Vec::new();
        append_octets(format, &mut out, b"[1]").unwrap();
        let before = out.clone();
        let failed: Result<usize, BatchError> = append(format, &mut out, |out| {
            out.extend_from_slice(b"[2,");
            Err(BatchError::TooLong { length: 3 })
        });
        assert!(failed.is_err());
        assert_eq!(out, before);
        let empty = append_octets(format, &mut out, b"");
        assert_eq!(empty, Err(BatchError::EmptyMessage { at: before.len() }));
        assert_eq!(out, before);
    }
}

proptest! {
    /// What makes the JSON form work: any JSON text, compact or not, is free of both terminators.
    #[test]
    fn json_never_contains_a_terminator(text: String, control in "[\\x00-\\x1f]{0,8}") {
        let value = serde_json::json!({ (control.clone()): [text, control] });
        for json in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            prop_assert_eq!(split(Format::Json, json.as_bytes()).count(), 1);
        }
    }

    /// And a parser takes neither raw: not in strings, and not between tokens.
    #[test]
    fn a_raw_terminator_is_not_json(
        control in prop::sample::select(&[JSON_TERMINATOR, JSON_TERMINATOR_IN_THE_FIELD][..]),
        at in 0..=10_usize,
    ) {
        let mut json = b"[\"ab\", 12]".to_vec();
        json.insert(at, control);
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&json).is_err());
    }

    #[test]
    fn batches_survive_the_wire(
        format in prop::sample::select(&Format::ALL[..]),
        messages in prop::collection::vec("[\\x20-\\x7e]{1,40}", 1..20),
    ) {
        let mut batch = Vec::new();
        for message in &messages {
            prop_assert_eq!(append_octets(format, &mut batch, message.as_bytes()), Ok(message.len()));
        }
        let read: Vec<_> = split(format, &batch).map(Result::unwrap).collect();
        prop_assert!(read.into_iter().eq(messages.iter().map(String::as_bytes)));
    }

    #[test]
    fn any_octets_split_without_loss(
        format in prop::sample::select(&Format::ALL[..]), batch: Vec<u8>,
    ) {
        let mut total = 0;
        let mut failed = false;
        for message in split(format, &batch) {
            prop_assert!(!failed);
            match message {
                Ok(message) => total += message.len() + if format == Format::Json { 1 } else { 4 },
                Err(_) => failed = true,
            }
        }
        // A last JSON message may lack its terminator.
        prop_assert!(failed || total == batch.len() || total == batch.len() + 1);
    }
}
