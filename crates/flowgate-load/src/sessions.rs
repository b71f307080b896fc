//! Where sessions come from: connections within the limits of this machine.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flowgate_wire::Serializer;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket as RawSocket, Type};

use crate::LoadError;
use crate::opening::{Opening, Socket};
use crate::target::{Endpoint, Target, resolve};

/// Files that are open beside the connections: standard streams, the poll, the timer, `/proc`.
const FILES_COUNT_SPARE: usize = 32;

/// Connections from one local address to a router on the loopback network.
/// Systems have about 28,000 ports for them, and search the longer the fewer are left.
const SOURCE_CONNECTIONS_COUNT: usize = 10_000;

/// Local addresses of the loopback network that are used: the system's own choice, and 127.0.0.2
/// to 127.0.0.255.
const SOURCES_COUNT: usize = 255;

/// The receive buffer of a connection that is never read, in octets: the smaller, the sooner the
/// router notices.
const STALLED_RECEIVE_BYTES: usize = 4096;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Messages are read as they come.
    Read,
    /// Nothing is read after the session has been set up.
    Stall,
}

/// Opens sessions in one realm of one router.
#[derive(Debug)]
pub(crate) struct Sessions<'a> {
    target: &'a Target,
    realm: &'a str,
    /// How long the router may take for any answer.
    timeout: Duration,
    opened_count: AtomicUsize,
}

impl<'a> Sessions<'a> {
    pub(crate) const fn new(target: &'a Target, realm: &'a str, timeout: Duration) -> Self {
        Self { target, realm, timeout, opened_count: AtomicUsize::new(0) }
    }

    /// Makes room for that many sessions at a time.
    ///
    /// # Errors
    /// [`LoadError::Files`], if the system allows fewer open files, and does not let us change it.
    pub(crate) fn reserve(session_count: usize) -> Result<(), LoadError> {
        let needed = session_count.saturating_add(FILES_COUNT_SPARE) as u64;
        let limit = getrlimit(Resource::Nofile);
        let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= needed);
        if enough(limit.current) {
            return Ok(());
        }
        // Beyond the hard limit it takes privileges, which we may have.
        let maximum = if enough(limit.maximum) { limit.maximum } else { Some(needed) };
        let raised = Rlimit { current: Some(needed), maximum };
        setrlimit(Resource::Nofile, raised).map_err(|_| LoadError::Files {
            session_count,
            needed,
            limit: limit.maximum.unwrap_or(u64::MAX),
        })
    }

    /// Sessions that have been asked for.
    pub(crate) fn opened_count(&self) -> usize {
        self.opened_count.load(Ordering::Relaxed)
    }

    /// Connects and joins the realm.
    ///
    /// # Errors
    /// Those of connecting and of [`Opening::join`]; after the first session within
    /// [`LoadError::Opening`].
    pub(crate) fn join(&self, serializer: Serializer, usage: Use) -> Result<Opening, LoadError> {
        let index = self.opened_count.fetch_add(1, Ordering::Relaxed);
        let opened = self
            .connect(index, usage)
            .and_then(|socket| Opening::join(socket, self.target, serializer, self.realm));
        match opened {
            Err(source) if index > 0 => {
                Err(LoadError::Opening { session: index + 1, source: Box::new(source) })
            }
            opened => opened,
        }
    }

    fn connect(&self, index: usize, usage: Use) -> Result<Socket, LoadError> {
        let connected = match self.target.endpoint() {
            Endpoint::Tcp(authority) => self.connect_tcp(authority, index, usage).map(Socket::Tcp),
            Endpoint::Unix(path) => self.connect_unix(path).map(Socket::Unix),
        };
        connected.map_err(|source| {
            let url = self.target.to_string();
            if source.kind() == io::ErrorKind::AddrNotAvailable {
                LoadError::Ports { url }
            } else {
                LoadError::Connect { url, source }
            }
        })
    }

    fn connect_unix(&self, path: &Path) -> io::Result<UnixStream> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(self.timeout))?;
        Ok(stream)
    }

    fn connect_tcp(
        &self,
        authority: &str,
        index: usize,
        usage: Use,
    ) -> io::Result<std::net::TcpStream> {
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for address in resolve(authority)? {
            for source in sources(address.ip(), index) {
                match self.connect_from(source, address, usage) {
                    Ok(stream) => return Ok(stream),
                    Err(error) => failure = error,
                }
                // Another address to come from helps where ports are what is missing.
                if failure.kind() != io::ErrorKind::AddrNotAvailable {
                    break;
                }
            }
        }
        Err(failure)
    }

    fn connect_from(
        &self,
        source: Option<SocketAddr>,
        address: SocketAddr,
        usage: Use,
    ) -> io::Result<std::net::TcpStream> {
        let domain = Domain::for_address(address);
        let socket = RawSocket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        if usage == Use::Stall {
            // Before connecting, since it decides on the window that is offered.
            socket.set_recv_buffer_size(STALLED_RECEIVE_BYTES)?;
        }
        if let Some(source) = source {
            // An address without a free port fails here in another way than in `connect`.
            let bound = socket.bind(&source.into());
            if bound.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse) {
                return Err(io::ErrorKind::AddrNotAvailable.into());
            }
            bound?;
        }
        // It bounds how long connecting takes, too, with fewer system calls than a timeout of its
        // own.
        socket.set_write_timeout(Some(self.timeout))?;
        socket.connect(&address.into())?;
        socket.set_tcp_nodelay(true)?;
        socket.set_read_timeout(Some(self.timeout))?;
        Ok(socket.into())
    }
}

/// Local addresses to try for the connection at `index`, the best first; `None` leaves the choice
/// to the system.
fn sources(target: IpAddr, index: usize) -> impl Iterator<Item = Option<SocketAddr>> {
    let loopback = matches!(target, IpAddr::V4(address) if address.is_loopback());
    let count = if loopback { SOURCES_COUNT } else { 1 };
    let first = index / SOURCE_CONNECTIONS_COUNT;
    (0..count).map(move |next| {
        let source = u8::try_from((first + next) % count).ok().filter(|source| *source > 0)?;
        Some(SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, source + 1), 0).into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_to_the_loopback_network_come_from_many_addresses() {
        let target = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let first = |index| sources(target, index).next().unwrap().map(|source| source.to_string());
        assert_eq!(first(0), None);
        assert_eq!(first(SOURCE_CONNECTIONS_COUNT - 1), None);
        assert_eq!(first(SOURCE_CONNECTIONS_COUNT).as_deref(), Some("127.0.0.2:0"));
        assert_eq!(first(254 * SOURCE_CONNECTIONS_COUNT).as_deref(), Some("127.0.0.255:0"));
        assert_eq!(first(255 * SOURCE_CONNECTIONS_COUNT), None);
        assert_eq!(sources(target, 0).count(), SOURCES_COUNT);
    }

    #[test]
    fn other_connections_come_from_where_the_system_says() {
        let target = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(sources(target, 1_000_000).collect::<Vec<_>>(), [None]);
    }
}
