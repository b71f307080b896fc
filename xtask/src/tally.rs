//! Counting what passed, failed and was skipped, and the summary at the end of a run.

use std::ops::AddAssign;
use std::process::ExitCode;

use crate::workspace;

/// What came of one step.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed_count: usize,
    pub(crate) failed_count: usize,
    /// What was skipped and why; each entry stands for the given number of tests.
    pub(crate) skipped: Vec<Skipped>,
}

/// Tests that did not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skipped {
    pub(crate) count: usize,
    pub(crate) reason: String,
}

impl Tally {
    /// One thing that passed or failed.
    pub(crate) fn one(passed: bool) -> Self {
        Self {
            passed_count: usize::from(passed),
            failed_count: usize::from(!passed),
            skipped: Vec::new(),
        }
    }

    /// Adds to what was skipped for the same reason before.
    pub(crate) fn skip(&mut self, count: usize, reason: impl Into<String>) {
        let reason = reason.into();
        match self.skipped.iter_mut().find(|skipped| skipped.reason == reason) {
            Some(skipped) => skipped.count += count,
            None if count > 0 => self.skipped.push(Skipped { count, reason }),
            None => {}
        }
    }

    fn skipped_count(&self) -> usize {
        self.skipped.iter().map(|skipped| skipped.count).sum()
    }

    /// The line that every run ends with.
    fn line(&self) -> String {
        let mut line = format!("{} passed, {} failed", self.passed_count, self.failed_count);
        if self.skipped_count() > 0 {
            line += &format!(", {} skipped", self.skipped_count());
        }
        line
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed_count += other.passed_count;
        self.failed_count += other.failed_count;
        for Skipped { count, reason } in other.skipped {
            self.skip(count, reason);
        }
    }
}

/// Whether what is skipped counts as failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skips {
    /// On a developer's machine a skip is stated and forgiven.
    Allowed,
    /// In continuous integration it fails the run.
    Failed,
}

impl Skips {
    pub(crate) fn of_this_run() -> Self {
        if workspace::is_ci() { Self::Failed } else { Self::Allowed }
    }
}

/// All steps of a run.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    steps: Vec<(String, Tally)>,
}

impl Summary {
    pub(crate) fn add(&mut self, step: impl Into<String>, tally: Tally) {
        self.steps.push((step.into(), tally));
    }

    /// Prints what ran, what was skipped and why, and as the very last line the total.
    pub(crate) fn finish(self, skips: Skips) -> ExitCode {
        let width = self.steps.iter().map(|(step, _)| step.len()).max().unwrap_or_default();
        let mut total = Tally::default();
        println!("\nWhat ran:");
        for (step, tally) in self.steps {
            println!("  {step:<width$}  {}", tally.line());
            total += tally;
        }
        if !total.skipped.is_empty() {
            println!("What was skipped:");
            for Skipped { count, reason } in &total.skipped {
                println!("  {count}: {reason}");
            }
        }
        if skips == Skips::Failed && !total.skipped.is_empty() {
            println!("With CI=true nothing may be skipped: what was skipped counts as failed.");
            total.failed_count += total.skipped_count();
            total.skipped.clear();
        }
        println!("{}", total.line());
        if total.failed_count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_mentions_skips_only_where_there_are_some() {
        let mut tally = Tally { passed_count: 3, failed_count: 1, skipped: Vec::new() };
        assert_eq!(tally.line(), "3 passed, 1 failed");
        tally.skip(0, "nothing");
        assert_eq!(tally.line(), "3 passed, 1 failed");
        tally.skip(2, "no Python");
        assert_eq!(tally.line(), "3 passed, 1 failed, 2 skipped");
        tally.skip(1, "no Python");
        assert_eq!(tally.skipped, [Skipped { count: 3, reason: "no Python".to_owned() }]);
    }

    #[test]
    fn a_skip_fails_where_skips_may_not_be() {
        let summary = || {
            let mut tally = Tally::one(true);
            tally.skip(1, "no Python");
            let mut summary = Summary::default();
            summary.add("interop", tally);
            summary
        };
        assert_eq!(summary().finish(Skips::Allowed), ExitCode::SUCCESS);
        assert_eq!(summary().finish(Skips::Failed), ExitCode::FAILURE);
    }
}
