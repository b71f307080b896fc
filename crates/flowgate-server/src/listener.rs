//! Listening sockets and their accept loops.

use std::{fs, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::{
    net::{TcpListener, UnixListener},
    sync::watch,
    task::JoinSet,
    time::sleep,
};

use crate::{
    config::{Endpoint, Keepalive, TcpEndpoint, UnixEndpoint},
    link::{ReadHalf, WriteHalf, serve, split_tcp, split_unix},
    service::Service,
};

/// How long to wait before accepting again when the system is out of descriptors or memory.
pub(crate) const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// TCP keepalive probes without an answer before the system gives a connection up.
const PROBES: u32 = 3;

/// The system counts the times of TCP keepalive in seconds.
const PROBE_RESOLUTION: Duration = Duration::from_secs(1);

/// A bound listening socket.
#[derive(Debug)]
pub(crate) enum Bound {
    /// A TCP port.
    Tcp { listener: TcpListener, address: SocketAddr },
    /// A Unix domain socket; its file is removed in the end.
    Unix { listener: UnixListener, path: PathBuf },
}

/// A listening socket could not be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {place}: {source}")]
pub struct BindError {
    place: String,
    source: io::Error,
}

impl Bound {
    /// Binds an endpoint.
    pub(crate) fn bind(
        endpoint: &Endpoint,
        keepalive: Option<Keepalive>,
    ) -> Result<Self, BindError> {
        match endpoint {
            Endpoint::Tcp(endpoint) => bind_tcp(endpoint, keepalive)
                .map_err(|source| BindError { place: endpoint.address.to_string(), source }),
            Endpoint::Unix(endpoint) => bind_unix(endpoint)
                .map_err(|source| BindError { place: endpoint.path.display().to_string(), source }),
        }
    }

    /// Where it listens, as a client would write it.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Tcp { address, .. } => address.to_string(),
            Self::Unix { path, .. } => path.display().to_string(),
        }
    }

    /// Accepts connections until `stop`, then waits for those that are left; ends them when told
    /// to with a second change of `stop`. Every connection's task is owned here.
    pub(crate) async fn run(self, service: Arc<Service>, mut stop: watch::Receiver<Stop>) {
        let mut links = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.accept(), if links.len() < service.listener.max_connections => {
                    match accepted {
                        Ok((reader, writer, peer)) => {
                            service.counts.connected();
                            links.spawn(serve(Arc::clone(&service), reader, writer, peer));
                        }
                        Err(error) => {
                            tracing::warn!(%error, place = self.place(), "accept failed");
                            sleep(ACCEPT_BACKOFF).await;
                        }
                    }
                }
                Some(ended) = links.join_next() => report(ended),
                _ = stop.changed() => break,
            }
        }
        if let Self::Unix { path, .. } = &self {
            let _ = fs::remove_file(path);
        }
        drop(self);
        loop {
            if *stop.borrow() == Stop::Now {
                links.abort_all();
            }
            tokio::select! {
                ended = links.join_next() => match ended {
                    Some(ended) => report(ended),
                    None => return,
                },
                changed = stop.changed() => if changed.is_err() {
                    links.abort_all();
                },
            }
        }
    }

    async fn accept(&self) -> io::Result<(ReadHalf, WriteHalf, Box<str>)> {
        match self {
            Self::Tcp { listener, .. } => {
                let (stream, peer) = listener.accept().await?;
                let (reader, writer) = split_tcp(stream);
                let version = if peer.is_ipv6() { "tcp6" } else { "tcp4" };
                Ok((reader, writer, format!("{version}:{peer}").into()))
            }
            Self::Unix { listener, path } => {
                let (stream, _) = listener.accept().await?;
                let (reader, writer) = split_unix(stream);
                Ok((reader, writer, format!("unix:{}", path.display()).into()))
            }
        }
    }
}

/// How far the shutdown is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Not begun.
    Never,
    /// No new connections.
    Accepting,
    /// No connections at all.
    Now,
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection's task has failed; this is a defect of Flowgate");
    }
}

/// What every connection of a listening socket is to have.
///
/// Set once, on the listening socket, whose options accepted sockets inherit: that saves five
/// system calls for each connection.
fn prepare(
    socket: &Socket,
    user_timeout: Option<Duration>,
    keepalive: Option<Keepalive>,
) -> io::Result<()> {
    // Small frames must not wait for acknowledgements of earlier ones.
    socket.set_tcp_nodelay(true)?;
    if let Some(Keepalive { interval, timeout }) = keepalive {
        // Finds dead clients of RawSocket, which is not pinged by default.
        let probe = timeout.unwrap_or(interval) / PROBES;
        let probes = TcpKeepalive::new()
            .with_time(interval.max(PROBE_RESOLUTION))
            .with_interval(probe.max(PROBE_RESOLUTION))
            .with_retries(PROBES);
        socket.set_tcp_keepalive(&probes)?;
    }
    #[cfg(target_os = "linux")]
    if user_timeout.is_some() {
        socket.set_tcp_user_timeout(user_timeout)?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = user_timeout;
    Ok(())
}

fn bind_tcp(endpoint: &TcpEndpoint, keepalive: Option<Keepalive>) -> io::Result<Bound> {
    let socket =
        Socket::new(Domain::for_address(endpoint.address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    if endpoint.shared {
        socket.set_reuse_port(true)?;
    }
    prepare(&socket, endpoint.user_timeout, keepalive)?;
    socket.bind(&endpoint.address.into())?;
    socket.listen(i32::from(endpoint.backlog))?;
    let listener = TcpListener::from_std(socket.into())?;
    let address = listener.local_addr()?;
    Ok(Bound::Tcp { listener, address })
}

fn bind_unix(endpoint: &UnixEndpoint) -> io::Result<Bound> {
    // A socket file that a killed process has left behind refuses connections: it may go.
    // One that answers belongs to somebody.
    if is_socket(&endpoint.path) && std::os::unix::net::UnixStream::connect(&endpoint.path).is_err()
    {
        fs::remove_file(&endpoint.path)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&socket2::SockAddr::unix(&endpoint.path)?)?;
    socket.listen(i32::from(endpoint.backlog))?;
    let listener = UnixListener::from_std(std::os::unix::net::UnixListener::from(socket))?;
    Ok(Bound::Unix { listener, path: endpoint.path.clone() })
}

fn is_socket(path: &std::path::Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
}

#[cfg(test)]
mod tests;
