//! What the router does, in the log and in the metrics.

use std::{collections::BTreeMap, sync::Arc};

use flowgate_event::{CallOutcome, Called, Event, EventKind, LeaveReason, Observer, Timestamp};
use flowgate_metrics::Held;
use flowgate_wire::{RegistrationId, SubscriptionId};

use crate::metrics::{AnsweredCalls, COUNTS, CallsInFlight, Metrics, RealmIndex};

/// Watches one realm.
#[derive(Debug)]
pub(crate) struct RealmObserver {
    log: LogObserver,
    metrics: MetricsObserver,
}

impl RealmObserver {
    /// An observer of the realm with this name.
    pub(crate) fn new(realm: String, metrics: &Arc<Metrics>) -> Self {
        let place = metrics.realm(&realm);
        let metrics = MetricsObserver {
            metrics: Arc::clone(metrics),
            realm: place,
            registrations: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            answered: AnsweredCalls::default(),
        };
        Self { log: LogObserver { realm }, metrics }
    }

    /// The realm's place in the metrics.
    pub(crate) fn place(&self) -> RealmIndex {
        self.metrics.realm
    }

    /// Where the realm says how many calls it has.
    pub(crate) fn calls_in_flight(&self) -> CallsInFlight {
        self.metrics.metrics.calls_in_flight(self.metrics.realm)
    }
}

impl Observer for RealmObserver {
    #[inline]
    fn observe(&mut self, now: Timestamp, event: &Event<'_>) {
        // The only one that comes with every call is not logged.
        if let &Event::CallEnded { called, outcome, error } = event {
            self.metrics.call_ended(called, outcome, error);
        } else {
            self.log.observe(now, event);
            self.metrics.observe(now, event);
        }
    }

    /// How many calls there are is known without counting them.
    #[inline]
    fn wants(&self, kind: EventKind) -> bool {
        kind != EventKind::CallStarted && (COUNTS || kind != EventKind::CallEnded)
    }
}

/// Counts the events of one realm.
#[derive(Debug)]
struct MetricsObserver {
    metrics: Arc<Metrics>,
    realm: RealmIndex,
    registrations: BTreeMap<RegistrationId, Held>,
    subscriptions: BTreeMap<SubscriptionId, Held>,
    answered: AnsweredCalls,
}

impl MetricsObserver {
    #[inline]
    fn call_ended(&mut self, called: Called<'_>, outcome: CallOutcome, error: Option<&str>) {
        let Self { metrics, realm, answered, .. } = self;
        if let Called::Registered(registration) = called
            && outcome == CallOutcome::Ok
        {
            answered.count(metrics, *realm, registration);
        } else {
            metrics.count(|local| local.call_failed(*realm, called, outcome, error));
        }
    }
}

impl Observer for MetricsObserver {
    #[inline(never)]
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "the enum grows; new events need no line here"
    )]
    fn observe(&mut self, _now: Timestamp, event: &Event<'_>) {
        let Self { metrics, realm, registrations, subscriptions, .. } = self;
        match *event {
            Event::Published { topic, event_count } => {
                metrics.count(|local| local.published(*realm, topic, event_count));
            }
            Event::PublishRefused { topic, .. } => {
                metrics.count(|local| local.publish_refused(*realm, topic));
            }
            Event::RegistrationCreated { registration, uri, policy, invoke } => {
                let held = metrics.registration(*realm, registration, uri, (policy, invoke));
                registrations.insert(registration, held);
            }
            Event::RegistrationDeleted { registration } => {
                registrations.remove(&registration);
                metrics.registration_gone(*realm, registration);
            }
            Event::SubscriptionCreated { subscription, policy, .. } => {
                subscriptions.insert(subscription, metrics.subscription(*realm, policy));
            }
            Event::SubscriptionDeleted { subscription } => {
                subscriptions.remove(&subscription);
            }
            Event::SessionJoined { .. } => metrics.joined(*realm),
            Event::SessionLeft { reason, .. } => {
                metrics.left(*realm, reason);
                if reason == LeaveReason::SlowConsumer {
                    metrics.slow_consumer_closed(*realm);
                }
            }
            Event::Violation { .. } => metrics.violation(*realm),
            Event::Denied { action, .. } => metrics.count(|local| local.denied(*realm, action)),
            Event::Dropped { message, .. } => {
                metrics.count(|local| local.dropped(*realm, message, "refused"));
            }
            Event::Undeliverable { message, .. } => {
                metrics.count(|local| local.dropped(*realm, message, "too_large"));
            }
            _ => {}
        }
    }
}

/// Writes the events of one realm to the log.
#[derive(Debug)]
struct LogObserver {
    realm: String,
}

impl Observer for LogObserver {
    #[inline(never)]
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "the enum grows; new events need no line here"
    )]
    fn observe(&mut self, _now: Timestamp, event: &Event<'_>) {
        let realm = self.realm.as_str();
        match *event {
            Event::SessionJoined { session, authid, authrole, authmethod } => {
                tracing::debug!(%session, realm, authid, authrole, authmethod, "session joined");
            }
            Event::SessionLeft { session, reason } => {
                tracing::debug!(%session, realm, reason = reason.name(), "session left");
            }
            Event::Violation { session, what } => {
                tracing::warn!(%session, realm, what, "protocol violation");
            }
            // What one session can make happen at any rate is logged for those who look closer.
            Event::Denied { session, action, uri } => {
                tracing::debug!(%session, realm, action = action.name(), uri, "not authorized");
            }
            Event::Dropped { session, message, error } => {
                tracing::debug!(%session, realm, message = message.name(), error, "message dropped");
            }
            Event::Undeliverable { session, message } => {
                let message = message.name();
                tracing::debug!(%session, realm, message, "message exceeds what its receiver takes");
            }
            _ => {}
        }
    }
}
