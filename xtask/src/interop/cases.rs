//! The list of cases: which script runs with which arguments against which router.

use super::router::Setup;

/// One process that must end with exit code 0.
#[derive(Debug)]
pub(super) struct Case {
    /// Unique; the setup first, since cases of one setup share a router.
    pub(super) name: String,
    pub(super) setup: Setup,
    pub(super) script: Script,
    pub(super) arguments: Vec<Argument>,
}

/// The program of a case: a file below `interop/python` or `interop/node`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Script {
    Python(&'static str),
    Node(&'static str),
}

/// An argument, or what stands for one that is known only when the case runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Argument {
    Text(String),
    /// The router's address for WebSocket.
    WebSocket,
    /// The router's address for RawSocket.
    RawSocket,
    /// The router's process id, to send it a signal: such a case is the last of its router.
    RouterPid,
    /// The Node program, for a Python script that starts one.
    Node,
    /// The path of a file below `interop/node`.
    NodeScript(&'static str),
}

use Argument::{Node, NodeScript, RawSocket, RouterPid, WebSocket};

const FRAMEWORKS: [&str; 2] = ["asyncio", "twisted"];
const FORMATS: [&str; 3] = ["json", "msgpack", "cbor"];

/// Name and address of each transport.
const TRANSPORTS: [(&str, Argument); 2] = [("ws", WebSocket), ("rs", RawSocket)];

impl Case {
    fn new(setup: Setup, name: impl AsRef<str>, script: Script) -> Self {
        let name = format!("{setup}/{}", name.as_ref());
        Self { name, setup, script, arguments: Vec::new() }
    }

    fn with(mut self, option: &str, value: impl Into<Argument>) -> Self {
        self.arguments.extend([Argument::Text(option.to_owned()), value.into()]);
        self
    }
}

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Every case, in the order in which they run.
pub(super) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    autobahn_python(&mut cases);
    node(&mut cases);
    mixed_formats(&mut cases);
    statistics(&mut cases);
    shutdown(&mut cases);
    cases
}

fn python(setup: Setup, framework: &str, name: &str, script: &'static str) -> Case {
    let name = format!("python-{framework}/{name}");
    Case::new(setup, name, Script::Python(script)).with("--framework", framework)
}

/// Basic RPC and publish/subscribe of autobahn-python, and the session meta procedures.
fn autobahn_python(cases: &mut Vec<Case>) {
    for framework in FRAMEWORKS {
        let case = |name: &str, script| python(Setup::Embedded, framework, name, script);
        for (transport, address) in TRANSPORTS {
            for format in FORMATS {
                cases.push(
                    case(&format!("basic/{transport}/{format}"), "basic.py")
                        .with("--url", address.clone())
                        .with("--format", format),
                );
            }
        }
        // No batched JSON: autobahn separates by the octet 0x18, the specification by 0x1e.
        for format in ["msgpack.batched", "cbor.batched"] {
            cases.push(
                case(&format!("basic/ws/{format}"), "basic.py")
                    .with("--url", WebSocket)
                    .with("--format", format),
            );
        }
        for ((transport, address), format) in TRANSPORTS.into_iter().zip(FORMATS) {
            cases.push(
                case(&format!("session-meta/{transport}/{format}"), "session_meta.py")
                    .with("--url", address.clone())
                    .with("--format", format),
            );
            cases.push(
                case(&format!("session-ends/{transport}/{format}"), "session_ends.py")
                    .with("--url", address)
                    .with("--format", format),
            );
        }
    }
}

/// Basic RPC and publish/subscribe of the two clients for Node.
fn node(cases: &mut Vec<Case>) {
    let mut push = |client: &str, transport: &str, address: Argument, format: &str| {
        let name = format!("node-{client}/basic/{transport}/{format}");
        cases.push(
            Case::new(Setup::Embedded, name, Script::Node("basic.cjs"))
                .with("--client", client)
                .with("--url", address)
                .with("--format", format),
        );
    };
    for client in ["autobahn", "wampy"] {
        for format in FORMATS {
            push(client, "ws", WebSocket, format);
        }
    }
    // The RawSocket of autobahn for Node has no other format; wampy has no RawSocket.
    push("autobahn", "rs", RawSocket, "json");
}

/// Calls and events between clients of different formats, transports and libraries.
fn mixed_formats(cases: &mut Vec<Case>) {
    for caller in FORMATS {
        for callee in FORMATS.into_iter().filter(|callee| *callee != caller) {
            let name = format!("mixed/{caller}-calls-{callee}");
            cases.push(
                python(Setup::Embedded, "asyncio", &name, "mixed.py")
                    .with("--url", WebSocket)
                    .with("--callee-format", callee)
                    .with("--caller-url", RawSocket)
                    .with("--format", caller),
            );
        }
    }
    for client in ["autobahn", "wampy"] {
        for (theirs, ours) in [("json", "cbor"), ("msgpack", "json"), ("cbor", "msgpack")] {
            let name = format!("cross/{client}-{theirs}-and-{ours}");
            cases.push(
                python(Setup::Embedded, "asyncio", &name, "cross.py")
                    .with("--url", RawSocket)
                    .with("--format", ours)
                    .with("--node", Node)
                    .with("--node-script", NodeScript("cross.cjs"))
                    .with("--node-client", client)
                    .with("--node-url", WebSocket)
                    .with("--node-format", theirs),
            );
        }
    }
}

/// The monitor of session statistics, against what the watched client counted itself.
fn statistics(cases: &mut Vec<Case>) {
    for framework in FRAMEWORKS {
        for setup in [Setup::Embedded, Setup::Metered] {
            let rating = setup.rating();
            for (transport, address) in TRANSPORTS {
                for format in FORMATS {
                    let name = format!("statistics/{transport}/{format}");
                    cases.push(
                        python(setup, framework, &name, "session_stats.py")
                            .with("--url", address.clone())
                            .with("--format", format)
                            .with("--rated-size", rating.size_bytes.to_string().as_str())
                            .with("--rated-trigger", rating.trigger_count.to_string().as_str()),
                    );
                }
            }
        }
        cases.push(
            python(Setup::Metered, framework, "timed-statistics", "timed_stats.py")
                .with("--url", WebSocket),
        );
    }
}

/// What sessions hear when the router ends.
fn shutdown(cases: &mut Vec<Case>) {
    for (framework, setup) in FRAMEWORKS.into_iter().zip([Setup::Embedded, Setup::Metered]) {
        cases.push(
            python(setup, framework, "shutdown", "shutdown.py")
                .with("--url", WebSocket)
                .with("--rawsocket-url", RawSocket)
                .with("--router-pid", RouterPid),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::workspace;

    #[test]
    fn names_are_unique() {
        let cases = all();
        let names: BTreeSet<_> = cases.iter().map(|case| &case.name).collect();
        assert_eq!(names.len(), cases.len());
    }

    #[test]
    fn scripts_exist() {
        let scripts = workspace::root().join("interop");
        for case in all() {
            let script = match case.script {
                Script::Python(name) => scripts.join("python").join(name),
                Script::Node(name) => scripts.join("node").join(name),
            };
            assert!(script.is_file(), "{}", script.display());
        }
    }

    #[test]
    fn the_case_that_ends_a_router_is_its_last() {
        for setup in [Setup::Embedded, Setup::Metered] {
            let cases: Vec<_> = all().into_iter().filter(|case| case.setup == setup).collect();
            let ends = |case: &Case| case.arguments.contains(&RouterPid);
            assert_eq!(cases.iter().position(ends), Some(cases.len() - 1));
        }
    }
}
