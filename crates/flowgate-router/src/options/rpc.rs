//! What clients ask of the dealer, and callees say of their results.

use std::{num::NonZeroU32, time::Duration};

use flowgate_event::ContextCounts;
use flowgate_wire::{Dict, MatchPolicy, Value};

use super::{
    DiscloseMe, Parsed, boolean, check_passthru, disclose_me, match_policy, read_context,
    take_passthru, take_uncommon,
};
use crate::{foreign_context::ForeignContext, passthru::Passthru, request_error::RequestError};

/// `REGISTER.Options`.
pub(crate) struct RegisterOptions {
    pub(crate) policy: MatchPolicy,
    pub(crate) invoke: InvokePolicy,
    pub(crate) terms: CalleeTerms,
    pub(crate) force: ForceReregister,
}

/// What a callee wants about its part in a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CalleeTerms {
    /// How many calls it takes at a time (`concurrency`); `None` for any number.
    pub(crate) concurrency: Option<NonZeroU32>,
    /// Whether it wants to know its callers (`disclose_caller`).
    pub(crate) disclose_caller: bool,
    /// Whether it looks after timeouts itself (`forward_timeout`).
    pub(crate) forward_timeout: bool,
}

/// Whether others who hold the registration lose it: `force_reregister`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ForceReregister {
    Yes,
    No,
}

/// Which callee of a registration is called ("Shared Registration").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InvokePolicy {
    /// The only one.
    Single,
    /// The one who has registered first.
    First,
    /// The one who has registered last.
    Last,
    /// One after the other.
    RoundRobin,
    /// Any.
    Random,
    /// The one with the fewest calls that are not answered, of several the next in turn: an
    /// extension, named as in Bondy.
    LeastLoaded,
}

impl InvokePolicy {
    const ALL: [Self; 6] =
        [Self::Single, Self::First, Self::Last, Self::RoundRobin, Self::Random, Self::LeastLoaded];

    /// The word in REGISTER and in the meta API.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::First => "first",
            Self::Last => "last",
            Self::RoundRobin => "roundrobin",
            Self::Random => "random",
            Self::LeastLoaded => "queue_least_loaded",
        }
    }

    fn parse(value: &Value<'_>) -> Parsed<Self> {
        if *value == Value::Null {
            return Ok(Self::Single);
        }
        let word = value.as_str();
        Self::ALL.into_iter().find(|policy| word == Some(policy.name())).ok_or(
            RequestError::InvalidOption { option: "invoke", expected: "an invocation policy" },
        )
    }
}

impl RegisterOptions {
    pub(crate) fn parse(options: &Dict<'_>) -> Parsed<Self> {
        let mut parsed = Self {
            policy: MatchPolicy::default(),
            invoke: InvokePolicy::Single,
            terms: CalleeTerms::default(),
            force: ForceReregister::No,
        };
        let is_true = |option, value: &Value<'_>| Ok(boolean(option, value)? == Some(true));
        for (option, value) in options.entries() {
            match option.as_ref() {
                "match" => parsed.policy = match_policy(&value)?,
                "invoke" => parsed.invoke = InvokePolicy::parse(&value)?,
                "concurrency" => parsed.terms.concurrency = concurrency(&value)?,
                "disclose_caller" => {
                    parsed.terms.disclose_caller = is_true("disclose_caller", &value)?;
                }
                "forward_timeout" => {
                    parsed.terms.forward_timeout = is_true("forward_timeout", &value)?;
                }
                "force_reregister" => {
                    parsed.force = match boolean("force_reregister", &value)? {
                        Some(true) => ForceReregister::Yes,
                        None | Some(false) => ForceReregister::No,
                    };
                }
                _ => {}
            }
        }
        Ok(parsed)
    }
}

fn concurrency(value: &Value<'_>) -> Parsed<Option<NonZeroU32>> {
    if *value == Value::Null {
        return Ok(None);
    }
    let number = value.as_u64().map(|number| u32::try_from(number).unwrap_or(u32::MAX));
    number.and_then(NonZeroU32::new).map(Some).ok_or(RequestError::InvalidOption {
        option: "concurrency",
        expected: "a number of calls, at least 1",
    })
}

/// Whether there can be results before the last: `receive_progress` and `progress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Yes,
    No,
}

