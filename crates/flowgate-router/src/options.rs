//! The options that the router acts on, parsed into types; unknown options are ignored.
//!
//! An option that is `null` counts as absent, as one that is `undefined` does in the codec: clients
//! in the field write out options that their users did not set.

mod pubsub;
mod rpc;

use flowgate_event::ContextCounts;
use flowgate_wire::{MatchPolicy, Value};

use crate::{
    foreign_context::{ForeignContext, GivenContext},
    passthru::Passthru,
    request_error::RequestError,
};
pub(crate) use pubsub::{
    Acknowledge, ExcludeMe, GetRetained, PublishOptions, Retain, SubscribeOptions,
};
pub(crate) use rpc::{
    CallOptions, CalleeTerms, CancelMode, ForceReregister, InvokePolicy, Progress, RegisterOptions,
    YieldOptions,
};

type Parsed<T> = Result<T, RequestError<'static>>;

/// Whether the other side is told who calls or publishes: `disclose_me`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DiscloseMe {
    Asked,
    NotAsked,
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
