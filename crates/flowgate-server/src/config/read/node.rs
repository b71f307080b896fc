//! The node: controller, workers, and what must hold across them.

use super::{
    flowgate::{Admin, read_flowgate, read_trace_grants, read_trustlevels},
    realm::read_realms,
    transport::{Place, read_transports},
};
use crate::config::{
    Endpoint, ListenerConfig, NodeConfig, RealmConfig, TcpEndpoint,
    reader::{Field, Map, Reader},
    schema::{CONTROLLER, CONTROLLER_OPTIONS, NODE, WORKER, WORKER_OPTIONS, WORKER_TYPES},
    tree::{Node, Value},
};

/// The only version of the file format.
const VERSION: i128 = 2;

/// What the workers of a file add up to, with the place of each part for later findings.
#[derive(Default)]
struct Workers<'n> {
    realms: Vec<(RealmConfig, Field<'n>)>,
    listeners: Vec<(ListenerConfig, Field<'n>)>,
}

/// Reads a whole file; `None` and the errors in `reader` if it cannot be used.
pub(in crate::config) fn read_node(reader: &mut Reader<'_>, root: &Node) -> Option<NodeConfig> {
    let field = Field { path: String::new(), node: root };
    let map = reader.section(&field, &NODE)?;
    read_version(reader, &map);
    if let Some(controller) = reader.optional_section(&map, "controller", &CONTROLLER) {
        reader.optional_section(&controller, "options", &CONTROLLER_OPTIONS);
    }
    let (mut flowgate, admin) = read_flowgate(reader, &map);
    let mut workers = Workers::default();
    for worker in reader.list(&map, "workers") {
        let place = Place { flowgate: &flowgate, realms: &[] };
        read_worker(reader, &worker, &place, &mut workers);
    }
    if reader.errors.is_empty() {
        check_realm_names(reader, &workers.realms);
        check_listener_ids(reader, &workers.listeners);
        check_addresses(reader, &workers.listeners);
        if check_admin(reader, &admin, &workers.listeners) == AdminClash::OfTheDefault {
            flowgate.admin = None;
        }
        check_not_empty(reader, &map, &workers);
        // With a realm missing because of an error, references to it are not errors of their own.
        read_trustlevels(reader, &map, &mut workers.realms);
        flowgate.tracing.grants = read_trace_grants(reader, &map, &workers.realms);
    }
    name_listeners(&mut workers.listeners);
    let listeners = workers.listeners.into_iter().map(|(listener, _)| listener).collect();
    let realms = workers.realms.into_iter().map(|(realm, _)| realm).collect();
    let warnings = crate::config::Diagnostics::new("", Vec::new());
    reader.errors.is_empty().then_some(NodeConfig { realms, listeners, flowgate, warnings })
}

fn read_version(reader: &mut Reader<'_>, map: &Map<'_>) {
    let Some(field) = reader.required(map, "version") else { return };
    match field.node.value.integer() {
        Some(VERSION) => {}
        Some(1) => {
            reader.error(&field, "version 1 is too old; convert the file with `crossbar upgrade`");
        }
        _ => reader.error(&field, format!("must be the integer {VERSION}")),
    }
}

fn read_worker<'n>(
    reader: &mut Reader<'_>,
    field: &Field<'n>,
    place: &Place<'_>,
    workers: &mut Workers<'n>,
) {
    let Some(map) = reader.map(field) else { return };
    if is_disabled(reader, &map) {
        return;
    }
    let Some(kind) = reader.required(&map, "type") else { return };
    if reader.choice(&kind, &[("router", ())], Some(&WORKER_TYPES)).is_none() {
        return;
    }
    reader.check_keys(&map, &WORKER);
    reader.optional_section(&map, "options", &WORKER_OPTIONS);

    let errors_before = reader.errors.len();
    let realms = read_realms(reader, &map);
    let known: Vec<&RealmConfig> = realms.iter().map(|(realm, _)| realm).collect();
    let place = Place { realms: &known, ..*place };
    // With a realm missing because of an error, references to it are not errors of their own.
    let listeners = read_transports(reader, &map, &place, errors_before == reader.errors.len());
    if realms.is_empty()
        && !listeners.is_empty()
        && let Some(transports) = map.get("transports")
    {
        let message = "this worker has no realm, so nobody can join through its transports";
        reader.warn_at(transports.node.position, &transports.path, message);
    }
    workers.listeners.extend(listeners);
    workers.realms.extend(realms);
}

/// Whether the worker is switched off: `true`, or `"${NAME}"` with that variable set and not empty.
fn is_disabled(reader: &mut Reader<'_>, worker: &Map<'_>) -> bool {
    let Some(options) = worker.get("options") else { return false };
    if !matches!(options.node.value, Value::Map(_)) {
        return false;
    }
    let Some(options) = reader.map(&options) else { return false };
    let Some(field) = options.get("disabled") else { return false };
    let Value::Text(text) = &field.node.value else {
        return reader.boolean(&options, "disabled", false);
    };
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    match name.filter(|name| !name.is_empty()) {
        Some(name) => (reader.environment)(name).is_some_and(|value| !value.is_empty()),
        None => {
            reader.error(&field, "must be a boolean or the name of a variable as \"${NAME}\"");
            false
        }
    }
}

