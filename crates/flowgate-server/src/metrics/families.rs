//! The catalogue: every family, its labels and its meaning, once.
//!
//! Labels say realms and listeners of the configuration, and words of closed sets. Who a session
//! is, and what a client sends, are never labels.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowgate_meter::RatedMessageSize;
use flowgate_metrics::{
    Buckets, CollectorKind, Counter, Descriptor, Family, Gauge, Histogram, Label, Registration,
    Registry, Unit, Verbosity,
};

use super::{
    ListenerIndex, MetricsError, RealmIndex,
    calls::{CallsInFlight, Procedures},
    lock,
    tallies::Tallies,
};
use crate::config::TopicPattern;

/// What all names but the standard ones start with.
pub(super) const PREFIX: &str = "flowgate";

/// The value of the label `realm` for what belongs to no realm.
const NO_REALM: &str = "_none";

const LISTENER: Label = Label::closed("listener");
const REALM: Label = Label::closed("realm");
const DIRECTION: Label = Label::closed("direction");
const SERIALIZER: Label = Label::closed("serializer");
const REASON: Label = Label::closed("reason");
const TYPE: Label = Label::closed("type");
const OUTCOME: Label = Label::closed("outcome");
const MATCH: Label = Label::closed("match");
const AUTHMETHOD: Label = Label::closed("authmethod");
/// A pattern of the configuration, never what a client publishes to; not there without patterns.
const TOPIC: Label = Label::closed("topic");
/// A registered procedure or pattern, never what a client calls in vain.
const PROCEDURE: Label = Label::open("procedure");

/// The families that the server feeds.
#[derive(Debug)]
pub(super) struct Families {
    /// By [`RealmIndex`]; the first is none.
    pub(super) realms: Vec<RealmLabel>,
    /// By [`ListenerIndex`].
    pub(super) listeners: Vec<String>,
    pub(super) procedures: Procedures,
    pub(super) tallies: Tallies,
    /// What the `topic` label says, by the first that matches.
    pub(super) topics: Vec<TopicPattern>,
    pub(super) connections: Family<Gauge, 3>,
    pub(super) connections_opened: Family<Counter, 1>,
    pub(super) connections_closed: Family<Counter, 2>,
    pub(super) connection_duration: Family<Histogram, 1>,
    pub(super) handshake_failures: Family<Counter, 2>,
    pub(super) wire: Family<Counter, 2>,
    pub(super) send_queue: Family<Histogram, 1>,
    pub(super) send_stall: Family<Counter, 1>,
    pub(super) slow_consumers: Family<Counter, 2>,
    pub(super) sessions: Family<Gauge, 2>,
    pub(super) sessions_joined: Family<Counter, 1>,
    pub(super) sessions_left: Family<Counter, 2>,
    pub(super) authorizations: Family<Counter, 3>,
    pub(super) messages: Family<Counter, 3>,
    pub(super) message_bytes: Family<Counter, 3>,
    pub(super) message_size: Family<Histogram, 2>,
    pub(super) rated_messages: Family<Counter, 2>,
    pub(super) messages_dropped: Family<Counter, 3>,
    pub(super) protocol_errors: Family<Counter, 2>,
    pub(super) violations: Family<Counter, 1>,
    pub(super) auth_attempts: Family<Counter, 3>,
    pub(super) auth: Family<Histogram, 1>,
    pub(super) rpc_calls: Family<Counter, 3>,
    pub(super) rpc_duration: Family<Histogram, 2>,
    pub(super) rpc_callee: Family<Histogram, 2>,
    pub(super) rpc_router: Family<Histogram, 1>,
    pub(super) rpc_errors: Family<Counter, 3>,
    pub(super) registrations: Family<Gauge, 3>,
    pub(super) publications: Family<Counter, 3>,
    pub(super) events: Family<Counter, 2>,
    pub(super) publish_fanout: Family<Histogram, 1>,
    pub(super) event_dispatch: Family<Histogram, 1>,
    pub(super) events_dropped: Family<Counter, 2>,
    pub(super) subscriptions: Family<Gauge, 2>,
    pub(super) scrape: Histogram,
    pub(super) runtime_stall: Histogram,
}

/// A realm as metrics see it.
#[derive(Debug)]
pub(super) struct RealmLabel {
    pub(super) name: String,
    pub(super) rated_message_size: RatedMessageSize,
    pub(super) calls_in_flight: CallsInFlight,
}

