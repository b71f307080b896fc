//! The options that the router acts on, parsed into types; unknown options are ignored.
//!
//! An option that is `null` counts as absent, as one that is `undefined` does in the codec: clients
//! in the field write out options that their users did not set.

use std::time::Duration;

use flowgate_wire::{Dict, MatchPolicy, Value};

use crate::request_error::RequestError;

type Parsed<T> = Result<T, RequestError<'static>>;

/// `SUBSCRIBE.Options`.
pub(crate) struct SubscribeOptions {
    pub(crate) policy: MatchPolicy,
}

impl SubscribeOptions {
    pub(crate) fn parse(options: &Dict<'_>) -> Parsed<Self> {
        let mut policy = MatchPolicy::default();
        for (option, value) in options.entries() {
            if option == "match" {
                policy = match_policy(&value)?;
            }
        }
        Ok(Self { policy })
    }
}

/// `REGISTER.Options`.
pub(crate) struct RegisterOptions {
    pub(crate) policy: MatchPolicy,
}

impl RegisterOptions {
    /// The words of `invoke` ("Shared Registration").
    const INVOKE: [&'static str; 5] = ["single", "first", "last", "roundrobin", "random"];

    pub(crate) fn parse(options: &Dict<'_>) -> Parsed<Self> {
        let mut policy = MatchPolicy::default();
        for (option, value) in options.entries() {
            match option.as_ref() {
                "match" => policy = match_policy(&value)?,
                "invoke" => Self::check_invoke(&value)?,
                _ => {}
            }
        }
        Ok(Self { policy })
    }

    fn check_invoke(value: &Value<'_>) -> Parsed<()> {
        const OPTION: &str = "invoke";
        match value.as_str() {
            Some("single") => Ok(()),
            Some(word) if Self::INVOKE.contains(&word) => {
                Err(RequestError::OptionNotAllowed { option: OPTION, allowed: "\"single\"" })
            }
            None if *value == Value::Null => Ok(()),
            Some(_) | None => Err(RequestError::InvalidOption {
                option: OPTION,
                expected: "an invocation policy",
            }),
        }
    }
}

/// Whether the other side is told who calls or publishes: `disclose_me`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DiscloseMe {
    Asked,
    NotAsked,
}

/// Whether a PUBLISH is answered: `acknowledge`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acknowledge {
    /// With PUBLISHED or ERROR.
    Wanted,
    /// Never.
    Unwanted,
}

impl Acknowledge {
    /// Anything but an absent option and `false` means that the client waits for an answer, which
    /// is ERROR unless it is `true`.
    pub(crate) fn of(options: &Dict<'_>) -> Self {
        let last = options.entries().filter(|(option, _)| option == "acknowledge").last();
        match last {
            None | Some((_, Value::Null | Value::Bool(false))) => Self::Unwanted,
            Some(_) => Self::Wanted,
        }
    }
}

/// Whether a publisher gets its own event: `exclude_me`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExcludeMe {
    Exclude,
    Include,
}

/// `PUBLISH.Options`.
pub(crate) struct PublishOptions {
    pub(crate) exclude_me: ExcludeMe,
    pub(crate) disclose_me: DiscloseMe,
}

impl PublishOptions {
    pub(crate) fn parse(options: &Dict<'_>) -> Parsed<Self> {
        let mut parsed = Self { exclude_me: ExcludeMe::Exclude, disclose_me: DiscloseMe::NotAsked };
        for (option, value) in options.entries() {
            match option.as_ref() {
                "exclude_me" => {
                    parsed.exclude_me = match boolean("exclude_me", &value)? {
                        None | Some(true) => ExcludeMe::Exclude,
                        Some(false) => ExcludeMe::Include,
                    };
                }
                "disclose_me" => parsed.disclose_me = disclose_me(&value)?,
                // Read by `Acknowledge::of`.
                "acknowledge" => {
                    boolean("acknowledge", &value)?;
                }
                _ => {}
            }
        }
        Ok(parsed)
    }
}

/// Whether there can be results before the last: `receive_progress` and `progress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Yes,
    No,
}

