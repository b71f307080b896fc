//! From the configuration's permissions to the router's gates.

use flowgate_event::Gate;
use flowgate_router as auth;

use crate::config::Permissions;

/// The gate of a role.
pub(crate) fn build(permissions: Permissions) -> Box<dyn Gate + Send + Sync> {
    Box::new(match permissions {
        Permissions::AllowAll => auth::Permissions::allow_all(auth::Disclose::default()),
        Permissions::DenyAll => auth::Permissions::new([]),
        Permissions::Rules(rules) => {
            auth::Permissions::new(rules.into_iter().map(|rule| auth::Rule {
                pattern: rule.uri,
                policy: rule.match_policy,
                allow: auth::Allow {
                    call: rule.allow.call,
                    register: rule.allow.register,
                    publish: rule.allow.publish,
                    subscribe: rule.allow.subscribe,
                },
                disclose: auth::Disclose {
                    caller: rule.disclose.caller,
                    publisher: rule.disclose.publisher,
                },
            }))
        }
    })
}
