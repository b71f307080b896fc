//! The validated configuration: what the server runs from, without further checks.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, str::FromStr, time::Duration};

use flowgate_event::Disclosure;
use flowgate_meter::StatsConfig;
use flowgate_observer::Limits;
use flowgate_router::{CallSettings, RetentionConfig};
use flowgate_trace::Sampling;
use flowgate_wire::{MatchPolicy, UriCheck};

use super::{Diagnostics, host::HostName, listener::ListenerConfig};

/// A whole configuration.
///
/// Realm names are unique; no two listeners claim the same address; every realm and role that an
/// `auth` section names exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeConfig {
    /// The realms of all router workers; at least one.
    pub realms: Vec<RealmConfig>,
    /// The listeners of all router workers; at least one.
    pub listeners: Vec<ListenerConfig>,
    /// Flowgate's own settings.
    pub flowgate: FlowgateConfig,
    /// What was accepted without effect, and other findings to be logged at the start.
    pub warnings: Diagnostics,
}

/// A realm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealmConfig {
    /// The name, unique within the node.
    pub name: String,
    /// How strictly URIs are checked. Default: loose.
    pub uri_check: UriCheck,
    /// Whether the meta API (`wamp.session.*` and so on) is served. Default: true.
    pub enable_meta_api: bool,
    /// The roles; names are unique within the realm.
    pub roles: Vec<RoleConfig>,
    /// Session statistics; off where the realm has no `stats` section.
    pub stats: Option<StatsConfig>,
    /// How many events are retained, and how long.
    pub retention: RetentionConfig,
    /// Event histories; none where the realm has no `store` section.
    pub store: StoreConfig,
}

/// The event histories of a realm.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreConfig {
    /// Where they are kept.
    pub kind: StoreKind,
    /// The topics and patterns that have a history; each once.
    pub histories: Vec<HistoryRule>,
}

/// Where histories are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StoreKind {
    /// In memory: they begin anew with the process.
    #[default]
    Memory,
    /// In memory, and in a file that they are read from at the start.
    Redb {
        /// The file; it is created if need be, and belongs to one process and one realm.
        path: PathBuf,
        /// Most events that wait to be written; of more, those that come are not kept in the file.
        max_buffer_count: usize,
    },
}

/// A topic or pattern that has a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRule {
    /// The topic or pattern.
    pub uri: String,
    /// How it matches.
    pub match_policy: MatchPolicy,
    /// Events that are kept; of more, the oldest go.
    pub limit: usize,
}

impl StoreConfig {
    /// Crossbar.io's.
    pub const DEFAULT_LIMIT: usize = 100;
    /// Crossbar.io's, for its own database.
    pub const DEFAULT_MAX_BUFFER_COUNT: usize = 10_000;
}

/// A role of a realm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleConfig {
    /// The name, unique within the realm.
    pub name: String,
    /// What sessions of this role may do.
    pub permissions: Permissions,
    /// What callees and subscribers are told about calls and publications of this role; 0 is the
    /// lowest. `None` if they are told nothing.
    pub trustlevel: Option<u32>,
}

/// What sessions of a role may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permissions {
    /// Everything: `allow-by-default: true`.
    AllowAll,
    /// Nothing: neither `permissions` nor `allow-by-default`.
    DenyAll,
    /// What a rule allows.
    /// No two rules share a URI, but one of them may then be a wildcard rule.
    Rules(Vec<PermissionRule>),
}

/// One rule of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionRule {
    /// The URI or pattern; starred syntax is already translated.
    pub uri: String,
    /// How the pattern matches.
    pub match_policy: MatchPolicy,
    /// The actions that the rule allows.
    pub allow: Allow,
    /// The identities that the rule discloses.
    pub disclose: Disclose,
}

/// The actions that a rule allows; all false where the file says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allow {
    /// Calling procedures.
    pub call: bool,
    /// Registering procedures.
    pub register: bool,
    /// Publishing events.
    pub publish: bool,
    /// Subscribing to topics.
    pub subscribe: bool,
}

/// The identities that a rule discloses; on request where the file says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Disclose {
    /// The caller, to the callee.
    pub caller: Disclosure,
    /// The publisher, to the subscribers.
    pub publisher: Disclosure,
}

