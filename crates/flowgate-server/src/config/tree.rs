//! The tree that both syntaxes are parsed into: values with the place where they stand.

use super::{Diagnostic, Position};

/// Deepest nesting of lists and maps; a node configuration needs about ten levels.
pub(super) const MAX_DEPTH: usize = 64;

/// Most values in one file, aliases counted as often as they are used.
/// Bounds what nested YAML aliases can expand to.
pub(super) const MAX_NODES: usize = 200_000;

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) position: Position,
    pub(super) value: Value,
}

/// A value of JSON or YAML.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Boolean(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key of a map and its value; keys are unique within their map.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) position: Position,
    pub(super) node: Node,
}

impl Node {
    /// How many values this is, itself included. Cost: linear.
    pub(super) fn count(&self) -> usize {
        let inner: usize = match &self.value {
            Value::List(items) => items.iter().map(Self::count).sum(),
            Value::Map(entries) => entries.iter().map(|entry| entry.node.count()).sum(),
            Value::Null
            | Value::Boolean(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Text(_) => 0,
        };
        inner.saturating_add(1)
    }

    /// How many levels of lists and maps this has: 0 for a scalar. Cost: linear.
    pub(super) fn depth(&self) -> usize {
        let inner = match &self.value {
            Value::List(items) => items.iter().map(Self::depth).max(),
            Value::Map(entries) => entries.iter().map(|entry| entry.node.depth()).max(),
            Value::Null
            | Value::Boolean(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Text(_) => return 0,
        };
        inner.unwrap_or(0).saturating_add(1)
    }
}

impl Value {
    /// The number, if this is an integer.
    pub(super) const fn integer(&self) -> Option<i128> {
        let Self::Integer(number) = self else { return None };
        Some(*number)
    }

    /// What kind of value this is, with its article, for messages.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a fractional number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// Adds an entry to a map, unless its key is there already.
pub(super) fn insert(entries: &mut Vec<Entry>, entry: Entry) -> Result<(), Diagnostic> {
    if let Some(first) = entries.iter().find(|known| known.key == entry.key) {
        let line = first.position.line;
        let message = format!("duplicate key `{}`, first given in line {line}", entry.key);
        return Err(syntax_error(entry.position, message));
    }
    entries.push(entry);
    Ok(())
}

/// A finding about the syntax, which has no key path.
pub(super) fn syntax_error(position: Position, message: impl Into<String>) -> Diagnostic {
    Diagnostic { position, path: String::new(), message: message.into(), suggestion: None }
}
