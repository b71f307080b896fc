//! Options, as far as the simulation uses them.

use flowgate_event::Disclosure;
use flowgate_router::ClientFeatures;
use flowgate_wire::{Dict, MatchPolicy, Value, uris};

use crate::said::{self, is_true};

/// What a publisher asks for.
#[derive(Debug, Clone)]
pub(super) struct Wishes {
    pub(super) exclude_me: bool,
    pub(super) disclose_me: bool,
    pub(super) retain: bool,
    pub(super) lists: Vec<(String, Vec<Value<'static>>)>,
    pub(super) rkey: Option<String>,
    pub(super) scheme: Option<String>,
}

impl Wishes {
    pub(super) fn parse(options: &Dict<'_>) -> Result<Self, &'static str> {
        check_booleans(options, &["exclude_me", "disclose_me", "retain"])?;
        let scheme = said::text(options, "ppt_scheme");
        if scheme.is_none() && options.get("ppt_cipher").is_some() {
            return Err(uris::error::INVALID_ARGUMENT);
        }
        let rkey = said::text(options, "rkey");
        if rkey.is_none() && options.get("rkey").is_some() {
            return Err(uris::error::INVALID_ARGUMENT);
        }
        Ok(Self {
            rkey,
            exclude_me: options.get("exclude_me") != Some(Value::Bool(false)),
            disclose_me: is_true(options, "disclose_me"),
            retain: is_true(options, "retain"),
            lists: lists(options)?,
            scheme,
        })
    }

    /// Whether the publisher has announced what it uses.
    pub(super) fn are_announced(&self, features: ClientFeatures) -> bool {
        self.scheme.is_none() || features.publisher_payload_passthru_mode
    }

    /// Refuses to disclose whom the gate does not let be disclosed.
    pub(super) fn check(&self, disclosure: Disclosure) -> Result<(), &'static str> {
        match disclosure {
            Disclosure::Never if self.disclose_me => Err(uris::error::DISCLOSE_ME_DISALLOWED),
            Disclosure::Never | Disclosure::OnRequest | Disclosure::Always => Ok(()),
        }
    }
}

/// The lists of a publication, by the name of their option.
fn lists(options: &Dict<'_>) -> Result<Vec<(String, Vec<Value<'static>>)>, &'static str> {
    let is_list = |key: &str| key.starts_with("eligible") || key.starts_with("exclude");
    let of_lists = options.entries().filter(|(key, _)| is_list(key) && key != "exclude_me");
    of_lists
        .map(|(key, value)| match value.into_owned() {
            Value::List(items) => Ok((key.into_owned(), items)),
            _ => Err(uris::error::INVALID_ARGUMENT),
        })
        .collect()
}

/// The `match` option.
pub(super) fn match_policy(options: &Dict<'_>) -> Result<MatchPolicy, &'static str> {
    let Some(value) = options.get("match") else { return Ok(MatchPolicy::Exact) };
    value.as_str().and_then(MatchPolicy::from_name).ok_or(uris::error::INVALID_ARGUMENT)
}

pub(super) fn check_booleans(options: &Dict<'_>, keys: &[&str]) -> Result<(), &'static str> {
    let is_wrong = |key: &&str| options.get(key).is_some_and(|value| value.as_bool().is_none());
    if keys.iter().any(is_wrong) { Err(uris::error::INVALID_ARGUMENT) } else { Ok(()) }
}