fn check_realm_names(reader: &mut Reader<'_>, realms: &[(RealmConfig, Field<'_>)]) {
    for (index, (realm, field)) in realms.iter().enumerate() {
        let earlier = realms.iter().take(index).find(|(other, _)| other.name == realm.name);
        if let Some((_, first)) = earlier {
            let name = &realm.name;
            let line = first.node.position.line;
            let message = format!(
                "realm `{name}` is defined already in line {line}; all router workers form one \
                 router, and a realm exists once"
            );
            reader.error(field, message);
        }
    }
}

fn check_listener_ids(reader: &mut Reader<'_>, listeners: &[(ListenerConfig, Field<'_>)]) {
    for (index, (listener, field)) in listeners.iter().enumerate() {
        let taken = listeners.iter().take(index).any(|(other, _)| other.id == listener.id);
        if taken && !listener.id.is_empty() {
            reader.error(field, format!("another transport has the id `{}`", listener.id));
        }
    }
}

/// Gives the transports without an id a free one.
fn name_listeners(listeners: &mut [(ListenerConfig, Field<'_>)]) {
    let mut number: usize = 1;
    let taken: Vec<_> = listeners.iter().map(|(listener, _)| listener.id.clone()).collect();
    for (listener, _) in listeners.iter_mut().filter(|(listener, _)| listener.id.is_empty()) {
        while taken.contains(&generated_id(number)) {
            number = number.saturating_add(1);
        }
        listener.id = generated_id(number);
        number = number.saturating_add(1);
    }
}

fn generated_id(number: usize) -> String {
    format!("transport{number:03}")
}

fn check_addresses(reader: &mut Reader<'_>, listeners: &[(ListenerConfig, Field<'_>)]) {
    for (index, (listener, field)) in listeners.iter().enumerate() {
        let clash = listeners
            .iter()
            .take(index)
            .find(|(other, _)| clashes(&other.endpoint, &listener.endpoint));
        if let Some((_, first)) = clash {
            let message = format!(
                "listens on the same address as the transport in line {}",
                first.node.position.line
            );
            reader.error(field, message);
        }
    }
}

fn clashes(one: &Endpoint, other: &Endpoint) -> bool {
    match (one, other) {
        (Endpoint::Unix(one), Endpoint::Unix(other)) => one.path == other.path,
        (Endpoint::Tcp(one), Endpoint::Tcp(other)) => {
            !(one.shared && other.shared) && same_port(one, other.address)
        }
        (Endpoint::Tcp(_), Endpoint::Unix(_)) | (Endpoint::Unix(_), Endpoint::Tcp(_)) => false,
    }
}

fn same_port(one: &TcpEndpoint, other: std::net::SocketAddr) -> bool {
    let (ip, other_ip) = (one.address.ip(), other.ip());
    one.address.port() != 0
        && one.address.port() == other.port()
        && ip.is_ipv4() == other_ip.is_ipv4()
        && (ip == other_ip || ip.is_unspecified() || other_ip.is_unspecified())
}

#[derive(PartialEq, Eq)]
enum AdminClash {
    None,
    OfTheDefault,
}

/// Whether the administration interface wants a transport's port: an error if the file says so, a
/// warning if it is only the default, so that files that know nothing of it keep working.
fn check_admin(
    reader: &mut Reader<'_>,
    admin: &Admin<'_>,
    listeners: &[(ListenerConfig, Field<'_>)],
) -> AdminClash {
    let address = admin.address;
    let clash = listeners.iter().find(|(listener, _)| match (&listener.endpoint, address) {
        (Endpoint::Tcp(endpoint), Some(address)) => same_port(endpoint, address),
        (Endpoint::Tcp(_) | Endpoint::Unix(_), _) => false,
    });
    let (Some((_, field)), Some(address)) = (clash, address) else { return AdminClash::None };
    let line = field.node.position.line;
    if let Some(given) = &admin.field {
        let message = format!("the transport in line {line} listens on the same address");
        reader.error(given, message);
        return AdminClash::None;
    }
    let message = format!(
        "listens on {address}, the default of `flowgate.admin.listen`; the administration \
         interface is off"
    );
    reader.warn_at(field.node.position, &field.path, message);
    AdminClash::OfTheDefault
}

fn check_not_empty(reader: &mut Reader<'_>, map: &Map<'_>, workers: &Workers<'_>) {
    if workers.listeners.is_empty() {
        let message = "no router worker has a transport, so nobody could connect";
        reader.error_at(map.position, "workers", message, None);
    } else if workers.realms.is_empty() {
        let message = "no router worker has a realm, so nobody could join";
        reader.error_at(map.position, "workers", message, None);
    }
}
