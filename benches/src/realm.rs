//! A realm without sockets.

use flowgate_event::Timestamp;
use flowgate_router::{
    Action, CallSettings, ClientFeatures, Disclose, EventsConfig, Input, Join, MetaApi, Outbox,
    Permissions, Realm, RealmConfig, RequestIds, Role, SessionKey,
};
use flowgate_wire::{
    Dict, Format, Limits, MatchPolicy, Message, Register, Subscribe, Uri, UriCheck, Value,
};

use crate::messages::request;

/// A realm whose sessions receive frames in memory.
pub struct Bench {
    realm: Realm,
    out: Frames,
}

/// Encodes a message once for each format of its receivers; instead of queueing the frame it adds
/// its length to the receiver's.
struct Frames {
    formats: Vec<Format>,
    queued_bytes: Vec<usize>,
    octets: Vec<u8>,
    refused: bool,
}

impl Outbox for Frames {
    fn push(&mut self, action: Action<'_>) {
        match action {
            Action::Send { to, message } => self.deliver(&[to], message),
            Action::FanOut { to, message, .. } => self.deliver(to, message),
            Action::Close { session, how } => unreachable!("{session:?} is closed: {how:?}"),
            Action::Ask { ask, .. } => unreachable!("no gate asks, as {ask:?} does"),
            Action::Serve { call, .. } => unreachable!("nothing is served, as {call:?} is"),
        }
    }
}

impl Frames {
    fn deliver(&mut self, to: &[SessionKey], message: &Message<'_>) {
        self.refused |= matches!(message, Message::Error(_));
        let mut lengths = [None; Format::ALL.len()];
        for session in to {
            let index = session.0 as usize;
            let (Some(format), Some(queued_bytes)) =
                (self.formats.get(index), self.queued_bytes.get_mut(index))
            else {
                continue;
            };
            let Some(length) = lengths.get_mut(*format as usize) else { continue };
            *queued_bytes += *length.get_or_insert_with(|| {
                self.octets.clear();
                message.encode(*format, &mut self.octets);
                self.octets.len()
            });
        }
    }
}

impl Bench {
    /// A realm with a session for each format, numbered from 0.
    #[must_use]
    pub fn new(formats: Vec<Format>) -> Self {
        let gate = Permissions::allow_all(Disclose::default());
        let config = RealmConfig {
            name: "realm1".to_owned(),
            uri_check: UriCheck::Loose,
            meta_api: MetaApi::Enabled,
            served: Vec::new(),
            request_ids: RequestIds::Tolerant,
            calls: CallSettings::default(),
            roles: vec![Role { name: "user".to_owned(), gate: Box::new(gate), trustlevel: None }],
            agent: "bench".to_owned(),
            events: EventsConfig::default(),
        };
        let queued_bytes = vec![0; formats.len()];
        let sessions = (0..).map(SessionKey).take(formats.len());
        let out =
            Frames { formats, queued_bytes, octets: Vec::with_capacity(1 << 17), refused: false };
        let mut bench = Self { realm: Realm::new(config, 1, ()), out };
        for session in sessions {
            bench.handle(Input::Join(Join {
                session,
                authid: None,
                authrole: "user".to_owned(),
                authmethod: "anonymous",
                authprovider: "static",
                features: ClientFeatures::default(),
                serializer: "any",
                transport: Value::Null,
            }));
        }
        bench
    }

    fn handle(&mut self, input: Input<'_>) {
        self.realm.handle(Timestamp::EPOCH, input, &mut self.out);
    }

    /// Decodes a frame and handles its message.
    ///
    /// # Panics
    /// The frame is no message.
    pub fn receive(&mut self, session: SessionKey, format: Format, frame: &[u8]) {
        let message = Message::decode(format, frame, &Limits::default()).expect("encoded here");
        self.handle(Input::Message { session, message: &message });
    }

    /// The octets that a session has been sent so far.
    #[must_use]
    pub fn queued_bytes(&self, session: SessionKey) -> usize {
        self.out.queued_bytes.get(session.0 as usize).copied().unwrap_or_default()
    }

    /// Subscribes a session to a pattern.
    ///
    /// # Panics
    /// The realm refuses.
    pub fn subscribe(&mut self, session: SessionKey, policy: MatchPolicy, topic: &str) {
        let (options, topic) = (options(policy), Uri::from(topic));
        self.admit(session, Subscribe { request: request(1), options, topic });
    }

    /// Registers a session for a pattern.
    ///
    /// # Panics
    /// The realm refuses.
    pub fn register(&mut self, session: SessionKey, policy: MatchPolicy, procedure: &str) {
        let (options, procedure) = (options(policy), Uri::from(procedure));
        self.admit(session, Register { request: request(1), options, procedure });
    }

    fn admit<'a>(&mut self, session: SessionKey, message: impl Into<Message<'a>>) {
        self.out.refused = false;
        self.handle(Input::Message { session, message: &message.into() });
        assert!(!self.out.refused, "the realm refuses");
    }
}

fn options(policy: MatchPolicy) -> Dict<'static> {
    let name = match policy {
        MatchPolicy::Exact => return Dict::EMPTY,
        MatchPolicy::Prefix => "prefix",
        MatchPolicy::Wildcard => "wildcard",
    };
    Dict::from_vec(vec![("match".into(), Value::from(name))])
}
