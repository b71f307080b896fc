//! The programs under load: Flowgate in its setups, the floor, and the peers.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::process;

/// A program that does not listen by then is broken; Crossbar.io takes some ten seconds.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Nobody is connected any more that would have to be told.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// How clients connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    RawSocket,
    WebSocket,
}

impl Transport {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::RawSocket => "RawSocket",
            Self::WebSocket => "WebSocket",
        }
    }
}

/// How clients write messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    MessagePack,
    Cbor,
}

impl Format {
    pub(super) const ALL: [Self; 3] = [Self::Json, Self::MessagePack, Self::Cbor];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::MessagePack => "MessagePack",
            Self::Cbor => "CBOR",
        }
    }

    /// The name on the load generator's command line.
    pub(super) const fn option(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::MessagePack => "msgpack",
            Self::Cbor => "cbor",
        }
    }
}

/// A configuration of Flowgate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setup {
    /// No file: what users get who configure nothing, metering and its timed reports included.
    BuiltIn,
    /// The realm has no `stats`.
    WithoutStatistics,
    /// Reports after 10 rated messages of 256 octets, on join and on leave.
    Rated,
    /// The same, and a client that subscribes to the reports.
    Monitored,
    /// For more sessions than the default allows.
    ManyConnections,
}

impl Setup {
    const fn name(self) -> &'static str {
        match self {
            Self::BuiltIn => "flowgate",
            Self::WithoutStatistics => "flowgate-without-statistics",
            Self::Rated => "flowgate-rated",
            Self::Monitored => "flowgate-monitored",
            Self::ManyConnections => "flowgate-many-connections",
        }
    }

    /// The node configuration; none for the built-in one.
    fn configuration(self, address: SocketAddr) -> Option<Value> {
        let mut setup = Configuration::default();
        match self {
            Self::BuiltIn => return None,
            Self::WithoutStatistics => {}
            Self::Rated | Self::Monitored => {
                setup.stats = Some(json!({
                    "rated_message_size": 256,
                    "trigger_after_rated_messages": 10,
                    "trigger_after_duration": 0,
                    "trigger_on_join": true,
                    "trigger_on_leave": true,
                }));
            }
            Self::ManyConnections => setup.connections_max_count = 200_000,
        }
        Some(setup.node(address))
    }
}

/// What differs between the configurations of measured Flowgates.
#[derive(Debug, Clone)]
pub(crate) struct Configuration {
    /// Names of the realms.
    pub(crate) realms: Vec<String>,
    pub(crate) stats: Option<Value>,
    pub(crate) connections_max_count: u32,
    /// 0: one for each core.
    pub(crate) workers_count: usize,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            realms: vec!["realm1".to_owned()],
            stats: None,
            connections_max_count: 50_000,
            workers_count: 0,
        }
    }
}

impl Configuration {
    /// A node configuration with one universal port and realms that allow everything.
    pub(crate) fn node(&self, address: SocketAddr) -> Value {
        let realms: Vec<Value> = self.realms.iter().map(|name| self.realm(name)).collect();
        json!({
            "version": 2,
            "workers": [{
                "type": "router",
                "realms": realms,
                "transports": [transport(address, self.connections_max_count)],
            }],
            "flowgate": {
                "admin": {"listen": "off"},
                "worker_threads": self.workers_count,
                // The monitor does not answer GOODBYE.
                "shutdown_timeout": 1,
            },
        })
    }

    fn realm(&self, name: &str) -> Value {
        let mut realm = realm(name);
        if let (Some(stats), Some(realm)) = (&self.stats, realm.as_object_mut()) {
            realm.insert("stats".to_owned(), stats.clone());
        }
        realm
    }
}

/// A realm that allows everything, as Crossbar.io and Flowgate configure it.
pub(super) fn realm(name: &str) -> Value {
    json!({
        "name": name,
        "roles": [{
            "name": "anonymous",
            "permissions": [{
                "uri": "",
                "match": "prefix",
                "allow": {"call": true, "register": true, "publish": true, "subscribe": true},
            }],
        }],
    })
}

/// One port for RawSocket and WebSocket.
pub(super) fn transport(address: SocketAddr, connections_max_count: u32) -> Value {
    let formats = json!(["json", "msgpack", "cbor"]);
    json!({
        "type": "universal",
        "max_connections": connections_max_count,
        "endpoint": {
            "type": "tcp",
            "interface": address.ip().to_string(),
            "port": address.port(),
        },
        "rawsocket": {"serializers": formats},
        "websocket": {"ws": {"type": "websocket", "serializers": formats}},
    })
}

/// Where a router can be reached, by transport.
#[derive(Debug, Clone, Default)]
pub(crate) struct Urls {
    pub(crate) rawsocket: Option<String>,
    pub(crate) websocket: Option<String>,
}

