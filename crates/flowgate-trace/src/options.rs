//! How a trace is configured.

mod reader;
mod text;

use std::time::Duration;

use flowgate_wire::{Entry, MessageType, SessionId, Value};

use crate::facts::Direction;
use crate::filter::Filter;
use crate::record::type_name;
use crate::redaction::KeyPath;
use crate::sampling::Sampling;

pub use reader::{OptionsError, OptionsProblem};
pub use text::options_from_texts;

/// The options of a trace: those of Crossbar.io under its names, and ours.
///
/// Read from and shown as a dictionary.
///
/// | option | value | default |
/// |---|---|---|
/// | `trace_level` | `message` or `action` | `message` |
/// | `trace_app_payload` | whether messages are kept too; with `message` only | `false` |
/// | `batching_period` | 10 to 10000 ms between two batches | 200 |
/// | `persist` | whether records are written to files | `false` |
/// | `duration` | 1 to 86400 s until the trace stops by itself | 3600 |
/// | `limit` | 1 to 86400 s of history in memory | 60 |
/// | `realm`, `authid`, `authrole` | a name or a list of names | all |
/// | `session` | an identifier or a list | all |
/// | `direction` | `rx` or `tx` | both |
/// | `msg_type` | a type such as `Call` or a list | all |
/// | `uri`, `match` | a URI or pattern; `exact`, `prefix` or `wildcard` | all, `exact` |
/// | `min_bytes`, `max_bytes` | sizes of messages | all |
/// | `errors_only` | only actions that did not end well | `false` |
/// | `min_duration_ms` | only actions that took as long; may have a fraction | all |
/// | `sample` | the share of actions, above 0 up to 1 | 1 |
/// | `max_rate` | 1 to 1000000 records per second | 100000 |
/// | `action_timeout` | 1 to 86400 s until an open action is given up | 300 |
/// | `max_actions` | 1 to 1000000 open actions | 65536 |
/// | `redact` | a list of [key paths](KeyPath) | none |
/// | `max_payload` | 0 to 16777216 octets of a message to keep | 1024 |
/// | `max_memory` | 65536 to 4294967296 octets of history in memory | 67108864 |
/// | `max_disk` | 1048576 to 1099511627776 octets of files, oldest removed first | 1073741824 |
/// | `retention` | 1 to 2592000 s to keep data after the stop | 3600 |
#[derive(Debug, Clone, PartialEq)]
pub struct TraceOptions {
    /// What a record is.
    pub level: TraceLevel,
    /// Whether messages are kept with their records.
    pub payload: PayloadCapture,
    /// Time between two batches.
    pub batching_period: Duration,
    /// Whether records are written to files.
    pub persistence: Persistence,
    /// Time until the trace stops by itself.
    pub duration: Duration,
    /// How far the history in memory reaches back.
    pub limit: Duration,
    /// Which messages and actions.
    pub filter: Filter,
    /// Which share of actions.
    pub sampling: Sampling,
    /// Most records per second.
    pub max_rate_count: u64,
    /// How long an action may be open.
    pub action_timeout: Duration,
    /// How many actions may be open at once.
    pub max_actions_count: usize,
    /// What is taken out of messages.
    pub redact: Vec<KeyPath>,
    /// About how many octets of a message are kept.
    pub max_payload_bytes: usize,
    /// Octets of history in memory.
    pub max_memory_bytes: u64,
    /// Octets of history in files.
    pub max_disk_bytes: u64,
    /// How long data stays after the stop.
    pub retention: Duration,
}

/// What a record of a trace is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TraceLevel {
    /// One message.
    #[default]
    Message,
    /// One action.
    Action,
}

/// Whether messages are kept with their records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PayloadCapture {
    /// Only what records say about them.
    #[default]
    Omit,
    /// With their payload.
    Keep,
}

/// Whether a trace is written to files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Persistence {
    /// Memory alone.
    #[default]
    Memory,
    /// Segment files too.
    Files,
}

