//! Listening endpoints.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use crate::config::{
    Endpoint, TcpEndpoint, TlsConfig, UnixEndpoint,
    reader::{Field, Map, Reader},
    schema::{ENDPOINT_TYPES, TCP_ENDPOINT, TLS, UNIX_ENDPOINT},
    tree::Value,
};

/// Connections that wait to be accepted, if the file does not say: bursts of reconnecting clients
/// are common, and the system lowers this to its own maximum.
const DEFAULT_BACKLOG: u16 = 1024;

#[derive(Clone, Copy)]
enum Kind {
    Tcp,
    Unix,
}

/// Reads the `endpoint` of a transport.
pub(super) fn read_endpoint(
    reader: &mut Reader<'_>,
    transport: &Map<'_>,
) -> Option<(Endpoint, Option<TlsConfig>)> {
    let field = reader.required(transport, "endpoint")?;
    let map = reader.map(&field)?;
    let kind = reader.required(&map, "type")?;
    match reader.choice(
        &kind,
        &[("tcp", Kind::Tcp), ("unix", Kind::Unix)],
        Some(&ENDPOINT_TYPES),
    )? {
        Kind::Tcp => read_tcp(reader, &map),
        Kind::Unix => Some((Endpoint::Unix(read_unix(reader, &map)?), None)),
    }
}

fn read_tcp(reader: &mut Reader<'_>, map: &Map<'_>) -> Option<(Endpoint, Option<TlsConfig>)> {
    reader.check_keys(map, &TCP_ENDPOINT);
    // A refused port range says what to write instead.
    let port = if map.get("portrange").is_some() { None } else { reader.required(map, "port") };
    let port = port.and_then(|field| read_port(reader, &field));
    let ip = read_interface(reader, map);
    let backlog = read_backlog(reader, map);
    let shared = reader.boolean(map, "shared", false);
    let user_timeout = reader
        .integer(map, "user_timeout", 0..=65_535)
        .filter(|timeout: &u64| *timeout > 0)
        .map(Duration::from_millis);
    let tls = map.get("tls").map(|field| read_tls(reader, &field));
    let address = SocketAddr::new(ip?, port?);
    let tls = match tls {
        Some(tls) => Some(tls?),
        None => None,
    };
    Some((Endpoint::Tcp(TcpEndpoint { address, backlog, shared, user_timeout }), tls))
}

/// A number, or `"$NAME"` for the number in an environment variable.
fn read_port(reader: &mut Reader<'_>, field: &Field<'_>) -> Option<u16> {
    let Value::Text(text) = &field.node.value else {
        return reader.integer_value(field, 0..=65_535);
    };
    let Some(name) = text.strip_prefix('$').filter(|name| is_variable_name(name)) else {
        let suggestion = text.parse::<u16>().ok().map(|port| port.to_string());
        let message = "must be an integer, or the name of a variable as \"$NAME\"";
        reader.error_suggesting(field, message, suggestion);
        return None;
    };
    let Some(value) = (reader.environment)(name) else {
        reader.error(field, format!("the environment variable `{name}` is not set"));
        return None;
    };
    let port = value.trim().parse().ok();
    if port.is_none() {
        reader.error(field, format!("the environment variable `{name}` holds no port number"));
    }
    port
}

fn is_variable_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// The address to listen on: all of the protocol version, unless `interface` names one.
fn read_interface(reader: &mut Reader<'_>, map: &Map<'_>) -> Option<IpAddr> {
    let version = map.get("version");
    let number = version.as_ref().and_then(|field| field.node.value.integer());
    if let (Some(field), None | Some(..=3 | 5 | 7..)) = (&version, number) {
        reader.error(field, "must be 4 or 6");
        return None;
    }
    let (all, loopback): (IpAddr, IpAddr) = match number {
        Some(6) => (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::LOCALHOST.into()),
        _ => (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::LOCALHOST.into()),
    };
    let Some(field) = map.get("interface") else { return Some(all) };
    let address = match reader.text(&field)? {
        "" => return Some(all),
        "localhost" => return Some(loopback),
        text => text.parse::<IpAddr>(),
    };
    let Ok(address) = address else {
        reader.error(&field, "must be an IP address or `localhost`");
        return None;
    };
    if number.is_some_and(|version| (version == 6) != address.is_ipv6()) {
        reader.error(&field, "is not an address of the protocol version that `version` names");
        return None;
    }
    Some(address)
}

fn read_backlog(reader: &mut Reader<'_>, map: &Map<'_>) -> u16 {
    reader.integer(map, "backlog", 1..=65_535).unwrap_or(DEFAULT_BACKLOG)
}

fn read_unix(reader: &mut Reader<'_>, map: &Map<'_>) -> Option<UnixEndpoint> {
    reader.check_keys(map, &UNIX_ENDPOINT);
    let backlog = read_backlog(reader, map);
    let path = reader.required(map, "path")?;
    let path = reader.directory.join(reader.filled_text(&path)?);
    Some(UnixEndpoint { path, backlog })
}

fn read_tls(reader: &mut Reader<'_>, field: &Field<'_>) -> Option<TlsConfig> {
    let map = reader.section(field, &TLS)?;
    let mut file = |key| {
        let field = reader.required(&map, key)?;
        Some(reader.directory.join(reader.filled_text(&field)?))
    };
    let (key, certificate) = (file("key"), file("certificate"));
    let chain = reader.list(&map, "chain_certificates");
    let chain = chain
        .into_iter()
        .filter_map(|field| Some(reader.directory.join(reader.filled_text(&field)?)))
        .collect();
    Some(TlsConfig { key: key?, certificate: certificate?, chain })
}
