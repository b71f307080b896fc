//! The JSON of Chrome's tracing, which Perfetto reads.
//!
//! Source: "Trace Event Format" of the Catapult project, sections "Async Events" and
//! "Metadata Events".

use std::collections::BTreeMap;
use std::time::Duration;

use flowgate_event::Timestamp;
use flowgate_wire::SessionId;
use serde_json::{Value as Json, json};

use super::actions;
use crate::facts::Identity;
use crate::record::{ActionRecord, Record, type_name};

/// The records as a JSON object with `traceEvents`.
///
/// Realms are processes and sessions are threads.
/// An action is a pair of asynchronous events with its correlation as the identifier, each
/// delivery of it to a callee or subscriber a pair of its own, and each message an instant.
/// Moments are microseconds since the earliest, which `otherData.origin_ts` gives in nanoseconds.
#[must_use]
pub fn perfetto(records: &[Record]) -> String {
    let actions = actions(records);
    let moments = records.iter().map(Record::at).chain(actions.iter().map(|action| action.at));
    let mut document =
        Document { origin: moments.min().unwrap_or_default(), ..Document::default() };
    for action in &actions {
        document.action(action);
    }
    for record in records {
        if let Record::Message(message) = record {
            let mut args = serde_json::to_value(record).unwrap_or_default();
            if let Some(args) = args.as_object_mut() {
                args.remove("msg");
            }
            let name = format!("{} {}", message.direction.name(), type_name(message.message));
            let mut event = document.event("i", &name, "message", message.at, &message.who);
            event.insert("s".into(), "t".into());
            event.insert("args".into(), args);
            document.events.push(event.into());
        }
    }
    document.finish()
}

#[derive(Default)]
struct Document {
    origin: Timestamp,
    events: Vec<Json>,
    /// Realms, and sessions with who they are, by their numbers in the document.
    realms: BTreeMap<String, u64>,
    sessions: BTreeMap<(u64, Option<SessionId>), (u64, String)>,
}

impl Document {
    fn action(&mut self, action: &ActionRecord) {
        let id = action.correlation.to_string();
        let uri = action.uri.as_deref().unwrap_or_default();
        let name = format!("{} {uri}", type_name(action.action));
        let args = json!({
            "outcome": action.outcome.name(),
            "error": action.error.as_deref(),
            "callee_ns": action.callee_ns,
            "router_ns": action.router_ns(),
            "fanout": action.fanout,
            "correlation": id,
        });
        self.pair(&name, "action", &id, (action.at, action.end), &action.originator, &args);
        for (index, responder) in action.responders.iter().enumerate() {
            let moments = (responder.start, responder.end.unwrap_or(action.end));
            let args = json!({ "correlation": id, "error": responder.error.as_deref() });
            self.pair(uri, "delivery", &format!("{id}/{index}"), moments, &responder.who, &args);
        }
    }

    fn pair(
        &mut self,
        name: &str,
        category: &str,
        id: &str,
        (begin, end): (Timestamp, Timestamp),
        who: &Identity,
        args: &Json,
    ) {
        for (phase, moment) in [("b", begin), ("e", end.max(begin))] {
            let mut event = self.event(phase, name, category, moment, who);
            event.insert("id".into(), id.into());
            event.insert("args".into(), args.clone());
            self.events.push(event.into());
        }
    }

    fn event(
        &mut self,
        phase: &str,
        name: &str,
        category: &str,
        moment: Timestamp,
        who: &Identity,
    ) -> serde_json::Map<String, Json> {
        let next = self.realms.len() as u64 + 1;
        let pid = *self.realms.entry(who.realm.to_string()).or_insert(next);
        let next = self.sessions.len() as u64 + 1;
        let (tid, _) = self.sessions.entry((pid, who.session)).or_insert_with(|| {
            let session = who.session.map_or_else(|| "no session".to_owned(), |id| id.to_string());
            (
                next,
                format!("{} {session}", who.authid.as_deref().unwrap_or_default())
                    .trim()
                    .to_owned(),
            )
        });
        let mut event = serde_json::Map::new();
        event.insert("ph".into(), phase.into());
        event.insert("name".into(), name.trim().into());
        event.insert("cat".into(), category.into());
        event.insert("pid".into(), pid.into());
        event.insert("tid".into(), (*tid).into());
        event.insert("ts".into(), microseconds(moment.since(self.origin)).into());
        event
    }

    fn finish(self) -> String {
        let process = |(realm, pid): (&String, &u64)| json!({ "ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": { "name": realm } });
        let thread = |((pid, _), (tid, name)): (&(u64, Option<SessionId>), &(u64, String))| json!({ "ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": { "name": name } });
        let mut events: Vec<_> = self.realms.iter().map(process).collect();
        events.extend(self.sessions.iter().map(thread));
        events.extend(self.events);
        json!({
            "traceEvents": events,
            "displayTimeUnit": "ns",
            "otherData": { "origin_ts": self.origin.as_nanos() },
        })
        .to_string()
    }
}

/// Microseconds with a fraction: exact to the nanosecond for 104 days.
#[expect(clippy::cast_precision_loss, reason = "2^53 ns are 104 days, and more is rounded to 2 ns")]
fn microseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e3
}
