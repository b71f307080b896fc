//! What is taken out of messages before a trace keeps them.

use std::borrow::Cow;

use flowgate_wire::{Entry, MessageType, Value};

use crate::frame::Frame;
use crate::record::MessageRecord;

/// What stands in place of a redacted value.
pub const REDACTED: &str = "***";

/// Where a value to be redacted is.
///
/// A path is keys and indexes with dots between, `*` for any: `kwargs.user.password`,
/// `args.0.token`, `args.*.pin`, `options.x_secret`.
/// It begins with `args`, `kwargs`, or `options` or `details`, which are the same.
/// A single other key, such as `password`, is redacted wherever it occurs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPath {
    text: String,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Anywhere,
    Dictionary(Vec<String>),
    Args(Vec<String>),
    Kwargs(Vec<String>),
}

impl KeyPath {
    /// Reads a path; `None` if it is empty, has empty keys, or begins with an unknown word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut keys = text.split('.').map(str::to_owned);
        let first = keys.next().filter(|first| !first.is_empty())?;
        let rest: Vec<_> = keys.collect();
        if rest.iter().any(String::is_empty) {
            return None;
        }
        let place = match first.as_str() {
            "args" => Place::Args(rest),
            "kwargs" => Place::Kwargs(rest),
            "options" | "details" => Place::Dictionary(rest),
            _ if rest.is_empty() && first != "*" => Place::Anywhere,
            _ => return None,
        };
        Some(Self { text: text.to_owned(), place })
    }

    /// The path as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn apply(
        &self,
        args: &mut Value<'_>,
        kwargs: &mut Value<'_>,
        dictionary: Option<&mut Value<'_>>,
    ) -> bool {
        match &self.place {
            Place::Args(keys) => redact_at(args, keys),
            Place::Kwargs(keys) => redact_at(kwargs, keys),
            Place::Dictionary(keys) => dictionary.is_some_and(|value| redact_at(value, keys)),
            Place::Anywhere => {
                let in_payload = redact_key(args, &self.text) | redact_key(kwargs, &self.text);
                dictionary.is_some_and(|value| redact_key(value, &self.text)) | in_payload
            }
        }
    }
}

/// Redacts the message of a record, and cuts its payload to about `max_bytes` octets.
///
/// What needs no change stays the shared octets that it is.
/// Authentication details of HELLO and WELCOME are always redacted.
pub(crate) fn sanitize(record: &mut MessageRecord, paths: &[KeyPath], max_bytes: usize) {
    let Some(frame) = &record.frame else { return };
    let has_secrets = matches!(record.message, MessageType::Hello | MessageType::Welcome);
    if paths.is_empty() && !has_secrets && frame.bytes.len() <= max_bytes {
        return;
    }
    let Value::List(mut items) = frame.to_value() else {
        record.frame = None;
        return;
    };
    let mut tail = items.split_off(tail_index(record.message).min(items.len())).into_iter();
    let (had_args, mut args) = part(tail.next());
    let (had_kwargs, mut kwargs) = part(tail.next());
    let mut is_changed = false;
    let mut dictionary = items.iter_mut().find(|item| matches!(item, Value::Dict(_)));
    if has_secrets && let Some(details) = dictionary.as_deref_mut() {
        is_changed |= redact_key(details, "authextra");
    }
    for path in paths {
        is_changed |= path.apply(&mut args, &mut kwargs, dictionary.as_deref_mut());
    }
    let mut left_bytes = max_bytes;
    let is_cut = frame.bytes.len() > max_bytes
        && (cut(&mut args, &mut left_bytes) | cut(&mut kwargs, &mut left_bytes));
    if is_changed || is_cut {
        let original_bytes = frame.bytes.len() as u64;
        items.extend(had_args.then_some(args));
        items.extend(had_kwargs.then_some(kwargs));
        record.frame = Frame::from_value(&Value::List(items));
        record.truncated_bytes = is_cut.then_some(original_bytes);
    }
}

/// The index of `Arguments` in a message that can have them, and beyond the end of others.
const fn tail_index(message: MessageType) -> usize {
    match message {
        MessageType::Error => 5,
        MessageType::Publish | MessageType::Event | MessageType::Call | MessageType::Invocation => {
            4
        }
        MessageType::Abort | MessageType::Result | MessageType::Yield => 3,
        MessageType::Hello
        | MessageType::Welcome
        | MessageType::Challenge
        | MessageType::Authenticate
        | MessageType::Goodbye
        | MessageType::Published
        | MessageType::Subscribe
        | MessageType::Subscribed
        | MessageType::Unsubscribe
        | MessageType::Unsubscribed
        | MessageType::Cancel
        | MessageType::Register
        | MessageType::Registered
        | MessageType::Unregister
        | MessageType::Unregistered
        | MessageType::Interrupt
        | MessageType::EventReceived => usize::MAX,
    }
}

