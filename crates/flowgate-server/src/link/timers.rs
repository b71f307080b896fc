//! When a connection has to act without being told to.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Keepalive;

/// Far enough away never to matter.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// The deadlines of one connection, behind one timer.
#[derive(Debug)]
pub(crate) struct Timers {
    keepalive: Option<Keepalive>,
    opening_timeout: Duration,
    /// When a session must be open.
    opening: Option<Instant>,
    /// When what was sent must have been read.
    closing: Option<Instant>,
    /// When to look whether the client is alive.
    probe: Option<Instant>,
    /// When the open metering window ends.
    window: Option<Instant>,
    /// When statistics have waited for each other long enough.
    deferral: Option<Instant>,
    /// Whether anything was received since the last look.
    active: bool,
    /// Whether a ping waits for an answer.
    pinged: bool,
}

/// What a timer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fired {
    /// Nothing.
    Nothing,
    /// Send a ping.
    Ping,
    /// The client has not answered a ping.
    Silent,
    /// The client has not opened a session in time.
    OpeningTimeout,
    /// The client has not read what was sent to it in time.
    ClosingTimeout,
    /// Statistics have waited for each other long enough.
    Deferral,
}

impl Timers {
    pub(crate) fn new(keepalive: Option<Keepalive>, opening_timeout: Duration) -> Self {
        let now = Instant::now();
        Self {
            keepalive,
            opening_timeout,
            opening: Some(now + opening_timeout),
            closing: None,
            probe: keepalive.map(|keepalive| now + keepalive.interval),
            window: None,
            deferral: None,
            active: false,
            pinged: false,
        }
    }

    /// The nearest deadline, if there is any.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let deadlines = [self.opening, self.closing, self.probe, self.window, self.deferral];
        deadlines.into_iter().flatten().min()
    }

    /// The nearest deadline, or a moment at which it does no harm to look.
    pub(crate) fn next(&self) -> Instant {
        self.deadline().unwrap_or_else(|| Instant::now() + NEVER)
    }

    /// Something was received.
    pub(crate) fn active(&mut self) {
        self.active = true;
    }

    /// The connection has no session; it must open one in time.
    pub(crate) fn start_opening(&mut self) {
        self.closing = None;
        self.window = None;
        self.opening = Some(Instant::now() + self.opening_timeout);
    }

    /// A session is open.
    pub(crate) fn opened(&mut self) {
        self.opening = None;
    }

    /// The client must read what was sent in time; the first call counts.
    pub(crate) fn start_closing(&mut self, limit: Duration) {
        self.closing.get_or_insert_with(|| Instant::now() + limit);
    }

    /// The open metering window ends then.
    pub(crate) fn window_ends(&mut self, at: Option<Instant>) {
        self.window = at;
    }

    /// Statistics wait for each other, but no longer than this; the first call counts.
    pub(crate) fn start_deferral(&mut self, limit: Duration) {
        self.deferral.get_or_insert_with(|| Instant::now() + limit);
    }

    /// What is due.
    pub(crate) fn fire(&mut self, now: Instant) -> Fired {
        let due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if due(self.deferral) {
            self.deferral = None;
            return Fired::Deferral;
        }
        if due(self.closing) {
            self.closing = None;
            return Fired::ClosingTimeout;
        }
        if due(self.opening) {
            self.opening = None;
            return Fired::OpeningTimeout;
        }
        if due(self.probe) { self.probe(now) } else { Fired::Nothing }
    }

    fn probe(&mut self, now: Instant) -> Fired {
        let Some(keepalive) = self.keepalive else { return Fired::Nothing };
        if std::mem::take(&mut self.active) {
            self.pinged = false;
            self.probe = Some(now + keepalive.interval);
            return Fired::Nothing;
        }
        if std::mem::replace(&mut self.pinged, true) && keepalive.timeout.is_some() {
            return Fired::Silent;
        }
        self.probe = Some(now + keepalive.timeout.unwrap_or(keepalive.interval));
        Fired::Ping
    }
}

#[cfg(test)]
mod tests;
