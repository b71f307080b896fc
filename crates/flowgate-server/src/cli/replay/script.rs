//! From records to what is to be played.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use flowgate_client::Arguments;
use flowgate_event::{Correlation, Timestamp};
use flowgate_trace::{Direction, Identity, MessageRecord, Record};
use flowgate_wire::{Dict, Entry, MessageType, SessionId, Value};

use super::{
    mapping::{Mapping, Who},
    played::{Payload, Played, Reply, Seat},
};

/// Identifiers above this were drawn at random, so that a number in a payload is one by no accident.
const RANDOM_ID_MIN: u64 = 1 << 32;

/// What clients did, by time.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) players: Vec<Player>,
    pub(super) steps: Vec<Step>,
    skipped_count: usize,
}

/// A session that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Player {
    /// Who it is to be.
    pub(super) who: Who,
    /// Who it was.
    was: Seat,
}

/// What a session did.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// Time since the first step.
    pub(super) after: Duration,
    /// Who, as a place in [`Script::players`].
    pub(super) player: usize,
    pub(super) act: Act,
    pub(super) options: Vec<Entry<'static>>,
    pub(super) uri: String,
    pub(super) arguments: Arguments,
    /// What was answered and after which time, if that was recorded.
    pub(super) answer: Option<(Duration, Reply)>,
    /// The places of the calls that were answered between the step before and this one: what
    /// clients do then may depend on the answers.
    pub(super) waits_for: Vec<usize>,
}

/// The kind of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Call,
    Publish,
    Subscribe,
}

impl Step {
    /// Options and arguments for sessions that sit elsewhere now than when it was recorded.
    pub(super) fn translated(&self, script: &Script, seats: &[Seat]) -> (Dict<'static>, Arguments) {
        let translation = Translation { players: &script.players, seats };
        let options = self
            .options
            .iter()
            .map(|(key, value)| (key.clone(), translation.of(value, Scope::Options)));
        let arguments = Arguments {
            args: self
                .arguments
                .args
                .iter()
                .map(|value| translation.of(value, Scope::Payload))
                .collect(),
            kwargs: translation.of_entries(&self.arguments.kwargs, Scope::Payload),
        };
        (Dict::from_vec(options.collect()), arguments)
    }

    /// Whether there is an answer to wait for.
    pub(super) fn is_acknowledged(&self) -> bool {
        self.options.iter().any(|(key, value)| key == "acknowledge" && *value == Value::Bool(true))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let act = match self.act {
            Act::Call => "call",
            Act::Publish => "publish",
            Act::Subscribe => "subscribe",
        };
        write!(f, "{act} {}{}", self.uri, Payload(&self.arguments))
    }
}

/// Who players were, and who they are now.
struct Translation<'a> {
    players: &'a [Player],
    seats: &'a [Seat],
}

/// Where identifiers are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Where sessions and authids are named, such as `exclude` and `eligible_authid`.
    Options,
    /// Where only what can be nothing else is one.
    Payload,
}

