//! The gate of a role: permissions, and for some roles an authorizer that takes its time.

use std::time::Duration;

use flowgate_event::{Gate, GateRequest, Verdict};
use flowgate_router::{Permissions, TrustLevel};

/// How long the realm waits for the authorizer: a few steps of the simulation, so that some answers
/// come too late.
const WITHIN: Duration = Duration::from_millis(5);

/// A gate that decides by rules, and where it asks, asks about what has a `b` in it; and how far its
/// role is trusted.
pub(crate) struct RoleGate {
    pub(crate) permissions: Permissions,
    pub(crate) decides: Decides,
    pub(crate) trustlevel: Option<TrustLevel>,
}

/// Who decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decides {
    Alone,
    WithAuthorizer,
}

impl Gate for RoleGate {
    fn admit(&self, request: &GateRequest<'_>) -> Verdict {
        if self.decides == Decides::WithAuthorizer && request.uri.contains('b') {
            return Verdict::Ask { within: WITHIN };
        }
        self.permissions.admit(request)
    }
}
