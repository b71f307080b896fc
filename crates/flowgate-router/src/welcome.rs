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

/// The features of the broker where the realm has the meta API.
const BROKER_META: [&str; 1] = ["session_meta_api"];

/// The features of the dealer where the realm has the meta API.
const DEALER_META: [&str; 2] = ["session_meta_api", "testament_meta_api"];

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
                ("broker", role(&BROKER, &BROKER_META, config.meta_api)),
                ("dealer", role(&DEALER, &DEALER_META, config.meta_api)),
            ]),
        ),
    ])
}

fn role(features: &[&'static str], meta: &[&'static str], meta_api: MetaApi) -> Value<'static> {
    let meta = match meta_api {
        MetaApi::Enabled => meta,
        MetaApi::Disabled => &[],
    };
    let features = features.iter().chain(meta).copied();
    Value::dict([("features", Value::dict(features.map(|name| (name, Value::from(true)))))])
}
