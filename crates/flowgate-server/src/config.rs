//! The node configuration: Crossbar.io's file format, version 2, in JSON or YAML, with Flowgate's
//! own settings under one key.
//!
//! Start with [`load`], which gives a [`NodeConfig`] that the server runs without further checks,
//! or a [`ConfigError`] with every finding: file, line, column, key path, reason, and the nearest
//! valid key.
//! Nothing in a file is ignored silently: a key is used, or refused, or listed in
//! `docs/configuration.md` as accepted without effect.
//!
//! Apart from [`load`] this module does no I/O, and it reads the environment only through the
//! function that it is given.

mod diagnostics;
mod host;
mod json;
mod listener;
mod model;
mod read;
mod reader;
mod schema;
mod suggest;
mod summary;
#[cfg(test)]
mod tests;
mod tree;
mod yaml;

use std::{fs::File, io::Read as _, path::Path};

pub use diagnostics::{ConfigError, Diagnostic, Diagnostics, Position};
pub use host::{HostName, InvalidHostName};
pub use listener::{
    AnonymousAuth, AuthConfig, Endpoint, ListenerConfig, OriginPattern, PathPattern,
    RawSocketConfig, TcpEndpoint, TlsConfig, UnixEndpoint, WebSocketOptions, WebSocketPath,
};
pub use model::{
    AdminTracing, Allow, Disclose, FlowgateConfig, HistoryRule, HttpUrl, InvalidHttpUrl, Keepalive,
    LogConfig, LogFormat, LogLevel, MetricsConfig, NodeConfig, ObserverConfig, OtlpConfig,
    PermissionRule, Permissions, RealmConfig, RequestIds, RoleConfig, StoreConfig, StoreKind,
    TopicPattern, TraceGrant, TracedRealms, TracingConfig,
};
pub use summary::Summary;

use reader::Reader;

/// The longest file that is read, in bytes: far above any configuration, and little memory.
pub const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;

/// A complete commented configuration: what the router runs without a file, and what
/// `flowgate init` writes.
pub const STARTER: &str = include_str!("config/default.yaml");

/// The name under which `flowgate init` writes [`STARTER`] unless told otherwise.
pub const STARTER_FILE: &str = "flowgate.yaml";

/// The name under which findings in [`STARTER`] are shown.
const STARTER_NAME: &str = "built-in configuration";

/// The syntax of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// `.json`
    Json,
    /// `.yaml` or `.yml`
    Yaml,
}

/// Where a configuration comes from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The name that findings are shown with.
    pub name: &'a str,
    /// How the text is to be parsed.
    pub syntax: Syntax,
    /// Where relative paths in the file start.
    pub directory: &'a Path,
}

impl Syntax {
    /// The syntax that the extension of a file says.
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "json" => Some(Self::Json),
            "yaml" | "yml" => Some(Self::Yaml),
            _ => None,
        }
    }
}

impl NodeConfig {
    /// The configuration for people: what `flowgate check` prints of a file without errors.
    #[must_use]
    pub const fn summary(&self) -> Summary<'_> {
        Summary(self)
    }

    /// The built-in configuration, [`STARTER`].
    ///
    /// # Errors
    /// None in a released binary: a test parses it.
    pub fn built_in() -> Result<Self, ConfigError> {
        let source = Source { name: STARTER_NAME, syntax: Syntax::Yaml, directory: Path::new(".") };
        parse(STARTER.as_bytes(), &source, &|_| None)
    }
}

/// Reads and validates a file; `environment` looks up the variables that the file names.
///
/// # Errors
/// The file cannot be read, or its content is refused; then every finding is listed.
pub fn load(
    path: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<NodeConfig, ConfigError> {
    let Some(syntax) = Syntax::of_path(path) else {
        return Err(ConfigError::UnknownSyntax { path: path.to_owned() });
    };
    let text =
        read_file(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let directory = path.parent().unwrap_or(Path::new(""));
    parse(&text, &Source { name: &path.to_string_lossy(), syntax, directory }, environment)
}

/// Reads at most one byte more than is allowed, so that the length can be judged.
fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let limit = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut text)?;
    Ok(text)
}

/// Validates the text of a file.
///
/// # Errors
/// As for [`load`].
pub fn parse(
    text: &[u8],
    source: &Source<'_>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<NodeConfig, ConfigError> {
    if text.len() > MAX_FILE_BYTES {
        let file = source.name.to_owned();
        return Err(ConfigError::TooLong { file, limit_bytes: MAX_FILE_BYTES });
    }
    let invalid = |errors| ConfigError::Invalid(Diagnostics::new(source.name, errors));
    let root = parse_tree(text, source.syntax).map_err(|error| invalid(vec![error]))?;
    let mut reader = Reader {
        errors: Vec::new(),
        warnings: Vec::new(),
        environment,
        directory: source.directory,
    };
    let config = read::read_node(&mut reader, &root);
    let Reader { errors, warnings, .. } = reader;
    let warnings = Diagnostics::new(source.name, warnings);
    config.map(|config| NodeConfig { warnings, ..config }).ok_or_else(|| invalid(errors))
}

fn parse_tree(text: &[u8], syntax: Syntax) -> Result<tree::Node, Diagnostic> {
    let text = std::str::from_utf8(text).map_err(|error| {
        let valid = text.get(..error.valid_up_to()).unwrap_or_default();
        let line = valid.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
        let column = valid.rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len);
        let position = Position { line, column: column.saturating_add(1) };
        tree::syntax_error(position, "the file is not UTF-8")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match syntax {
        Syntax::Json => json::parse(text),
        Syntax::Yaml => yaml::parse(text),
    }
}
