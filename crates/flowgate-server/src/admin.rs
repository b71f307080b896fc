//! The administration interface: HTTP, apart from the clients' listeners.

use std::sync::Arc;

use hyper::{Method, Request, StatusCode, body::Incoming};

use crate::{
    http::{self, Answer, Handler, Hosts, text},
    metrics::{
        Metrics, detailed_page, metrics_page, record_page, report_page, show_page, stats_page,
    },
    observe::{Observing, observer_page, own_page},
    service::{Counts, Realms},
    tracing::{TracePath, Tracing, trace_page},
};

/// Where recording of stats is started and stopped: the only path that changes something.
const RECORD_PATH: &str = "/api/stats/record";

/// What the interface tells about.
#[derive(Debug)]
pub(crate) struct Admin {
    pub(crate) counts: Arc<Counts>,
    pub(crate) realms: Realms,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) tracing: Tracing,
    pub(crate) observing: Option<Arc<Observing>>,
    pub(crate) hosts: Hosts,
}

impl Handler for Admin {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        if let Some(refusal) = self.hosts.refuse(&request) {
            return refusal;
        }
        if let Some(path) = TracePath::parse(request.uri().path()) {
            return trace_page(request, &self.tracing, &path).await;
        }
        self.answer_at_once(&request)
    }
}

impl Admin {
    /// The answer to whatever is at hand.
    fn answer_at_once(&self, request: &Request<Incoming>) -> Answer {
        if request.uri().path() == RECORD_PATH && *request.method() == Method::POST {
            return record_page(request, &self.metrics);
        }
        if let Some(refusal) = http::refuse_others(request) {
            return refusal;
        }
        match (request.uri().path(), &self.observing) {
            ("/healthz", _) => text(StatusCode::OK, health(self)),
            ("/readyz", _) if self.counts.is_closing() => {
                text(StatusCode::SERVICE_UNAVAILABLE, "shutting down\n")
            }
            ("/readyz", _) => text(StatusCode::OK, "ready\n"),
            ("/metrics", _) => metrics_page(request, &self.metrics),
            ("/metrics/detailed", _) => detailed_page(request, &self.metrics),
            ("/api/stats", _) => stats_page(request, &self.metrics),
            ("/api/stats/show", _) => show_page(request, &self.metrics),
            ("/api/stats/report", _) => report_page(request, &self.metrics),
            (RECORD_PATH, _) => text(StatusCode::METHOD_NOT_ALLOWED, "use POST\n"),
            ("/observer/metrics", Some(observing)) => observer_page(request, observing),
            ("/observer/self/metrics", Some(observing)) => own_page(request, observing),
            _ => text(StatusCode::NOT_FOUND, "not found; try /healthz, /readyz or /metrics\n"),
        }
    }
}

/// One line for the state, then one for each count.
fn health(admin: &Admin) -> String {
    let mut lines = String::from("ok\n");
    for realm in admin.realms.values() {
        lines.push_str(&format!("sessions{{realm={:?}}} {}\n", realm.name(), realm.seat_count()));
    }
    for (name, count) in admin.counts.totals() {
        lines.push_str(&format!("{name} {count}\n"));
    }
    lines
}
