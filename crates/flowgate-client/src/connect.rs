//! Opening a connection.

use std::time::Duration;

use flowgate_wire::{
    Batching, Format, Serializer,
    rawsocket::{HANDSHAKE_BYTES, Handshake, MaxLength},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{
    client_async_with_config,
    tungstenite::{
        ClientRequestBuilder, Error,
        http::{Uri, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::WebSocketConfig,
    },
};

use crate::{
    BoxedStream, ByteStream, ConnectError, Connection, Target,
    link::{RawSocketLink, SharedLink, WebSocketLink},
    target::{Endpoint, Transport},
};

/// How long opening a connection may take unless the options say otherwise.
///
/// Long enough for three losses of a SYN (1 + 2 + 4 seconds).
pub const DEFAULT_OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// How to open a connection.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// The serializers to offer, best first.
    ///
    /// WebSocket offers them all and the router picks; RawSocket asks for the first that is not
    /// batched.
    pub serializers: Vec<Serializer>,
    /// The longest transport message to accept; told to the router on RawSocket.
    pub max_length: MaxLength,
    /// How long connecting and the transport's handshakes may take together.
    pub timeout: Duration,
    /// Whom to trust, for `wss` and `rss`.
    #[cfg(feature = "tls")]
    pub tls: Option<std::sync::Arc<tokio_rustls::rustls::ClientConfig>>,
}

impl Default for ConnectOptions {
    /// Offers CBOR, MessagePack and JSON without batching, takes messages up to 16 MiB, and trusts
    /// nobody.
    fn default() -> Self {
        Self {
            serializers: [Format::Cbor, Format::MessagePack, Format::Json]
                .map(Serializer::single)
                .into(),
            max_length: MaxLength::MAX,
            timeout: DEFAULT_OPEN_TIMEOUT,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

impl ConnectOptions {
    /// The default options with a single serializer.
    #[must_use]
    pub fn with_serializer(serializer: Serializer) -> Self {
        Self { serializers: vec![serializer], ..Self::default() }
    }
}

impl Connection {
    /// Connects to a router and performs the handshakes of TLS and of the transport.
    ///
    /// Cancellation safety: dropping the future closes the socket.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn open(target: &Target, options: &ConnectOptions) -> Result<Self, ConnectError> {
        let opening = async {
            let stream = dial(&target.endpoint, options).await?;
            Self::handshake(stream, target, options).await
        };
        tokio::time::timeout(options.timeout, opening).await.map_err(|_| ConnectError::Timeout)?
    }

    /// Performs the transport's handshake on a stream that is connected already.
    ///
    /// Of `target` only the transport is used, and the URL that WebSocket asks for.
    /// The options' timeout does not apply.
    ///
    /// Cancellation safety: dropping the future drops the stream.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn handshake(
        stream: impl ByteStream + 'static,
        target: &Target,
        options: &ConnectOptions,
    ) -> Result<Self, ConnectError> {
        let stream: BoxedStream = Box::new(stream);
        match &target.transport {
            Transport::WebSocket { uri } => websocket(stream, uri, options).await,
            Transport::RawSocket => rawsocket(stream, options).await,
        }
    }
}

async fn dial(endpoint: &Endpoint, options: &ConnectOptions) -> Result<BoxedStream, ConnectError> {
    match endpoint {
        Endpoint::Tcp { host, port } => Ok(Box::new(tcp(host, *port).await?)),
        Endpoint::Tls { host, port } => tls(host, *port, options).await,
        #[cfg(unix)]
        Endpoint::Unix { path } => Ok(Box::new(tokio::net::UnixStream::connect(path).await?)),
        #[cfg(not(unix))]
        Endpoint::Unix { .. } => {
            Err(ConnectError::Io(std::io::Error::from(std::io::ErrorKind::Unsupported)))
        }
    }
}

async fn tcp(host: &str, port: u16) -> Result<TcpStream, ConnectError> {
    let stream = TcpStream::connect((host, port)).await?;
    // Messages are gathered before they are written; waiting for more would only delay them.
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(feature = "tls")]
async fn tls(host: &str, port: u16, options: &ConnectOptions) -> Result<BoxedStream, ConnectError> {
    use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

    let config = options.tls.clone().ok_or(ConnectError::TlsNotConfigured)?;
    let name = ServerName::try_from(host.to_owned()).map_err(|_| ConnectError::TlsName)?;
    let stream = tcp(host, port).await?;
    Ok(Box::new(TlsConnector::from(config).connect(name, stream).await?))
}

#[cfg(not(feature = "tls"))]
#[allow(clippy::unused_async, reason = "has the signature of the other one")]
async fn tls(_: &str, _: u16, _: &ConnectOptions) -> Result<BoxedStream, ConnectError> {
    Err(ConnectError::TlsNotConfigured)
}

async fn rawsocket(
    mut stream: BoxedStream,
    options: &ConnectOptions,
) -> Result<Connection, ConnectError> {
    let serializer = options
        .serializers
        .iter()
        .find(|serializer| serializer.batching == Batching::Single)
        .copied()
        .ok_or(ConnectError::NoSerializer)?;
    let request = Handshake { max_length: options.max_length, format: serializer.format };
    stream.write_all(&request.to_octets()).await?;
    stream.flush().await?;
    let mut reply = [0; HANDSHAKE_BYTES];
    stream.read_exact(&mut reply).await?;
    let accepted = Handshake::parse_reply(reply, serializer.format)?;
    let link = RawSocketLink::new(stream, options.max_length, accepted.max_length);
    Ok(Connection::new(SharedLink::new(link), serializer, Some(accepted.max_length)))
}

async fn websocket(
    stream: BoxedStream,
    uri: &Uri,
    options: &ConnectOptions,
) -> Result<Connection, ConnectError> {
    if options.serializers.is_empty() {
        return Err(ConnectError::NoSerializer);
    }
    let request = options
        .serializers
        .iter()
        .fold(ClientRequestBuilder::new(uri.clone()), |request, serializer| {
            request.with_sub_protocol(serializer.subprotocol())
        });
    let max_bytes = Some(options.max_length.bytes());
    let config = WebSocketConfig::default().max_message_size(max_bytes).max_frame_size(max_bytes);
    let (stream, response) =
        client_async_with_config(request, stream, Some(config)).await.map_err(handshake_error)?;
    // tungstenite has checked that the subprotocol is one of those offered.
    let serializer = response
        .headers()
        .get(SEC_WEBSOCKET_PROTOCOL)
        .and_then(|name| name.to_str().ok())
        .and_then(Serializer::from_subprotocol)
        .ok_or(ConnectError::NoSerializer)?;
    let link = WebSocketLink::new(stream, serializer.format);
    Ok(Connection::new(SharedLink::new(link), serializer, None))
}

fn handshake_error(error: Error) -> ConnectError {
    match error {
        Error::Io(error) => ConnectError::Io(error),
        Error::Http(response) => ConnectError::HttpStatus { status: response.status().as_u16() },
        error @ (Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Tls(_)
        | Error::Capacity(_)
        | Error::Protocol(_)
        | Error::WriteBufferFull(_)
        | Error::Utf8(_)
        | Error::AttackAttempt
        | Error::Url(_)
        | Error::HttpFormat(_)) => ConnectError::WebSocket(Box::new(error)),
    }
}
