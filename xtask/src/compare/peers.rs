//! Other routers: those that are installed from registries, and those of the command line.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::cases::Load;
use super::router::{Format, Router, Urls, realm, transport};
use crate::install::{self, NODE_NEEDED, PYTHON_NEEDED};
use crate::process;
use crate::workspace;

/// What stands for the port in a command and in the addresses of what it starts.
const PORT: &str = "{port}";

/// fox-wamp's own command line logs every message.
const FOX_WAMP: &str = "const Router = require('fox-wamp'); \
                        new Router().listenWAMP({host: '127.0.0.1', port: +process.argv[1]})";

/// Another router.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) router: Router,
    /// What it understands.
    pub(super) formats: Vec<Format>,
    /// What it was loaded with in vain, and why.
    pub(super) failures: Vec<String>,
}

impl Peer {
    fn new(name: impl Into<String>, router: Router, formats: &[Format]) -> Self {
        let formats = formats.to_vec();
        Self { name: name.into(), router, formats, failures: Vec::new() }
    }

    /// Whether it speaks the transport and the serializers of a load.
    pub(super) fn understands(&self, load: &Load) -> bool {
        self.router.urls.of(load.transport).is_some()
            && load.formats().all(|format| self.formats.contains(&format))
    }
}

/// A router of the command line: `NAME=ITEM[,ITEM…]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Spec {
    name: String,
    rawsocket: Option<String>,
    websocket: Option<String>,
    pid: Option<u32>,
    command: Option<String>,
}

impl Spec {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let (name, mut items) = text.split_once('=').context("--peer needs NAME=…")?;
        let mut spec = Self { name: name.to_owned(), ..Self::default() };
        while !items.is_empty() {
            // A command has commas of its own, and is the last item.
            if let Some(command) = items.strip_prefix("run=") {
                spec.command = Some(command.to_owned());
                break;
            }
            let (item, rest) = items.split_once(',').unwrap_or((items, ""));
            if item.starts_with("rs://") {
                spec.rawsocket = Some(item.to_owned());
            } else if item.starts_with("ws://") {
                spec.websocket = Some(item.to_owned());
            } else if let Some(pid) = item.strip_prefix("pid=") {
                spec.pid = Some(pid.parse().with_context(|| item.to_owned())?);
            } else {
                bail!("--peer {name}: {item:?} is not an address, pid=N or run=COMMAND");
            }
            items = rest;
        }
        let addressed = spec.rawsocket.is_some() || spec.websocket.is_some();
        ensure!(addressed, "--peer {name}: without a ws:// or rs:// address");
        ensure!(
            spec.command.is_none() || spec.pid.is_none(),
            "--peer {name}: pid=N is for a router that runs already"
        );
        Ok(spec)
    }

    pub(super) fn start(self, logs: &Path) -> Result<Peer> {
        let [address] = process::free_addresses()?;
        let port = address.port().to_string();
        let with_port = |url: String| url.replace(PORT, &port);
        let urls = Urls {
            rawsocket: self.rawsocket.map(with_port),
            websocket: self.websocket.map(with_port),
        };
        let router = match self.command {
            None => Router::found(&self.name, urls, self.pid)?,
            Some(command) => {
                // The shell is replaced, so that its process is the router's.
                let script = format!("exec {}", command.replace(PORT, &port));
                let log = logs.join(format!("{}.log", self.name));
                Router::start(&self.name, Command::new("sh").args(["-c", &script]), urls, &log)?
            }
        };
        Ok(Peer::new(self.name, router, &Format::ALL))
    }
}

/// Installs and starts the peers of the registries below `directory`; says what it leaves out.
pub(super) fn installed(directory: &Path, logs: &Path) -> Result<Vec<Peer>> {
    let pins = workspace::root().join("benches/peers");
    let mut peers = Vec::new();
    let python = directory.join("python");
    match install::python(&python, &pins.join("python"))? {
        Some(_) => peers.push(crossbar(&python, logs)?),
        None => eprintln!("crossbar is left out: {PYTHON_NEEDED}"),
    }
    let packages = directory.join("node");
    match install::node(&packages, &pins.join("node"))? {
        Some(node) => peers.push(fox_wamp(&node, &packages, logs)?),
        None => eprintln!("fox-wamp is left out: {NODE_NEEDED}"),
    }
    Ok(peers)
}

fn crossbar(python: &Path, logs: &Path) -> Result<Peer> {
    let [address] = process::free_addresses()?;
    let node = json!({
        "version": 2,
        "workers": [{
            "type": "router",
            "realms": [realm("realm1")],
            "transports": [transport(address, 50_000)],
        }],
    });
    let directory = logs.join("crossbar");
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("config.json"), format!("{node:#}\n"))?;
    let requirements = workspace::root().join("benches/peers/python/requirements.txt");
    let requirements = fs::read_to_string(requirements)?;
    let version = requirements.lines().find_map(|line| line.strip_prefix("crossbar=="));
    let name = format!("crossbar {}", version.context("crossbar is pinned")?);
    let mut command = Command::new(python.join("bin/crossbar"));
    command.args(["start", "--cbdir"]).arg(&directory);
    let log = logs.join("crossbar.log");
    let router = Router::start(&name, &mut command, Urls::universal(address), &log)?;
    Ok(Peer::new(name, router, &Format::ALL))
}

/// WebSocket and JSON is what it has.
fn fox_wamp(node: &Path, packages: &Path, logs: &Path) -> Result<Peer> {
    let [address] = process::free_addresses()?;
    let modules = packages.join("node_modules");
    let package: Value = serde_json::from_slice(&fs::read(modules.join("fox-wamp/package.json"))?)?;
    let version = package.get("version").and_then(Value::as_str).context("it has a version")?;
    let name = format!("fox-wamp {version}");
    let mut command = Command::new(node);
    command.args(["-e", FOX_WAMP, &address.port().to_string()]).env("NODE_PATH", &modules);
    let urls = Urls { websocket: Some(format!("ws://{address}/ws")), rawsocket: None };
    let router = Router::start(&name, &mut command, urls, &logs.join("fox-wamp.log"))?;
    Ok(Peer::new(name, router, &[Format::Json]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_an_address_or_a_command_with_a_port() {
        let spec = Spec::parse("nexus=rs://[::1]:1,ws://localhost:2/ws,pid=7").unwrap();
        assert_eq!((spec.name.as_str(), spec.pid), ("nexus", Some(7)));
        assert!(spec.rawsocket.is_some() && spec.websocket.is_some() && spec.command.is_none());
        let spec = Spec::parse("own=ws://127.0.0.1:{port}/,run=router -p {port} -x a,b").unwrap();
        assert_eq!(spec.command.as_deref(), Some("router -p {port} -x a,b"));
    }

    #[test]
    fn a_peer_that_cannot_be_reached_is_refused() {
        for text in ["nexus", "nexus=", "nexus=pid=1", "nexus=localhost", "a=ws://b/,pid=x"] {
            assert!(Spec::parse(text).is_err(), "{text}");
        }
        assert!(Spec::parse("a=ws://b/,pid=1,run=c").is_err());
    }
}
