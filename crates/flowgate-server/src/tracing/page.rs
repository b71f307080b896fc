//! What the administration interface answers about traces.

use flowgate_event::Correlation;
use flowgate_trace::{Record, RegistryError, Status, Style, cbor, line, ndjson, waterfall};
use flowgate_wire::Value;
use http_body_util::{BodyExt as _, Limited};
use hyper::{
    Method, Request, StatusCode,
    body::{Body, Bytes},
    header::{self, HeaderValue},
};
use serde::{Deserialize, Serialize};

use super::{
    Rights, TraceError, Tracing,
    query::{self, AskError, RecordsFormat},
};
use crate::http::{Answer, Peer, compress, refuse_foreign, refuse_others, text};

/// The longest description of a trace to be started.
const MAX_START_BYTES: usize = 64 * 1024;

/// The number from which on to ask for more.
const NEXT_SEQ_HEADER: &str = "x-flowgate-next-seq";

/// Whether more is there already: `true` or `false`.
const MORE_HEADER: &str = "x-flowgate-more";

/// Whether the trace is `running` or `stopped`.
const STATUS_HEADER: &str = "x-flowgate-trace-status";

/// The trace that the records of an action are from.
const TRACE_HEADER: &str = "x-flowgate-trace";

/// A path of these pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TracePath {
    /// `/api/traces`: all of them.
    All,
    /// `/api/traces/{id}`: one.
    One(String),
    /// `/api/traces/{id}/stop`: where it is stopped.
    Stop(String),
    /// `/api/traces/{id}/records`: its records.
    Records(String),
    /// `/api/actions/{correlation}`: the records of an action.
    Action(String),
}

/// What a trace is started with.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    #[serde(default)]
    trace_id: Option<String>,
    #[serde(default)]
    trace_options: Option<Value<'static>>,
}

impl TracePath {
    /// The page of a path; `None` if it belongs to somebody else.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let mut parts = path.strip_prefix("/api/")?.split('/');
        match (parts.next()?, parts.next(), parts.next(), parts.next()) {
            ("traces", None, None, None) => Some(Self::All),
            ("traces", Some(id), None, None) => Some(Self::One(id.to_owned())),
            ("traces", Some(id), Some("stop"), None) => Some(Self::Stop(id.to_owned())),
            ("traces", Some(id), Some("records"), None) => Some(Self::Records(id.to_owned())),
            ("actions", Some(correlation), None, None) => {
                Some(Self::Action(correlation.to_owned()))
            }
            _ => None,
        }
    }

    /// Whether a POST there changes something.
    const fn takes_post(&self) -> bool {
        match self {
            Self::All | Self::Stop(_) => true,
            Self::One(_) | Self::Records(_) | Self::Action(_) => false,
        }
    }
}

/// The answer to a request for one of these pages.
pub(crate) async fn trace_page<B>(
    request: Request<B>,
    tracing: &Tracing,
    path: &TracePath,
) -> Answer
where
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync + 'static> + Send,
{
    let peer = request.extensions().get::<Peer>();
    let who = peer.map_or_else(
        || "administrator".to_owned(),
        |Peer(peer)| format!("administrator at {peer}"),
    );
    let rights = tracing.rights_of_admin(who);
    let is_post = path.takes_post() && *request.method() == Method::POST;
    let refusal = if is_post { refuse_foreign(&request) } else { refuse_others(&request) };
    if let Some(refusal) = refusal {
        return refusal;
    }
    let (head, body) = request.into_parts();
    let answered = match path {
        TracePath::All if is_post => start(tracing, &rights, body).await,
        TracePath::Stop(id) if is_post => stop(tracing, &rights, id).await,
        TracePath::Stop(_) => Ok(text(StatusCode::METHOD_NOT_ALLOWED, "use POST\n")),
        TracePath::All => list(tracing, &rights, head.uri.query()).await,
        TracePath::One(id) => one(tracing, &rights, id, head.uri.query()).await,
        TracePath::Records(id) => {
            let request = Request::from_parts(head, ());
            records(tracing, &rights, id, &request).await
        }
        TracePath::Action(correlation) => {
            let request = Request::from_parts(head, ());
            action(tracing, &rights, correlation, &request).await
        }
    };
    answered.unwrap_or_else(|error| refuse(&error))
}

/// `POST /api/traces` with `{"trace_id": …, "trace_options": {…}}`, both optional.
async fn start<B>(tracing: &Tracing, rights: &Rights, body: B) -> Result<Answer, AskError>
where
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync + 'static> + Send,
{
    let Ok(body) = Limited::new(body, MAX_START_BYTES).collect().await else {
        let problem = format!("the body is longer than {MAX_START_BYTES} octets, or incomplete\n");
        return Ok(text(StatusCode::BAD_REQUEST, problem));
    };
    let body = body.to_bytes();
    let start = if body.is_empty() { Ok(Start::default()) } else { serde_json::from_slice(&body) };
    match start {
        Ok(Start { trace_id, trace_options }) => {
            let options = trace_options.unwrap_or(Value::Null);
            Ok(json(&tracing.start_trace(rights, trace_id, &options).await?))
        }
        Err(error) => Ok(text(StatusCode::BAD_REQUEST, format!("the body: {error}\n"))),
    }
}

