//! The tables: what was measured, and which targets hold.

use std::fmt::Write as _;

use super::cases::{Case, Metric, Section, Target};
use super::measure::{Sample, Spread};

/// All runs of one case.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) case: Case,
    pub(super) ours: Vec<Sample>,
    pub(super) floor: Vec<Sample>,
    pub(super) reference: Vec<Sample>,
    /// In the order of the peers.
    pub(super) peers: Vec<Vec<Sample>>,
}

/// Whether a target was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Holds,
    Missed,
    /// Nobody was there to compare with.
    NotMeasured,
}

impl Row {
    /// A case that has not run.
    pub(super) fn new(case: Case, peer_count: usize) -> Self {
        let peers = vec![Vec::new(); peer_count];
        Self { case, ours: Vec::new(), floor: Vec::new(), reference: Vec::new(), peers }
    }

    /// Each target in words, with what was measured.
    pub(super) fn judge(&self) -> Vec<(Verdict, String)> {
        self.case.targets.iter().map(|target| self.judge_one(*target)).collect()
    }

    fn judge_one(&self, target: Target) -> (Verdict, String) {
        let (wish, measured, holds) = match target {
            Target::Floor(most) => {
                let ratio = Spread::of_ratios(&self.ours, &self.floor);
                (format!("≤ {most} × floor"), ratio, ratio.is_some_and(|r| r.median <= most))
            }
            Target::Reference(most) => {
                let ratio = Spread::of_ratios(&self.ours, &self.reference);
                let name = self.case.reference.as_ref().map_or("", |reference| reference.name);
                (format!("≤ {most} × {name}"), ratio, ratio.is_some_and(|r| r.median <= most))
            }
            Target::BestPeer(least) => {
                let best = self.best_peer(|sample| sample.cost);
                let ratio = best.and_then(|best| Spread::of_ratios(best, &self.ours));
                let wish = format!("≥ {least} × less than the best peer");
                (wish, ratio, ratio.is_some_and(|r| r.median >= least))
            }
            Target::LatencyOfBestPeer(most) => {
                let best = self.best_peer(|sample| Some(sample.p50_us));
                let ratio = best.and_then(|best| Spread::of_latency_ratios(&self.ours, best));
                let wish = format!("p50 ≤ {most} × the fastest peer's");
                (wish, ratio, ratio.is_some_and(|r| r.median <= most))
            }
            Target::Kibibytes(most) => {
                let memory = Spread::of(self.ours.iter().filter_map(|sample| sample.cost));
                (format!("≤ {most} KiB"), memory, memory.is_some_and(|m| m.median <= most))
            }
        };
        let Some(Spread { least, median, most }) = measured else {
            return (Verdict::NotMeasured, format!("{wish}: not measured"));
        };
        let (verdict, word) =
            if holds { (Verdict::Holds, "holds") } else { (Verdict::Missed, "missed") };
        (verdict, format!("{wish}: **{median:.2}** ({least:.2} to {most:.2}), {word}"))
    }

    /// The runs of the peer whose median is the least.
    fn best_peer(&self, value: impl Fn(&Sample) -> Option<f64>) -> Option<&[Sample]> {
        let median =
            |samples: &[Sample]| Some(Spread::of(samples.iter().filter_map(&value))?.median);
        let medians = self.peers.iter().filter_map(|samples| Some((samples, median(samples)?)));
        let best = medians.min_by(|(_, one), (_, other)| one.total_cmp(other))?;
        Some(best.0.as_slice())
    }

    fn cell(&self, samples: &[Sample]) -> String {
        cell(self.case.metric, samples)
    }
}

/// A table for each section; columns without a single figure are left out.
pub(super) fn render(sections: &[Section], rows: &[Row], peers: &[String]) -> String {
    let mut text = String::new();
    for section in sections {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.case.section == *section).collect();
        if rows.is_empty() {
            continue;
        }
        let mut columns: Vec<(String, Vec<String>)> = Vec::new();
        let mut column = |title: &str, cells: Vec<String>| {
            if cells.iter().any(|cell| cell != EMPTY) {
                columns.push((title.to_owned(), cells));
            }
        };
        let cells = |samples: fn(&Row) -> &[Sample]| -> Vec<String> {
            rows.iter().map(|row| row.cell(samples(row))).collect()
        };
        column("Flowgate", cells(|row| &row.ours));
        column("floor", cells(|row| &row.floor));
        column("reference", cells(|row| &row.reference));
        for (index, peer) in peers.iter().enumerate() {
            let samples =
                |row: &&Row| row.cell(row.peers.get(index).map(Vec::as_slice).unwrap_or_default());
            column(peer, rows.iter().map(samples).collect());
        }
        column("targets", rows.iter().map(|row| targets(row)).collect());
        let names = rows.iter().map(|row| row.case.name.as_str()).collect();
        push_table(section.title(), names, &columns, &mut text);
    }
    text
}

