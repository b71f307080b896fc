//! What an observer shows over HTTP.

use std::{
    fmt::Write as _,
    sync::{Arc, atomic::Ordering},
};

use flowgate_observer::page;
use hyper::{Request, StatusCode, body::Incoming, header::HeaderValue};

use crate::{
    http::{self, Answer, Handler, compress},
    observe::{Observing, sources::SNAPSHOT_PATH},
};

/// The format of the page. Not OpenMetrics: Prometheus would give some series other names.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Where the observer's counts of itself are.
const SELF_PATH: &str = "/self/metrics";

/// Every path shows the page, as php-wamp-observer has it, except two of its own.
impl Handler for Arc<Observing> {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        match request.uri().path() {
            SNAPSHOT_PATH => snapshot(&request, self),
            SELF_PATH => own_page(&request, self),
            _ => observer_page(&request, self),
        }
    }
}

/// The page of php-wamp-observer.
pub(crate) fn observer_page<B>(request: &Request<B>, observing: &Observing) -> Answer {
    compress::typed(request, HeaderValue::from_static(TEXT_FORMAT), page(&observing.total()))
}

/// What other observers read: what has been measured here alone, so that two that show each
/// other's measurements count nothing twice.
fn snapshot<B>(request: &Request<B>, observing: &Observing) -> Answer {
    match serde_json::to_string(&observing.own()) {
        Ok(body) => compress::typed(request, HeaderValue::from_static("application/json"), body),
        Err(error) => {
            tracing::error!(%error, "observer: the snapshot cannot be written");
            http::text(StatusCode::INTERNAL_SERVER_ERROR, "the snapshot cannot be written\n")
        }
    }
}

/// What became of the lines.
pub(crate) fn own_page<B>(request: &Request<B>, observing: &Observing) -> Answer {
    compress::typed(request, HeaderValue::from_static(TEXT_FORMAT), own_metrics(observing))
}

fn own_metrics(observing: &Observing) -> String {
    let (counts, pending) = {
        let observer = observing.observer();
        (observer.counts(), observer.pending_count())
    };
    let connections = observing.connections.load(Ordering::Relaxed);
    let mut text = String::new();
    for (name, help, value) in counts.each() {
        let _ = write!(
            text,
            "# HELP flowgate_observer_{name}_total {help}.\n\
             # TYPE flowgate_observer_{name}_total counter\n\
             flowgate_observer_{name}_total {value}\n",
        );
    }
    let gauges = [
        ("pending_requests", "Requests that wait for a reply", pending),
        ("connections", "Open connections", connections),
    ];
    for (name, help, value) in gauges {
        let _ = write!(
            text,
            "# HELP flowgate_observer_{name} {help}.\n\
             # TYPE flowgate_observer_{name} gauge\n\
             flowgate_observer_{name} {value}\n",
        );
    }
    text
}