/// `CALL.Options`.
pub(crate) struct CallOptions {
    pub(crate) receive_progress: Progress,
    pub(crate) disclose_me: DiscloseMe,
    /// `timeout`; zero for a caller that wants none, `None` for one that does not care.
    pub(crate) timeout: Option<Duration>,
}

impl CallOptions {
    pub(crate) fn parse(options: &Dict<'_>) -> Parsed<Self> {
        let mut parsed = Self {
            receive_progress: Progress::No,
            disclose_me: DiscloseMe::NotAsked,
            timeout: None,
        };
        for (option, value) in options.entries() {
            match option.as_ref() {
                "receive_progress" => {
                    parsed.receive_progress = progress("receive_progress", &value)?;
                }
                "disclose_me" => parsed.disclose_me = disclose_me(&value)?,
                "timeout" => parsed.timeout = timeout(&value)?,
                _ => {}
            }
        }
        Ok(parsed)
    }
}

/// `YIELD.Options`.
pub(crate) struct YieldOptions {
    pub(crate) progress: Progress,
}

impl YieldOptions {
    pub(crate) fn parse(options: &Dict<'_>) -> Parsed<Self> {
        let mut parsed = Self { progress: Progress::No };
        for (option, value) in options.entries() {
            if option == "progress" {
                parsed.progress = progress("progress", &value)?;
            }
        }
        Ok(parsed)
    }
}

/// How a call is canceled: `CANCEL.Options.mode` ("Call Canceling").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CancelMode {
    /// The caller is answered at once, the callee is not told.
    Skip,
    /// The callee is interrupted, and its answer is the caller's.
    Kill,
    /// The caller is answered at once, and the callee is interrupted.
    KillNoWait,
}

impl CancelMode {
    /// The word in CANCEL and INTERRUPT.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Kill => "kill",
            Self::KillNoWait => "killnowait",
        }
    }

    /// Without `mode`: [`KillNoWait`](Self::KillNoWait), which is what other routers do.
    pub(crate) fn parse(options: &Dict<'_>) -> Parsed<Self> {
        const OPTION: &str = "mode";
        let given = options.get(OPTION).filter(|value| *value != Value::Null);
        let Some(value) = given else { return Ok(Self::KillNoWait) };
        let word = value.as_str();
        [Self::Skip, Self::Kill, Self::KillNoWait]
            .into_iter()
            .find(|mode| word == Some(mode.name()))
            .ok_or(RequestError::InvalidOption { option: OPTION, expected: "a cancel mode" })
    }
}

fn boolean(option: &'static str, value: &Value<'_>) -> Parsed<Option<bool>> {
    match value.as_bool() {
        None if *value != Value::Null => {
            Err(RequestError::InvalidOption { option, expected: "a boolean" })
        }
        truth => Ok(truth),
    }
}

fn progress(option: &'static str, value: &Value<'_>) -> Parsed<Progress> {
    Ok(match boolean(option, value)? {
        Some(true) => Progress::Yes,
        None | Some(false) => Progress::No,
    })
}

fn disclose_me(value: &Value<'_>) -> Parsed<DiscloseMe> {
    Ok(match boolean("disclose_me", value)? {
        Some(true) => DiscloseMe::Asked,
        None | Some(false) => DiscloseMe::NotAsked,
    })
}

/// Milliseconds ("Call Timeouts"); see decision 10 for clients that mean seconds.
fn timeout(value: &Value<'_>) -> Parsed<Option<Duration>> {
    const ERROR: RequestError<'_> =
        RequestError::InvalidOption { option: "timeout", expected: "a number of milliseconds" };
    match value.as_u64() {
        None if *value != Value::Null => Err(ERROR),
        milliseconds => Ok(milliseconds.map(Duration::from_millis)),
    }
}

fn match_policy(value: &Value<'_>) -> Parsed<MatchPolicy> {
    match value.as_str() {
        None if *value == Value::Null => Ok(MatchPolicy::Exact),
        word => word
            .and_then(MatchPolicy::from_name)
            .ok_or(RequestError::InvalidOption { option: "match", expected: "a match policy" }),
    }
}
