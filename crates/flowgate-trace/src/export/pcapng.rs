//! Capture files for Wireshark.
//!
//! Source: "PCAP Next Generation Capture File Format"; link type 252 (`WIRESHARK_UPPER_PDU`) with
//! the tags of Wireshark's `epan/exported_pdu.h`.

use std::net::{IpAddr, SocketAddr};

use flowgate_wire::{Format, SessionId};

use crate::facts::Direction;
use crate::record::{MessageRecord, Record, type_name};

/// The link type of exported PDUs.
const UPPER_PDU: u16 = 252;

/// The largest packet; none is longer than the largest WAMP message with its tags.
const SNAPSHOT_BYTES: u32 = 0;

/// Tags in front of a packet.
mod tag {
    pub(super) const END: u16 = 0;
    pub(super) const DISSECTOR: u16 = 12;
    pub(super) const IPV4_SOURCE: u16 = 20;
    pub(super) const IPV4_DESTINATION: u16 = 21;
    pub(super) const IPV6_SOURCE: u16 = 22;
    pub(super) const IPV6_DESTINATION: u16 = 23;
    pub(super) const PORT_TYPE: u16 = 24;
    pub(super) const SOURCE_PORT: u16 = 25;
    pub(super) const DESTINATION_PORT: u16 = 26;
    pub(super) const PROTOCOL_COLUMN: u16 = 33;
    pub(super) const DIRECTION: u16 = 35;
    pub(super) const INFO_COLUMN: u16 = 36;
}

/// `EXP_PDU_PT_TCP`.
const PORT_TYPE_TCP: u32 = 2;

/// The messages among the records as a capture file; actions, and messages that were not sent, have
/// no place in it.
///
/// A packet is the serialized message in its own format, or, where the trace has kept no message,
/// the record itself as JSON.
/// The address of the client is given where it is known; the router's own is zero.
#[must_use]
pub fn pcapng(records: &[Record]) -> Vec<u8> {
    let mut out = Vec::new();
    // Byte order, version 1.0, and a section length that is not known.
    let mut section = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
    section.extend([1, 0, 0, 0]);
    section.extend(u64::MAX.to_le_bytes());
    block(0x0a0d_0d0a, &section, &mut out);
    let mut interface = UPPER_PDU.to_le_bytes().to_vec();
    interface.extend([0, 0]);
    interface.extend(SNAPSHOT_BYTES.to_le_bytes());
    // if_name, and if_tsresol: moments are in units of 10^-9 s.
    option(2, b"flowgate", &mut interface);
    option(9, &[9], &mut interface);
    option(0, &[], &mut interface);
    block(1, &interface, &mut out);
    for record in records {
        if let Record::Message(message) = record
            && message.undelivered.is_none()
        {
            block(6, &packet(record, message), &mut out);
        }
    }
    out
}

/// The body of an enhanced packet block.
fn packet(record: &Record, message: &MessageRecord) -> Vec<u8> {
    let (dissector, content) = match &message.frame {
        Some(frame) => (dissector(frame.format), frame.bytes.to_vec()),
        None => ("json", serde_json::to_vec(record).unwrap_or_default()),
    };
    let mut data = Vec::new();
    pdu_tag(tag::DISSECTOR, dissector.as_bytes(), &mut data);
    if let Some(peer) = message.who.peer {
        addresses(peer, message.direction, &mut data);
    }
    pdu_tag(tag::PROTOCOL_COLUMN, b"WAMP", &mut data);
    let direction: u32 = match message.direction {
        Direction::Tx => 0,
        Direction::Rx => 1,
    };
    pdu_tag(tag::DIRECTION, &direction.to_be_bytes(), &mut data);
    pdu_tag(tag::INFO_COLUMN, info(message).as_bytes(), &mut data);
    pdu_tag(tag::END, &[], &mut data);
    data.extend(content);

    let moment = message.at.as_nanos();
    let [high, low] = [(moment >> 32).to_le_bytes(), (moment & 0xffff_ffff).to_le_bytes()]
        .map(|[a, b, c, d, ..]| [a, b, c, d]);
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut body = [[0; 4], high, low, length, length].concat();
    body.extend(&data);
    body.resize(body.len().next_multiple_of(4), 0);
    if let Some(correlation) = message.correlation() {
        option(1, format!("correlation {correlation}").as_bytes(), &mut body);
        option(0, &[], &mut body);
    }
    body
}

/// What Wireshark shows in its list.
fn info(message: &MessageRecord) -> String {
    let mut parts = vec![type_name(message.message).to_owned()];
    parts.extend(message.uri().map(str::to_owned));
    parts.extend(message.request.map(|request| format!("#{request}")));
    parts.extend(message.error.as_deref().map(str::to_owned));
    parts.push(message.who.realm.to_string());
    parts.extend(message.who.session.map(SessionId::get).map(|session| session.to_string()));
    parts.join(" ")
}

const fn dissector(format: Format) -> &'static str {
    match format {
        Format::Json => "json",
        Format::MessagePack => "msgpack",
        Format::Cbor => "cbor",
    }
}

fn addresses(peer: SocketAddr, direction: Direction, out: &mut Vec<u8>) {
    let (client, router) = match peer.ip() {
        IpAddr::V4(ip) => (ip.octets().to_vec(), vec![0; 4]),
        IpAddr::V6(ip) => (ip.octets().to_vec(), vec![0; 16]),
    };
    let (source_tag, destination_tag) = match peer {
        SocketAddr::V4(_) => (tag::IPV4_SOURCE, tag::IPV4_DESTINATION),
        SocketAddr::V6(_) => (tag::IPV6_SOURCE, tag::IPV6_DESTINATION),
    };
    let client = (client, u32::from(peer.port()));
    let router = (router, 0_u32);
    let (source, destination) = match direction {
        Direction::Rx => (client, router),
        Direction::Tx => (router, client),
    };
    pdu_tag(source_tag, &source.0, out);
    pdu_tag(destination_tag, &destination.0, out);
    pdu_tag(tag::PORT_TYPE, &PORT_TYPE_TCP.to_be_bytes(), out);
    pdu_tag(tag::SOURCE_PORT, &source.1.to_be_bytes(), out);
    pdu_tag(tag::DESTINATION_PORT, &destination.1.to_be_bytes(), out);
}

/// A tag of an exported PDU: big-endian, its value padded to four octets.
fn pdu_tag(tag: u16, value: &[u8], out: &mut Vec<u8>) {
    // Longer values are cut: only the column with URIs can be that long.
    let value = value.get(..value.len().min(0xfff0)).unwrap_or_default();
    let padded = value.len().next_multiple_of(4);
    out.extend(tag.to_be_bytes());
    out.extend(u16::try_from(padded).unwrap_or_default().to_be_bytes());
    out.extend(value);
    out.resize(out.len() + padded - value.len(), 0);
}

/// An option of a block: little-endian, padded to four octets.
fn option(code: u16, value: &[u8], out: &mut Vec<u8>) {
    out.extend(code.to_le_bytes());
    out.extend(u16::try_from(value.len()).unwrap_or_default().to_le_bytes());
    out.extend(value);
    out.resize(out.len() + value.len().next_multiple_of(4) - value.len(), 0);
}

/// A block: type, length, body (a multiple of four octets), and the length again.
fn block(kind: u32, body: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(body.len() + 12).unwrap_or(u32::MAX).to_le_bytes();
    out.extend(kind.to_le_bytes());
    out.extend(length);
    out.extend(body);
    out.extend(length);
}
