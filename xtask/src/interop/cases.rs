//! The list of cases: which script runs with which arguments against which router.

use super::programs::Program;
use super::router::Setup;

/// One process that must end with exit code 0.
#[derive(Debug)]
pub(super) struct Case {
    /// Unique; the setup first, since cases of one setup share a router.
    pub(super) name: String,
    /// The router that it uses; without one it starts what it needs itself.
    pub(super) setup: Option<Setup>,
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
    /// The router's address for WebSocket in the role `backend`.
    Backend,
    /// The router's address for RawSocket.
    RawSocket,
    /// The router's process id, to send it a signal: such a case is the last of its router.
    RouterPid,
    /// The Node program, for a Python script that starts one.
    Node,
    /// The path of a file below `interop/node`.
    NodeScript(&'static str),
    /// The path of a file below `interop/php`.
    PhpScript(&'static str),
    /// The built binary, for a script that starts it.
    Flowgate,
    /// A program of another project.
    Program(Program),
}

use Argument::{Backend, Flowgate, Node, NodeScript, PhpScript, RawSocket, RouterPid, WebSocket};

const FRAMEWORKS: [&str; 2] = ["asyncio", "twisted"];
const FORMATS: [&str; 3] = ["json", "msgpack", "cbor"];

/// Name and address of each transport.
const TRANSPORTS: [(&str, Argument); 2] = [("ws", WebSocket), ("rs", RawSocket)];

impl Case {
    fn new(setup: Setup, name: impl AsRef<str>, script: Script) -> Self {
        let name = format!("{setup}/{}", name.as_ref());
        Self { name, setup: Some(setup), script, arguments: Vec::new() }
    }

    /// A case that starts the built binary itself.
    fn alone(name: &str, script: &'static str) -> Self {
        let (name, script) = (format!("alone/{name}"), Script::Python(script));
        Self { name, setup: None, script, arguments: Vec::new() }.with("--flowgate", Flowgate)
    }

    /// The programs of other projects that it runs.
    pub(super) fn programs(&self) -> impl Iterator<Item = Program> {
        self.arguments.iter().filter_map(|argument| match argument {
            Argument::Program(program) => Some(*program),
            Argument::Text(_)
            | WebSocket
            | Backend
            | RawSocket
            | RouterPid
            | Node
            | NodeScript(_)
            | PhpScript(_)
            | Flowgate => None,
        })
    }

    fn with(mut self, option: &str, value: impl Into<Argument>) -> Self {
        self.arguments.extend([Argument::Text(option.to_owned()), value.into()]);
        self
    }
}

impl From<Program> for Argument {
    fn from(program: Program) -> Self {
        Self::Program(program)
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
    advanced(&mut cases);
    statistics(&mut cases);
    traces(&mut cases);
    shutdown(&mut cases);
    observer(&mut cases);
    metrics(&mut cases);
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

/// The advanced profile: autobahn-python alone, and with each of the Node clients.
fn advanced(cases: &mut Vec<Case>) {
    for (framework, formats) in [("asyncio", ["json", "cbor"]), ("twisted", ["msgpack", "json"])] {
        for ((transport, address), format) in TRANSPORTS.into_iter().zip(formats) {
            let case = |name: &str, script| {
                let name = format!("{name}/{transport}/{format}");
                python(Setup::Advanced, framework, &name, script)
                    .with("--url", address.clone())
                    .with("--format", format)
            };
            cases.push(case("calls", "advanced_calls.py").with("--backend-url", Backend));
            cases.push(case("events", "advanced_events.py").with("--backend-url", Backend));
            cases.push(case("meta-api", "meta_api.py"));
        }
    }
    for client in ["autobahn", "wampy"] {
        for (theirs, ours) in [("json", "msgpack"), ("msgpack", "cbor"), ("cbor", "json")] {
            let name = format!("advanced/{client}-{theirs}-and-{ours}");
            cases.push(
                python(Setup::Advanced, "asyncio", &name, "advanced_cross.py")
                    .with("--url", RawSocket)
                    .with("--format", ours)
                    .with("--node", Node)
                    .with("--node-script", NodeScript("advanced.cjs"))
                    .with("--node-client", client)
                    .with("--node-url", Backend)
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

/// Traces over WAMP, against what the traced clients have sent and received.
fn traces(cases: &mut Vec<Case>) {
    for framework in FRAMEWORKS {
        for ((transport, address), format) in
            TRANSPORTS.into_iter().cycle().zip(FORMATS.into_iter().chain(["json"]))
        {
            for (name, script) in [("messages", "tracing.py"), ("center", "tracing_center.py")] {
                cases.push(
                    python(
                        Setup::Embedded,
                        framework,
                        &format!("traces/{name}/{transport}/{format}"),
                        script,
                    )
                    .with("--url", address.clone())
                    .with("--format", format),
                );
            }
        }
    }
    cases.push(Case::alone("traces/exports", "trace_exports.py").with("--tshark", Program::Tshark));
    cases.push(Case::alone("traces/otlp", "trace_otlp.py"));
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

/// The line-protocol observer: PHP logs, Prometheus and its tools read the page.
fn observer(cases: &mut Vec<Case>) {
    cases.push(Case::alone("observer/parser", "observer_parser.py"));
    cases.push(
        Case::alone("observer/php-writers", "observer_writers.py")
            .with("--php", Program::Php)
            .with("--writer", PhpScript("writer.php")),
    );
    for command in ["observe", "run"] {
        let name = format!("observer/prometheus/{command}");
        cases.push(
            Case::alone(&name, "observer_prometheus.py")
                .with("--prometheus", Program::Prometheus)
                .with("--promtool", Program::Promtool)
                .with("--command", command),
        );
    }
}

/// The router's metrics: Prometheus and its tools read them, and the rules do what they should.
fn metrics(cases: &mut Vec<Case>) {
    cases.push(
        Case::alone("metrics/prometheus", "router_metrics.py")
            .with("--prometheus", Program::Prometheus)
            .with("--promtool", Program::Promtool),
    );
    cases.push(
        Case::alone("metrics/rules", "prometheus_rules.py").with("--promtool", Program::Promtool),
    );
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
            for argument in case.arguments {
                if let PhpScript(name) = argument {
                    assert!(scripts.join("php").join(name).is_file(), "{name}");
                }
            }
        }
    }

    #[test]
    fn the_case_that_ends_a_router_is_its_last() {
        for setup in [Setup::Embedded, Setup::Metered] {
            let cases: Vec<_> =
                all().into_iter().filter(|case| case.setup == Some(setup)).collect();
            let ends = |case: &Case| case.arguments.contains(&RouterPid);
            assert_eq!(cases.iter().position(ends), Some(cases.len() - 1));
        }
    }
}
