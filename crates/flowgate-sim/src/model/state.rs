//! What the model remembers.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use flowgate_event::Timestamp;
use flowgate_router::{ClientFeatures, ServeId, SessionKey};
use flowgate_wire::MatchPolicy;

use super::{events::Kept, session::Testament, waiting::Waiting};

pub(super) type Name = (MatchPolicy, String);

/// When, and the how manieth of all deadlines of sessions.
pub(super) type Deadline = (Timestamp, u64);

#[derive(Debug)]
pub(super) struct Seat {
    pub(super) phase: Phase,
    pub(super) role: usize,
    pub(super) features: ClientFeatures,
    pub(super) last_request: u64,
    pub(super) issued: u64,
    /// The highest request of a call in parts.
    pub(super) streamed: u64,
    pub(super) id: u64,
    pub(super) authid: String,
    pub(super) authrole: String,
    pub(super) serializer: &'static str,
    pub(super) testaments: Vec<Testament>,
    pub(super) waiting: Option<Waiting>,
    /// When the session is closed that does not answer GOODBYE.
    pub(super) farewell: Option<Deadline>,
    /// What has been said to the session so far.
    pub(super) heard: Heard,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    ShuttingDown,
    Closed,
    Refused,
}

/// What a session was told, in the order in which it was told.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) welcome: bool,
    /// GOODBYE or ABORT: nothing may follow.
    pub(super) end: bool,
    pub(super) close: bool,
    pub(super) subscriptions: BTreeSet<u64>,
    pub(super) registrations: BTreeSet<u64>,
}

#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) id: u64,
    pub(super) subscribers: BTreeSet<SessionKey>,
    /// The node keys of those who have one.
    pub(super) nodes: BTreeMap<SessionKey, String>,
    /// When the first of its present subscribers came.
    pub(super) created: Timestamp,
    /// All that was recorded, if it has a history, and the number of records that are kept.
    pub(super) history: Option<(Vec<Kept>, usize)>,
}

#[derive(Debug)]
pub(super) struct Registration {
    pub(super) id: u64,
    pub(super) created: Timestamp,
    pub(super) invoke: String,
    pub(super) callees: Vec<Callee>,
    /// Whose turn it is.
    pub(super) next: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Callee {
    pub(super) key: SessionKey,
    /// When it became a callee: calls from before do not count.
    pub(super) since: u64,
    pub(super) concurrency: Option<u64>,
    pub(super) disclose_caller: bool,
    pub(super) forward_timeout: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) caller: SessionKey,
    pub(super) request: u64,
    pub(super) registration: u64,
    /// The call is the shell's, which knows it by this; learned when the shell is given the call.
    pub(super) served: Option<Option<ServeId>>,
    /// The callee, its invocation, and since when it was callee; none while the call waits.
    pub(super) with: Option<(Callee, u64)>,
    /// Waiting calls go by this.
    pub(super) place: u64,
    pub(super) policy: MatchPolicy,
    pub(super) procedure: String,
    /// What chooses the callee.
    pub(super) key: Option<String>,
    /// `None`: as the callee wants.
    pub(super) disclosed: Option<bool>,
    pub(super) receive_progress: bool,
    pub(super) passthru: Option<String>,
    pub(super) payload: String,
    pub(super) parts: Parts,
    pub(super) is_kept: bool,
    pub(super) tried: Vec<SessionKey>,
    pub(super) is_killed: bool,
    pub(super) asked: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) deadline: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parts {
    Whole,
    Some,
    All,
}

impl Pending {
    pub(super) fn is_with(&self, key: SessionKey) -> bool {
        self.with.is_some_and(|(callee, _)| callee.key == key)
    }
}
