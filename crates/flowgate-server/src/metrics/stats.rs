//! What people ask for at the console and over the administration interface.

use std::{io, path::Path, sync::Arc};

use flowgate_metrics::{
    Verbosity,
    encode::{StatFilter, console, json, openmetrics},
};

use super::{Metrics, RecordFormat, RecordOptions, recording::Recorder};

pub use flowgate_metrics::encode::console::ShowError;

/// The stats of a running router, for its console; cloned to whoever asks.
#[derive(Debug, Clone)]
pub struct Stats {
    metrics: Arc<Metrics>,
}

/// What was asked for cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum StatsError {
    /// Whoever asked named what is not there.
    #[error(transparent)]
    Show(#[from] ShowError),
    /// The operator's: no such folder, no right, no room. Nothing has changed.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: String,
        /// What is wrong.
        source: io::Error,
    },
    /// Recording must be stopped before it is started in another way.
    #[error("stats are recorded to {0} already; stop that first")]
    Recording(String),
    /// There is nothing to stop.
    #[error("stats are not recorded")]
    NotRecording,
}

impl Stats {
    pub(crate) fn new(metrics: &Arc<Metrics>) -> Self {
        Self { metrics: Arc::clone(metrics) }
    }

    /// What `stats show` prints for these names; see [`console::show`].
    ///
    /// # Errors
    /// [`StatsError::Show`]; nothing is shown then.
    pub fn show(&self, names: &[&str], verbosity: Verbosity) -> Result<String, StatsError> {
        Ok(console::show(&self.metrics.registry.stats(), names, verbosity)?)
    }

    /// All stats, as `stats save` and `stats record` write them.
    #[must_use]
    pub fn report(&self, format: RecordFormat) -> String {
        self.metrics.report(format)
    }

    /// Appends one report to a file.
    ///
    /// # Errors
    /// [`StatsError::Write`].
    pub fn save(&self, path: &Path, format: RecordFormat) -> Result<(), StatsError> {
        super::recording::append(path, self.report(format).as_bytes())
    }

    /// Starts to append reports to a file; says where.
    ///
    /// # Errors
    /// [`StatsError::Recording`] and [`StatsError::Write`]; nothing has changed then.
    pub fn start_recording(&self, options: RecordOptions) -> Result<String, StatsError> {
        let mut recorder = super::lock(&self.metrics.recorder);
        if let Some(recorder) = &*recorder {
            return Err(StatsError::Recording(recorder.place()));
        }
        let started = Recorder::start(options, self.metrics.clock.now())?;
        let place = started.place();
        *recorder = Some(started);
        self.metrics.rescheduled.notify_one();
        Ok(place)
    }

    /// Ends what [`start_recording`](Self::start_recording) has begun; says where the reports are.
    ///
    /// # Errors
    /// [`StatsError::NotRecording`].
    pub fn stop_recording(&self) -> Result<String, StatsError> {
        let recorder = super::lock(&self.metrics.recorder).take();
        self.metrics.rescheduled.notify_one();
        recorder.map(|recorder| recorder.place()).ok_or(StatsError::NotRecording)
    }
}

impl Metrics {
    /// All stats at this moment.
    pub(super) fn report(&self, format: RecordFormat) -> String {
        let now = self.clock.now();
        match format {
            RecordFormat::Text => console::report(&self.registry.stats(), now, Verbosity::Debug),
            RecordFormat::Ndjson => {
                let tree = json(&self.registry.stats(), &StatFilter::default());
                format!("{{\"timestamp\":{},\"stats\":{tree}}}\n", now.as_nanos())
            }
            RecordFormat::Openmetrics => {
                let mut page = String::new();
                openmetrics(&self.registry.scrape(), &mut page);
                page
            }
        }
    }
}