impl Families {
    /// Registers everything.
    pub(super) fn register(
        registry: &Registry,
        realms: Vec<(String, RatedMessageSize)>,
        listeners: Vec<String>,
        topics: Vec<TopicPattern>,
    ) -> Result<Self, MetricsError> {
        let none = (NO_REALM.to_owned(), RatedMessageSize::DEFAULT);
        let realms = std::iter::once(none).chain(realms);
        let realms = realms.map(|(name, rated_message_size)| {
            let calls_in_flight = CallsInFlight::default();
            RealmLabel { name, rated_message_size, calls_in_flight }
        });
        Ok(Self {
            realms: realms.collect(),
            listeners,
            procedures: Procedures::default(),
            tallies: Tallies::default(),
            topics,
            connections: registry.gauges(
                transport("connections", "Connections", "Open connections that carry messages.")
                    .unit(Unit::Counted("connections")),
                [LISTENER, Label::closed("transport"), SERIALIZER],
            )?,
            connections_opened: registry.counters(
                transport(
                    "connections_opened",
                    "ConnectionsOpened",
                    "Connections that agreed on a transport.",
                )
                .unit(Unit::Counted("connections"))
                .measured(),
                [LISTENER],
            )?,
            connections_closed: registry.counters(
                transport(
                    "connections_closed",
                    "ConnectionsClosed",
                    "Connections that had agreed on a transport and ended.",
                )
                .unit(Unit::Counted("connections"))
                .measured(),
                [LISTENER, REASON],
            )?,
            connection_duration: registry.histograms(
                transport(
                    "connection_duration",
                    "ConnectionDuration",
                    "How long connections lasted that have ended.",
                )
                .unit(Unit::Seconds),
                [LISTENER],
                connection_ages()?,
            )?,
            handshake_failures: registry.counters(
                transport(
                    "handshake_failures",
                    "HandshakeFailures",
                    "Connections that got no session, by how far they came.",
                )
                .unit(Unit::Counted("connections"))
                .measured(),
                [LISTENER, Label::closed("stage")],
            )?,
            wire: registry.counters(
                transport("wire", "WireBytes", "Octets on sockets, with framing and encryption.")
                    .unit(Unit::Bytes)
                    .measured(),
                [LISTENER, DIRECTION],
            )?,
            send_queue: registry.histograms(
                transport(
                    "send_queue",
                    "SendQueue",
                    "What was left to send when a socket did not take everything at once.",
                )
                .unit(Unit::Bytes),
                [LISTENER],
                Buckets::sizes(),
            )?,
            send_stall: registry.counters(
                transport(
                    "send_stall",
                    "SendStall",
                    "Time for which sockets took nothing though something waited, over all \
                     connections.",
                )
                .unit(Unit::Seconds)
                .measured(),
                [LISTENER],
            )?,
            slow_consumers: registry.counters(
                session(
                    "slow_consumers",
                    "SlowConsumers",
                    "Sessions that did not read what was sent to them, by what was done.",
                )
                .unit(Unit::Counted("sessions")),
                [REALM, Label::closed("action")],
            )?,
            sessions: registry.gauges(
                session("sessions", "Sessions", "Sessions that have joined.")
                    .unit(Unit::Counted("sessions")),
                [REALM, AUTHMETHOD],
            )?,
            sessions_joined: registry.counters(
                session("sessions_joined", "SessionsJoined", "Sessions that joined.")
                    .unit(Unit::Counted("sessions"))
                    .measured(),
                [REALM],
            )?,
            sessions_left: registry.counters(
                session("sessions_left", "SessionsLeft", "Sessions that left, by how they ended.")
                    .unit(Unit::Counted("sessions"))
                    .measured(),
                [REALM, REASON],
            )?,
            authorizations: registry.counters(
                session(
                    "authorizations",
                    "Authorizations",
                    "Actions that sessions were not allowed, by action.",
                )
                .unit(Unit::Counted("actions"))
                .measured(),
                [REALM, Label::closed("action"), Label::closed("result")],
            )?,
            messages: registry.counters(
                messages("messages", "Messages", "WAMP messages that were metered.")
                    .unit(Unit::Counted("messages"))
                    .measured(),
                [REALM, DIRECTION, TYPE],
            )?,
            message_bytes: registry.counters(
                messages("message", "MessageBytes", "Octets of WAMP messages, without framing.")
                    .unit(Unit::Bytes)
                    .measured(),
                [REALM, DIRECTION, SERIALIZER],
            )?,
            message_size: registry.histograms(
                Descriptor::new("message_size", "Sizes of WAMP messages, without framing.")
                    .stat("messages", "MessageSize")
                    .container_label("serializer")
                    .unit(Unit::Bytes),
                [DIRECTION, SERIALIZER],
                Buckets::sizes().classic_only(),
            )?,
            rated_messages: registry.counters(
                messages(
                    "rated_messages",
                    "RatedMessages",
                    "Messages, each counted once for every started rated message size.",
                )
                .unit(Unit::Counted("messages"))
                .measured(),
                [REALM, DIRECTION],
            )?,
            messages_dropped: registry.counters(
                messages(
                    "messages_dropped",
                    "MessagesDropped",
                    "Messages that were refused without reply, or too large for their receiver.",
                )
                .unit(Unit::Counted("messages"))
                .measured(),
                [REALM, TYPE, REASON],
            )?,
            protocol_errors: registry.counters(
                transport(
                    "protocol_errors",
                    "ProtocolErrors",
                    "Octets from clients that are no frame or no message.",
                )
                .unit(Unit::Counted("errors"))
                .measured(),
                [LISTENER, REASON],
            )?,
            violations: registry.counters(
                session("violations", "Violations", "Sessions that broke the protocol.")
                    .unit(Unit::Counted("sessions")),
                [REALM],
            )?,
            auth_attempts: registry.counters(
                session(
                    "auth_attempts",
                    "AuthAttempts",
                    "Clients that wanted to join, by what came of it; refused ones are in no realm.",
                )
                .unit(Unit::Counted("clients"))
                .measured(),
                [REALM, AUTHMETHOD, Label::closed("result")],
            )?,
            auth: registry.histograms(
                Descriptor::new("auth", "From HELLO to WELCOME, in the router.")
                    .stat("session", "AuthTime")
                    .container_label("authmethod")
                    .unit(Unit::Seconds),
                [AUTHMETHOD],
                Buckets::latency(),
            )?,
            rpc_calls: registry.counters(
                rpc("rpc_calls", "Calls", "Calls that have ended, by how.")
                    .unit(Unit::Counted("calls"))
                    .measured(),
                [REALM, PROCEDURE, OUTCOME],
            )?,
            rpc_duration: registry.histograms(
                rpc(
                    "rpc_duration",
                    "Duration",
                    "From CALL's arrival until its final reply has been handed to the socket.",
                )
                .unit(Unit::Seconds),
                [REALM, PROCEDURE],
                Buckets::latency(),
            )?,
            rpc_callee: registry.histograms(
                rpc(
                    "rpc_callee",
                    "CalleeTime",
                    "From the time INVOCATION was handed to the callee's socket to its answer's \
                     arrival.",
                )
                .unit(Unit::Seconds),
                [REALM, PROCEDURE],
                Buckets::latency().classic_only(),
            )?,
            rpc_router: registry.histograms(
                rpc(
                    "rpc_router",
                    "RouterTime",
                    "The rest of a call that a callee has answered: the router's own share.",
                )
                .unit(Unit::Seconds),
                [REALM],
                Buckets::latency().classic_only(),
            )?,
            rpc_errors: registry.counters(
                rpc("rpc_errors", "Errors", "Calls that ended with an error, by the error.")
                    .unit(Unit::Counted("calls"))
                    .measured(),
                [REALM, PROCEDURE, Label::open("error")],
            )?,
            registrations: registry.gauges(
                rpc("registrations", "Registrations", "Procedures and patterns with a callee.")
                    .unit(Unit::Counted("registrations")),
                [REALM, MATCH, Label::closed("invoke")],
            )?,
            publications: registry.counters(
                pubsub("publications", "Publications", "Publications of clients, by outcome.")
                    .unit(Unit::Counted("publications"))
                    .measured(),
                [REALM, TOPIC, OUTCOME],
            )?,
            events: registry.counters(
                pubsub(
                    "events",
                    "Events",
                    "EVENTs that came of clients' publications, one for each receiver.",
                )
                .unit(Unit::Counted("events"))
                .measured(),
                [REALM, TOPIC],
            )?,
            publish_fanout: registry.histograms(
                pubsub("publish_fanout", "FanOut", "How many EVENTs came of a publication.")
                    .unit(Unit::Counted("events")),
                [REALM],
                Buckets::fan_out(),
            )?,
            event_dispatch: registry.histograms(
                pubsub(
                    "event_dispatch",
                    "DispatchTime",
                    "From the arrival of what caused an EVENT until it was handed to the socket.",
                )
                .unit(Unit::Seconds),
                [REALM],
                Buckets::latency(),
            )?,
            events_dropped: registry.counters(
                pubsub(
                    "events_dropped",
                    "EventsDropped",
                    "EVENTs that a receiver did not get: too large for it, or its connection was \
                     over.",
                )
                .unit(Unit::Counted("events"))
                .measured(),
                [REALM, REASON],
            )?,
            subscriptions: registry.gauges(
                pubsub("subscriptions", "Subscriptions", "Topics and patterns with a subscriber.")
                    .unit(Unit::Counted("subscriptions")),
                [REALM, MATCH],
            )?,
            scrape: registry.histogram(
                Descriptor::new("scrape", "Time to write a page of metrics, before compression.")
                    .stat("self", "ScrapeTime")
                    .unit(Unit::Seconds)
                    .verbosity(Verbosity::Debug),
                Buckets::latency(),
            )?,
            runtime_stall: registry.histogram(
                Descriptor::new("runtime_stall", "How late a timer ran that is due all the time.")
                    .stat("runtime", "Stall")
                    .unit(Unit::Seconds)
                    .verbosity(Verbosity::Debug),
                Buckets::latency(),
            )?,
        })
    }

