//! The options that the router acts on, parsed into types; unknown options are ignored.
//!
//! An option that is `null` counts as absent, as one that is `undefined` does in the codec: clients
//! in the field write out options that their users did not set.

use flowgate_wire::{Dict, MatchPolicy, Value};

use crate::{audience::Audience, passthru::Passthru, request_error::RequestError};

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
    pub(crate) exclude_me: ExcludeMe,
    pub(crate) disclose_me: DiscloseMe,
    pub(crate) retain: Retain,
    /// Who may get the event, if there is a list.
    pub(crate) audience: Option<Box<Audience>>,
    /// The resource key, for sharded subscribers.
    pub(crate) rkey: Option<Box<str>>,
    /// The attributes of the payload, if there is any.
    pub(crate) passthru: Option<Box<Passthru>>,
}

impl PublishOptions {
    pub(crate) fn parse(options: &Dict<'_>) -> Parsed<Self> {
        let mut parsed = Self {
            exclude_me: ExcludeMe::Exclude,
            disclose_me: DiscloseMe::NotAsked,
            retain: Retain::No,
            audience: None,
            rkey: None,
            passthru: None,
        };
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
                "retain" => {
                    parsed.retain = match boolean("retain", &value)? {
                        Some(true) => Retain::Yes,
                        None | Some(false) => Retain::No,
                    };
                }
                "rkey" => parsed.rkey = text("rkey", &value)?.map(Into::into),
                other => parsed.take_rare(other, &value)?,
            }
        }
        Ok(parsed)
    }

    /// Lists and attributes, each of several options; anything else is ignored.
    #[cold]
    fn take_rare(&mut self, option: &str, value: &Value<'_>) -> Parsed<()> {
        if option.starts_with("exclude") || option.starts_with("eligible") {
            self.audience.get_or_insert_default().take_option(option, value)?;
            self.audience.take_if(|audience| audience.is_everybody());
        } else if option.starts_with("ppt_") {
            self.passthru.get_or_insert_default().take_option(option, value)?;
        }
        Ok(())
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
}

impl CallOptions {
    pub(crate) fn parse(options: &Dict<'_>) -> Parsed<Self> {
        let mut parsed = Self { receive_progress: Progress::No, disclose_me: DiscloseMe::NotAsked };
        for (option, value) in options.entries() {
            match option.as_ref() {
                "receive_progress" => {
                    parsed.receive_progress = progress("receive_progress", &value)?;
                }
                "disclose_me" => parsed.disclose_me = disclose_me(&value)?,
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

fn match_policy(value: &Value<'_>) -> Parsed<MatchPolicy> {
    match value.as_str() {
        None if *value == Value::Null => Ok(MatchPolicy::Exact),
        word => word
            .and_then(MatchPolicy::from_name)
            .ok_or(RequestError::InvalidOption { option: "match", expected: "a match policy" }),
    }
}
