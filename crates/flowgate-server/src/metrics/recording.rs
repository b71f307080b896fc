//! Stats in files, from time to time.

use std::{
    fmt,
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use flowgate_event::Timestamp;

use super::stats::StatsError;

/// Files that rotation keeps beside the current one.
const KEPT_COUNT: u32 = 5;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecordFormat {
    /// As on the console, under a line with the time: what reads OpenSimulator's files reads it.
    #[default]
    Text,
    /// One JSON object a line: `timestamp`, nanoseconds since the epoch, and `stats`, the tree.
    Ndjson,
    /// A page in OpenMetrics 1.0; the next one follows its `# EOF`.
    Openmetrics,
}

impl RecordFormat {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Text, Self::Ndjson, Self::Openmetrics];

    /// How it is named.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Ndjson => "ndjson",
            Self::Openmetrics => "openmetrics",
        }
    }
}

impl fmt::Display for RecordFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for RecordFormat {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let format = Self::ALL.into_iter().find(|format| format.name() == name);
        format.ok_or_else(|| format!("no such format as {name:?}; use text, ndjson or openmetrics"))
    }
}

/// What is recorded, where, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordOptions {
    /// The file that reports are appended to.
    pub path: PathBuf,
    /// Time between reports, above zero.
    pub every: Duration,
    /// How they are written.
    pub format: RecordFormat,
    /// How long the file may get, in octets, before it is renamed: `.1` is added, what had it gets
    /// `.2`, and so on to `.5`. Without, it grows.
    pub rotate_bytes: Option<u64>,
}

impl RecordOptions {
    /// OpenSimulator's pace.
    pub const DEFAULT_EVERY: Duration = Duration::from_secs(5);

    /// The file, in the folder that the router was started in, unless said otherwise. No request
    /// from outside can name another.
    pub const FILE: &'static str = "flowgate-stats.log";

    /// Where rotation begins unless said otherwise.
    pub const DEFAULT_ROTATE_BYTES: u64 = 64 << 20;
}

/// What is being recorded.
#[derive(Debug, Clone)]
pub(super) struct Recorder {
    pub(super) options: RecordOptions,
    /// When the next report is due.
    pub(super) next: Timestamp,
}

impl Recorder {
    /// Makes sure that the file can be written; the first report is due at once.
    pub(super) fn start(options: RecordOptions, now: Timestamp) -> Result<Self, StatsError> {
        append(&options.path, b"")?;
        Ok(Self { options, next: now })
    }

    /// Where the reports are, for people.
    pub(super) fn place(&self) -> String {
        self.options.path.display().to_string()
    }
}

/// Appends to a file, which is made if it is not there.
pub(super) fn append(path: &Path, octets: &[u8]) -> Result<(), StatsError> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    let written = opened.and_then(|mut file| file.write_all(octets));
    written.map_err(|source| StatsError::Write { path: path.display().to_string(), source })
}

/// Appends a report, to a new file if the old one would get too long.
pub(super) fn record(options: &RecordOptions, report: &[u8]) -> Result<(), StatsError> {
    let RecordOptions { path, rotate_bytes, .. } = options;
    if let Some(limit) = rotate_bytes {
        let length = fs::metadata(path).map_or(0, |metadata| metadata.len());
        if length > 0 && length.saturating_add(report.len() as u64) > *limit {
            rotate(path)
                .map_err(|source| StatsError::Write { path: path.display().to_string(), source })?;
        }
    }
    append(path, report)
}

/// Renames the file and those before it; the oldest goes.
fn rotate(path: &Path) -> std::io::Result<()> {
    let numbered = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    for number in (1..KEPT_COUNT).rev() {
        let from = numbered(number);
        if from.exists() {
            fs::rename(from, numbered(number + 1))?;
        }
    }
    fs::rename(path, numbered(1))
}

#[cfg(test)]
mod tests;
