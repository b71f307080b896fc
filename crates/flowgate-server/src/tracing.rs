//! Message tracing as a service: the thread that owns the traces, and the handle to it.
//!
//! One thread, `flowgate-trace`, has the [`Registry`], the [`Collector`] and the files; everybody
//! else has a [`Tracing`].
//! It sleeps while nothing is traced, and wakes every few milliseconds while something is.
//!
//! Workers record so, with one relaxed load per batch while nothing is traced:
//!
//! 1. [`Tracing::switch`] is cloned once into whatever asks [`Switch::is_on`].
//! 2. The first time that it is on, a worker makes its own recorder by [`Tracing::recorder`], whose
//!    tap goes to the thread by itself, and keeps it for as long as it lives.
//! 3. [`Recorder::record`] takes the facts.
//!
//! Surfaces (HTTP, WAMP) say who asks with [`Rights`] and await the answers of the other methods.
//! They hear of starts, stops and new records from [`Tracing::notices`], and show each record to
//! whoever may see it, as [`Rights::show`] gives it.

mod counts;
mod desk;
mod error;
mod otlp;
mod page;
mod query;
mod rights;
mod wamp;

use std::{
    sync::{
        Arc,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;
use flowgate_event::{Correlation, Timestamp};
use flowgate_trace::{
    DataRange, Folder, Info, Node, Notice, OpenFiles, OtlpAnswer, Query, QueryPage, Record,
    Recorder, Status, Switch, Tap, TraceOptions, WithStopped,
};
use flowgate_wire::Value;
use tokio::{
    sync::{
        broadcast::{self, error::RecvError},
        oneshot,
    },
    time::{Instant, timeout_at},
};

use crate::{clock::Clock, config::TracingConfig};

pub(crate) use counts::TraceCounts;
use desk::Desk;
pub(crate) use error::TraceError;
pub use error::TracingError;
pub(crate) use otlp::export_spans;
pub(crate) use page::{TracePath, trace_page};
pub(crate) use rights::Rights;
pub(crate) use wamp::{WampTracing, is_about_traces, served};

/// Whether messages can be traced; `false` only where the cost of that is measured.
pub(crate) const TRACES: bool = !cfg!(feature = "untraced");

/// Records that find room between a worker and the thread: what a worker records within the tens of
/// milliseconds that the thread may be late by.
const RING_COUNT: usize = 16_384;

/// Words that wait for the thread; whoever comes when it is full is told to come again.
const WORDS_MAX: usize = 256;

/// Notices that a slow listener may be behind by before it misses the oldest.
const NOTICES_MAX: usize = 256;

/// A file of this name tells other processes that the folder is taken.
const LOCK_FILE: &str = "flowgate.lock";

/// A question, and what to do with its answer.
type Question = Box<dyn FnOnce(&mut Desk) + Send>;

/// A word to the thread.
enum Word {
    /// A worker has begun to record.
    Tap(Tap),
    Ask(Question),
    /// Stop all traces, and end.
    Stop,
}

/// The handle to the traces of this router; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Tracing {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    switch: Arc<Switch>,
    words: SyncSender<Word>,
    notices: broadcast::Sender<Arc<Notice>>,
    config: TracingConfig,
    /// What `pc` in records counts from.
    origin: Timestamp,
}

/// The thread that owns the traces, to be [stopped](Self::stop).
#[derive(Debug)]
pub(crate) struct TracingThread {
    words: SyncSender<Word>,
    thread: JoinHandle<()>,
}

impl Tracing {
    /// Starts the thread, which first finds the persistent traces of earlier processes, and notes
    /// in `counts` where it stands.
    ///
    /// # Errors
    /// The folder for traces cannot be used, or there can be no thread.
    pub(crate) fn start(
        config: TracingConfig,
        clock: Clock,
        counts: Arc<TraceCounts>,
    ) -> Result<(Self, TracingThread), TracingError> {
        let lock = config.directory.as_deref().map(desk::take_folder).transpose()?;
        let directory = config.directory.clone();
        let open_files = directory
            .map(|path| -> OpenFiles { Box::new(move || Box::new(Folder::new(path.clone()))) });
        let switch = Arc::new(Switch::new());
        let node = Node {
            node_id: wamp::NODE_ID.to_owned(),
            worker_id: wamp::WORKER_ID.to_owned(),
            origin: clock.now(),
            seed: fastrand::u64(..) ^ clock.now().as_nanos(),
        };
        let (words, heard) = sync_channel(WORDS_MAX);
        let (notices, _) = broadcast::channel(NOTICES_MAX);
        let shared = Shared {
            switch: Arc::clone(&switch),
            words: words.clone(),
            notices: notices.clone(),
            config,
            origin: node.origin,
        };
        let mut desk = Desk::new(switch, node, open_files, (notices, counts), clock, lock);
        desk.configure(&shared.config);
        let thread = thread::Builder::new()
            .name("flowgate-trace".to_owned())
            .spawn(move || desk.run(&heard))
            .map_err(TracingError::Thread)?;
        Ok((Self { shared: Arc::new(shared) }, TracingThread { words, thread }))
    }

    /// Whether anything is traced. One relaxed load.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        TRACES && self.shared.switch.is_on()
    }

    /// Whether anything is traced, and how much of it.
    pub(crate) fn switch(&self) -> &Arc<Switch> {
        &self.shared.switch
    }

    /// A recorder for the calling worker, to be kept. `None` if the thread is busy or gone: try
    /// again with the next message.
    pub(crate) fn recorder(&self) -> Option<Recorder> {
        let switch = Arc::clone(&self.shared.switch);
        let (recorder, tap) = Recorder::new(switch, RING_COUNT, self.shared.origin);
        self.shared.words.try_send(Word::Tap(tap)).is_ok().then_some(recorder)
    }

    /// What happens to traces from now on; what is missed by a listener that is too slow is told by
    /// [`broadcast::error::RecvError::Lagged`].
    pub(crate) fn notices(&self) -> broadcast::Receiver<Arc<Notice>> {
        self.shared.notices.subscribe()
    }

    /// Creates and starts a trace with the options in a dictionary, and gives its description.
    ///
    /// Cancellation safe, but the trace may have started.
    pub(crate) async fn start_trace(
        &self,
        rights: &Rights,
        id: Option<String>,
        options: &Value<'_>,
    ) -> Result<Info, TraceError> {
        let mut options = TraceOptions::from_value(options)?;
        rights.admit(&mut options)?;
        let rights = rights.clone();
        self.ask(move |desk| desk.start_trace(&rights, id.as_deref(), options)).await?
    }

    /// Stops a trace, and gives its description. A stopped trace is left as it is.
    pub(crate) async fn stop_trace(&self, rights: &Rights, id: String) -> Result<Info, TraceError> {
        let rights = rights.clone();
        self.ask(move |desk| desk.stop_trace(&rights, &id)).await?
    }

    /// The descriptions of all traces that may be seen, sorted by name.
    pub(crate) async fn get_traces(
        &self,
        rights: &Rights,
        with_stopped: WithStopped,
    ) -> Result<Vec<Info>, TraceError> {
        let rights = rights.clone();
        self.ask(move |desk| desk.traces(&rights, with_stopped)).await
    }

    /// The description of a trace.
    pub(crate) async fn get_trace(&self, rights: &Rights, id: String) -> Result<Info, TraceError> {
        let rights = rights.clone();
        self.ask(move |desk| desk.trace(&rights, &id)).await?
    }

    /// Records of a trace by their numbers, as far as they may be seen.
    pub(crate) async fn get_trace_data(
        &self,
        rights: &Rights,
        id: String,
        range: DataRange,
    ) -> Result<Vec<Record>, TraceError> {
        let rights = rights.clone();
        self.ask(move |desk| desk.data(&rights, &id, range)).await?
    }

    /// A page of the records of a trace that a query asks for, as far as they may be seen, with the
    /// trace's description.
    ///
    /// If there are none yet, waits for the next ones while the trace runs, at most as long as
    /// `patience`; they come once in a batching period. Cancellation safe.
    pub(crate) async fn query(
        &self,
        rights: &Rights,
        id: &str,
        mut query: Query,
        patience: Duration,
    ) -> Result<(QueryPage, Info), TraceError> {
        // Before the first question, so that nothing is missed between it and the waiting.
        let mut notices = self.notices();
        let deadline = Instant::now() + patience;
        loop {
            let (page, info) = self.query_once(rights, id, query.clone()).await?;
            let is_over = info.status == Status::Stopped || Instant::now() >= deadline;
            if !page.records.is_empty() || page.has_more || is_over {
                return Ok((page, info));
            }
            query.from_seq = page.next_seq;
            loop {
                match timeout_at(deadline, notices.recv()).await {
                    Ok(Ok(notice)) if !concerns(&notice, id) => {}
                    Ok(Ok(_) | Err(RecvError::Lagged(_))) | Err(_) => break,
                    Ok(Err(RecvError::Closed)) => return Err(TraceError::Closed),
                }
            }
        }
    }

    async fn query_once(
        &self,
        rights: &Rights,
        id: &str,
        query: Query,
    ) -> Result<(QueryPage, Info), TraceError> {
        let (rights, id) = (rights.clone(), id.to_owned());
        self.ask(move |desk| desk.query(&rights, &id, &query)).await?
    }

    /// What is known of an action, as far as it may be seen: the name and the records of the trace
    /// that has most of it, among all or the one named. `None` if none has any.
    ///
    /// Traces are looked for in memory first, and then in files. Cancellation safe.
    pub(crate) async fn action(
        &self,
        rights: &Rights,
        correlation: Correlation,
        trace: Option<&str>,
    ) -> Result<Option<(String, Vec<Record>)>, TraceError> {
        let of_all = rights.clone();
        let mut found = self.ask(move |desk| desk.action(&of_all, correlation)).await?;
        found.retain(|(id, _)| trace.is_none_or(|wanted| wanted == id));
        if found.is_empty() {
            let infos = match trace {
                Some(id) => vec![self.get_trace(rights, id.to_owned()).await?],
                None => self.get_traces(rights, WithStopped::Yes).await?,
            };
            for info in infos.iter().filter(|info| info.persistent_id.is_some()) {
                let records = self.action_in(rights, &info.id, correlation).await?;
                found.push((info.id.clone(), records));
            }
        }
        let most = found.into_iter().max_by_key(|(_, records)| records.len());
        Ok(most.filter(|(_, records)| !records.is_empty()))
    }

    /// The records of an action in one trace, wherever they are.
    async fn action_in(
        &self,
        rights: &Rights,
        id: &str,
        correlation: Correlation,
    ) -> Result<Vec<Record>, TraceError> {
        let mut query = Query { correlation: Some(correlation), ..Query::default() };
        let mut records = Vec::new();
        loop {
            let (page, _) = self.query_once(rights, id, query.clone()).await?;
            records.extend(page.records);
            if !page.has_more {
                return Ok(records);
            }
            query.from_seq = page.next_seq;
        }
    }

    /// Has the thread answer a question.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Desk) -> T + Send + 'static,
    ) -> Result<T, TraceError> {
        let (answer, answered) = oneshot::channel();
        let question: Question = Box::new(move |desk| {
            // Whoever asked may be gone.
            let _ = answer.send(question(desk));
        });
        self.shared.words.try_send(Word::Ask(question)).map_err(|error| match error {
            TrySendError::Full(_) => TraceError::Busy,
            TrySendError::Disconnected(_) => TraceError::Closed,
        })?;
        answered.await.map_err(|_| TraceError::Closed)
    }
}