    pub(super) fn realm(&self, realm: RealmIndex) -> Option<&RealmLabel> {
        self.realms.get(realm.0 as usize)
    }

    pub(super) fn realm_name(&self, realm: RealmIndex) -> &str {
        self.realm(realm).map_or(NO_REALM, |realm| &realm.name)
    }

    pub(super) fn listener_name(&self, listener: ListenerIndex) -> &str {
        self.listeners.get(listener.0 as usize).map_or("", String::as_str)
    }
}

fn transport(name: &'static str, short_name: &'static str, help: &'static str) -> Descriptor {
    Descriptor::new(name, help).stat("transport", short_name).container_label("listener")
}

fn session(name: &'static str, short_name: &'static str, help: &'static str) -> Descriptor {
    Descriptor::new(name, help).stat("session", short_name).container_label("realm")
}

fn rpc(name: &'static str, short_name: &'static str, help: &'static str) -> Descriptor {
    Descriptor::new(name, help).stat("rpc", short_name).container_label("realm")
}

fn pubsub(name: &'static str, short_name: &'static str, help: &'static str) -> Descriptor {
    Descriptor::new(name, help).stat("pubsub", short_name).container_label("realm")
}

fn messages(name: &'static str, short_name: &'static str, help: &'static str) -> Descriptor {
    Descriptor::new(name, help).stat("messages", short_name).container_label("realm")
}

