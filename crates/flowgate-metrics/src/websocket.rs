//! WebSocket connections, measured: how many are open, what they carry, and how they end.
//!
//! [`Metered`] wraps any stream and sink of messages, and [`MeteredUpgradeLayer`] counts the
//! handshakes before. Either works without the other, and without the router.
//!
//! | series | |
//! |---|---|
//! | `ws_open_connections{endpoint}` | open now, exact at any end: close, panic, abort |
//! | `ws_connections_total{endpoint}` | opened so far |
//! | `ws_handshakes_total{endpoint,result}` | `accepted`, `refused` (no 101), `failed` (an error), `aborted` |
//! | `ws_connection_duration_seconds{endpoint}` | from opening to end |
//! | `ws_messages_total{endpoint,direction,kind}` | `in` and `out`; `text`, `binary`, `ping`, `pong`, `close` |
//! | `ws_bytes_total{endpoint,direction}` | payloads, without framing and compression |
//! | `ws_ping_rtt_seconds{endpoint}` | from sending a ping to receiving its pong |
//! | `ws_closes_total{endpoint,code_class}` | by the first close frame either way, see [`CodeClass`] |
//! | `open_connections` | if [`compat_open_connections`](Options::compat_open_connections) is set |
//!
//! An endpoint is a name that the program gives, or the route's template (`/chat/{room}`); never the
//! path that a client asked for, of which there is no end.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use flowgate_event::Timestamp;
use futures_core::Stream;
use futures_sink::Sink;
use pin_project_lite::pin_project;

use crate::{
    Buckets, Counter, Descriptor, Family, Gauge, Held, Histogram, Label, RegisterError, Registry,
    Unit,
};

#[cfg(feature = "axum")]
mod axum_upgrade;
mod message;
#[cfg(test)]
mod tests;
#[cfg(feature = "tower")]
mod upgrade;

#[cfg(feature = "axum")]
pub use self::axum_upgrade::MeteredUpgrade;
pub use self::message::{CodeClass, Message, MessageKind};
#[cfg(feature = "tower")]
pub use self::upgrade::{MeteredUpgradeLayer, MeteredUpgradeService, UpgradeFuture};

/// The longest payload of a control frame (RFC 6455, section 5.5), so of a ping.
const CONTROL_LENGTH_MAX: usize = 125;

/// The metrics of all endpoints of a program.
///
/// ```
/// use flowgate_metrics::Registry;
/// use flowgate_metrics::websocket::WebSocketMetrics;
///
/// let registry = Registry::new();
/// let sockets = WebSocketMetrics::register(&registry)?;
/// let chat = sockets.endpoint("chat");
/// // let socket = chat.meter(socket); for each WebSocket that was accepted
/// # Ok::<(), flowgate_metrics::RegisterError>(())
/// ```
#[derive(Debug, Clone)]
pub struct WebSocketMetrics {
    families: Arc<Families>,
}

/// What else is wanted.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Also show `open_connections` without labels, as django-channels-prometheus does: the sum
    /// over all endpoints.
    pub compat_open_connections: bool,
    /// What to read instead of the system's monotonic clock.
    pub clock: Option<fn() -> Timestamp>,
}

#[derive(Debug)]
struct Families {
    open: Family<Gauge, 1>,
    opened: Family<Counter, 1>,
    handshakes: Family<Counter, 2>,
    durations: Family<Histogram, 1>,
    messages: Family<Counter, 3>,
    bytes: Family<Counter, 2>,
    ping_rtt: Family<Histogram, 1>,
    closes: Family<Counter, 2>,
    compat: Option<Gauge>,
    clock: Clock,
}

/// Monotonic time.
#[derive(Debug, Clone, Copy)]
enum Clock {
    System(Instant),
    Given(fn() -> Timestamp),
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one clock of this crate, for users without one"
    )]
    fn new(given: Option<fn() -> Timestamp>) -> Self {
        given.map_or_else(|| Self::System(Instant::now()), Self::Given)
    }

    fn now(self) -> Timestamp {
        match self {
            Self::System(start) => Timestamp::EPOCH.after(start.elapsed()),
            Self::Given(clock) => clock(),
        }
    }
}

impl WebSocketMetrics {
    /// Registers the metrics; more often than once gives the same.
    ///
    /// # Errors
    ///
    /// [`RegisterError`], if other metrics have one of the names.
    pub fn register(registry: &Registry) -> Result<Self, RegisterError> {
        Self::register_with(registry, &Options::default())
    }

