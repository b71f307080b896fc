//! The sessions of a realm.

use flowgate_event::Timestamp;
use flowgate_wire::{RequestId, SessionId, Value};

use crate::{
    ClientFeatures, Join, SessionKey,
    deadlines::{DeadlineKey, Deadlines},
    ids::{HashMap, Ids, hasher},
    testaments::Testaments,
    waiting::Waiting,
};

/// One session, from its WELCOME until the realm has handled its `Leave`.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) phase: Phase,
    /// The place of its role in the realm's configuration.
    pub(crate) role: usize,
    pub(crate) authid: String,
    pub(crate) authrole: String,
    pub(crate) authmethod: &'static str,
    pub(crate) authprovider: &'static str,
    pub(crate) features: ClientFeatures,
    pub(crate) serializer: &'static str,
    pub(crate) transport: Value<'static>,
    /// The identifier of the client's latest request.
    pub(crate) last_request: Option<RequestId>,
    pub(crate) testaments: Testaments,
    /// What waits for an authorizer; `None` unless one is asked.
    pub(crate) waiting: Option<Box<Waiting>>,
    /// When the session has waited long enough: for an authorizer while it is open, for the
    /// client's GOODBYE after the router's.
    deadline: Option<DeadlineKey>,
}

/// How far a session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its messages are handled.
    Open,
    /// The router has said GOODBYE and waits for the client's; it holds nothing any more.
    ShuttingDown,
    /// The shell has been asked to close it; its messages are ignored, and it holds nothing.
    Closed,
}

/// Who a session is, for those whom it may be told.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// The session.
    pub session: SessionId,
    /// Its `authid`.
    pub authid: &'a str,
    /// Its `authrole`.
    pub authrole: &'a str,
}

impl Session {
    /// An open session that has just joined.
    pub(crate) fn new(id: SessionId, authid: String, role: usize, join: Join) -> Self {
        Self {
            id,
            phase: Phase::Open,
            role,
            authid,
            authrole: join.authrole,
            authmethod: join.authmethod,
            authprovider: join.authprovider,
            features: join.features,
            serializer: join.serializer,
            transport: join.transport,
            last_request: None,
            testaments: Testaments::default(),
            waiting: None,
            deadline: None,
        }
    }

    pub(crate) fn identity(&self) -> Identity<'_> {
        Identity { session: self.id, authid: &self.authid, authrole: &self.authrole }
    }

    /// What the session meta API says about it ("Session Meta API", `on_join`).
    pub(crate) fn details<'a>(&'a self, realm: &'a str) -> Value<'a> {
        Value::dict([
            ("session", Value::from(self.id.get())),
            ("authid", Value::from(self.authid.as_str())),
            ("authrole", Value::from(self.authrole.as_str())),
            ("authmethod", Value::from(self.authmethod)),
            ("authprovider", Value::from(self.authprovider)),
            ("realm", Value::from(realm)),
            ("transport", self.transport.clone()),
        ])
    }
}

/// All sessions, by key and by id.
///
/// Invariants: `by_id` has exactly the sessions in the slots; `open_count` counts those whose
/// phase is open.
pub(crate) struct Sessions {
    slots: Vec<Option<Box<Session>>>,
    by_id: HashMap<SessionId, SessionKey>,
    open_count: usize,
    /// Of the sessions that have a deadline, each of which knows its own.
    deadlines: Deadlines<SessionKey>,
}

