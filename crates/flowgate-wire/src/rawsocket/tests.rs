use proptest::prelude::*;

use super::*;

fn any_format() -> impl Strategy<Value = Format> {
    prop::sample::select(&Format::ALL[..])
}

fn any_kind() -> impl Strategy<Value = FrameKind> {
    prop::sample::select(&FrameKind::ALL[..])
}

fn any_max_length() -> impl Strategy<Value = MaxLength> {
    (0..=15_u8).prop_map(|code| MaxLength::from_code(code).unwrap())
}

#[test]
fn length_codes_stand_for_powers_of_two_from_512_octets_to_16_mib() {
    assert_eq!(MaxLength::MIN.bytes(), 512);
    assert_eq!(MaxLength::from_code(1).map(MaxLength::bytes), Some(1024));
    assert_eq!(MaxLength::from_code(14).map(MaxLength::bytes), Some(8 << 20));
    assert_eq!(MaxLength::MAX.bytes(), 16 << 20);
    assert_eq!(MaxLength::from_code(16), None);
}

#[test]
fn lengths_round_to_the_nearest_code_in_each_direction() {
    // (octets, code rounding down, code rounding up)
    for (bytes, down, up) in [
        (0, None, Some(0)),
        (511, None, Some(0)),
        (512, Some(0), Some(0)),
        (513, Some(0), Some(1)),
        (1_000_000, Some(10), Some(11)),
        ((16 << 20) - 1, Some(14), Some(15)),
        (16 << 20, Some(15), Some(15)),
        ((16 << 20) + 1, Some(15), None),
        (usize::MAX, Some(15), None),
    ] {
        assert_eq!(MaxLength::rounding_down(bytes).map(MaxLength::code), down, "{bytes} down");
        assert_eq!(MaxLength::rounding_up(bytes).map(MaxLength::code), up, "{bytes} up");
    }
}

#[test]
fn handshake_octets_are_those_of_the_specification() {
    // (length code, format, octets)
    for (code, format, octets) in [
        (0, Format::Json, [0x7f, 0x01, 0, 0]),
        (15, Format::MessagePack, [0x7f, 0xf2, 0, 0]),
        (14, Format::Cbor, [0x7f, 0xe3, 0, 0]),
    ] {
        let handshake = Handshake { max_length: MaxLength::from_code(code).unwrap(), format };
        assert_eq!(handshake.to_octets(), octets);
        assert_eq!(Handshake::parse_request(octets), Ok(handshake));
        assert_eq!(Handshake::parse_reply(octets, format), Ok(handshake));
    }
}

#[test]
fn each_bad_request_gets_its_refusal() {
    let unsupported = |number| RequestError::UnsupportedSerializer { number };
    for (octets, error, refusal) in [
        (*b"GET ", RequestError::NotRawSocket { first: b'G' }, None),
        ([0x7f, 0xf1, 1, 0], RequestError::ReservedBits, Some(3)),
        ([0x7f, 0xf1, 0, 0x80], RequestError::ReservedBits, Some(3)),
        ([0x7f, 0xf0, 0, 1], RequestError::ReservedBits, Some(3)),
        ([0x7f, 0xf0, 0, 0], unsupported(0), Some(1)),
        ([0x7f, 0xf4, 0, 0], unsupported(4), Some(1)),
        ([0x7f, 0x0f, 0, 0], unsupported(15), Some(1)),
    ] {
        assert_eq!(Handshake::parse_request(octets), Err(error));
        assert_eq!(error.refusal().map(Refusal::code), refusal, "{error}");
    }
}

#[test]
fn each_bad_reply_is_told_apart() {
    for (octets, error) in [
        (*b"HTTP", ReplyError::NotRawSocket { first: b'H' }),
        ([0x7f, 0xf3, 0, 1], ReplyError::ReservedBits),
        ([0x7f, 0xf1, 0, 0], ReplyError::OtherSerializer { requested: Format::Cbor, number: 1 }),
        ([0x7f, 0xf4, 0, 0], ReplyError::OtherSerializer { requested: Format::Cbor, number: 4 }),
        ([0x7f, 0x00, 0, 0], ReplyError::UnknownRefusal { code: 0 }),
        ([0x7f, 0x10, 0, 0], ReplyError::Refused(Refusal::SerializerUnsupported)),
        ([0x7f, 0x20, 0, 0], ReplyError::Refused(Refusal::LengthUnacceptable)),
        ([0x7f, 0x30, 0, 0], ReplyError::Refused(Refusal::ReservedBits)),
        ([0x7f, 0x40, 0, 0], ReplyError::Refused(Refusal::TooManyConnections)),
        ([0x7f, 0x50, 0, 0], ReplyError::UnknownRefusal { code: 5 }),
    ] {
        assert_eq!(Handshake::parse_reply(octets, Format::Cbor), Err(error));
    }
}

