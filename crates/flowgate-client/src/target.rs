//! Where to connect to.

use std::{fmt, path::PathBuf, str::FromStr};

use tokio_tungstenite::tungstenite::http::Uri;

/// A router's address with its transport, parsed from a URL.
///
/// | URL | transport |
/// |---|---|
/// | `ws://host:port/path`, `wss://host:port/path` | WebSocket over TCP, over TLS; port 80, 443 |
/// | `rs://host:port`, `tcp://host:port` | RawSocket over TCP |
/// | `rss://host:port` | RawSocket over TLS |
/// | `rs+unix:///path`, `unix:/path` | RawSocket over a Unix domain socket |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub(crate) transport: Transport,
    pub(crate) endpoint: Endpoint,
}

/// The framing, with what its handshake needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Transport {
    WebSocket { uri: Uri },
    RawSocket,
}

/// What to connect a stream to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Tcp { host: String, port: u16 },
    Tls { host: String, port: u16 },
    Unix { path: PathBuf },
}

/// Why a string is not a [`Target`]; the caller's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTarget {
    /// The string is not a URL.
    #[error("not a URL")]
    Syntax,
    /// The scheme is none of `ws`, `wss`, `rs`, `tcp`, `rss`, `rs+unix` and `unix`.
    #[error("unknown scheme {scheme:?}, expected ws, wss, rs, tcp, rss, rs+unix or unix")]
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// A RawSocket URL names no port, and there is no default.
    #[error("no port")]
    Port,
    /// A Unix domain socket URL has no absolute path.
    #[error("no absolute path")]
    Path,
}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(url: &str) -> Result<Self, InvalidTarget> {
        if let Some(path) = url.strip_prefix("rs+unix:").or_else(|| url.strip_prefix("unix:")) {
            return unix(path);
        }
        let uri: Uri = url.parse().map_err(|_| InvalidTarget::Syntax)?;
        let host = uri.host().ok_or(InvalidTarget::Syntax)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16();
        let scheme = uri.scheme_str().unwrap_or_default().to_owned();
        let (transport, endpoint) = match scheme.as_str() {
            "ws" => (Transport::WebSocket { uri }, Endpoint::tcp(host, port.or(Some(80)))?),
            "wss" => (Transport::WebSocket { uri }, Endpoint::tls(host, port.or(Some(443)))?),
            "rs" | "tcp" => (Transport::RawSocket, Endpoint::tcp(host, port)?),
            "rss" => (Transport::RawSocket, Endpoint::tls(host, port)?),
            _ => return Err(InvalidTarget::Scheme { scheme }),
        };
        Ok(Self { transport, endpoint })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.transport, &self.endpoint) {
            (Transport::WebSocket { uri }, _) => uri.fmt(f),
            (Transport::RawSocket, Endpoint::Tcp { host, port }) => {
                write!(f, "rs://{}:{port}", Bracketed(host))
            }
            (Transport::RawSocket, Endpoint::Tls { host, port }) => {
                write!(f, "rss://{}:{port}", Bracketed(host))
            }
            (Transport::RawSocket, Endpoint::Unix { path }) => {
                write!(f, "rs+unix://{}", path.display())
            }
        }
    }
}

impl Target {
    /// Whether it is reached over TLS, for which
    /// [`ConnectOptions::tls`](crate::ConnectOptions) says whom to trust.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        matches!(self.endpoint, Endpoint::Tls { .. })
    }
}

impl Endpoint {
    fn tcp(host: String, port: Option<u16>) -> Result<Self, InvalidTarget> {
        Ok(Self::Tcp { host, port: port.ok_or(InvalidTarget::Port)? })
    }

    fn tls(host: String, port: Option<u16>) -> Result<Self, InvalidTarget> {
        Ok(Self::Tls { host, port: port.ok_or(InvalidTarget::Port)? })
    }
}

/// The path of a Unix domain socket, with or without an empty authority before it.
fn unix(path: &str) -> Result<Target, InvalidTarget> {
    let path = path.strip_prefix("//").unwrap_or(path);
    if !path.starts_with('/') {
        return Err(InvalidTarget::Path);
    }
    let endpoint = Endpoint::Unix { path: PathBuf::from(path) };
    Ok(Target { transport: Transport::RawSocket, endpoint })
}

/// A host as URLs write it: IPv6 addresses in brackets.
struct Bracketed<'a>(&'a str);

impl fmt::Display for Bracketed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains(':') { write!(f, "[{}]", self.0) } else { f.write_str(self.0) }
    }
}
