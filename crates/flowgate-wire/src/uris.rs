//! The URIs that the specification predefines and that this router uses.
//!
//! Source: basic profile, "Basic Profile URIs"; advanced profile, "Advanced Profile URIs".

/// Error URIs of ERROR and ABORT messages.
pub mod error {
    /// A URI in a message is not valid.
    pub const INVALID_URI: &str = "wamp.error.invalid_uri";
    /// No procedure is registered under the URI.
    pub const NO_SUCH_PROCEDURE: &str = "wamp.error.no_such_procedure";
    /// A procedure is registered under the URI already.
    pub const PROCEDURE_ALREADY_EXISTS: &str = "wamp.error.procedure_already_exists";
    /// Those who share a procedure have agreed on another invocation policy.
    pub const PROCEDURE_EXISTS_WITH_DIFFERENT_INVOCATION_POLICY: &str =
        "wamp.error.procedure_exists_with_different_invocation_policy";
    /// The callee cannot take the call now; another may.
    pub const UNAVAILABLE: &str = "wamp.error.unavailable";
    /// All callees of the procedure are unavailable.
    pub const NO_AVAILABLE_CALLEE: &str = "wamp.error.no_available_callee";
    /// The other side does not support a feature that the message uses.
    pub const FEATURE_NOT_SUPPORTED: &str = "wamp.error.feature_not_supported";
    /// The session holds no such registration.
    pub const NO_SUCH_REGISTRATION: &str = "wamp.error.no_such_registration";
    /// The session holds no such subscription.
    pub const NO_SUCH_SUBSCRIPTION: &str = "wamp.error.no_such_subscription";
    /// There is no such session.
    pub const NO_SUCH_SESSION: &str = "wamp.error.no_such_session";
    /// The arguments of a call do not fit the procedure.
    pub const INVALID_ARGUMENT: &str = "wamp.error.invalid_argument";
    /// The call was canceled, or its callee went away.
    pub const CANCELED: &str = "wamp.error.canceled";
    /// The callee did not answer in time.
    pub const TIMEOUT: &str = "wamp.error.timeout";
    /// A message exceeds what its receiver's transport takes.
    pub const PAYLOAD_SIZE_EXCEEDED: &str = "wamp.error.payload_size_exceeded";
    /// The peer broke the protocol.
    pub const PROTOCOL_VIOLATION: &str = "wamp.error.protocol_violation";
    /// The session may not do that.
    pub const NOT_AUTHORIZED: &str = "wamp.error.not_authorized";
    /// Whether the session may do that could not be determined.
    pub const AUTHORIZATION_FAILED: &str = "wamp.error.authorization_failed";
    /// There is no such realm.
    pub const NO_SUCH_REALM: &str = "wamp.error.no_such_realm";
    /// There is no such role in the realm.
    pub const NO_SUCH_ROLE: &str = "wamp.error.no_such_role";
    /// None of the client's authentication methods is offered here.
    pub const NO_MATCHING_AUTH_METHOD: &str = "wamp.error.no_matching_auth_method";
    /// The router does not allow this option or option value.
    pub const OPTION_NOT_ALLOWED: &str = "wamp.error.option_not_allowed";
    /// A testament can't be added or flushed: Crossbar.io's error, the specification has none.
    pub const TESTAMENT_ERROR: &str = "wamp.error.testament_error";
    /// The router does not let the peer disclose its identity.
    pub const DISCLOSE_ME_DISALLOWED: &str = "wamp.error.option_disallowed.disclose_me";
}

/// Reasons of GOODBYE messages.
pub mod close {
    /// The peer shuts down.
    pub const SYSTEM_SHUTDOWN: &str = "wamp.close.system_shutdown";
    /// The peer leaves the realm.
    pub const CLOSE_REALM: &str = "wamp.close.close_realm";
    /// Another session has ended this one.
    pub const KILLED: &str = "wamp.close.killed";
    /// The reply to a GOODBYE.
    pub const GOODBYE_AND_OUT: &str = "wamp.close.goodbye_and_out";
}
