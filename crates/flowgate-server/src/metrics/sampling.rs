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

/// How often the runtime is asked how late it is: often enough to see a stall that clients notice,
/// and a wake-up that costs an idle router some 20 µs a second.
const STALL_EVERY: Duration = Duration::from_millis(250);

/// As long as a series has to be idle before it may be folded.
const REFRESH_EVERY: Duration = Duration::from_secs(60);

impl Metrics {
    /// Samples and records until `stop` says so for good.
    ///
    /// Cancellation loses nothing but what is due later.
    pub(crate) async fn run(self: Arc<Self>, mut stop: watch::Receiver<Stop>) {
        let metrics = Arc::clone(&self);
        tokio::select! {
            () = metrics.sample_and_record() => {}
            () = self.watch_stalls() => {}
            _ = stop.wait_for(|stop| *stop == Stop::Now) => {}
        }
    }

    /// Records how late the runtime is with a timer, for ever.
    pub(super) async fn watch_stalls(&self) {
        loop {
            let due = self.clock.now().after(STALL_EVERY);
            sleep_until(self.instant(due)).await;
            self.families.runtime_stall.record_duration(self.clock.now().since(due));
        }
    }

    async fn sample_and_record(self: Arc<Self>) {
        let mut sample_at = self.clock.now();
        let mut refresh_at = sample_at.after(REFRESH_EVERY);
        loop {
            let now = self.clock.now();
            if now >= sample_at {
                let refreshes = now >= refresh_at;
                if refreshes {
                    refresh_at = now.after(REFRESH_EVERY);
                }
                let metrics = Arc::clone(&self);
                // Not here: what a hundred thousand series take would keep messages waiting.
                // An error is a panic, which has been reported, or the end of the runtime.
                let _ = spawn_blocking(move || metrics.sample(now, refreshes)).await;
                // By the time of the plan, not of the work; and never twice for what was missed.
                sample_at = sample_at.after(SAMPLE_EVERY).max(now);
            }
            let record_at = self.record_if_due(now).await;
            let next = record_at.map_or(sample_at, |record_at| record_at.min(sample_at));
            tokio::select! {
                () = sleep_until(self.instant(next)) => {}
                () = self.rescheduled.notified() => {}
            }
        }
    }

    fn instant(&self, moment: Timestamp) -> Instant {
        self.clock.instant(moment)
    }

    fn sample(&self, now: Timestamp, refreshes: bool) {
        self.registry.sample(now);
        let scrape = self.registry.scrape();
        let counts = scrape.series_counts().map(|(family, count)| (family.to_owned(), count));
        *lock(&self.series_counts) = counts.collect();
        if refreshes {
            self.families.procedures.refresh();
        }
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
