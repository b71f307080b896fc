//! The meter of one session.

use std::num::NonZeroU64;
use std::time::Duration;

use flowgate_event::Timestamp;

use crate::account::Counters;
use crate::{RatedMessageSize, Report, StatsConfig, Totals};

/// Meters one WAMP session, from the arrival of its HELLO until it left.
///
/// It has one owner, which tells it of every message ([`received`](Self::received),
/// [`sent`](Self::sent)) and of four moments: [`joined`](Self::joined), [`close`](Self::close) when
/// a message made the window due, [`tick`](Self::tick) at the [`deadline`](Self::deadline), and
/// [`leave`](Self::leave).
/// Each of the four may yield a [`Report`] to publish.
/// A second HELLO on the same connection is a new session and takes a new meter.
///
/// The meter always counts; [`totals`](Self::totals) can be read at any time.
/// It reports only with a configuration, only after the session has joined, and never after it left.
/// Calls that come in another order do no harm: they yield no report.
///
/// Counting one message costs three additions and one comparison: no clock, no lock, no system
/// call, no allocation.
/// The meter is 144 bytes: 48 of sums, 48 of what earlier reports covered of them, 48 of state and
/// configuration; counting a message touches only the first 64.
/// It holds no reference and is deliberately not `Clone`: two copies would count twice.
///
/// Source: "Session Statistics" of Crossbar.io's documentation.
// In declared order, so that everything that a message touches comes first and lies together.
#[repr(C)]
#[derive(Debug)]
pub struct SessionMeter {
    /// Everything counted since HELLO.
    counted: Counters,
    /// The window is due once this many rated messages, both directions together, are counted since
    /// HELLO; [`NEVER`] while no count can make it due.
    due_at_rated_messages: u64,
    rated_message_size: RatedMessageSize,
    phase: Phase,
    join: EdgeReport,
    leave: EdgeReport,
    /// What was counted when the current window started: what earlier reports covered.
    reported: Totals,
    window_start: Timestamp,
    /// Number of reports so far.
    report_count: u64,
    trigger_rated_messages: Option<NonZeroU64>,
    trigger_duration_ns: Option<NonZeroU64>,
}

const _: () = assert!(
    std::mem::offset_of!(SessionMeter, rated_message_size) < 64,
    "counting a message touches only the first 64 bytes"
);

/// A threshold that no session reaches: it would have to send 2^64 - 1 messages.
const NEVER: u64 = u64::MAX;

/// Tells the caller whether the message just counted made the window due.
#[must_use = "a window that is due has to be closed with `SessionMeter::close`"]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Due {
    /// Nothing to do.
    NotYet,
    /// The window holds enough rated messages: read the clock and call [`SessionMeter::close`].
    /// Until then every ordinary message says so again.
    Now,
}

/// What a sent message is to the meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Traffic {
    /// Any message but a statistics event.
    Ordinary,
    /// An EVENT of `wamp.session.on_stats`.
    ///
    /// Counted like any message, but it never makes a window due, or a session that monitors
    /// statistics would keep itself busy: its report would be an event, which would be counted,
    /// which would make the next report due.
    /// If it takes the window past its threshold, the next ordinary message makes the window due.
    StatsEvent,
}

/// How far the session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No configuration: counts, and never reports.
    Unreported,
    /// Between HELLO and WELCOME: no trigger fires, so that the report on join covers exactly this.
    Handshake,
    /// Between WELCOME and leaving: all triggers work.
    Joined,
    /// Left: nothing fires any more.
    Left,
}

/// Whether one end of the session's life is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EdgeReport {
    Silent,
    Reported,
}

/// Which report of the session one is, seen from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    MoreMayFollow,
    Last,
}

impl SessionMeter {
    /// A meter whose first window starts at `hello_at`, the arrival of the session's HELLO, which is
    /// itself still to be counted with [`received`](Self::received).
    ///
    /// Without a configuration (a realm without `stats`) the meter counts and never reports; messages
    /// are then rated by the default size of 512 bytes.
    #[must_use]
    pub fn new(config: Option<StatsConfig>, hello_at: Timestamp) -> Self {
        let phase = if config.is_some() { Phase::Handshake } else { Phase::Unreported };
        let config = config.unwrap_or_default();
        Self {
            counted: Counters::default(),
            due_at_rated_messages: NEVER,
            rated_message_size: config.rated_message_size,
            phase,
            join: EdgeReport::from_trigger(config.trigger_on_join),
            leave: EdgeReport::from_trigger(config.trigger_on_leave),
            reported: Totals::default(),
            window_start: hello_at,
            report_count: 0,
            trigger_rated_messages: config.trigger_after_rated_messages,
            trigger_duration_ns: config.trigger_after_duration.and_then(whole_nanos),
        }
    }

    /// Counts a received message of `bytes` octets (the serialized WAMP message, without framing),
    /// to be called when it was decoded.
    #[inline]
    pub fn received(&mut self, bytes: usize) -> Due {
        self.counted.count_received(bytes, self.rated_message_size.rate(bytes));
        self.due()
    }

