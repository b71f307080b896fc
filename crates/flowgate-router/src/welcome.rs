//! What WELCOME says.

use flowgate_wire::Value;

use crate::{MetaApi, realm::State, session::Session};

/// The features of the broker that work ("Feature Announcement").
///
/// The specification spells sharded subscriptions like this.
const BROKER: [&str; 7] = [
    "pattern_based_subscription",
    "payload_passthru_mode",
    "publication_trustlevels",
    "publisher_exclusion",
    "publisher_identification",
    "shareded_subscriptions",
    "subscriber_blackwhite_listing",
];

/// Announced by the broker where the realm has the meta API.
const BROKER_META: [&str; 2] = ["subscription_meta_api", "subscription_revocation"];

/// Announced by the broker where events are retained.
const EVENT_RETENTION: &str = "event_retention";

/// Announced by the broker where topics have histories, and the meta API to read them.
const EVENT_HISTORY: &str = "event_history";

/// The features of the dealer that work.
const DEALER: [&str; 12] = [
    "call_canceling",
    "call_reroute",
    "call_timeout",
    "call_trustlevels",
    "caller_identification",
    "pattern_based_registration",
    "payload_passthru_mode",
    "progressive_call_invocations",
    "progressive_call_results",
    "registration_revocation",
    "sharded_registration",
    "shared_registration",
];

/// Announced by the dealer where the realm has the meta API.
const DEALER_META: [&str; 2] = ["registration_meta_api", "testament_meta_api"];

/// Announced by both roles where the realm has the meta API.
const SESSION_META_API: &str = "session_meta_api";

/// `WELCOME.Details`.
pub(crate) fn details<'a>(state: &'a State, session: &'a Session) -> Value<'a> {
    let config = &state.config;
    let (mut broker, mut dealer) = (BROKER.to_vec(), DEALER.to_vec());
    broker.extend(state.retention.is_on().then_some(EVENT_RETENTION));
    if config.meta_api == MetaApi::Enabled {
        broker.extend(BROKER_META);
        broker.extend(state.broker.has_histories().then_some(EVENT_HISTORY));
        broker.push(SESSION_META_API);
        dealer.extend(DEALER_META);
        dealer.push(SESSION_META_API);
    }
    Value::dict([
        ("realm", Value::from(config.name.as_str())),
        ("authid", Value::from(session.authid.as_str())),
        ("authrole", Value::from(session.authrole.as_str())),
        ("authmethod", Value::from(session.authmethod)),
        ("authprovider", Value::from(session.authprovider)),
        ("agent", Value::from(config.agent.as_str())),
        ("roles", Value::dict([("broker", role(broker)), ("dealer", role(dealer))])),
    ])
}

fn role(features: Vec<&'static str>) -> Value<'static> {
    let features = features.into_iter().map(|name| (name, Value::from(true)));
    Value::dict([("features", Value::dict(features))])
}
