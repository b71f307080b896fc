//! What came of a script, and how two of them differ.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
};

use flowgate_client::Arguments;
use flowgate_wire::{Entry, SessionId, Value};

use super::script::Script;

/// The errors of routers themselves, whose arguments are text for people that each words its way.
const ROUTER_ERRORS: &str = "wamp.error.";

/// Lines about the events of one subscription; how many more there are is said in another one.
const EVENT_LINES_MAX: usize = 10;

/// What a request was answered with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    Result(Arguments),
    Error(String, Arguments),
    /// That it was done, as subscriptions and acknowledged publications are.
    Done,
    /// Not at all: the session has ended, or it took too long.
    Nothing(String),
}

/// What a subscriber got.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    pub(super) topic: String,
    pub(super) arguments: Arguments,
}

/// Who a player was to a router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) session: SessionId,
    pub(super) authid: Option<String>,
}

/// The place of a player, and the topic or pattern that it has subscribed to.
pub(super) type Subscriber = (usize, String);

/// What has come of a script.
#[derive(Debug, Default)]
pub(super) struct Played {
    /// The replies to the steps, in their order; `None` to those that get none.
    pub(super) replies: Vec<Option<Reply>>,
    /// Who the players were, in their order.
    pub(super) seats: Vec<Seat>,
    /// What they got, in the order in which they got it; `None` if nobody has listened.
    pub(super) events: Option<BTreeMap<Subscriber, Vec<Event>>>,
}

/// What has come of a script twice, and what the two are called.
pub(super) struct Comparison<'a> {
    pub(super) script: &'a Script,
    pub(super) one: (&'a str, &'a Played),
    pub(super) other: (&'a str, &'a Played),
}

