//! The format of the vectors: messages with named fields, and identifiers that stand for others.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

use super::shown;

/// For sessions that name no realm.
pub(super) const REALM: &str = "realm1";

/// How long a message may take where the vector does not say.
pub(super) const DEFAULT_LIMIT: Duration = Duration::from_secs(10);

/// Who is meant by the other side of every session.
const ROUTER: &str = "router";

/// A message with named fields.
pub(super) type Fields = Map<String, Value>;

/// A whole vector.
#[derive(Debug)]
pub(super) struct Vector {
    /// Names, and realms where there are any.
    pub(super) sessions: Vec<(String, Option<String>)>,
    pub(super) steps: Vec<Step>,
}

/// One message between a session and the router.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) number: u64,
    pub(super) description: String,
    pub(super) session: String,
    /// To the router.
    pub(super) is_sent: bool,
    pub(super) message: Fields,
    pub(super) limit: Duration,
}

impl Vector {
    pub(super) fn parse(file: &Value) -> Result<Self> {
        let sessions = list(file, "sessions")?.iter().map(|session| {
            let realm = session.get("realm").and_then(Value::as_str).map(str::to_owned);
            Ok((text(session, "session_id")?, realm))
        });
        let steps = list(file, "sequence")?.iter().map(Step::parse);
        let vector = Self {
            sessions: sessions.collect::<Result<_>>()?,
            steps: steps.collect::<Result<_>>()?,
        };
        ensure!(!vector.steps.is_empty(), "a vector without steps");
        for Step { number, session, .. } in &vector.steps {
            let is_known = vector.sessions.iter().any(|(name, _)| name == session);
            ensure!(is_known, "step {number}: there is no session {session}");
        }
        Ok(vector)
    }

    /// Whether a session says HELLO in one of the steps.
    pub(super) fn opens(&self, session: &str) -> bool {
        self.has(session, &["HELLO"])
    }

    /// Whether a session ends in one of the steps.
    pub(super) fn closes(&self, session: &str) -> bool {
        self.has(session, &["GOODBYE", "ABORT"])
    }

    fn has(&self, session: &str, types: &[&str]) -> bool {
        let of_session = self.steps.iter().filter(|step| step.session == session);
        of_session
            .filter_map(|step| step.message.get("type").and_then(Value::as_str))
            .any(|found| types.contains(&found))
    }
}

impl Step {
    fn parse(step: &Value) -> Result<Self> {
        let number = step.get("step").and_then(Value::as_u64).context("a step without number")?;
        let context = || format!("step {number}");
        let (from, to) = (text(step, "from")?, text(step, "to")?);
        let (session, is_sent) = match (from.as_str(), to.as_str()) {
            (ROUTER, _) => (to, false),
            (_, ROUTER) => (from, true),
            _ => bail!("step {number} is from {from} to {to}, and not over the router"),
        };
        let timing = step.get("timing");
        let timing = |key| timing.and_then(|timing| timing.get(key));
        ensure!(timing("delay_ms").is_none(), "step {number}: delays are not supported");
        let limit = timing("timeout_ms").and_then(Value::as_u64).map(Duration::from_millis);
        let message = step.get("message").and_then(Value::as_object).with_context(context)?;
        Ok(Self {
            number,
            description: text(step, "description").with_context(context)?,
            session,
            is_sent,
            message: message.clone(),
            limit: limit.unwrap_or(DEFAULT_LIMIT),
        })
    }
}

fn list<'v>(value: &'v Value, key: &str) -> Result<&'v [Value]> {
    let list = value.get(key).and_then(Value::as_array);
    list.map(Vec::as_slice).with_context(|| format!("no list {key:?}"))
}

fn text(value: &Value, key: &str) -> Result<String> {
    let text = value.get(key).and_then(Value::as_str);
    text.map(str::to_owned).with_context(|| format!("no text {key:?}"))
}

/// The elements of a type of message, by their names in vectors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    name: &'static str,
    code: u64,
    fields: &'static [&'static str],
}

const LAYOUTS: &[Layout] = &[
    layout("HELLO", 1, &["realm", "details"]),
    layout("WELCOME", 2, &["session_id", "details"]),
    layout("ABORT", 3, &["details", "reason", "args", "kwargs"]),
    layout("GOODBYE", 6, &["details", "reason"]),
    layout("ERROR", 8, &["request_type", "request_id", "details", "error", "args", "kwargs"]),
    layout("PUBLISH", 16, &["request_id", "options", "topic", "args", "kwargs"]),
    layout("PUBLISHED", 17, &["request_id", "publication_id"]),
    layout("SUBSCRIBE", 32, &["request_id", "options", "topic"]),
    layout("SUBSCRIBED", 33, &["request_id", "subscription_id"]),
    layout("UNSUBSCRIBE", 34, &["request_id", "subscription_id"]),
    layout("UNSUBSCRIBED", 35, &["request_id", "details"]),
    layout("EVENT", 36, &["subscription_id", "publication_id", "details", "args", "kwargs"]),
    layout("CALL", 48, &["request_id", "options", "procedure", "args", "kwargs"]),
    layout("CANCEL", 49, &["request_id", "options"]),
    layout("RESULT", 50, &["request_id", "details", "args", "kwargs"]),
    layout("REGISTER", 64, &["request_id", "options", "procedure"]),
    layout("REGISTERED", 65, &["request_id", "registration_id"]),
    layout("UNREGISTER", 66, &["request_id", "registration_id"]),
    layout("UNREGISTERED", 67, &["request_id", "details"]),
    layout("INVOCATION", 68, &["request_id", "registration_id", "details", "args", "kwargs"]),
    layout("INTERRUPT", 69, &["request_id", "options"]),
    layout("YIELD", 70, &["request_id", "options", "args", "kwargs"]),
];

