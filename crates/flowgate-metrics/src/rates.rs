//! How fast stats change.

use std::collections::{BTreeMap, VecDeque};

use flowgate_event::Timestamp;

use crate::stats::{Stat, Stats};

#[cfg(test)]
mod tests;

/// How many samples the average is taken over: a minute at the usual pace of 2.5 s.
const SAMPLE_COUNT_MAX: usize = 24;

/// The change of a stat per second.
///
/// A counter that was started anew continues from zero, so that no rate is negative; the change of
/// a gauge may be.
/// Both are 0 until there are two samples.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rates {
    /// Between the last two samples.
    pub last: f64,
    /// Over the last 24 samples, by the time that has truly passed.
    pub average: f64,
}

/// Whether a stat may go down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    OnlyUp,
    UpAndDown,
}

/// The last samples of one stat.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// Time, and the sum of all changes until then.
    samples: VecDeque<(Timestamp, f64)>,
    /// The value seen last, which may have started anew.
    last_value: f64,
}

impl Window {
    pub(crate) fn push(&mut self, now: Timestamp, value: f64, direction: Direction) {
        let change = match (self.samples.back(), direction) {
            (None, _) => 0.0,
            (Some(_), Direction::OnlyUp) if value < self.last_value => value,
            (Some(_), _) => value - self.last_value,
        };
        let changed = self.samples.back().map_or(0.0, |(_, changed)| *changed) + change;
        self.last_value = value;
        if self.samples.len() == SAMPLE_COUNT_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back((now, changed));
    }

    pub(crate) fn rates(&self) -> Rates {
        let mut backwards = self.samples.iter().rev();
        let newest = backwards.next();
        Rates {
            last: per_second(backwards.next(), newest),
            average: per_second(self.samples.front(), newest),
        }
    }
}

fn per_second(from: Option<&(Timestamp, f64)>, to: Option<&(Timestamp, f64)>) -> f64 {
    let (Some((start, before)), Some((end, after))) = (from, to) else { return 0.0 };
    let seconds = end.since(*start).as_secs_f64();
    if seconds > 0.0 { (after - before) / seconds } else { 0.0 }
}

/// The windows of all stats that are measured.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    /// By category, container and short name.
    windows: BTreeMap<(String, String, String), Window>,
}

impl Windows {
    /// Takes a sample of each of these stats, and forgets those that are not there.
    pub(crate) fn sample(&mut self, now: Timestamp, stats: &Stats) {
        let mut before = std::mem::take(&mut self.windows);
        for stat in stats.iter() {
            let mut window = before.remove(&stat.key()).unwrap_or_default();
            window.push(now, stat.number(), stat.direction());
            self.windows.insert(stat.key(), window);
        }
    }

    pub(crate) fn rates(&self, stat: &Stat) -> Rates {
        self.windows.get(&stat.key()).map(Window::rates).unwrap_or_default()
    }
}
