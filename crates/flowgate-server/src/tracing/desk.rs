//! The thread that owns the traces.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use bytes::Bytes;
use flowgate_event::Correlation;
use flowgate_trace::{
    Collector, DataRange, Info, Node, Notice, OpenFiles, OtlpAnswer, OtlpExporter, OtlpLimits,
    Persistence, Query, QueryPage, Record, Registry, RegistryError, Sampling, Status, StopReason,
    Switch, TraceLevel, TraceOptions, WithStopped,
};
use flowgate_wire::Value;
use tokio::sync::broadcast;

use super::{LOCK_FILE, Rights, TraceCounts, TraceError, TracingError, Word};
use crate::{clock::Clock, config::TracingConfig};

/// How often records are fetched while something is traced: often enough that rings do not fill.
const COLLECT_INTERVAL: Duration = Duration::from_millis(5);

/// How long records wait for earlier ones of other workers.
const SETTLE: Duration = Duration::from_millis(10);

/// Files smaller than this are no trace: the smallest `max_disk`.
const MIN_DISK_BYTES: u64 = 1 << 20;

/// The trace that spans are made from.
const OTLP_TRACE: &str = "otlp";

/// How long it runs before it is started again: as long as a trace may.
const OTLP_DURATION: Duration = Duration::from_secs(86_400);

/// How long its actions are kept here, too.
const OTLP_HISTORY: Duration = Duration::from_secs(10);

/// All that the thread has.
pub(super) struct Desk {
    registry: Registry,
    collector: Collector,
    switch: Arc<Switch>,
    notices: broadcast::Sender<Arc<Notice>>,
    counts: Arc<TraceCounts>,
    clock: Clock,
    /// Octets that the files of all traces may have.
    max_disk_bytes: u64,
    /// Takes the actions of the trace [`OTLP_TRACE`].
    otlp: Option<Otlp>,
    /// Keeps other processes out of the folder.
    _lock: Option<File>,
}

/// Spans, and which actions they are of.
struct Otlp {
    exporter: OtlpExporter,
    sampling: Sampling,
    dropped_count: u64,
}