/// Flowgate's own settings: the top-level key `flowgate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowgateConfig {
    /// Where the administration interface listens; `None` if it is off.
    pub admin: Option<SocketAddr>,
    /// The names by which it may be asked over the loopback interface, besides every address and
    /// `localhost`.
    pub admin_hosts: Vec<HostName>,
    /// The line-protocol observer; `None` if it is off.
    pub observer: Option<ObserverConfig>,
    /// What is told apart in the metrics.
    pub metrics: MetricsConfig,
    /// Message tracing.
    pub tracing: TracingConfig,
    /// How and what is logged.
    pub log: LogConfig,
    /// Most bytes that wait to be sent to one client.
    pub send_queue_bytes: usize,
    /// How long calls may take, and how many wait for busy callees.
    pub calls: CallSettings,
    /// How long a connection may take from accept to WELCOME.
    pub handshake_timeout: Duration,
    /// Probing of idle connections; `None` if it is off.
    /// Each transport holds its own, which may differ.
    pub keepalive: Option<Keepalive>,
    /// Whether RawSocket connections are probed with PING frames, too.
    /// Off by default: widespread clients drop the connection when they get one.
    pub rawsocket_pings: bool,
    /// How long sessions are given to end at shutdown.
    pub shutdown_timeout: Duration,
    /// What becomes of a gap in a session's request ids.
    pub request_ids: RequestIds,
    /// Threads of the runtime; `None` for one per core.
    pub worker_threads: Option<NonZeroUsize>,
}

/// How the line-protocol observer is set up; every address is off if it is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObserverConfig {
    /// Where the lines of php-wamp-observer's client come in.
    pub listen: Option<SocketAddr>,
    /// Where the lines of php-observability's client come in.
    pub counters: Option<SocketAddr>,
    /// After which time a request without a reply is given up.
    pub timeout: Duration,
    /// What bounds its memory.
    pub limits: Limits,
    /// URLs of other observers whose measurements are shown with its own.
    pub sources: Vec<String>,
    /// How often they are asked.
    pub every: Duration,
}

/// What is told apart in the metrics; by default nothing that clients choose but procedures.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetricsConfig {
    /// Topics and patterns that publications and events are counted by, each by the first that
    /// matches; if there are none, the metrics have no topics.
    pub topics: Vec<TopicPattern>,
}

/// A topic or pattern; each with another `uri`, which is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPattern {
    /// The topic or pattern.
    pub uri: String,
    /// How it matches.
    pub match_policy: MatchPolicy,
}

impl TopicPattern {
    /// Whether a topic is one of these.
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        self.match_policy.matches(&self.uri, topic)
    }
}

/// Who may trace, and where traces are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracingConfig {
    /// The folder for persistent traces; without it there are none.
    pub directory: Option<PathBuf>,
    /// Octets that the files of all traces may have.
    pub max_disk_bytes: u64,
    /// What whoever reaches the administration interface may trace.
    pub admin: AdminTracing,
    /// Which roles may trace; each once.
    pub grants: Vec<TraceGrant>,
    /// Where spans are sent to; `None` for nowhere.
    pub otlp: Option<OtlpConfig>,
}

/// What whoever reaches the administration interface may trace: all realms, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AdminTracing {
    /// Nothing.
    Off,
    /// Messages without their payload.
    #[default]
    Messages,
    /// Messages with their payload.
    Payload,
}

/// What the sessions with a role may trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceGrant {
    /// Their realm.
    pub realm: String,
    /// Their role.
    pub role: String,
    /// The realms that they may trace.
    pub traced: TracedRealms,
    /// Whether they may see payload.
    pub payload: bool,
}

/// Realms that may be traced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TracedRealms {
    /// All, and what belongs to none.
    All,
    /// These.
    Only(Vec<String>),
}

/// Where spans are sent to, in the OpenTelemetry protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpConfig {
    /// The collector's.
    pub url: HttpUrl,
    /// The share of actions that become spans.
    pub sampling: Sampling,
}

/// A URL that can be asked: `http://HOST[:PORT][/PATH]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl {
    /// Host and port.
    pub authority: String,
    /// Path and query.
    pub path: String,
}