/// `CALL.Options`.
#[derive(Debug, Clone)]
pub(crate) struct CallOptions {
    pub(crate) receive_progress: Progress,
    pub(crate) disclose_me: DiscloseMe,
    /// `timeout`; zero for a caller that wants none, `None` for one that does not care.
    pub(crate) timeout: Option<Duration>,
    /// Whether this is a part of a call, and not the last (`progress`).
    pub(crate) progress: Progress,
    /// What chooses one of several callees (`rkey`, with `runmode` "partition").
    pub(crate) rkey: Option<Box<str>>,
    pub(crate) passthru: Option<Box<Passthru>>,
    /// The caller's distributed trace.
    pub(crate) context: Option<Box<ForeignContext>>,
}

impl CallOptions {
    pub(crate) fn parse(options: &Dict<'_>, contexts: &mut ContextCounts) -> Parsed<Self> {
        let mut parsed = Self {
            receive_progress: Progress::No,
            disclose_me: DiscloseMe::NotAsked,
            timeout: None,
            progress: Progress::No,
            rkey: None,
            passthru: None,
            context: None,
        };
        if options.is_empty() {
            return Ok(parsed);
        }
        let (mut is_partitioned, mut given) = (false, None);
        for (option, value) in options.entries() {
            match option.as_ref() {
                "receive_progress" => {
                    parsed.receive_progress = progress("receive_progress", &value)?;
                }
                "disclose_me" => parsed.disclose_me = disclose_me(&value)?,
                "timeout" => parsed.timeout = timeout(&value)?,
                "progress" => parsed.progress = progress("progress", &value)?,
                "runmode" => is_partitioned = is_partition(&value)?,
                "rkey" => parsed.rkey = rkey(&value)?,
                option => take_uncommon(&mut parsed.passthru, &mut given, option, &value)?,
            }
        }
        if !is_partitioned {
            parsed.rkey = None;
        } else if parsed.rkey.is_none() {
            return Err(INVALID_RKEY);
        }
        check_passthru(parsed.passthru.as_deref())?;
        parsed.context = read_context(given, contexts);
        Ok(parsed)
    }

    /// Whether a CALL that goes on with a pending call is not its last part; all other options
    /// count in the first part only ("Progressive Call Invocations", freezing of options).
    pub(crate) fn parse_continuation(options: &Dict<'_>) -> Parsed<Progress> {
        let value = options.get("progress").unwrap_or(Value::Null);
        progress("progress", &value)
    }
}

const INVALID_RKEY: RequestError<'static> = RequestError::InvalidOption {
    option: "rkey",
    expected: "a string, which runmode \"partition\" needs",
};

fn rkey(value: &Value<'_>) -> Parsed<Option<Box<str>>> {
    match value.as_str() {
        None if *value != Value::Null => Err(INVALID_RKEY),
        key => Ok(key.map(Into::into)),
    }
}

/// `runmode` ("Sharded Registration"); the specification says of other modes than this nothing
/// but their names.
fn is_partition(value: &Value<'_>) -> Parsed<bool> {
    match value.as_str() {
        Some("partition") => Ok(true),
        None if *value == Value::Null => Ok(false),
        Some(_) | None => {
            Err(RequestError::OptionNotAllowed { option: "runmode", allowed: "\"partition\"" })
        }
    }
}

/// `YIELD.Options`.
pub(crate) struct YieldOptions {
    pub(crate) progress: Progress,
    pub(crate) passthru: Option<Box<Passthru>>,
}

impl YieldOptions {
    pub(crate) fn parse(options: &Dict<'_>) -> Parsed<Self> {
        let mut parsed = Self { progress: Progress::No, passthru: None };
        if options.is_empty() {
            return Ok(parsed);
        }
        for (option, value) in options.entries() {
            match option.as_ref() {
                "progress" => parsed.progress = progress("progress", &value)?,
                option => take_passthru(&mut parsed.passthru, option, &value)?,
            }
        }
        check_passthru(parsed.passthru.as_deref())?;
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

fn progress(option: &'static str, value: &Value<'_>) -> Parsed<Progress> {
    Ok(match boolean(option, value)? {
        Some(true) => Progress::Yes,
        None | Some(false) => Progress::No,
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
