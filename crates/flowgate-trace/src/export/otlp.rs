//! Spans in the OpenTelemetry protocol.
//!
//! Source: `opentelemetry-proto`, `trace/v1/trace.proto` and
//! `collector/trace/v1/trace_service.proto`; the specification's "OTLP/HTTP".

mod exporter;

use prost::Message;

pub use exporter::{OtlpAnswer, OtlpCounts, OtlpExporter, OtlpLimits};

use super::span::{AttributeValue, Span, SpanKind, SpanStatus};

/// The content type of requests and answers.
pub const OTLP_CONTENT_TYPE: &str = "application/x-protobuf";

/// Spans as the body of an `ExportTraceServiceRequest`, for a POST to a collector's `/v1/traces`.
///
/// `resource` describes the router: `service.name`, `service.instance.id` and so on.
#[must_use]
pub fn otlp(resource: &[(String, String)], spans: &[Span]) -> Vec<u8> {
    let attributes = resource.iter().map(|(key, value)| KeyValue::text(key, value)).collect();
    let scope = Scope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let spans = spans.iter().map(SpanMessage::from).collect();
    let resource_spans = ResourceSpans {
        resource: Some(Resource { attributes }),
        scope_spans: vec![ScopeSpans { scope: Some(scope), spans }],
    };
    ExportRequest { resource_spans: vec![resource_spans] }.encode_to_vec()
}

/// How many spans a collector has not taken, from the body of its answer; none if it says nothing
/// that can be understood, as the protocol asks for.
fn rejected_count(answer: &[u8]) -> u64 {
    let answer = ExportResponse::decode(answer).unwrap_or_default();
    let rejected = answer.partial_success.map_or(0, |partial| partial.rejected_spans);
    u64::try_from(rejected).unwrap_or(0)
}

#[derive(Message)]
struct ExportRequest {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Message)]
struct ScopeSpans {
    #[prost(message, optional, tag = "1")]
    scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    spans: Vec<SpanMessage>,
}

#[derive(Message)]
struct Scope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Message)]
struct SpanMessage {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(message, repeated, tag = "13")]
    links: Vec<LinkMessage>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
}

#[derive(Message)]
struct LinkMessage {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
}

#[derive(Message)]
struct Status {
    #[prost(string, tag = "2")]
    message: String,
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Message)]
struct AnyValue {
    #[prost(oneof = "AnyValueKind", tags = "1, 3")]
    kind: Option<AnyValueKind>,
}

#[derive(prost::Oneof)]
enum AnyValueKind {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(int64, tag = "3")]
    Integer(i64),
}

#[derive(Message)]
struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_spans: i64,
}

impl KeyValue {
    fn new(key: &str, kind: AnyValueKind) -> Self {
        Self { key: key.to_owned(), value: Some(AnyValue { kind: Some(kind) }) }
    }

    fn text(key: &str, value: &str) -> Self {
        Self::new(key, AnyValueKind::Text(value.to_owned()))
    }
}

impl From<&Span> for SpanMessage {
    fn from(span: &Span) -> Self {
        let attributes = span.attributes.iter().map(|(key, value)| match value {
            AttributeValue::Text(text) => KeyValue::text(key, text),
            AttributeValue::Integer(number) => KeyValue::new(
                key,
                AnyValueKind::Integer(i64::try_from(*number).unwrap_or(i64::MAX)),
            ),
        });
        let links = span.links.iter().map(|link| LinkMessage {
            trace_id: link.trace.get().to_be_bytes().to_vec(),
            span_id: link.span.get().to_be_bytes().to_vec(),
        });
        Self {
            trace_id: span.trace.get().to_be_bytes().to_vec(),
            span_id: span.id.get().to_be_bytes().to_vec(),
            parent_span_id: span.parent.map_or_else(Vec::new, |id| id.get().to_be_bytes().to_vec()),
            name: span.name.clone(),
            kind: kind(span.kind),
            start_time_unix_nano: span.start.as_nanos(),
            end_time_unix_nano: span.end.as_nanos(),
            attributes: attributes.collect(),
            links: links.collect(),
            status: status(&span.status),
        }
    }
}

const fn kind(kind: SpanKind) -> i32 {
    match kind {
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

/// Only errors are said: "OK" is for applications to say, not for what observes them ("Set Status").
fn status(status: &SpanStatus) -> Option<Status> {
    match status {
        SpanStatus::Error(why) => Some(Status { message: why.clone(), code: 2 }),
        SpanStatus::Ok | SpanStatus::Unset => None,
    }
}

#[cfg(test)]
mod tests;
