//! The WebSocket upgrade ("WebSocket Transport", basic profile; RFC 6455, section 4).

use std::sync::Arc;

use flowgate_router::AuthPolicy;
use flowgate_wire::{Format, Serializer};
use tungstenite::{
    handshake::{
        machine::TryParse as _,
        server::{Request, create_response, write_response},
    },
    http::{HeaderMap, HeaderValue, header},
};

use super::{Opening, OpeningError, Terms};
use crate::{
    config::WebSocketPath,
    frame::{Framing, Wire},
    service::Service,
};

/// Why an HTTP request is not upgraded: status line and text.
struct Denial {
    status: &'static str,
    text: String,
}

pub(super) async fn agree(opening: &mut Opening, service: &Service) -> Result<Terms, OpeningError> {
    let request = loop {
        match Request::try_parse(&opening.buffer) {
            Ok(Some((len, request))) => {
                opening.buffer.drain(..len);
                break request;
            }
            Ok(None) => opening.fill().await?,
            Err(error) => {
                let text = format!("malformed HTTP request: {error}");
                return deny(opening, Denial { status: "400 Bad Request", text }).await;
            }
        }
    };
    match judge(&request, service) {
        Ok(Upgrade { path, auth, serializer, response }) => {
            opening.write(&response).await?;
            let options = &path.options;
            if !options.tcp_nodelay {
                opening.writer.delay_small_segments()?;
            }
            Ok(Terms {
                wire: Wire { framing: Framing::WebSocket, serializer },
                max_received_bytes: options.max_message_bytes,
                max_frame_bytes: options.max_frame_bytes,
                max_sent_bytes: usize::MAX,
                keepalive: options.keepalive,
                handshake_timeout: options.open_handshake_timeout,
                ping_payload_bytes: usize::from(options.ping_payload_bytes),
                closing_timeout: options.close_handshake_timeout,
                auth: Arc::clone(auth),
            })
        }
        Err(denial) => deny(opening, denial).await,
    }
}

/// What a request is upgraded to.
struct Upgrade<'a> {
    path: &'a WebSocketPath,
    auth: &'a Arc<AuthPolicy>,
    serializer: Serializer,
    /// The response, as octets.
    response: Vec<u8>,
}

/// Decides about a request.
fn judge<'a>(request: &Request, service: &'a Service) -> Result<Upgrade<'a>, Denial> {
    let target = request.uri().path();
    let Some((path, auth)) = service.websocket_at(target) else {
        return Err(Denial {
            status: "404 Not Found",
            text: format!("nothing is served at {target}"),
        });
    };
    let mut response = create_response(request).map_err(|error| Denial {
        status: "426 Upgrade Required",
        text: format!("this is a WAMP router, connect with WebSocket: {error}"),
    })?;
    check_origin(request.headers(), path)?;
    let serializer = if let Some(serializer) = choose_serializer(request.headers(), path) {
        let name = HeaderValue::from_static(serializer.subprotocol());
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, name);
        serializer
    } else if path.options.require_subprotocol
        || request.headers().contains_key(header::SEC_WEBSOCKET_PROTOCOL)
    {
        let text = "no WAMP subprotocol in common, such as wamp.2.json".to_owned();
        return Err(Denial { status: "400 Bad Request", text });
    } else {
        Serializer::single(Format::Json)
    };
    let mut octets = Vec::new();
    write_response(&mut octets, &response).map_err(|error| Denial {
        status: "500 Internal Server Error",
        text: format!("no response: {error}"),
    })?;
    Ok(Upgrade { path, auth, serializer, response: octets })
}

/// The first subprotocol of the client's list that the section serves.
fn choose_serializer(headers: &HeaderMap, path: &WebSocketPath) -> Option<Serializer> {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| Serializer::from_subprotocol(name.trim()))
        .find(|serializer| path.serializers.contains(&serializer.format))
}

fn check_origin(headers: &HeaderMap, path: &WebSocketPath) -> Result<(), Denial> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let allowed = if origin.eq_ignore_ascii_case("null") {
        path.options.allow_null_origin
    } else {
        path.options.allowed_origins.iter().any(|pattern| pattern.matches(origin))
    };
    if allowed {
        Ok(())
    } else {
        let text = "this origin is not allowed".to_owned();
        Err(Denial { status: "403 Forbidden", text })
    }
}

async fn deny(opening: &mut Opening, denial: Denial) -> Result<Terms, OpeningError> {
    let Denial { status, text } = denial;
    let upgrade = if status.starts_with("426") {
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    } else {
        ""
    };
    let response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         {upgrade}Connection: close\r\n\r\n{text}\n",
        text.len() + 1
    );
    opening.write(response.as_bytes()).await?;
    Err(OpeningError::Refused(format!("HTTP {status}: {text}")))
}
