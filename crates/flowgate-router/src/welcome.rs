//! What WELCOME says.

use flowgate_wire::Value;

use crate::{MetaApi, RealmConfig, session::Session};

/// The features of the broker that work ("Feature Announcement").
const BROKER: [&str; 3] =
    ["pattern_based_subscription", "publisher_exclusion", "publisher_identification"];

/// The features of the dealer that work.
const DEALER: [&str; 5] = [
    "call_canceling",
    "call_timeout",
    "caller_identification",
    "pattern_based_registration",
    "progressive_call_results",
];

/// Announced by both roles where the realm has the meta API.
const SESSION_META_API: &str = "session_meta_api";

/// `WELCOME.Details`.
pub(crate) fn details<'a>(config: &'a RealmConfig, session: &'a Session) -> Value<'a> {
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
                ("broker", role(&BROKER, config.meta_api)),
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
