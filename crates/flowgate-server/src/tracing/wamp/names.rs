//! The names under which traces are had over WAMP: ours, and those of Crossbar.io.

use std::collections::BTreeMap;

use flowgate_router::ServedApi;
use flowgate_trace::Record;

/// `node_id` in the descriptions of traces, and in the names and arguments of Crossbar.io.
pub(crate) const NODE_ID: &str = "flowgate";

/// `worker_id`, likewise.
pub(crate) const WORKER_ID: &str = "router";

/// What the URIs begin with; nobody else has any that do.
const PREFIXES: [&str; 3] = ["flowgate.tracing", "crossbar.worker.router", "crossbarfabriccenter"];

/// Where a trace of this router has its procedures and events.
const OF_ROUTER: [&str; 3] = [
    "flowgate.tracing",
    "crossbar.worker.router",
    "crossbarfabriccenter.node.flowgate.worker.router",
];

/// Where the procedures and events have the node and the worker as their first arguments.
const OF_WORKER: &str = "crossbarfabriccenter.remote.tracing";

/// Where the traces of several workers are managed.
const OF_CENTER: &str = "crossbarfabriccenter.mrealm.tracing";

/// What is done with a trace of one router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TraceProcedure {
    List,
    Get,
    Start,
    Stop,
    Data,
}

/// What is done with a trace of several workers, which is defined before it is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CenterProcedure {
    List,
    Get,
    Create,
    Start,
    Stop,
    Delete,
    Data,
}

/// A procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Procedure {
    /// Of this router.
    Router(TraceProcedure),
    /// Of the worker that the first two arguments name.
    Worker(TraceProcedure),
    Center(CenterProcedure),
    /// Which nodes there are.
    Nodes,
    /// Which workers a node has.
    Workers,
    /// What there is to know of a worker.
    WorkerInfo,
}

/// What happens to a trace of one router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TraceEvent {
    Started,
    Stopped,
    Data,
}

/// What happens to a trace of several workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CenterEvent {
    Created,
    Starting,
    Started,
    Stopping,
    Stopped,
    Deleted,
    Data,
}

/// What comes before the trace in arguments, and with it what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lead {
    /// Nothing: all records are shown.
    Nothing,
    /// The node and the worker, as in Crossbar.io, whose records all belong to an action of a
    /// client: its scripts cannot show others.
    Place,
}

impl TraceProcedure {
    const ALL: [Self; 5] = [Self::List, Self::Get, Self::Start, Self::Stop, Self::Data];

    const fn name(self) -> &'static str {
        match self {
            Self::List => "get_traces",
            Self::Get => "get_trace",
            Self::Start => "start_trace",
            Self::Stop => "stop_trace",
            Self::Data => "get_trace_data",
        }
    }
}

impl CenterProcedure {
    const ALL: [Self; 7] =
        [Self::List, Self::Get, Self::Create, Self::Start, Self::Stop, Self::Delete, Self::Data];

    const fn name(self) -> &'static str {
        match self {
            Self::List => "get_traces",
            Self::Get => "get_trace",
            Self::Create => "create_trace",
            Self::Start => "start_trace",
            Self::Stop => "stop_trace",
            Self::Delete => "delete_trace",
            Self::Data => "get_trace_data",
        }
    }
}

impl Procedure {
    /// All of them by their names.
    pub(super) fn by_name() -> BTreeMap<String, Self> {
        let mut all = BTreeMap::new();
        for procedure in TraceProcedure::ALL {
            let name = procedure.name();
            for prefix in OF_ROUTER {
                all.insert(format!("{prefix}.{name}"), Self::Router(procedure));
            }
            all.insert(format!("{OF_WORKER}.{name}"), Self::Worker(procedure));
        }
        for procedure in CenterProcedure::ALL {
            all.insert(format!("{OF_CENTER}.{}", procedure.name()), Self::Center(procedure));
        }
        for (name, procedure) in [
            ("crossbarfabriccenter.mrealm.get_nodes", Self::Nodes),
            ("crossbarfabriccenter.remote.node.get_workers", Self::Workers),
            ("crossbarfabriccenter.remote.node.get_worker", Self::WorkerInfo),
        ] {
            all.insert(name.to_owned(), procedure);
        }
        all
    }
}

impl TraceEvent {
    const fn name(self) -> &'static str {
        match self {
            Self::Started => "on_trace_started",
            Self::Stopped => "on_trace_stopped",
            Self::Data => "on_trace_data",
        }
    }

    /// The topics whose arguments begin so.
    pub(super) fn topics(self, lead: Lead) -> Vec<String> {
        let prefixes: &[&str] = match lead {
            Lead::Nothing => &OF_ROUTER,
            Lead::Place => &[OF_WORKER],
        };
        prefixes.iter().map(|prefix| format!("{prefix}.{}", self.name())).collect()
    }
}

impl Lead {
    /// Whether a record is shown there.
    pub(super) fn shows(self, record: &Record) -> bool {
        match (self, record) {
            (Self::Nothing, _) => true,
            (Self::Place, Record::Message(message)) => message.correlation().is_some(),
            (Self::Place, Record::Action(action)) => action.originator.session.is_some(),
        }
    }
}

impl CenterEvent {
    pub(super) fn topic(self) -> String {
        let name = match self {
            Self::Created => "on_trace_created",
            Self::Starting => "on_trace_starting",
            Self::Started => "on_trace_started",
            Self::Stopping => "on_trace_stopping",
            Self::Stopped => "on_trace_stopped",
            Self::Deleted => "on_trace_deleted",
            Self::Data => "on_trace_data",
        };
        format!("{OF_CENTER}.{name}")
    }
}

/// Whether a URI or pattern is about traces: an action of such a URI is never recorded, since a trace
/// of what tells of traces would feed itself for ever.
pub(crate) fn is_about_traces(uri: &str) -> bool {
    PREFIXES.iter().any(|prefix| {
        let rest = uri.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// What the core is to know.
pub(crate) fn served() -> Vec<ServedApi> {
    let all = Procedure::by_name();
    let api = |prefix: &str| {
        let below = all.keys().filter_map(|name| name.strip_prefix(prefix)?.strip_prefix('.'));
        let procedures = below.map(str::to_owned).collect();
        ServedApi { prefix: prefix.to_owned(), procedures }
    };
    PREFIXES.map(api).to_vec()
}

#[cfg(test)]
mod tests;
