//! The router under test: building, starting and stopping it.

use std::fmt;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::process::{self, Ended};
use crate::workspace;

/// A router that is not ready by then is broken.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Sessions are gone by then: a router that still runs does not end.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// For one question to the admin port.
const ADMIN_LIMIT: Duration = Duration::from_secs(2);

/// How the router is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Setup {
    /// No file: the configuration that is built in.
    Embedded,
    /// A node configuration file with the statistics of the documentation's example.
    Metered,
    /// A node configuration file with a history, a role of its own for a path, and topics and
    /// procedures whose users are disclosed always (`interop.open`) or never (`interop.hidden`).
    Advanced,
}

/// The `stats` options of realm1 that a client can check.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rating {
    pub(super) size_bytes: u32,
    /// 0: no such trigger.
    pub(super) trigger_count: u32,
}

impl Setup {
    pub(super) fn rating(self) -> Rating {
        match self {
            Self::Embedded | Self::Advanced => Rating { size_bytes: 512, trigger_count: 0 },
            Self::Metered => Rating { size_bytes: 256, trigger_count: 10 },
        }
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Embedded => "default",
            Self::Metered => "metered",
            Self::Advanced => "advanced",
        })
    }
}

/// Where clients connect to.
#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    pub(super) websocket: Option<String>,
    /// For WebSocket in the role `backend`.
    pub(super) backend: Option<String>,
    pub(super) rawsocket: Option<String>,
}

impl Endpoints {
    fn universal(address: SocketAddr) -> Self {
        Self {
            websocket: Some(format!("ws://{address}/ws")),
            backend: Some(format!("ws://{address}/backend")),
            rawsocket: Some(format!("rs://{address}")),
        }
    }

    /// The socket address for RawSocket.
    pub(crate) fn rawsocket_address(&self) -> Result<SocketAddr> {
        let url = self.rawsocket.as_deref().context("no RawSocket address")?;
        Ok(url.trim_start_matches("rs://").parse()?)
    }

    pub(super) fn add(&mut self, url: &str) -> Result<()> {
        match url.split_once("://") {
            Some(("ws", _)) => self.websocket = Some(url.to_owned()),
            Some(("rs", _)) => self.rawsocket = Some(url.to_owned()),
            _ => bail!("not a ws:// or rs:// address: {url}"),
        }
        Ok(())
    }
}

/// Builds the router; the development profile is built for the other tests anyway.
pub(crate) fn build() -> Result<PathBuf> {
    let status = workspace::cargo().args(["build", "--package", "flowgate-server"]).status()?;
    ensure!(status.success(), "the router does not compile");
    Ok(workspace::target_directory()?.join("debug/flowgate"))
}

/// Who sends the router its SIGTERM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    NotSent,
    /// A case was to send it, as its last act.
    SentByCase,
}

/// A running router, ended at the latest when this is dropped.
#[derive(Debug)]
pub(crate) struct Router {
    child: Child,
    endpoints: Endpoints,
}

