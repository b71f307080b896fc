//! Flowgate's own settings.

use std::net::SocketAddr;

use crate::config::{
    FlowgateConfig, Keepalive, LogConfig, LogFormat, LogLevel, RealmConfig, RequestIds,
    reader::{Field, Map, Reader},
    schema::{ADMIN, FLOWGATE, KEEPALIVE, LIMITS, LOG, TRUSTLEVEL},
    suggest::nearest,
    tree::Value,
};

/// Room for at least one message of the shortest maximum that RawSocket can agree on, with a
/// margin that keeps a client from being closed for one burst.
const MIN_SEND_QUEUE_BYTES: i128 = 64 * 1024;

/// More than this for one client is a mistake in units.
const MAX_SEND_QUEUE_BYTES: i128 = 4 * 1024 * 1024 * 1024;

/// More threads than this are a mistake.
const MAX_WORKER_THREADS: i128 = 1024;

/// The word that switches the administration interface off.
const OFF: &str = "off";

/// Where the administration interface is to listen, and whether the file says so.
pub(super) struct Admin<'n> {
    pub(super) address: Option<SocketAddr>,
    pub(super) field: Option<Field<'n>>,
}

/// Reads the key `flowgate` of the node.
pub(super) fn read_flowgate<'n>(
    reader: &mut Reader<'_>,
    node: &Map<'n>,
) -> (FlowgateConfig, Admin<'n>) {
    let mut config = FlowgateConfig::default();
    let mut admin = Admin { address: config.admin, field: None };
    let Some(map) = reader.optional_section(node, "flowgate", &FLOWGATE) else {
        return (config, admin);
    };
    if let Some(section) = reader.optional_section(&map, "admin", &ADMIN) {
        read_admin(reader, &section, &mut admin);
        config.admin = admin.address;
    }
    if let Some(section) = reader.optional_section(&map, "log", &LOG) {
        config.log = read_log(reader, &section);
    }
    if let Some(section) = reader.optional_section(&map, "limits", &LIMITS) {
        let range = MIN_SEND_QUEUE_BYTES..=MAX_SEND_QUEUE_BYTES;
        if let Some(bytes) = reader.integer(&section, "send_queue_bytes", range) {
            config.send_queue_bytes = bytes;
        }
    }
    if let Some(section) = reader.optional_section(&map, "keepalive", &KEEPALIVE) {
        config.keepalive = read_keepalive(reader, &section);
        config.rawsocket_pings = reader.boolean(&section, "rawsocket", false);
    }
    config.handshake_timeout =
        reader.positive_seconds(&map, "handshake_timeout", config.handshake_timeout);
    if let Some(timeout) = reader.seconds(&map, "shutdown_timeout") {
        config.shutdown_timeout = timeout.unwrap_or_default();
    }
    if reader.boolean(&map, "strict_request_ids", false) {
        config.request_ids = RequestIds::Strict;
    }
    let threads = reader.integer::<usize>(&map, "worker_threads", 0..=MAX_WORKER_THREADS);
    config.worker_threads = threads.and_then(std::num::NonZeroUsize::new);
    (config, admin)
}

/// Reads `trustlevels` and gives each level to the role that it names.
///
/// The levels stand here and not in the roles, since Crossbar.io refuses a role with a key that it
/// does not know.
pub(super) fn read_trustlevels(
    reader: &mut Reader<'_>,
    node: &Map<'_>,
    realms: &mut [(RealmConfig, Field<'_>)],
) {
    let Some(flowgate) =
        node.get("flowgate").filter(|field| matches!(field.node.value, Value::Map(_)))
    else {
        return;
    };
    let Some(flowgate) = reader.map(&flowgate) else { return };
    for field in reader.list(&flowgate, "trustlevels") {
        read_trustlevel(reader, &field, realms);
    }
}

fn read_trustlevel(
    reader: &mut Reader<'_>,
    field: &Field<'_>,
    realms: &mut [(RealmConfig, Field<'_>)],
) {
    let Some(map) = reader.section(field, &TRUSTLEVEL) else { return };
    let level = match reader.required(&map, "trustlevel") {
        Some(level) => reader.integer_value(&level, 0..=i128::from(u32::MAX)),
        None => None,
    };
    let Some(realm_field) = reader.required(&map, "realm") else { return };
    let Some(role_field) = reader.required(&map, "role") else { return };
    let Some(name) = reader.text(&realm_field) else { return };
    let Some((realm, _)) = realms.iter_mut().find(|(realm, _)| realm.name == name) else {
        let names = realms.iter().map(|(realm, _)| realm.name.as_str());
        let suggestion = nearest(name, names);
        return reader.error_suggesting(&realm_field, format!("no realm `{name}`"), suggestion);
    };
    let Some(name) = reader.text(&role_field) else { return };
    let Some(role) = realm.roles.iter_mut().find(|role| role.name == name) else {
        let suggestion = nearest(name, realm.roles.iter().map(|role| role.name.as_str()));
        let message = format!("realm `{}` has no role `{name}`", realm.name);
        return reader.error_suggesting(&role_field, message, suggestion);
    };
    if role.trustlevel.is_some() {
        return reader.error(field, format!("role `{name}` has a trust level already"));
    }
    role.trustlevel = level;
}

fn read_admin<'n>(reader: &mut Reader<'_>, section: &Map<'n>, admin: &mut Admin<'n>) {
    let Some(field) = section.get("listen") else { return };
    let Some(text) = reader.text(&field) else { return };
    if text == OFF {
        admin.address = None;
    } else if let Ok(address) = text.parse() {
        admin.address = Some(address);
    } else {
        let message = "must be an address and port such as \"127.0.0.1:8081\", or \"off\"";
        reader.error(&field, message);
    }
    admin.field = Some(field);
}

fn read_log(reader: &mut Reader<'_>, section: &Map<'_>) -> LogConfig {
    const FORMATS: &[(&str, LogFormat)] = &[("human", LogFormat::Human), ("json", LogFormat::Json)];
    const LEVELS: &[(&str, LogLevel)] = &[
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ];
    LogConfig {
        format: reader.optional_choice(section, "format", FORMATS).unwrap_or_default(),
        level: reader.optional_choice(section, "level", LEVELS).unwrap_or_default(),
    }
}

/// An interval of zero switches it off; a timeout of zero never closes.
fn read_keepalive(reader: &mut Reader<'_>, section: &Map<'_>) -> Option<Keepalive> {
    let default = Keepalive::default();
    let interval = reader.seconds(section, "interval").unwrap_or(Some(default.interval));
    let timeout = reader.seconds(section, "timeout").unwrap_or(default.timeout);
    interval.map(|interval| Keepalive { interval, timeout })
}
