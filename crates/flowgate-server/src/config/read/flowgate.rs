//! Flowgate's own settings.

use std::{net::SocketAddr, ops::RangeInclusive};

use flowgate_router::CallSettings;
use flowgate_trace::Sampling;
use flowgate_wire::{MatchPolicy, Uri, UriCheck};

use super::permission::POLICIES;
use crate::config::{
    AdminTracing, FlowgateConfig, HostName, HttpUrl, InvalidHostName, Keepalive, LogConfig,
    LogFormat, LogLevel, MetricsConfig, ObserverConfig, OtlpConfig, RealmConfig, RequestIds,
    TopicPattern, TraceGrant, TracedRealms, TracingConfig,
    reader::{Field, Map, Reader},
    schema::{
        ADMIN, FLOWGATE, KEEPALIVE, LIMITS, LOG, METRICS, METRICS_TOPIC, OBSERVER, OTLP,
        TRACE_GRANT, TRACING, TRUSTLEVEL,
    },
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

/// From one trace of the smallest size to more than any disk has.
const TRACES_BYTES: RangeInclusive<i128> = 1 << 20..=1 << 50;

/// A publication is compared with one after the other, and each is a series for every realm.
const MAX_TOPICS: usize = 100;

/// The word for all realms.
const ALL: &str = "all";

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
        config.admin_hosts = read_hosts(reader, &section);
    }
    if let Some(section) = reader.optional_section(&map, "observer", &OBSERVER) {
        config.observer = Some(read_observer(reader, &section));
    }
    if let Some(section) = reader.optional_section(&map, "metrics", &METRICS) {
        config.metrics = read_metrics(reader, &section);
    }
    if let Some(section) = reader.optional_section(&map, "tracing", &TRACING) {
        config.tracing = read_tracing(reader, &section);
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
    let Some(flowgate) = map_at(node, "flowgate") else { return };
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
    let Some((realm, role)) = read_role(reader, &map, realms) else { return };
    let role = realms.get_mut(realm).and_then(|(realm, _)| realm.roles.get_mut(role));
    // It was found there.
    let Some(role) = role else { return };
    if role.trustlevel.is_some() {
        let message = format!("role `{}` has a trust level already", role.name);
        return reader.error(field, message);
    }
    role.trustlevel = level;
}

