//! The line that says what is going on while it runs.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use crate::clock::{Clock, ns};

/// How often the line changes.
const INTERVAL: Duration = Duration::from_millis(500);

/// Back to the beginning of the line, and nothing right of it.
const ERASE: &str = "\r\x1b[K";

/// Where the line goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Show {
    /// Nowhere.
    Never,
    /// To a terminal: each line takes the place of the one before.
    InPlace,
    /// To a file or another program: one line after the other.
    Lines,
}

/// A line on standard error, erased in the end.
#[derive(Debug)]
pub(crate) struct Progress {
    show: Show,
    clock: Clock,
    next_ns: u64,
}

impl Progress {
    /// Shows on terminals, and everywhere if asked for.
    pub(crate) fn new(asked: bool, clock: Clock) -> Self {
        let show = match (io::stderr().is_terminal(), asked) {
            (true, _) => Show::InPlace,
            (false, true) => Show::Lines,
            (false, false) => Show::Never,
        };
        Self { show, clock, next_ns: ns(INTERVAL) }
    }

    /// The clock of the run.
    pub(crate) const fn clock(&self) -> Clock {
        self.clock
    }

    /// Shows a line, if there is somebody to see it and the last one is old enough.
    pub(crate) fn tick(&mut self, now_ns: u64, line: impl FnOnce() -> String) {
        if self.show == Show::Never || now_ns < self.next_ns {
            return;
        }
        self.next_ns = now_ns + ns(INTERVAL);
        let line = line();
        let text = match self.show {
            Show::Never => return,
            Show::InPlace => format!("{ERASE}{line}"),
            Show::Lines => format!("{line}\n"),
        };
        write(&text);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.show == Show::InPlace {
            write(ERASE);
        }
    }
}

fn write(text: &str) {
    // Whoever cannot see the line still gets the report.
    let mut out = io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