    /// Registers the metrics, with options.
    ///
    /// # Errors
    ///
    /// [`RegisterError`], if other metrics have one of the names.
    pub fn register_with(registry: &Registry, options: &Options) -> Result<Self, RegisterError> {
        let about = |name: &'static str, help: &'static str, short_name: &'static str| {
            Descriptor::new(name, help).stat("websocket", short_name).container_label("endpoint")
        };
        let endpoint = Label::open("endpoint");
        let direction = Label::closed("direction");
        let compat = Descriptor::new("open_connections", "Open websocket connections")
            .stat("websocket", "AllOpenConnections");
        let families = Families {
            open: registry.gauges(
                about("ws_open_connections", "WebSocket connections open now.", "OpenConnections"),
                [endpoint],
            )?,
            opened: registry.counters(
                about("ws_connections", "WebSocket connections opened.", "Connections").measured(),
                [endpoint],
            )?,
            handshakes: registry.counters(
                about("ws_handshakes", "WebSocket handshakes by result.", "Handshakes").measured(),
                [endpoint, Label::closed("result")],
            )?,
            durations: registry.histograms(
                about(
                    "ws_connection_duration",
                    "From opening to the end of a connection.",
                    "Duration",
                )
                .unit(Unit::Seconds),
                [endpoint],
                durations(),
            )?,
            messages: registry.counters(
                about("ws_messages", "WebSocket messages by direction and kind.", "Messages")
                    .measured(),
                [endpoint, direction, Label::closed("kind")],
            )?,
            bytes: registry.counters(
                about("ws", "Payload of WebSocket messages.", "Bytes").unit(Unit::Bytes).measured(),
                [endpoint, direction],
            )?,
            ping_rtt: registry.histograms(
                about("ws_ping_rtt", "From sending a ping to receiving its pong.", "PingRTT")
                    .unit(Unit::Seconds),
                [endpoint],
                Buckets::latency(),
            )?,
            closes: registry.counters(
                about("ws_closes", "Ends of WebSocket connections by class of code.", "Closes"),
                [endpoint, Label::closed("code_class")],
            )?,
            compat: options.compat_open_connections.then(|| registry.gauge(compat)).transpose()?,
            clock: Clock::new(options.clock),
        };
        Ok(Self { families: Arc::new(families) })
    }

    /// The metrics of one endpoint; a few look-ups, so keep it where connections come often.
    #[must_use]
    pub fn endpoint(&self, name: &str) -> Endpoint {
        let families = &self.families;
        let messages = |direction: &str| {
            MessageKind::ALL.map(|kind| families.messages.with([name, direction, kind.name()]))
        };
        let series = EndpointSeries {
            name: name.into(),
            open: families.open.with([name]),
            opened: families.opened.with([name]),
            durations: families.durations.with([name]),
            ping_rtt: families.ping_rtt.with([name]),
            received: Traffic {
                messages: messages("in"),
                bytes: families.bytes.with([name, "in"]),
            },
            sent: Traffic { messages: messages("out"), bytes: families.bytes.with([name, "out"]) },
            families: Arc::clone(families),
        };
        Endpoint { series: Arc::new(series) }
    }
}

/// Connections last from moments to days.
fn durations() -> Buckets {
    let seconds = [1, 10, 60, 300, 1_800, 3_600, 6 * 3_600, 86_400];
    let bounds = seconds.map(std::time::Duration::from_secs);
    Buckets::durations(bounds).unwrap_or_else(|_| Buckets::native_only())
}

/// The metrics of one endpoint, with all their series at hand.
#[derive(Debug, Clone)]
pub struct Endpoint {
    series: Arc<EndpointSeries>,
}

#[derive(Debug)]
struct EndpointSeries {
    name: Box<str>,
    open: Gauge,
    opened: Counter,
    durations: Histogram,
    ping_rtt: Histogram,
    received: Traffic,
    sent: Traffic,
    families: Arc<Families>,
}

/// One direction.
#[derive(Debug)]
struct Traffic {
    messages: [Counter; MessageKind::ALL.len()],
    bytes: Counter,
}

impl Traffic {
    fn count(&self, kind: MessageKind, bytes: usize) {
        if let Some(counter) = self.messages.get(kind as usize) {
            counter.inc();
        }
        self.bytes.add(bytes as u64);
    }
}

/// How a handshake went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshake {
    /// The connection was upgraded.
    Accepted,
    /// The answer was another than an upgrade.
    Refused,
    /// There was no answer, but an error.
    Failed,
    /// There was no answer, since the client or the server gave up.
    Aborted,
}

impl Handshake {
    const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
        }
    }
}