fn targets(row: &Row) -> String {
    let words: Vec<String> = row.judge().into_iter().map(|(_, words)| words).collect();
    if words.is_empty() { EMPTY.to_owned() } else { words.join("<br>") }
}

fn push_table(title: &str, names: Vec<&str>, columns: &[(String, Vec<String>)], text: &mut String) {
    let _ = write!(text, "\n**{title}**\n\n| case |");
    for (title, _) in columns {
        let _ = write!(text, " {title} |");
    }
    let _ = writeln!(text, "\n|---|{}", "---|".repeat(columns.len()));
    for (index, name) in names.into_iter().enumerate() {
        let _ = write!(text, "| {name} |");
        for (_, cells) in columns {
            let _ = write!(text, " {} |", cells.get(index).map_or(EMPTY, String::as_str));
        }
        text.push('\n');
    }
}

/// Where nothing was measured.
const EMPTY: &str = "–";

/// CPU per operation, rate and latencies, or memory per session; each the median of the runs.
fn cell(metric: Metric, samples: &[Sample]) -> String {
    let of = |field: fn(&Sample) -> f64| Spread::of(samples.iter().map(field));
    let (Some(rate), Some(p50), Some(p99)) = (
        of(|sample| sample.operations_per_s),
        of(|sample| sample.p50_us),
        of(|sample| sample.p99_us),
    ) else {
        return EMPTY.to_owned();
    };
    let cost = Spread::of(samples.iter().filter_map(|sample| sample.cost));
    let cost = cost.map(|cost| match metric {
        Metric::Cpu => format!("**{:.2} µs** ", cost.median),
        Metric::Memory => format!("**{:.2} KiB**", cost.median),
    });
    let mut cell = cost.unwrap_or_default();
    if metric == Metric::Cpu {
        let _ = write!(
            cell,
            "{:.0}k/s {:.2}/{:.2} ms",
            rate.median / 1e3,
            p50.median / 1e3,
            p99.median / 1e3
        );
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::cases;

    fn samples(costs: &[f64]) -> Vec<Sample> {
        let sample = |cost: &f64| Sample {
            cost: Some(*cost),
            operations_per_s: 1e6 / cost,
            p50_us: *cost,
            p99_us: 2.0 * cost,
        };
        costs.iter().map(sample).collect()
    }

    /// The first case: at most 1.4 times the floor, 8 times less than the best peer.
    fn row(ours: f64, floor: f64, peers: [f64; 2]) -> Row {
        let case = cases::standard().swap_remove(0);
        let mut row = Row::new(case, 2);
        row.ours = samples(&[ours; 3]);
        row.floor = samples(&[floor; 3]);
        row.peers = peers.map(|peer| samples(&[peer; 3])).to_vec();
        row
    }

    fn verdicts(row: &Row) -> Vec<Verdict> {
        row.judge().into_iter().map(|(verdict, _)| verdict).collect()
    }

    #[test]
    fn targets_are_judged_by_ratios_to_the_floor_and_to_the_best_peer() {
        assert_eq!(verdicts(&row(1.4, 1.0, [50.0, 11.2])), [Verdict::Holds; 2]);
        assert_eq!(verdicts(&row(1.5, 1.0, [50.0, 11.2])), [Verdict::Missed; 2]);
        assert_eq!(verdicts(&row(1.5, 2.0, [50.0, 11.2])), [Verdict::Holds, Verdict::Missed]);
    }

    #[test]
    fn without_peers_their_target_is_not_measured() {
        let mut row = row(1.0, 1.0, [0.0, 0.0]);
        row.peers = vec![Vec::new(); 2];
        assert_eq!(verdicts(&row), [Verdict::Holds, Verdict::NotMeasured]);
    }

    #[test]
    fn a_column_without_figures_is_left_out() {
        let mut row = row(3.0, 2.0, [40.0, 30.0]);
        let peers = ["one".to_owned(), "other".to_owned()];
        let text = render(Section::STANDARD, std::slice::from_ref(&row), &peers);
        assert!(text.contains("| case | Flowgate | floor | one | other | targets |"), "{text}");
        assert!(text.contains("**3.00 µs** 333k/s 0.00/0.01 ms"), "{text}");
        assert!(text.contains("≤ 1.4 × floor: **1.50** (1.50 to 1.50), missed"), "{text}");
        row.peers = vec![Vec::new(), samples(&[30.0])];
        let text = render(Section::STANDARD, &[row], &peers);
        assert!(text.contains("| case | Flowgate | floor | other | targets |"), "{text}");
    }
}
