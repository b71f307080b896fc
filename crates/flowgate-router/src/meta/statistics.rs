//! `wamp.session.on_stats`: who, and what the session's meter reports.
//!
//! Crossbar.io's keys ("Session Statistics"), and in addition both directions apart.

use flowgate_event::{Observer, Report};
use flowgate_wire::{Entry, Template, Value};

use crate::{Traffic, pubsub::Voice, realm::State, session::Session, turn::Turn};

/// What differs from event to event, in the order of the template's gaps.
type Differing<'a> = [Value<'a>; 19];

/// What an event of statistics takes: there may be one for every message, so it is made of what
/// is there already.
pub(super) struct StatsVoice<'s> {
    pub(super) voice: Voice<'s>,
    realm: &'s str,
    template: &'s Template,
}

impl State {
    pub(super) fn stats_voice(&mut self) -> StatsVoice<'_> {
        let Self { config, ids, sessions, broker, correlations, stats_template, .. } = self;
        let voice = Voice { ids, sessions, broker, correlations };
        StatsVoice { voice, realm: &config.name, template: stats_template }
    }
}

impl StatsVoice<'_> {
    pub(super) fn publish<O: Observer>(
        self,
        turn: &mut Turn<'_, O>,
        topic: &'static str,
        session: &Session,
        report: &Report,
    ) {
        let differing = differing(self.realm, session, report);
        let payload = self.template.fill(&differing);
        self.voice.publish(turn, topic, payload, None, Traffic::Statistics);
    }
}

/// What is the same in all events.
pub(crate) fn stats_template() -> Template {
    let account = || Value::Dict(gaps(["bytes", "messages", "rated_messages"]).collect());
    let window = gaps([
        "bytes",
        "cycle",
        "duration",
        "first",
        "last",
        "messages",
        "rated_messages",
        "serializer",
        "timestamp",
    ]);
    let directions = [("received".into(), account()), ("sent".into(), account())];
    Template::new(vec![
        Value::Dict(gaps(["authid", "authrole", "realm", "session"]).collect()),
        Value::Dict(window.chain(directions).collect()),
    ])
}

fn gaps<const N: usize>(keys: [&'static str; N]) -> impl Iterator<Item = Entry<'static>> {
    keys.into_iter().map(|key| (key.into(), Value::Null))
}

/// What one event says of a session and a window.
fn differing<'a>(realm: &'a str, session: &'a Session, report: &Report) -> Differing<'a> {
    let total = report.total();
    let duration_ns = u64::try_from(report.duration.as_nanos()).unwrap_or(u64::MAX);
    [
        Value::from(session.authid.as_str()),
        Value::from(session.authrole.as_str()),
        Value::from(realm),
        Value::from(session.id.get()),
        Value::from(total.bytes),
        Value::from(report.cycle),
        Value::from(duration_ns),
        Value::from(report.first),
        Value::from(report.last),
        Value::from(total.messages),
        Value::from(total.rated_messages),
        Value::from(session.serializer),
        Value::from(report.start.as_nanos()),
        Value::from(report.received.bytes),
        Value::from(report.received.messages),
        Value::from(report.received.rated_messages),
        Value::from(report.sent.bytes),
        Value::from(report.sent.messages),
        Value::from(report.sent.rated_messages),
    ]
}