/// The role that `realm` and `role` name, as places in the realms and in the roles of one.
fn read_role(
    reader: &mut Reader<'_>,
    map: &Map<'_>,
    realms: &[(RealmConfig, Field<'_>)],
) -> Option<(usize, usize)> {
    let realm_field = reader.required(map, "realm")?;
    let role_field = reader.required(map, "role")?;
    let place = realm_place(reader, &realm_field, realms)?;
    let (realm, _) = realms.get(place)?;
    let name = reader.text(&role_field)?;
    let role = realm.roles.iter().position(|role| role.name == name);
    if role.is_none() {
        let suggestion = nearest(name, realm.roles.iter().map(|role| role.name.as_str()));
        let message = format!("realm `{}` has no role `{name}`", realm.name);
        reader.error_suggesting(&role_field, message, suggestion);
    }
    Some((place, role?))
}

/// The place of the realm that a value names.
fn realm_place(
    reader: &mut Reader<'_>,
    field: &Field<'_>,
    realms: &[(RealmConfig, Field<'_>)],
) -> Option<usize> {
    let name = reader.text(field)?;
    let place = realms.iter().position(|(realm, _)| realm.name == name);
    if place.is_none() {
        let suggestion = nearest(name, realms.iter().map(|(realm, _)| realm.name.as_str()));
        reader.error_suggesting(field, format!("no realm `{name}`"), suggestion);
    }
    place
}

/// Reads who may trace, once the realms are known.
pub(super) fn read_trace_grants(
    reader: &mut Reader<'_>,
    node: &Map<'_>,
    realms: &[(RealmConfig, Field<'_>)],
) -> Vec<TraceGrant> {
    let mut grants: Vec<TraceGrant> = Vec::new();
    let Some(flowgate) = map_at(node, "flowgate") else { return grants };
    let Some(flowgate) = reader.map(&flowgate) else { return grants };
    let Some(tracing) = map_at(&flowgate, "tracing") else { return grants };
    let Some(tracing) = reader.map(&tracing) else { return grants };
    for field in reader.list(&tracing, "allow") {
        let Some(grant) = read_trace_grant(reader, &field, realms) else { continue };
        if grants.iter().any(|known| (&known.realm, &known.role) == (&grant.realm, &grant.role)) {
            reader.error(&field, format!("role `{}` is named already", grant.role));
        }
        grants.push(grant);
    }
    grants
}

/// The value of a key if it is a map; if not, that was reported before.
fn map_at<'n>(map: &Map<'n>, key: &str) -> Option<Field<'n>> {
    map.get(key).filter(|field| matches!(field.node.value, Value::Map(_)))
}

fn read_trace_grant(
    reader: &mut Reader<'_>,
    field: &Field<'_>,
    realms: &[(RealmConfig, Field<'_>)],
) -> Option<TraceGrant> {
    let map = reader.section(field, &TRACE_GRANT)?;
    let payload = reader.boolean(&map, "payload", false);
    let (place, role) = read_role(reader, &map, realms)?;
    let (realm, _) = realms.get(place)?;
    let traced = match map.get("traced") {
        None => TracedRealms::Only(vec![realm.name.clone()]),
        Some(traced) if matches!(&traced.node.value, Value::Text(text) if text == ALL) => {
            TracedRealms::All
        }
        Some(traced) => {
            let mut names = Vec::new();
            for field in reader.items(&traced) {
                let known = realm_place(reader, &field, realms).and_then(|place| realms.get(place));
                names.extend(known.map(|(realm, _)| realm.name.clone()));
            }
            TracedRealms::Only(names)
        }
    };
    let role = realm.roles.get(role)?.name.clone();
    Some(TraceGrant { realm: realm.name.clone(), role, traced, payload })
}

fn read_metrics(reader: &mut Reader<'_>, section: &Map<'_>) -> MetricsConfig {
    let mut topics: Vec<TopicPattern> = Vec::new();
    let fields = reader.list(section, "topics");
    if let Some(superfluous) = fields.get(MAX_TOPICS) {
        reader.error(superfluous, format!("more than {MAX_TOPICS} topics"));
    }
    for field in fields.iter().take(MAX_TOPICS) {
        let Some(topic) = read_metrics_topic(reader, field) else { continue };
        if topics.iter().any(|known| known.uri == topic.uri) {
            reader.error(field, format!("`{}` is there already", topic.uri));
        }
        topics.push(topic);
    }
    MetricsConfig { topics }
}

fn read_metrics_topic(reader: &mut Reader<'_>, field: &Field<'_>) -> Option<TopicPattern> {
    let map = reader.section(field, &METRICS_TOPIC)?;
    let match_policy = reader.optional_choice(&map, "match", POLICIES);
    let match_policy = match_policy.unwrap_or(MatchPolicy::Exact);
    let uri = reader.required(&map, "uri")?;
    let text = reader.text(&uri)?;
    if text.is_empty() || !Uri::new(text).is_valid(UriCheck::Loose, match_policy) {
        reader.error(&uri, format!("not a valid URI for match `{}`", match_policy.name()));
        return None;
    }
    Some(TopicPattern { uri: text.to_owned(), match_policy })
}

fn read_tracing(reader: &mut Reader<'_>, section: &Map<'_>) -> TracingConfig {
    const ADMIN_RIGHTS: &[(&str, AdminTracing)] = &[
        ("off", AdminTracing::Off),
        ("messages", AdminTracing::Messages),
        ("payload", AdminTracing::Payload),
    ];
    let default = TracingConfig::default();
    let directory = reader.optional_text(section, "directory");
    let directory = directory.map(|path| reader.directory.join(path));
    let max_disk = reader.integer(section, "max_disk", TRACES_BYTES);
    let admin = section.get("admin").and_then(|field| reader.choice(&field, ADMIN_RIGHTS, None));
    let otlp = reader.optional_section(section, "otlp", &OTLP);
    TracingConfig {
        directory,
        max_disk_bytes: max_disk.unwrap_or(default.max_disk_bytes),
        admin: admin.unwrap_or(default.admin),
        grants: default.grants,
        otlp: otlp.and_then(|section| read_otlp(reader, &section)),
    }
}

fn read_otlp(reader: &mut Reader<'_>, section: &Map<'_>) -> Option<OtlpConfig> {
    let field = reader.required(section, "url")?;
    let url = reader.text(&field)?.parse::<HttpUrl>().ok();
    if url.is_none() {
        reader.error(&field, "must be a URL such as \"http://127.0.0.1:4318/v1/traces\"");
    }
    let sampling = match section.get("sample") {
        None => Some(Sampling::ALL),
        Some(field) => {
            let share = match field.node.value {
                Value::Float(share) => Sampling::new(share),
                Value::Integer(1) => Some(Sampling::ALL),
                Value::Integer(_)
                | Value::Null
                | Value::Boolean(_)
                | Value::Text(_)
                | Value::List(_)
                | Value::Map(_) => None,
            };
            if share.is_none() {
                reader.error(&field, "must be a number above 0 and up to 1");
            }
            share
        }
    };
    Some(OtlpConfig { url: url?, sampling: sampling? })
}

fn read_admin<'n>(reader: &mut Reader<'_>, section: &Map<'n>, admin: &mut Admin<'n>) {
    let Some(field) = section.get("listen") else { return };
    if let Some(address) = read_address(reader, &field, FlowgateConfig::DEFAULT_ADMIN) {
        admin.address = address;
        admin.field = Some(field);
    }
}

fn read_hosts(reader: &mut Reader<'_>, section: &Map<'_>) -> Vec<HostName> {
    let mut hosts = Vec::new();
    for field in reader.list(section, "hosts") {
        match reader.text(&field).map(str::parse::<HostName>) {
            Some(Ok(host)) => hosts.push(host),
            Some(Err(error @ InvalidHostName)) => reader.error(&field, error.to_string()),
            None => {}
        }
    }
    hosts
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
