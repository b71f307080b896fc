//! The opening handshake: from HELLO to a session that may join, or a refusal.

use flowgate_wire::{Message, uris};

use crate::ClientFeatures;

/// How a listener authenticates its clients.
#[derive(Debug, Clone)]
pub struct AuthPolicy {
    /// Whether the listener's configuration has an `auth` section.
    ///
    /// Without one, every client joins as anonymous, whatever methods it offers.
    pub offer: AuthOffer,
    /// What an anonymous client gets.
    pub anonymous: AnonymousPolicy,
}

/// Which clients a listener takes as anonymous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthOffer {
    /// All of them.
    Everyone,
    /// Those whose `authmethods` are absent or name `anonymous`.
    AnonymousMethod,
}

/// What an anonymous client gets.
#[derive(Debug, Clone)]
pub struct AnonymousPolicy {
    /// The only realm it may join; `None` for any.
    pub realm: Option<String>,
    /// Its role.
    pub role: String,
    /// Its name; `None` for one drawn at random.
    pub authid: Option<String>,
}

/// What the handshake says to a message.
#[derive(Debug)]
pub enum HandshakeStep {
    /// The client may join.
    Join(Accepted),
    /// The client is refused: send this as ABORT, then close the connection.
    Refuse(Refusal),
    /// The client gave up (ABORT): close the connection without a reply.
    Close,
}

/// A client that may join.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The realm; whether it exists is for the shell to say ([`Refusal::no_such_realm`]).
    pub realm: String,
    /// Who the session is; `None` for a name drawn at random.
    pub authid: Option<String>,
    /// Its role.
    pub authrole: String,
    /// The method.
    pub authmethod: &'static str,
    /// Who checked.
    pub authprovider: &'static str,
    /// What the client announced.
    pub features: ClientFeatures,
}

/// Why a client is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason URI of ABORT.
    pub reason: &'static str,
    /// The `message` in its details.
    pub message: String,
}

impl Refusal {
    /// The client named a realm that does not exist.
    #[must_use]
    pub fn no_such_realm(realm: &str) -> Self {
        Self { reason: uris::error::NO_SUCH_REALM, message: format!("no realm {realm:?}") }
    }
}

impl AuthPolicy {
    /// Judges the first message of a connection, or of a further session on it.
    #[must_use]
    pub fn judge(&self, _message: &Message<'_>) -> HandshakeStep {
        HandshakeStep::Close
    }
}