/// Makes a folder for traces if need be, and takes it for this process.
pub(super) fn take_folder(path: &Path) -> Result<File, TracingError> {
    let fault = |source| TracingError::Folder { path: path.to_owned(), source };
    fs::create_dir_all(path).map_err(fault)?;
    let file = File::create(path.join(LOCK_FILE)).map_err(fault)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(TracingError::Taken { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(fault(source)),
    }
}

impl Desk {
    pub(super) fn new(
        switch: Arc<Switch>,
        node: Node,
        open_files: Option<OpenFiles>,
        (notices, counts): (broadcast::Sender<Arc<Notice>>, Arc<TraceCounts>),
        clock: Clock,
        lock: Option<File>,
    ) -> Self {
        let registry = Registry::new(Arc::clone(&switch), node, open_files).with_delay(SETTLE);
        let collector = Collector::new(SETTLE);
        Self {
            registry,
            collector,
            switch,
            notices,
            counts,
            clock,
            max_disk_bytes: 0,
            otlp: None,
            _lock: lock,
        }
    }

    pub(super) fn configure(&mut self, config: &TracingConfig) {
        self.max_disk_bytes = config.max_disk_bytes;
        self.otlp = config.otlp.as_ref().map(|otlp| {
            let resource = [
                ("service.name", "flowgate".to_owned()),
                ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
                ("service.instance.id", format!("{:016x}", fastrand::u64(..))),
            ];
            let resource = resource.map(|(key, value)| (key.to_owned(), value)).into();
            let exporter = OtlpExporter::new(resource, OtlpLimits::default());
            Otlp { exporter, sampling: otlp.sampling, dropped_count: 0 }
        });
    }

    /// Runs until it is told to stop, or nobody is left to say so.
    pub(super) fn run(mut self, words: &Receiver<Word>) {
        match self.registry.recover(self.clock.now()) {
            Ok(names) if names.is_empty() => {}
            Ok(names) => tracing::info!(traces = ?names, "traces of earlier runs are there"),
            Err(error) => tracing::warn!(%error, "traces of earlier runs are missing"),
        }
        self.start_otlp();
        loop {
            match self.hear(words) {
                Some(Word::Tap(tap)) => self.collector.add(tap),
                Some(Word::Ask(question)) => question(&mut self),
                Some(Word::Stop) => return self.stop(),
                None => {}
            }
            self.work();
        }
    }

    /// The next word, if there is one before there is something else to do.
    fn hear(&self, words: &Receiver<Word>) -> Option<Word> {
        let deadline = self.registry.next_deadline();
        let until = deadline.map(|moment| moment.since(self.clock.now()));
        let patience = match until {
            _ if self.switch.is_on() => {
                Some(until.map_or(COLLECT_INTERVAL, |until| until.min(COLLECT_INTERVAL)))
            }
            until => until,
        };
        match patience {
            None => Some(words.recv().unwrap_or(Word::Stop)),
            Some(patience) => match words.recv_timeout(patience) {
                Ok(word) => Some(word),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(Word::Stop),
            },
        }
    }

    /// Does what is due.
    fn work(&mut self) {
        let now = self.clock.now();
        self.collector.collect(now, &mut self.registry);
        self.registry.tick(now);
        self.publish();
        let spans = self.otlp.as_ref().map(|otlp| otlp.exporter.counts()).unwrap_or_default();
        self.counts.note(self.registry.totals(), self.collector.dropped_count(), spans);
    }

    /// Tells of what has happened.
    fn publish(&mut self) {
        let mut is_otlp_over = false;
        for notice in self.registry.take_notices() {
            match &notice {
                Notice::Data(trace, _, records) if trace == OTLP_TRACE => self.offer_spans(records),
                Notice::Stopped(trace, info) if trace == OTLP_TRACE => {
                    is_otlp_over = info.reason == Some(StopReason::Duration);
                }
                Notice::Started(..) | Notice::Stopped(..) | Notice::Data(..) => {}
            }
            if let Notice::Stopped(trace, info) = &notice {
                let reason = info.reason.as_ref().map(ToString::to_string).unwrap_or_default();
                match info.reason {
                    Some(StopReason::DiskFull | StopReason::Store(_)) => {
                        tracing::warn!(trace, reason, "trace stopped");
                    }
                    Some(StopReason::Request | StopReason::Duration | StopReason::Restart)
                    | None => tracing::info!(trace, reason, "trace stopped"),
                }
            }
            // Nobody may be listening.
            let _ = self.notices.send(Arc::new(notice));
        }
        if is_otlp_over {
            self.start_otlp();
        }
    }

    /// Stops all traces.
    fn stop(mut self) {
        self.collector.flush(&mut self.registry);
        let running: Vec<_> = self.registry.ids(WithStopped::No).map(str::to_owned).collect();
        for id in running {
            // It is there: nobody else removes it.
            let _ = self.registry.stop(&id, self.clock.now());
        }
        self.publish();
    }
}

/// Spans for a collector.
impl Desk {
    /// Starts the trace that they are made from. Nobody may start or stop it without the right to
    /// all realms.
    fn start_otlp(&mut self) {
        let Some(otlp) = &self.otlp else { return };
        let options = TraceOptions {
            level: TraceLevel::Action,
            sampling: otlp.sampling,
            duration: OTLP_DURATION,
            limit: OTLP_HISTORY,
            retention: OTLP_HISTORY,
            ..TraceOptions::default()
        };
        let created = self.registry.create(Some(OTLP_TRACE), options);
        let started = created.and_then(|id| self.registry.start(&id, self.clock.now()));
        if let Err(error) = started {
            tracing::warn!(%error, "OTLP: no trace to make spans from");
        }
    }

    fn offer_spans(&mut self, records: &[Record]) {
        let Some(otlp) = &mut self.otlp else { return };
        otlp.exporter.offer(self.clock.now(), records);
        let dropped_count = otlp.exporter.counts().dropped;
        // Once for each batch; the count tells how many.
        if std::mem::replace(&mut otlp.dropped_count, dropped_count) < dropped_count {
            tracing::warn!(dropped_count, "OTLP: spans found no room, the collector is too slow");
        }
    }

    pub(super) fn otlp_request(&mut self) -> Option<Bytes> {
        self.otlp.as_mut()?.exporter.poll(self.clock.now())
    }

    pub(super) fn otlp_settle(&mut self, answer: OtlpAnswer<'_>) {
        if let Some(otlp) = &mut self.otlp {
            otlp.exporter.settle(self.clock.now(), answer);
        }
    }

    pub(super) fn otlp_flush(&mut self) {
        if self.otlp.is_none() {
            return;
        }
        self.collector.flush(&mut self.registry);
        // It may have been stopped, and forgotten.
        let _ = self.registry.stop(OTLP_TRACE, self.clock.now());
        self.publish();
        if let Some(otlp) = &mut self.otlp {
            otlp.exporter.flush();
        }
    }

    #[cfg(test)]
    pub(super) fn otlp_counts(&self) -> flowgate_trace::OtlpCounts {
        self.otlp.as_ref().map(|otlp| otlp.exporter.counts()).unwrap_or_default()
    }
}

/// The questions.
impl Desk {
    pub(super) fn start_trace(
        &mut self,
        rights: &Rights,
        id: Option<&str>,
        mut options: TraceOptions,
    ) -> Result<Info, TraceError> {
        let now = self.clock.now();
        if options.persistence == Persistence::Files {
            let left = self.max_disk_bytes.saturating_sub(self.reserved_bytes());
            if left < MIN_DISK_BYTES {
                return Err(TraceError::NoRoom);
            }
            options.max_disk_bytes = options.max_disk_bytes.min(left);
        }
        // A trace that is not to be seen is not replaced either.
        if let Some(id) = id
            && let Ok(info) = self.registry.info(id, now)
            && !rights.may_stop(&info)
        {
            return Err(RegistryError::AlreadyRunning(id.to_owned()).into());
        }
        let id = self.registry.create(id, options)?;
        let info = self.registry.start(&id, now)?;
        tracing::info!(trace = id, who = rights.who(), options = %Json(&info.options), "trace started");
        self.publish();
        Ok(info)
    }

    pub(super) fn stop_trace(&mut self, rights: &Rights, id: &str) -> Result<Info, TraceError> {
        let known = self.trace(rights, id)?;
        if !rights.may_stop(&known) {
            return Err(TraceError::Denied { option: Some("realm") });
        }
        if known.status != Status::Stopped {
            tracing::info!(trace = id, who = rights.who(), "trace is to be stopped");
        }
        self.collector.flush(&mut self.registry);
        let info = self.registry.stop(id, self.clock.now())?;
        self.publish();
        Ok(info)
    }

    pub(super) fn traces(&self, rights: &Rights, with_stopped: WithStopped) -> Vec<Info> {
        let now = self.clock.now();
        let infos =
            self.registry.ids(with_stopped).filter_map(|id| self.registry.info(id, now).ok());
        infos.filter(|info| rights.may_see(info)).collect()
    }

    pub(super) fn trace(&self, rights: &Rights, id: &str) -> Result<Info, TraceError> {
        let info = self.registry.info(id, self.clock.now())?;
        if rights.may_see(&info) {
            Ok(info)
        } else {
            Err(RegistryError::NoSuchTrace(id.to_owned()).into())
        }
    }

    pub(super) fn data(
        &mut self,
        rights: &Rights,
        id: &str,
        range: DataRange,
    ) -> Result<Vec<Record>, TraceError> {
        self.trace(rights, id)?;
        let records = self.registry.data(id, range)?;
        Ok(records.into_iter().filter_map(|record| rights.show(record)).collect())
    }

    pub(super) fn query(
        &mut self,
        rights: &Rights,
        id: &str,
        query: &Query,
    ) -> Result<(QueryPage, Info), TraceError> {
        let info = self.trace(rights, id)?;
        let mut page = self.registry.query(id, query)?;
        page.records = page.records.into_iter().filter_map(|record| rights.show(record)).collect();
        Ok((page, info))
    }

    pub(super) fn action(
        &self,
        rights: &Rights,
        correlation: Correlation,
    ) -> Vec<(String, Vec<Record>)> {
        let all = self.registry.action(correlation).into_iter();
        let seen = all.map(|(id, records)| {
            let records = records.into_iter().filter_map(|record| rights.show(record));
            (id.to_owned(), records.collect::<Vec<_>>())
        });
        seen.filter(|(_, records)| !records.is_empty()).collect()
    }

    /// Octets of the files that there are and may come to be.
    fn reserved_bytes(&self) -> u64 {
        let now = self.clock.now();
        let infos =
            self.registry.ids(WithStopped::Yes).filter_map(|id| self.registry.info(id, now).ok());
        let of_trace = |info: Info| match (info.status, &info.persistent_id) {
            (_, None) => 0,
            (Status::Stopped, Some(_)) => info.file_bytes,
            (Status::Created | Status::Running, Some(_)) => {
                info.options.get("max_disk").and_then(Value::as_u64).unwrap_or(0)
            }
        };
        infos.map(of_trace).sum()
    }
}

/// A value as JSON, for the log.
struct Json<'a>(&'a Value<'static>);

impl std::fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&serde_json::to_string(self.0).map_err(|_| std::fmt::Error)?)
    }
}
