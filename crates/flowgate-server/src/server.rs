//! The composition root: from a configuration to a running router.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use flowgate_event::{LeaveReason, Timestamp};
use flowgate_observer::Protocol;
use flowgate_router::{
    EventsConfig, HistoryConfig, MetaApi, Realm, RealmConfig, RequestIds, Role, TrustLevel,
};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::JoinSet,
    time::{interval, timeout},
};

use crate::{
    admin::Admin,
    clock::Clock,
    config::{self, Endpoint, HttpUrl, ListenerConfig, NodeConfig},
    gate,
    http::{self, Hosts},
    listener::{BindError, Bound, Stop},
    metrics::{Metrics, MetricsError, Stats},
    observe::{BoundObserver, ObserveError},
    observer::RealmObserver,
    realm::{self, RealmCell, ServiceLines, deliver, service_lines},
    scratch::Scratch,
    service::{Counts, Realms, Service},
    store::{Started, Store},
    tls::{self, TlsError},
    tracing::{Tracing, TracingError, TracingThread, WampTracing, export_spans, served},
};

/// What WELCOME says as `agent`.
const AGENT: &str = concat!("Flowgate/", env!("CARGO_PKG_VERSION"));

/// How often the shutdown looks whether the sessions are gone.
const SHUTDOWN_POLL: Duration = Duration::from_millis(5);

/// How long connections get to close after their sessions have ended.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);

/// A router whose sockets are bound; [`run`](Self::run) serves them.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<(Bound, Arc<Service>)>,
    admin: Option<(TcpListener, Arc<Admin>)>,
    observer: Option<BoundObserver>,
    realms: Realms,
    stores: Vec<Store>,
    counts: Arc<Counts>,
    metrics: Arc<Metrics>,
    tracing: Tracing,
    tracing_thread: TracingThread,
    /// Where spans are sent to.
    collector: Option<HttpUrl>,
    wamp_tracing: Option<WampTracing>,
    clock: Clock,
    shutdown_timeout: Duration,
}

