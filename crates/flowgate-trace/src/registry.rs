//! All traces of a router: created, started, stopped, asked, and forgotten.

mod error;
mod info;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use flowgate_event::{Correlation, Timestamp};
use flowgate_wire::Value;

use crate::options::{PayloadCapture, Persistence, TraceOptions};
use crate::query::{Query, QueryPage, SCAN_COUNT_MAX};
use crate::record::{MessageRecord, Record};
use crate::sampling::Sampling;
use crate::store::{Files, Segments, SegmentsLimits, StoreError};
use crate::switch::{Depth, Switch};
use crate::trace::Pipeline;

pub use error::RegistryError;
pub use info::{Info, Period, Status, StopReason};

/// Most traces, running or not.
const TRACES_COUNT_MAX: usize = 64;

/// Most records in one answer, and how many without a limit of the asker's.
///
/// Source: `get_trace_data` of Crossbar.io.
pub const DATA_COUNT_MAX: u64 = 10_000;
const DATA_COUNT_DEFAULT: u64 = 100;

/// How many records a query reads at a time.
const SCAN_CHUNK_COUNT: usize = 1000;

/// Opens the place where persistent traces are.
pub type OpenFiles = Box<dyn FnMut() -> Box<dyn Files> + Send>;

/// The traces of a router.
///
/// Told of messages by a [`Collector`](crate::Collector), of time by [`tick`](Self::tick), and of
/// what users want by the other methods; says what has happened in [`Notice`]s.
/// Writes the files of persistent traces, so a thread owns it that may wait for them.
pub struct Registry {
    switch: Arc<Switch>,
    node: Node,
    open_files: Option<OpenFiles>,
    traces: BTreeMap<String, Trace>,
    created_count: u64,
    notices: Vec<Notice>,
    /// What traces have counted that are forgotten.
    forgotten: Totals,
    /// How long after its moment a record comes at the latest.
    delay: Duration,
}

/// Which router the traces are of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// `node_id` in the descriptions of traces.
    pub node_id: String,
    /// `worker_id` in the descriptions of traces.
    pub worker_id: String,
    /// The start of the process, from which `pc` counts.
    pub origin: Timestamp,
    /// Makes the identifiers of persistent traces differ from those of other processes.
    pub seed: u64,
}

/// What has happened to a trace, to be published.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// `on_trace_started`, with trace and description.
    Started(String, Info),
    /// `on_trace_stopped`, with trace and description.
    Stopped(String, Info),
    /// `on_trace_data`, with trace, period, and its records, at least one.
    Data(String, Period, Vec<Record>),
}

/// What the traces of a process have done, and what they take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Records that traces have got.
    pub records_count: u64,
    /// Records that a limit of records per second has kept out.
    pub limited_count: u64,
    /// Records that had to leave memory before they were in a file.
    pub unpersisted_count: u64,
    /// Octets of records in memory.
    pub memory_bytes: u64,
    /// Octets of files.
    pub file_bytes: u64,
}

/// Which records of a trace are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataRange {
    from_seq: u64,
    to_seq: u64,
    limit_count: usize,
}

#[derive(Debug)]
struct Trace {
    persistent_id: Option<String>,
    status: Status,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    reason: Option<StopReason>,
    /// The number of the current period, when it began, and its first record.
    period: u64,
    period_start: Timestamp,
    period_from_seq: u64,
    pipeline: Pipeline,
}

impl Registry {
    /// A registry without traces, which works `switch`.
    ///
    /// Without `open_files` there are no persistent traces.
    #[must_use]
    pub fn new(switch: Arc<Switch>, node: Node, open_files: Option<OpenFiles>) -> Self {
        let (traces, notices) = (BTreeMap::new(), Vec::new());
        let delay = Duration::ZERO;
        let forgotten = Totals::default();
        Self { switch, node, open_files, traces, created_count: 0, notices, forgotten, delay }
    }

