//! Tests of the configuration: one `check` for findings, one `accepted` for values.

mod documentation;
mod findings;
mod properties;
mod syntax;
mod values;

use std::path::Path;

use super::{ConfigError, NodeConfig, Source, Syntax, parse};

/// The only environment that tests see.
fn environment(name: &str) -> Option<String> {
    match name {
        "PORT" => Some("9090".to_owned()),
        "WORD" => Some("many".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn parse_as(syntax: Syntax, text: &[u8]) -> Result<NodeConfig, ConfigError> {
    let source = Source { name: "test", syntax, directory: Path::new("/etc/flowgate") };
    parse(text, &source, &environment)
}

fn parse_yaml(text: &str) -> Result<NodeConfig, ConfigError> {
    parse_as(Syntax::Yaml, text.as_bytes())
}

fn accepted(text: &str) -> NodeConfig {
    parse_yaml(text).unwrap_or_else(|error| panic!("{error}\n--- in\n{text}"))
}

/// The errors of a refused file, as they are shown but without the file's name.
fn errors(result: Result<NodeConfig, ConfigError>) -> Vec<String> {
    match result {
        Ok(_) => Vec::new(),
        Err(ConfigError::Invalid(diagnostics)) => {
            diagnostics.entries().iter().map(ToString::to_string).collect()
        }
        Err(error) => vec![error.to_string()],
    }
}

fn warnings(config: &NodeConfig) -> Vec<String> {
    config.warnings.entries().iter().map(ToString::to_string).collect()
}

/// A file that is valid, with places where a test adds to it. Each place has a line of its own.
struct File {
    /// Line 2.
    node: &'static str,
    /// Line 5.
    worker: &'static str,
    /// Line 8.
    realm: &'static str,
    /// Line 10.
    role: &'static str,
    /// Line 12.
    transport: &'static str,
    /// Line 13.
    endpoint: &'static str,
}

const FILE: File = File {
    node: "",
    worker: "",
    realm: "",
    role: "",
    transport: "type: websocket",
    endpoint: "endpoint: {type: tcp, port: 8080}",
};

impl File {
    fn text(&self) -> String {
        let Self { node, worker, realm, role, transport, endpoint } = self;
        format!(
            "version: 2\n{node}\nworkers:\n- type: router\n  {worker}\n  realms:\n  - name: realm1\n    \
             {realm}\n    roles: [{{name: anonymous,\n      {role}}}]\n  transports:\n  - {transport}\n    \
             {endpoint}\n"
        )
    }
}
