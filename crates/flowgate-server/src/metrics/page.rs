//! What the administration interface answers.

use std::{sync::Arc, time::Duration};

use flowgate_metrics::{
    Scrape,
    encode::{Format, json},
};
use hyper::{
    Request, StatusCode,
    header::{self, HeaderMap, HeaderValue},
};

use super::{
    Metrics, RecordOptions, StatsError,
    query::{self, QueryError},
    stats::Stats,
};
use crate::http::{Answer, compress, refuse_foreign, text};

/// `/metrics`: everything, in the format that the scraper asks for.
pub(crate) fn metrics_page<B>(request: &Request<B>, metrics: &Metrics) -> Answer {
    match query::none(request.uri().query()) {
        Ok(()) => page(request, metrics, Ok),
        Err(error) => refuse(&error),
    }
}

/// `/metrics/detailed?family=&realm=&top=`: a part of it.
pub(crate) fn detailed_page<B>(request: &Request<B>, metrics: &Metrics) -> Answer {
    page(request, metrics, |scrape| {
        let filter = query::detailed(request.uri().query(), &metrics.families, &scrape)?;
        Ok(scrape.filtered(&filter))
    })
}

fn page<B>(
    request: &Request<B>,
    metrics: &Metrics,
    choose: impl FnOnce(Scrape) -> Result<Scrape, QueryError>,
) -> Answer {
    let started_at = metrics.clock.now();
    let scrape = match choose(metrics.registry.scrape()) {
        Ok(scrape) => scrape,
        Err(error) => return refuse(&error),
    };
    let format = Format::negotiate(joined(request.headers(), header::ACCEPT).as_deref());
    let mut body = Vec::new();
    format.encode(&scrape, &mut body);
    metrics.families.scrape.record_duration(metrics.clock.now().since(started_at));
    // Made of constants: they have no character that a header does not take.
    let content_type = HeaderValue::try_from(format.content_type().to_string());
    let content_type = content_type.unwrap_or(HeaderValue::from_static("text/plain"));
    let mut answer = compress::typed(request, content_type, body);
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    answer
}

/// All lines of a header as one.
fn joined(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.map(str::to_owned).reduce(|all, line| all + "," + &line)
}

/// `/api/stats?cat=&cont=&stat=`: the tree.
pub(crate) fn stats_page<B>(request: &Request<B>, metrics: &Metrics) -> Answer {
    match query::stats(request.uri().query()) {
        Ok(filter) => {
            let tree = json(&metrics.registry.stats(), &filter);
            let content_type = HeaderValue::from_static("application/json");
            compress::typed(request, content_type, tree.into_bytes())
        }
        Err(error) => refuse(&error),
    }
}

/// `/api/stats/show?name=&level=`: the lines of the console.
pub(crate) fn show_page<B>(request: &Request<B>, metrics: &Arc<Metrics>) -> Answer {
    let (names, verbosity) = match query::show(request.uri().query()) {
        Ok(wanted) => wanted,
        Err(error) => return refuse(&error),
    };
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match Stats::new(metrics).show(&names, verbosity) {
        Ok(lines) => text(StatusCode::OK, lines),
        Err(error) => text(StatusCode::NOT_FOUND, format!("{error}\n")),
    }
}

/// `/api/stats/report?format=`: what recording writes.
pub(crate) fn report_page<B>(request: &Request<B>, metrics: &Metrics) -> Answer {
    match query::report(request.uri().query()) {
        Ok(format) => text(StatusCode::OK, metrics.report(format)),
        Err(error) => refuse(&error),
    }
}

/// `POST /api/stats/record?do=start&every_ms=&format=&rotate_bytes=`, or `?do=stop`.
pub(crate) fn record_page<B>(request: &Request<B>, metrics: &Arc<Metrics>) -> Answer {
    if let Some(refusal) = refuse_foreign(request) {
        return refusal;
    }
    let stats = Stats::new(metrics);
    let done = match query::recording(request.uri().query()) {
        Ok(query::Recording::Stop) => stats.stop_recording().map(|place| ("was", place)),
        Ok(query::Recording::Start { every_ms, format, rotate_bytes }) => {
            let every = every_ms.map_or(RecordOptions::DEFAULT_EVERY, Duration::from_millis);
            let path = RecordOptions::FILE.into();
            let options = RecordOptions { path, every, format, rotate_bytes };
            stats.start_recording(options).map(|place| ("is", place))
        }
        Err(error) => return refuse(&error),
    };
    match done {
        Ok((tense, place)) => text(StatusCode::OK, format!("recording {tense} to {place}\n")),
        Err(error) => {
            let status = match error {
                StatsError::Show(_) => StatusCode::NOT_FOUND,
                StatsError::Write { .. } => StatusCode::INTERNAL_SERVER_ERROR,
                StatsError::Recording(_) | StatsError::NotRecording => StatusCode::CONFLICT,
            };
            text(status, format!("{error}\n"))
        }
    }
}

fn refuse(error: &QueryError) -> Answer {
    text(StatusCode::BAD_REQUEST, format!("{error}\n"))
}
