//! Payloads that begin in the usual way have a way of their own through the decoder. Whatever they
//! go on with, they are read as the same values in unusual clothes are.

use flowgate_wire::{Format, Limits, Message, Value};

use crate::hex;

/// A YIELD up to the values of its payload's list: as it usually begins, and with the same length
/// and a list that the short way leaves alone.
struct Beginnings {
    format: Format,
    usual: Vec<u8>,
    unusual: Vec<u8>,
    /// Where the list begins.
    list: [usize; 2],
}

fn beginnings(format: Format, count: u8) -> Beginnings {
    let (usual, unusual, list) = match format {
        Format::Json => ("[70, 1,{},[".into(), "[70,1,{},[ ".into(), [10, 9]),
        Format::MessagePack => (
            hex(&format!("94 46 cd0001 80 9{count:x}")),
            hex(&format!("94 46 01 80 dc00{count:02x}")),
            [6, 4],
        ),
        Format::Cbor => (
            hex(&format!("84 1846 1801 a0 {:02x}", 0x80 + count)),
            hex(&format!("84 1846 01 a0 98{count:02x}")),
            [6, 5],
        ),
    };
    Beginnings { format, usual, unusual, list }
}

/// What the decoder makes of a message: its values, or the error.
fn read(format: Format, bytes: &[u8], limits: &Limits) -> Result<Value<'static>, String> {
    match Message::decode(format, bytes, limits) {
        Ok(message) => Ok(message.to_value()),
        Err(error) => Err(format!("{error:?}")),
    }
}

/// Reads both beginnings with each beginning of `rest`, under narrow limits too. Returns whether
/// the whole of it is accepted under wide ones.
fn check(count: u8, format: Format, rest: &[u8]) -> bool {
    let Beginnings { format, usual, unusual, list: [list, unusual_list] } =
        beginnings(format, count);
    assert_eq!(usual.len(), unusual.len());
    let mut accepted = false;
    for end in 0..=rest.len() {
        for (depth, elements) in [(64, 1000), (2, 1000), (3, 1000), (64, 4), (64, 5), (64, 6)] {
            let limits = Limits { depth, elements, ..Limits::default() };
            let [usual, unusual] =
                [&usual, &unusual].map(|begin| [begin.as_slice(), &rest[..end]].concat());
            let expected = read(format, &unusual, &limits).map_err(|error| {
                let [from, to] = [unusual_list, list].map(|offset| format!("offset: {offset} "));
                error.replace(&from, &to)
            });
            let result = read(format, &usual, &limits);
            accepted |= end == rest.len() && result.is_ok();
            assert_eq!(result, expected, "{usual:02x?} {limits:?}");
        }
    }
    accepted
}

#[test]
fn whatever_follows_a_payloads_first_value() {
    let long = "x".repeat(100);
    let json = [
        r#""a"]]"#,
        r#""a","b","c"]]"#,
        r#""a" , 1, "b"],{"k":null}]"#,
        r#""a\"",["b"]]]"#,
        r#""é",{"k":["a"]}]]"#,
        &format!(r#""{long}","a","{long}"] ] "#),
        &format!(r#""{long}",-1.5e3,true]]"#),
    ];
    for rest in json {
        assert!(check(0, Format::Json, rest.as_bytes()), "{rest}");
    }
    let text = "78787878".repeat(8);
    for (count, rest) in [
        (1, "a161".into()),
        (3, "01 a161 a0".into()),
        (3, "a161 91a162 c3".into()),
        (2, format!("d920{text} dc000101")),
        (2, format!("81a16bda0020{text} 90")),
        (2, "c40101 d60001020304".into()),
        (15, "c0".repeat(15)),
    ] {
        assert!(check(count, Format::MessagePack, &hex(&rest)), "{rest}");
    }
    for (count, rest) in [
        (1, "6161".into()),
        (3, "01 6161 60".into()),
        (3, "6161 816162 f5".into()),
        (2, format!("7820{text} 980101")),
        (2, format!("a1616b7820{text} 80")),
        (3, "4101 c100 9f01ff".into()),
        (2, "7f6161ff f93e00".into()),
        (15, "f6".repeat(15)),
    ] {
        assert!(check(count, Format::Cbor, &hex(&rest)), "{rest}");
    }
}

#[test]
fn whatever_is_wrong_behind_it() {
    for rest in [
        r#""a"}]"#,
        r#""a":1]]"#,
        r#""a"]x"#,
        r#""a",]]"#,
        r#""a","b" "c"]]"#,
        "\"a\u{1}\"]]",
        r#""a\x"]]"#,
    ] {
        assert!(!check(0, Format::Json, rest.as_bytes()), "{rest}");
    }
    for (count, rest) in [(1, "a1ff"), (2, "a161 c1"), (2, "01 81 9001"), (1, "01 01 01")] {
        assert!(!check(count, Format::MessagePack, &hex(rest)), "{rest}");
    }
    for (count, rest) in
        [(1, "61ff"), (2, "6161 1c"), (2, "01 a1 8001"), (2, "01 ff"), (2, "01 f800")]
    {
        assert!(!check(count, Format::Cbor, &hex(rest)), "{rest}");
    }
}