fn part(item: Option<Value<'static>>) -> (bool, Value<'static>) {
    item.map_or((false, Value::Null), |item| (true, item))
}

/// Redacts what the keys lead to; whether there was anything.
fn redact_at(value: &mut Value<'_>, keys: &[String]) -> bool {
    let Some((key, rest)) = keys.split_first() else {
        return redact_all(value);
    };
    let mut is_changed = false;
    match value {
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                if key == "*" || key.parse() == Ok(index) {
                    is_changed |= redact_value(item, rest);
                }
            }
        }
        Value::Dict(entries) => {
            for (name, item) in entries {
                if key == "*" || name == key {
                    is_changed |= redact_value(item, rest);
                }
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Unsigned(_)
        | Value::Signed(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Binary(_) => {}
    }
    is_changed
}

fn redact_value(value: &mut Value<'_>, rest: &[String]) -> bool {
    if rest.is_empty() {
        *value = Value::from(REDACTED);
        return true;
    }
    redact_at(value, rest)
}

/// Redacts each item of a whole part, which itself must stay what it is for the message to be one.
fn redact_all(value: &mut Value<'_>) -> bool {
    match value {
        Value::List(items) => items.iter_mut().for_each(|item| *item = Value::from(REDACTED)),
        Value::Dict(entries) => {
            entries.iter_mut().for_each(|(_, item)| *item = Value::from(REDACTED));
        }
        Value::Null
        | Value::Bool(_)
        | Value::Unsigned(_)
        | Value::Signed(_)
        | Value::Float(_)
        | Value::String(_) => return false,
        // A payload that is passed through as octets.
        Value::Binary(octets) => octets.to_mut().clear(),
    }
    true
}

/// Redacts every value under `key`, at any depth.
fn redact_key(value: &mut Value<'_>, key: &str) -> bool {
    let mut is_changed = false;
    match value {
        Value::List(items) => {
            for item in items {
                is_changed |= redact_key(item, key);
            }
        }
        Value::Dict(entries) => {
            for (name, item) in entries {
                is_changed |= if name == key {
                    *item = Value::from(REDACTED);
                    true
                } else {
                    redact_key(item, key)
                };
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Unsigned(_)
        | Value::Signed(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Binary(_) => {}
    }
    is_changed
}

/// Cuts a value to about `left_bytes` octets and takes them off; whether anything was cut.
///
/// Values stay in order and keep their types: texts and octets are cut where the room ends, and
/// items of lists and dictionaries beyond are left out.
fn cut(value: &mut Value<'_>, left_bytes: &mut usize) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Unsigned(_) | Value::Signed(_) | Value::Float(_) => {
            *left_bytes = left_bytes.saturating_sub(SCALAR_BYTES);
            false
        }
        Value::String(text) => {
            let end = char_boundary(text, *left_bytes);
            let is_cut = end < text.len();
            if is_cut {
                text.to_mut().truncate(end);
            }
            *left_bytes = left_bytes.saturating_sub(end.max(1));
            is_cut
        }
        Value::Binary(octets) => {
            let is_cut = octets.len() > *left_bytes;
            if is_cut {
                octets.to_mut().truncate(*left_bytes);
            }
            *left_bytes = left_bytes.saturating_sub(octets.len().max(1));
            is_cut
        }
        Value::List(items) => cut_items(items, left_bytes, cut),
        Value::Dict(entries) => {
            cut_items(entries, left_bytes, |(key, value): &mut Entry<'_>, left_bytes| {
                // A key is kept whole or, if it is longer than everything that is left, cut.
                let end = char_boundary(key, *left_bytes);
                let is_cut = end < key.len();
                if is_cut {
                    *key = Cow::Owned(key.get(..end).unwrap_or_default().to_owned());
                }
                *left_bytes = left_bytes.saturating_sub(end);
                cut(value, left_bytes) | is_cut
            })
        }
    }
}

/// The largest index up to `index` at which a text can be cut.
fn char_boundary(text: &str, index: usize) -> usize {
    (0..=index.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0)
}

fn cut_items<T>(
    items: &mut Vec<T>,
    left_bytes: &mut usize,
    mut cut: impl FnMut(&mut T, &mut usize) -> bool,
) -> bool {
    let mut is_cut = false;
    let mut kept_count = 0;
    for item in items.iter_mut() {
        if *left_bytes == 0 {
            break;
        }
        is_cut |= cut(item, left_bytes);
        kept_count += 1;
    }
    is_cut |= kept_count < items.len();
    items.truncate(kept_count);
    is_cut
}

/// What a number or truth value is taken for; the shortest possible, so that nothing is cut early.
const SCALAR_BYTES: usize = 1;

#[cfg(test)]
mod tests;
