//! Realms, roles, permissions and session statistics.

use super::{RefusedValues, Section, fixed, only_empty, quiet, refused, used};

pub(in crate::config) const REALM: Section = Section {
    name: "realm",
    keys: &[&[
        used("name"),
        used("roles"),
        used("options"),
        used("stats"),
        used("store"),
        used("retention"),
        quiet("id", "a realm is known by its name"),
        refused("inventory", "payload validation is not supported"),
        only_empty("rlinks", "links between routers are not supported yet"),
    ]],
};

pub(in crate::config) const REALM_OPTIONS: Section = Section {
    name: "realm options",
    keys: &[&[
        used("uri_check"),
        used("enable_meta_api"),
        fixed("bridge_meta_api", false, "there are no links between routers to bridge over"),
        quiet(
            "event_dispatching_chunk_size",
            "an event is encoded once for all its receivers, and needs no chunks",
        ),
    ]],
};

pub(in crate::config) const STORE: Section = Section {
    name: "store",
    keys: &[&[
        used("type"),
        used("path"),
        used("max-buffer"),
        used("limit"),
        used("event-history"),
        only_empty("call-queue", "call queues are not configured here"),
        refused("maxsize", "a file of type `redb` grows and shrinks with the limits of histories"),
        refused("readonly", "a history that cannot be written to is none"),
        refused("sync", "what is written is always synced"),
        refused("buffer-flush", "what waits is written as soon as the last write is done"),
    ]],
};

pub(in crate::config) const STORE_TYPES: RefusedValues = RefusedValues {
    section: "store",
    key: "type",
    values: &[("cfxdb", "use `redb`, the file format of Flowgate")],
};

pub(in crate::config) const EVENT_HISTORY: Section =
    Section { name: "event-history", keys: &[&[used("uri"), used("match"), used("limit")]] };

pub(in crate::config) const RETENTION: Section =
    Section { name: "retention", keys: &[&[used("limit"), used("limit_bytes"), used("ttl")]] };

pub(in crate::config) const STATS: Section = Section {
    name: "stats",
    keys: &[&[
        used("rated_message_size"),
        used("trigger_after_rated_messages"),
        used("trigger_after_duration"),
        used("trigger_on_join"),
        used("trigger_on_leave"),
    ]],
};

pub(in crate::config) const ROLE: Section = Section {
    name: "role",
    keys: &[&[
        used("name"),
        used("permissions"),
        used("allow-by-default"),
        quiet("id", "a role is known by its name"),
        refused("authorizer", "dynamic authorization is not supported yet"),
    ]],
};

pub(in crate::config) const ROLE_NAMES: RefusedValues = RefusedValues {
    section: "role",
    key: "name",
    values: &[("trusted", "the name is reserved for the router itself")],
};

pub(in crate::config) const PERMISSION: Section = Section {
    name: "permission",
    keys: &[&[
        used("uri"),
        used("match"),
        used("allow"),
        used("disclose"),
        quiet("cache", "static permissions are always in memory"),
        refused("validate", "payload validation is not supported"),
    ]],
};

pub(in crate::config) const ALLOW: Section = Section {
    name: "allow",
    keys: &[&[used("call"), used("register"), used("publish"), used("subscribe")]],
};

pub(in crate::config) const DISCLOSE: Section =
    Section { name: "disclose", keys: &[&[used("caller"), used("publisher")]] };
