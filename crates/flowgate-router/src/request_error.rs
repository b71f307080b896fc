//! Why a request is refused: what ERROR says.

use std::time::Duration;

use flowgate_event::{CallOutcome, GateAction};
use flowgate_wire::{RegistrationId, SessionId, SubscriptionId, uris};

/// The error of [`RequestError::TableFull`]; the specification has none for it.
const TABLE_FULL: &str = "flowgate.error.table_full";

/// The error of [`RequestError::TooManyCalls`], which is Crossbar.io's; the specification has none
/// for it.
const MAX_CONCURRENCY_REACHED: &str = "crossbar.error.max_concurrency_reached";

/// The error of [`RequestError::HistoryUnavailable`], which is Crossbar.io's; the specification has
/// none for it.
const HISTORY_UNAVAILABLE: &str = "wamp.error.history_unavailable";

/// A refused request.
///
/// The router answers with ERROR: [`uri`](Self::uri) is the error, and the text its only argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestError<'a> {
    /// The peer gave a URI or pattern that the realm's check does not accept.
    #[error("{0:?} is not a valid URI here")]
    InvalidUri(&'a str),
    /// The peer gave a URI or pattern that is longer than any realm takes.
    #[error("a URI of {0} octets is too long")]
    UriTooLong(usize),
    /// The peer wants to register or publish what belongs to the router.
    #[error("{0:?} is reserved for the router")]
    ReservedUri(&'a str),
    /// The callee answered with an error URI that the realm's check does not accept; its caller
    /// gets this instead.
    #[error("the callee failed with {0:?}, which is not a valid URI here")]
    InvalidErrorUri(&'a str),
    /// The peer gave an option the wrong type or an unknown word.
    #[error("option {option:?} is not {expected}")]
    InvalidOption { option: &'static str, expected: &'static str },
    /// The peer gave an option a value that the specification knows and this router does not take.
    #[error("option {option:?} can only be {allowed}")]
    OptionNotAllowed { option: &'static str, allowed: &'static str },
    /// The peer wants to be disclosed where the configuration forbids it.
    #[error("the router does not disclose who calls or publishes {0:?}")]
    DiscloseMeDisallowed(&'a str),
    /// The peer marks a payload as one not to be looked into, and has not announced that it does.
    #[error("payload passthru mode was not announced")]
    PassthruNotAnnounced,
    /// The peer asked for the history of a subscription that has none.
    #[error("there is no event history for subscription {0}")]
    HistoryUnavailable(SubscriptionId),
    /// The peer called a procedure of the router with the wrong arguments.
    #[error("argument {argument:?} is not {expected}")]
    InvalidArgument { argument: &'static str, expected: &'static str },
    /// The peer called a procedure of the router with an argument that is no URI.
    #[error("argument {0:?} is not a valid URI here")]
    InvalidUriArgument(&'static str),
    /// The peer named a scope of testaments that there is not.
    #[error("the scope of a testament is \"destroyed\" or \"detached\"")]
    InvalidScope,
    /// The peer's testaments are as many or as large as one session may have.
    #[error("a session has room for {count_max} testaments of {bytes_max} octets together")]
    TooManyTestaments { count_max: usize, bytes_max: usize },
    /// The gate of the peer's role said no; nothing else about the URI is revealed.
    #[error("not authorized to {} {uri:?}", action.name())]
    NotAuthorized { action: GateAction, uri: &'a str },
    /// Who had to be asked for the gate gave no answer, or not in time.
    #[error("nobody could say whether the session may {} {uri:?}", action.name())]
    AuthorizationFailed { action: GateAction, uri: &'a str },
    /// The gate asks somebody else: the request waits, and nothing is said yet.
    #[error("the request waits for an authorizer")]
    Asked,
    /// Nothing that matches is registered.
    #[error("no procedure {0:?} is registered")]
    NoSuchProcedure(&'a str),
    /// The same URI or pattern with the same match policy is registered.
    #[error("procedure {0:?} is already registered")]
    ProcedureAlreadyExists(&'a str),
    /// The procedure is shared by callees who have agreed on another invocation policy.
    #[error("procedure {0:?} is registered with another invocation policy")]
    InvocationPolicyConflict(&'a str),
    /// The callee did not announce a feature that the call needs, or the caller one that the answer
    /// needs.
    #[error("the other side does not support {0}")]
    FeatureNotSupported(&'static str),
    /// All callees have as many calls as they take at a time, and no more can wait.
    #[error("all callees of {0:?} are busy")]
    TooManyCalls(&'a str),
    /// All callees have said that they are unavailable.
    #[error("no callee is available")]
    NoAvailableCallee,
    /// There is no registration that a procedure of the router was asked about.
    #[error("there is no registration {0}")]
    UnknownRegistration(RegistrationId),
    /// The session does not hold the registration it wants to end.
    #[error("the session holds no registration {0}")]
    NoSuchRegistration(RegistrationId),
    /// The session does not hold the subscription it wants to end.
    #[error("the session holds no subscription {0}")]
    NoSuchSubscription(SubscriptionId),
    /// There is no subscription that a procedure of the router was asked about.
    #[error("there is no subscription {0}")]
    UnknownSubscription(SubscriptionId),
    /// The session that a procedure of the router was asked about is not open.
    #[error("there is no session {0}")]
    NoSuchSession(SessionId),
    /// The realm's table has no room for another pattern, or for one as long: nobody's fault.
    #[error("there is no room for {0:?}")]
    TableFull(&'a str),
    /// The caller canceled the call.
    #[error("the caller canceled the call")]
    Canceled,
    /// The callee did not answer in time.
    #[error("the callee did not answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// The callee left before it answered.
    #[error("the callee left before it answered")]
    CalleeLeft,
    /// The router shuts down before the callee answered.
    #[error("the router shut down before the callee answered")]
    ShuttingDown,
    /// The callee's transport does not take an INVOCATION of that size.
    #[error("the invocation exceeds what the callee's transport takes")]
    InvocationTooLarge,
    /// The caller's transport does not take a result of that size.
    #[error("the answer exceeds what the caller's transport takes")]
    AnswerTooLarge,
}

impl RequestError<'_> {
    /// How a call ends that gets this error from the router.
    pub(crate) const fn call_outcome(&self) -> CallOutcome {
        match self {
            Self::Canceled => CallOutcome::Canceled,
            Self::Timeout(_) => CallOutcome::Timeout,
            Self::NoSuchProcedure(_) | Self::NoAvailableCallee => CallOutcome::NoCallee,
            Self::NotAuthorized { .. } | Self::AuthorizationFailed { .. } => CallOutcome::Denied,
            Self::CalleeLeft => CallOutcome::CalleeGone,
            Self::InvalidErrorUri(_) | Self::AnswerTooLarge => CallOutcome::Error,
            Self::InvalidUri(_)
            | Self::UriTooLong(_)
            | Self::ReservedUri(_)
            | Self::InvalidOption { .. }
            | Self::OptionNotAllowed { .. }
            | Self::DiscloseMeDisallowed(_)
            | Self::PassthruNotAnnounced
            | Self::HistoryUnavailable(_)
            | Self::InvalidArgument { .. }
            | Self::InvalidUriArgument(_)
            | Self::InvalidScope
            | Self::TooManyTestaments { .. }
            | Self::Asked
            | Self::ProcedureAlreadyExists(_)
            | Self::InvocationPolicyConflict(_)
            | Self::FeatureNotSupported(_)
            | Self::TooManyCalls(_)
            | Self::UnknownRegistration(_)
            | Self::NoSuchRegistration(_)
            | Self::NoSuchSubscription(_)
            | Self::UnknownSubscription(_)
            | Self::NoSuchSession(_)
            | Self::TableFull(_)
            | Self::ShuttingDown
            | Self::InvocationTooLarge => CallOutcome::Refused,
        }
    }

    /// The error URI ("Basic Profile URIs", "Advanced Profile URIs").
    pub(crate) const fn uri(&self) -> &'static str {
        match self {
            Self::InvalidUri(_)
            | Self::UriTooLong(_)
            | Self::ReservedUri(_)
            | Self::InvalidUriArgument(_)
            | Self::InvalidErrorUri(_) => uris::error::INVALID_URI,
            Self::InvalidOption { .. } | Self::InvalidArgument { .. } => {
                uris::error::INVALID_ARGUMENT
            }
            Self::OptionNotAllowed { .. } => uris::error::OPTION_NOT_ALLOWED,
            Self::DiscloseMeDisallowed(_) => uris::error::DISCLOSE_ME_DISALLOWED,
            Self::HistoryUnavailable(_) => HISTORY_UNAVAILABLE,
            Self::InvalidScope | Self::TooManyTestaments { .. } => uris::error::TESTAMENT_ERROR,
            Self::AuthorizationFailed { .. } | Self::Asked => uris::error::AUTHORIZATION_FAILED,
            Self::NotAuthorized { .. } => uris::error::NOT_AUTHORIZED,
            Self::NoSuchProcedure(_) => uris::error::NO_SUCH_PROCEDURE,
            Self::ProcedureAlreadyExists(_) => uris::error::PROCEDURE_ALREADY_EXISTS,
            Self::InvocationPolicyConflict(_) => {
                uris::error::PROCEDURE_EXISTS_WITH_DIFFERENT_INVOCATION_POLICY
            }
            Self::FeatureNotSupported(_) | Self::PassthruNotAnnounced => {
                uris::error::FEATURE_NOT_SUPPORTED
            }
            Self::TooManyCalls(_) => MAX_CONCURRENCY_REACHED,
            Self::NoAvailableCallee => uris::error::NO_AVAILABLE_CALLEE,
            Self::NoSuchRegistration(_) | Self::UnknownRegistration(_) => {
                uris::error::NO_SUCH_REGISTRATION
            }
            Self::NoSuchSubscription(_) | Self::UnknownSubscription(_) => {
                uris::error::NO_SUCH_SUBSCRIPTION
            }
            Self::NoSuchSession(_) => uris::error::NO_SUCH_SESSION,
            Self::TableFull(_) => TABLE_FULL,
            Self::Timeout(_) => uris::error::TIMEOUT,
            Self::Canceled | Self::CalleeLeft | Self::ShuttingDown => uris::error::CANCELED,
            Self::InvocationTooLarge | Self::AnswerTooLarge => uris::error::PAYLOAD_SIZE_EXCEEDED,
        }
    }
}
