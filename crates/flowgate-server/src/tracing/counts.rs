//! What the thread of the traces has counted, for whoever measures the router.

use std::sync::atomic::{AtomicU64, Ordering};

use flowgate_trace::{OtlpCounts, Totals};

/// Written by the thread after each of its rounds, read at any time.
#[derive(Debug, Default)]
pub(crate) struct TraceCounts {
    records: AtomicU64,
    memory_bytes: AtomicU64,
    file_bytes: AtomicU64,
    dropped: [AtomicU64; Loss::ALL.len()],
    spans: [AtomicU64; SpanFate::ALL.len()],
}

/// Why a record is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The ring of a worker was full.
    Ring,
    /// The trace takes no more in a second.
    Rate,
    /// It had to leave memory before it was in a file.
    Memory,
}

/// What has become of a span for a collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpanFate {
    /// The collector has taken it.
    Exported,
    /// The queue had no room.
    Dropped,
    /// The collector did not want it.
    Rejected,
    /// The collector was not there.
    Failed,
}

impl Loss {
    const ALL: [Self; 3] = [Self::Ring, Self::Rate, Self::Memory];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ring => "ring",
            Self::Rate => "rate",
            Self::Memory => "memory",
        }
    }
}

impl SpanFate {
    const ALL: [Self; 4] = [Self::Exported, Self::Dropped, Self::Rejected, Self::Failed];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Exported => "exported",
            Self::Dropped => "dropped",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}

impl TraceCounts {
    /// Records that traces have got.
    pub(crate) fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// Octets of records, in memory and in files.
    pub(crate) fn stored_bytes(&self) -> [(&'static str, u64); 2] {
        [("memory", &self.memory_bytes), ("files", &self.file_bytes)]
            .map(|(place, bytes)| (place, bytes.load(Ordering::Relaxed)))
    }

    /// Records that are missing, by the reason.
    pub(crate) fn dropped(&self) -> impl Iterator<Item = (Loss, u64)> {
        let counts = self.dropped.iter().map(|count| count.load(Ordering::Relaxed));
        Loss::ALL.into_iter().zip(counts)
    }

    /// Spans, by what has become of them.
    pub(crate) fn spans(&self) -> impl Iterator<Item = (SpanFate, u64)> {
        let counts = self.spans.iter().map(|count| count.load(Ordering::Relaxed));
        SpanFate::ALL.into_iter().zip(counts)
    }

    /// Notes where the thread stands.
    pub(super) fn note(&self, totals: Totals, ring_dropped_count: u64, spans: OtlpCounts) {
        let Totals { records_count, limited_count, unpersisted_count, memory_bytes, file_bytes } =
            totals;
        let lost = Loss::ALL.map(|loss| match loss {
            Loss::Ring => ring_dropped_count,
            Loss::Rate => limited_count,
            Loss::Memory => unpersisted_count,
        });
        let spans = SpanFate::ALL.map(|fate| match fate {
            SpanFate::Exported => spans.exported,
            SpanFate::Dropped => spans.dropped,
            SpanFate::Rejected => spans.rejected,
            SpanFate::Failed => spans.failed,
        });
        let cells = [&self.records, &self.memory_bytes, &self.file_bytes];
        let cells = cells.into_iter().chain(&self.dropped).chain(&self.spans);
        let values = [records_count, memory_bytes, file_bytes].into_iter().chain(lost).chain(spans);
        for (cell, value) in cells.zip(values) {
            cell.store(value, Ordering::Relaxed);
        }
    }
}
