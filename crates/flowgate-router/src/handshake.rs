//! The opening handshake: from HELLO to a session that may join, or a refusal.

use flowgate_wire::{Dict, Hello, MatchPolicy, Message, UriCheck, Value, uris};

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

    fn violation(message: String) -> Self {
        Self { reason: uris::error::PROTOCOL_VIOLATION, message }
    }
}

impl AuthPolicy {
    /// Judges the first message of a connection, or of a further session on it.
    ///
    /// Takes HELLO, and ABORT from a client that gives up; anything else is a protocol error
    /// ("Session Establishment").
    #[must_use]
    pub fn judge(&self, message: &Message<'_>) -> HandshakeStep {
        let judged = match message {
            Message::Hello(hello) => self.judge_hello(hello),
            Message::Abort(_) => return HandshakeStep::Close,
            Message::Welcome(_)
            | Message::Challenge(_)
            | Message::Authenticate(_)
            | Message::Goodbye(_)
            | Message::Error(_)
            | Message::Publish(_)
            | Message::Published(_)
            | Message::Subscribe(_)
            | Message::Subscribed(_)
            | Message::Unsubscribe(_)
            | Message::Unsubscribed(_)
            | Message::Event(_)
            | Message::Call(_)
            | Message::Cancel(_)
            | Message::Result(_)
            | Message::Register(_)
            | Message::Registered(_)
            | Message::Unregister(_)
            | Message::Unregistered(_)
            | Message::Invocation(_)
            | Message::Interrupt(_)
            | Message::Yield(_)
            | Message::EventReceived(_) => {
                let name = message.message_type().name();
                Err(Refusal::violation(format!("{name} before a session is open")))
            }
        };
        match judged {
            Ok(accepted) => HandshakeStep::Join(accepted),
            Err(refusal) => HandshakeStep::Refuse(refusal),
        }
    }

    fn judge_hello(&self, hello: &Hello<'_>) -> Result<Accepted, Refusal> {
        let realm = hello.realm.as_str();
        if !hello.realm.is_valid(UriCheck::Loose, MatchPolicy::Exact) {
            let message = format!("{realm:?} is not a valid realm");
            return Err(Refusal { reason: uris::error::INVALID_URI, message });
        }
        let features = announced_features(&hello.details)?;
        let anonymous = offers_anonymous(&hello.details)?;
        if self.offer == AuthOffer::AnonymousMethod && !anonymous {
            let message = "only the authentication method \"anonymous\" is offered".to_owned();
            return Err(Refusal { reason: uris::error::NO_MATCHING_AUTH_METHOD, message });
        }
        let AnonymousPolicy { realm: allowed, role, authid } = &self.anonymous;
        if allowed.as_deref().is_some_and(|allowed| allowed != realm) {
            let message = format!("anonymous clients may not join realm {realm:?}");
            return Err(Refusal { reason: uris::error::NOT_AUTHORIZED, message });
        }
        Ok(Accepted {
            realm: realm.to_owned(),
            authid: authid.clone(),
            authrole: role.clone(),
            authmethod: "anonymous",
            authprovider: "static",
            features,
        })
    }
}

/// What the client announces in `HELLO.Details.roles`, of which it must have at least one.
///
/// A feature that is not `true` is not announced.
fn announced_features(details: &Dict<'_>) -> Result<ClientFeatures, Refusal> {
    let roles = details.get("roles");
    let announced = roles.as_ref().and_then(Value::as_dict).filter(|roles| !roles.is_empty());
    if announced.is_none() {
        return Err(Refusal::violation("HELLO announces no roles".to_owned()));
    }
    let has = |role: &str, feature| {
        let role = roles.as_ref().and_then(|roles| roles.get(role));
        let features = role.and_then(|role| role.get("features"));
        features.and_then(|all| all.get(feature)).and_then(Value::as_bool) == Some(true)
    };
    Ok(ClientFeatures {
        callee_call_canceling: has("callee", "call_canceling"),
        callee_progressive_call_results: has("callee", "progressive_call_results"),
        callee_progressive_call_invocations: has("callee", "progressive_call_invocations"),
        callee_call_timeout: has("callee", "call_timeout"),
        callee_call_reroute: has("callee", "call_reroute"),
        callee_registration_revocation: has("callee", "registration_revocation"),
        callee_payload_passthru_mode: has("callee", "payload_passthru_mode"),
        caller_progressive_call_invocations: has("caller", "progressive_call_invocations"),
        caller_payload_passthru_mode: has("caller", "payload_passthru_mode"),
        publisher_payload_passthru_mode: has("publisher", "payload_passthru_mode"),
        subscriber_subscription_revocation: has("subscriber", "subscription_revocation"),
    })
}

/// Whether `HELLO.Details.authmethods` is absent or names `anonymous`.
fn offers_anonymous(details: &Dict<'_>) -> Result<bool, Refusal> {
    let Some(methods) = details.get("authmethods").filter(|methods| *methods != Value::Null) else {
        return Ok(true);
    };
    let methods = methods.as_list().unwrap_or(&[Value::Null]);
    if methods.iter().any(|method| method.as_str().is_none()) {
        return Err(Refusal::violation("HELLO.authmethods is not a list of strings".to_owned()));
    }
    Ok(methods.iter().any(|method| method.as_str() == Some("anonymous")))
}
