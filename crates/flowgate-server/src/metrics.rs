//! What the router counts about itself, and the surfaces that show it.
//!
//! One [`Registry`] has everything; [`families`] is the catalogue.
//! What happens for every message is counted on handles that belong to the thread ([`local`]), so
//! that counting takes no lock and touches no memory that another thread writes.
//! What happens less often is counted where it happens.

mod calls;
mod exemplars;
mod families;
mod lane;
mod local;
mod page;
#[cfg(target_os = "linux")]
mod process;
mod query;
mod recording;
mod runtime;
mod sampling;
mod stats;
mod tallies;
mod topics;
mod trace_families;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use flowgate_event::{LeaveReason, Timestamp};
use flowgate_meter::RatedMessageSize;
use flowgate_metrics::{
    BucketsError, Held, NameError, RegisterError, Registration, Registry, RegistryConfig,
};
use flowgate_router::AnsweredCall;
use flowgate_wire::{MatchPolicy, RegistrationId};
use tokio::sync::Notify;

use crate::{
    clock::Clock,
    config::TopicPattern,
    frame::{Framing, Wire},
    tracing::TraceCounts,
};

pub(crate) use calls::{AnsweredCalls, CallsInFlight};
pub(crate) use exemplars::Traced;
use exemplars::TracedReplies;
use families::Families;
pub(crate) use lane::Lane;
pub(crate) use local::{COUNTS, Direction, Local};
pub(crate) use page::{
    detailed_page, metrics_page, record_page, report_page, show_page, stats_page,
};
pub use query::QueryError;
use recording::Recorder;
pub use recording::{RecordFormat, RecordOptions};
pub use stats::{ShowError, Stats, StatsError};

/// All metrics of a router.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    families: Arc<Families>,
    clock: Clock,
    /// Series of each family, when they were counted last.
    series_counts: Arc<Mutex<Vec<(String, usize)>>>,
    recorder: Mutex<Option<Recorder>>,
    /// The recorder has changed.
    rescheduled: Notify,
    traces: Arc<TraceCounts>,
    traced: TracedReplies,
    _collectors: Vec<Registration>,
}

/// The metrics of one listener's connections.
#[derive(Debug)]
pub(crate) struct ListenerMetrics {
    metrics: Arc<Metrics>,
    listener: ListenerIndex,
}

/// A realm's place in the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RealmIndex(u32);

/// A listener's place in the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ListenerIndex(u32);

impl RealmIndex {
    /// No realm: messages before a session.
    pub(crate) const NONE: Self = Self(0);
}

/// A metric that cannot be registered. Our fault; the router does not start.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The prefix.
    #[error("metrics: {0}")]
    Name(#[from] NameError),
    /// A descriptor.
    #[error("metrics: {0}")]
    Register(#[from] RegisterError),
    /// A histogram's bounds.
    #[error("metrics: {0}")]
    Buckets(#[from] BucketsError),
}

/// Where a connection failed before it carried messages, or a client before it had a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The client went away.
    Lost,
    /// It took too long.
    Timeout,
    /// TLS.
    Tls,
    /// RawSocket or the WebSocket upgrade.
    Transport,
    /// HELLO.
    Session,
}

impl Stage {
    const fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::Transport => "transport",
            Self::Session => "session",
        }
    }
}

/// What of a client's octets broke the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Framing, or a batch that is none.
    Frame,
    /// A message that is none.
    Message,
}

impl Fault {
    const fn name(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::Message => "message",
        }
    }
}

impl Metrics {
    /// The metrics of a router with these realms and listeners; publications are told apart by
    /// `topics`.
    ///
    /// # Errors
    /// The catalogue is wrong.
    pub(crate) fn new(
        clock: Clock,
        realms: Vec<(String, RatedMessageSize)>,
        listeners: Vec<String>,
        topics: Vec<TopicPattern>,
    ) -> Result<Arc<Self>, MetricsError> {
        let registry = Registry::with_config(RegistryConfig {
            prefix: families::PREFIX.to_owned(),
            started_at: Some(clock.now()),
            ..RegistryConfig::default()
        })?;
        let families = Arc::new(Families::register(&registry, realms, listeners, topics)?);
        let tallied = Arc::clone(&families);
        registry.before_reading(move || tallied.tallies.gather(&tallied));
        let series_counts = Arc::default();
        let mut collectors = vec![families::collect_series(&registry, &series_counts)?];
        collectors.push(families::collect_calls_in_flight(&registry, &families)?);
        collectors.push(families::build_info(&registry)?);
        #[cfg(target_os = "linux")]
        collectors.extend(process::register(&registry)?);
        collectors.extend(runtime::register(&registry)?);
        let traces = Arc::default();
        collectors.extend(trace_families::register(&registry, &traces)?);
        Ok(Arc::new(Self {
            registry,
            families,
            clock,
            series_counts,
            recorder: Mutex::default(),
            rescheduled: Notify::new(),
            traces,
            traced: TracedReplies::default(),
            _collectors: collectors,
        }))
    }

    /// What tracing is to count on.
    pub(crate) fn traces(&self) -> &Arc<TraceCounts> {
        &self.traces
    }

    /// The place of a realm; [`RealmIndex::NONE`] if it is none of the configuration's.
    pub(crate) fn realm(&self, name: &str) -> RealmIndex {
        let place = self.families.realms.iter().position(|realm| realm.name == name);
        RealmIndex(place.and_then(|place| u32::try_from(place).ok()).unwrap_or(0))
    }

    /// Where a realm says how many calls it has.
    pub(crate) fn calls_in_flight(&self, realm: RealmIndex) -> CallsInFlight {
        self.families.realm(realm).map(|realm| realm.calls_in_flight.clone()).unwrap_or_default()
    }

