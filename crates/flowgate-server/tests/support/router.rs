//! A running router with every transport.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use flowgate_client::{
    ConnectOptions, Connection, JoinOptions, Session, Target,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, pem::PemObject as _},
    },
};
use flowgate_server::{
    Server,
    config::{self, NodeConfig, Source, Syntax},
};
use flowgate_wire::{Batching, Format, Serializer};
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

use super::scratch::ScratchDir;

/// The realm that has session statistics.
pub(crate) const REALM: &str = "realm1";

/// A realm without session statistics.
pub(crate) const QUIET_REALM: &str = "realm2";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    WebSocket,
    RawSocket,
    Unix,
    WebSocketTls,
    RawSocketTls,
}

impl Transport {
    pub(crate) const ALL: [Self; 5] =
        [Self::WebSocket, Self::RawSocket, Self::Unix, Self::WebSocketTls, Self::RawSocketTls];

    /// The start of its URLs.
    const fn scheme(self) -> &'static str {
        match self {
            Self::WebSocket => "ws:",
            Self::RawSocket => "rs:",
            Self::Unix => "unix:",
            Self::WebSocketTls => "wss:",
            Self::RawSocketTls => "rss:",
        }
    }

    const fn has_batching(self) -> bool {
        matches!(self, Self::WebSocket | Self::WebSocketTls)
    }
}

/// A transport with a serializer.
pub(crate) type Link = (Transport, Serializer);

pub(crate) const JSON: Serializer = Serializer::single(Format::Json);
pub(crate) const CBOR: Serializer = Serializer::single(Format::Cbor);
pub(crate) const MSGPACK: Serializer = Serializer::single(Format::MessagePack);

pub(crate) const fn batched(format: Format) -> Serializer {
    Serializer { format, batching: Batching::Batched }
}

/// All transports with all serializers that they can have.
pub(crate) fn all_links() -> Vec<Link> {
    let single = Format::ALL.map(Serializer::single);
    let mut links = Vec::new();
    for transport in Transport::ALL {
        links.extend(single.map(|serializer| (transport, serializer)));
        if transport.has_batching() {
            links.extend(Format::ALL.map(|format| (transport, batched(format))));
        }
    }
    links
}

/// What a test configures besides the usual.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) stats: Option<Value>,
    pub(crate) flowgate: Value,
    pub(crate) websocket_options: Value,
    pub(crate) rawsocket: Value,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            stats: Some(json!({})),
            flowgate: json!({}),
            websocket_options: json!({}),
            rawsocket: json!({}),
        }
    }
}

impl Setup {
    pub(crate) fn with_stats(stats: Value) -> Self {
        Self { stats: Some(stats), ..Self::default() }
    }

    pub(crate) fn with_flowgate(flowgate: Value) -> Self {
        Self { flowgate, ..Self::default() }
    }

    /// The node configuration as JSON.
    fn text(&self) -> String {
        let roles = json!([{"name": "anonymous", "allow-by-default": true}]);
        let mut realm = json!({"name": REALM, "roles": roles});
        if let Some(stats) = &self.stats {
            realm["stats"] = stats.clone();
        }
        let websocket = json!({"ws": {"type": "websocket", "options": self.websocket_options}});
        let universal = |endpoint: Value| {
            json!({
                "type": "universal", "endpoint": endpoint,
                "rawsocket": self.rawsocket, "websocket": websocket,
            })
        };
        let tcp = json!({"type": "tcp", "interface": "127.0.0.1", "port": 0});
        let mut tls = tcp.clone();
        tls["tls"] = json!({"key": "key.pem", "certificate": "certificate.pem"});
        let mut unix = self.rawsocket.as_object().cloned().unwrap_or_else(Map::new);
        unix.insert("type".to_owned(), json!("rawsocket"));
        unix.insert("endpoint".to_owned(), json!({"type": "unix", "path": "socket"}));
        let mut flowgate = self.flowgate.clone();
        flowgate["admin"]["listen"] = json!("127.0.0.1:0");
        json!({
            "version": 2,
            "workers": [{
                "type": "router",
                "realms": [realm, {"name": QUIET_REALM, "roles": roles}],
                "transports": [universal(tcp), universal(tls), unix],
            }],
            "flowgate": flowgate,
        })
        .to_string()
    }

