//! Messages to be traced.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flowgate_event::{Correlation, Timestamp};
use flowgate_trace::{
    Direction, Facts, Identity, Node, Position, Recorder, Registry, Step, Switch, TraceOptions,
};
use flowgate_wire::{Format, MessageType, RequestId, Serializer, SessionId, Value};

/// Messages per iteration, so that the timer's resolution does not matter.
pub const MESSAGE_COUNT: u64 = 1024;

/// When all of it happens, about.
pub const NOW: Timestamp = Timestamp::from_nanos(1_574_688_364_518_998_111);

/// The four messages of a call, again and again, with so many URIs and sessions.
#[derive(Debug)]
pub struct Traffic {
    sessions: Vec<Arc<Identity>>,
    uris: Vec<String>,
    frame: Bytes,
}

impl Default for Traffic {
    fn default() -> Self {
        Self::new()
    }
}

impl Traffic {
    /// Sessions, URIs and a frame.
    #[must_use]
    pub fn new() -> Self {
        let session = |number| {
            Arc::new(Identity {
                realm: "realm1".into(),
                session: SessionId::new(number).ok(),
                authid: Some("E4MW-VYUX-KY3S-Y6US-J5X5-KAUQ".into()),
                authrole: Some("anonymous".into()),
                transport: "websocket".into(),
                serializer: Some(Serializer::single(Format::Json)),
                peer: None,
            })
        };
        Self {
            sessions: (1..=64).map(session).collect(),
            uris: (0..64).map(|number| format!("com.example.procedure{number}")).collect(),
            frame: Bytes::from(br#"[48,1,{},"com.example.procedure",[1,2,3]]"#.to_vec()),
        }
    }

    /// The facts about message `number`.
    #[must_use]
    pub fn facts(&self, number: u64) -> Option<Facts<'_>> {
        let (call, part) = (number / 4, number % 4);
        let index = usize::try_from(call % 64).unwrap_or(0);
        let (message, direction, position) = match part {
            0 => (MessageType::Call, Direction::Rx, Position::Anchor),
            1 => (MessageType::Invocation, Direction::Tx, Position::Inner),
            2 => (MessageType::Yield, Direction::Rx, Position::Inner),
            _ => (MessageType::Result, Direction::Tx, Position::Last),
        };
        let at = NOW.after(Duration::from_nanos(number * 1000));
        let mut facts = Facts::new(at, direction, message, self.sessions.get(index)?);
        let correlation = Correlation::new(u128::from(call) + 1)?;
        let uri = self.uris.get(index).map(|uri| &**uri);
        facts.step = Some(Step { correlation, uri, position, context: None });
        facts.bytes = self.frame.len();
        facts.request = RequestId::new(call + 1).ok();
        facts.frame = Some((Format::Json, &self.frame));
        Some(facts)
    }
}

fn options(entries: &[(&'static str, Value<'static>)]) -> TraceOptions {
    TraceOptions::from_value(&Value::dict(entries.to_vec())).unwrap_or_default()
}

/// A registry with a running trace, or none.
#[must_use]
pub fn registry(options: Option<TraceOptions>) -> (Registry, Arc<Switch>) {
    let switch = Arc::new(Switch::new());
    let node = Node { node_id: String::new(), worker_id: String::new(), origin: NOW, seed: 1 };
    let mut registry = Registry::new(Arc::clone(&switch), node, None);
    if let Some(id) = options.and_then(|options| registry.create(None, options).ok()) {
        let _ = registry.start(&id, NOW);
    }
    (registry, switch)
}

/// What traces can want, and nothing.
#[must_use]
pub fn levels() -> [(&'static str, Option<TraceOptions>); 4] {
    let rate = ("max_rate", Value::from(1_000_000_u64));
    [
        ("off", None),
        ("action", Some(options(&[("trace_level", "action".into()), rate.clone()]))),
        ("message", Some(options(std::slice::from_ref(&rate)))),
        ("payload", Some(options(&[("trace_app_payload", true.into()), rate]))),
    ]
}

/// Records [`MESSAGE_COUNT`] messages as a worker does.
pub fn fill(traffic: &Traffic, recorder: &mut Recorder) {
    for number in 0..MESSAGE_COUNT {
        if recorder.is_on()
            && let Some(facts) = black_box(traffic).facts(number)
        {
            black_box(recorder.record(&facts));
        }
    }
}