async fn stop(tracing: &Tracing, rights: &Rights, id: &str) -> Result<Answer, AskError> {
    Ok(json(&tracing.stop_trace(rights, id.to_owned()).await?))
}

async fn list(tracing: &Tracing, rights: &Rights, query: Option<&str>) -> Result<Answer, AskError> {
    Ok(json(&tracing.get_traces(rights, query::traces(query)?).await?))
}

async fn one(
    tracing: &Tracing,
    rights: &Rights,
    id: &str,
    query: Option<&str>,
) -> Result<Answer, AskError> {
    query::none(query)?;
    Ok(json(&tracing.get_trace(rights, id.to_owned()).await?))
}

/// The records, with where to go on in the head of the answer.
async fn records(
    tracing: &Tracing,
    rights: &Rights,
    id: &str,
    request: &Request<()>,
) -> Result<Answer, AskError> {
    let wanted = query::records(request.uri().query())?;
    let format = wanted.format.unwrap_or_else(|| accepted(request));
    let (page, info) = tracing.query(rights, id, wanted.query, wanted.wait).await?;
    let mut answer = written(request, &page.records, format, |records| {
        records.iter().map(|record| line(record, Style::Plain) + "\n").collect()
    });
    let headers = answer.headers_mut();
    headers.insert(NEXT_SEQ_HEADER, page.next_seq.into());
    let more = if page.has_more { "true" } else { "false" };
    headers.insert(MORE_HEADER, HeaderValue::from_static(more));
    headers.insert(STATUS_HEADER, HeaderValue::from_static(Status::name(info.status)));
    Ok(answer)
}

async fn action(
    tracing: &Tracing,
    rights: &Rights,
    correlation: &str,
    request: &Request<()>,
) -> Result<Answer, AskError> {
    let Ok(correlation) = correlation.parse::<Correlation>() else {
        let problem = format!("{correlation:?} is no correlation, which is a UUID\n");
        return Ok(text(StatusCode::BAD_REQUEST, problem));
    };
    let (trace, format) = query::action(request.uri().query())?;
    let format = format.unwrap_or_else(|| accepted(request));
    let Some((trace, found)) = tracing.action(rights, correlation, trace.as_deref()).await? else {
        let whose =
            trace.map_or_else(|| "no trace has".to_owned(), |id| format!("trace `{id}` has no"));
        let problem = format!("{whose} records of action {correlation}\n");
        return Ok(text(StatusCode::NOT_FOUND, problem));
    };
    let drawn = |records: &[Record]| waterfall(records, Style::Plain);
    let mut answer = written(request, &found, format, drawn);
    // A name of a trace has nothing that a header does not take.
    if let Ok(trace) = HeaderValue::try_from(trace) {
        answer.headers_mut().insert(TRACE_HEADER, trace);
    }
    Ok(answer)
}

/// The format that the client accepts, if it says so.
fn accepted(request: &Request<()>) -> RecordsFormat {
    let mut accepted = request.headers().get_all(header::ACCEPT).iter();
    let names_cbor = |value: &HeaderValue| value.to_str().is_ok_and(|text| text.contains("cbor"));
    if accepted.any(names_cbor) { RecordsFormat::Cbor } else { RecordsFormat::Ndjson }
}

fn written(
    request: &Request<()>,
    records: &[Record],
    format: RecordsFormat,
    text: impl FnOnce(&[Record]) -> String,
) -> Answer {
    let mut body = Vec::new();
    let content_type = match format {
        RecordsFormat::Ndjson => {
            ndjson(records, &mut body);
            "application/x-ndjson"
        }
        RecordsFormat::Cbor => {
            cbor(records, &mut body);
            "application/cbor-seq"
        }
        RecordsFormat::Text => {
            body = text(records).into_bytes();
            "text/plain; charset=utf-8"
        }
    };
    compress::typed(request, HeaderValue::from_static(content_type), body)
}

/// What traces say about themselves, as JSON.
fn json(described: &impl Serialize) -> Answer {
    match serde_json::to_vec(described) {
        Ok(body) => {
            let content_type = HeaderValue::from_static("application/json");
            crate::http::typed(StatusCode::OK, content_type, body)
        }
        // Keys are texts, and memory takes everything.
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

fn refuse(error: &AskError) -> Answer {
    let status = match error {
        AskError::Query(_) => StatusCode::BAD_REQUEST,
        AskError::Trace(error) => match error {
            TraceError::Registry(error) => match error {
                RegistryError::NoSuchTrace(_) => StatusCode::NOT_FOUND,
                RegistryError::AlreadyRunning(_) => StatusCode::CONFLICT,
                RegistryError::Id
                | RegistryError::TooMany
                | RegistryError::Options(_)
                | RegistryError::Reversed { .. }
                | RegistryError::Range { .. }
                | RegistryError::NoFiles => StatusCode::BAD_REQUEST,
                RegistryError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
            },
            TraceError::Denied { .. } => StatusCode::FORBIDDEN,
            TraceError::NoRoom => StatusCode::INSUFFICIENT_STORAGE,
            TraceError::Busy | TraceError::Closed => StatusCode::SERVICE_UNAVAILABLE,
        },
    };
    text(status, format!("{error}\n"))
}

#[cfg(test)]
mod tests;