/// The router cannot start. The operator's fault, or another program has the port.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener's socket.
    #[error("listener {id}: {source}")]
    Listener {
        /// The listener.
        id: String,
        /// What is wrong.
        source: BindError,
    },
    /// A listener's TLS files.
    #[error("listener {id}: {source}")]
    Tls {
        /// The listener.
        id: String,
        /// What is wrong.
        source: TlsError,
    },
    /// The thread that writes a realm's histories.
    #[error("realm {realm}: cannot start the thread for its histories: {source}")]
    Store {
        /// The realm.
        realm: String,
        /// What is wrong.
        source: io::Error,
    },
    /// The administration interface's socket.
    #[error("administration interface: cannot listen on {address}: {source}")]
    Admin {
        /// Where.
        address: SocketAddr,
        /// What is wrong.
        source: io::Error,
    },
    /// The line-protocol observer.
    #[error(transparent)]
    Observer(#[from] ObserveError),
    /// Message tracing.
    #[error(transparent)]
    Tracing(#[from] TracingError),
    /// The catalogue of metrics: a defect of Flowgate.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}

impl Server {
    /// Binds every socket of a configuration. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// A socket cannot be bound, or TLS files cannot be used; nothing is served then.
    pub fn bind(config: NodeConfig) -> Result<Self, StartError> {
        let clock = Clock::start();
        let counts = Arc::new(Counts::default());
        let flowgate = Arc::new(config.flowgate);
        let topics = flowgate.metrics.topics.clone();
        let metrics = new_metrics(clock, &config.realms, &config.listeners, topics)?;
        let (tracing, tracing_thread) =
            Tracing::start(flowgate.tracing.clone(), clock, Arc::clone(metrics.traces()))?;
        let (lines, calls) = service_lines();
        let mut stores = Vec::new();
        let realms: Realms = config
            .realms
            .into_iter()
            .map(|realm| {
                let name = realm.name.clone();
                let observer = RealmObserver::new(name.clone(), &metrics);
                let place = (clock, tracing.clone());
                let around = (&*flowgate, &lines);
                let (realm, store) = new_realm(realm, around, &counts, observer, place)
                    .map_err(|source| StartError::Store { realm: name.clone(), source })?;
                stores.extend(store);
                Ok((name, Arc::new(realm)))
            })
            .collect::<Result<_, StartError>>()?;
        let wamp_tracing = WampTracing::new(&tracing, &realms, calls, clock);
        let mut listeners = Vec::new();
        for listener in config.listeners {
            let bound = Bound::bind(&listener.endpoint, flowgate.keepalive)
                .map_err(|source| StartError::Listener { id: listener.id.clone(), source })?;
            let tls = load_tls(&listener)?;
            let service = Service::new(
                listener,
                Arc::clone(&flowgate),
                tls,
                &realms,
                (clock, tracing.clone()),
                Arc::clone(&counts),
                &metrics,
            );
            listeners.push((bound, Arc::new(service)));
        }
        let observer = flowgate.observer.as_ref();
        let observer = observer.map(|config| BoundObserver::bind(config, clock)).transpose()?;
        let admin = flowgate
            .admin
            .map(|address| {
                let listener =
                    http::bind(address).map_err(|source| StartError::Admin { address, source })?;
                let observing = observer.as_ref().map(|bound| Arc::clone(&bound.observing));
                let (counts, realms) = (Arc::clone(&counts), realms.clone());
                let metrics = Arc::clone(&metrics);
                let tracing = tracing.clone();
                let hosts = Hosts::new(flowgate.admin_hosts.clone());
                let admin = Admin { counts, realms, metrics, tracing, observing, hosts };
                Ok::<_, StartError>((listener, Arc::new(admin)))
            })
            .transpose()?;
        let shutdown_timeout = flowgate.shutdown_timeout;
        Ok(Self {
            listeners,
            admin,
            observer,
            realms,
            stores,
            counts,
            metrics,
            tracing,
            tracing_thread,
            collector: flowgate.tracing.otlp.as_ref().map(|otlp| otlp.url.clone()),
            wamp_tracing: Some(wamp_tracing),
            clock,
            shutdown_timeout,
        })
    }

    /// Where clients can connect, as URLs, in the order of the configuration.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.listeners.iter().flat_map(|(bound, service)| urls(bound, &service.listener)).collect()
    }

    /// Where the administration interface listens.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().and_then(|(listener, _)| listener.local_addr().ok())
    }

    /// The stats, for a console.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::new(&self.metrics)
    }

    /// Where the lines of applications come in that are to be observed, by protocol.
    #[must_use]
    pub fn observer_addresses(&self) -> Vec<(SocketAddr, Protocol)> {
        self.observer.iter().flat_map(BoundObserver::addresses).collect()
    }

    /// Serves until `shutdown` is ready, then says GOODBYE to every session, gives the clients
    /// time to answer, and ends.
    ///
    /// Not cancellation safe: dropping the future ends every connection without notice.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(Stop::Never);
        let mut tasks = JoinSet::new();
        for (bound, service) in std::mem::take(&mut self.listeners) {
            tasks.spawn(bound.run(service, stopped.clone()));
        }
        let mut others = JoinSet::new();
        for realm in self.realms.values() {
            others.spawn(realm::tick(Arc::clone(realm), self.clock, stopped.clone()));
        }
        if let Some((listener, admin)) = self.admin.take() {
            others.spawn(http::serve(listener, admin, stopped.clone()));
        }
        if let Some(observer) = self.observer.take() {
            others.spawn(observer.run(stopped.clone()));
        }
        others.spawn(Arc::clone(&self.metrics).run(stopped.clone()));
        if let Some(collector) = self.collector.take() {
            others.spawn(export_spans(self.tracing.clone(), collector, stopped.clone()));
        }
        if let Some(wamp_tracing) = self.wamp_tracing.take() {
            others.spawn(wamp_tracing.run(stopped.clone()));
        }
        drop(stopped);
        shutdown.await;
        tracing::info!("shutting down");
        self.counts.start_closing();
        stop.send_replace(Stop::Accepting);
        self.say_shutdown();
        // Those who watch sessions end are told when the others have left. Whoever does not answer
        // within half the time is closed, so that watchers have the other half.
        let half = self.shutdown_timeout / 2;
        if timeout(half, emptied(&self.realms)).await.is_err() {
            tracing::warn!("some clients have not answered GOODBYE yet");
            self.say_shutdown();
            if timeout(half, emptied(&self.realms)).await.is_err() {
                for realm in self.realms.values() {
                    realm.kill_all(LeaveReason::Shutdown);
                }
                let _ = timeout(SHUTDOWN_GRACE, emptied(&self.realms)).await;
            }
        }
        let _ = timeout(SHUTDOWN_GRACE, async { while tasks.join_next().await.is_some() {} }).await;
        stop.send_replace(Stop::Now);
        while tasks.join_next().await.is_some() {}
        while others.join_next().await.is_some() {}
        self.realms.values().for_each(|realm| realm.log_lock());
        // All sessions are over, so nothing more is recorded; nothing else is left to be done.
        self.stores.into_iter().for_each(Store::stop);
        self.tracing_thread.stop();
        tracing::info!("stopped");
    }

    /// Tells every realm of the shutdown, or reminds it.
    fn say_shutdown(&self) {
        for realm in self.realms.values() {
            let now = self.clock.now();
            Scratch::with(|scratch| {
                realm.shutdown(now, scratch);
                deliver(now, scratch);
            });
        }
    }
}

/// Waits until no connection has a session.
async fn emptied(realms: &Realms) {
    let mut poll = interval(SHUTDOWN_POLL);
    while realms.values().any(|realm| realm.seat_count() > 0) {
        poll.tick().await;
    }
}

