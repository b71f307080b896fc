//! Options from a dictionary.

use std::ops::RangeInclusive;
use std::time::Duration;

use flowgate_wire::{Entry, MatchPolicy, SessionId, Value};

use super::{PayloadCapture, Persistence, TraceLevel, TraceOptions};
use crate::facts::Direction;
use crate::record::type_from_name;
use crate::redaction::KeyPath;
use crate::sampling::Sampling;

/// Options that a trace cannot have; the fault of whoever gave them, and no trace starts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("trace option `{option}`: {problem}")]
pub struct OptionsError {
    /// The option.
    pub option: String,
    /// What is wrong with it.
    pub problem: OptionsProblem,
}

/// What is wrong with an option.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsProblem {
    /// There is no such option.
    #[error("there is no such option, did you mean `{nearest}`?")]
    Unknown {
        /// The one with the most similar name.
        nearest: &'static str,
    },
    /// Another type of value is needed.
    #[error("must be {expected}")]
    Type {
        /// What it must be.
        expected: &'static str,
    },
    /// A number is out of its range.
    #[error("must be from {min} to {max}")]
    Range {
        /// The smallest value.
        min: u64,
        /// The largest value.
        max: u64,
    },
    /// It needs another option.
    #[error("needs {needed}")]
    Needs {
        /// What it needs.
        needed: &'static str,
    },
}

/// All options.
const KEYS: &[&str] = &[
    "trace_level",
    "trace_app_payload",
    "batching_period",
    "persist",
    "duration",
    "limit",
    "realm",
    "session",
    "authid",
    "authrole",
    "direction",
    "msg_type",
    "uri",
    "match",
    "min_bytes",
    "max_bytes",
    "errors_only",
    "min_duration_ms",
    "sample",
    "max_rate",
    "action_timeout",
    "max_actions",
    "redact",
    "max_payload",
    "max_memory",
    "max_disk",
    "retention",
];

/// A day in seconds.
const DAY_S: u64 = 86_400;

type Result<T> = std::result::Result<T, OptionsProblem>;

pub(super) fn read(value: &Value<'_>) -> std::result::Result<TraceOptions, OptionsError> {
    let entries: &[Entry<'_>] = match value {
        Value::Null => &[],
        Value::Dict(entries) => entries,
        Value::Bool(_)
        | Value::Unsigned(_)
        | Value::Signed(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Binary(_)
        | Value::List(_) => return Err(fault("trace_options", expected("a dictionary"))),
    };
    let mut options = TraceOptions::default();
    let mut policy = None;
    for (key, value) in entries {
        // As in Crossbar.io, an option that is null is not given.
        if *value != Value::Null || !KEYS.contains(&&**key) {
            set(&mut options, &mut policy, key, value).map_err(|problem| fault(key, problem))?;
        }
    }
    match (&mut options.filter.uri, policy) {
        (Some((_, of_uri)), Some(policy)) => *of_uri = policy,
        (None, Some(_)) => return Err(fault("match", OptionsProblem::Needs { needed: "`uri`" })),
        (_, None) => {}
    }
    // A URI has at least one octet; everything begins with nothing.
    let uri = options.filter.uri.as_ref();
    if uri.is_some_and(|(uri, policy)| uri.is_empty() && *policy == MatchPolicy::Exact) {
        return Err(fault("uri", expected("a URI, or with `match` a pattern")));
    }
    if options.payload == PayloadCapture::Keep && options.level == TraceLevel::Action {
        let needed = "`trace_level` to be `message`";
        return Err(fault("trace_app_payload", OptionsProblem::Needs { needed }));
    }
    let filter = &options.filter;
    if let Some(max) = filter.max_bytes.filter(|&max| max < filter.min_bytes) {
        return Err(fault("min_bytes", OptionsProblem::Range { min: 0, max }));
    }
    Ok(options)
}

fn fault(option: &str, problem: OptionsProblem) -> OptionsError {
    OptionsError { option: option.to_owned(), problem }
}

fn set(
    options: &mut TraceOptions,
    policy: &mut Option<MatchPolicy>,
    key: &str,
    value: &Value<'_>,
) -> Result<()> {
    let filter = &mut options.filter;
    match key {
        "trace_level" => {
            options.level = match value.as_str() {
                Some("message") => TraceLevel::Message,
                Some("action") => TraceLevel::Action,
                Some(_) | None => return Err(expected("`message` or `action`")),
            };
        }
        "trace_app_payload" => {
            options.payload =
                if truth(value)? { PayloadCapture::Keep } else { PayloadCapture::Omit };
        }
        "batching_period" => {
            options.batching_period = Duration::from_millis(number(value, 10..=10_000)?);
        }
        "persist" => {
            options.persistence =
                if truth(value)? { Persistence::Files } else { Persistence::Memory };
        }
        "duration" => options.duration = seconds(value, DAY_S)?,
        "limit" => options.limit = seconds(value, DAY_S)?,
        "realm" => filter.realms = texts(value)?,
        "authid" => filter.authids = texts(value)?,
        "authrole" => filter.authroles = texts(value)?,
        "session" => filter.sessions = list(value, session)?,
        "direction" => {
            filter.direction = Some(match value.as_str() {
                Some("rx") => Direction::Rx,
                Some("tx") => Direction::Tx,
                Some(_) | None => return Err(expected("`rx` or `tx`")),
            });
        }
        "msg_type" => {
            let of_name = |value: &Value<'_>| {
                value
                    .as_str()
                    .and_then(type_from_name)
                    .ok_or(expected("message types such as `Call`"))
            };
            filter.types = list(value, of_name)?;
        }
        "uri" => filter.uri = Some((text(value)?, MatchPolicy::Exact)),
        "match" => {
            let named = value.as_str().and_then(MatchPolicy::from_name);
            *policy = Some(named.ok_or(expected("`exact`, `prefix` or `wildcard`"))?);
        }
        "min_bytes" => filter.min_bytes = number(value, 0..=u64::MAX)?,
        "max_bytes" => filter.max_bytes = Some(number(value, 0..=u64::MAX)?),
        "errors_only" => filter.errors_only = truth(value)?,
        "min_duration_ms" => filter.min_duration = Some(fraction_of_day(value)?),
        "sample" => {
            let share = float(value).and_then(Sampling::new);
            options.sampling = share.ok_or(expected("a number above 0 and up to 1"))?;
        }
        "max_rate" => options.max_rate_count = number(value, 1..=1_000_000)?,
        "action_timeout" => options.action_timeout = seconds(value, DAY_S)?,
        "max_actions" => options.max_actions_count = size(value, 1..=1_000_000)?,
        "redact" => {
            let path = |value: &Value<'_>| {
                value.as_str().and_then(KeyPath::parse).ok_or(expected(
                    "key paths such as `kwargs.password`, `args.0.pin` or `password`",
                ))
            };
            options.redact = list(value, path)?;
        }
        "max_payload" => options.max_payload_bytes = size(value, 0..=16 << 20)?,
        "max_memory" => options.max_memory_bytes = number(value, 1 << 16..=1 << 32)?,
        "max_disk" => options.max_disk_bytes = number(value, 1 << 20..=1 << 40)?,
        "retention" => options.retention = seconds(value, 30 * DAY_S)?,
        unknown => return Err(OptionsProblem::Unknown { nearest: nearest(unknown) }),
    }
    Ok(())
}

