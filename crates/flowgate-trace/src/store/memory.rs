//! The history of a trace in memory.

use std::collections::VecDeque;

use flowgate_event::Timestamp;

use crate::record::Record;

/// The newest records of a trace, bounded by octets and age; their numbers have no gaps.
#[derive(Debug)]
pub(crate) struct Memory {
    records: VecDeque<Record>,
    bytes: u64,
    max_bytes: u64,
}

impl Memory {
    pub(crate) fn new(max_bytes: u64) -> Self {
        Self { records: VecDeque::new(), bytes: 0, max_bytes }
    }

    /// Octets that the records take, about.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn push(&mut self, record: Record) {
        self.bytes += record.memory_bytes();
        self.records.push_back(record);
        while self.bytes > self.max_bytes && self.records.len() > 1 {
            self.pop();
        }
    }

    /// Forgets what was recorded before.
    pub(crate) fn forget_before(&mut self, moment: Timestamp) {
        while self.records.front().is_some_and(|oldest| oldest.at() < moment) {
            self.pop();
        }
    }

    /// The number of the oldest record.
    pub(crate) fn first_seq(&self) -> Option<u64> {
        self.records.front().map(Record::seq)
    }

    /// Records by ascending number, from the first that is not below `from_seq` on.
    pub(crate) fn from(&self, from_seq: u64) -> impl Iterator<Item = &Record> {
        let first = self.first_seq().unwrap_or(from_seq);
        let index = usize::try_from(from_seq.saturating_sub(first)).unwrap_or(usize::MAX);
        self.records.range(index.min(self.records.len())..)
    }

    fn pop(&mut self) {
        if let Some(oldest) = self.records.pop_front() {
            self.bytes = self.bytes.saturating_sub(oldest.memory_bytes());
        }
    }
}
