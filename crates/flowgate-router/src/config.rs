//! What a realm is told when it is made.

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
    /// The roles that sessions can have; names are unique.
    pub roles: Vec<Role>,
    /// What WELCOME says as `agent`.
    pub agent: String,
    /// What the broker keeps of events.
    pub events: EventsConfig,
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
}

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
