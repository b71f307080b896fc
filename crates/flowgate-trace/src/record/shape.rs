//! Records as dictionaries, there and back.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use flowgate_event::{Correlation, Timestamp};
use flowgate_wire::{MessageType, SessionId, Value};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{
    ActionRecord, MessageRecord, Outcome, RecordedEncryption, RecordedStep, Responder,
    type_from_name, type_name,
};
use crate::Position;
use crate::facts::{Direction, Identity, Object, Undelivered};
use crate::frame::{self, Frame};
use flowgate_event::{SpanId, TraceId};

/// The keys of a message record.
#[derive(Serialize, Deserialize)]
struct MessageShape<'a> {
    seq: u64,
    pc: u64,
    ts: u64,
    direction: Direction,
    msg_type: Cow<'a, str>,
    realm: Cow<'a, str>,
    session_id: Option<u64>,
    authid: Option<Cow<'a, str>>,
    authrole: Option<Cow<'a, str>>,
    correlation: Option<String>,
    uri: Option<Cow<'a, str>>,
    correlation_uri: Option<Cow<'a, str>>,
    correlation_is_anchor: bool,
    correlation_is_last: bool,
    enc_algo: Option<Cow<'a, str>>,
    enc_key: Option<Cow<'a, str>>,
    enc_serializer: Option<Cow<'a, str>>,
    serializations: BTreeMap<Cow<'a, str>, u64>,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    transport: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    serializer: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registration: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subscription: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    publication: Option<u64>,
    #[serde(default, skip_serializing_if = "is_false")]
    progress: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    queue_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    router_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drop_reason: Option<Undelivered>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    truncated: Option<u64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    gap: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    span_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "frame::values")]
    msg: Option<Value<'static>>,
}

/// The keys of an action record.
#[derive(Serialize, Deserialize)]
struct ActionShape<'a> {
    seq: u64,
    pc: u64,
    ts: u64,
    realm: Cow<'a, str>,
    action: Cow<'a, str>,
    correlation_id: String,
    correlation_uri: Option<Cow<'a, str>>,
    originator: Option<u64>,
    authid: Option<Cow<'a, str>>,
    authrole: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<u64>,
    responders: Vec<ResponderShape<'a>>,
    success: bool,
    end_ts: u64,
    duration_ns: u64,
    callee_ns: u64,
    router_ns: u64,
    fanout: u64,
    outcome: Outcome,
    error: Option<Cow<'a, str>>,
    messages: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    gap: u64,
    trace_id: String,
    span_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<String>,
}

/// The keys of a responder.
#[derive(Serialize, Deserialize)]
struct ResponderShape<'a> {
    session_id: Option<u64>,
    authid: Option<Cow<'a, str>>,
    authrole: Option<Cow<'a, str>>,
    enc_algo: Option<Cow<'a, str>>,
    enc_key: Option<Cow<'a, str>>,
    enc_serializer: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subscription: Option<u64>,
    start_ts: u64,
    end_ts: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<Cow<'a, str>>,
}

impl Serialize for MessageRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        MessageShape::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for MessageRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        MessageShape::deserialize(deserializer)?.into_record().map_err(D::Error::custom)
    }
}

impl Serialize for ActionRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ActionShape::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ActionRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ActionShape::deserialize(deserializer)?.into_record().map_err(D::Error::custom)
    }
}

/// A record whose keys are all there, with a value that cannot be.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` has a value that no record has")]
struct Impossible(&'static str);

impl<'a> From<&'a MessageRecord> for MessageShape<'a> {
    fn from(record: &'a MessageRecord) -> Self {
        let who = &*record.who;
        let spans = record.spans();
        let (registration, subscription, publication) = match record.object {
            Some(Object::Registration(registration)) => (Some(registration.get()), None, None),
            Some(Object::Subscription(subscription, publication)) => {
                (None, Some(subscription.get()), publication.map(Into::into))
            }
            Some(Object::Publication(publication)) => (None, None, Some(publication.get())),
            None => (None, None, None),
        };
        let uri = record.uri().map(Cow::Borrowed);
        let position = record.step.as_ref().map(|step| step.position);
        let serializer = who.serializer.map(flowgate_wire::Serializer::subprotocol);
        // As in Crossbar.io: what the router sends has been serialized, what it receives has not.
        let serializations = match (record.direction, who.serializer) {
            (Direction::Tx, Some(serializer)) => {
                BTreeMap::from([(serializer.format.name().into(), record.bytes)])
            }
            (Direction::Tx, None) | (Direction::Rx, _) => BTreeMap::new(),
        };
        let encryption = record.encryption.as_deref();
        Self {
            seq: record.seq,
            pc: record.pc_ns,
            ts: record.at.as_nanos(),
            direction: record.direction,
            msg_type: type_name(record.message).into(),
            realm: Cow::Borrowed(&who.realm),
            session_id: who.session.map(SessionId::get),
            authid: who.authid.as_deref().map(Cow::Borrowed),
            authrole: who.authrole.as_deref().map(Cow::Borrowed),
            correlation: record.correlation().map(|correlation| correlation.to_string()),
            uri: uri.clone(),
            correlation_uri: uri,
            correlation_is_anchor: position.is_some_and(Position::is_anchor),
            correlation_is_last: position.is_some_and(Position::is_last),
            enc_algo: encryption.map(|encryption| Cow::Borrowed(&*encryption.algo)),
            enc_key: encryption.and_then(|encryption| encryption.key.as_deref()).map(Cow::Borrowed),
            enc_serializer: encryption
                .and_then(|encryption| encryption.serializer.as_deref())
                .map(Cow::Borrowed),
            serializations,
            transport: Cow::Borrowed(&who.transport),
            serializer: serializer.map(Cow::Borrowed),
            peer: who.peer.map(|peer| peer.to_string()),
            bytes: record.bytes,
            request: record.request.map(Into::into),
            registration,
            subscription,
            publication,
            progress: record.is_progress,
            queue_ns: record.queue_ns,
            router_ns: record.router_ns,
            error: record.error.as_deref().map(Cow::Borrowed),
            drop_reason: record.undelivered,
            truncated: record.truncated_bytes,
            gap: record.gap,
            trace_id: spans.map(|spans| spans.trace.to_string()),
            span_id: spans.map(|spans| spans.span.to_string()),
            parent_span_id: spans.and_then(|spans| spans.parent).map(|span| span.to_string()),
            msg: record.frame.as_ref().map(Frame::to_value),
        }
    }
}