const fn expected(expected: &'static str) -> OptionsProblem {
    OptionsProblem::Type { expected }
}

fn nearest(unknown: &str) -> &'static str {
    KEYS.iter().copied().min_by_key(|key| strsim::damerau_levenshtein(key, unknown)).unwrap_or("")
}

fn truth(value: &Value<'_>) -> Result<bool> {
    value.as_bool().ok_or(expected("true or false"))
}

fn number(value: &Value<'_>, range: RangeInclusive<u64>) -> Result<u64> {
    let (&min, &max) = (range.start(), range.end());
    let is_negative = matches!(value, Value::Signed(_));
    let number = value.as_u64().or(is_negative.then_some(0));
    let number = number.ok_or(expected("an integer"))?;
    if is_negative || !range.contains(&number) {
        return Err(OptionsProblem::Range { min, max });
    }
    Ok(number)
}

fn size(value: &Value<'_>, range: RangeInclusive<u64>) -> Result<usize> {
    let max = *range.end();
    usize::try_from(number(value, range)?).map_err(|_| OptionsProblem::Range { min: 0, max })
}

fn seconds(value: &Value<'_>, max_s: u64) -> Result<Duration> {
    Ok(Duration::from_secs(number(value, 1..=max_s)?))
}

#[expect(clippy::cast_precision_loss, reason = "options are far below 2^53")]
fn float(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number),
        Value::Unsigned(number) => Some(*number as f64),
        Value::Null
        | Value::Bool(_)
        | Value::Signed(_)
        | Value::String(_)
        | Value::Binary(_)
        | Value::List(_)
        | Value::Dict(_) => None,
    }
}

/// Milliseconds up to a day.
fn fraction_of_day(value: &Value<'_>) -> Result<Duration> {
    let max_ms = DAY_S * 1000;
    let number = float(value).ok_or(expected("a number of milliseconds"))?;
    Duration::try_from_secs_f64(number / 1e3)
        .ok()
        .filter(|duration| *duration <= Duration::from_millis(max_ms))
        .ok_or(OptionsProblem::Range { min: 0, max: max_ms })
}

fn text(value: &Value<'_>) -> Result<String> {
    value.as_str().map(str::to_owned).ok_or(expected("a string"))
}

fn texts(value: &Value<'_>) -> Result<Vec<String>> {
    list(value, |value| text(value).map_err(|_| expected("a string or a list of strings")))
}

fn session(value: &Value<'_>) -> Result<SessionId> {
    let id = value.as_u64().and_then(|number| SessionId::new(number).ok());
    id.ok_or(expected("a session identifier or a list of them"))
}

/// One value or a list of them.
fn list<T>(value: &Value<'_>, one: impl Fn(&Value<'_>) -> Result<T>) -> Result<Vec<T>> {
    match value.as_list() {
        Some(items) => items.iter().map(one).collect(),
        None => Ok(vec![one(value)?]),
    }
}
