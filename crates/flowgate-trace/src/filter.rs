//! Which messages and actions a trace takes.

use std::time::Duration;

use flowgate_wire::{MatchPolicy, MessageType, SessionId};

use crate::facts::{Direction, Identity};
use crate::record::{ActionRecord, MessageRecord, Outcome, Record};

/// Which messages and actions a trace takes: what every condition that is set admits.
///
/// At the level of messages the conditions on a message decide about each.
/// At the level of actions an action is taken if any of its messages is, so that `session` finds
/// the actions of a callee too.
/// `errors_only` and `min_duration` decide about whole actions, when they end.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    /// Realms; all if empty.
    pub realms: Vec<String>,
    /// Sessions; all if empty.
    pub sessions: Vec<SessionId>,
    /// Authids; all if empty.
    pub authids: Vec<String>,
    /// Roles; all if empty.
    pub authroles: Vec<String>,
    /// The direction.
    pub direction: Option<Direction>,
    /// Message types; all if empty.
    pub types: Vec<MessageType>,
    /// A URI or pattern that the action's URI has to match.
    pub uri: Option<(String, MatchPolicy)>,
    /// Smallest size of a message in octets.
    pub min_bytes: u64,
    /// Largest size of a message in octets.
    pub max_bytes: Option<u64>,
    /// Only actions that did not end well.
    pub errors_only: bool,
    /// Only actions that took at least this long.
    pub min_duration: Option<Duration>,
}

impl Filter {
    /// Whether the conditions on a message admit it.
    #[must_use]
    pub fn takes(&self, message: &MessageRecord) -> bool {
        self.takes_identity(&message.who)
            && self.direction.is_none_or(|direction| direction == message.direction)
            && (self.types.is_empty() || self.types.contains(&message.message))
            && message.bytes >= self.min_bytes
            && self.max_bytes.is_none_or(|bytes| message.bytes <= bytes)
            && self.takes_uri(message.uri())
    }

    fn takes_identity(&self, who: &Identity) -> bool {
        let is_one = |names: &[String], name: Option<&str>| {
            names.is_empty() || name.is_some_and(|name| names.iter().any(|known| known == name))
        };
        is_one(&self.realms, Some(&who.realm))
            && (self.sessions.is_empty()
                || who.session.is_some_and(|session| self.sessions.contains(&session)))
            && is_one(&self.authids, who.authid.as_deref())
            && is_one(&self.authroles, who.authrole.as_deref())
    }

    fn takes_uri(&self, uri: Option<&str>) -> bool {
        self.uri
            .as_ref()
            .is_none_or(|(pattern, policy)| uri.is_some_and(|uri| policy.matches(pattern, uri)))
    }

    /// Whether messages have to wait for the end of their actions.
    #[must_use]
    pub const fn decides_at_end(&self) -> bool {
        self.errors_only || self.min_duration.is_some()
    }

    /// Whether the conditions on whole actions admit one.
    #[must_use]
    pub fn takes_action(&self, action: &ActionRecord) -> bool {
        let is_long = |duration| Duration::from_nanos(action.duration_ns()) >= duration;
        (!self.errors_only || action.outcome != Outcome::Ok)
            && self.min_duration.is_none_or(is_long)
    }

    /// Whether the conditions admit a record that was made already.
    ///
    /// A message ends badly if it says or met an error, and takes no time; an action is that of its
    /// originator and of its responders, has no direction, and any size.
    #[must_use]
    pub fn takes_record(&self, record: &Record) -> bool {
        match record {
            Record::Message(message) => {
                self.takes(message)
                    && (!self.errors_only || message.error.is_some())
                    && self.min_duration.is_none()
            }
            Record::Action(action) => {
                let all = || action.responders.iter().map(|responder| &responder.who);
                let mut people = std::iter::once(&action.originator).chain(all());
                people.any(|who| self.takes_identity(who))
                    && (self.types.is_empty() || self.types.contains(&action.action))
                    && self.takes_uri(action.uri.as_deref())
                    && self.takes_action(action)
            }
        }
    }

    /// Whether the conditions on whole actions admit a message that belongs to none.
    #[must_use]
    pub fn takes_single(&self, message: &MessageRecord) -> bool {
        (!self.errors_only || message.error.is_some()) && self.min_duration.is_none()
    }
}

#[cfg(test)]
mod tests;
