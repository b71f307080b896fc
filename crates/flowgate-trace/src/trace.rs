//! One trace: from messages to its own records.

use flowgate_event::Timestamp;

use crate::action::{Assembler, Finished, Relevance};
use crate::options::{PayloadCapture, Persistence, TraceLevel, TraceOptions};
use crate::record::{MessageRecord, Record};
use crate::redaction::sanitize;
use crate::registry::Totals;
use crate::store::{Memory, Segments, StoreError};

/// What a running trace does with messages: filters, assembles, limits, redacts, numbers, stores.
#[derive(Debug)]
pub(crate) struct Pipeline {
    options: TraceOptions,
    assembler: Assembler,
    output: Output,
}

/// The records of a trace.
#[derive(Debug)]
pub(crate) struct Output {
    memory: Memory,
    segments: Option<Segments>,
    next_seq: u64,
    /// The first number that this process has given.
    first_seq: u64,
    /// The first number that is not in the files yet.
    next_persisted_seq: u64,
    /// How many records had to leave memory before they were written.
    unpersisted_count: u64,
    /// How many records are missing since the last one.
    gap: u64,
    /// How many records the rate limit has kept out.
    limited_count: u64,
    max_rate_count: u64,
    /// The current second, and how many records it has had.
    second: (u64, u64),
    /// How a message becomes fit to be kept.
    payload: PayloadCapture,
    redaction: Vec<crate::redaction::KeyPath>,
    max_payload_bytes: usize,
}

impl Pipeline {
    pub(crate) fn new(options: TraceOptions, segments: Option<Segments>) -> Self {
        let assembler = Assembler::new(options.max_actions_count, options.action_timeout);
        debug_assert!(segments.is_none() || options.persistence == Persistence::Files);
        let output = Output {
            memory: Memory::new(options.max_memory_bytes),
            segments,
            next_seq: 0,
            first_seq: 0,
            next_persisted_seq: 0,
            unpersisted_count: 0,
            gap: 0,
            limited_count: 0,
            max_rate_count: options.max_rate_count,
            second: (0, 0),
            payload: options.payload,
            redaction: options.redact.clone(),
            max_payload_bytes: options.max_payload_bytes,
        };
        Self { options, assembler, output }
    }

    /// What an earlier process has left in files; nothing is added to it.
    pub(crate) fn recovered(options: TraceOptions, segments: Segments) -> Self {
        let next_seq = segments.last_seq().map_or(0, |seq| seq.saturating_add(1));
        let mut pipeline = Self::new(options, Some(segments));
        pipeline.output.next_seq = next_seq;
        pipeline.output.first_seq = next_seq;
        pipeline.output.next_persisted_seq = next_seq;
        pipeline
    }

    pub(crate) const fn options(&self) -> &TraceOptions {
        &self.options
    }

    pub(crate) const fn output(&self) -> &Output {
        &self.output
    }

    pub(crate) const fn output_mut(&mut self) -> &mut Output {
        &mut self.output
    }

    pub(crate) const fn orphan_count(&self) -> u64 {
        self.assembler.orphan_count()
    }

    /// Takes one message.
    pub(crate) fn handle(&mut self, message: &MessageRecord) {
        // What a worker has lost may have been meant for this trace.
        self.output.gap = self.output.gap.saturating_add(message.gap);
        let correlation = message.correlation();
        if correlation.is_some_and(|correlation| !self.options.sampling.takes(correlation)) {
            return;
        }
        let Self { options, assembler, output } = self;
        let filter = &options.filter;
        let is_taken = filter.takes(message);
        match options.level {
            TraceLevel::Message if correlation.is_none() => {
                if is_taken && filter.takes_single(message) {
                    output.message(message.clone());
                }
            }
            TraceLevel::Message if filter.decides_at_end() => {
                let relevance = if is_taken { Relevance::Held } else { Relevance::Irrelevant };
                assembler
                    .observe(message, relevance, |finished| output.finished(finished, options));
            }
            TraceLevel::Message => {
                if is_taken {
                    output.message(message.clone());
                }
            }
            TraceLevel::Action => {
                let relevance = if is_taken { Relevance::Relevant } else { Relevance::Irrelevant };
                assembler
                    .observe(message, relevance, |finished| output.finished(finished, options));
            }
        }
    }

    /// Gives up actions that have been open for too long, and forgets old records.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        let Self { options, assembler, output } = self;
        assembler.expire(now, |finished| output.finished(finished, options));
        let age_ns = u64::try_from(options.limit.as_nanos()).unwrap_or(u64::MAX);
        let oldest = Timestamp::from_nanos(now.as_nanos().saturating_sub(age_ns));
        output.memory.forget_before(oldest);
    }

    /// Ends all open actions.
    pub(crate) fn stop(&mut self, now: Timestamp) {
        let Self { options, assembler, output } = self;
        assembler.stop(now, |finished| output.finished(finished, options));
    }
}

