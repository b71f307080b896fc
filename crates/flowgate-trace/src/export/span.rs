//! Actions as spans, for exporters of distributed traces.
//!
//! Source: `OpenTelemetry` semantic conventions, "RPC" and "Messaging".

use flowgate_event::Timestamp;
use flowgate_wire::{MessageType, SessionId};

use super::actions;
use crate::record::{ActionRecord, Outcome, Record, Responder, type_name};
use flowgate_event::{SpanId, TraceId};

/// A span, in terms that every exporter knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The distributed trace.
    pub trace: TraceId,
    /// The span.
    pub id: SpanId,
    /// The span around it.
    pub parent: Option<SpanId>,
    /// Its name: the kind of the action and its URI.
    pub name: String,
    /// Its role.
    pub kind: SpanKind,
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// What else is known, under the keys of the semantic conventions or `wamp.`.
    pub attributes: Vec<(&'static str, AttributeValue)>,
    /// Whether it ended well.
    pub status: SpanStatus,
    /// Spans that it came of.
    pub links: Vec<Link>,
}

/// The role of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// The router serves a request: the action of any request but PUBLISH.
    Server,
    /// The router asks a callee: an invocation.
    Client,
    /// A publication.
    Producer,
    /// An event to one subscriber.
    Consumer,
}

/// A value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeValue {
    /// Text.
    Text(String),
    /// An integer.
    Integer(u64),
}

/// Whether a span ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpanStatus {
    /// It did.
    Ok,
    /// It did not; why.
    Error(String),
    /// It is not known.
    Unset,
}

/// A span that another one came of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Its trace.
    pub trace: TraceId,
    /// Its identifier.
    pub span: SpanId,
}

/// The spans of the actions among the records, and of those that their messages make up.
///
/// A call is a span with each invocation as a span within; a publication is a span with each event
/// within and linked to it.
#[must_use]
pub fn spans(records: &[Record]) -> Vec<Span> {
    let mut spans = Vec::new();
    for action in actions(records) {
        spans.push(span(&action));
        spans.extend(action.responders.iter().map(|responder| delivery(&action, responder)));
    }
    spans
}

fn span(action: &ActionRecord) -> Span {
    let ids = action.spans();
    let is_publication = action.action == MessageType::Publish;
    let mut attributes = common(action);
    attributes.push(("wamp.outcome", text(action.outcome.name())));
    attributes.push(("wamp.fanout", AttributeValue::Integer(action.fanout)));
    attributes.push(("wamp.callee_ns", AttributeValue::Integer(action.callee_ns)));
    attributes.push(("wamp.router_ns", AttributeValue::Integer(action.router_ns())));
    who(&mut attributes, action.originator.session, action.originator.authid.as_deref());
    if let Some(error) = &action.error {
        attributes.push(("error.type", text(error)));
    }
    Span {
        trace: ids.trace,
        id: ids.span,
        parent: ids.parent,
        name: name(type_name(action.action), action),
        kind: if is_publication { SpanKind::Producer } else { SpanKind::Server },
        start: action.at,
        end: action.end,
        attributes,
        status: match (action.outcome, &action.error) {
            (Outcome::Ok, _) => SpanStatus::Ok,
            (outcome, _) if !outcome.is_final() => SpanStatus::Unset,
            (_, Some(error)) => SpanStatus::Error(error.to_string()),
            (outcome, None) => SpanStatus::Error(outcome.name().to_owned()),
        },
        links: Vec::new(),
    }
}

fn delivery(action: &ActionRecord, responder: &Responder) -> Span {
    let ids = action.spans();
    let is_event = action.action == MessageType::Publish;
    let mut attributes = common(action);
    who(&mut attributes, responder.who.session, responder.who.authid.as_deref());
    if let Some(error) = &responder.error {
        attributes.push(("error.type", text(error)));
    }
    Span {
        trace: ids.trace,
        id: responder.span(action.correlation),
        parent: Some(ids.span),
        name: name(if is_event { "Event" } else { "Invocation" }, action),
        kind: if is_event { SpanKind::Consumer } else { SpanKind::Client },
        start: responder.start,
        end: responder.end.unwrap_or(action.end),
        attributes,
        status: match (&responder.error, responder.end) {
            (Some(error), _) => SpanStatus::Error(error.to_string()),
            (None, Some(_)) => SpanStatus::Ok,
            (None, None) => SpanStatus::Unset,
        },
        links: is_event.then_some(Link { trace: ids.trace, span: ids.span }).into_iter().collect(),
    }
}

fn common(action: &ActionRecord) -> Vec<(&'static str, AttributeValue)> {
    let (system, destination) = if action.action == MessageType::Publish {
        ("messaging.system", "messaging.destination.name")
    } else {
        ("rpc.system", "rpc.method")
    };
    let mut attributes =
        vec![(system, text("wamp")), ("wamp.realm", text(&action.originator.realm))];
    if let Some(uri) = &action.uri {
        attributes.push((destination, text(uri)));
    }
    attributes.push(("wamp.correlation", AttributeValue::Text(action.correlation.to_string())));
    attributes
}

fn who(
    attributes: &mut Vec<(&'static str, AttributeValue)>,
    session: Option<SessionId>,
    authid: Option<&str>,
) {
    attributes.extend(session.map(|id| ("wamp.session", AttributeValue::Integer(id.get()))));
    attributes.extend(authid.map(|authid| ("wamp.authid", text(authid))));
}

fn name(kind: &str, action: &ActionRecord) -> String {
    action.uri.as_deref().map_or_else(|| kind.to_owned(), |uri| format!("{kind} {uri}"))
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::Text(text.to_owned())
}
