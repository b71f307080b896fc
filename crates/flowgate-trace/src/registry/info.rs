//! What traces say about themselves.

use std::fmt;
use std::time::Duration;

use flowgate_event::Timestamp;
use flowgate_wire::Value;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::store::StoreError;

/// How far a trace is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It can be started.
    Created,
    /// It takes records.
    Running,
    /// It has its records, and takes no more.
    Stopped,
}

/// Why a trace has stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// A user wanted it.
    Request,
    /// Its time was over.
    Duration,
    /// The process that took it has ended; its records are those that were in files.
    Restart,
    /// There was no room for its files.
    DiskFull,
    /// Its files could not be written, for the reason given.
    Store(String),
}

/// What a trace says about itself.
///
/// Serialized in Crossbar.io's shape: `id`, `node_id`, `worker_id`, `persistent_id`, `status`,
/// `started`, `ended` (UTC), `runtime` (seconds), `options`, `next_period` and `next_seq`; ours
/// are `reason`, `missing`, `limited`, `unpersisted`, `orphans`, `memory_bytes` and `file_bytes`.
#[derive(Debug, Clone, PartialEq)]
pub struct Info {
    /// Its name.
    pub id: String,
    /// The node that it runs on.
    pub node_id: String,
    /// The worker that it runs in.
    pub worker_id: String,
    /// The name of its files, if it is persistent.
    pub persistent_id: Option<String>,
    /// How far it is.
    pub status: Status,
    /// When it was started.
    pub started: Option<Timestamp>,
    /// When it stopped.
    pub ended: Option<Timestamp>,
    /// How long it has run.
    pub runtime: Option<Duration>,
    /// Its options as a dictionary.
    pub options: Value<'static>,
    /// The number of the current period.
    pub next_period: u64,
    /// The number of the next record.
    pub next_seq: u64,
    /// Why it has stopped.
    pub reason: Option<StopReason>,
    /// How many records are known to be missing after the last one.
    pub missing_count: u64,
    /// How many records its rate limit has kept out.
    pub limited_count: u64,
    /// How many records had left memory before they could be written to files.
    pub unpersisted_count: u64,
    /// How many messages belonged to actions whose beginning it has not seen.
    pub orphan_count: u64,
    /// Octets of records in memory, about.
    pub memory_bytes: u64,
    /// Octets of its files.
    pub file_bytes: u64,
}

/// A period of a trace: the time between two batches.
///
/// Serialized in Crossbar.io's shape: `finished_ts`, `finished_pc` (nanoseconds), `period`,
/// `period_start` (UTC), `first_seq` and `last_seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Its number, counted from 0.
    pub period: u64,
    /// When it began.
    pub period_start: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// Nanoseconds from the start of the process to its end.
    pub finished_pc_ns: u64,
    /// The number of its first record.
    pub first_seq: u64,
    /// The number of its last record.
    pub last_seq: u64,
}

impl Status {
    /// The word in descriptions.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Stopped => "stopped",
        }
    }
}

impl StopReason {
    pub(super) fn of(error: &StoreError) -> Self {
        match error {
            StoreError::Full => Self::DiskFull,
            StoreError::Io(_) | StoreError::Damaged { .. } => Self::Store(error.to_string()),
        }
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request => f.write_str("request"),
            Self::Duration => f.write_str("duration"),
            Self::Restart => f.write_str("restart"),
            Self::DiskFull => f.write_str("disk full"),
            Self::Store(error) => f.write_str(error),
        }
    }
}

impl Serialize for Info {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let utc = |moment: Option<Timestamp>| moment.map(Timestamp::to_rfc3339);
        let mut map = serializer.serialize_map(Some(18))?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("node_id", &self.node_id)?;
        map.serialize_entry("worker_id", &self.worker_id)?;
        map.serialize_entry("persistent_id", &self.persistent_id)?;
        map.serialize_entry("status", self.status.name())?;
        map.serialize_entry("started", &utc(self.started))?;
        map.serialize_entry("ended", &utc(self.ended))?;
        map.serialize_entry("runtime", &self.runtime.map(|runtime| runtime.as_secs_f64()))?;
        map.serialize_entry("options", &self.options)?;
        map.serialize_entry("next_period", &self.next_period)?;
        map.serialize_entry("next_seq", &self.next_seq)?;
        map.serialize_entry("reason", &self.reason.as_ref().map(ToString::to_string))?;
        map.serialize_entry("missing", &self.missing_count)?;
        map.serialize_entry("limited", &self.limited_count)?;
        map.serialize_entry("unpersisted", &self.unpersisted_count)?;
        map.serialize_entry("orphans", &self.orphan_count)?;
        map.serialize_entry("memory_bytes", &self.memory_bytes)?;
        map.serialize_entry("file_bytes", &self.file_bytes)?;
        map.end()
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(6))?;
        map.serialize_entry("finished_ts", &self.finished.as_nanos())?;
        map.serialize_entry("finished_pc", &self.finished_pc_ns)?;
        map.serialize_entry("period", &self.period)?;
        map.serialize_entry("period_start", &self.period_start.to_rfc3339())?;
        map.serialize_entry("first_seq", &self.first_seq)?;
        map.serialize_entry("last_seq", &self.last_seq)?;
        map.end()
    }
}