impl Endpoint {
    /// Wraps a connection that was accepted. It counts as open from now until it is dropped.
    pub fn meter<S>(&self, socket: S) -> Metered<S> {
        Metered { socket, meter: Meter::new(self.clone()) }
    }

    /// Counts a handshake, where no [`MeteredUpgradeLayer`] does.
    pub fn count_handshake(&self, result: Handshake) {
        self.series.families.handshakes.with([&self.series.name, result.name()]).inc();
    }

    fn now(&self) -> Timestamp {
        self.series.families.clock.now()
    }
}

pin_project! {
    /// A WebSocket connection that counts what goes through it.
    ///
    /// The same stream and sink as the one inside. A message received counts when it comes out of
    /// the stream, one to be sent when the sink takes it.
    ///
    /// The connection is closed when this is dropped, however that comes about; the gauge of open
    /// connections is exact then.
    #[derive(Debug)]
    pub struct Metered<S> {
        #[pin]
        socket: S,
        meter: Meter,
    }
}

impl<S> Metered<S> {
    /// The connection inside. What is done to it directly is not counted.
    pub fn get_ref(&self) -> &S {
        &self.socket
    }

    /// The connection inside. What is done to it directly is not counted.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.socket
    }
}

impl<S, M, E> Stream for Metered<S>
where
    S: Stream<Item = Result<M, E>>,
    M: Message,
{
    type Item = Result<M, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let item = ready!(this.socket.poll_next(cx));
        if let Some(Ok(message)) = &item {
            this.meter.received(message);
        }
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.socket.size_hint()
    }
}

impl<S, M> Sink<M> for Metered<S>
where
    S: Sink<M>,
    M: Message,
{
    type Error = S::Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.project().socket.poll_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: M) -> Result<(), S::Error> {
        let this = self.project();
        let sent = Sent::of(&message);
        this.socket.start_send(message)?;
        this.meter.sent(sent);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.project().socket.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.project().socket.poll_close(cx)
    }
}

/// What is known of a connection, from its opening to its end.
struct Meter {
    endpoint: Endpoint,
    opened_at: Timestamp,
    /// Of the first close frame, either way.
    close: Option<CodeClass>,
    /// The last ping that has no pong yet.
    ping: Option<(Timestamp, Box<[u8]>)>,
    /// One more open connection, for as long as this lives.
    _open: Held,
    _compat: Option<Held>,
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter")
            .field("endpoint", &self.endpoint.series.name)
            .finish_non_exhaustive()
    }
}

/// What has to be known of a message once the sink has taken it.
struct Sent {
    kind: MessageKind,
    bytes: usize,
    close: Option<CodeClass>,
    ping: Option<Box<[u8]>>,
}

impl Sent {
    fn of(message: &impl Message) -> Self {
        let (kind, payload) = (message.kind(), message.payload());
        let is_ping = kind == MessageKind::Ping && payload.len() <= CONTROL_LENGTH_MAX;
        Self {
            kind,
            bytes: payload.len(),
            close: close_class(message),
            ping: is_ping.then(|| payload.into()),
        }
    }
}

fn close_class(message: &impl Message) -> Option<CodeClass> {
    (message.kind() == MessageKind::Close).then(|| CodeClass::of(message.close_code()))
}

impl Meter {
    fn new(endpoint: Endpoint) -> Self {
        endpoint.series.opened.inc();
        Self {
            opened_at: endpoint.now(),
            close: None,
            ping: None,
            _open: endpoint.series.open.hold(),
            _compat: endpoint.series.families.compat.as_ref().map(Gauge::hold),
            endpoint,
        }
    }

    fn received(&mut self, message: &impl Message) {
        let (kind, payload) = (message.kind(), message.payload());
        self.endpoint.series.received.count(kind, payload.len());
        self.close = self.close.or(close_class(message));
        let is_answer = |(_, ping): &mut (Timestamp, Box<[u8]>)| **ping == *payload;
        if kind == MessageKind::Pong
            && let Some((sent_at, _)) = self.ping.take_if(is_answer)
        {
            let elapsed = self.endpoint.now().since(sent_at);
            self.endpoint.series.ping_rtt.record_duration(elapsed);
        }
    }

    fn sent(&mut self, sent: Sent) {
        self.endpoint.series.sent.count(sent.kind, sent.bytes);
        self.close = self.close.or(sent.close);
        if let Some(payload) = sent.ping {
            self.ping = Some((self.endpoint.now(), payload));
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let series = &self.endpoint.series;
        series.durations.record_duration(self.endpoint.now().since(self.opened_at));
        let class = self.close.unwrap_or(CodeClass::Abnormal);
        series.families.closes.with([&series.name, class.name()]).inc();
    }
}
