//! Which keys each section of the file may have, and what becomes of them.
//!
//! This is the single list of supported, accepted and refused keys: the reader looks keys up here,
//! and a test compares the tables in `docs/configuration.md` with it.

mod flowgate;
mod node;
mod realm;
mod transport;

pub(super) use flowgate::*;
pub(super) use node::*;
pub(super) use realm::*;
pub(super) use transport::*;

/// A section: a map with a fixed set of keys.
#[derive(Debug)]
pub(super) struct Section {
    /// What the section is called in messages and in the documentation.
    pub(super) name: &'static str,
    /// Its keys; several lists, so that sections can share them.
    pub(super) keys: &'static [&'static [Key]],
}

/// A key of a section.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) treatment: Treatment,
}

/// What becomes of a key. The text says why, as it is shown to the operator.
#[derive(Debug)]
pub(super) enum Treatment {
    /// It is read, and documented in the table of its section.
    Used,
    /// Accepted without effect and without warning: nobody can miss the effect.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test compares it with the documentation"))]
    Quiet(&'static str),
    /// Accepted without effect, with a warning.
    Ignored(&'static str),
    /// Accepted without effect; a warning if the value differs from what Flowgate always does.
    Fixed(Fixed, &'static str),
    /// Accepted if it is an empty list or map, else refused.
    OnlyEmpty(&'static str),
    /// Refused.
    Refused(&'static str),
}

/// What Flowgate always does, as a value of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fixed {
    Boolean(bool),
    Integer(i128),
}

/// Values of a key that Crossbar.io knows and Flowgate refuses, each with the reason.
#[derive(Debug)]
pub(super) struct RefusedValues {
    /// The name of the section.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test compares it with the documentation"))]
    pub(super) section: &'static str,
    /// The key, or what stands in its place.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test compares it with the documentation"))]
    pub(super) key: &'static str,
    /// Value and reason.
    pub(super) values: &'static [(&'static str, &'static str)],
}

impl Section {
    /// All keys.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.keys.iter().copied().flatten()
    }

    /// The key of this name.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }
}

const fn used(name: &'static str) -> Key {
    Key { name, treatment: Treatment::Used }
}

const fn quiet(name: &'static str, reason: &'static str) -> Key {
    Key { name, treatment: Treatment::Quiet(reason) }
}

const fn ignored(name: &'static str, reason: &'static str) -> Key {
    Key { name, treatment: Treatment::Ignored(reason) }
}

const fn fixed(name: &'static str, value: bool, reason: &'static str) -> Key {
    Key { name, treatment: Treatment::Fixed(Fixed::Boolean(value), reason) }
}

const fn only_empty(name: &'static str, reason: &'static str) -> Key {
    Key { name, treatment: Treatment::OnlyEmpty(reason) }
}

const fn refused(name: &'static str, reason: &'static str) -> Key {
    Key { name, treatment: Treatment::Refused(reason) }
}

/// Every section, in the order of the documentation.
#[cfg(test)]
pub(super) const SECTIONS: &[&Section] = &[
    &NODE,
    &CONTROLLER,
    &CONTROLLER_OPTIONS,
    &WORKER,
    &WORKER_OPTIONS,
    &REALM,
    &REALM_OPTIONS,
    &STATS,
    &STORE,
    &EVENT_HISTORY,
    &RETENTION,
    &ROLE,
    &PERMISSION,
    &ALLOW,
    &DISCLOSE,
    &WEBSOCKET_TRANSPORT,
    &WEBSOCKET_SERVICE,
    &WEBSOCKET_OPTIONS,
    &RAWSOCKET_TRANSPORT,
    &RAWSOCKET_SERVICE,
    &RAWSOCKET_OPTIONS,
    &UNIVERSAL_TRANSPORT,
    &WEB_TRANSPORT,
    &WEB_OPTIONS,
    &TCP_ENDPOINT,
    &UNIX_ENDPOINT,
    &TLS,
    &AUTH,
    &ANONYMOUS,
    &FLOWGATE,
    &ADMIN,
    &OBSERVER,
    &METRICS,
    &METRICS_TOPIC,
    &TRACING,
    &TRACE_GRANT,
    &OTLP,
    &LOG,
    &LIMITS,
    &KEEPALIVE,
    &TRUSTLEVEL,
];

/// Every list of refused values.
#[cfg(test)]
pub(super) const REFUSED_VALUES: &[&RefusedValues] = &[
    &WORKER_TYPES,
    &TRANSPORT_TYPES,
    &PATH_TYPES,
    &ENDPOINT_TYPES,
    &SERIALIZERS,
    &ANONYMOUS_TYPES,
    &ROLE_NAMES,
    &STORE_TYPES,
];