impl Urls {
    /// Both transports on one port.
    pub(crate) fn universal(address: SocketAddr) -> Self {
        Self {
            rawsocket: Some(format!("rs://{address}")),
            websocket: Some(format!("ws://{address}/ws")),
        }
    }

    pub(super) fn of(&self, transport: Transport) -> Option<&str> {
        match transport {
            Transport::RawSocket => self.rawsocket.as_deref(),
            Transport::WebSocket => self.websocket.as_deref(),
        }
    }

    /// Any of them, to see whether somebody listens.
    fn address(&self) -> Result<SocketAddr> {
        let url = self.rawsocket.as_deref().or(self.websocket.as_deref());
        let url = url.context("a router without an address")?;
        let authority = url.split('/').nth(2).unwrap_or_default();
        let resolved = authority.to_socket_addrs().with_context(|| url.to_owned())?.next();
        resolved.with_context(|| format!("{url} has no address"))
    }
}

/// A router under load; one that was started here is ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Router {
    child: Option<Child>,
    /// Whose CPU time counts, with its children.
    pub(crate) pid: Option<u32>,
    pub(crate) urls: Urls,
}

impl Router {
    /// Starts a program and waits until it listens.
    pub(crate) fn start(name: &str, command: &mut Command, urls: Urls, log: &Path) -> Result<Self> {
        let child = process::spawn(command, log)?;
        let mut router = Self { pid: Some(child.id()), child: Some(child), urls };
        router.wait(name).with_context(|| format!("its output is in {}", log.display()))?;
        Ok(router)
    }

    /// A router that somebody else has started.
    pub(super) fn found(name: &str, urls: Urls, pid: Option<u32>) -> Result<Self> {
        let mut router = Self { child: None, pid, urls };
        router.wait(name)?;
        Ok(router)
    }

    fn wait(&mut self, name: &str) -> Result<()> {
        let address = self.urls.address()?;
        let listens = process::poll(START_LIMIT, || {
            if let Some(child) = &mut self.child
                && let Some(status) = child.try_wait()?
            {
                bail!("{name} ended: {status}");
            }
            Ok(TcpStream::connect(address).is_ok())
        })?;
        ensure!(listens, "{name} does not listen on {address}");
        Ok(())
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Asked first, so that those of several processes end all of them.
            let _ = process::terminate(child);
            let _ = process::wait(child, STOP_LIMIT);
        }
    }
}

/// Our own programs, and where their logs go.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) binaries: PathBuf,
    pub(crate) logs: PathBuf,
}

impl Programs {
    pub(super) fn floor(&self) -> Result<Router> {
        let [address] = process::free_addresses()?;
        let mut command = Command::new(self.binaries.join("floor"));
        command.arg(address.to_string());
        Router::start("floor", &mut command, Urls::universal(address), &self.log("floor"))
    }

    pub(super) fn flowgate(&self, setup: Setup) -> Result<Router> {
        let [address, admin] = process::free_addresses()?;
        let name = setup.name();
        let mut command = Command::new(self.binaries.join("flowgate"));
        command.arg("run");
        if let Some(configuration) = setup.configuration(address) {
            fs::create_dir_all(&self.logs)?;
            let file = self.logs.join(format!("{name}.json"));
            fs::write(&file, format!("{configuration:#}\n"))?;
            command.arg("--config").arg(file);
        } else {
            command.args(["--listen", &address.to_string(), "--admin", &admin.to_string()]);
        }
        let urls = Urls::universal(address);
        let router = Router::start(name, &mut command, urls, &self.log(name))?;
        if setup == Setup::Monitored {
            monitor(address).context("the monitor cannot subscribe")?;
        }
        Ok(router)
    }

    fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }
}

/// Subscribes to statistics events over RawSocket, and reads them until the router ends.
fn monitor(address: SocketAddr) -> Result<()> {
    const HELLO: &str = r#"[1,"realm1",{"roles":{"subscriber":{}}}]"#;
    const SUBSCRIBE: &str = r#"[32,1,{},"wamp.session.on_stats"]"#;
    let mut stream = TcpStream::connect(address)?;
    // The longest messages, JSON.
    stream.write_all(&[0x7f, 0xf1, 0, 0])?;
    stream.read_exact(&mut [0; 4])?;
    for (message, answer) in [(HELLO, "[2,"), (SUBSCRIBE, "[33,")] {
        stream.write_all(&u32::try_from(message.len())?.to_be_bytes())?;
        stream.write_all(message.as_bytes())?;
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut text = vec![0; usize::try_from(u32::from_be_bytes(length))?];
        stream.read_exact(&mut text)?;
        ensure!(text.starts_with(answer.as_bytes()), "{}", String::from_utf8_lossy(&text));
    }
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while stream.read(&mut buffer).is_ok_and(|count| count > 0) {}
    });
    Ok(())
}
