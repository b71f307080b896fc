//! What a configuration sets up, in a few lines for people.

use std::fmt;

use super::{Endpoint, ListenerConfig, NodeConfig};

/// Displays the realms and listeners of a configuration, one a line, without secrets.
#[derive(Debug, Clone, Copy)]
pub struct Summary<'a>(pub(super) &'a NodeConfig);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for realm in &self.0.realms {
            let roles: Vec<_> = realm.roles.iter().map(|role| role.name.as_str()).collect();
            let statistics = if realm.stats.is_some() { "on" } else { "off" };
            writeln!(
                formatter,
                "realm {}: roles {}; session statistics {statistics}",
                realm.name,
                if roles.is_empty() { "none".to_owned() } else { roles.join(", ") },
            )?;
        }
        for listener in &self.0.listeners {
            writeln!(formatter, "{}", ListenerLine(listener))?;
        }
        match self.0.flowgate.admin {
            Some(address) => write!(formatter, "administration: http://{address}"),
            None => write!(formatter, "administration: off"),
        }
    }
}

struct ListenerLine<'a>(&'a ListenerConfig);

impl fmt::Display for ListenerLine<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listener = self.0;
        write!(formatter, "transport {}: ", listener.id)?;
        match &listener.endpoint {
            Endpoint::Tcp(endpoint) => write!(formatter, "tcp {}", endpoint.address)?,
            Endpoint::Unix(endpoint) => write!(formatter, "unix {}", endpoint.path.display())?,
        }
        if listener.tls.is_some() {
            formatter.write_str(" with TLS")?;
        }
        for section in &listener.websocket {
            write!(formatter, "; WebSocket at {}", section.path)?;
        }
        if listener.rawsocket.is_some() {
            formatter.write_str("; RawSocket")?;
        }
        Ok(())
    }
}
