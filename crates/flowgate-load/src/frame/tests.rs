use super::*;

fn frames(framing: Framing, side: Side, len: usize) -> Header {
    let mut out = Vec::new();
    push_header(framing, side, Format::Json, len, &mut out);
    for cut in 0..out.len() {
        assert_eq!(Header::parse(framing, &out[..cut]), Ok(None), "cut at {cut}");
    }
    let header = Header::parse(framing, &out).unwrap().unwrap();
    assert_eq!(header.header_bytes, out.len());
    header
}

#[test]
fn headers_that_are_written_are_read() {
    for framing in [Framing::RawSocket, Framing::WebSocket] {
        for side in [Side::Client, Side::Server] {
            for len in [0, 1, 125, 126, 127, 0xffff, 0x1_0000, 1 << 24] {
                let header = frames(framing, side, len);
                assert_eq!((header.kind, header.payload_bytes), (Kind::Message, len));
                let masked = framing == Framing::WebSocket && side == Side::Client;
                assert_eq!(header.mask, masked.then_some([MASK; 4]));
            }
        }
    }
}

#[test]
fn control_frames_are_read_back_and_unmasked() {
    for kind in [Kind::Ping, Kind::Pong, Kind::Close] {
        let mut out = Vec::new();
        push_control(Framing::WebSocket, Side::Client, kind, b"hello", &mut out);
        let header = Header::parse(Framing::WebSocket, &out).unwrap().unwrap();
        assert_eq!(header.kind, kind);
        assert_eq!(header.frame_bytes(), out.len());
        unmask(&mut out[header.header_bytes..], header.mask.unwrap());
        assert_eq!(&out[header.header_bytes..], b"hello");
    }
}

#[test]
fn unmasking_takes_the_four_octets_in_turn() {
    let mut payload = *b"\x01\x02\x03\x04\x01\x02";
    unmask(&mut payload, [1, 2, 3, 5]);
    assert_eq!(payload, [0, 0, 0, 1, 0, 0]);
}

#[test]
fn reserved_bits_are_refused() {
    assert_eq!(Header::parse(Framing::WebSocket, &[0xc1, 0]), Err(FrameError { first: 0xc1 }));
    assert_eq!(
        Header::parse(Framing::RawSocket, &[0x10, 0, 0, 0]),
        Err(FrameError { first: 0x10 })
    );
}
