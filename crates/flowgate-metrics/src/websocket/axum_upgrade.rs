//! axum's extractor, measured.

use std::future::Future;

use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, FromRequestParts};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use super::{Endpoint, Metered};

/// axum's `WebSocketUpgrade` whose connections are measured: in its place, nothing else changes.
///
/// Needs [`MeteredUpgradeLayer`](super::MeteredUpgradeLayer) around the route; without it, the
/// handshake is answered with status 500.
///
/// ```
/// use axum::Router;
/// use axum::response::Response;
/// use axum::routing::any;
/// use flowgate_metrics::Registry;
/// use flowgate_metrics::websocket::{MeteredUpgrade, MeteredUpgradeLayer, WebSocketMetrics};
/// use futures_util::{SinkExt, StreamExt};
///
/// async fn echo(upgrade: MeteredUpgrade) -> Response {
///     upgrade.on_upgrade(|mut socket| async move {
///         while let Some(Ok(message)) = socket.next().await {
///             if socket.send(message).await.is_err() {
///                 break;
///             }
///         }
///     })
/// }
///
/// let registry = Registry::new();
/// let sockets = WebSocketMetrics::register(&registry)?;
/// let layer = MeteredUpgradeLayer::by_route(&sockets);
/// let app: Router = Router::new().route("/chat/{room}", any(echo)).route_layer(layer);
/// # Ok::<(), flowgate_metrics::RegisterError>(())
/// ```
#[derive(Debug)]
pub struct MeteredUpgrade {
    upgrade: WebSocketUpgrade,
    endpoint: Endpoint,
}

impl MeteredUpgrade {
    /// Changes what is upgraded, such as its protocols or limits.
    #[must_use]
    pub fn map(self, change: impl FnOnce(WebSocketUpgrade) -> WebSocketUpgrade) -> Self {
        Self { upgrade: change(self.upgrade), ..self }
    }

    /// Accepts the handshake, and serves the connection.
    pub fn on_upgrade<F, T>(self, serve: F) -> Response
    where
        F: FnOnce(Metered<WebSocket>) -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let Self { upgrade, endpoint } = self;
        upgrade.on_upgrade(move |socket| serve(endpoint.meter(socket)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for MeteredUpgrade {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let upgrade = WebSocketUpgrade::from_request_parts(parts, state).await;
        let upgrade = upgrade.map_err(IntoResponse::into_response)?;
        let endpoint = Extension::<Endpoint>::from_request_parts(parts, state).await;
        let Extension(endpoint) = endpoint.map_err(|_| {
            (StatusCode::INTERNAL_SERVER_ERROR, "no layer names the endpoint").into_response()
        })?;
        Ok(Self { upgrade, endpoint })
    }
}
