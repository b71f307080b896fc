//! Calls through the whole server, as it is and with a part of it left out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::Costs;
use crate::compare::router::{Router, Urls};
use crate::{callgrind, process, workspace};

/// A call of 16 octets, one at a time, RawSocket with CBOR.
pub(super) const CALL: &str = "server, call 16 B";

/// The same through a router that does not count or time messages.
pub(super) const UNCOUNTED: &str = "server without metrics, call 16 B";

/// The same through a router in which messages cannot be traced.
pub(super) const UNTRACED: &str = "server without tracing, call 16 B";

/// Names of cases, with the features of the server that they are about.
const CASES: [(&str, &[&str]); 3] =
    [(CALL, &[]), (UNCOUNTED, &["uncounted"]), (UNTRACED, &["untraced"])];

/// Two numbers of calls, far enough apart.
const CALLS_COUNTS: [u32; 2] = [500, 2500];

/// The package of the server, and the program in it.
const SERVER: [&str; 2] = ["flowgate-server", "flowgate"];

/// The package of the client, and the program in it.
const CLIENT: [&str; 2] = ["flowgate-benches", "calls"];

/// The cases that are counted here.
pub(super) fn names() -> impl Iterator<Item = String> {
    CASES.iter().map(|(name, _)| (*name).to_owned())
}

/// Counts those of the named cases that are counted here.
pub(super) fn count(names: &[String]) -> Result<Costs> {
    let wanted = CASES.iter().filter(|(name, _)| names.iter().any(|wanted| wanted == name));
    let mut costs = Costs::new();
    let mut client = None;
    // The one without features comes last, so that it is the one that stays where cargo puts it.
    for (name, features) in wanted.rev() {
        let client = match &client {
            Some(client) => client,
            None => client.insert(build(CLIENT, &[])?),
        };
        let router = build(SERVER, features)?;
        eprintln!("{name}");
        costs.insert((*name).to_owned(), instructions(&router, client).context(*name)?);
    }
    Ok(costs)
}

/// Builds a program in the release profile.
fn build([package, program]: [&str; 2], features: &[&str]) -> Result<PathBuf> {
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--release", "--package", package, "--bin", program]);
    cargo.args(["--features", &features.join(",")]);
    ensure!(cargo.status()?.success(), "{program} does not compile");
    Ok(workspace::target_directory()?.join("release").join(program))
}

/// What one call takes of the router's process, in user mode.
fn instructions(router: &Path, client: &Path) -> Result<f64> {
    let [few, many] = CALLS_COUNTS;
    let difference = total(router, client, many)?.saturating_sub(total(router, client, few)?);
    Ok(difference as f64 / f64::from(many - few))
}

/// The instructions of a router from its start to its end, with so many calls between.
fn total(router: &Path, client: &Path, calls_count: u32) -> Result<u64> {
    let [address, admin] = process::free_addresses()?;
    let mut command = Command::new(router);
    command.args(["run", "--listen", &address.to_string(), "--admin", &admin.to_string()]);
    let mut command = callgrind::command(&command);
    command.env("RUST_LOG", "error");
    let log = workspace::target_directory()?.join("bench").join("flowgate.log");
    let router = Router::start("flowgate", &mut command, Urls::universal(address), &log)?;
    let mut client = Command::new(client);
    client.args([&address.to_string(), &calls_count.to_string()]).stdin(Stdio::null());
    let status = client.status().context("cannot start the client")?;
    drop(router);
    ensure!(status.success(), "the client ended with {status}");
    callgrind::collected(&fs::read_to_string(log)?)
}
