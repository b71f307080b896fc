//! The administration interface: HTTP, apart from the clients' listeners.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode, body::Bytes, body::Incoming, header,
    server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{listener::Stop, service::Counts, service::Realms};

/// Connections at a time; the interface is for probes and operators.
const MAX_CONNECTIONS: usize = 64;

/// What the interface tells about.
#[derive(Debug)]
pub(crate) struct Admin {
    pub(crate) counts: Arc<Counts>,
    pub(crate) realms: Realms,
}

/// Serves the interface until `stop` says so for good; during shutdown it says "not ready".
pub(crate) async fn run(listener: TcpListener, admin: Arc<Admin>, mut stop: watch::Receiver<Stop>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => {
                if let Ok((stream, _)) = accepted {
                    let admin = Arc::clone(&admin);
                    connections.spawn(async move {
                        let service = service_fn(move |request| {
                            let response = respond(&request, &admin);
                            async move { Ok::<_, Infallible>(response) }
                        });
                        let served = http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                        if let Err(error) = served {
                            tracing::debug!(%error, "administration connection failed");
                        }
                    });
                }
            }
            Some(_) = connections.join_next() => {}
            changed = stop.changed() => if changed.is_err() || *stop.borrow() == Stop::Now {
                return;
            },
        }
    }
}

/// Binds the interface.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

fn respond(request: &Request<Incoming>, admin: &Admin) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    if !matches!(path, "/healthz" | "/readyz") {
        return text(StatusCode::NOT_FOUND, "not found; try /healthz or /readyz\n".to_owned());
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "use GET\n".to_owned());
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    if path == "/healthz" {
        return text(StatusCode::OK, health(admin));
    }
    if admin.counts.is_closing() {
        text(StatusCode::SERVICE_UNAVAILABLE, "shutting down\n".to_owned())
    } else {
        text(StatusCode::OK, "ready\n".to_owned())
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

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let plain = header::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}
