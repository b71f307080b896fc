//! Retained events: the latest of each topic that its publisher wants later subscribers to get.
//!
//! Source: advanced profile, "Event Retention".

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    time::Duration,
};

use flowgate_event::Timestamp;
use flowgate_wire::{MatchPolicy, SessionId};

use crate::{EventRecord, session::Identity};

/// Events with lists of who may get them that are kept of one topic, beside one for everybody.
const SUPPLEMENTAL_COUNT_MAX: usize = 8;

/// How much is retained, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionConfig {
    /// Events in a realm; of more, the oldest go. Zero switches retention off.
    pub limit: usize,
    /// Octets of all of them; of more, the oldest go.
    pub limit_bytes: usize,
    /// How long each is kept; `None` for ever.
    pub ttl: Option<Duration>,
}

/// The retained events of a realm.
///
/// Invariants: `by_age` has exactly the events of `topics`; `bytes` is their size; no topic is
/// without events, and no limit is exceeded.
#[derive(Debug)]
pub(crate) struct Retention {
    config: RetentionConfig,
    /// The events of each topic, the oldest first.
    topics: BTreeMap<Box<str>, VecDeque<Retained>>,
    /// The topic of each event.
    by_age: BTreeMap<Age, Box<str>>,
    next_age: Age,
    bytes: usize,
}

/// The number of a retained event: each has a higher one than all before it.
type Age = u64;

#[derive(Debug)]
struct Retained {
    age: Age,
    since: Timestamp,
    record: EventRecord,
    /// The publisher's session, if it did not get the event itself.
    except: Option<SessionId>,
}

impl Retained {
    fn is_for(&self, reader: Identity<'_>) -> bool {
        self.except != Some(reader.session) && self.record.admits(reader)
    }
}

impl RetentionConfig {
    /// Far more topics than are retained in practice, and few enough to be kept by accident.
    pub const DEFAULT_LIMIT: usize = 10_000;
    /// What a realm may take of a small machine.
    pub const DEFAULT_LIMIT_BYTES: usize = 64 << 20;
}

impl Default for RetentionConfig {
    fn default() -> Self {
        let (limit, limit_bytes) = (Self::DEFAULT_LIMIT, Self::DEFAULT_LIMIT_BYTES);
        Self { limit, limit_bytes, ttl: None }
    }
}

impl Retention {
    pub(crate) fn new(config: RetentionConfig) -> Self {
        let (topics, by_age) = (BTreeMap::new(), BTreeMap::new());
        Self { config, topics, by_age, next_age: 0, bytes: 0 }
    }

    /// Whether anything is ever retained.
    pub(crate) fn is_on(&self) -> bool {
        self.config.limit > 0
    }

    /// Keeps an event in place of those of its topic that nobody needs any more: all of them if it
    /// is for everybody. Cost: O(log topics).
    pub(crate) fn retain(
        &mut self,
        now: Timestamp,
        record: EventRecord,
        except: Option<SessionId>,
    ) {
        self.expire(now);
        let topic = record.topic();
        let kept = if record.is_restricted() { SUPPLEMENTAL_COUNT_MAX } else { 0 };
        while self.topics.get(topic).is_some_and(|events| events.len() > kept) {
            let superseded = self.topics.get(topic).and_then(|events| events.front());
            let Some(age) = superseded.map(|event| event.age) else { break };
            self.remove(age);
        }
        if record.len_bytes() > self.config.limit_bytes {
            return;
        }
        let age = self.next_age;
        self.next_age += 1;
        self.bytes += record.len_bytes();
        let topic: Box<str> = topic.into();
        self.by_age.insert(age, topic.clone());
        let event = Retained { age, since: now, record, except };
        self.topics.entry(topic).or_default().push_back(event);
        while self.by_age.len() > self.config.limit || self.bytes > self.config.limit_bytes {
            let Some((&oldest, _)) = self.by_age.first_key_value() else { break };
            self.remove(oldest);
        }
    }

