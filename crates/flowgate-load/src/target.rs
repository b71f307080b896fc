//! Where the router is: a URL.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::str::FromStr;

use crate::frame::Framing;

/// The address of a router and the transport to use.
///
/// | URL | |
/// |---|---|
/// | `ws://host:port/path` | WebSocket over TCP |
/// | `rs://host:port` | RawSocket over TCP |
/// | `ws+unix:/socket:/path` | WebSocket over a Unix socket; the path may be absent |
/// | `unix:/socket`, `rs+unix:/socket` | RawSocket over a Unix socket |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    endpoint: Endpoint,
    transport: Transport,
}

/// What to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Host and port, as in the URL.
    Tcp(String),
    Unix(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Transport {
    RawSocket,
    /// With the path of the upgrade, at least `/`.
    WebSocket(String),
}

/// A URL that cannot be used; the operator's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The URL begins with none of the known schemes.
    #[error(
        "not a ws://host:port/path, rs://host:port, unix:/socket or ws+unix:/socket:/path \
         address: {0}"
    )]
    Scheme(String),
    /// The port is missing.
    #[error("the address has no port: {0}")]
    Port(String),
    /// TLS would be measured more than the router.
    #[error("the load generator has no TLS: {0}")]
    Tls(String),
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(url: &str) -> Result<Self, TargetError> {
        let unknown = || TargetError::Scheme(url.to_owned());
        let (scheme, address) = url.split_once(':').ok_or_else(unknown)?;
        let after_slashes = address.strip_prefix("//");
        let address = after_slashes.unwrap_or(address);
        match scheme {
            "unix" | "rs+unix" => Ok(Self {
                endpoint: Endpoint::Unix(address.into()),
                transport: Transport::RawSocket,
            }),
            "ws+unix" => {
                let (socket, path) = address.split_once(':').unwrap_or((address, "/"));
                Ok(Self {
                    endpoint: Endpoint::Unix(socket.into()),
                    transport: Transport::WebSocket(path.to_owned()),
                })
            }
            "ws" | "rs" => {
                let rest = after_slashes.ok_or_else(unknown)?;
                let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                let port = authority.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
                let Some(Ok(_)) = port else { return Err(TargetError::Port(url.to_owned())) };
                let transport = match scheme {
                    "ws" => Transport::WebSocket(format!("/{path}")),
                    _ => Transport::RawSocket,
                };
                Ok(Self { endpoint: Endpoint::Tcp(authority.to_owned()), transport })
            }
            "wss" | "rss" => Err(TargetError::Tls(url.to_owned())),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.endpoint, &self.transport) {
            (Endpoint::Tcp(authority), Transport::WebSocket(path)) => {
                write!(f, "ws://{authority}{path}")
            }
            (Endpoint::Tcp(authority), Transport::RawSocket) => write!(f, "rs://{authority}"),
            (Endpoint::Unix(socket), Transport::WebSocket(path)) => {
                write!(f, "ws+unix:{}:{path}", socket.display())
            }
            (Endpoint::Unix(socket), Transport::RawSocket) => {
                write!(f, "unix:{}", socket.display())
            }
        }
    }
}

impl Target {
    pub(crate) const fn framing(&self) -> Framing {
        match self.transport {
            Transport::RawSocket => Framing::RawSocket,
            Transport::WebSocket(_) => Framing::WebSocket,
        }
    }

    pub(crate) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Host and path of the upgrade; `None` for RawSocket.
    pub(crate) fn upgrade(&self) -> Option<(&str, &str)> {
        match (&self.transport, &self.endpoint) {
            (Transport::RawSocket, _) => None,
            (Transport::WebSocket(path), Endpoint::Tcp(authority)) => Some((authority, path)),
            (Transport::WebSocket(path), Endpoint::Unix(_)) => Some(("localhost", path)),
        }
    }
}

/// Resolves a host and port.
pub(crate) fn resolve(authority: &str) -> std::io::Result<Vec<SocketAddr>> {
    Ok(authority.to_socket_addrs()?.collect())
}

#[cfg(test)]
mod tests;
