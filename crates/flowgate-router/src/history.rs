//! Event histories: what was published to the topics that are configured for it.
//!
//! Source: advanced profile, "Event History".

use std::{collections::VecDeque, fmt, sync::Arc};

use flowgate_event::Timestamp;
use flowgate_wire::{MatchPolicy, PublicationId};

use crate::{EventRecord, session::Identity};

/// The configuration of one history.
#[derive(Debug, Clone)]
pub struct HistoryConfig {
    /// The topic or pattern.
    pub pattern: String,
    /// How it matches; no two histories have the same pattern and policy.
    pub policy: MatchPolicy,
    /// Events that are kept; of more, the oldest go.
    pub limit: usize,
    /// What is known from an earlier run, the oldest first.
    pub records: Vec<Arc<EventRecord>>,
}

/// The place of a history in the configuration of its realm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HistoryKey(pub usize);

/// Keeps what histories record beyond the life of the process.
///
/// The histories themselves are in memory, and answer all questions from there, so a store is only
/// written to: it is given every record once, in order, and hands them back as
/// [`HistoryConfig::records`] when a realm is made.
pub trait EventStore: Send {
    /// Takes a record.
    ///
    /// Called while the realm handles an input: it must return at once, without I/O and without
    /// waiting. What it cannot keep it must count and report.
    fn append(&mut self, history: HistoryKey, record: &Arc<EventRecord>);
}

/// The histories of a realm.
pub(crate) struct Histories {
    all: Vec<History>,
    store: Option<Box<dyn EventStore>>,
}

/// One history, the oldest record first.
struct History {
    limit: usize,
    records: VecDeque<Arc<EventRecord>>,
    /// Whether records have been dropped for newer ones.
    is_limit_reached: bool,
}

/// What a reader wants of a history: the arguments of `wamp.subscription.get_events`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) order: Order,
    pub(crate) limit: Option<usize>,
    /// Not before this.
    pub(crate) from_time: Option<Timestamp>,
    /// Later than this.
    pub(crate) after_time: Option<Timestamp>,
    /// Earlier than this.
    pub(crate) before_time: Option<Timestamp>,
    /// Not after this.
    pub(crate) until_time: Option<Timestamp>,
    pub(crate) topic: Option<String>,
    /// At or behind this publication.
    pub(crate) from_publication: Option<PublicationId>,
    /// Behind this publication.
    pub(crate) after_publication: Option<PublicationId>,
    /// Before this publication.
    pub(crate) before_publication: Option<PublicationId>,
    /// At or before this publication.
    pub(crate) until_publication: Option<PublicationId>,
}

/// The order in which events are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Order {
    /// As they occurred.
    #[default]
    Occurrence,
    /// The latest first.
    Reverse,
}

impl fmt::Debug for Histories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.all.iter().map(|history| history.records.len());
        f.debug_list().entries(counts).finish()
    }
}

impl Histories {
    pub(crate) fn new(store: Option<Box<dyn EventStore>>) -> Self {
        Self { all: Vec::new(), store }
    }

    /// Adds a history with what is known of it from an earlier run.
    pub(crate) fn add(&mut self, limit: usize, records: Vec<Arc<EventRecord>>) -> HistoryKey {
        let mut history = History { limit, records: VecDeque::new(), is_limit_reached: false };
        records.into_iter().for_each(|record| history.push(record));
        self.all.push(history);
        HistoryKey(self.all.len() - 1)
    }

    /// Adds an event to a history.
    pub(crate) fn append(&mut self, key: HistoryKey, record: Arc<EventRecord>) {
        if let Some(store) = &mut self.store {
            store.append(key, &record);
        }
        if let Some(history) = self.all.get_mut(key.0) {
            history.push(record);
        }
    }

    /// The events that a query finds and that the reader may see, and whether the history has lost
    /// older ones. Cost: O(records of the history).
    pub(crate) fn find<'h>(
        &'h self,
        key: HistoryKey,
        query: &Query,
        reader: Identity<'_>,
    ) -> (Vec<&'h Arc<EventRecord>>, bool) {
        let Some(history) = self.all.get(key.0) else { return (Vec::new(), false) };
        let Some((first, end)) = history.range(query) else {
            return (Vec::new(), history.is_limit_reached);
        };
        let fits = |record: &&Arc<EventRecord>| query.admits(record) && record.admits(reader);
        let within = history.records.iter().skip(first).take(end.saturating_sub(first));
        let limit = query.limit.unwrap_or(usize::MAX);
        let found = match query.order {
            Order::Occurrence => within.filter(fits).take(limit).collect(),
            Order::Reverse => within.rev().filter(fits).take(limit).collect(),
        };
        (found, history.is_limit_reached)
    }

    /// Proves that no history is longer than its limit.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self.all.iter().position(|history| history.records.len() > history.limit) {
            Some(place) => Err(format!("histories: {place} is longer than its limit")),
            None => Ok(()),
        }
    }

    /// The number of histories.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }
}

impl History {
    fn push(&mut self, record: Arc<EventRecord>) {
        self.records.push_back(record);
        if self.records.len() > self.limit {
            self.records.pop_front();
            self.is_limit_reached = true;
        }
    }

    /// The places that the publications of a query leave, the end not included; `None` if one of
    /// them is not known, so that nothing is known to come before or behind it.
    fn range(&self, query: &Query) -> Option<(usize, usize)> {
        let place = |publication: Option<PublicationId>| match publication {
            None => Some(None),
            Some(id) => {
                self.records.iter().rposition(|record| record.publication() == id).map(Some)
            }
        };
        let from = place(query.from_publication)?;
        let after = place(query.after_publication)?.map(|place| place + 1);
        let before = place(query.before_publication)?;
        let until = place(query.until_publication)?.map(|place| place + 1);
        let end = self.records.len();
        let end = before.unwrap_or(end).min(until.unwrap_or(end));
        Some((from.max(after).unwrap_or(0), end))
    }
}

impl Query {
    fn admits(&self, record: &EventRecord) -> bool {
        let time = record.timestamp();
        self.from_time.is_none_or(|from| time >= from)
            && self.after_time.is_none_or(|after| time > after)
            && self.before_time.is_none_or(|before| time < before)
            && self.until_time.is_none_or(|until| time <= until)
            && self.topic.as_ref().is_none_or(|topic| **topic == *record.topic())
    }
}