const fn layout(name: &'static str, code: u64, fields: &'static [&'static str]) -> Layout {
    Layout { name, code, fields }
}

impl Layout {
    pub(super) fn of(message: &Fields) -> Result<Self> {
        let name = message.get("type").and_then(Value::as_str).context("a message without type")?;
        let layout = LAYOUTS.iter().find(|layout| layout.name == name).copied();
        let layout = layout.with_context(|| format!("there is no message {name}"))?;
        // A field that nobody looks at would be one that nobody checks.
        let known = |field: &&String| *field == "type" || layout.fields.contains(&field.as_str());
        match message.keys().find(|field| !known(field)) {
            Some(unknown) => bail!("{name} has no field {unknown}"),
            None => Ok(layout),
        }
    }
}

/// What an identifier names; the same number may stand for different things.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    /// By the name of the field.
    OfRouter(&'static str),
    /// An invocation, whose numbers are those of its callee.
    Invocation { callee: String },
}

/// The identifiers of the router, by those that the vector made up in their place.
#[derive(Debug, Default)]
pub(super) struct Bindings(BTreeMap<(Named, u64), u64>);

impl Bindings {
    /// What a field names if its value is for the router to choose.
    fn named(layout: Layout, field: &'static str, session: &str) -> Option<Named> {
        let of_callee = ["INVOCATION", "INTERRUPT", "YIELD"];
        match field {
            "session_id" | "subscription_id" | "registration_id" | "publication_id" => {
                Some(Named::OfRouter(field))
            }
            "request_id" if of_callee.contains(&layout.name) => {
                Some(Named::Invocation { callee: session.to_owned() })
            }
            _ => None,
        }
    }

    /// The message that a session sends.
    pub(super) fn to_wire(
        &self,
        layout: Layout,
        session: &str,
        message: &Fields,
    ) -> Result<Vec<Value>> {
        let mut wire = vec![Value::from(layout.code)];
        let last = layout.fields.iter().rposition(|field| message.contains_key(*field));
        for field in layout.fields.iter().take(last.map_or(0, |last| last + 1)) {
            let value = message.get(*field).cloned().unwrap_or_else(|| absent(field));
            let is_error_of_callee = layout.name == "ERROR" && *field == "request_id";
            let named = if is_error_of_callee {
                Some(Named::Invocation { callee: session.to_owned() })
            } else {
                Self::named(layout, field, session)
            };
            let bound = named.zip(value.as_u64()).and_then(|name| self.0.get(&name));
            wire.push(bound.map_or(value, |id| Value::from(*id)));
        }
        Ok(wire)
    }

    /// Compares what a session got with what it should have got.
    ///
    /// The router may say more in details than the vector, and nothing else.
    pub(super) fn check(
        &mut self,
        layout: Layout,
        session: &str,
        expected: &Fields,
        received: &[Value],
    ) -> Result<()> {
        let wanted = Value::Object(expected.clone());
        let fail = |what: &str| format!("{what}: expected {wanted}, got {}", shown(received));
        let code = received.first().and_then(Value::as_u64);
        ensure!(code == Some(layout.code), fail("another message"));
        ensure!(received.len() <= layout.fields.len() + 1, fail("too many elements"));
        for (place, field) in layout.fields.iter().enumerate() {
            let received = received.get(place + 1);
            let Some(expected) = expected.get(*field) else {
                // Other fields a vector need not name.
                let is_right = !is_payload(field) || received.is_none_or(is_empty);
                ensure!(is_right, fail(&format!("{field} that the vector does not name")));
                continue;
            };
            let absent = absent(field);
            let received = received.unwrap_or(&absent);
            let is_right = match Self::named(layout, field, session) {
                Some(named) => self.bind(named, expected, received),
                None if *field == "details" || *field == "options" => contains(received, expected),
                None => received == expected,
            };
            ensure!(is_right, fail(&format!("another {field}")));
        }
        Ok(())
    }

    /// Remembers which identifier one of the vector stands for; whether it always does, and no other.
    fn bind(&mut self, named: Named, expected: &Value, received: &Value) -> bool {
        let (Some(expected), Some(received)) = (expected.as_u64(), received.as_u64()) else {
            return false;
        };
        let of_another = |((kind, id), bound): (&(Named, u64), &u64)| {
            *kind == named && *id != expected && *bound == received
        };
        !self.0.iter().any(of_another)
            && *self.0.entry((named, expected)).or_insert(received) == received
    }
}

fn is_payload(field: &str) -> bool {
    matches!(field, "args" | "kwargs")
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty)
}

/// What stands for a field that is left out.
fn absent(field: &str) -> Value {
    if field == "args" { Value::Array(Vec::new()) } else { Value::Object(Map::new()) }
}

/// Whether a dictionary has all entries of another.
fn contains(dictionary: &Value, part: &Value) -> bool {
    let entries = part.as_object().into_iter().flatten();
    dictionary.is_object()
        && part.is_object()
        && entries.into_iter().all(|(key, value)| dictionary.get(key) == Some(value))
}

#[cfg(test)]
mod tests;
