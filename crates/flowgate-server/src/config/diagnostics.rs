//! What is wrong with a configuration file, and where.

use std::{fmt, io, path::PathBuf};

use thiserror::Error;

/// Why a configuration cannot be used; the operator is at fault, and the router does not start.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file as it was named.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file's extension is neither `json`, `yaml` nor `yml`, so its syntax is unknown.
    #[error("cannot tell the syntax of {}: the extension must be json, yaml or yml", path.display())]
    UnknownSyntax {
        /// The file as it was named.
        path: PathBuf,
    },
    /// The file is longer than any configuration.
    #[error("{file} is longer than {limit_bytes} bytes")]
    TooLong {
        /// The file as it was named.
        file: String,
        /// The longest file that is read, in bytes.
        limit_bytes: usize,
    },
    /// The file's content is refused; every finding is listed.
    #[error("{0}")]
    Invalid(Diagnostics),
}

/// A place in a configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
}

/// One finding in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where it is.
    pub position: Position,
    /// The key path, such as `workers[0].realms[0].stats`; empty for the file as a whole.
    pub path: String,
    /// What is wrong, in lower case and without full stop.
    pub message: String,
    /// The nearest valid key or value, where one is near.
    pub suggestion: Option<String>,
}

/// The findings in one configuration file, in the order of the file.
///
/// Displayed one a line, as `file:line:column: key.path: message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    file: String,
    entries: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Sorts `entries` by their place in `file`.
    pub(super) fn new(file: &str, mut entries: Vec<Diagnostic>) -> Self {
        entries.sort_by_key(|entry| entry.position);
        Self { file: file.to_owned(), entries }
    }

    /// The file's name, as it is shown.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The findings.
    #[must_use]
    pub fn entries(&self) -> &[Diagnostic] {
        &self.entries
    }

    /// Whether there is no finding.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Each finding as the line that is shown to the operator.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.entries.iter().map(|entry| format!("{}:{entry}", self.file))
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.lines().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{line}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.position;
        write!(formatter, "{line}:{column}: ")?;
        if !self.path.is_empty() {
            write!(formatter, "{}: ", self.path)?;
        }
        formatter.write_str(&self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(formatter, " (did you mean `{suggestion}`?)"),
            None => Ok(()),
        }
    }
}