    /// Counts a sent message of `bytes` octets (the serialized WAMP message, without framing), to be
    /// called when it was handed to the socket.
    #[inline]
    pub fn sent(&mut self, bytes: usize, traffic: Traffic) -> Due {
        self.counted.count_sent(bytes, self.rated_message_size.rate(bytes));
        match traffic {
            Traffic::Ordinary => self.due(),
            Traffic::StatsEvent => Due::NotYet,
        }
    }

    /// The session has joined: to be called once, when WELCOME was handed to the socket and counted,
    /// before any other message is counted.
    ///
    /// Returns the report on join, which covers exactly HELLO to WELCOME, if the configuration asks
    /// for one; from then on all triggers work.
    /// Without a report on join the first window goes on, unless the handshake alone holds enough
    /// rated messages to close it: then it is closed and reported here.
    /// If the handshake outlasted the duration trigger, the [`deadline`](Self::deadline) has already
    /// passed when this returns.
    pub fn joined(&mut self, now: Timestamp) -> Option<Report> {
        if self.phase != Phase::Handshake {
            return None;
        }
        self.phase = Phase::Joined;
        self.arm();
        match (self.join, self.due()) {
            (EdgeReport::Reported, _) | (EdgeReport::Silent, Due::Now) => {
                Some(self.close_window(now, Position::MoreMayFollow))
            }
            (EdgeReport::Silent, Due::NotYet) => None,
        }
    }

    /// Closes the window at `now` and opens the next: to be called when a message made it
    /// [due](Due::Now), at once or after a batch of messages.
    ///
    /// Returns nothing, and changes nothing, if the window does not hold enough rated messages, so
    /// that closing a second time for messages of one batch does no harm; nor does it report a
    /// session that has not joined, has left, or has no configuration.
    pub fn close(&mut self, now: Timestamp) -> Option<Report> {
        // Only a joined session that is reported has a threshold.
        match self.due() {
            Due::Now => Some(self.close_window(now, Position::MoreMayFollow)),
            Due::NotYet => None,
        }
    }

    /// When the duration trigger closes the current window; none without such a trigger, before the
    /// session joined, and after it left.
    ///
    /// It moves whenever a window closes, so read it again after every report.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Joined => self
                .trigger_duration_ns
                .map(|nanos| self.window_start.after(Duration::from_nanos(nanos.get()))),
            Phase::Unreported | Phase::Handshake | Phase::Left => None,
        }
    }

    /// Closes the window if its [`deadline`](Self::deadline) has been reached, also when no message
    /// passed in it.
    ///
    /// A late call yields one report of the longer window, and the next window starts at `now`.
    pub fn tick(&mut self, now: Timestamp) -> Option<Report> {
        match self.deadline() {
            Some(deadline) if deadline <= now => {
                Some(self.close_window(now, Position::MoreMayFollow))
            }
            Some(_) | None => None,
        }
    }

    /// The session has left, however it came about: to be called when its last message (GOODBYE, if
    /// there was one) was counted.
    ///
    /// Returns the last report if the configuration asks for one, even of a window without messages;
    /// otherwise what the last window counted shows only in the [`totals`](Self::totals).
    /// A session that never joined is not reported.
    /// Nothing is reported or due afterwards; messages still count into the totals.
    pub fn leave(&mut self, now: Timestamp) -> Option<Report> {
        let left = std::mem::replace(&mut self.phase, Phase::Left);
        let report = match (left, self.leave) {
            (Phase::Joined, EdgeReport::Reported) => Some(self.close_window(now, Position::Last)),
            (Phase::Joined, EdgeReport::Silent)
            | (Phase::Unreported | Phase::Handshake | Phase::Left, _) => None,
        };
        self.due_at_rated_messages = NEVER;
        report
    }

    /// Everything counted since HELLO, reported or not.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.counted.totals()
    }

    /// Whether enough rated messages are counted to close the window.
    #[inline]
    fn due(&self) -> Due {
        if self.counted.rated_messages() >= self.due_at_rated_messages {
            Due::Now
        } else {
            Due::NotYet
        }
    }

    /// Sets the threshold of the window that starts where the reported totals end.
    fn arm(&mut self) {
        self.due_at_rated_messages = match self.trigger_rated_messages {
            Some(trigger) => self.reported.total().rated_messages.saturating_add(trigger.get()),
            None => NEVER,
        };
    }

    /// Reports the current window up to `now` and opens the next.
    fn close_window(&mut self, now: Timestamp, position: Position) -> Report {
        // Time never runs backwards within one process; if a caller's does, the window is empty
        // rather than overlapping.
        let end = now.max(self.window_start);
        let counted = self.counted.totals();
        let window = counted.since(self.reported);
        let first = self.report_count == 0;
        self.report_count = self.report_count.wrapping_add(1);
        let report = Report {
            cycle: self.report_count,
            start: self.window_start,
            duration: end.since(self.window_start),
            first,
            last: position == Position::Last,
            received: window.received,
            sent: window.sent,
        };
        self.window_start = end;
        self.reported = counted;
        self.arm();
        report
    }
}

impl EdgeReport {
    fn from_trigger(trigger: bool) -> Self {
        if trigger { Self::Reported } else { Self::Silent }
    }
}

/// The duration in nanoseconds, none if it is zero; what exceeds 64 bits outlasts every timestamp.
fn whole_nanos(duration: Duration) -> Option<NonZeroU64> {
    NonZeroU64::new(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}
