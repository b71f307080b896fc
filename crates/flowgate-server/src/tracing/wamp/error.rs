//! What callers can get wrong.

use crate::tracing::TraceError;

/// Why a caller gets ERROR; the text is its only argument.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// What the traces say.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// An argument is missing or of another type; the caller's fault.
    #[error("argument `{argument}` must be {expected}")]
    Argument {
        /// The argument.
        argument: &'static str,
        /// What it may be.
        expected: &'static str,
    },
    /// An argument that the procedure does not have, or has twice; the caller's fault.
    #[error("there is no argument `{0}`, or it is there twice")]
    UnknownArgument(String),
    /// More arguments than the procedure has; the caller's fault.
    #[error("there are more than {0} arguments")]
    TooMany(usize),
    /// The node or worker is none of this router; the caller's fault.
    #[error("there is no {kind} `{id}`")]
    NoSuchPlace {
        /// `node` or `worker`.
        kind: &'static str,
        /// What was asked for.
        id: String,
    },
    /// There is a definition of this name; the caller's fault.
    #[error("trace `{0}` exists already")]
    Exists(String),
    /// There is no definition of this name; the caller's fault.
    #[error("there is no trace `{0}`")]
    NoSuchTrace(String),
    /// The trace cannot be started, stopped or deleted now; the caller's fault.
    #[error("trace `{id}` is {status}")]
    Status {
        /// The trace.
        id: String,
        /// How far it is.
        status: &'static str,
    },
    /// There are as many definitions as there may be; the caller deletes some.
    #[error("there are too many traces")]
    TooManyTraces,
    /// A description could not be put into values: ours.
    #[error("the router cannot say what it knows: {0}")]
    Shape(String),
}

impl CallError {
    /// The error URI, as of Crossbar.io.
    pub(super) const fn uri(&self) -> &'static str {
        match self {
            Self::Trace(error) => error.uri(),
            Self::Argument { .. } | Self::UnknownArgument(_) | Self::TooMany(_) => {
                "wamp.error.invalid_argument"
            }
            Self::NoSuchPlace { .. } | Self::NoSuchTrace(_) => "crossbar.error.no_such_object",
            Self::Exists(_) => "crossbar.error.already_exists",
            Self::Status { .. } | Self::Shape(_) => "wamp.error.runtime_error",
            Self::TooManyTraces => "crossbar.error.invalid_configuration",
        }
    }
}
