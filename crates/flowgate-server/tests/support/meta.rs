//! A session that listens to the session meta events.

use std::collections::VecDeque;

use flowgate_client::{Event, Session, Subscription};
use flowgate_wire::{Dict, Value};

use super::{
    client::{Account, Client},
    router::{Link, REALM, Router},
};

/// A `wamp.session.on_stats` event.
#[derive(Debug, Clone)]
pub(crate) struct Stats {
    pub(crate) session: u64,
    pub(crate) realm: String,
    pub(crate) authid: String,
    pub(crate) authrole: String,
    pub(crate) serializer: String,
    pub(crate) cycle: u64,
    pub(crate) timestamp: u64,
    pub(crate) duration: u64,
    pub(crate) first: bool,
    pub(crate) last: bool,
    pub(crate) received: Account,
    pub(crate) sent: Account,
    /// The keys of the seed: both directions together.
    pub(crate) total: Account,
}

/// A session meta event.
#[derive(Debug, Clone)]
pub(crate) enum Meta {
    Join { session: u64, authid: String },
    Leave { session: u64, authid: String, authrole: String },
    Stats(Box<Stats>),
}

impl Meta {
    pub(crate) const fn session(&self) -> u64 {
        match self {
            Self::Join { session, .. } | Self::Leave { session, .. } => *session,
            Self::Stats(stats) => stats.session,
        }
    }
}

/// A session that sees the session meta events of its realm, in order.
pub(crate) struct Monitor {
    pub(crate) session: Session,
    events: Subscription,
    seen: VecDeque<Meta>,
}

impl Monitor {
    pub(crate) async fn join(router: &Router, link: Link) -> Self {
        let session = router.join(link).await;
        let prefix = Dict::from(Value::dict([("match", Value::from("prefix"))]));
        let events = session.subscribe("wamp.session.on_", prefix).await.unwrap();
        Self { session, events, seen: VecDeque::new() }
    }

    /// The next event of another session.
    pub(crate) async fn next(&mut self) -> Meta {
        loop {
            let meta = parse(&self.events.next().await.expect("the monitor's session ended"));
            assert_eq!(self.events.missed_count(), 0);
            if meta.session() != self.session.id().get() {
                return meta;
            }
        }
    }

    /// Whether the session ends without another event.
    pub(crate) async fn events_end(&mut self) -> bool {
        self.events.next().await.is_none()
    }

    /// The next event of a session; those of others are kept.
    pub(crate) async fn next_of(&mut self, session: u64) -> Meta {
        if let Some(at) = self.seen.iter().position(|meta| meta.session() == session) {
            return self.seen.remove(at).unwrap();
        }
        loop {
            let meta = self.next().await;
            if meta.session() == session {
                return meta;
            }
            self.seen.push_back(meta);
        }
    }

    /// The next `on_stats` of a session.
    pub(crate) async fn stats_of(&mut self, session: u64) -> Stats {
        loop {
            match self.next_of(session).await {
                Meta::Stats(stats) => return *stats,
                Meta::Join { .. } => {}
                leave @ Meta::Leave { .. } => panic!("{leave:?}"),
            }
        }
    }

    /// All events of a session up to `on_leave`, checked for order and for who the session is.
    pub(crate) async fn life_of(&mut self, session: u64) -> Vec<Stats> {
        let Meta::Join { authid: joined, .. } = self.next_of(session).await else {
            panic!("something comes before on_join");
        };
        let mut windows = Vec::new();
        loop {
            match self.next_of(session).await {
                Meta::Join { .. } => panic!("joined twice"),
                Meta::Leave { authid, authrole, .. } => {
                    assert_eq!(authid, joined);
                    assert_eq!(authrole, "anonymous");
                    return windows;
                }
                Meta::Stats(stats) => {
                    assert_eq!(stats.realm, REALM);
                    assert_eq!(stats.authid, joined);
                    assert_eq!(stats.authrole, "anonymous");
                    windows.push(*stats);
                }
            }
        }
    }
}

fn parse(event: &Event) -> Meta {
    let topic = event.detail("topic").and_then(Value::as_str).unwrap();
    let args = &event.arguments.args;
    match topic {
        "wamp.session.on_join" => {
            Meta::Join { session: number(&args[0], "session"), authid: text(&args[0], "authid") }
        }
        "wamp.session.on_leave" => Meta::Leave {
            session: args[0].as_u64().unwrap(),
            authid: args[1].as_str().unwrap().to_owned(),
            authrole: args[2].as_str().unwrap().to_owned(),
        },
        "wamp.session.on_stats" => Meta::Stats(Box::new(parse_stats(&args[0], &args[1]))),
        other => panic!("unexpected {other}"),
    }
}

fn parse_stats(session: &Value<'_>, stats: &Value<'_>) -> Stats {
    let flag = |key| stats.get(key).and_then(Value::as_bool).unwrap();
    Stats {
        session: number(session, "session"),
        realm: text(session, "realm"),
        authid: text(session, "authid"),
        authrole: text(session, "authrole"),
        serializer: text(stats, "serializer"),
        cycle: number(stats, "cycle"),
        timestamp: number(stats, "timestamp"),
        duration: number(stats, "duration"),
        first: flag("first"),
        last: flag("last"),
        received: account(stats.get("received").unwrap()),
        sent: account(stats.get("sent").unwrap()),
        total: account(stats),
    }
}

fn account(value: &Value<'_>) -> Account {
    Account {
        messages: number(value, "messages"),
        bytes: number(value, "bytes"),
        rated_messages: number(value, "rated_messages"),
    }
}

fn number(value: &Value<'_>, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or_else(|| panic!("no {key} in {value:?}"))
}

fn text(value: &Value<'_>, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap().to_owned()
}

/// Checks what holds for the windows of every session, and gives their sums: received, sent.
pub(crate) fn check_windows(windows: &[Stats]) -> (Account, Account) {
    let (mut received, mut sent) = (Account::default(), Account::default());
    let mut end = None;
    for (index, window) in windows.iter().enumerate() {
        assert_eq!(window.cycle, index as u64 + 1);
        assert_eq!(window.first, index == 0, "{window:?}");
        assert_eq!(window.last, index + 1 == windows.len(), "{window:?}");
        assert!(end.is_none_or(|end| end == window.timestamp), "not contiguous: {windows:?}");
        end = Some(window.timestamp + window.duration);
        let mut total = window.received;
        total += window.sent;
        assert_eq!(window.total, total);
        received += window.received;
        sent += window.sent;
    }
    (received, sent)
}

/// Checks that the windows of a session that has left say exactly what its client has counted.
pub(crate) fn check_account(windows: &[Stats], client: &Client) {
    assert!(!windows.is_empty());
    let (received, sent) = check_windows(windows);
    assert_eq!(received, client.sent, "{windows:#?}");
    assert_eq!(sent, client.received, "{windows:#?}");
}
