//! Event histories in a file: written by a thread of its own, read once at the start.
//!
//! The realm appends under its lock and never waits: a record goes into a bounded queue, and what
//! finds the queue full is missing in the file.
//! Whatever is missing there is counted and logged, and the router goes on: while it runs, its
//! histories are in memory.

mod file;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

use flowgate_router::{EventRecord, EventStore, HistoryKey};

use crate::{config::HistoryRule, service::Counts};
use file::HistoryFile;

/// Records that one transaction writes at most: enough to spread the cost of its sync, and few
/// enough to be short.
const BATCH_MAX: usize = 1024;

/// What a history has recorded.
type Append = (HistoryKey, Arc<EventRecord>);

/// A word to the thread.
enum Word {
    Append(Append),
    /// Write what came before this, and end.
    Stop,
}

/// The thread that writes the histories of a realm.
#[derive(Debug)]
pub(crate) struct Store {
    words: SyncSender<Word>,
    thread: JoinHandle<()>,
}

/// What the realm appends to.
struct Appender {
    realm: String,
    words: SyncSender<Word>,
    counts: Arc<Counts>,
    is_losing: bool,
}

/// What the thread has.
struct Writer {
    realm: String,
    path: PathBuf,
    histories: Vec<HistoryRule>,
    counts: Arc<Counts>,
    /// The file, while it can be used.
    file: Option<HistoryFile>,
}

/// A store, as it starts.
pub(crate) struct Started {
    pub(crate) store: Store,
    pub(crate) appender: Box<dyn EventStore>,
    /// What the file has of each history.
    pub(crate) records: Vec<Vec<Arc<EventRecord>>>,
}

impl Store {
    /// Opens a file, and starts the thread that writes it.
    ///
    /// A file that cannot be used is left as it is: histories are empty then, and in memory only
    /// until it can be.
    pub(crate) fn start(
        realm: &str,
        path: PathBuf,
        max_buffer_count: usize,
        histories: &[HistoryRule],
        counts: &Arc<Counts>,
    ) -> std::io::Result<Started> {
        let (words, heard) = sync_channel(max_buffer_count);
        // The answer to the only question: what the file has.
        let (answer, answered) = sync_channel(1);
        let mut writer = Writer {
            realm: realm.to_owned(),
            path,
            histories: histories.to_vec(),
            counts: Arc::clone(counts),
            file: None,
        };
        let thread = thread::Builder::new().name("histories".to_owned()).spawn(move || {
            // Nobody waits for the answer if the router could not start.
            let _ = answer.send(writer.open());
            writer.run(&heard);
        })?;
        // Without an answer the thread has panicked, which the panic itself has reported; from now
        // on every record is counted as lost.
        let records = answered.recv().unwrap_or_default();
        let appender = Appender {
            realm: realm.to_owned(),
            words: words.clone(),
            counts: Arc::clone(counts),
            is_losing: false,
        };
        Ok(Started { store: Self { words, thread }, appender: Box::new(appender), records })
    }

    /// Waits until all that was appended is written. Blocks.
    pub(crate) fn stop(self) {
        // If the thread is gone, there is nothing to stop.
        let _ = self.words.send(Word::Stop);
        let _ = self.thread.join();
    }
}

impl EventStore for Appender {
    fn append(&mut self, history: HistoryKey, record: &Arc<EventRecord>) {
        let why = match self.words.try_send(Word::Append((history, Arc::clone(record)))) {
            Ok(()) => {
                self.is_losing = false;
                return;
            }
            Err(TrySendError::Full(_)) => "more events come than can be written",
            Err(TrySendError::Disconnected(_)) => "the thread that writes them has ended",
        };
        self.counts.history_lost(1);
        // Once for each time that it begins; the count tells how many.
        if !std::mem::replace(&mut self.is_losing, true) {
            tracing::error!(realm = self.realm, why, "events will be missing in the history file");
        }
    }
}

impl Writer {
    fn run(&mut self, heard: &Receiver<Word>) {
        let mut batch = Vec::new();
        while let Ok(word) = heard.recv() {
            let mut next = Some(word);
            let mut is_over = false;
            while let Some(word) = next {
                match word {
                    Word::Append(append) => batch.push(append),
                    Word::Stop => is_over = true,
                }
                next =
                    if is_over || batch.len() == BATCH_MAX { None } else { heard.try_recv().ok() };
            }
            self.write(&batch);
            batch.clear();
            if is_over {
                return;
            }
        }
    }

    /// Opens the file; what it has of each history.
    fn open(&mut self) -> Vec<Vec<Arc<EventRecord>>> {
        let (realm, path) = (&self.realm, self.path.display());
        match HistoryFile::open(&self.path, &self.histories) {
            Ok((file, restored)) => {
                if restored.damaged_count > 0 {
                    self.counts.history_lost(restored.damaged_count);
                    let events = restored.damaged_count;
                    tracing::error!(realm, %path, events, "damaged events in the history file");
                }
                self.file = Some(file);
                restored.records
            }
            Err(error) => {
                tracing::error!(realm, %path, %error, "history file cannot be used; histories are in memory only");
                Vec::new()
            }
        }
    }

    fn write(&mut self, batch: &[Append]) {
        if batch.is_empty() {
            return;
        }
        let events = batch.len() as u64;
        let was_usable = self.file.is_some();
        // A file that failed is opened anew: a full disk may have room again.
        let written = self.reopened().and_then(|file| file.append(batch));
        let (realm, path) = (&self.realm, self.path.display());
        match written {
            Ok(()) => {
                if !was_usable {
                    tracing::info!(realm, %path, "history file can be used again");
                }
                tracing::debug!(realm, events, "events written to the history file");
            }
            Err(error) => {
                self.file = None;
                self.counts.history_lost(events);
                if was_usable {
                    tracing::error!(realm, %path, %error, events, "events could not be written to the history file");
                }
            }
        }
    }

    fn reopened(&mut self) -> Result<&mut HistoryFile, file::FileError> {
        let file = match self.file.take() {
            Some(file) => file,
            None => HistoryFile::open(&self.path, &self.histories)?.0,
        };
        Ok(self.file.insert(file))
    }
}