impl Comparison<'_> {
    /// A paragraph for each answer and each event that is not the same.
    ///
    /// Identifiers of sessions and authids are the same if they are those of the same player,
    /// whatever the routers have given them.
    /// Events of a subscription may come in another order, since only those of one publisher have
    /// any.
    pub(super) fn differences(&self) -> Vec<String> {
        let (one, other) = (self.one.1, self.other.1);
        let mut differences = Vec::new();
        let replies = one.replies.iter().zip(&other.replies).zip(&self.script.steps);
        for ((reply, answer), step) in replies {
            if let (Some(reply), Some(answer)) = (reply, answer)
                && !self.is_same_reply(reply, answer)
            {
                let what = format!("{} by session {}", step, step.player + 1);
                differences.push(self.paragraph(&what, &reply.to_string(), &answer.to_string()));
            }
        }
        if let (Some(events), Some(others)) = (&one.events, &other.events) {
            let all: BTreeMap<_, _> = events.iter().chain(others).collect();
            for subscriber in all.into_keys() {
                let of = |events: &BTreeMap<_, Vec<Event>>| {
                    events.get(subscriber).cloned().unwrap_or_default()
                };
                differences.extend(self.event_differences(subscriber, &of(events), &of(others)));
            }
        }
        differences
    }

    fn event_differences(
        &self,
        (player, topic): &Subscriber,
        one: &[Event],
        other: &[Event],
    ) -> Vec<String> {
        let mut left: VecDeque<&Event> = other.iter().collect();
        let mut only: Vec<(&str, &Event)> = Vec::new();
        for event in one {
            // Mostly the first.
            match left.iter().position(|candidate| self.is_same_event(event, candidate)) {
                Some(place) => {
                    left.remove(place);
                }
                None => only.push((self.one.0, event)),
            }
        }
        only.extend(left.into_iter().map(|event| (self.other.0, event)));
        let hidden_count = only.len().saturating_sub(EVENT_LINES_MAX);
        let mut lines: Vec<_> = only
            .into_iter()
            .take(EVENT_LINES_MAX)
            .map(|(whose, event)| {
                format!("event of {topic} to session {}\n  only {whose}: {event}", player + 1)
            })
            .collect();
        if hidden_count > 0 {
            let who = player + 1;
            lines.push(format!("events of {topic} to session {who}\n  {hidden_count} more differ"));
        }
        lines
    }

    fn paragraph(&self, what: &str, one: &str, other: &str) -> String {
        let width = self.one.0.chars().count().max(self.other.0.chars().count()) + 1;
        let line = |name: &str, said: &str| format!("\n  {:width$} {said}", format!("{name}:"));
        format!("{what}{}{}", line(self.one.0, one), line(self.other.0, other))
    }

    fn is_same_reply(&self, one: &Reply, other: &Reply) -> bool {
        match (one, other) {
            (Reply::Result(one), Reply::Result(other)) => self.is_same_payload(one, other),
            (Reply::Error(error, one), Reply::Error(other_error, other)) => {
                error == other_error
                    && (error.starts_with(ROUTER_ERRORS) || self.is_same_payload(one, other))
            }
            (Reply::Done, Reply::Done) | (Reply::Nothing(_), Reply::Nothing(_)) => true,
            (Reply::Result(_) | Reply::Error(..) | Reply::Done | Reply::Nothing(_), _) => false,
        }
    }

    fn is_same_event(&self, one: &Event, other: &Event) -> bool {
        one.topic == other.topic && self.is_same_payload(&one.arguments, &other.arguments)
    }

    fn is_same_payload(&self, one: &Arguments, other: &Arguments) -> bool {
        self.are_same(&one.args, &other.args) && self.is_same_dict(&one.kwargs, &other.kwargs)
    }

    fn is_same(&self, one: &Value<'_>, other: &Value<'_>) -> bool {
        match (one, other) {
            (Value::Unsigned(a), Value::Unsigned(b)) => {
                let place = |played: &Played, number: u64| {
                    played.seats.iter().position(|seat| seat.session.get() == number)
                };
                a == b || is_same_place(place(self.one.1, *a), place(self.other.1, *b))
            }
            (Value::String(a), Value::String(b)) => {
                let place = |played: &Played, text: &str| {
                    played.seats.iter().position(|seat| seat.authid.as_deref() == Some(text))
                };
                a == b || is_same_place(place(self.one.1, a), place(self.other.1, b))
            }
            (Value::List(a), Value::List(b)) => self.are_same(a, b),
            (Value::Dict(a), Value::Dict(b)) => self.is_same_dict(a, b),
            (
                Value::Null
                | Value::Bool(_)
                | Value::Unsigned(_)
                | Value::Signed(_)
                | Value::Float(_)
                | Value::String(_)
                | Value::Binary(_)
                | Value::List(_)
                | Value::Dict(_),
                _,
            ) => one == other,
        }
    }

    fn are_same(&self, one: &[Value<'_>], other: &[Value<'_>]) -> bool {
        one.len() == other.len() && one.iter().zip(other).all(|(a, b)| self.is_same(a, b))
    }

    /// Entries have no order.
    fn is_same_dict(&self, one: &[Entry<'_>], other: &[Entry<'_>]) -> bool {
        let is_same = |(a, b): (&Entry<'_>, &Entry<'_>)| a.0 == b.0 && self.is_same(&a.1, &b.1);
        one.len() == other.len() && sorted(one).into_iter().zip(sorted(other)).all(is_same)
    }
}

fn sorted<'a, 'e>(entries: &'a [Entry<'e>]) -> Vec<&'a Entry<'e>> {
    let mut all: Vec<_> = entries.iter().collect();
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all
}

/// Whether both are known, and the same.
fn is_same_place(one: Option<usize>, other: Option<usize>) -> bool {
    one.is_some() && one == other
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Result(arguments) => write!(f, "result{}", Payload(arguments)),
            Self::Error(error, arguments) => write!(f, "error {error}{}", Payload(arguments)),
            Self::Done => f.write_str("done"),
            Self::Nothing(why) => write!(f, "no answer ({why})"),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.topic, Payload(&self.arguments))
    }
}

/// Arguments behind a blank, as far as there are any.
pub(super) struct Payload<'a>(pub(super) &'a Arguments);

impl fmt::Display for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = |value: &Value<'static>| serde_json::to_string(value).unwrap_or_default();
        let Arguments { args, kwargs } = self.0;
        if !args.is_empty() || !kwargs.is_empty() {
            write!(f, " {}", json(&Value::List(args.clone())))?;
        }
        if !kwargs.is_empty() {
            write!(f, " {}", json(&Value::Dict(kwargs.clone())))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
