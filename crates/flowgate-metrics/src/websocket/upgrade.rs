//! The handshakes before connections, as a tower layer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Method, Request, Response, StatusCode, Version, header};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{Endpoint, Handshake, WebSocketMetrics};

/// Counts the WebSocket handshakes that a service answers, and names the endpoint to its handlers.
///
/// A request to upgrade gets an [`Endpoint`] among its extensions, which the handler takes and wraps
/// the connection with, [`Endpoint::meter`]. Other requests pass untouched.
/// The gauge of open connections rises only there, so after the upgrade: a handshake that is
/// refused, fails or is given up changes nothing but its count.
///
/// As a `route_layer` of axum, `by_route` names endpoints by the template of the route.
#[derive(Debug, Clone)]
pub struct MeteredUpgradeLayer {
    naming: Naming,
}

/// How an endpoint gets its name.
#[derive(Debug, Clone)]
enum Naming {
    Fixed(Endpoint),
    #[cfg(feature = "axum")]
    ByRoute(WebSocketMetrics),
}

impl MeteredUpgradeLayer {
    /// For a service that is one endpoint, with this name.
    #[must_use]
    pub fn named(metrics: &WebSocketMetrics, endpoint: &str) -> Self {
        Self { naming: Naming::Fixed(metrics.endpoint(endpoint)) }
    }

    /// For routes of axum: the endpoint is the template that matched, such as `/chat/{room}`.
    ///
    /// Give it to `Router::route_layer`, behind which the route is known; where it is not, the
    /// endpoint is [`OTHER`](crate::OTHER).
    #[cfg(feature = "axum")]
    #[must_use]
    pub fn by_route(metrics: &WebSocketMetrics) -> Self {
        Self { naming: Naming::ByRoute(metrics.clone()) }
    }
}

impl<S> Layer<S> for MeteredUpgradeLayer {
    type Service = MeteredUpgradeService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MeteredUpgradeService { inner, layer: Arc::new(self.clone()) }
    }
}

/// A service whose handshakes are counted; see [`MeteredUpgradeLayer`].
#[derive(Debug, Clone)]
pub struct MeteredUpgradeService<S> {
    inner: S,
    layer: Arc<MeteredUpgradeLayer>,
}

impl<S> MeteredUpgradeService<S> {
    fn endpoint<B>(&self, request: &Request<B>) -> Option<Endpoint> {
        if !is_handshake(request) {
            return None;
        }
        match &self.layer.naming {
            Naming::Fixed(endpoint) => Some(endpoint.clone()),
            #[cfg(feature = "axum")]
            Naming::ByRoute(metrics) => {
                let path = request.extensions().get::<axum::extract::MatchedPath>();
                let name = path.map_or(crate::OTHER, axum::extract::MatchedPath::as_str);
                Some(metrics.endpoint(name))
            }
        }
    }
}

/// Whether a request asks for a WebSocket: by HTTP/1.1 (RFC 6455, section 4.1), or by the extended
/// CONNECT of HTTP/2 and HTTP/3 (RFC 8441, section 4).
fn is_handshake<B>(request: &Request<B>) -> bool {
    let upgrade = request.headers().get(header::UPGRADE).and_then(|value| value.to_str().ok());
    let is_websocket =
        |value: &str| value.split(',').any(|word| word.trim().eq_ignore_ascii_case("websocket"));
    match *request.method() {
        // Over HTTP/1 it asks for a tunnel.
        Method::CONNECT => request.version() >= Version::HTTP_2,
        _ => upgrade.is_some_and(is_websocket),
    }
}

impl<S, B, R> Service<Request<B>> for MeteredUpgradeService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = UpgradeFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let pending = self.endpoint(&request).map(|endpoint| {
            request.extensions_mut().insert(endpoint.clone());
            let accepted = match *request.method() {
                Method::CONNECT => StatusCode::OK,
                _ => StatusCode::SWITCHING_PROTOCOLS,
            };
            Pending { endpoint, accepted, result: Handshake::Aborted }
        });
        UpgradeFuture { response: self.inner.call(request), pending }
    }
}

pin_project! {
    /// The answer to a request, counted if it is one to a handshake.
    #[derive(Debug)]
    pub struct UpgradeFuture<F> {
        #[pin]
        response: F,
        pending: Option<Pending>,
    }
}

impl<F, R, E> Future for UpgradeFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let result = ready!(this.response.poll(cx));
        if let Some(mut pending) = this.pending.take() {
            pending.result = match &result {
                Ok(response) if response.status() == pending.accepted => Handshake::Accepted,
                Ok(_) => Handshake::Refused,
                Err(_) => Handshake::Failed,
            };
        }
        Poll::Ready(result)
    }
}

/// A handshake under way; counted when dropped, as aborted if nobody has said better.
#[derive(Debug)]
struct Pending {
    endpoint: Endpoint,
    /// The status that means an upgrade.
    accepted: StatusCode,
    result: Handshake,
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.endpoint.count_handshake(self.result);
    }
}