impl Output {
    /// The number that the next record gets.
    pub(crate) const fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// What this process has done for it, and what it takes.
    pub(crate) fn totals(&self) -> Totals {
        let (memory_bytes, file_bytes) = self.stored_bytes();
        Totals {
            records_count: self.next_seq - self.first_seq,
            limited_count: self.limited_count,
            unpersisted_count: self.unpersisted_count,
            memory_bytes,
            file_bytes,
        }
    }

    /// How many records are known to be missing after the last one.
    pub(crate) const fn gap(&self) -> u64 {
        self.gap
    }

    pub(crate) const fn unpersisted_count(&self) -> u64 {
        self.unpersisted_count
    }

    pub(crate) const fn limited_count(&self) -> u64 {
        self.limited_count
    }

    /// Octets of records, in memory and in files.
    pub(crate) fn stored_bytes(&self) -> (u64, u64) {
        (self.memory.bytes(), self.segments.as_ref().map_or(0, Segments::bytes))
    }

    /// Records in memory from a number on.
    pub(crate) fn since(&self, from_seq: u64) -> impl Iterator<Item = &Record> {
        self.memory.from(from_seq)
    }

    /// At most `limit_count` records from `from_seq` to `to_seq`, from the files what memory has
    /// forgotten.
    pub(crate) fn read(
        &mut self,
        from_seq: u64,
        to_seq: u64,
        limit_count: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let first_in_memory = self.memory.first_seq().unwrap_or(self.next_seq);
        let mut found = match &mut self.segments {
            Some(segments) if from_seq < first_in_memory => {
                segments.read(from_seq, to_seq.min(first_in_memory - 1), limit_count)?
            }
            Some(_) | None => Vec::new(),
        };
        let in_memory = self.memory.from(from_seq).take_while(|record| record.seq() <= to_seq);
        found.extend(in_memory.take(limit_count.saturating_sub(found.len())).cloned());
        Ok(found)
    }

    /// Writes to the files what they do not have yet, and removes old ones.
    pub(crate) fn persist(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let Some(segments) = &mut self.segments else { return Ok(()) };
        let first_seq = self.memory.first_seq().unwrap_or(self.next_seq);
        self.unpersisted_count += first_seq.saturating_sub(self.next_persisted_seq);
        let new: Vec<_> = self.memory.from(self.next_persisted_seq).cloned().collect();
        self.next_persisted_seq = self.next_seq;
        segments.append(&new)?;
        segments.retain(now).map(drop)
    }

    /// Removes the files.
    pub(crate) fn remove_files(&mut self) -> Result<(), StoreError> {
        self.segments.as_mut().map_or(Ok(()), Segments::remove_all)
    }

    /// Finishes the files.
    pub(crate) fn finish(&mut self) -> Result<(), StoreError> {
        self.segments.as_mut().map_or(Ok(()), Segments::finish)
    }

    fn finished(&mut self, finished: Finished, options: &TraceOptions) {
        let Finished { mut action, is_relevant, held, overflow_count } = finished;
        if !is_relevant || !options.filter.takes_action(&action) {
            return;
        }
        match options.level {
            TraceLevel::Message => {
                for message in held {
                    self.message(message);
                }
                self.gap = self.gap.saturating_add(overflow_count);
            }
            TraceLevel::Action => {
                let Some(seq) = self.admit(action.end) else { return };
                action.seq = seq;
                action.gap = std::mem::take(&mut self.gap);
                self.memory.push(Record::Action(action));
            }
        }
    }

    fn message(&mut self, mut message: MessageRecord) {
        let Some(seq) = self.admit(message.at) else { return };
        message.seq = seq;
        message.gap = std::mem::take(&mut self.gap);
        match self.payload {
            PayloadCapture::Keep => {
                sanitize(&mut message, &self.redaction, self.max_payload_bytes);
            }
            PayloadCapture::Omit => message.frame = None,
        }
        self.memory.push(Record::Message(message));
    }

    /// The number of a new record, unless this second has had enough.
    fn admit(&mut self, at: Timestamp) -> Option<u64> {
        let second = at.as_nanos() / 1_000_000_000;
        // Messages that were held come late.
        if second > self.second.0 {
            self.second = (second, 0);
        }
        if self.second.1 >= self.max_rate_count {
            self.limited_count += 1;
            self.gap += 1;
            return None;
        }
        self.second.1 += 1;
        let seq = self.next_seq;
        self.next_seq += 1;
        Some(seq)
    }
}
