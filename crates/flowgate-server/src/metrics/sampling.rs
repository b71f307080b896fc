//! The task that samples rates and records stats.

use std::{sync::Arc, time::Duration};

use flowgate_event::Timestamp;
use tokio::{
    sync::watch,
    task::spawn_blocking,
    time::{Instant, sleep_until},
};

use super::{Metrics, lock, recording};
use crate::listener::Stop;

/// OpenSimulator's pace; [`flowgate_metrics::Registry::sample`] says what it is for.
const SAMPLE_EVERY: Duration = Duration::from_millis(2500);

/// As long as a series has to be idle before it may be folded.
const REFRESH_EVERY: Duration = Duration::from_secs(60);

impl Metrics {
    /// Samples and records until `stop` says so for good.
    pub(crate) async fn run(self: Arc<Self>, mut stop: watch::Receiver<Stop>) {
        let mut sample_at = self.clock.now();
        let mut refresh_at = sample_at.after(REFRESH_EVERY);
        loop {
            let now = self.clock.now();
            if now >= sample_at {
                self.sample(now);
                if now >= refresh_at {
                    self.families.procedures.refresh();
                    refresh_at = now.after(REFRESH_EVERY);
                }
                // By the time of the plan, not of the work; and never twice for what was missed.
                sample_at = sample_at.after(SAMPLE_EVERY).max(now);
            }
            let record_at = self.record_if_due(now).await;
            let next = record_at.map_or(sample_at, |record_at| record_at.min(sample_at));
            tokio::select! {
                () = sleep_until(self.instant(next)) => {}
                () = self.rescheduled.notified() => {}
                _ = stop.wait_for(|stop| *stop == Stop::Now) => return,
            }
        }
    }

    fn instant(&self, moment: Timestamp) -> Instant {
        self.clock.instant(moment)
    }

    fn sample(&self, now: Timestamp) {
        self.registry.sample(now);
        let scrape = self.registry.scrape();
        let counts = scrape.series_counts().map(|(family, count)| (family.to_owned(), count));
        *lock(&self.series_counts) = counts.collect();
    }

    /// Writes a report if it is time; when the next one is due, if there is one.
    async fn record_if_due(self: &Arc<Self>, now: Timestamp) -> Option<Timestamp> {
        let due = {
            let mut recorder = lock(&self.recorder);
            let recorder = recorder.as_mut()?;
            if now < recorder.next {
                return Some(recorder.next);
            }
            recorder.next = recorder.next.after(recorder.options.every).max(now);
            recorder.clone()
        };
        let metrics = Arc::clone(self);
        let written = spawn_blocking(move || {
            let report = metrics.report(due.options.format);
            (recording::record(&due.options, report.as_bytes()), due.options.path)
        });
        // Cancelled by the end of the runtime alone, and a panic has been reported.
        if let Ok((Err(error), path)) = written.await {
            tracing::error!(%error, "stats are no longer recorded");
            let mut recorder = lock(&self.recorder);
            if recorder.as_ref().is_some_and(|recorder| recorder.options.path == path) {
                *recorder = None;
            }
        }
        lock(&self.recorder).as_ref().map(|recorder| recorder.next)
    }
}
