//! Serializers and the options of WebSocket and RawSocket.

use std::time::Duration;

use flowgate_wire::Format;

use super::transport::Place;
use crate::config::{
    Keepalive, OriginPattern, WebSocketOptions,
    reader::{Map, Reader},
    schema::{RAWSOCKET_OPTIONS, SERIALIZERS, WEBSOCKET_OPTIONS},
};

/// The longest WebSocket message that can be configured, in bytes.
const MAX_WEBSOCKET_BYTES: usize = 64 * 1024 * 1024;

/// The longest WebSocket message unless the file says otherwise, in bytes.
const DEFAULT_WEBSOCKET_BYTES: usize = 16 * 1024 * 1024;

/// The longest RawSocket message that can be configured, in bytes, and the default.
const MAX_RAWSOCKET_BYTES: usize = 16 * 1024 * 1024;

/// The shortest maximum that RawSocket can agree on, in bytes.
const MIN_RAWSOCKET_BYTES: i128 = 512;

/// Length of a ping's payload unless the file says otherwise, in bytes.
const DEFAULT_PING_BYTES: u8 = 12;

/// How long a client may take to answer a close frame unless the file says otherwise.
const DEFAULT_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Reads `serializers`; all that Flowgate has if the key is missing.
pub(super) fn read_serializers(reader: &mut Reader<'_>, transport: &Map<'_>) -> Vec<Format> {
    let Some(list) = transport.get("serializers") else { return Format::ALL.to_vec() };
    let choices = Format::ALL.map(|format| (format.name(), format));
    let errors_before = reader.errors.len();
    let mut formats = Vec::new();
    for field in reader.items(&list) {
        let Some(format) = reader.choice(&field, &choices, Some(&SERIALIZERS)) else { continue };
        if formats.contains(&format) {
            reader.error(&field, format!("`{}` is listed twice", format.name()));
        }
        formats.push(format);
    }
    if formats.is_empty() && reader.errors.len() == errors_before {
        reader.error(&list, "lists no serializer, so nobody could connect");
    }
    formats
}

/// Reads the `options` of RawSocket: the longest message in bytes.
pub(super) fn read_rawsocket_options(reader: &mut Reader<'_>, transport: &Map<'_>) -> usize {
    let default = MAX_RAWSOCKET_BYTES;
    let Some(map) = reader.optional_section(transport, "options", &RAWSOCKET_OPTIONS) else {
        return default;
    };
    let range = MIN_RAWSOCKET_BYTES..=signed(MAX_RAWSOCKET_BYTES);
    reader.integer(&map, "max_message_size", range).unwrap_or(default)
}

/// Reads the `options` of WebSocket.
pub(super) fn read_websocket_options(
    reader: &mut Reader<'_>,
    transport: &Map<'_>,
    place: &Place<'_>,
) -> WebSocketOptions {
    let mut options = defaults(place);
    let Some(map) = reader.optional_section(transport, "options", &WEBSOCKET_OPTIONS) else {
        return options;
    };
    if let Some(origins) = read_origins(reader, &map) {
        options.allowed_origins = origins;
    }
    options.allow_null_origin = reader.boolean(&map, "allow_null_origin", true);
    read_sizes(reader, &map, &mut options);
    options.keepalive = read_keepalive(reader, &map, place.flowgate.keepalive);
    if let Some(length) = reader.integer(&map, "auto_ping_size", 12..=125) {
        options.ping_payload_bytes = length;
    }
    if let Some(Some(timeout)) = reader.milliseconds(&map, "open_handshake_timeout") {
        options.open_handshake_timeout = timeout;
    }
    if let Some(Some(timeout)) = reader.milliseconds(&map, "close_handshake_timeout") {
        options.close_handshake_timeout = timeout;
    }
    options.require_subprotocol = reader.boolean(&map, "require_websocket_subprotocol", true);
    options.tcp_nodelay = reader.boolean(&map, "tcp_nodelay", true);
    options
}

fn defaults(place: &Place<'_>) -> WebSocketOptions {
    WebSocketOptions {
        allowed_origins: vec![OriginPattern::new("*")],
        allow_null_origin: true,
        max_frame_bytes: DEFAULT_WEBSOCKET_BYTES,
        max_message_bytes: DEFAULT_WEBSOCKET_BYTES,
        keepalive: place.flowgate.keepalive,
        ping_payload_bytes: DEFAULT_PING_BYTES,
        open_handshake_timeout: place.flowgate.handshake_timeout,
        close_handshake_timeout: DEFAULT_CLOSE_TIMEOUT,
        require_subprotocol: true,
        tcp_nodelay: true,
    }
}

/// Reads the limits; 0 is "no limit" in Crossbar.io, and the highest limit here.
fn read_sizes(reader: &mut Reader<'_>, map: &Map<'_>, options: &mut WebSocketOptions) {
    let range = 0..=signed(MAX_WEBSOCKET_BYTES);
    match reader.integer(map, "max_message_size", range.clone()) {
        Some(0) => {
            options.max_message_bytes = MAX_WEBSOCKET_BYTES;
            if let Some(field) = map.get("max_message_size") {
                let message =
                    format!("messages are never unlimited; {MAX_WEBSOCKET_BYTES} is used");
                reader.warn_at(field.node.position, &field.path, message);
            }
        }
        Some(bytes) => options.max_message_bytes = bytes,
        None => {}
    }
    let frame = reader.integer(map, "max_frame_size", range).filter(|bytes| *bytes > 0);
    let limit = options.max_message_bytes;
    options.max_frame_bytes = frame.map_or(limit, |bytes: usize| bytes.min(limit));
}

fn read_origins(reader: &mut Reader<'_>, map: &Map<'_>) -> Option<Vec<OriginPattern>> {
    let list = map.get("allowed_origins")?;
    let items = reader.items(&list);
    let origins = items.iter().filter_map(|item| reader.filled_text(item).map(OriginPattern::new));
    Some(origins.collect())
}

/// What the transport says of its own pings, over what `flowgate.keepalive` says.
fn read_keepalive(
    reader: &mut Reader<'_>,
    map: &Map<'_>,
    node: Option<Keepalive>,
) -> Option<Keepalive> {
    let interval = reader.milliseconds(map, "auto_ping_interval");
    let timeout = reader.milliseconds(map, "auto_ping_timeout");
    let interval = interval.unwrap_or(node.map(|keepalive| keepalive.interval))?;
    let default = node.unwrap_or_default().timeout;
    Some(Keepalive { interval, timeout: timeout.unwrap_or(default) })
}

/// A limit as the reader compares it.
fn signed(bytes: usize) -> i128 {
    i128::try_from(bytes).unwrap_or(i128::MAX)
}