impl Default for TraceOptions {
    fn default() -> Self {
        Self {
            level: TraceLevel::default(),
            payload: PayloadCapture::default(),
            batching_period: Duration::from_millis(200),
            persistence: Persistence::default(),
            duration: Duration::from_secs(3600),
            limit: Duration::from_secs(60),
            filter: Filter::default(),
            sampling: Sampling::ALL,
            max_rate_count: 100_000,
            action_timeout: Duration::from_secs(300),
            max_actions_count: 65_536,
            redact: Vec::new(),
            max_payload_bytes: 1024,
            max_memory_bytes: 64 << 20,
            max_disk_bytes: 1 << 30,
            retention: Duration::from_secs(3600),
        }
    }
}

impl TraceOptions {
    /// Reads options from a dictionary; null is an empty one.
    ///
    /// # Errors
    /// [`OptionsError`] names the option and says what it may be.
    pub fn from_value(value: &Value<'_>) -> Result<Self, OptionsError> {
        reader::read(value)
    }

    /// The options as a dictionary; filters only as far as they are set.
    #[must_use]
    pub fn to_value(&self) -> Value<'static> {
        let mut entries = vec![
            entry("trace_level", self.level.name().to_owned()),
            entry("trace_app_payload", self.payload == PayloadCapture::Keep),
            entry("batching_period", milliseconds(self.batching_period)),
            entry("persist", self.persistence == Persistence::Files),
            entry("duration", self.duration.as_secs()),
            entry("limit", self.limit.as_secs()),
            entry("sample", self.sampling.share()),
            entry("max_rate", self.max_rate_count),
            entry("action_timeout", self.action_timeout.as_secs()),
            entry("max_actions", self.max_actions_count as u64),
            entry("max_payload", self.max_payload_bytes as u64),
            entry("max_memory", self.max_memory_bytes),
            entry("max_disk", self.max_disk_bytes),
            entry("retention", self.retention.as_secs()),
        ];
        self.filter.show(&mut entries);
        if !self.redact.is_empty() {
            entries.push(entry("redact", names(self.redact.iter().map(KeyPath::as_str))));
        }
        Value::Dict(entries)
    }
}

impl TraceLevel {
    /// The word in options.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Action => "action",
        }
    }
}

impl Filter {
    /// Adds the conditions that are set, as options.
    fn show(&self, entries: &mut Vec<Entry<'static>>) {
        for (key, list) in
            [("realm", &self.realms), ("authid", &self.authids), ("authrole", &self.authroles)]
        {
            if !list.is_empty() {
                entries.push(entry(key, names(list.iter().map(String::as_str))));
            }
        }
        if !self.sessions.is_empty() {
            let sessions = self.sessions.iter().copied().map(SessionId::get).map(Value::from);
            entries.push(entry("session", sessions.collect::<Vec<_>>()));
        }
        if let Some(direction) = self.direction {
            entries.push(entry("direction", Direction::name(direction).to_owned()));
        }
        if !self.types.is_empty() {
            let types = self.types.iter().copied().map(|message: MessageType| type_name(message));
            entries.push(entry("msg_type", names(types)));
        }
        if let Some((uri, policy)) = &self.uri {
            entries.push(entry("uri", uri.clone()));
            entries.push(entry("match", policy.name().to_owned()));
        }
        if self.min_bytes > 0 {
            entries.push(entry("min_bytes", self.min_bytes));
        }
        if let Some(bytes) = self.max_bytes {
            entries.push(entry("max_bytes", bytes));
        }
        if self.errors_only {
            entries.push(entry("errors_only", true));
        }
        if let Some(duration) = self.min_duration {
            entries.push(entry("min_duration_ms", duration.as_secs_f64() * 1e3));
        }
    }
}

fn entry(key: &'static str, value: impl Into<Value<'static>>) -> Entry<'static> {
    (key.into(), value.into())
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Value<'static>> {
    names.map(|name| Value::from(name.to_owned())).collect()
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
