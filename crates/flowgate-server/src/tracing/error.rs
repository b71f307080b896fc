//! What can go wrong with traces.

use std::{io, path::PathBuf};

use flowgate_trace::{OptionsError, RegistryError};

/// Tracing cannot start. The operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum TracingError {
    /// The folder for traces.
    #[error("cannot keep traces in {path}: {source}", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// Another process has its traces in the folder.
    #[error("cannot keep traces in {path}: another process does", path = path.display())]
    Taken {
        /// The folder.
        path: PathBuf,
    },
    /// There can be no thread.
    #[error("cannot start the thread for traces: {0}")]
    Thread(#[source] io::Error),
}

/// Why somebody does not get what they asked the traces for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TraceError {
    /// What the registry says; mostly the user's fault.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The user may not do that.
    #[error("{}", denied(*.option))]
    Denied {
        /// The option that asks for too much; `None` if it is tracing as such.
        option: Option<&'static str>,
    },
    /// All traces together have the files that they may have; the user removes or shortens some.
    #[error("trace option `persist`: the traces of this router have no room for more files")]
    NoRoom,
    /// Too many ask at once; they may come again.
    #[error("too many ask for traces at once")]
    Busy,
    /// The router shuts down.
    #[error("the router is shutting down")]
    Closed,
}

impl TraceError {
    /// The error URI for WAMP.
    pub(crate) const fn uri(&self) -> &'static str {
        match self {
            Self::Registry(error) => error.uri(),
            Self::Denied { .. } => "wamp.error.not_authorized",
            Self::NoRoom => "crossbar.error.invalid_configuration",
            Self::Busy => "wamp.error.unavailable",
            Self::Closed => "wamp.error.system_shutdown",
        }
    }
}

impl From<OptionsError> for TraceError {
    fn from(error: OptionsError) -> Self {
        Self::Registry(error.into())
    }
}

fn denied(option: Option<&str>) -> String {
    match option {
        Some(option) => format!("trace option `{option}`: not allowed by `flowgate.tracing`"),
        None => "tracing is not allowed by `flowgate.tracing`".to_owned(),
    }
}