    /// Hands over, of each topic that a pattern matches, the latest event that a session may get,
    /// by ascending topic. Cost: O(log topics) for each topic that matches, and for each value of
    /// a wildcard's component that leads nowhere.
    pub(crate) fn find(
        &mut self,
        now: Timestamp,
        policy: MatchPolicy,
        pattern: &str,
        reader: Identity<'_>,
        mut each: impl FnMut(&EventRecord),
    ) {
        self.expire(now);
        let mut tell = |events: &VecDeque<Retained>| {
            if let Some(latest) = events.iter().rev().find(|event| event.is_for(reader)) {
                each(&latest.record);
            }
        };
        match policy {
            MatchPolicy::Exact => self.topics.get(pattern).into_iter().for_each(tell),
            MatchPolicy::Prefix => {
                let topics =
                    self.topics.range::<str, _>((Bound::Included(pattern), Bound::Unbounded));
                topics
                    .take_while(|(topic, _)| topic.starts_with(pattern))
                    .for_each(|(_, e)| tell(e));
            }
            MatchPolicy::Wildcard => {
                let mut from = String::new();
                while let Some((topic, events)) = self
                    .topics
                    .range::<str, _>((Bound::Included(from.as_str()), Bound::Unbounded))
                    .next()
                {
                    match step(pattern, topic) {
                        Step::Match => {
                            tell(events);
                            from = format!("{topic}\0");
                        }
                        Step::Skip(next) => from = next,
                        Step::End => break,
                    }
                }
            }
        }
    }

    /// Drops what is older than it may become.
    fn expire(&mut self, now: Timestamp) {
        let Some(ttl) = self.config.ttl else { return };
        while let Some((&age, topic)) = self.by_age.first_key_value() {
            let oldest = self.topics.get(topic).and_then(|events| events.front());
            if oldest.is_none_or(|event| event.since.after(ttl) > now) {
                break;
            }
            self.remove(age);
        }
    }

    /// Removes an event, which is the oldest of its topic.
    fn remove(&mut self, age: Age) {
        let Some(topic) = self.by_age.remove(&age) else { return };
        let Some(events) = self.topics.get_mut(&topic) else { return };
        if let Some(event) = events.pop_front() {
            debug_assert!(event.age == age, "the events of a topic are in the order of their age");
            self.bytes = self.bytes.saturating_sub(event.record.len_bytes());
        }
        if events.is_empty() {
            self.topics.remove(&topic);
        }
    }

    /// Proves the invariants. Cost: O(events).
    pub(crate) fn check(&self) -> Result<(), String> {
        let all = self.topics.iter();
        let events =
            || all.clone().flat_map(|(topic, events)| events.iter().map(move |e| (&**topic, e)));
        let is_indexed = |(topic, event): (&str, &Retained)| {
            self.by_age.get(&event.age).is_some_and(|indexed| **indexed == *topic)
                && event.record.topic() == topic
        };
        if events().count() != self.by_age.len() || !events().all(is_indexed) {
            return Err("retention: the index by age has other events than the topics".to_owned());
        }
        if self.topics.values().any(VecDeque::is_empty) {
            return Err("retention: a topic is without events".to_owned());
        }
        if events().map(|(_, event)| event.record.len_bytes()).sum::<usize>() != self.bytes {
            return Err(format!("retention: {} is not the size of all events", self.bytes));
        }
        if self.by_age.len() > self.config.limit || self.bytes > self.config.limit_bytes {
            return Err("retention: more events than allowed".to_owned());
        }
        Ok(())
    }
}

/// What a topic says about where the next topic that a wildcard pattern matches can be.
enum Step {
    /// It matches itself.
    Match,
    /// Not before this text, which is behind the topic.
    Skip(String),
    /// Nowhere.
    End,
}

/// Compares a topic with a pattern, component by component.
///
/// In the order of texts all topics below a parent are together, from `parent.` to `parent/`, since
/// `/` is the octet that follows the dot.
fn step(pattern: &str, topic: &str) -> Step {
    let mut wanted = pattern.split('.');
    let mut length = 0;
    for component in topic.split('.') {
        // Everything before this component, the dot included.
        let parent = topic.get(..length).unwrap_or_default();
        length += component.len() + 1;
        match wanted.next() {
            Some("") => {}
            Some(literal) if literal == component => {}
            Some(literal) => {
                // Where the wanted component begins: as the last one of a topic, or with more.
                let leaf = format!("{parent}{literal}");
                let branch = format!("{leaf}.");
                return if *topic < *leaf {
                    Step::Skip(leaf)
                } else if *topic < *branch {
                    Step::Skip(branch)
                } else {
                    past(parent)
                };
            }
            // Too many components.
            None => return past(parent),
        }
    }
    match wanted.next() {
        None => Step::Match,
        // Too few. What has more need not be next: `a-.b` is between `a` and `a.b`.
        Some(_) => Step::Skip(format!("{topic}\0")),
    }
}

/// Behind everything below a parent, which is a text that ends with a dot, or empty.
fn past(parent: &str) -> Step {
    match parent.strip_suffix('.') {
        Some(parent) => Step::Skip(format!("{parent}/")),
        None => Step::End,
    }
}

#[cfg(test)]
mod tests;
