//! Options as they are typed: on a command line, or behind the question mark of a URL.

use flowgate_wire::{Entry, Value};

/// Options whose values are texts, also if they look like something else.
const TEXTS: &[&str] = &[
    "trace_level",
    "realm",
    "authid",
    "authrole",
    "direction",
    "msg_type",
    "uri",
    "match",
    "redact",
];

/// A dictionary of options from names and texts; an option that is named several times is a list.
///
/// What is no text by its name is read as `true`, `false` or a number if it looks like one, and
/// judged by [`TraceOptions::from_value`](super::TraceOptions::from_value).
#[must_use]
pub fn options_from_texts<'a>(
    texts: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Value<'static> {
    let mut entries: Vec<Entry<'static>> = Vec::new();
    for (key, text) in texts {
        let value = value(key, text);
        match entries.iter_mut().find(|(known, _)| known == key) {
            None => entries.push((key.to_owned().into(), value)),
            Some((_, Value::List(values))) => values.push(value),
            Some((_, known)) => {
                let first = std::mem::replace(known, Value::Null);
                *known = Value::List(vec![first, value]);
            }
        }
    }
    Value::Dict(entries)
}

fn value(key: &str, text: &str) -> Value<'static> {
    if TEXTS.contains(&key) {
        return text.to_owned().into();
    }
    match (text, text.parse::<u64>(), text.parse::<f64>()) {
        ("true", _, _) => true.into(),
        ("false", _, _) => false.into(),
        (_, Ok(number), _) => number.into(),
        (_, Err(_), Ok(number)) => Value::Float(number),
        (_, Err(_), Err(_)) => text.to_owned().into(),
    }
}
