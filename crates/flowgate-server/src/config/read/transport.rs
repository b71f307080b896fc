//! Transports of a router worker.

use super::{
    auth::read_auth,
    endpoint::read_endpoint,
    options::{read_rawsocket_options, read_serializers, read_websocket_options},
};
use crate::config::{
    FlowgateConfig, ListenerConfig, PathPattern, RawSocketConfig, RealmConfig, WebSocketPath,
    reader::{Field, Map, Reader},
    schema::{
        PATH_TYPES, RAWSOCKET_SERVICE, RAWSOCKET_TRANSPORT, Section, TRANSPORT_TYPES,
        UNIVERSAL_TRANSPORT, WEB_OPTIONS, WEB_TRANSPORT, WEBSOCKET_SERVICE, WEBSOCKET_TRANSPORT,
    },
    tree::Entry,
};

/// Connections of one transport unless the file says otherwise, as in Crossbar.io.
const DEFAULT_MAX_CONNECTIONS: usize = 50_000;

/// More connections than a process can have files.
const MAX_MAX_CONNECTIONS: i128 = 1 << 30;

/// What a transport needs to know of its surroundings.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) flowgate: &'a FlowgateConfig,
    /// The realms of the worker; empty if references to them cannot be checked.
    pub(super) realms: &'a [&'a RealmConfig],
}

#[derive(Clone, Copy)]
enum Kind {
    WebSocket,
    RawSocket,
    Universal,
    Web,
}

/// What a transport serves.
#[derive(Default)]
struct Services {
    rawsocket: Option<RawSocketConfig>,
    websocket: Vec<WebSocketPath>,
}

/// Whether the `type` of a WebSocket section must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TypeKey {
    Required,
    Optional,
}

/// Reads the `transports` of a worker; references to realms are checked if these are complete.
pub(super) fn read_transports<'n>(
    reader: &mut Reader<'_>,
    worker: &Map<'n>,
    place: &Place<'_>,
    realms_complete: bool,
) -> Vec<(ListenerConfig, Field<'n>)> {
    let realms: Vec<_> = place.realms.iter().map(|realm| realm.name.clone()).collect();
    let place = if realms_complete { *place } else { Place { realms: &[], ..*place } };
    let fields = reader.list(worker, "transports");
    let listeners = fields.into_iter().map(|field| (read_transport(reader, &field, &place), field));
    listeners
        .filter_map(|(listener, field)| {
            Some((ListenerConfig { realms: realms.clone(), ..listener? }, field))
        })
        .collect()
}

fn read_transport(
    reader: &mut Reader<'_>,
    field: &Field<'_>,
    place: &Place<'_>,
) -> Option<ListenerConfig> {
    const KINDS: &[(&str, Kind)] = &[
        ("websocket", Kind::WebSocket),
        ("rawsocket", Kind::RawSocket),
        ("universal", Kind::Universal),
        ("web", Kind::Web),
    ];
    let map = reader.map(field)?;
    let kind = reader.required(&map, "type")?;
    let kind = reader.choice(&kind, KINDS, Some(&TRANSPORT_TYPES))?;
    reader.check_keys(&map, section_of(kind));
    let id = read_id(reader, &map);
    let range = 1..=MAX_MAX_CONNECTIONS;
    let max_connections = reader.integer(&map, "max_connections", range);
    let endpoint = read_endpoint(reader, &map);
    let services = read_services(reader, &map, kind, place);
    let (endpoint, tls) = endpoint?;
    Some(ListenerConfig {
        id,
        endpoint,
        tls,
        rawsocket: services.rawsocket,
        websocket: services.websocket,
        max_connections: max_connections.unwrap_or(DEFAULT_MAX_CONNECTIONS),
        realms: Vec::new(),
    })
}

const fn section_of(kind: Kind) -> &'static Section {
    match kind {
        Kind::WebSocket => &WEBSOCKET_TRANSPORT,
        Kind::RawSocket => &RAWSOCKET_TRANSPORT,
        Kind::Universal => &UNIVERSAL_TRANSPORT,
        Kind::Web => &WEB_TRANSPORT,
    }
}

/// The transport's id; empty if it has none.
fn read_id(reader: &mut Reader<'_>, map: &Map<'_>) -> String {
    let Some(field) = map.get("id") else { return String::new() };
    let Some(id) = reader.text(&field) else { return String::new() };
    let valid = id.starts_with(|first: char| first.is_ascii_lowercase())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && (3..=64).contains(&id.len());
    if !valid {
        let message = "an id has 3 to 64 characters: a lower-case letter, then lower-case letters, \
                       digits or `_`";
        reader.error(&field, message);
    }
    id.to_owned()
}

