//! Small HTTP services.

pub(crate) mod client;
pub(crate) mod compress;
mod hosts;

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{self, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::sleep,
};

use crate::listener::{ACCEPT_BACKOFF, Stop};

pub(crate) use hosts::Hosts;

/// Connections at a time; these services are for probes, scrapers and operators.
const MAX_CONNECTIONS: usize = 64;

/// How long a client may take for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// What is sent back.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Who asks, as an extension of each request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// The address that was connected to, likewise.
#[derive(Debug, Clone, Copy)]
struct Local(IpAddr);

/// Answers requests.
pub(crate) trait Handler: Send + Sync + 'static {
    /// The answer to one request. Dropped if the client goes away meanwhile.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Answer> + Send;
}

/// Binds a service.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Serves until `stop` says so for good.
pub(crate) async fn serve(
    listener: TcpListener,
    handler: Arc<impl Handler>,
    mut stop: watch::Receiver<Stop>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => {
                match accepted {
                    Ok((stream, peer)) => {
                        connections.spawn(connection(stream, Peer(peer), Arc::clone(&handler)));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "HTTP: accept failed");
                        sleep(ACCEPT_BACKOFF).await;
                    }
                }
            }
            Some(_) = connections.join_next() => {}
            changed = stop.changed() => if changed.is_err() || *stop.borrow() == Stop::Now {
                return;
            },
        }
    }
}

/// Answers the requests of one connection.
async fn connection(stream: TcpStream, peer: Peer, handler: Arc<impl Handler>) {
    let local = stream.local_addr().map(|local| Local(local.ip())).ok();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        if let Some(local) = local {
            request.extensions_mut().insert(local);
        }
        let handler = Arc::clone(&handler);
        async move { Ok::<_, Infallible>(handler.answer(request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "HTTP connection failed");
    }
}

/// What a request that changes something must have: a page in a browser cannot send it to another
/// origin without being allowed.
const CHANGE_HEADER: &str = "x-flowgate-change";

/// The refusal of a request that would change something without [`CHANGE_HEADER`].
pub(crate) fn refuse_foreign<B>(request: &Request<B>) -> Option<Answer> {
    if request.headers().contains_key(CHANGE_HEADER) {
        return None;
    }
    let problem = format!("a request that changes something needs the header {CHANGE_HEADER}\n");
    Some(text(StatusCode::FORBIDDEN, problem))
}

/// The refusal of everything but GET and HEAD.
pub(crate) fn refuse_others<B>(request: &Request<B>) -> Option<Answer> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "use GET\n");
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    Some(answer)
}

/// Plain text.
pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    typed(status, HeaderValue::from_static("text/plain; charset=utf-8"), body)
}

/// A body of a given type.
pub(crate) fn typed(
    status: StatusCode,
    content_type: HeaderValue,
    body: impl Into<Bytes>,
) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, content_type);
    answer
}