impl Translation<'_> {
    fn of(&self, value: &Value<'static>, scope: Scope) -> Value<'static> {
        match value {
            Value::Unsigned(number) if scope == Scope::Options || *number >= RANDOM_ID_MIN => {
                let is_player = |player: &Player| player.was.session.get() == *number;
                self.now(is_player).map_or_else(|| value.clone(), |seat| seat.session.get().into())
            }
            Value::String(text) if scope == Scope::Options => {
                let is_player = |player: &Player| player.was.authid.as_deref() == Some(text);
                let authid = self.now(is_player).and_then(|seat| seat.authid.clone());
                authid.map_or_else(|| value.clone(), Value::from)
            }
            Value::List(items) => {
                Value::List(items.iter().map(|item| self.of(item, scope)).collect())
            }
            Value::Dict(entries) => Value::Dict(self.of_entries(entries, scope)),
            Value::Null
            | Value::Bool(_)
            | Value::Unsigned(_)
            | Value::Signed(_)
            | Value::Float(_)
            | Value::String(_)
            | Value::Binary(_) => value.clone(),
        }
    }

    fn of_entries(&self, entries: &[Entry<'static>], scope: Scope) -> Vec<Entry<'static>> {
        entries.iter().map(|(key, value)| (key.clone(), self.of(value, scope))).collect()
    }

    fn now(&self, is_player: impl Fn(&Player) -> bool) -> Option<&Seat> {
        self.seats.get(self.players.iter().position(is_player)?)
    }
}

impl Script {
    /// What clients did, from records of messages with payload.
    pub(super) fn read(records: &[Record], mappings: &[Mapping]) -> Self {
        let mut answers: BTreeMap<Correlation, (Timestamp, Reply)> = BTreeMap::new();
        for message in messages(records, Direction::Tx) {
            // What was not sent was not heard.
            let reply = reply(message).filter(|_| message.undelivered.is_none());
            if let (Some(correlation), Some(reply)) = (message.correlation(), reply) {
                answers.insert(correlation, (message.at, reply));
            }
        }
        let mut script = Self::default();
        let mut start = None;
        for message in messages(records, Direction::Rx) {
            let act = if message.message == MessageType::Call {
                Act::Call
            } else if message.message == MessageType::Publish {
                Act::Publish
            } else if message.message == MessageType::Subscribe {
                Act::Subscribe
            } else {
                continue;
            };
            let answer = message.correlation().and_then(|action| answers.get(&action));
            match script.step(message, act, answer, &mut start, mappings) {
                Some(step) => script.steps.push(step),
                None => script.skipped_count += 1,
            }
        }
        script.order();
        script
    }

    fn step(
        &mut self,
        message: &MessageRecord,
        act: Act,
        answer: Option<&(Timestamp, Reply)>,
        start: &mut Option<Timestamp>,
        mappings: &[Mapping],
    ) -> Option<Step> {
        let fields = fields(message)?;
        let options = fields.get(2)?.as_dict()?.to_vec();
        let uri = fields.get(3)?.as_str()?.to_owned();
        let player = self.player(&message.who, message.session()?, mappings);
        let start = *start.get_or_insert(message.at);
        let answer = answer.map(|(at, reply)| (at.since(message.at), reply.clone()));
        Some(Step {
            after: message.at.since(start),
            player,
            act,
            options,
            uri,
            arguments: arguments(&fields, 4),
            answer,
            waits_for: Vec::new(),
        })
    }

    /// Says which answers steps come after.
    fn order(&mut self) {
        let answered = self.steps.iter().enumerate().filter(|(_, step)| step.act == Act::Call);
        let mut answered: Vec<_> = answered
            .filter_map(|(place, step)| Some((step.after + step.answer.as_ref()?.0, place)))
            .collect();
        answered.sort_unstable();
        let mut answered = answered.into_iter().peekable();
        for step in &mut self.steps {
            while let Some((_, place)) = answered.next_if(|(moment, _)| *moment <= step.after) {
                step.waits_for.push(place);
            }
        }
    }

    fn player(&mut self, was: &Arc<Identity>, session: SessionId, mappings: &[Mapping]) -> usize {
        let known = self.players.iter().position(|player| player.was.session == session);
        known.unwrap_or_else(|| {
            let authid = was.authid.as_deref().map(str::to_owned);
            let who = Who::playing(was, mappings);
            self.players.push(Player { who, was: Seat { session, authid } });
            self.players.len() - 1
        })
    }

    /// What was answered when it was recorded.
    pub(super) fn recorded(&self) -> Played {
        let replies = self.steps.iter().map(|step| step.answer.clone().map(|(_, reply)| reply));
        let seats = self.players.iter().map(|player| player.was.clone());
        Played { replies: replies.collect(), seats: seats.collect(), events: None }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub(super) const fn message_count(&self) -> usize {
        self.steps.len()
    }

    pub(super) const fn session_count(&self) -> usize {
        self.players.len()
    }

    pub(super) fn call_count(&self) -> usize {
        self.steps.iter().filter(|step| step.act == Act::Call).count()
    }

    /// Messages that were recorded without their payload, or with a part of it.
    pub(super) const fn skipped_count(&self) -> usize {
        self.skipped_count
    }
}

/// What callees were asked, and what they answered.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// By realm and name.
    pub(super) procedures: BTreeMap<(String, String), Procedure>,
}

/// A procedure that was called.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Procedure {
    /// Who is to register it.
    pub(super) who: Who,
    /// In the order of time.
    pub(super) answers: Vec<Answered>,
}

/// An invocation and its answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answered {
    pub(super) asked: Arguments,
    pub(super) reply: Reply,
    pub(super) after: Duration,
}

impl Calls {
    /// What callees did, from records of messages with payload.
    pub(super) fn read(records: &[Record], mappings: &[Mapping]) -> Self {
        let mut calls = Self::default();
        let mut open = BTreeMap::new();
        for record in records {
            let Record::Message(message) = record else { continue };
            let key = (message.correlation(), message.session(), message.request);
            let is_asked = message.message == MessageType::Invocation;
            if message.direction == Direction::Tx && is_asked {
                let asked = fields(message).map(|fields| arguments(&fields, 4));
                open.extend(asked.map(|asked| (key, (message, asked))));
            } else if message.direction == Direction::Rx
                && let Some(reply) = reply(message)
                && let Some((invocation, asked)) = open.remove(&key)
                && let Some(uri) = invocation.uri()
            {
                let who = Who::playing(&message.who, mappings);
                let name = (who.realm.clone(), uri.to_owned());
                let after = message.at.since(invocation.at);
                let procedure = calls.procedures.entry(name);
                let procedure = procedure.or_insert_with(|| Procedure { who, answers: Vec::new() });
                procedure.answers.push(Answered { asked, reply, after });
            }
        }
        calls
    }

    pub(super) fn is_empty(&self) -> bool {
        self.procedures.is_empty()
    }
}

fn messages(records: &[Record], direction: Direction) -> impl Iterator<Item = &MessageRecord> {
    records.iter().filter_map(move |record| match record {
        Record::Message(message) if message.direction == direction => Some(message),
        Record::Message(_) | Record::Action(_) => None,
    })
}

/// The message as a list; `None` if it was not kept, or not whole.
fn fields(message: &MessageRecord) -> Option<Vec<Value<'static>>> {
    let frame = message.frame.as_ref().filter(|_| message.truncated_bytes.is_none())?;
    let Value::List(fields) = frame.to_value() else { return None };
    Some(fields)
}

/// What an answer says; `None` for those that are not the last.
fn reply(message: &MessageRecord) -> Option<Reply> {
    let fields = fields(message).filter(|_| !message.is_progress)?;
    if message.message == MessageType::Error {
        let error = fields.get(4)?.as_str()?.to_owned();
        return Some(Reply::Error(error, arguments(&fields, 5)));
    }
    if matches!(message.message, MessageType::Published | MessageType::Subscribed) {
        return Some(Reply::Done);
    }
    let is_result = matches!(message.message, MessageType::Result | MessageType::Yield);
    is_result.then(|| Reply::Result(arguments(&fields, 3)))
}

/// The payload of a message, which begins at a field.
fn arguments(fields: &[Value<'static>], place: usize) -> Arguments {
    let args = fields.get(place).and_then(Value::as_list).unwrap_or_default();
    let kwargs = fields.get(place + 1).and_then(Value::as_dict).unwrap_or_default();
    Arguments::new(args.to_vec(), kwargs.to_vec())
}

#[cfg(test)]
mod tests;
