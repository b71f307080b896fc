//! All segments of one trace.

use std::collections::VecDeque;
use std::time::Duration;

use flowgate_event::Timestamp;
use flowgate_wire::Value;

use super::segment::{Segment, SegmentWriter};
use super::{Files, StoreError};
use crate::options::TraceOptions;
use crate::record::Record;

/// Most records in a block: the unit that a crash can cost and that a reader reads.
const BLOCK_COUNT_MAX: usize = 1024;

/// Sizes and ages at which segments end and go away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentsLimits {
    /// A segment that is longer is followed by a new one.
    pub segment_bytes: u64,
    /// Octets of all segments; the oldest are removed first.
    pub total_bytes: u64,
    /// The age at which a segment is removed, counted from its newest record.
    pub age: Duration,
}

impl Default for SegmentsLimits {
    /// 16 MiB, 1 GiB, 7 days.
    fn default() -> Self {
        Self { segment_bytes: 16 << 20, total_bytes: 1 << 30, age: Duration::from_secs(7 * 86_400) }
    }
}

/// The limits that a trace asks for; a segment is an eighth of all at most, so that removing the
/// oldest leaves most.
impl From<&TraceOptions> for SegmentsLimits {
    fn from(options: &TraceOptions) -> Self {
        let default = Self::default();
        let segment_bytes = default.segment_bytes.min(options.max_disk_bytes / 8);
        Self { segment_bytes, total_bytes: options.max_disk_bytes, age: options.retention }
    }
}

/// The segment files of one trace: appended to, read by range, removed when they are old.
///
/// Names are `PREFIX-NUMBER.trace` with the number of the first record.
/// Does I/O, so its owner calls it from a thread that may wait.
#[derive(Debug)]
pub struct Segments {
    files: Box<dyn Files>,
    prefix: String,
    limits: SegmentsLimits,
    about: Value<'static>,
    finished: VecDeque<Segment>,
    writer: Option<SegmentWriter>,
}

impl Segments {
    /// New segments with names that begin with `prefix`; `about` describes the trace.
    #[must_use]
    pub fn new(
        files: Box<dyn Files>,
        prefix: String,
        about: Value<'static>,
        limits: SegmentsLimits,
    ) -> Self {
        Self { files, prefix, limits, about, finished: VecDeque::new(), writer: None }
    }