    /// The reply of a recorded call is queued next.
    #[cold]
    pub(crate) fn traced_reply(&self, realm: RealmIndex, call: AnsweredCall, traced: Traced) {
        self.traced.expect(realm, call, traced);
    }

    /// One more session, for as long as the guard lives.
    pub(crate) fn session(&self, realm: RealmIndex, authmethod: &str) -> Held {
        self.families.sessions.with([self.families.realm_name(realm), authmethod]).hold()
    }
}

/// What the observer of a realm counts.
impl Metrics {
    /// A session joined.
    pub(crate) fn joined(&self, realm: RealmIndex) {
        self.families.sessions_joined.with([self.families.realm_name(realm)]).inc();
    }

    /// A session left.
    pub(crate) fn left(&self, realm: RealmIndex, reason: LeaveReason) {
        let values = [self.families.realm_name(realm), reason.name()];
        self.families.sessions_left.with(values).inc();
    }

    /// A session was ended since it did not read.
    pub(crate) fn slow_consumer_closed(&self, realm: RealmIndex) {
        self.families.slow_consumers.with([self.families.realm_name(realm), "closed"]).inc();
    }

    /// A registration came to be: one more, for as long as the guard lives.
    pub(crate) fn registration(
        &self,
        realm: RealmIndex,
        registration: RegistrationId,
        uri: &str,
        (policy, invoke): (MatchPolicy, &str),
    ) -> Held {
        self.families.procedures.add(realm, registration, uri);
        let values = [self.families.realm_name(realm), policy.name(), invoke];
        self.families.registrations.with(values).hold()
    }

    /// A registration is gone.
    pub(crate) fn registration_gone(&self, realm: RealmIndex, registration: RegistrationId) {
        self.families.procedures.remove(realm, registration);
    }

    /// One more subscription, for as long as the guard lives.
    pub(crate) fn subscription(&self, realm: RealmIndex, policy: MatchPolicy) -> Held {
        self.families.subscriptions.with([self.families.realm_name(realm), policy.name()]).hold()
    }

    /// A client wanted to join, and could.
    pub(crate) fn admitted(&self, realm: RealmIndex, authmethod: &str, after: Duration) {
        let values = [self.families.realm_name(realm), authmethod, "ok"];
        self.families.auth_attempts.with(values).inc();
        self.families.auth.with([authmethod]).record_duration(after);
    }

    /// A session broke the protocol.
    pub(crate) fn violation(&self, realm: RealmIndex) {
        self.families.violations.with([self.families.realm_name(realm)]).inc();
    }
}

impl ListenerMetrics {
    /// The metrics of the listener with this name.
    pub(crate) fn new(metrics: &Arc<Metrics>, listener: &str) -> Self {
        let place = metrics.families.listeners.iter().position(|name| name == listener);
        let listener =
            ListenerIndex(place.and_then(|place| u32::try_from(place).ok()).unwrap_or(0));
        Self { metrics: Arc::clone(metrics), listener }
    }

    /// The metrics of everything.
    pub(crate) fn all(&self) -> &Metrics {
        &self.metrics
    }

    fn families(&self) -> &Families {
        &self.metrics.families
    }

    fn name(&self) -> &str {
        self.families().listener_name(self.listener)
    }

    /// Octets went over the wire, in either direction.
    #[inline]
    pub(crate) fn wire_bytes(&self, local: &Local, direction: Direction, bytes: usize) {
        local.wire_bytes(self.listener, direction, bytes);
    }

    /// A transport is agreed on: one more connection, for as long as the guard lives.
    pub(crate) fn open(&self, wire: Wire) -> Held {
        let families = self.families();
        families.connections_opened.with([self.name()]).inc();
        families.connections.with([self.name(), transport_name(wire), serializer_name(wire)]).hold()
    }

    /// A connection has ended.
    pub(crate) fn closed(&self, reason: LeaveReason, age: Duration) {
        let families = self.families();
        families.connections_closed.with([self.name(), reason.name()]).inc();
        families.connection_duration.with([self.name()]).record_duration(age);
    }

    /// A connection got nowhere.
    pub(crate) fn handshake_failed(&self, stage: Stage) {
        self.families().handshake_failures.with([self.name(), stage.name()]).inc();
    }

    /// A client wanted to join, and could not.
    pub(crate) fn refused(&self) {
        let realm = self.families().realm_name(RealmIndex::NONE);
        self.families().auth_attempts.with([realm, "", "refused"]).inc();
        self.handshake_failed(Stage::Session);
    }

    /// The current moment.
    pub(crate) fn now(&self) -> Timestamp {
        self.metrics.clock.now()
    }

    /// A client broke the protocol.
    pub(crate) fn protocol_error(&self, fault: Fault) {
        self.families().protocol_errors.with([self.name(), fault.name()]).inc();
    }

    /// A socket has not taken all at once: this much is left.
    pub(crate) fn stalled(&self, queued_bytes: u64) {
        self.families().send_queue.with([self.name()]).record(queued_bytes);
    }

    /// A socket takes octets again.
    pub(crate) fn unstalled(&self, stall: Duration) {
        self.families().send_stall.with([self.name()]).add_duration(stall);
    }
}

/// What the `transport` label says.
fn transport_name(wire: Wire) -> &'static str {
    match wire.framing {
        Framing::RawSocket => "rawsocket",
        Framing::WebSocket => "websocket",
    }
}

/// What the `serializer` label and `wamp.session.on_stats` call a serializer.
pub(crate) fn serializer_name(wire: Wire) -> &'static str {
    lane::serializer_name(wire.serializer)
}

/// Locks, and goes on after another thread's panic: the data are valid after each statement.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
