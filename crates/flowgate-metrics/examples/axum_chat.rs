//! An axum server whose WebSocket connections are measured, with its metrics on the same port.
//!
//! ```console
//! $ cargo run -p flowgate-metrics --example axum_chat --features axum
//! $ curl http://127.0.0.1:3000/metrics
//! ```

use std::error::Error;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use flowgate_metrics::Registry;
use flowgate_metrics::encode::Format;
use flowgate_metrics::websocket::{MeteredUpgrade, MeteredUpgradeLayer, Options, WebSocketMetrics};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpListener;

/// In place of axum's `WebSocketUpgrade`; what follows is as before.
async fn chat(upgrade: MeteredUpgrade) -> Response {
    upgrade.on_upgrade(|mut socket| async move {
        while let Some(Ok(message)) = socket.next().await {
            if socket.send(message).await.is_err() {
                break;
            }
        }
    })
}

/// In whatever format the scraper likes best.
async fn metrics(State(registry): State<Registry>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::negotiate(accept);
    let mut page = Vec::new();
    format.encode(&registry.scrape(), &mut page);
    ([(header::CONTENT_TYPE, format.content_type().to_string())], page).into_response()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let registry = Registry::new();
    let options = Options { compat_open_connections: true, ..Options::default() };
    let sockets = WebSocketMetrics::register_with(&registry, &options)?;
    let app = Router::new()
        .route("/chat/{room}", any(chat))
        .route_layer(MeteredUpgradeLayer::by_route(&sockets))
        .route("/metrics", get(metrics))
        .with_state(registry);
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app).await?;
    Ok(())
}
