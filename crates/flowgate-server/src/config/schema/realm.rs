//! Realms, roles, permissions and session statistics.

use super::{RefusedValues, Section, fixed, only_empty, quiet, refused, used};

pub(in crate::config) const REALM: Section = Section {
    name: "realm",
    keys: &[&[
        used("name"),
        used("roles"),
        used("options"),
        used("stats"),
        quiet("id", "a realm is known by its name"),
        refused("store", "event history and call queues are not supported yet"),
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