    /// The segments with names that begin with `prefix`, as an earlier process left them.
    ///
    /// What is no segment is left alone and out; segments are cut where they are torn, and removed if
    /// no record is left.
    ///
    /// # Errors
    /// [`StoreError`] if the files cannot be read.
    pub fn recover(
        mut files: Box<dyn Files>,
        prefix: String,
        limits: SegmentsLimits,
    ) -> Result<Self, StoreError> {
        let mut finished: Vec<Segment> = Vec::new();
        for name in files.names()? {
            let rest = name.strip_prefix(&prefix).and_then(|rest| rest.strip_prefix('-'));
            let number = rest.and_then(|rest| rest.strip_suffix(".trace"));
            if !number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit())) {
                continue;
            }
            match Segment::open(&mut *files, &name) {
                Ok((segment, _)) if segment.blocks.is_empty() => files.remove(&name)?,
                Ok((segment, _)) => finished.push(segment),
                Err(StoreError::Damaged { .. }) => {}
                Err(error @ (StoreError::Full | StoreError::Io(_))) => return Err(error),
            }
        }
        finished.sort_by_key(Segment::last_seq);
        let about = finished.last().map_or(Value::Null, |segment| segment.about.clone());
        let finished = finished.into();
        Ok(Self { files, prefix, limits, about, finished, writer: None })
    }

    /// What the trace says about itself.
    #[must_use]
    pub const fn about(&self) -> &Value<'static> {
        &self.about
    }

    /// Octets of all segments.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.all().map(|segment| segment.bytes).sum()
    }

    /// Writes records whose numbers follow those written before.
    ///
    /// # Errors
    /// [`StoreError::Full`] and others; what was written before stays readable, and no more may be
    /// appended.
    pub fn append(&mut self, records: &[Record]) -> Result<(), StoreError> {
        for block in records.chunks(BLOCK_COUNT_MAX) {
            let Some(first) = block.first() else { continue };
            let writer = match &mut self.writer {
                Some(writer) => writer,
                none @ None => {
                    let name = format!("{}-{:020}.trace", self.prefix, first.seq());
                    none.insert(SegmentWriter::begin(&mut *self.files, name, &self.about)?)
                }
            };
            writer.append(block)?;
            if writer.segment.bytes >= self.limits.segment_bytes {
                self.finish()?;
            }
        }
        Ok(())
    }

    /// Finishes the current segment with its index.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be written; it stays readable.
    pub fn finish(&mut self) -> Result<(), StoreError> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        // Known even if its index cannot be written.
        self.finished.push_back(writer.segment.clone());
        let segment = writer.finish()?;
        if let Some(last) = self.finished.back_mut() {
            *last = segment;
        }
        Ok(())
    }

    /// Removes finished segments that are too old or too many; how many.
    ///
    /// # Errors
    /// [`StoreError`] if a file cannot be removed.
    pub fn retain(&mut self, now: Timestamp) -> Result<usize, StoreError> {
        let mut removed_count = 0;
        while let Some(oldest) = self.finished.front() {
            let is_old = oldest.last_at().is_none_or(|at| at.after(self.limits.age) < now);
            if !is_old && self.bytes() <= self.limits.total_bytes {
                break;
            }
            let name = oldest.name.clone();
            self.files.remove(&name)?;
            self.finished.pop_front();
            removed_count += 1;
        }
        Ok(removed_count)
    }

    /// Removes all segments: nobody wants the records any more.
    ///
    /// # Errors
    /// [`StoreError`] if a file cannot be removed; those behind it are left too.
    pub fn remove_all(&mut self) -> Result<(), StoreError> {
        self.finished.extend(self.writer.take().map(|writer| writer.segment));
        while let Some(oldest) = self.finished.front() {
            self.files.remove(&oldest.name)?;
            self.finished.pop_front();
        }
        Ok(())
    }

    /// The moments of the first and the last record; `None` if there is none.
    #[must_use]
    pub fn period(&self) -> Option<(Timestamp, Timestamp)> {
        let blocks = || self.all().flat_map(|segment| &segment.blocks);
        let first_ns = blocks().map(|block| block.first_ts).min()?;
        let last_ns = blocks().map(|block| block.last_ts).max()?;
        Some((Timestamp::from_nanos(first_ns), Timestamp::from_nanos(last_ns)))
    }

    /// The number of the last record.
    #[must_use]
    pub fn last_seq(&self) -> Option<u64> {
        self.all().filter_map(Segment::last_seq).max()
    }

    /// At most `limit_count` records, by ascending number, from `from_seq` to `to_seq` inclusive.
    ///
    /// # Errors
    /// [`StoreError`] if a file cannot be read.
    pub fn read(
        &mut self,
        from_seq: u64,
        to_seq: u64,
        limit_count: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let Self { files, finished, writer, .. } = self;
        let mut found = Vec::new();
        for segment in finished.iter().chain(writer.iter().map(|writer| &writer.segment)) {
            for block in &segment.blocks {
                if block.last_seq < from_seq || block.first_seq > to_seq {
                    continue;
                }
                let records = segment.records(&mut **files, block)?.into_iter();
                let in_range = records.filter(|record| (from_seq..=to_seq).contains(&record.seq()));
                found.extend(in_range.take(limit_count.saturating_sub(found.len())));
                if found.len() >= limit_count {
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    fn all(&self) -> impl Iterator<Item = &Segment> {
        self.finished.iter().chain(self.writer.iter().map(|writer| &writer.segment))
    }
}