impl Router {
    /// Starts the router on free ports and waits until it is ready.
    pub(crate) fn start(binary: &Path, setup: Setup, log: &Path) -> Result<Self> {
        let [listen, admin] = process::free_addresses()?;
        let mut command = Command::new(binary);
        command.arg("run").arg("--admin").arg(admin.to_string());
        match setup {
            Setup::Embedded => command.arg("--listen").arg(listen.to_string()),
            Setup::Metered | Setup::Advanced => {
                let file = log.with_extension("json");
                fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
                fs::write(&file, format!("{:#}\n", node_configuration(setup, listen)))?;
                command.arg("--config").arg(file)
            }
        };
        let child = process::spawn(&mut command, log)?;
        let mut router = Self { child, endpoints: Endpoints::universal(listen) };
        let ready = process::poll(START_LIMIT, || {
            if let Some(status) = router.child.try_wait()? {
                bail!("the router ended: {status}");
            }
            Ok(is_ready(admin).unwrap_or(false))
        })?;
        ensure!(ready, "the router is not ready after {} s", START_LIMIT.as_secs());
        Ok(router)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Ends the router by SIGTERM; it must exit with 0.
    pub(crate) fn stop(&mut self, signal: Signal) -> Result<()> {
        // A second signal while it drains would be another test.
        let ended = match signal {
            Signal::NotSent => self.child.try_wait()?.is_some(),
            Signal::SentByCase => {
                process::poll(STOP_LIMIT, || Ok(self.child.try_wait()?.is_some()))?
            }
        };
        if !ended {
            process::terminate(&self.child)?;
        }
        match process::wait(&mut self.child, STOP_LIMIT)? {
            Ended::Exited(status) if status.success() => Ok(()),
            Ended::Exited(status) => bail!("the router ended with {status}"),
            Ended::TimedOut => bail!("the router still ran after {} s", STOP_LIMIT.as_secs()),
        }
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        // Harmless for a child that has ended and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks the admin port whether the router is ready.
fn is_ready(admin: SocketAddr) -> Result<bool> {
    let mut stream = TcpStream::connect_timeout(&admin, ADMIN_LIMIT)?;
    stream.set_read_timeout(Some(ADMIN_LIMIT))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split_whitespace().nth(1).context("no status line")?;
    Ok(status == "200")
}

/// A node configuration as users of Crossbar.io have it, with one universal port.
fn node_configuration(setup: Setup, listen: SocketAddr) -> Value {
    let formats = json!(["json", "msgpack", "cbor"]);
    let backend = json!({"type": "static", "role": BACKEND, "authid": BACKEND});
    json!({
        "version": 2,
        "workers": [{
            "type": "router",
            "realms": match setup {
                Setup::Embedded | Setup::Metered => metered_realms(setup.rating()),
                Setup::Advanced => json!([advanced_realm()]),
            },
            "transports": [{
                "type": "universal",
                "endpoint": {
                    "type": "tcp",
                    "interface": listen.ip().to_string(),
                    "port": listen.port(),
                },
                "rawsocket": {"serializers": formats},
                "websocket": match setup {
                    Setup::Embedded | Setup::Metered => {
                        json!({"ws": {"type": "websocket", "serializers": formats}})
                    }
                    Setup::Advanced => json!({
                        "ws": {"type": "websocket", "serializers": formats},
                        "backend": {"type": "websocket", "auth": {"anonymous": backend}},
                    }),
                },
            }],
        }],
        "flowgate": match setup {
            Setup::Embedded | Setup::Metered => json!({}),
            Setup::Advanced => json!({
                "trustlevels": [{"realm": "realm1", "role": BACKEND, "trustlevel": 7}],
            }),
        },
    })
}

/// The role and the authid of sessions that come by the path of this name.
const BACKEND: &str = "backend";

fn metered_realms(rating: Rating) -> Value {
    let roles = json!([{"name": "anonymous", "permissions": [permission("", &json!(false))]}]);
    json!([
        {
            "name": "realm1",
            "roles": roles,
            "stats": {
                "rated_message_size": rating.size_bytes,
                "trigger_after_rated_messages": rating.trigger_count,
                "trigger_after_duration": 0,
                "trigger_on_join": true,
                "trigger_on_leave": true,
            },
        },
        {
            "name": "timed",
            "roles": roles,
            "stats": {"trigger_after_duration": 1},
        },
    ])
}

fn advanced_realm() -> Value {
    let permissions = json!([
        permission("", &json!(false)),
        permission("interop.open.", &json!(true)),
        permission("interop.hidden.", &json!("never")),
    ]);
    json!({
        "name": "realm1",
        "roles": [
            {"name": "anonymous", "permissions": permissions},
            {"name": BACKEND, "permissions": permissions},
        ],
        "store": {
            "type": "memory",
            "event-history": [{"uri": "interop.history", "match": "prefix", "limit": 3}],
        },
    })
}

/// Allows everything with URIs that begin so.
fn permission(prefix: &str, disclose: &Value) -> Value {
    json!({
        "uri": prefix,
        "match": "prefix",
        "allow": {"call": true, "register": true, "publish": true, "subscribe": true},
        "disclose": {"caller": disclose, "publisher": disclose},
        "cache": true,
    })
}
