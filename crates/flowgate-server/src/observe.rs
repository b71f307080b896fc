//! The line-protocol observer as a service: its listeners, its clock and its page.

mod connection;
mod page;
mod sources;

use std::{
    future::Future,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use flowgate_observer::{Aggregate, ConnectionId, Limits, Observer, Protocol, Snapshot};
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
    task::JoinSet,
    time::sleep_until,
};

use crate::{
    clock::Clock,
    config::ObserverConfig,
    http,
    listener::{ACCEPT_BACKOFF, Stop},
};

pub(crate) use page::{observer_page, own_page};

/// Connections at a time: an application that opens one for each of its requests has many.
const MAX_CONNECTIONS: usize = 10_000;

/// The observer cannot start: the operator's fault, or another program has the port.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// A socket cannot be had.
    #[error("observer: cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What is wrong.
        source: io::Error,
    },
    /// A source that is not `http://HOST[:PORT][/PATH]`.
    #[error("observer: {0}: give other observers as http://HOST:PORT")]
    Source(String),
}

/// An observer of its own, without a router; [`run`](Self::run) serves it.
#[derive(Debug)]
pub struct ObserverServer {
    bound: BoundObserver,
    page: TcpListener,
}

impl ObserverServer {
    /// Binds every socket; `page` is where Prometheus scrapes. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// A socket cannot be bound, or a source cannot be asked; nothing is served then.
    pub fn bind(config: &ObserverConfig, page: SocketAddr) -> Result<Self, ObserveError> {
        let bound = BoundObserver::bind(config, Clock::start())?;
        let page =
            http::bind(page).map_err(|source| ObserveError::Listen { address: page, source })?;
        Ok(Self { bound, page })
    }

    /// Where lines come in, by protocol.
    #[must_use]
    pub fn addresses(&self) -> Vec<(SocketAddr, Protocol)> {
        self.bound.addresses().collect()
    }

    /// Where Prometheus scrapes.
    #[must_use]
    pub fn page_address(&self) -> Option<SocketAddr> {
        self.page.local_addr().ok()
    }

    /// Serves until `shutdown` is ready.
    ///
    /// Not cancellation safe: dropping the future ends every connection.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(Stop::Never);
        let mut tasks = JoinSet::new();
        let handler = Arc::new(Arc::clone(&self.bound.observing));
        tasks.spawn(http::serve(self.page, handler, stopped.clone()));
        tasks.spawn(self.bound.run(stopped));
        shutdown.await;
        stop.send_replace(Stop::Now);
        while tasks.join_next().await.is_some() {}
    }
}

/// What all tasks of an observer share.
#[derive(Debug)]
pub(crate) struct Observing {
    clock: Clock,
    observer: Mutex<Observer>,
    aggregate: Mutex<Aggregate>,
    /// There is a request that times out before all others did, or the first one.
    woken: Notify,
    connections: AtomicUsize,
    next_connection: AtomicU64,
    limits: Limits,
}

/// An observer whose sockets are bound.
#[derive(Debug)]
pub(crate) struct BoundObserver {
    listeners: Vec<(TcpListener, Protocol)>,
    sources: Vec<sources::Source>,
    every: Duration,
    pub(crate) observing: Arc<Observing>,
}

impl BoundObserver {
    /// Binds every socket. Must be called on a tokio runtime.
    pub(crate) fn bind(config: &ObserverConfig, clock: Clock) -> Result<Self, ObserveError> {
        let sources = config.sources.iter().map(|url| sources::Source::parse(url));
        let sources = sources.collect::<Result<_, _>>()?;
        let places = [(config.listen, Protocol::Wamp), (config.counters, Protocol::Metrics)];
        let mut listeners = Vec::new();
        for (address, protocol) in places {
            let Some(address) = address else { continue };
            let listener =
                http::bind(address).map_err(|source| ObserveError::Listen { address, source })?;
            listeners.push((listener, protocol));
        }
        let observing = Arc::new(Observing::new(config, clock));
        Ok(Self { listeners, sources, every: config.every, observing })
    }

    /// Where lines come in, by protocol.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = (SocketAddr, Protocol)> {
        let listeners = self.listeners.iter();
        listeners.filter_map(|(listener, protocol)| Some((listener.local_addr().ok()?, *protocol)))
    }

    /// Serves until `stop` says so for good.
    pub(crate) async fn run(self, stop: watch::Receiver<Stop>) {
        let mut tasks = JoinSet::new();
        for (listener, protocol) in self.listeners {
            tasks.spawn(accept(listener, protocol, Arc::clone(&self.observing), stop.clone()));
        }
        for source in self.sources {
            let observing = Arc::clone(&self.observing);
            tasks.spawn(until(stop.clone(), source.poll(observing, self.every)));
        }
        tasks.spawn(until(stop, give_up(self.observing)));
        while tasks.join_next().await.is_some() {}
    }
}

impl Observing {
    fn new(config: &ObserverConfig, clock: Clock) -> Self {
        let now = clock.now();
        // Unpredictable enough to keep clients from choosing what collides.
        let seed = fastrand::u64(..) ^ now.as_nanos();
        let observer = Observer::new(now, config.timeout, config.limits, seed);
        Self {
            clock,
            observer: Mutex::new(observer),
            aggregate: Mutex::default(),
            woken: Notify::new(),
            connections: AtomicUsize::new(0),
            next_connection: AtomicU64::new(1),
            limits: config.limits,
        }
    }

    fn observer(&self) -> MutexGuard<'_, Observer> {
        self.observer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn aggregate(&self) -> MutexGuard<'_, Aggregate> {
        self.aggregate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has been measured here.
    pub(crate) fn own(&self) -> Snapshot {
        let mut observer = self.observer();
        observer.expire(self.clock.now());
        observer.snapshot()
    }

    /// What has been measured here and by the sources.
    pub(crate) fn total(&self) -> Snapshot {
        let own = self.own();
        self.aggregate().total(own)
    }

    fn connect(&self) -> ConnectionId {
        self.connections.fetch_add(1, Ordering::Relaxed);
        ConnectionId(self.next_connection.fetch_add(1, Ordering::Relaxed))
    }

    fn disconnect(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Accepts connections until `stop`; ends them then.
async fn accept(
    listener: TcpListener,
    protocol: Protocol,
    observing: Arc<Observing>,
    mut stop: watch::Receiver<Stop>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    let observing = Arc::clone(&observing);
                    connections.spawn(connection::read(stream, protocol, observing));
                }
                Err(error) => {
                    tracing::warn!(%error, "observer: accept failed");
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                }
            },
            Some(_) = connections.join_next() => {}
            changed = stop.changed() => if changed.is_err() || *stop.borrow() == Stop::Now {
                return;
            },
        }
    }
}

/// Gives up requests when their time is over.
async fn give_up(observing: Arc<Observing>) {
    loop {
        let woken = observing.woken.notified();
        let deadline = observing.observer().next_deadline();
        match deadline {
            Some(deadline) => {
                sleep_until(observing.clock.instant(deadline)).await;
                let now = observing.clock.now();
                observing.observer().expire(now);
            }
            None => woken.await,
        }
    }
}

/// Runs until it ends, or `stop` says so for good.
async fn until(mut stop: watch::Receiver<Stop>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        _ = stop.wait_for(|stop| *stop == Stop::Now) => {}
    }
}