    /// The same, told of messages up to `delay` after their moments, as a
    /// [`Collector`](crate::Collector) with this time to settle does.
    ///
    /// Traces whose duration is over wait for what still belongs to it.
    #[must_use]
    pub fn with_delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Creates a trace that does not run yet, and gives its identifier: the wanted one, or
    /// `trace1`, `trace2` and so on.
    ///
    /// A stopped trace of the same name is replaced, with its data and files.
    ///
    /// # Errors
    /// [`RegistryError`] if the name is taken or is none, there are too many traces, or files are
    /// wanted where there are none.
    pub fn create(
        &mut self,
        id: Option<&str>,
        options: TraceOptions,
    ) -> Result<String, RegistryError> {
        let id = match id {
            Some(id) => id.to_owned(),
            None => self.free_id(),
        };
        let is_char = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if !(1..=64).contains(&id.len()) || !id.bytes().all(is_char) {
            return Err(RegistryError::Id);
        }
        match self.traces.get(&id).map(|trace| trace.status) {
            Some(Status::Created | Status::Running) => {
                return Err(RegistryError::AlreadyRunning(id));
            }
            None if self.traces.len() >= TRACES_COUNT_MAX => return Err(RegistryError::TooMany),
            Some(Status::Stopped) | None => {}
        }
        self.created_count += 1;
        let (persistent_id, segments) = match options.persistence {
            Persistence::Memory => (None, None),
            Persistence::Files => {
                let open_files = self.open_files.as_mut().ok_or(RegistryError::NoFiles)?;
                let persistent_id = persistent_id(self.node.seed, self.created_count);
                let about = Value::dict([
                    ("id", Value::from(id.clone())),
                    ("node_id", self.node.node_id.clone().into()),
                    ("worker_id", self.node.worker_id.clone().into()),
                    ("persistent_id", persistent_id.clone().into()),
                    ("options", options.to_value()),
                ]);
                let limits = SegmentsLimits::from(&options);
                let segments = Segments::new(open_files(), persistent_id.clone(), about, limits);
                (Some(persistent_id), Some(segments))
            }
        };
        let trace = Trace {
            persistent_id,
            status: Status::Created,
            started: None,
            ended: None,
            reason: None,
            period: 0,
            period_start: Timestamp::EPOCH,
            period_from_seq: 0,
            pipeline: Pipeline::new(options, segments),
        };
        if let Some(mut replaced) = self.traces.insert(id.clone(), trace) {
            self.forgotten.count(replaced.pipeline.output().totals());
            replaced.remove_files();
        }
        Ok(id)
    }

    /// Brings back the persistent traces that earlier processes have left in files, stopped, until
    /// their retention is over; to be called once, before traces are created. Their names.
    ///
    /// A trace whose name is taken is named by its persistent identifier.
    ///
    /// # Errors
    /// [`RegistryError::Store`] if the files cannot be read; those read before are there.
    pub fn recover(&mut self, now: Timestamp) -> Result<Vec<String>, RegistryError> {
        let Some(open_files) = &mut self.open_files else { return Ok(Vec::new()) };
        let names = open_files().names().map_err(StoreError::from)?;
        let prefixes: BTreeSet<&str> = names.iter().filter_map(|name| prefix(name)).collect();
        let mut recovered = Vec::new();
        for prefix in prefixes {
            let limits = SegmentsLimits::default();
            let segments = Segments::recover(open_files(), prefix.to_owned(), limits)?;
            let Some((started, ended)) = segments.period() else { continue };
            let about = segments.about();
            let wanted = about.get("id").and_then(Value::as_str).unwrap_or(prefix);
            let taken = self.traces.contains_key(wanted);
            let id = if taken { prefix } else { wanted }.to_owned();
            // Options of a later version, which this one does not know, are of no use any more.
            let options = about.get("options").map(TraceOptions::from_value);
            let options = options.and_then(Result::ok).unwrap_or_default();
            let trace = Trace {
                persistent_id: Some(prefix.to_owned()),
                status: Status::Stopped,
                started: Some(started),
                ended: Some(ended.min(now)),
                reason: Some(StopReason::Restart),
                period: 0,
                period_start: started,
                period_from_seq: 0,
                pipeline: Pipeline::recovered(options, segments),
            };
            self.traces.insert(id.clone(), trace);
            recovered.push(id);
        }
        Ok(recovered)
    }

    /// Starts a trace that was created.
    ///
    /// # Errors
    /// [`RegistryError`] if there is no such trace, or if it was started before.
    pub fn start(&mut self, id: &str, now: Timestamp) -> Result<Info, RegistryError> {
        let trace = self.traces.get_mut(id).ok_or_else(|| no_such_trace(id))?;
        if trace.status != Status::Created {
            return Err(RegistryError::AlreadyRunning(id.to_owned()));
        }
        trace.status = Status::Running;
        trace.started = Some(now);
        trace.period_start = now;
        let info = trace.info(id, &self.node, now);
        self.notices.push(Notice::Started(id.to_owned(), info.clone()));
        self.work_switch();
        Ok(info)
    }

