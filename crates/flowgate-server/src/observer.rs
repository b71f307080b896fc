//! What the router does, in the log.

use flowgate_event::{Event, Observer, Timestamp};

/// Writes the events of one realm to the log.
#[derive(Debug)]
pub(crate) struct LogObserver {
    realm: String,
}

impl LogObserver {
    /// An observer of the realm with this name.
    pub(crate) fn new(realm: impl Into<String>) -> Self {
        Self { realm: realm.into() }
    }
}

impl Observer for LogObserver {
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