fn read_services(
    reader: &mut Reader<'_>,
    map: &Map<'_>,
    kind: Kind,
    place: &Place<'_>,
) -> Services {
    match kind {
        Kind::WebSocket => {
            let websocket = vec![read_websocket(reader, map, PathPattern::Any, place)];
            Services { rawsocket: None, websocket }
        }
        Kind::RawSocket => {
            let rawsocket = Some(read_rawsocket(reader, map, place));
            Services { rawsocket, websocket: Vec::new() }
        }
        Kind::Universal => read_universal(reader, map, place),
        Kind::Web => read_web(reader, map, place),
    }
}

fn read_universal(reader: &mut Reader<'_>, map: &Map<'_>, place: &Place<'_>) -> Services {
    let mut services = Services::default();
    let errors_before = reader.errors.len();
    if let Some(field) = map.get("rawsocket")
        && let Some(part) = reader.section(&field, &RAWSOCKET_SERVICE)
    {
        read_fixed_type(reader, &part, "rawsocket");
        services.rawsocket = Some(read_rawsocket(reader, &part, place));
    }
    if let Some(field) = map.get("websocket") {
        services.websocket = read_paths(reader, &field, TypeKey::Optional, place);
    }
    let nothing = services.rawsocket.is_none() && services.websocket.is_empty();
    // `web` and `mqtt` alone are refused already.
    let refused = map.get("web").or_else(|| map.get("mqtt")).is_some();
    if nothing && !refused && reader.errors.len() == errors_before {
        let message = "serves nothing: neither `rawsocket` nor a path under `websocket` is there";
        reader.error_at(map.position, &map.path, message, None);
    }
    services
}

fn read_web(reader: &mut Reader<'_>, map: &Map<'_>, place: &Place<'_>) -> Services {
    reader.optional_section(map, "options", &WEB_OPTIONS);
    let mut services = Services::default();
    let Some(field) = reader.required(map, "paths") else { return services };
    let errors_before = reader.errors.len();
    services.websocket = read_paths(reader, &field, TypeKey::Required, place);
    if services.websocket.is_empty() && reader.errors.len() == errors_before {
        reader.error(&field, "serves nothing: there is no path");
    }
    services
}

/// Reads a map from path names to WebSocket sections.
fn read_paths(
    reader: &mut Reader<'_>,
    field: &Field<'_>,
    type_key: TypeKey,
    place: &Place<'_>,
) -> Vec<WebSocketPath> {
    let Some(map) = reader.map(field) else { return Vec::new() };
    let mut sections = Vec::new();
    for (entry, field) in map.fields() {
        let pattern = read_pattern(reader, entry, &field);
        let Some(section) = reader.map(&field) else { continue };
        if type_key == TypeKey::Required && reader.required(&section, "type").is_none() {
            continue;
        }
        if !read_fixed_type(reader, &section, "websocket") {
            continue;
        }
        reader.check_keys(&section, &WEBSOCKET_SERVICE);
        let pattern = pattern.unwrap_or(PathPattern::Root);
        sections.push(read_websocket(reader, &section, pattern, place));
    }
    sections
}

/// The path that a key stands for: `/`, or a first segment without slash.
fn read_pattern(reader: &mut Reader<'_>, entry: &Entry, field: &Field<'_>) -> Option<PathPattern> {
    let key = entry.key.as_str();
    let is_name = |text: &str| {
        !text.is_empty()
            && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter))
    };
    if key == "/" {
        return Some(PathPattern::Root);
    }
    if is_name(key) {
        return Some(PathPattern::Segment(key.to_owned()));
    }
    let bare = key.trim_matches('/');
    let suggestion = is_name(bare).then(|| bare.to_owned());
    let message = "a path is `/` or one segment of letters, digits, `_` and `-` without slashes";
    reader.error_at(entry.position, &field.path, message, suggestion);
    None
}

/// Whether `type`, if it is there, is the only one that is served in this place.
fn read_fixed_type(reader: &mut Reader<'_>, map: &Map<'_>, only: &'static str) -> bool {
    match map.get("type") {
        None => true,
        Some(field) => reader.choice(&field, &[(only, ())], Some(&PATH_TYPES)).is_some(),
    }
}

fn read_websocket(
    reader: &mut Reader<'_>,
    map: &Map<'_>,
    path: PathPattern,
    place: &Place<'_>,
) -> WebSocketPath {
    WebSocketPath {
        path,
        serializers: read_serializers(reader, map),
        options: read_websocket_options(reader, map, place),
        auth: read_auth(reader, map, place),
    }
}

fn read_rawsocket(reader: &mut Reader<'_>, map: &Map<'_>, place: &Place<'_>) -> RawSocketConfig {
    RawSocketConfig {
        serializers: read_serializers(reader, map),
        max_message_bytes: read_rawsocket_options(reader, map),
        keepalive: place.flowgate.keepalive.filter(|_| place.flowgate.rawsocket_pings),
        auth: read_auth(reader, map, place),
    }
}