#[test]
fn frame_headers_are_those_of_the_specification() {
    for (octets, kind, len) in [
        ([0, 0, 0, 0], FrameKind::Regular, 0),
        ([0, 0, 1, 2], FrameKind::Regular, 0x102),
        ([1, 0, 0, 4], FrameKind::Ping, 4),
        ([2, 0x12, 0x34, 0x56], FrameKind::Pong, 0x12_3456),
        ([0, 0xff, 0xff, 0xff], FrameKind::Regular, (16 << 20) - 1),
        ([8, 0, 0, 0], FrameKind::Regular, 16 << 20),
        ([10, 0, 0, 0], FrameKind::Pong, 16 << 20),
    ] {
        let header = FrameHeader::new(kind, len, MaxLength::MAX).unwrap();
        assert_eq!(header.to_octets(), octets);
        assert_eq!(FrameHeader::parse(octets), Ok(header));
        assert_eq!((header.kind(), header.len()), (kind, len));
    }
}

#[test]
fn each_bad_frame_header_is_told_apart() {
    for (octets, error) in [
        ([0x10, 0, 0, 1], FrameError::ReservedBits { first: 0x10 }),
        ([0x80, 0, 0, 1], FrameError::ReservedBits { first: 0x80 }),
        ([0x03, 0, 0, 1], FrameError::UnknownKind { number: 3 }),
        ([0x0f, 0, 0, 0], FrameError::UnknownKind { number: 7 }),
        ([0x08, 0, 0, 1], FrameError::LengthAmbiguous { len: 1 }),
    ] {
        assert_eq!(FrameHeader::parse(octets), Err(error));
    }
}

#[test]
fn a_frame_may_be_as_long_as_announced_and_no_longer() {
    let max = MaxLength::MIN;
    let too_long = FrameError::TooLong { len: 513, max: 512 };
    assert!(FrameHeader::new(FrameKind::Regular, 512, max).is_ok());
    assert_eq!(FrameHeader::new(FrameKind::Regular, 513, max), Err(too_long));
    assert_eq!(FrameHeader::parse([0, 0, 2, 0]).unwrap().check(max), Ok(()));
    assert_eq!(FrameHeader::parse([0, 0, 2, 1]).unwrap().check(max), Err(too_long));
    assert!(FrameHeader::new(FrameKind::Ping, (16 << 20) + 1, MaxLength::MAX).is_err());
}

proptest! {
    #[test]
    fn handshakes_survive_the_wire(max_length in any_max_length(), format in any_format()) {
        let handshake = Handshake { max_length, format };
        prop_assert_eq!(Handshake::parse_request(handshake.to_octets()), Ok(handshake));
        prop_assert_eq!(Handshake::parse_reply(handshake.to_octets(), format), Ok(handshake));
    }

    #[test]
    fn accepted_octets_are_the_only_way_to_say_it(octets: [u8; 4], first in 0..16_u8) {
        if let Ok(handshake) = Handshake::parse_request(octets) {
            prop_assert_eq!(handshake.to_octets(), octets);
        }
        let [_, rest @ ..] = octets;
        let octets = [first, rest[0], rest[1], rest[2]];
        if let Ok(header) = FrameHeader::parse(octets) {
            prop_assert_eq!(header.to_octets(), octets);
            prop_assert!(header.len() <= FrameHeader::MAX_LEN);
        }
    }

    #[test]
    fn request_octets_after_the_magic_one_parse_alike(second: u8) {
        let accepted = Handshake::parse_request([MAGIC, second, 0, 0]).is_ok();
        prop_assert_eq!(accepted, (1..=3).contains(&(second & 0x0f)));
    }

    #[test]
    fn frame_headers_survive_the_wire(
        kind in any_kind(), len in 0..=FrameHeader::MAX_LEN, max in any_max_length(),
    ) {
        match FrameHeader::new(kind, len, max) {
            Ok(header) => {
                prop_assert_eq!(FrameHeader::parse(header.to_octets()), Ok(header));
                prop_assert_eq!(header.check(max), Ok(()));
            }
            Err(error) => {
                prop_assert_eq!(error, FrameError::TooLong { len, max: max.bytes() });
                prop_assert!(len > max.bytes());
            }
        }
    }

    #[test]
    fn rounding_brackets_the_length(bytes in 0..(17_usize << 20)) {
        if let Some(down) = MaxLength::rounding_down(bytes) {
            prop_assert!(down.bytes() <= bytes);
            prop_assert!(down == MaxLength::MAX || down.bytes() * 2 > bytes);
        }
        if let Some(up) = MaxLength::rounding_up(bytes) {
            prop_assert!(up.bytes() >= bytes);
            prop_assert!(up == MaxLength::MIN || up.bytes() / 2 < bytes);
        }
    }
}
