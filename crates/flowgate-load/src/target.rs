//! Where the router is: a URL.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::str::FromStr;

use crate::frame::Framing;

/// The address of a router and the transport to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `ws://host:port/path`
    WebSocket {
        /// The host and port, as in the URL.
        authority: String,
        /// The path, at least `/`.
        path: String,
    },
    /// `rs://host:port`
    RawSocket {
        /// The host and port, as in the URL.
        authority: String,
    },
    /// `unix:/path`: RawSocket on a Unix socket.
    Unix {
        /// The socket.
        path: PathBuf,
    },
}

/// A URL that cannot be used; the operator's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The URL begins with none of the known schemes.
    #[error("not a ws://host:port/path, rs://host:port or unix:/path address: {0}")]
    Scheme(String),
    /// The port is missing.
    #[error("the address has no port: {0}")]
    Port(String),
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(url: &str) -> Result<Self, TargetError> {
        if let Some(path) = url.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return Ok(Self::Unix { path: PathBuf::from(path) });
        }
        let (scheme, rest) =
            url.split_once("://").ok_or_else(|| TargetError::Scheme(url.to_owned()))?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let authority = authority.to_owned();
        let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        if port.is_none() {
            return Err(TargetError::Port(url.to_owned()));
        }
        match scheme {
            "ws" => Ok(Self::WebSocket { authority, path: format!("/{path}") }),
            "rs" => Ok(Self::RawSocket { authority }),
            _ => Err(TargetError::Scheme(url.to_owned())),
        }
    }
}

impl Target {
    pub(crate) fn framing(&self) -> Framing {
        match self {
            Self::WebSocket { .. } => Framing::WebSocket,
            Self::RawSocket { .. } | Self::Unix { .. } => Framing::RawSocket,
        }
    }

    /// The URL.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::WebSocket { authority, path } => format!("ws://{authority}{path}"),
            Self::RawSocket { authority } => format!("rs://{authority}"),
            Self::Unix { path } => format!("unix:{}", path.display()),
        }
    }
}

/// Resolves a host and port.
pub(crate) fn resolve(authority: &str) -> std::io::Result<Vec<SocketAddr>> {
    Ok(authority.to_socket_addrs()?.collect())
}

#[cfg(test)]
mod tests;
