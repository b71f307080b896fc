//! The settings of the simulated realm.

use std::time::Duration;

use fastrand::Rng;
use flowgate_event::Disclosure;
use flowgate_router::{
    Allow, CallSettings, Disclose, HistoryConfig, Permissions, Rule, TrustLevel,
};
use flowgate_wire::MatchPolicy;

use crate::gate::{Decides, RoleGate};

/// Retained events: few enough that some are driven out.
pub(crate) const RETAINED_MAX: usize = 4;

/// The histories of the realm: pattern, policy and limit. Their subscriptions count from 1.
pub(crate) const HISTORIES: [(&str, MatchPolicy, usize); 2] =
    [("com.a", MatchPolicy::Exact, 3), ("com.", MatchPolicy::Prefix, 1000)];

/// What the shell serves, and the names of its procedures.
pub(crate) const SERVED: &str = "svc";
pub(crate) const SERVED_PROCEDURES: [&str; 2] = ["echo", "b"];

pub(super) fn history((pattern, policy, limit): (&str, MatchPolicy, usize)) -> HistoryConfig {
    HistoryConfig { pattern: pattern.to_owned(), policy, limit, records: Vec::new() }
}

/// Limits that calls reach, or none.
pub(super) fn calls(random: &mut Rng) -> CallSettings {
    let queue_limit = random.usize(..4);
    let mut limit =
        |milliseconds| random.bool().then(|| Duration::from_millis(random.u64(1..milliseconds)));
    CallSettings { default_timeout: limit(200), max_timeout: limit(100), queue_limit }
}

/// A role that may do everything, one with rules of all kinds, and one with a slow authorizer.
pub(super) fn roles() -> Vec<(String, RoleGate)> {
    let always = |always| if always { Disclosure::Always } else { Disclosure::OnRequest };
    let rule = |policy, pattern: &str, allow, publisher: bool| Rule {
        pattern: pattern.to_owned(),
        policy,
        allow,
        disclose: Disclose { caller: always(!publisher), publisher: always(publisher) },
    };
    let limited = Permissions::new([
        rule(MatchPolicy::Prefix, "com.", Allow { register: false, ..Allow::ALL }, false),
        rule(MatchPolicy::Wildcard, "com.a.", Allow::ALL, true),
        rule(MatchPolicy::Exact, "com.ab", Allow { subscribe: true, ..Allow::default() }, false),
    ]);
    let all = || Permissions::allow_all(Disclose::default());
    let role =
        |name: &str, permissions, decides| (name.to_owned(), RoleGate { permissions, decides });
    vec![
        role("all", all(), Decides::Alone),
        role("limited", limited, Decides::Alone),
        role("asking", all(), Decides::WithAuthorizer),
    ]
}

/// How far those who have a role are trusted.
pub(crate) fn trustlevel(role: &str) -> Option<TrustLevel> {
    match role {
        "limited" => Some(TrustLevel(0)),
        "asking" => Some(TrustLevel(7)),
        _ => None,
    }
}