    /// Stops a trace; its data stays until it is [too old](TraceOptions::retention).
    ///
    /// The caller flushes the [`Collector`](crate::Collector) first, for what is on its way.
    /// Stopping a stopped trace does nothing.
    ///
    /// # Errors
    /// [`RegistryError`] if there is no such trace.
    pub fn stop(&mut self, id: &str, now: Timestamp) -> Result<Info, RegistryError> {
        self.stop_because(id, StopReason::Request, now)?;
        self.info(id, now)
    }

    /// The identifiers of all traces, sorted; of running ones alone, or of stopped ones too.
    pub fn ids(&self, with_stopped: WithStopped) -> impl Iterator<Item = &str> {
        let is_listed = move |trace: &Trace| match with_stopped {
            WithStopped::Yes => true,
            WithStopped::No => trace.status != Status::Stopped,
        };
        self.traces.iter().filter(move |(_, trace)| is_listed(trace)).map(|(id, _)| &**id)
    }

    /// What a trace says about itself.
    ///
    /// # Errors
    /// [`RegistryError`] if there is no such trace.
    pub fn info(&self, id: &str, now: Timestamp) -> Result<Info, RegistryError> {
        let trace = self.traces.get(id).ok_or_else(|| no_such_trace(id))?;
        Ok(trace.info(id, &self.node, now))
    }

    /// Records of a trace, by ascending number.
    ///
    /// Reads files for what memory has forgotten.
    ///
    /// # Errors
    /// [`RegistryError`] if there is no such trace, or its files cannot be read.
    pub fn data(&mut self, id: &str, range: DataRange) -> Result<Vec<Record>, RegistryError> {
        let trace = self.traces.get_mut(id).ok_or_else(|| no_such_trace(id))?;
        let output = trace.pipeline.output_mut();
        Ok(output.read(range.from_seq, range.to_seq, range.limit_count)?)
    }

    /// A page of the records of a trace that a query asks for.
    ///
    /// Reads files for what memory has forgotten, and looks at a bounded number of records.
    ///
    /// # Errors
    /// [`RegistryError`] if there is no such trace, a range is none, or its files cannot be read.
    pub fn query(&mut self, id: &str, query: &Query) -> Result<QueryPage, RegistryError> {
        let trace = self.traces.get_mut(id).ok_or_else(|| no_such_trace(id))?;
        let limit_count = query.limit_count()?;
        let output = trace.pipeline.output_mut();
        let to_seq = query.to_seq.unwrap_or(u64::MAX);
        let mut page = QueryPage { next_seq: query.from_seq, ..QueryPage::default() };
        for _ in 0..SCAN_COUNT_MAX / SCAN_CHUNK_COUNT {
            let chunk = output.read(page.next_seq, to_seq, SCAN_CHUNK_COUNT)?;
            if chunk.is_empty() {
                // What is asked for may have been forgotten: the next page is after that.
                page.next_seq = output.next_seq().max(page.next_seq);
                page.has_more = false;
                return Ok(page);
            }
            for record in chunk {
                if page.records.len() >= limit_count {
                    page.has_more = true;
                    return Ok(page);
                }
                page.next_seq = record.seq().saturating_add(1);
                if query.takes(&record) {
                    page.records.push(record);
                }
            }
        }
        page.has_more = true;
        Ok(page)
    }

    /// The records in memory that belong to an action, of all traces that have any, by trace.
    ///
    /// Costs a look at every record.
    #[must_use]
    pub fn action(&self, correlation: Correlation) -> Vec<(&str, Vec<Record>)> {
        let of_trace = |trace: &Trace| -> Vec<Record> {
            let all = trace.pipeline.output().since(0);
            all.filter(|record| record.correlation() == Some(correlation)).cloned().collect()
        };
        let all = self.traces.iter().map(|(id, trace)| (&**id, of_trace(trace)));
        all.filter(|(_, records)| !records.is_empty()).collect()
    }

    /// Takes one message for all running traces, unless their duration was over before it.
    pub fn handle(&mut self, message: &MessageRecord) {
        for trace in self.traces.values_mut() {
            if trace.status == Status::Running && message.at <= trace.deadline() {
                trace.pipeline.handle(message);
            }
        }
    }

