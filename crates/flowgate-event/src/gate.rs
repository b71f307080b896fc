//! The seam through which a session's actions are admitted.

use std::time::Duration;

use flowgate_wire::{MatchPolicy, SessionId};

/// What a session wants to do with a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GateAction {
    /// Call a procedure.
    Call,
    /// Register a procedure or pattern.
    Register,
    /// Publish to a topic.
    Publish,
    /// Subscribe to a topic or pattern.
    Subscribe,
}

impl GateAction {
    /// The word that configurations and authorizers use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Register => "register",
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
        }
    }
}

/// One question to a [`Gate`].
#[derive(Debug, Clone, Copy)]
pub struct GateRequest<'a> {
    /// The session that asks.
    pub session: SessionId,
    /// Who that is.
    pub authid: &'a str,
    /// The role it has.
    pub authrole: &'a str,
    /// What it wants to do.
    pub action: GateAction,
    /// The URI or pattern.
    pub uri: &'a str,
    /// How `uri` matches; [`MatchPolicy::Exact`] for calls and publications.
    pub policy: MatchPolicy,
}

/// The answer of a [`Gate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The action may happen.
    Admit(Disclosure),
    /// The action may not happen.
    Deny,
    /// Somebody else has to be asked, who needs time.
    ///
    /// The router parks the request and what its session sends after it, until it is told the
    /// [`Answer`]; without one in time the request fails with `wamp.error.authorization_failed`.
    Ask {
        /// How long the router waits.
        within: Duration,
    },
}

/// What has come of a [`Verdict::Ask`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The action may happen.
    Admit(Disclosure),
    /// The action may not happen.
    Deny,
    /// Nobody could say: the request fails with `wamp.error.authorization_failed`.
    Fail,
}

/// Whether the other side learns who calls or publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Disclosure {
    /// Only if the session itself asks for it.
    #[default]
    OnRequest,
    /// Always.
    Always,
    /// Never: a request that asks for it is refused.
    Never,
}

/// Decides what the sessions of a role may do.
///
/// The answer must depend on nothing but the request and the gate's own configuration, so that a
/// run of the router can be replayed.
pub trait Gate {
    /// Decides about one action.
    fn admit(&self, request: &GateRequest<'_>) -> Verdict;
}
