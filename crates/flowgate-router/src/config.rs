//! What a realm is told when it is made.

use std::time::Duration;

use flowgate_event::{Gate, Timestamp};
use flowgate_wire::UriCheck;

use crate::{EventStore, HistoryConfig, RetentionConfig};

/// The settings of one realm.
pub struct RealmConfig {
    /// The realm's name, as HELLO asks for it.
    pub name: String,
    /// How strictly URIs are checked.
    pub uri_check: UriCheck,
    /// Whether the `wamp.*` procedures and events exist.
    pub meta_api: MetaApi,
    /// Whether gaps in a client's request identifiers are violations.
    pub request_ids: RequestIds,
    /// How long calls may take.
    pub calls: CallSettings,
    /// The roles that sessions can have; names are unique.
    pub roles: Vec<Role>,
    /// What WELCOME says as `agent`.
    pub agent: String,
    /// What the broker keeps of events.
    pub events: EventsConfig,
    /// What the shell serves itself; no prefix is that of another.
    pub served: Vec<ServedApi>,
}

/// URIs that belong to the shell, which serves procedures under them and publishes events.
///
/// The permissions of the roles apply to those who call and subscribe; nobody can register or
/// publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedApi {
    /// The URIs are the prefix itself and all that begin with it and a dot.
    pub prefix: String,
    /// The procedures: what follows the prefix and its dot.
    pub procedures: Vec<String>,
}

/// What the broker of a realm keeps of events.
#[derive(Default)]
pub struct EventsConfig {
    /// How much is retained for later subscribers.
    pub retention: RetentionConfig,
    /// The topics and patterns that have a history.
    pub histories: Vec<HistoryConfig>,
    /// What keeps histories beyond the life of the process; without, they are in memory only.
    pub store: Option<Box<dyn EventStore>>,
    /// When the realm begins: since then there are the subscriptions that have a history.
    pub since: Timestamp,
}

/// A role of a realm.
pub struct Role {
    /// The `authrole` of its sessions.
    pub name: String,
    /// Decides what its sessions may do.
    pub gate: Box<dyn Gate + Send + Sync>,
    /// What INVOCATION and EVENT say about calls and publications of its sessions; `None` for
    /// nothing ("Call Trust Levels", "Publication Trust Levels").
    pub trustlevel: Option<TrustLevel>,
}

/// How a realm treats calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallSettings {
    /// The timeout of calls that ask for none ("Call Timeouts"); `None` for no timeout.
    pub default_timeout: Option<Duration>,
    /// The longest timeout, also of calls that ask for none; `None` for any.
    pub max_timeout: Option<Duration>,
    /// How many calls of one registration can wait while all its callees have as many as they take
    /// at a time (`concurrency`); 0 refuses such calls.
    pub queue_limit: usize,
}

/// How far those are trusted who have a role: 0 is the lowest, what the others mean is for the
/// applications of a realm to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustLevel(pub u32);

/// Whether a realm has the meta API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MetaApi {
    /// It has.
    #[default]
    Enabled,
    /// Its procedures do not exist and its events are not published.
    Disabled,
}

/// What the router asks of the sequence of a client's request identifiers.
///
/// The type and the range are checked always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RequestIds {
    /// Any order: clients in the field skip identifiers.
    #[default]
    Tolerant,
    /// Each request has the identifier that follows the session's last, from 1; anything else is a
    /// protocol violation ("IDs", session scope).
    Sequential,
}