    /// Lets time pass: closes periods, writes files, expires actions and traces, forgets data.
    pub fn tick(&mut self, now: Timestamp) {
        let mut over = Vec::new();
        for (id, trace) in &mut self.traces {
            match trace.status {
                Status::Created | Status::Stopped => {}
                Status::Running => {
                    trace.pipeline.tick(now);
                    if trace.period_end() <= now
                        && let Err(error) =
                            trace.close_period(id, &self.node, now, &mut self.notices)
                    {
                        over.push((id.clone(), StopReason::of(&error)));
                    } else if trace.deadline().after(self.delay) <= now {
                        over.push((id.clone(), StopReason::Duration));
                    }
                }
            }
        }
        for (id, reason) in over {
            // It is in the table: nothing was removed since.
            let _ = self.stop_because(&id, reason, now);
        }
        self.traces.retain(|_, trace| {
            let is_forgotten = trace.is_forgotten(now);
            if is_forgotten {
                self.forgotten.count(trace.pipeline.output().totals());
                trace.remove_files();
            }
            !is_forgotten
        });
    }

    /// When [`tick`](Self::tick) has something to do next; `None` if there is no trace.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let of_trace = |trace: &Trace| match trace.status {
            Status::Created => None,
            Status::Running => Some(trace.period_end().min(trace.deadline().after(self.delay))),
            Status::Stopped => trace.forget_at(),
        };
        self.traces.values().filter_map(of_trace).min()
    }

    /// What all traces of this process have counted, and what those take that there are.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = self.forgotten;
        for of_trace in self.traces.values().map(|trace| trace.pipeline.output().totals()) {
            totals.count(of_trace);
            totals.memory_bytes += of_trace.memory_bytes;
            totals.file_bytes += of_trace.file_bytes;
        }
        totals
    }

    /// Takes what has happened since it was last asked, in order.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    fn free_id(&self) -> String {
        let mut number = 1_u64;
        while self.traces.contains_key(&format!("trace{number}")) {
            number += 1;
        }
        format!("trace{number}")
    }

    fn stop_because(
        &mut self,
        id: &str,
        reason: StopReason,
        now: Timestamp,
    ) -> Result<(), RegistryError> {
        let trace = self.traces.get_mut(id).ok_or_else(|| no_such_trace(id))?;
        if trace.status == Status::Stopped {
            return Ok(());
        }
        // One whose duration is over has waited for what belongs to it.
        let ended = if reason == StopReason::Duration { trace.deadline().min(now) } else { now };
        if trace.status == Status::Running {
            trace.pipeline.stop(ended);
            let last = trace.close_period(id, &self.node, now, &mut self.notices);
            let end = last.and_then(|()| trace.pipeline.output_mut().finish());
            // What made it stop first is what it stopped for.
            trace.reason = Some(match (reason, end) {
                (StopReason::Request | StopReason::Duration, Err(error)) => StopReason::of(&error),
                (reason, Ok(()) | Err(_)) => reason,
            });
        } else {
            trace.reason = Some(reason);
        }
        trace.status = Status::Stopped;
        trace.ended = Some(ended);
        let info = trace.info(id, &self.node, now);
        self.notices.push(Notice::Stopped(id.to_owned(), info));
        self.work_switch();
        Ok(())
    }

    /// Sets the switch to what the most demanding of the running traces wants.
    fn work_switch(&self) {
        let mut depth = Depth::Off;
        let mut sampling: Option<Sampling> = None;
        for trace in self.traces.values().filter(|trace| trace.status == Status::Running) {
            let options = trace.pipeline.options();
            depth = depth.max(match options.payload {
                PayloadCapture::Omit => Depth::Envelope,
                PayloadCapture::Keep => Depth::Payload,
            });
            let larger =
                |known: Sampling| if options.sampling > known { options.sampling } else { known };
            sampling = Some(sampling.map_or(options.sampling, larger));
        }
        self.switch.set(depth, sampling.unwrap_or(Sampling::ALL));
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("node", &self.node)
            .field("traces", &self.traces)
            .finish_non_exhaustive()
    }
}

/// Whether stopped traces are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithStopped {
    /// They are.
    Yes,
    /// They are not.
    No,
}

impl Totals {
    /// Adds what has been counted, not what is taken.
    const fn count(&mut self, of_trace: Self) {
        self.records_count += of_trace.records_count;
        self.limited_count += of_trace.limited_count;
        self.unpersisted_count += of_trace.unpersisted_count;
    }
}