/// Spans for a collector.
impl Tracing {
    /// The request that is to be sent now; [`otlp_settle`](Self::otlp_settle) has to follow.
    async fn otlp_request(&self) -> Result<Option<Bytes>, TraceError> {
        self.ask(Desk::otlp_request).await
    }

    /// What has come of it; `None` if there was no answer.
    async fn otlp_settle(&self, said: Option<otlp::Said>) -> Result<(), TraceError> {
        self.ask(move |desk| {
            desk.otlp_settle(said.as_ref().map_or(OtlpAnswer::None, otlp::Said::as_answer));
        })
        .await
    }

    /// From now on spans wait for nothing, and no more come.
    async fn otlp_flush(&self) -> Result<(), TraceError> {
        self.ask(Desk::otlp_flush).await
    }

    /// What has become of spans.
    #[cfg(test)]
    async fn otlp_counts(&self) -> Result<flowgate_trace::OtlpCounts, TraceError> {
        self.ask(|desk| desk.otlp_counts()).await
    }
}

/// Who may do what.
impl Tracing {
    /// What sessions with this role in this realm may do; `who` is for the log.
    pub(crate) fn rights_of_role(&self, realm: &str, role: &str, who: String) -> Rights {
        Rights::of_role(&self.shared.config, realm, role, who)
    }

    /// What whoever reaches the administration interface may do.
    pub(crate) fn rights_of_admin(&self, who: String) -> Rights {
        Rights::of_admin(&self.shared.config, who)
    }
}

/// Whether a notice says that there is more of a trace, or no more.
fn concerns(notice: &Notice, trace: &str) -> bool {
    match notice {
        Notice::Data(id, ..) | Notice::Stopped(id, _) => id == trace,
        Notice::Started(..) => false,
    }
}

impl TracingThread {
    /// Stops all traces, and waits until their files are finished. Blocks.
    pub(crate) fn stop(self) {
        // If the thread is gone, there is nothing to stop.
        let _ = self.words.send(Word::Stop);
        let _ = self.thread.join();
    }
}

#[cfg(test)]
mod tests;