fn load_tls(listener: &ListenerConfig) -> Result<Option<Arc<rustls::ServerConfig>>, StartError> {
    listener
        .tls
        .as_ref()
        .map(tls::load)
        .transpose()
        .map_err(|source| StartError::Tls { id: listener.id.clone(), source })
}

/// Checks what can be checked of a configuration without binding anything: its TLS files.
///
/// # Errors
/// A file that a listener names cannot be used.
pub fn check_files(config: &NodeConfig) -> Result<(), StartError> {
    config.listeners.iter().try_for_each(|listener| load_tls(listener).map(drop))
}

/// The metrics of what is configured.
fn new_metrics(
    clock: Clock,
    realms: &[config::RealmConfig],
    listeners: &[ListenerConfig],
    topics: Vec<config::TopicPattern>,
) -> Result<Arc<Metrics>, MetricsError> {
    let rated = |realm: &config::RealmConfig| {
        (realm.name.clone(), realm.stats.unwrap_or_default().rated_message_size)
    };
    let listeners = listeners.iter().map(|listener| listener.id.clone());
    Metrics::new(clock, realms.iter().map(rated).collect(), listeners.collect(), topics)
}

/// A realm, and the thread that writes its histories if it has them in a file.
fn new_realm(
    realm: config::RealmConfig,
    (flowgate, lines): (&config::FlowgateConfig, &ServiceLines),
    counts: &Arc<Counts>,
    observer: RealmObserver,
    (clock, tracing): (Clock, Tracing),
) -> io::Result<(RealmCell, Option<Store>)> {
    let now = clock.now();
    let (events, store) = events(&realm, now, counts)?;
    let has_tracing = flowgate.tracing.grants.iter().any(|grant| grant.realm == realm.name);
    let config = RealmConfig {
        name: realm.name.clone(),
        uri_check: realm.uri_check,
        meta_api: if realm.enable_meta_api { MetaApi::Enabled } else { MetaApi::Disabled },
        served: if has_tracing { served() } else { Vec::new() },
        request_ids: match flowgate.request_ids {
            config::RequestIds::Tolerant => RequestIds::Tolerant,
            config::RequestIds::Strict => RequestIds::Sequential,
        },
        calls: flowgate.calls,
        roles: realm
            .roles
            .into_iter()
            .map(|role| Role {
                name: role.name,
                gate: gate::build(role.permissions),
                trustlevel: role.trustlevel.map(TrustLevel),
            })
            .collect(),
        agent: AGENT.to_owned(),
        events,
    };
    // Unpredictable enough for identifiers, which are no secrets: the operating system's entropy
    // by way of the generator's own seeding, mixed with the time of the start.
    let seed = fastrand::u64(..) ^ now.as_nanos();
    let place = observer.place();
    let core = Realm::new(config, seed, observer);
    let services = has_tracing.then(|| lines.of_realm(&realm.name));
    let cell = RealmCell::new(realm.name, realm.stats, core, place, (clock, tracing), services);
    Ok((cell, store))
}

/// What a realm keeps of events, with what is known from an earlier run.
fn events(
    realm: &config::RealmConfig,
    since: Timestamp,
    counts: &Arc<Counts>,
) -> io::Result<(EventsConfig, Option<Store>)> {
    let config::StoreConfig { kind, histories } = &realm.store;
    let started = match kind {
        config::StoreKind::Memory => None,
        config::StoreKind::Redb { path, max_buffer_count } => {
            let path = path.clone();
            Some(Store::start(&realm.name, path, *max_buffer_count, histories, counts)?)
        }
    };
    let (store, appender, records) = match started {
        Some(Started { store, appender, records }) => (Some(store), Some(appender), records),
        None => (None, None, Vec::new()),
    };
    let mut records = records.into_iter();
    let histories = histories.iter().map(|rule| HistoryConfig {
        pattern: rule.uri.clone(),
        policy: rule.match_policy,
        limit: rule.limit,
        records: records.next().unwrap_or_default(),
    });
    let (retention, histories) = (realm.retention, histories.collect());
    Ok((EventsConfig { retention, histories, store: appender, since }, store))
}

/// The URLs of a listener.
fn urls(bound: &Bound, listener: &ListenerConfig) -> Vec<String> {
    let secure = listener.tls.is_some();
    let place = bound.place();
    let mut urls = Vec::new();
    match listener.endpoint {
        Endpoint::Tcp(_) => {
            let (websocket, rawsocket) = if secure { ("wss", "rss") } else { ("ws", "rs") };
            for section in &listener.websocket {
                let path = match &section.path {
                    config::PathPattern::Any | config::PathPattern::Root => "/".to_owned(),
                    config::PathPattern::Segment(name) => format!("/{name}"),
                };
                urls.push(format!("{websocket}://{place}{path}"));
            }
            if listener.rawsocket.is_some() {
                urls.push(format!("{rawsocket}://{place}"));
            }
        }
        Endpoint::Unix(_) => urls.push(format!("unix:{place}")),
    }
    urls
}
