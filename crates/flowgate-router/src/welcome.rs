//! What WELCOME says.

use flowgate_wire::Value;

use crate::{MetaApi, realm::State, session::Session};

/// The features of the broker that work ("Feature Announcement").
///
/// The specification spells sharded subscriptions like this.
const BROKER: [&str; 6] = [
    "pattern_based_subscription",
    "payload_passthru_mode",
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
const DEALER: [&str; 4] = [
    "call_canceling",
    "caller_identification",
    "pattern_based_registration",
    "progressive_call_results",
];

/// Announced by both roles where the realm has the meta API.
const SESSION_META_API: &str = "session_meta_api";

/// `WELCOME.Details`.
pub(crate) fn details<'a>(state: &'a State, session: &'a Session) -> Value<'a> {
    let config = &state.config;
    let mut broker = BROKER.to_vec();
    broker.extend(state.retention.is_on().then_some(EVENT_RETENTION));
    if config.meta_api == MetaApi::Enabled {
        broker.extend(BROKER_META);
        broker.extend(state.broker.has_histories().then_some(EVENT_HISTORY));
    }
    Value::dict([
        ("realm", Value::from(config.name.as_str())),
        ("authid", Value::from(session.authid.as_str())),
        ("authrole", Value::from(session.authrole.as_str())),
        ("authmethod", Value::from(session.authmethod)),
        ("authprovider", Value::from(session.authprovider)),
        ("agent", Value::from(config.agent.as_str())),
        (
            "roles",
            Value::dict([
                ("broker", role(&broker, config.meta_api)),
                ("dealer", role(&DEALER, config.meta_api)),
            ]),
        ),
    ])
}

fn role(features: &[&'static str], meta_api: MetaApi) -> Value<'static> {
    let meta = match meta_api {
        MetaApi::Enabled => Some(SESSION_META_API),
        MetaApi::Disabled => None,
    };
    let features = features.iter().copied().chain(meta);
    Value::dict([("features", Value::dict(features.map(|name| (name, Value::from(true)))))])
}