/// From connections for one call to those that stay for weeks.
fn connection_ages() -> Result<Buckets, MetricsError> {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let bounds_s = [1, 10, MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY];
    let short = [Duration::from_millis(10), Duration::from_millis(100)];
    Ok(Buckets::durations(short.into_iter().chain(bounds_s.map(Duration::from_secs)))?)
}

/// The calls that the realms have, as each has said last.
pub(super) fn collect_calls_in_flight(
    registry: &Registry,
    families: &Arc<Families>,
) -> Result<Registration, MetricsError> {
    let families = Arc::clone(families);
    let descriptor =
        rpc("rpc_inflight", "InFlight", "Calls that have been accepted and not ended.")
            .unit(Unit::Counted("calls"));
    Ok(registry.collect(descriptor, CollectorKind::Gauge, [REALM], move |samples| {
        // The first is none, which has no calls.
        for realm in families.realms.iter().skip(1) {
            samples.push([&realm.name], realm.calls_in_flight.get());
        }
        Ok(())
    })?)
}

/// How many series there are, as counted with the last sample.
pub(super) fn collect_series(
    registry: &Registry,
    counts: &Arc<Mutex<Vec<(String, usize)>>>,
) -> Result<Registration, MetricsError> {
    let counts = Arc::clone(counts);
    let descriptor = Descriptor::new(
        "metrics_series",
        "Series of each family of metrics; one for each set of labels.",
    )
    .stat("self", "Series")
    .container_label("family")
    .verbosity(Verbosity::Debug);
    Ok(registry.collect(
        descriptor,
        CollectorKind::Gauge,
        [Label::closed("family")],
        move |samples| {
            for (family, count) in lock(&counts).iter() {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "families have a limit far below 2^53"
                )]
                samples.push([family], *count as f64);
            }
            Ok(())
        },
    )?)
}

/// What runs.
pub(super) fn build_info(registry: &Registry) -> Result<Registration, MetricsError> {
    let descriptor = Descriptor::new("build", "What runs, in labels.")
        .stat("self", "Build")
        .verbosity(Verbosity::Debug);
    let facts = [("version", env!("CARGO_PKG_VERSION").to_owned())];
    Ok(registry.info(descriptor, facts)?)
}