impl MessageShape<'_> {
    fn into_record(self) -> Result<MessageRecord, Impossible> {
        let encryption = self.enc_algo.map(|algo| RecordedEncryption {
            algo: algo.into(),
            key: self.enc_key.map(Into::into),
            serializer: self.enc_serializer.map(Into::into),
        });
        let object = match (self.registration, self.subscription, self.publication) {
            (Some(registration), _, _) => {
                Some(Object::Registration(id("registration", registration)?))
            }
            (None, Some(subscription), publication) => Some(Object::Subscription(
                id("subscription", subscription)?,
                publication.map(|publication| id("publication", publication)).transpose()?,
            )),
            (None, None, Some(publication)) => {
                Some(Object::Publication(id("publication", publication)?))
            }
            (None, None, None) => None,
        };
        let correlation = parsed::<Correlation>("correlation", self.correlation.as_deref())?;
        let is_anchor = self.correlation_is_anchor;
        let step = correlation.map(|correlation| RecordedStep {
            correlation,
            uri: self.correlation_uri.map(|uri| Arc::from(&*uri)),
            position: Position::new(is_anchor, self.correlation_is_last),
        });
        let serializer = self.serializer.as_deref().map(|name| {
            flowgate_wire::Serializer::from_subprotocol(name).ok_or(Impossible("serializer"))
        });
        let frame = self.msg.map(|msg| Frame::from_value(&msg).ok_or(Impossible("msg")));
        Ok(MessageRecord {
            seq: self.seq,
            at: Timestamp::from_nanos(self.ts),
            pc_ns: self.pc,
            direction: self.direction,
            message: message_type("msg_type", &self.msg_type)?,
            who: Arc::new(Identity {
                realm: self.realm.into(),
                session: session(self.session_id)?,
                authid: self.authid.map(Into::into),
                authrole: self.authrole.map(Into::into),
                transport: self.transport.into(),
                serializer: serializer.transpose()?,
                peer: parsed("peer", self.peer.as_deref())?,
            }),
            step,
            bytes: self.bytes,
            request: self.request.map(|request| id("request", request)).transpose()?,
            object,
            is_progress: self.progress,
            queue_ns: self.queue_ns,
            router_ns: self.router_ns,
            error: self.error.map(|error| Arc::from(&*error)),
            outcome: None,
            undelivered: self.drop_reason,
            frame: frame.transpose()?,
            truncated_bytes: self.truncated,
            gap: self.gap,
            foreign_trace: foreign_trace(correlation, self.trace_id.as_deref())?,
            foreign_parent: match &self.parent_span_id {
                Some(span) if is_anchor => {
                    Some(SpanId::parse(span).ok_or(Impossible("parent_span_id"))?)
                }
                Some(_) | None => None,
            },
            encryption: encryption.map(Arc::new),
        })
    }
}

impl<'a> From<&'a ActionRecord> for ActionShape<'a> {
    fn from(record: &'a ActionRecord) -> Self {
        let spans = record.spans();
        Self {
            seq: record.seq,
            pc: record.pc_ns,
            ts: record.at.as_nanos(),
            realm: Cow::Borrowed(&record.originator.realm),
            action: type_name(record.action).into(),
            correlation_id: record.correlation.to_string(),
            correlation_uri: record.uri.as_deref().map(Cow::Borrowed),
            originator: record.originator.session.map(SessionId::get),
            authid: record.originator.authid.as_deref().map(Cow::Borrowed),
            authrole: record.originator.authrole.as_deref().map(Cow::Borrowed),
            request: record.request.map(Into::into),
            responders: record.responders.iter().map(ResponderShape::from).collect(),
            success: record.outcome == Outcome::Ok,
            end_ts: record.end.as_nanos(),
            duration_ns: record.duration_ns(),
            callee_ns: record.callee_ns,
            router_ns: record.router_ns(),
            fanout: record.fanout,
            outcome: record.outcome,
            error: record.error.as_deref().map(Cow::Borrowed),
            messages: record.message_count,
            gap: record.gap,
            trace_id: spans.trace.to_string(),
            span_id: spans.span.to_string(),
            parent_span_id: spans.parent.map(|span| span.to_string()),
        }
    }
}

