//! The options that the router acts on, parsed into types; unknown options are ignored.
//!
//! An option that is `null` counts as absent, as one that is `undefined` does in the codec: clients
//! in the field write out options that their users did not set.

use std::{num::NonZeroU32, time::Duration};

use flowgate_event::ContextCounts;
use flowgate_wire::{Dict, MatchPolicy, Value};

use crate::{
    audience::Audience,
    foreign_context::{ForeignContext, GivenContext},
    passthru::Passthru,
    request_error::RequestError,
};

type Parsed<T> = Result<T, RequestError<'static>>;

/// Whether a new subscriber wants the latest retained event: `get_retained`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GetRetained {
    Yes,
    No,
}

/// `SUBSCRIBE.Options`.
pub(crate) struct SubscribeOptions {
    pub(crate) policy: MatchPolicy,
    pub(crate) get_retained: GetRetained,
    /// The node key of a sharded subscriber.
    pub(crate) nkey: Option<String>,
}

impl SubscribeOptions {
    pub(crate) fn parse(options: &Dict<'_>) -> Parsed<Self> {
        let (policy, get_retained) = (MatchPolicy::default(), GetRetained::No);
        let mut parsed = Self { policy, get_retained, nkey: None };
        for (option, value) in options.entries() {
            match option.as_ref() {
                "match" => parsed.policy = match_policy(&value)?,
                "get_retained" => {
                    parsed.get_retained = match boolean("get_retained", &value)? {
                        Some(true) => GetRetained::Yes,
                        None | Some(false) => GetRetained::No,
                    };
                }
                "nkey" => parsed.nkey = text("nkey", &value)?,
                _ => {}
            }
        }
        Ok(parsed)
    }
}

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
    /// Read from options that have a fault.
    ///
    /// Anything but an absent option and `false` means that the client waits for an answer, which
    /// is ERROR.
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

/// Whether an event is kept for later subscribers: `retain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retain {
    Yes,
    No,
}

/// `PUBLISH.Options`.
///
/// What few publications have is boxed, so that the others do not carry it.
pub(crate) struct PublishOptions {
    pub(crate) acknowledge: Acknowledge,
    pub(crate) exclude_me: ExcludeMe,
    pub(crate) disclose_me: DiscloseMe,
    pub(crate) retain: Retain,
    /// Who may get the event, if there is a list.
    pub(crate) audience: Option<Box<Audience>>,
    /// The resource key, for sharded subscribers.
    pub(crate) rkey: Option<Box<str>>,
    /// The attributes of the payload, if there is any.
    pub(crate) passthru: Option<Box<Passthru>>,
    /// The publisher's distributed trace.
    pub(crate) context: Option<Box<ForeignContext>>,
}

impl PublishOptions {
    pub(crate) fn parse(options: &Dict<'_>, contexts: &mut ContextCounts) -> Parsed<Self> {
        let mut parsed = Self {
            acknowledge: Acknowledge::Unwanted,
            exclude_me: ExcludeMe::Exclude,
            disclose_me: DiscloseMe::NotAsked,
            retain: Retain::No,
            audience: None,
            rkey: None,
            passthru: None,
            context: None,
        };
        let mut given = None;
        for (option, value) in options.entries() {
            match option.as_ref() {
                "exclude_me" => {
                    parsed.exclude_me = match boolean("exclude_me", &value)? {
                        None | Some(true) => ExcludeMe::Exclude,
                        Some(false) => ExcludeMe::Include,
                    };
                }
                "disclose_me" => parsed.disclose_me = disclose_me(&value)?,
                "acknowledge" => {
                    parsed.acknowledge = match boolean("acknowledge", &value)? {
                        Some(true) => Acknowledge::Wanted,
                        None | Some(false) => Acknowledge::Unwanted,
                    };
                }
                "retain" => {
                    parsed.retain = match boolean("retain", &value)? {
                        Some(true) => Retain::Yes,
                        None | Some(false) => Retain::No,
                    };
                }
                "rkey" => parsed.rkey = text("rkey", &value)?.map(Into::into),
                other => parsed.take_rare(other, &value, &mut given)?,
            }
        }
        check_passthru(parsed.passthru.as_deref())?;
        parsed.context = read_context(given, contexts);
        Ok(parsed)
    }

    /// Lists and attributes, each of several options; anything else is ignored.
    #[cold]
    fn take_rare(
        &mut self,
        option: &str,
        value: &Value<'_>,
        given: &mut Option<Box<GivenContext>>,
    ) -> Parsed<()> {
        if option.starts_with("exclude") || option.starts_with("eligible") {
            self.audience.get_or_insert_default().take_option(option, value)?;
            self.audience.take_if(|audience| audience.is_everybody());
            Ok(())
        } else {
            take_uncommon(&mut self.passthru, given, option, value)
        }
    }
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

/// Takes an option that may be one of "Payload Passthru Mode", or of a distributed trace.
#[cold]
fn take_uncommon(
    passthru: &mut Option<Box<Passthru>>,
    given: &mut Option<Box<GivenContext>>,
    option: &str,
    value: &Value<'_>,
) -> Parsed<()> {
    if option.starts_with("_trace") {
        given.get_or_insert_default().take_option(option, value);
        return Ok(());
    }
    take_passthru(passthru, option, value)
}

/// A trace context never refuses a request.
fn read_context(
    given: Option<Box<GivenContext>>,
    contexts: &mut ContextCounts,
) -> Option<Box<ForeignContext>> {
    given?.read(contexts)
}

/// Takes an option that may be one of "Payload Passthru Mode".
fn take_passthru(
    passthru: &mut Option<Box<Passthru>>,
    option: &str,
    value: &Value<'_>,
) -> Parsed<()> {
    if option.starts_with("ppt_") {
        passthru.get_or_insert_default().take_option(option, value)?;
    }
    Ok(())
}

/// Other attributes mean nothing without a scheme.
fn check_passthru(passthru: Option<&Passthru>) -> Parsed<()> {
    match passthru {
        Some(passthru) if !passthru.is_on() && *passthru != Passthru::default() => {
            Err(RequestError::InvalidOption { option: "ppt_scheme", expected: "a scheme" })
        }
        Some(_) | None => Ok(()),
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

fn boolean(option: &'static str, value: &Value<'_>) -> Parsed<Option<bool>> {
    match value.as_bool() {
        None if *value != Value::Null => {
            Err(RequestError::InvalidOption { option, expected: "a boolean" })
        }
        truth => Ok(truth),
    }
}

/// A string; `None` for null.
fn text(option: &'static str, value: &Value<'_>) -> Parsed<Option<String>> {
    match value.as_str() {
        None if *value != Value::Null => {
            Err(RequestError::InvalidOption { option, expected: "a string" })
        }
        text => Ok(text.map(str::to_owned)),
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
