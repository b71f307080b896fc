//! The node, its controller and its workers.

use super::{RefusedValues, Section, fixed, ignored, only_empty, quiet, refused, used};

pub(in crate::config) const NODE: Section = Section {
    name: "node",
    keys: &[&[
        used("version"),
        used("workers"),
        used("flowgate"),
        used("controller"),
        quiet("$schema", "it names a schema for editors"),
    ]],
};

pub(in crate::config) const CONTROLLER: Section = Section {
    name: "controller",
    keys: &[&[
        used("options"),
        quiet("id", "Flowgate has one process and no node name"),
        refused("manhole", "Flowgate has no remote shell"),
        only_empty("connections", "Flowgate opens no database connections"),
        ignored("keyring", "Flowgate has no node key"),
        refused("fabric", "Flowgate has no management network"),
        refused("blockchain", "Flowgate has no blockchain functions"),
        fixed("enable_docker", false, "Flowgate does not manage containers"),
    ]],
};

pub(in crate::config) const CONTROLLER_OPTIONS: Section = Section {
    name: "controller options",
    keys: &[&[
        quiet("title", "Flowgate does not rename its process"),
        ignored("shutdown", "Flowgate runs until SIGTERM or SIGINT"),
        quiet("enable_parallel_worker_start", "Flowgate has no worker processes"),
    ]],
};

pub(in crate::config) const WORKER: Section = Section {
    name: "router worker",
    keys: &[&[
        used("type"),
        used("realms"),
        used("transports"),
        used("options"),
        quiet("id", "Flowgate has no worker processes"),
        refused("manhole", "Flowgate has no remote shell"),
        only_empty(
            "components",
            "Flowgate does not host Python components; run them as clients of their own",
        ),
        only_empty("connections", "Flowgate opens no database connections"),
    ]],
};

pub(in crate::config) const WORKER_OPTIONS: Section = Section {
    name: "router worker options",
    keys: &[&[
        used("disabled"),
        quiet("title", "Flowgate has no worker processes"),
        quiet("python", "Flowgate runs no Python"),
        quiet("pythonpath", "Flowgate runs no Python"),
        ignored("cpu_affinity", "threads are not pinned; see `flowgate.worker_threads`"),
        ignored("env", "Flowgate has no worker processes"),
        fixed("expose_controller", false, "Flowgate has no node controller session"),
        fixed("expose_shared", false, "Flowgate hosts no components"),
        quiet("extra", "Flowgate hosts no components"),
    ]],
};

pub(in crate::config) const WORKER_TYPES: RefusedValues = RefusedValues {
    section: "router worker",
    key: "type",
    values: &[
        ("container", "Flowgate does not host Python components; run them as clients of their own"),
        ("guest", "Flowgate starts no other programs"),
        ("proxy", "one Flowgate process uses all cores and needs no proxy workers"),
        ("websocket-testee", "Flowgate is no WebSocket test peer"),
        ("hostmonitor", "Flowgate does not monitor the host"),
        ("marketmaker", "Flowgate has no blockchain functions"),
        ("xbrmm", "Flowgate has no blockchain functions"),
    ],
};
