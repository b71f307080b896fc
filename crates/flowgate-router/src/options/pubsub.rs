//! What clients ask of the broker.

use flowgate_event::ContextCounts;
use flowgate_wire::{Dict, MatchPolicy, Value};

use super::{
    DiscloseMe, Parsed, boolean, check_passthru, disclose_me, match_policy, read_context,
    take_uncommon, text,
};
use crate::{
    audience::Audience,
    foreign_context::{ForeignContext, GivenContext},
    passthru::Passthru,
};

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
        if options.is_empty() {
            return Ok(parsed);
        }
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
