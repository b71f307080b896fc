//! Lines for people, and what they type to see them.
//!
//! Commands, names and lines are those of OpenSimulator's `show stats`, so that what reads its
//! console and its recorded files reads these.

use std::fmt::{self, Write};

use flowgate_event::Timestamp;

use crate::descriptor::Verbosity;
use crate::stats::{Stat, Stats, Value};

/// A name that was typed and that nothing has. The message is what to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShowError {
    /// No stat has this category.
    #[error("No such category as {0}")]
    NoCategory(String),
    /// The category is there, but has no such container, and no stat of this name in one.
    #[error("No such container {container} in category {category}")]
    NoContainer {
        /// What was typed after the category.
        container: String,
        /// The category.
        category: String,
    },
    /// The container is there, but has no such stat.
    #[error("No such stat {short_name} in container {container} of category {category}")]
    NoStat {
        /// What was typed after the container.
        short_name: String,
        /// The container.
        container: String,
        /// The category.
        category: String,
    },
}

/// What `stats show [list|all|CATEGORY[.CONTAINER[.STAT]]]…` prints: one stat a line.
///
/// Without arguments, `all` is shown. Stats for looking into something ([`Verbosity::Debug`]) are
/// shown when `verbosity` says so, and always when they are named in full.
///
/// # Errors
///
/// [`ShowError`], if one of the arguments names nothing; nothing is shown then.
///
/// ```
/// use flowgate_metrics::encode::console;
/// use flowgate_metrics::{Descriptor, Registry, Unit, Verbosity};
///
/// let registry = Registry::new();
/// let frames = Descriptor::new("scene_frames", "Frames simulated.").unit(Unit::Counted("frames"));
/// registry.counter(frames.stat("scene", "SimFrames").container("region 1"))?.add(11);
///
/// let shown = console::show(&registry.stats(), &["scene.region 1"], Verbosity::Info)?;
/// assert_eq!(shown, "scene.region 1.SimFrames : 11 frames\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn show(stats: &Stats, arguments: &[&str], verbosity: Verbosity) -> Result<String, ShowError> {
    let mut out = String::new();
    let arguments = if arguments.is_empty() { &["all"] } else { arguments };
    for argument in arguments {
        match *argument {
            "all" => {
                stats.iter().filter(|s| s.verbosity <= verbosity).for_each(|s| line(s, &mut out));
            }
            "list" => list(stats, &mut out),
            name => named(stats, name, verbosity, &mut out)?,
        }
    }
    Ok(out)
}

/// What `stats save` and `stats record` write: a line with the time, then all stats.
#[must_use]
pub fn report(stats: &Stats, now: Timestamp, verbosity: Verbosity) -> String {
    let mut out = format!("*** STATS REPORT AT {} ***\n", utc(now));
    stats.iter().filter(|stat| stat.verbosity <= verbosity).for_each(|stat| line(stat, &mut out));
    out
}

fn list(stats: &Stats, out: &mut String) {
    out.push_str("Statistic categories available are:\n");
    let mut last = None;
    for stat in stats.iter().filter(|stat| last.replace(&stat.category) != Some(&stat.category)) {
        out.extend(["  ", &stat.category, "\n"]);
    }
}

/// Shows what `CATEGORY`, `CATEGORY.CONTAINER` or `CATEGORY.CONTAINER.STAT` names.
///
/// A container's name may have dots, a short name has none.
fn named(
    stats: &Stats,
    name: &str,
    verbosity: Verbosity,
    out: &mut String,
) -> Result<(), ShowError> {
    let (category, rest) = match name.split_once('.') {
        Some((category, rest)) => (category, Some(rest)),
        None => (name, None),
    };
    let in_category: Vec<&Stat> = stats.iter().filter(|stat| stat.category == category).collect();
    if in_category.is_empty() {
        return Err(ShowError::NoCategory(category.to_owned()));
    }
    let Some(rest) = rest else {
        in_category.iter().filter(|s| s.verbosity <= verbosity).for_each(|s| line(s, out));
        return Ok(());
    };
    let in_container = |container: &str| -> Vec<&Stat> {
        in_category.iter().filter(|stat| stat.container == container).copied().collect()
    };
    let whole = in_container(rest);
    if !whole.is_empty() {
        whole.iter().filter(|s| s.verbosity <= verbosity).for_each(|s| line(s, out));
        return Ok(());
    }
    let category = category.to_owned();
    let (container, short_name) = rest.rsplit_once('.').unwrap_or((rest, ""));
    let candidates = in_container(container);
    if candidates.is_empty() {
        return Err(ShowError::NoContainer { container: rest.to_owned(), category });
    }
    match candidates.iter().find(|stat| stat.short_name == short_name) {
        Some(stat) => line(stat, out),
        None => {
            let (container, short_name) = (container.to_owned(), short_name.to_owned());
            return Err(ShowError::NoStat { short_name, container, category });
        }
    }
    Ok(())
}

/// `category.container.short_name : value unit[, last unit/s, average unit/s]`
fn line(stat: &Stat, out: &mut String) {
    let word = stat.unit_word();
    let unit = if word.is_empty() || word == "%" { String::new() } else { format!(" {word}") };
    for part in [&stat.category, ".", &stat.container, ".", &stat.short_name] {
        // What comes from outside must not look like another line.
        out.extend(part.chars().map(|c| if c.is_control() { '?' } else { c }));
    }
    out.push_str(" : ");
    // Writing to a string cannot fail.
    let _ = match &stat.value {
        Value::Count(value) | Value::Level(value) => write!(out, "{}{unit}", Decimals(*value, 3)),
        Value::Percentage { part, whole } => {
            write!(out, "{}% ({part}/{whole})", Decimals(stat.number(), 2))
        }
        Value::Distribution(distribution) => {
            let mut quantiles = String::new();
            for (name, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
                if let Some(value) = distribution.quantile(share) {
                    let _ = write!(quantiles, ", {name} {}{unit}", Decimals(value, 6));
                }
            }
            write!(out, "{} values{quantiles}", distribution.count())
        }
    };
    if let Some(rates) = stat.rates {
        let unit = match &stat.value {
            Value::Distribution(_) => " values".to_owned(),
            Value::Percentage { .. } => " %".to_owned(),
            Value::Count(_) | Value::Level(_) => unit,
        };
        let (last, average) = (Decimals(rates.last, 3), Decimals(rates.average, 3));
        let _ = write!(out, ", {last}{unit}/s, {average}{unit}/s");
    }
    out.push('\n');
}

/// A number with at most so many decimal places, and none that says nothing.
struct Decimals(f64, usize);

impl fmt::Display for Decimals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.*}", self.1, self.0);
        let text = if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.')
        } else {
            &text
        };
        f.write_str(if text == "-0" { "0" } else { text })
    }
}

/// A moment as `2020-09-13 12:26:40`, in UTC.
fn utc(moment: Timestamp) -> String {
    let text = moment.to_rfc3339();
    let to_seconds = text.split_once('.').map_or(text.as_str(), |(to_seconds, _)| to_seconds);
    to_seconds.replace('T', " ")
}
