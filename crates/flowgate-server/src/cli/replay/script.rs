//! From records to what is to be played.

use std::{collections::BTreeMap, time::Duration};

use flowgate_client::Arguments;
use flowgate_event::{Correlation, Timestamp};
use flowgate_trace::{Direction, MessageRecord, Record};
use flowgate_wire::{Dict, MessageType, SessionId, Value};

use super::client::{Played, Reply};

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
    pub(super) realm: String,
    session: SessionId,
}

/// What a session did.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// Time since the first step.
    pub(super) after: Duration,
    /// Who, as a place in [`Script::players`].
    pub(super) player: usize,
    pub(super) act: Act,
    pub(super) options: Vec<(String, Value<'static>)>,
    pub(super) uri: String,
    pub(super) arguments: Arguments,
}

/// The kind of a step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Act {
    /// With what was answered, if that was recorded.
    Call(Option<Reply>),
    Publish,
    Subscribe,
}

impl Step {
    pub(super) fn options(&self) -> Dict<'static> {
        Dict::from_vec(
            self.options.iter().map(|(key, value)| (key.clone().into(), value.clone())).collect(),
        )
    }
}

impl Script {
    /// What clients did, from records of messages with payload.
    pub(super) fn read(records: &[Record]) -> Self {
        let mut answers: BTreeMap<Correlation, Reply> = BTreeMap::new();
        for message in messages(records, Direction::Tx) {
            let reply = reply(message);
            if let (Some(correlation), Some(reply)) = (message.correlation(), reply) {
                answers.insert(correlation, reply);
            }
        }
        let mut script = Self::default();
        let mut start = None;
        for message in messages(records, Direction::Rx) {
            script.read_message(message, &mut start, &answers);
        }
        script
    }

    fn read_message(
        &mut self,
        message: &MessageRecord,
        start: &mut Option<Timestamp>,
        answers: &BTreeMap<Correlation, Reply>,
    ) {
        let act = if message.message == MessageType::Call {
            Act::Call(message.correlation().and_then(|id| answers.get(&id)).cloned())
        } else if message.message == MessageType::Publish {
            Act::Publish
        } else if message.message == MessageType::Subscribe {
            Act::Subscribe
        } else {
            return;
        };
        let (Some(session), Some(fields)) = (message.session(), fields(message)) else {
            self.skipped_count += 1;
            return;
        };
        let uri = fields.get(3).and_then(Value::as_str).map(str::to_owned);
        let options = fields.get(2).and_then(Value::as_dict);
        let (Some(uri), Some(options)) = (uri, options) else {
            self.skipped_count += 1;
            return;
        };
        let player = self.player(&message.who.realm, session);
        let start = *start.get_or_insert(message.at);
        let options = options.iter().map(|(key, value)| (key.to_string(), value.clone()));
        self.steps.push(Step {
            after: message.at.since(start),
            player,
            act,
            options: options.collect(),
            uri,
            arguments: arguments(&fields, 4),
        });
    }

    fn player(&mut self, realm: &str, session: SessionId) -> usize {
        let known = self.players.iter().position(|player| player.session == session);
        known.unwrap_or_else(|| {
            self.players.push(Player { realm: realm.to_owned(), session });
            self.players.len() - 1
        })
    }

    /// What was answered when it was recorded.
    pub(super) fn recorded(&self) -> Played {
        let replies = self.steps.iter().map(|step| match &step.act {
            Act::Call(reply) => reply.clone(),
            Act::Publish | Act::Subscribe => None,
        });
        let sessions = self.players.iter().map(|player| player.session).collect();
        Played { replies: replies.collect(), sessions, events: None }
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
        self.steps.iter().filter(|step| matches!(step.act, Act::Call(_))).count()
    }

    /// Messages that were recorded without their payload, or with a part of it.
    pub(super) const fn skipped_count(&self) -> usize {
        self.skipped_count
    }
}

/// What callees were asked, and what they answered: by realm and procedure, in the order of time.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) procedures: BTreeMap<(String, String), Vec<Answered>>,
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
    pub(super) fn read(records: &[Record]) -> Self {
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
                let procedure = (message.who.realm.to_string(), uri.to_owned());
                let after = message.at.since(invocation.at);
                let answered = Answered { asked, reply, after };
                calls.procedures.entry(procedure).or_default().push(answered);
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

/// What a RESULT, YIELD or ERROR says; `None` for those that are not the last.
fn reply(message: &MessageRecord) -> Option<Reply> {
    let fields = fields(message).filter(|_| !message.is_progress)?;
    if message.message == MessageType::Error {
        let error = fields.get(4)?.as_str()?.to_owned();
        return Some(Reply::Error(error, arguments(&fields, 5)));
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