impl ActionShape<'_> {
    fn into_record(self) -> Result<ActionRecord, Impossible> {
        let correlation = self.correlation_id.parse().map_err(|_| Impossible("correlation_id"))?;
        let realm = self.realm;
        let responders =
            self.responders.into_iter().map(|responder| responder.into_responder(&realm));
        Ok(ActionRecord {
            seq: self.seq,
            at: Timestamp::from_nanos(self.ts),
            pc_ns: self.pc,
            action: message_type("action", &self.action)?,
            correlation,
            uri: self.correlation_uri.map(|uri| Arc::from(&*uri)),
            request: self.request.map(|request| id("request", request)).transpose()?,
            responders: responders.collect::<Result<_, _>>()?,
            originator: Arc::new(Identity {
                realm: realm.into(),
                session: session(self.originator)?,
                authid: self.authid.map(Into::into),
                authrole: self.authrole.map(Into::into),
                ..Identity::default()
            }),
            fanout: self.fanout,
            end: Timestamp::from_nanos(self.end_ts),
            callee_ns: self.callee_ns,
            outcome: self.outcome,
            error: self.error.map(|error| Arc::from(&*error)),
            message_count: self.messages,
            gap: self.gap,
            foreign_trace: foreign_trace(Some(correlation), Some(&self.trace_id))?,
            foreign_parent: match &self.parent_span_id {
                Some(span) => Some(SpanId::parse(span).ok_or(Impossible("parent_span_id"))?),
                None => None,
            },
        })
    }
}

impl<'a> From<&'a Responder> for ResponderShape<'a> {
    fn from(responder: &'a Responder) -> Self {
        let encryption = responder.encryption.as_deref();
        Self {
            session_id: responder.who.session.map(SessionId::get),
            authid: responder.who.authid.as_deref().map(Cow::Borrowed),
            authrole: responder.who.authrole.as_deref().map(Cow::Borrowed),
            enc_algo: encryption.map(|encryption| Cow::Borrowed(&*encryption.algo)),
            enc_key: encryption.and_then(|encryption| encryption.key.as_deref()).map(Cow::Borrowed),
            enc_serializer: encryption
                .and_then(|encryption| encryption.serializer.as_deref())
                .map(Cow::Borrowed),
            request: responder.request.map(Into::into),
            subscription: responder.subscription.map(Into::into),
            start_ts: responder.start.as_nanos(),
            end_ts: responder.end.map(Timestamp::as_nanos),
            error: responder.error.as_deref().map(Cow::Borrowed),
        }
    }
}

impl ResponderShape<'_> {
    fn into_responder(self, realm: &str) -> Result<Responder, Impossible> {
        Ok(Responder {
            who: Arc::new(Identity {
                realm: realm.into(),
                session: session(self.session_id)?,
                authid: self.authid.map(Into::into),
                authrole: self.authrole.map(Into::into),
                ..Identity::default()
            }),
            request: self.request.map(|request| id("request", request)).transpose()?,
            subscription: self.subscription.map(|number| id("subscription", number)).transpose()?,
            start: Timestamp::from_nanos(self.start_ts),
            end: self.end_ts.map(Timestamp::from_nanos),
            error: self.error.map(|error| Arc::from(&*error)),
            encryption: self.enc_algo.map(|algo| {
                Arc::new(RecordedEncryption {
                    algo: algo.into(),
                    key: self.enc_key.map(Into::into),
                    serializer: self.enc_serializer.map(Into::into),
                })
            }),
        })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_false(truth: &bool) -> bool {
    !*truth
}

fn id<T: TryFrom<u64>>(key: &'static str, number: u64) -> Result<T, Impossible> {
    T::try_from(number).map_err(|_| Impossible(key))
}

fn session(number: Option<u64>) -> Result<Option<SessionId>, Impossible> {
    number.map(|number| id("session_id", number)).transpose()
}

fn parsed<T: std::str::FromStr>(
    key: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, Impossible> {
    text.map(|text| text.parse().map_err(|_| Impossible(key))).transpose()
}

fn message_type(key: &'static str, name: &str) -> Result<MessageType, Impossible> {
    type_from_name(name).ok_or(Impossible(key))
}

/// The trace, unless it is the action's own.
fn foreign_trace(
    correlation: Option<Correlation>,
    text: Option<&str>,
) -> Result<Option<TraceId>, Impossible> {
    let trace = text.map(|text| TraceId::parse(text).ok_or(Impossible("trace_id"))).transpose()?;
    Ok(trace.filter(|&trace| correlation.map(TraceId::from) != Some(trace)))
}