impl DataRange {
    /// The range from `from_seq` to `to_seq`, both included, or to the newest record; of these at
    /// most `limit`, 1 to 10000, or 100.
    ///
    /// # Errors
    /// [`RegistryError::Range`] and [`RegistryError::Reversed`] name the argument that is wrong.
    pub fn new(
        from_seq: u64,
        to_seq: Option<u64>,
        limit: Option<u64>,
    ) -> Result<Self, RegistryError> {
        let to_seq = to_seq.unwrap_or(u64::MAX);
        if to_seq < from_seq {
            return Err(RegistryError::Reversed { begin: "from_seq", end: "to_seq" });
        }
        let limit = limit.unwrap_or(DATA_COUNT_DEFAULT);
        match usize::try_from(limit) {
            Ok(limit_count) if (1..=DATA_COUNT_MAX).contains(&limit) => {
                Ok(Self { from_seq, to_seq, limit_count })
            }
            Ok(_) | Err(_) => {
                Err(RegistryError::Range { argument: "limit", min: 1, max: DATA_COUNT_MAX })
            }
        }
    }
}

impl Trace {
    fn info(&self, id: &str, node: &Node, now: Timestamp) -> Info {
        let output = self.pipeline.output();
        let (memory_bytes, file_bytes) = output.stored_bytes();
        Info {
            id: id.to_owned(),
            node_id: node.node_id.clone(),
            worker_id: node.worker_id.clone(),
            persistent_id: self.persistent_id.clone(),
            status: self.status,
            started: self.started,
            ended: self.ended,
            runtime: self.started.map(|started| self.ended.unwrap_or(now).since(started)),
            options: self.pipeline.options().to_value(),
            next_period: self.period,
            next_seq: output.next_seq(),
            reason: self.reason.clone(),
            missing_count: output.gap(),
            limited_count: output.limited_count(),
            unpersisted_count: output.unpersisted_count(),
            orphan_count: self.pipeline.orphan_count(),
            memory_bytes,
            file_bytes,
        }
    }

    fn period_end(&self) -> Timestamp {
        self.period_start.after(self.pipeline.options().batching_period)
    }

    /// When it stops by itself.
    fn deadline(&self) -> Timestamp {
        let started = self.started.unwrap_or(Timestamp::EPOCH);
        started.after(self.pipeline.options().duration)
    }

    fn forget_at(&self) -> Option<Timestamp> {
        self.ended.map(|ended| ended.after(self.pipeline.options().retention))
    }

    fn is_forgotten(&self, now: Timestamp) -> bool {
        self.forget_at().is_some_and(|moment| moment <= now)
    }

    /// Removes what there is in files. What cannot be removed is found and tried again when the
    /// next process [recovers](Registry::recover) its traces.
    fn remove_files(&mut self) {
        let _ = self.pipeline.output_mut().remove_files();
    }

    /// Publishes and writes the records of the current period, and begins the next.
    fn close_period(
        &mut self,
        id: &str,
        node: &Node,
        now: Timestamp,
        notices: &mut Vec<Notice>,
    ) -> Result<(), StoreError> {
        let output = self.pipeline.output_mut();
        let records: Vec<_> = output.since(self.period_from_seq).cloned().collect();
        if let (Some(first), Some(last)) = (records.first(), records.last()) {
            let period = Period {
                period: self.period,
                period_start: self.period_start,
                finished: now,
                finished_pc_ns: now.as_nanos().saturating_sub(node.origin.as_nanos()),
                first_seq: first.seq(),
                last_seq: last.seq(),
            };
            notices.push(Notice::Data(id.to_owned(), period, records));
        }
        self.period += 1;
        self.period_start = now;
        self.period_from_seq = output.next_seq();
        output.persist(now)
    }
}

/// The persistent identifier in the name of a segment file: a UUID.
fn prefix(name: &str) -> Option<&str> {
    let (prefix, _) = name.strip_suffix(".trace")?.rsplit_once('-')?;
    prefix.parse::<Correlation>().ok().map(|_| prefix)
}

fn no_such_trace(id: &str) -> RegistryError {
    RegistryError::NoSuchTrace(id.to_owned())
}

/// The identifier of a persistent trace, as a UUID.
fn persistent_id(seed: u64, number: u64) -> String {
    let salted = |salt: u64| {
        let bits = u128::from(seed) << 64 | u128::from(number.wrapping_mul(2).wrapping_add(salt));
        Correlation::new(bits).map_or(1, Correlation::spread)
    };
    let bits = u128::from(salted(0)) << 64 | u128::from(salted(1));
    Correlation::new(bits).map_or_else(String::new, |id| id.to_string())
}

#[cfg(test)]
mod tests;
