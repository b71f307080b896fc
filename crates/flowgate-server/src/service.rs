//! What a listener offers to the connections that it accepts.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use flowgate_router::{AnonymousPolicy, AuthOffer, AuthPolicy};

use crate::{
    clock::Clock,
    config::{AuthConfig, FlowgateConfig, ListenerConfig, RawSocketConfig, WebSocketPath},
    metrics::{ListenerMetrics, Metrics},
    realm::RealmCell,
    tracing::Tracing,
};

/// The realms that exist, by name.
pub(crate) type Realms = BTreeMap<String, Arc<RealmCell>>;

/// A listener's configuration with everything its connections need.
#[derive(Debug)]
pub(crate) struct Service {
    /// The configuration.
    pub(crate) listener: ListenerConfig,
    /// Flowgate's own settings.
    pub(crate) flowgate: Arc<FlowgateConfig>,
    /// TLS, if the listener has it.
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    /// The realms that can be joined here.
    pub(crate) realms: Realms,
    /// The clock.
    pub(crate) clock: Clock,
    /// What has gone wrong on connections, and whether the router shuts down.
    pub(crate) counts: Arc<Counts>,
    /// The metrics of its connections.
    pub(crate) metrics: Arc<ListenerMetrics>,
    /// What is traced.
    pub(crate) tracing: Tracing,
    rawsocket_auth: Option<Arc<AuthPolicy>>,
    /// Beside the listener's WebSocket sections.
    websocket_auth: Vec<Arc<AuthPolicy>>,
}

/// Counts over all listeners.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Set once the router shuts down: nobody joins any more.
    closing: AtomicBool,
    connections: AtomicU64,
    refused: AtomicU64,
    violations: AtomicU64,
    history_lost: AtomicU64,
}

impl Service {
    /// The service of one listener, with those of the realms that its worker has.
    pub(crate) fn new(
        listener: ListenerConfig,
        flowgate: Arc<FlowgateConfig>,
        tls: Option<Arc<rustls::ServerConfig>>,
        realms: &Realms,
        (clock, tracing): (Clock, Tracing),
        counts: Arc<Counts>,
        metrics: &Arc<Metrics>,
    ) -> Self {
        let realms = listener
            .realms
            .iter()
            .filter_map(|name| Some((name.clone(), Arc::clone(realms.get(name)?))))
            .collect();
        let policy = |auth| Arc::new(auth_policy(auth));
        let rawsocket_auth = listener.rawsocket.as_ref().map(|section| policy(&section.auth));
        let websocket_auth =
            listener.websocket.iter().map(|section| policy(&section.auth)).collect();
        let metrics = Arc::new(ListenerMetrics::new(metrics, &listener.id));
        Self {
            listener,
            flowgate,
            tls,
            realms,
            clock,
            counts,
            metrics,
            tracing,
            rawsocket_auth,
            websocket_auth,
        }
    }

    /// RawSocket on this listener, and who may join by it.
    pub(crate) fn rawsocket(&self) -> Option<(&RawSocketConfig, &Arc<AuthPolicy>)> {
        self.listener.rawsocket.as_ref().zip(self.rawsocket_auth.as_ref())
    }

    /// The WebSocket section for a request target, and who may join by it.
    pub(crate) fn websocket_at(&self, target: &str) -> Option<(&WebSocketPath, &Arc<AuthPolicy>)> {
        let mut sections = self.listener.websocket.iter().zip(&self.websocket_auth);
        sections.find(|(section, _)| section.path.matches(target))
    }

    /// Whether the router shuts down.
    pub(crate) fn is_closing(&self) -> bool {
        self.counts.is_closing()
    }
}

impl Counts {
    /// The router shuts down.
    pub(crate) fn start_closing(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    /// Whether the router shuts down.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// A connection was accepted.
    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection or session was refused.
    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// A client broke the protocol of WAMP or of its transport.
    pub(crate) fn violation(&self) {
        self.violations.fetch_add(1, Ordering::Relaxed);
    }

    /// Events of a history are not in its file, or no more.
    pub(crate) fn history_lost(&self, events: u64) {
        self.history_lost.fetch_add(events, Ordering::Relaxed);
    }

    /// Connections accepted, connections and sessions refused, violations, events that the files
    /// of histories lack; since the start.
    pub(crate) fn totals(&self) -> [(&'static str, u64); 4] {
        [
            ("connections", self.connections.load(Ordering::Relaxed)),
            ("refused", self.refused.load(Ordering::Relaxed)),
            ("violations", self.violations.load(Ordering::Relaxed)),
            ("history_lost", self.history_lost.load(Ordering::Relaxed)),
        ]
    }
}

/// What a transport's `auth` section means to the handshake.
fn auth_policy(auth: &AuthConfig) -> AuthPolicy {
    match auth {
        AuthConfig::Open => AuthPolicy {
            offer: AuthOffer::Everyone,
            anonymous: AnonymousPolicy { realm: None, role: "anonymous".to_owned(), authid: None },
        },
        AuthConfig::Anonymous(anonymous) => AuthPolicy {
            offer: AuthOffer::AnonymousMethod,
            anonymous: AnonymousPolicy {
                realm: anonymous.realm.clone(),
                role: anonymous.role.clone(),
                authid: anonymous.authid.clone(),
            },
        },
    }
}
