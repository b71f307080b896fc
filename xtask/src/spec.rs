//! `cargo xtask spec PATH`: the test vectors of the specification, from a checkout of its repository.
//!
//! The vectors of single messages go to the codec, those of sessions to the built router, over
//! sockets.
//! None of them is part of this repository.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use self::session::Session;
use self::vector::{Bindings, Layout, REALM, Vector};
use crate::interop::router::{self, Router, Setup, Signal};
use crate::tally::{Skips, Summary, Tally};
use crate::workspace;

mod session;
mod vector;

/// Where the repository has vectors of sessions: of one, and of several.
const SEQUENCES: [&str; 2] = ["testsuite/singlesession", "testsuite/multisession"];

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let [checkout] = arguments else {
        bail!("usage: cargo xtask spec PATH, with the path of a checkout of wamp-proto");
    };
    let checkout = fs::canonicalize(checkout).with_context(|| checkout.clone())?;
    let mut summary = Summary::default();
    summary.add("vectors of single messages, all of them", single_messages(&checkout)?);
    summary.add("vectors of sessions", sequences(&checkout)?);
    Ok(summary.finish(Skips::of_this_run()))
}

fn single_messages(checkout: &Path) -> Result<Tally> {
    let mut command = workspace::cargo();
    command.args(["run", "--quiet", "--package", "flowgate-wire", "--example", "spec_vectors"]);
    Ok(Tally::one(command.arg("--").arg(checkout).status()?.success()))
}

fn sequences(checkout: &Path) -> Result<Tally> {
    let mut files = Vec::new();
    for folder in SEQUENCES.map(|folder| checkout.join(folder)) {
        if folder.is_dir() {
            collect(&folder, &mut files)?;
        }
    }
    files.sort();
    ensure!(!files.is_empty(), "there are no vectors of sessions below {}", checkout.display());
    let log = workspace::target_directory()?.join("spec/router.log");
    let mut router = Router::start(&router::build()?, Setup::Embedded, &log)?;
    let mut tally = Tally::default();
    for file in &files {
        let name = file.strip_prefix(checkout).unwrap_or(file).display();
        let outcome = play(&router, file);
        match &outcome {
            Ok(()) => println!("ok    {name}"),
            Err(error) => println!("FAIL  {name}: {error:#}"),
        }
        tally += Tally::one(outcome.is_ok());
    }
    router.stop(Signal::NotSent)?;
    Ok(tally)
}

/// Adds all JSON files below a folder.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    Ok(())
}

/// Plays one vector: every session must get exactly the messages that it names, in this order.
fn play(router: &Router, file: &Path) -> Result<()> {
    let text = fs::read_to_string(file)?;
    let vector = Vector::parse(&serde_json::from_str(&text)?)?;
    let address = router.endpoints().rawsocket_address()?;
    let mut bindings = Bindings::default();
    let mut sessions = BTreeMap::new();
    for (name, realm) in &vector.sessions {
        let mut session = Session::connect(address)?;
        // A vector that tells how a session is opened opens it itself.
        if !vector.opens(name) {
            session.join(realm.as_deref().unwrap_or(REALM))?;
        }
        sessions.insert(name.as_str(), session);
    }
    for step in &vector.steps {
        let context = || format!("step {}: {}", step.number, step.description);
        let layout = Layout::of(&step.message).with_context(context)?;
        let session = sessions.get_mut(step.session.as_str()).with_context(context)?;
        if step.is_sent {
            let message = bindings.to_wire(layout, &step.session, &step.message);
            session.send(&message.with_context(context)?).with_context(context)?;
        } else {
            let received = session.receive(step.limit).with_context(context)?;
            let matched = bindings.check(layout, &step.session, &step.message, &received);
            matched.with_context(context)?;
        }
    }
    for (name, session) in sessions {
        // Nothing comes in between: no message that the vector does not know.
        if !vector.closes(name) {
            session.leave().with_context(|| format!("{name} after the last step"))?;
        }
    }
    Ok(())
}

/// Compact JSON, for people.
fn shown(message: &[Value]) -> String {
    Value::from(message.to_vec()).to_string()
}