    fn config(&self, directory: &ScratchDir) -> NodeConfig {
        let source = Source { name: "test", syntax: Syntax::Json, directory: directory.path() };
        match config::parse(self.text().as_bytes(), &source, &|_| None) {
            Ok(config) => config,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A router that runs in this process.
pub(crate) struct Router {
    urls: Vec<String>,
    admin: SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
    directory: ScratchDir,
}

impl Router {
    pub(crate) fn start(setup: &Setup) -> Self {
        let directory = ScratchDir::new();
        let identity = identity();
        directory.write("key.pem", &identity.key);
        directory.write("certificate.pem", &identity.certificate);
        let server = Server::bind(setup.config(&directory)).unwrap();
        let (stop, stopped) = oneshot::channel();
        Self {
            urls: server.urls(),
            admin: server.admin_address().unwrap(),
            running: tokio::spawn(server.run(async {
                let _ = stopped.await;
            })),
            stop,
            directory,
        }
    }

    pub(crate) fn url(&self, transport: Transport) -> &str {
        self.urls.iter().find(|url| url.starts_with(transport.scheme())).unwrap()
    }

    /// The file of the certificate that it has for TLS.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.directory.path().join("certificate.pem")
    }

    /// Where a TCP transport listens.
    pub(crate) fn address(&self, transport: Transport) -> SocketAddr {
        let url = self.url(transport);
        let (_, place) = url.split_once("://").unwrap();
        place.trim_end_matches("/ws").parse().unwrap()
    }

    pub(crate) async fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address(Transport::WebSocket)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    pub(crate) async fn connect(&self, (transport, serializer): Link) -> Connection {
        let options = ConnectOptions {
            tls: Some(Arc::clone(&identity().trust)),
            ..ConnectOptions::with_serializer(serializer)
        };
        self.connect_with(transport, &options).await
    }

    pub(crate) async fn connect_with(
        &self,
        transport: Transport,
        options: &ConnectOptions,
    ) -> Connection {
        let target: Target = self.url(transport).parse().unwrap();
        Connection::open(&target, options).await.unwrap()
    }

    /// A session of [`REALM`].
    pub(crate) async fn join(&self, link: Link) -> Session {
        let options = JoinOptions { queue_count: 100_000, ..JoinOptions::default() };
        Session::join(self.connect(link).await, REALM, options).await.unwrap()
    }

    /// The status and the body of an answer of the administration interface.
    pub(crate) async fn admin(&self, path: &str) -> (u16, String) {
        admin(self.admin, path).await.unwrap()
    }

    pub(crate) const fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// What `/healthz` says the number of sessions of [`REALM`] is.
    pub(crate) async fn session_count(&self) -> usize {
        let (_, body) = self.admin("/healthz").await;
        let prefix = format!("sessions{{realm={REALM:?}}} ");
        body.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap().parse().unwrap()
    }

    /// Begins the shutdown; what runs to its end.
    pub(crate) fn shut_down(self) -> ShuttingDown {
        self.stop.send(()).unwrap();
        ShuttingDown { running: self.running, _directory: self.directory }
    }
}

/// A router that has been told to stop.
pub(crate) struct ShuttingDown {
    running: JoinHandle<()>,
    _directory: ScratchDir,
}

impl ShuttingDown {
    pub(crate) fn is_finished(&self) -> bool {
        self.running.is_finished()
    }

    pub(crate) async fn finished(self) {
        self.running.await.unwrap();
    }
}

/// Asks an administration interface; an error if it is not there any more.
pub(crate) async fn admin(address: SocketAddr, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    Ok((status, body.to_owned()))
}

/// The router's key and certificate, and clients that trust it.
struct Identity {
    key: String,
    certificate: String,
    trust: Arc<ClientConfig>,
}

/// Made once: keys take time.
fn identity() -> &'static Identity {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let names = ["127.0.0.1".to_owned()];
        let signed = rcgen::generate_simple_self_signed(names).unwrap();
        let certificate = signed.cert.pem();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
        let trust = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Identity { key: signed.signing_key.serialize_pem(), certificate, trust: Arc::new(trust) }
    })
}
