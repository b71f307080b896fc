//! Flowgate's own settings.

use std::{net::SocketAddr, ops::RangeInclusive};

use flowgate_router::CallSettings;

use crate::config::{
    FlowgateConfig, Keepalive, LogConfig, LogFormat, LogLevel, ObserverConfig, RealmConfig,
    RequestIds,
    reader::{Field, Map, Reader},
    schema::{ADMIN, FLOWGATE, KEEPALIVE, LIMITS, LOG, OBSERVER, TRUSTLEVEL},
    suggest::nearest,
    tree::Value,
};

/// Room for at least one message of the shortest maximum that RawSocket can agree on, with a
/// margin that keeps a client from being closed for one burst.
const MIN_SEND_QUEUE_BYTES: i128 = 64 * 1024;

/// More than this for one client is a mistake in units.
const MAX_SEND_QUEUE_BYTES: i128 = 4 * 1024 * 1024 * 1024;

/// Whoever lets more calls wait for one procedure waits for something else.
const MAX_CALL_QUEUE: i128 = 1_000_000;

/// More threads than this are a mistake.
const MAX_WORKER_THREADS: i128 = 1024;

/// More label values than this are a mistake: each is a series for every metric.
const MAX_LABEL_VALUES: i128 = 1_000_000;

/// From what the clients of php-wamp-observer may send to what is surely none of theirs.
const LINE_BYTES: RangeInclusive<i128> = 64 * 1024..=16 * 1024 * 1024;

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
    if let Some(section) = reader.optional_section(&map, "observer", &OBSERVER) {
        config.observer = Some(read_observer(reader, &section));
    }
    if let Some(section) = reader.optional_section(&map, "log", &LOG) {
        config.log = read_log(reader, &section);
    }
    if let Some(section) = reader.optional_section(&map, "limits", &LIMITS) {
        let range = MIN_SEND_QUEUE_BYTES..=MAX_SEND_QUEUE_BYTES;
        if let Some(bytes) = reader.integer(&section, "send_queue_bytes", range) {
            config.send_queue_bytes = bytes;
        }
        config.calls = CallSettings {
            default_timeout: reader.seconds(&section, "call_timeout").flatten(),
            max_timeout: reader.seconds(&section, "max_call_timeout").flatten(),
            queue_limit: reader
                .integer(&section, "call_queue", 0..=MAX_CALL_QUEUE)
                .unwrap_or_default(),
        };
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
    if let Some(address) = read_address(reader, &field, FlowgateConfig::DEFAULT_ADMIN) {
        admin.address = address;
        admin.field = Some(field);
    }
}

/// An address and port, or `off`; `None` if it is neither, which is then an error.
fn read_address(
    reader: &mut Reader<'_>,
    field: &Field<'_>,
    example: SocketAddr,
) -> Option<Option<SocketAddr>> {
    let text = reader.text(field)?;
    if text == OFF {
        return Some(None);
    }
    let address = text.parse().ok();
    if address.is_none() {
        let message = format!("must be an address and port such as \"{example}\", or \"off\"");
        reader.error(field, message);
    }
    address.map(Some)
}

fn read_observer(reader: &mut Reader<'_>, section: &Map<'_>) -> ObserverConfig {
    let mut config = ObserverConfig::default();
    let example = ObserverConfig::DEFAULT_LISTEN;
    for (key, address) in [("listen", &mut config.listen), ("counters", &mut config.counters)] {
        let read = section.get(key).and_then(|field| read_address(reader, &field, example));
        *address = read.unwrap_or(*address);
    }
    config.timeout = reader.positive_seconds(section, "timeout", config.timeout);
    config.every = reader.positive_seconds(section, "every", config.every);
    for field in reader.list(section, "sources") {
        config.sources.extend(reader.text(&field).map(str::to_owned));
    }
    if let Some(count) = reader.integer(section, "max_label_values", 1..=MAX_LABEL_VALUES) {
        config.limits.max_label_value_count = count;
    }
    if let Some(count) = reader.integer(section, "max_line_bytes", LINE_BYTES) {
        config.limits.max_line_bytes = count;
    }
    config
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
