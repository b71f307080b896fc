//! The validated configuration of listeners.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use flowgate_wire::Format;

use super::Keepalive;

/// One listening socket and what is served on it.
///
/// At least one of `rawsocket` and `websocket` is there; with both, the first byte of a
/// connection tells them apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerConfig {
    /// The transport's `id`, or `transport001` and so on; unique within the node.
    pub id: String,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// TLS; `None` for plain connections.
    pub tls: Option<TlsConfig>,
    /// RawSocket, if it is served.
    pub rawsocket: Option<RawSocketConfig>,
    /// WebSocket by request path; empty if it is not served.
    pub websocket: Vec<WebSocketPath>,
    /// Most connections at a time, at least 1.
    pub max_connections: usize,
    /// The realms that can be joined through this listener: those of its router worker.
    pub realms: Vec<String>,
}

/// Where a listener listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A TCP port.
    Tcp(TcpEndpoint),
    /// A Unix domain socket.
    Unix(UnixEndpoint),
}

/// A TCP port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpEndpoint {
    /// Address and port; port 0 lets the system choose.
    pub address: SocketAddr,
    /// Most connections that wait to be accepted.
    pub backlog: u16,
    /// Whether other processes may listen on the same port (`SO_REUSEPORT`).
    pub shared: bool,
    /// How long sent data may stay unacknowledged (`TCP_USER_TIMEOUT`); `None` for the system's.
    pub user_timeout: Option<Duration>,
}

/// A Unix domain socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixEndpoint {
    /// The socket's path; a relative one was resolved against the file's directory.
    pub path: PathBuf,
    /// Most connections that wait to be accepted.
    pub backlog: u16,
}

/// Files for TLS, all PEM; relative paths were resolved against the file's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// The private key.
    pub key: PathBuf,
    /// The certificate.
    pub certificate: PathBuf,
    /// Intermediate certificates, in the order in which they are sent after the certificate.
    pub chain: Vec<PathBuf>,
}

/// RawSocket on a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawSocketConfig {
    /// The formats that are accepted; not empty, no duplicates.
    pub serializers: Vec<Format>,
    /// The longest message that is accepted, in bytes: 512 to 16 MiB.
    pub max_message_bytes: usize,
    /// Probing of idle connections; `None` if it is off.
    pub keepalive: Option<Keepalive>,
    /// Who may join.
    pub auth: AuthConfig,
}

/// WebSocket on one path of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketPath {
    /// The request paths.
    pub path: PathPattern,
    /// The formats that are accepted, plain and batched; not empty, no duplicates.
    pub serializers: Vec<Format>,
    /// Options of the protocol.
    pub options: WebSocketOptions,
    /// Who may join.
    pub auth: AuthConfig,
}

/// Which request paths lead to a WebSocket section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathPattern {
    /// Every path: a transport of type `websocket`.
    Any,
    /// `/` alone: the key `/`.
    Root,
    /// Every path whose first segment is this: the key `ws` serves `/ws` and `/ws/more`.
    Segment(String),
}

/// Options of WebSocket, with defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketOptions {
    /// The `Origin` headers that are accepted. A request without the header is always accepted.
    pub allowed_origins: Vec<OriginPattern>,
    /// Whether the origin `null` (local files, sandboxed pages) is accepted.
    pub allow_null_origin: bool,
    /// The longest frame that is accepted, in bytes; never above `max_message_bytes`.
    pub max_frame_bytes: usize,
    /// The longest message that is accepted, in bytes.
    pub max_message_bytes: usize,
    /// Probing of idle connections; `None` if it is off.
    pub keepalive: Option<Keepalive>,
    /// Length of a ping's payload, 12 to 125 bytes.
    pub ping_payload_bytes: u8,
    /// How long a connection may take from accept to WELCOME.
    pub open_handshake_timeout: Duration,
    /// How long a client is given to answer a close frame.
    pub close_handshake_timeout: Duration,
    /// Whether a client must name a subprotocol; else `wamp.2.json` is assumed.
    pub require_subprotocol: bool,
    /// Whether small segments are sent at once (`TCP_NODELAY`).
    pub tcp_nodelay: bool,
}

/// A pattern for `Origin` headers, in which `*` stands for any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPattern(String);

/// Who may join through a transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthConfig {
    /// No `auth` section: everybody joins as role `anonymous`, whatever authmethods they offer.
    Open,
    /// An `auth` section with `anonymous`: clients that offer it, or offer nothing, may join.
    Anonymous(AnonymousAuth),
}

/// The principal of anonymous sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnonymousAuth {
    /// The only realm that they may join; `None` for any.
    pub realm: Option<String>,
    /// Their role.
    pub role: String,
    /// Their authid; `None` for a random one.
    pub authid: Option<String>,
}

impl ListenerConfig {
    /// The WebSocket section for a request target such as `/ws?token=1`.
    #[must_use]
    pub fn websocket_at(&self, target: &str) -> Option<&WebSocketPath> {
        self.websocket.iter().find(|section| section.path.matches(target))
    }
}

impl PathPattern {
    /// Whether a request target, with or without query, leads here.
    #[must_use]
    pub fn matches(&self, target: &str) -> bool {
        let path = target.split(['?', '#']).next().unwrap_or_default();
        let first = path.split('/').find(|segment| !segment.is_empty());
        match self {
            Self::Any => true,
            Self::Root => first.is_none(),
            Self::Segment(name) => first == Some(name.as_str()),
        }
    }
}

impl std::fmt::Display for PathPattern {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => formatter.write_str("any path"),
            Self::Root => formatter.write_str("/"),
            Self::Segment(name) => write!(formatter, "/{name}"),
        }
    }
}

impl OriginPattern {
    /// The pattern of this text.
    pub(super) fn new(pattern: &str) -> Self {
        Self(pattern.to_ascii_lowercase())
    }

    /// Whether an `Origin` header is accepted.
    ///
    /// Compared as it came and with the scheme's default port, without regard to case.
    /// Cost: at most the product of the lengths.
    #[must_use]
    pub fn matches(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        glob(&self.0, &origin)
            || with_default_port(&origin).is_some_and(|origin| glob(&self.0, &origin))
    }
}

/// The origin with its scheme's default port, if it has no port and the scheme is known.
fn with_default_port(origin: &str) -> Option<String> {
    let (scheme, authority) = origin.split_once("://")?;
    let port = match scheme {
        "http" | "ws" => "80",
        "https" | "wss" => "443",
        _ => return None,
    };
    // The colons of an IPv6 address stand before its bracket.
    let after_address = authority.rsplit(']').next()?;
    (!after_address.contains(':')).then(|| format!("{origin}:{port}"))
}

/// Whether `text` matches `pattern`, in which `*` stands for any text.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut rest) = text.strip_prefix(head) else { return false };
    let mut parts = tail.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        // The leftmost find leaves the most for the parts that follow.
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}
