//! Flowgate's own settings.

use super::{Section, used};

pub(in crate::config) const FLOWGATE: Section = Section {
    name: "flowgate",
    keys: &[&[
        used("admin"),
        used("observer"),
        used("metrics"),
        used("tracing"),
        used("log"),
        used("limits"),
        used("keepalive"),
        used("trustlevels"),
        used("handshake_timeout"),
        used("shutdown_timeout"),
        used("strict_request_ids"),
        used("worker_threads"),
    ]],
};

pub(in crate::config) const ADMIN: Section =
    Section { name: "flowgate admin", keys: &[&[used("listen"), used("hosts")]] };

pub(in crate::config) const OBSERVER: Section = Section {
    name: "flowgate observer",
    keys: &[&[
        used("listen"),
        used("counters"),
        used("timeout"),
        used("max_label_values"),
        used("max_line_bytes"),
        used("sources"),
        used("every"),
    ]],
};

pub(in crate::config) const METRICS: Section =
    Section { name: "flowgate metrics", keys: &[&[used("topics")]] };

pub(in crate::config) const METRICS_TOPIC: Section =
    Section { name: "flowgate metrics topic", keys: &[&[used("uri"), used("match")]] };

pub(in crate::config) const TRACING: Section = Section {
    name: "flowgate tracing",
    keys: &[&[used("directory"), used("max_disk"), used("admin"), used("allow"), used("otlp")]],
};

pub(in crate::config) const TRACE_GRANT: Section = Section {
    name: "flowgate tracing right",
    keys: &[&[used("realm"), used("role"), used("traced"), used("payload")]],
};

pub(in crate::config) const OTLP: Section =
    Section { name: "flowgate tracing otlp", keys: &[&[used("url"), used("sample")]] };

pub(in crate::config) const LOG: Section =
    Section { name: "flowgate log", keys: &[&[used("format"), used("level")]] };

pub(in crate::config) const LIMITS: Section = Section {
    name: "flowgate limits",
    keys: &[&[
        used("send_queue_bytes"),
        used("call_timeout"),
        used("max_call_timeout"),
        used("call_queue"),
    ]],
};

pub(in crate::config) const KEEPALIVE: Section = Section {
    name: "flowgate keepalive",
    keys: &[&[used("interval"), used("timeout"), used("rawsocket")]],
};

pub(in crate::config) const TRUSTLEVEL: Section = Section {
    name: "flowgate trust level",
    keys: &[&[used("realm"), used("role"), used("trustlevel")]],
};