impl Sessions {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            slots: Vec::new(),
            by_id: HashMap::with_hasher(hasher(seed)),
            open_count: 0,
            deadlines: Deadlines::new(),
        }
    }

    pub(crate) fn open_count(&self) -> usize {
        self.open_count
    }

    /// Whether every session that has joined and not left is open.
    pub(crate) fn are_all_open(&self) -> bool {
        self.by_id.len() == self.open_count
    }

    /// The sessions that have been told of the shutdown and have not answered, by ascending key.
    pub(crate) fn shutting_down(&self) -> Vec<SessionKey> {
        let sessions = (0..).map(SessionKey).zip(&self.slots);
        let told = sessions.filter(|(_, slot)| {
            slot.as_deref().is_some_and(|session| session.phase == Phase::ShuttingDown)
        });
        told.map(|(key, _)| key).collect()
    }

    /// A random id that no session of the realm has.
    pub(crate) fn unused_id(&self, ids: &mut Ids) -> SessionId {
        loop {
            let id = ids.session();
            if !self.by_id.contains_key(&id) {
                return id;
            }
        }
    }

    pub(crate) fn is_vacant(&self, key: SessionKey) -> bool {
        self.get(key).is_none()
    }

    /// Adds an open session at a vacant key.
    pub(crate) fn insert(&mut self, key: SessionKey, session: Session) {
        self.by_id.insert(session.id, key);
        self.open_count += 1;
        if self.slots.len() <= key.index() {
            self.slots.resize_with(key.index() + 1, || None);
        }
        if let Some(slot) = self.slots.get_mut(key.index()) {
            *slot = Some(Box::new(session));
        }
    }

    /// Forgets the session at a key.
    pub(crate) fn remove(&mut self, key: SessionKey) -> Option<Box<Session>> {
        self.clear_deadline(key);
        let session = self.slots.get_mut(key.index())?.take()?;
        self.by_id.remove(&session.id);
        if session.phase == Phase::Open {
            self.open_count -= 1;
        }
        Some(session)
    }

    /// The session at a key, in any phase.
    pub(crate) fn get(&self, key: SessionKey) -> Option<&Session> {
        self.slots.get(key.index())?.as_deref()
    }

    /// The session at a key, if it is open.
    pub(crate) fn open(&self, key: SessionKey) -> Option<&Session> {
        self.get(key).filter(|session| session.phase == Phase::Open)
    }

    pub(crate) fn open_mut(&mut self, key: SessionKey) -> Option<&mut Session> {
        let session = self.slots.get_mut(key.index())?.as_deref_mut();
        session.filter(|session| session.phase == Phase::Open)
    }

    /// Lets a session wait until a moment, and no longer for what it waited for before.
    pub(crate) fn set_deadline(&mut self, key: SessionKey, at: Timestamp) {
        self.clear_deadline(key);
        if let Some(Some(session)) = self.slots.get_mut(key.index()) {
            session.deadline = Some(self.deadlines.set(at, key));
        }
    }

    /// The session does not wait any more.
    pub(crate) fn clear_deadline(&mut self, key: SessionKey) {
        let Some(Some(session)) = self.slots.get_mut(key.index()) else { return };
        if let Some(deadline) = session.deadline.take() {
            self.deadlines.call_off(deadline);
        }
    }

    /// When a session has waited long enough, if nothing happens before.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.next()
    }

    /// A session that has waited long enough, and is not waiting any more.
    pub(crate) fn expire(&mut self, now: Timestamp) -> Option<SessionKey> {
        let key = self.deadlines.expire(now)?;
        if let Some(Some(session)) = self.slots.get_mut(key.index()) {
            session.deadline = None;
        }
        Some(key)
    }

    /// Takes a session to its next phase, in which it waits for nothing yet and nothing of it
    /// waits.
    pub(crate) fn advance(&mut self, key: SessionKey, phase: Phase) {
        self.clear_deadline(key);
        let Some(Some(session)) = self.slots.get_mut(key.index()) else { return };
        debug_assert!(phase != Phase::Open, "a session is open only once");
        if session.phase == Phase::Open {
            self.open_count -= 1;
        }
        session.phase = phase;
        session.waiting = None;
    }

    /// The place of the open session with an id.
    pub(crate) fn key(&self, id: SessionId) -> Option<SessionKey> {
        self.by_id.get(&id).copied().filter(|key| self.open(*key).is_some())
    }

    /// The open session with an id.
    pub(crate) fn find(&self, id: SessionId) -> Option<&Session> {
        self.key(id).and_then(|key| self.open(key))
    }

    /// The open sessions by ascending key. Cost: O(highest key).
    pub(crate) fn iter_open(&self) -> impl Iterator<Item = (SessionKey, &Session)> {
        let sessions = (0..).map(SessionKey).zip(&self.slots);
        let sessions = sessions.filter_map(|(key, slot)| Some((key, slot.as_deref()?)));
        sessions.filter(|(_, session)| session.phase == Phase::Open)
    }

    /// Proves the invariants. Cost: O(highest key).
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.iter_open().count() != self.open_count {
            return Err(format!("sessions: {} are not what is open", self.open_count));
        }
        self.deadlines.check()?;
        let mut deadline_count = 0;
        for (key, session) in (0..).map(SessionKey).zip(&self.slots) {
            let Some(session) = session else { continue };
            deadline_count += usize::from(session.deadline.is_some());
            let deadline = session.deadline.map(|deadline| self.deadlines.get(deadline));
            if deadline.is_some_and(|of| of != Some(&key)) {
                return Err(format!("sessions: {key:?} has the deadline of another"));
            }
            if session.waiting.is_some() && deadline.is_none() {
                return Err(format!("sessions: {key:?} waits for ever"));
            }
        }
        if deadline_count != self.deadlines.len() {
            return Err("sessions: there are deadlines of sessions that are gone".to_owned());
        }
        let taken = self.slots.iter().flatten().count();
        if taken != self.by_id.len() {
            return Err("sessions: the index by id has others than the slots".to_owned());
        }
        match self.by_id.iter().find(|(id, key)| self.get(**key).is_none_or(|at| at.id != **id)) {
            Some((id, _)) => Err(format!("sessions: {id} is not where its index says")),
            None => Ok(()),
        }
    }
}
