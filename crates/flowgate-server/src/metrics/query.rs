//! What is asked for behind the question mark.

use std::borrow::Cow;

use flowgate_metrics::{Filter, Scrape, Verbosity, encode::StatFilter};

use super::{RecordFormat, families::Families};

/// A query that cannot be answered. Whoever asked is at fault, and is told so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// A parameter that means nothing here.
    #[error("no such parameter as {name:?}; {known}")]
    Unknown {
        /// As it was given.
        name: String,
        /// What there is.
        known: &'static str,
    },
    /// A parameter that may be given once.
    #[error("{0} is given twice")]
    Twice(&'static str),
    /// A value that says nothing here.
    #[error("{name}: {problem}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// What is wrong.
        problem: String,
    },
}

/// The parameters of a query, decoded, in their order.
fn parameters(query: Option<&str>) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
}

/// Stores the value of a parameter that may be given once.
fn once<T>(place: &mut Option<T>, name: &'static str, value: T) -> Result<(), QueryError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(QueryError::Twice(name)),
    }
}

fn unknown<T>(name: &str, known: &'static str) -> Result<T, QueryError> {
    Err(QueryError::Unknown { name: name.to_owned(), known })
}

/// A query of what takes no parameters.
pub(super) fn none(query: Option<&str>) -> Result<(), QueryError> {
    match parameters(query).next() {
        None => Ok(()),
        Some((name, _)) => unknown(&name, "for a part of the metrics, see /metrics/detailed"),
    }
}

/// Which part of a scrape is wanted: `family` (the start of a name, may be repeated), `realm` and
/// `top`.
pub(super) fn detailed(
    query: Option<&str>,
    families: &Families,
    scrape: &Scrape,
) -> Result<Filter, QueryError> {
    let mut filter = Filter::default();
    let mut realm = None;
    for (name, value) in parameters(query) {
        match &*name {
            "family" => filter.families.push(family(&value, scrape)?),
            "realm" => {
                if !families.realms.iter().any(|realm| realm.name == value) {
                    let problem = format!("there is no realm {value:?}");
                    return Err(QueryError::Value { name: "realm", problem });
                }
                once(&mut realm, "realm", value.into_owned())?;
            }
            "top" => {
                let top = value.parse().ok().filter(|top| *top > 0).ok_or_else(|| {
                    let problem = format!("{value:?} is no whole number above 0");
                    QueryError::Value { name: "top", problem }
                })?;
                once(&mut filter.top, "top", top)?;
            }
            other => return unknown(other, "use family, realm and top"),
        }
    }
    filter.labels = realm.map(|realm| ("realm".to_owned(), realm)).into_iter().collect();
    Ok(filter)
}

/// The start of a family's name; names of counters may be given as they are shown.
fn family(value: &str, scrape: &Scrape) -> Result<String, QueryError> {
    let start = value.strip_suffix("_total").unwrap_or(value);
    let is_there = scrape.series_counts().any(|(name, _)| name.starts_with(start));
    if start.is_empty() || !is_there {
        let problem = format!("no metric has a name that starts with {value:?}");
        return Err(QueryError::Value { name: "family", problem });
    }
    Ok(start.to_owned())
}

/// Which stats are wanted: `cat`, `cont` and `stat`, as OpenSimulator calls them.
pub(super) fn stats(query: Option<&str>) -> Result<StatFilter, QueryError> {
    let mut filter = StatFilter::default();
    for (name, value) in parameters(query) {
        let value = value.into_owned();
        match &*name {
            "cat" => once(&mut filter.category, "cat", value)?,
            "cont" => once(&mut filter.container, "cont", value)?,
            "stat" => once(&mut filter.short_name, "stat", value)?,
            other => return unknown(other, "use cat, cont and stat"),
        }
    }
    Ok(filter)
}

/// What `stats show` was given: `name`, repeated, and `level`, `info` or `debug`.
pub(super) fn show(query: Option<&str>) -> Result<(Vec<String>, Verbosity), QueryError> {
    let (mut names, mut level) = (Vec::new(), None);
    for (name, value) in parameters(query) {
        match &*name {
            "name" => names.push(value.into_owned()),
            "level" => {
                let verbosity = match &*value {
                    "info" => Verbosity::Info,
                    "debug" => Verbosity::Debug,
                    _ => {
                        let problem = format!("{value:?} is neither info nor debug");
                        return Err(QueryError::Value { name: "level", problem });
                    }
                };
                once(&mut level, "level", verbosity)?;
            }
            other => return unknown(other, "use name and level"),
        }
    }
    Ok((names, level.unwrap_or_default()))
}

/// How a report is wanted: `format`.
pub(super) fn report(query: Option<&str>) -> Result<RecordFormat, QueryError> {
    let mut format = None;
    for (name, value) in parameters(query) {
        match &*name {
            "format" => once(&mut format, "format", parse_format(&value)?)?,
            other => return unknown(other, "use format"),
        }
    }
    Ok(format.unwrap_or_default())
}

fn parse_format(value: &str) -> Result<RecordFormat, QueryError> {
    value.parse().map_err(|problem| QueryError::Value { name: "format", problem })
}

/// What is to happen to the recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Recording {
    Start { every_ms: Option<u64>, format: RecordFormat, rotate_bytes: Option<u64> },
    Stop,
}

/// `do`, `start` or `stop`; for the start `every_ms`, `format` and `rotate_bytes`.
pub(super) fn recording(query: Option<&str>) -> Result<Recording, QueryError> {
    let (mut is_start, mut every_ms, mut format, mut rotate_bytes) = (None, None, None, None);
    for (name, value) in parameters(query) {
        match &*name {
            "do" => {
                let start = match &*value {
                    "start" => true,
                    "stop" => false,
                    _ => {
                        let problem = format!("{value:?} is neither start nor stop");
                        return Err(QueryError::Value { name: "do", problem });
                    }
                };
                once(&mut is_start, "do", start)?;
            }
            "every_ms" => once(&mut every_ms, "every_ms", above_zero("every_ms", &value)?)?,
            "format" => once(&mut format, "format", parse_format(&value)?)?,
            "rotate_bytes" => {
                once(&mut rotate_bytes, "rotate_bytes", above_zero("rotate_bytes", &value)?)?;
            }
            other => return unknown(other, "use do, every_ms, format and rotate_bytes"),
        }
    }
    match is_start {
        Some(true) => {
            Ok(Recording::Start { every_ms, format: format.unwrap_or_default(), rotate_bytes })
        }
        Some(false) if every_ms.or(rotate_bytes).is_some() || format.is_some() => {
            let problem = "stop takes nothing else".to_owned();
            Err(QueryError::Value { name: "do", problem })
        }
        Some(false) => Ok(Recording::Stop),
        None => {
            let problem = "say start or stop".to_owned();
            Err(QueryError::Value { name: "do", problem })
        }
    }
}

fn above_zero(name: &'static str, value: &str) -> Result<u64, QueryError> {
    value.parse().ok().filter(|number| *number > 0).ok_or_else(|| {
        let problem = format!("{value:?} is no whole number above 0");
        QueryError::Value { name, problem }
    })
}

#[cfg(test)]
mod tests;