/// How and what is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogConfig {
    /// The form of a line.
    pub format: LogFormat,
    /// The least important level that is written.
    pub level: LogLevel,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// A log level, from the most important to the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LogLevel {
    /// What needs an operator.
    Error,
    /// What may need an operator.
    Warn,
    /// What happens to the node and its connections.
    #[default]
    Info,
    /// What helps to find a fault.
    Debug,
    /// Everything.
    Trace,
}

/// Probing of idle connections: WebSocket pings and RawSocket PING frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// A connection from which nothing came for this long is pinged.
    pub interval: Duration,
    /// A pinged connection from which nothing comes for this long is closed; `None` for never.
    pub timeout: Option<Duration>,
}

/// What becomes of a gap in the request ids of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RequestIds {
    /// A gap is tolerated: clients in the field skip ids.
    #[default]
    Tolerant,
    /// A gap is a protocol violation, as the specification says.
    Strict,
}

impl FlowgateConfig {
    /// 127.0.0.1:8081.
    pub const DEFAULT_ADMIN: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8081);
    /// 16 MiB: the largest RawSocket message fits once.
    pub const DEFAULT_SEND_QUEUE_BYTES: usize = 16 * 1024 * 1024;
    /// Time enough for a TLS handshake, an upgrade and an answer to a challenge on a slow link.
    pub const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
    /// Time enough for clients to answer GOODBYE.
    pub const DEFAULT_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);
}

impl ObserverConfig {
    /// 127.0.0.1:6666, the port of php-wamp-observer.
    pub const DEFAULT_LISTEN: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 6666);
    /// That of php-wamp-observer.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_millis(300);
    /// That of php-observability.
    pub const DEFAULT_EVERY: Duration = Duration::from_secs(5);
}

/// A text that is no [`HttpUrl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no URL such as http://HOST:PORT/PATH")]
pub struct InvalidHttpUrl;

impl FromStr for HttpUrl {
    type Err = InvalidHttpUrl;

    /// The port is 80 if none is named.
    fn from_str(text: &str) -> Result<Self, InvalidHttpUrl> {
        let uri: hyper::Uri = text.parse().map_err(|_| InvalidHttpUrl)?;
        let host = uri.host().filter(|host| !host.is_empty() && uri.scheme_str() == Some("http"));
        let authority = format!("{}:{}", host.ok_or(InvalidHttpUrl)?, uri.port_u16().unwrap_or(80));
        let path = uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
        Ok(Self { authority, path })
    }
}

impl TracingConfig {
    /// 4 GiB: four traces of the default size.
    pub const DEFAULT_MAX_DISK_BYTES: u64 = 4 << 30;
}

impl Default for TracingConfig {
    fn default() -> Self {
        Self {
            directory: None,
            max_disk_bytes: Self::DEFAULT_MAX_DISK_BYTES,
            admin: AdminTracing::default(),
            grants: Vec::new(),
            otlp: None,
        }
    }
}

impl Default for ObserverConfig {
    fn default() -> Self {
        Self {
            listen: Some(Self::DEFAULT_LISTEN),
            counters: None,
            timeout: Self::DEFAULT_TIMEOUT,
            limits: Limits::default(),
            sources: Vec::new(),
            every: Self::DEFAULT_EVERY,
        }
    }
}

impl Default for FlowgateConfig {
    fn default() -> Self {
        Self {
            admin: Some(Self::DEFAULT_ADMIN),
            admin_hosts: Vec::new(),
            observer: None,
            metrics: MetricsConfig::default(),
            tracing: TracingConfig::default(),
            log: LogConfig::default(),
            send_queue_bytes: Self::DEFAULT_SEND_QUEUE_BYTES,
            calls: CallSettings::default(),
            handshake_timeout: Self::DEFAULT_HANDSHAKE_TIMEOUT,
            keepalive: Some(Keepalive::default()),
            rawsocket_pings: false,
            shutdown_timeout: Self::DEFAULT_SHUTDOWN_TIMEOUT,
            request_ids: RequestIds::default(),
            worker_threads: None,
        }
    }
}

impl Keepalive {
    /// Below the minute after which proxies and address translators tend to forget a connection.
    pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(20);
    /// With the interval, a dead client is found within 40 seconds.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(20);
}

impl Default for Keepalive {
    fn default() -> Self {
        Self { interval: Self::DEFAULT_INTERVAL, timeout: Some(Self::DEFAULT_TIMEOUT) }
    }
}
