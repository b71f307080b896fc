//! What users can get wrong about traces.

use crate::options::OptionsError;
use crate::store::StoreError;

/// Why the registry does not do what a user wants; [`uri`](Self::uri) is the answer on the wire.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// There is no trace of this name; the user's fault.
    #[error("there is no trace `{0}`")]
    NoSuchTrace(String),
    /// The trace was started before and runs, or has run; the user's fault.
    #[error("trace `{0}` was started already")]
    AlreadyRunning(String),
    /// The name is none; the user's fault.
    #[error("argument `trace_id` must have 1 to 64 letters, digits, `-`, `_` or `.`")]
    Id,
    /// There are as many traces as there may be; the user removes some by restarting them.
    #[error("there are too many traces")]
    TooMany,
    /// An option is wrong; the user's fault.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// A range ends before it begins; the user's fault.
    #[error("argument `{end}` must not be below `{begin}`")]
    Reversed {
        /// The argument with the first number or moment.
        begin: &'static str,
        /// The argument with the last one.
        end: &'static str,
    },
    /// An argument is out of its range; the user's fault.
    #[error("argument `{argument}` must be from {min} to {max}")]
    Range {
        /// The argument.
        argument: &'static str,
        /// The smallest value.
        min: u64,
        /// The largest value.
        max: u64,
    },
    /// The operator has not said where files may be.
    #[error("trace option `persist`: this router has no folder for traces")]
    NoFiles,
    /// Files cannot be read; the operator's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RegistryError {
    /// The error URI, as of Crossbar.io.
    #[must_use]
    pub const fn uri(&self) -> &'static str {
        match self {
            Self::NoSuchTrace(_) => "crossbar.error.no_such_object",
            Self::AlreadyRunning(_) => "crossbar.error.already_running",
            Self::Id
            | Self::TooMany
            | Self::Options(_)
            | Self::Reversed { .. }
            | Self::Range { .. }
            | Self::NoFiles => "crossbar.error.invalid_configuration",
            Self::Store(_) => "crossbar.error.runtime_error",
        }
    }
}
