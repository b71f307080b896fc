//! Where records stay: in memory, and in files if the trace is persistent.

mod files;
mod memory;
mod segment;
mod segments;

pub use files::{Files, Folder, SegmentFile};
pub(crate) use memory::Memory;
pub use segment::{Block, Recovery, Segment, SegmentError};
pub use segments::{Segments, SegmentsLimits};

use std::io;

/// Why records could not be stored or read; the operator's, and the trace stops.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no room on the disk, or no more than the quota allows.
    #[error("no space left for trace files")]
    Full,
    /// The system refused something else.
    #[error("trace files cannot be written or read: {0}")]
    Io(#[source] io::Error),
    /// A file that was whole is not any more.
    #[error("trace file `{name}` is damaged: {problem}")]
    Damaged {
        /// The file.
        name: String,
        /// What is wrong.
        problem: SegmentError,
    },
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        // A write that takes nothing is how some systems say that a disk is full.
        let is_full = matches!(
            error.kind(),
            io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::FileTooLarge
                | io::ErrorKind::WriteZero
        );
        if is_full { Self::Full } else { Self::Io(error) }
    }
}

#[cfg(test)]
pub(crate) mod tests;
