//! One connection: its task, and the sending side that others use too.

mod inbound;
mod opening;
mod outlet;
mod recording;
mod serialized;
mod session;
mod socket;
mod timers;
mod websocket;

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    io, mem,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use flowgate_event::{LeaveReason, Timestamp};
use flowgate_metrics::Held;
use flowgate_router::{AuthPolicy, Close, SessionKey};
use flowgate_wire::{Limits, Value};
use tokio::{
    io::ReadBuf,
    time::{Instant, sleep_until, timeout},
};
use tungstenite::protocol::frame::coding::CloseCode;

use crate::{
    frame::{ControlKind, Framing},
    metrics::{Direction, Stage},
    realm::{RealmCell, deliver},
    scratch::Scratch,
    service::Service,
};
use opening::{Opened, Opening, OpeningError};
use timers::Timers;
use websocket::{WebSocketReader, close_frame};

pub(crate) use outlet::{
    Began, Ending, Enqueued, Flushed, Kind, Outlet, SHARED_FRAME_BYTES, SharedFrame, Standing,
    Timing, lock,
};
pub(crate) use socket::{ReadHalf, WriteHalf, split_tcp, split_unix};

/// How long a client gets to read what was sent before its connection is closed, and to close its
/// own side, unless configured otherwise.
pub(crate) const LINGER: Duration = Duration::from_secs(2);

/// How long statistics wait for others to be written with. Far less than anybody who watches would
/// notice; many a window closes meanwhile where there is much to do.
const DEFERRAL: Duration = Duration::from_millis(2);

/// The connection's task.
pub(crate) struct Link {
    service: Arc<Service>,
    outlet: Arc<Outlet>,
    reader: ReadHalf,
    inbound: Inbound,
    auth: Arc<AuthPolicy>,
    limits: Limits,
    phase: Phase,
    timers: Timers,
    /// The length of a ping's payload.
    ping_payload_bytes: usize,
    /// How long the client may take to read our last words and to close its side.
    closing_timeout: Duration,
    /// Whom the listener has accepted, for the session meta API.
    peer: Box<str>,
    /// Received octets that do not make a whole frame yet, or may not be handled yet.
    partial: Vec<u8>,
    /// Messages received together with one that ended or opened a session.
    held: VecDeque<Vec<u8>>,
    /// Whether something received waits for the session to be opened or ended.
    stalled: bool,
    /// Whether the timer of the metering window is set.
    window_armed: bool,
    /// How the client ended the session, if it did.
    last_words: Option<LeaveReason>,
    /// Set once the transport itself has to end.
    farewell: Option<Farewell>,
    /// When the transport was agreed on.
    opened_at: Timestamp,
    /// Why the connection has ended; the router's shutdown, if nobody says.
    ended: LeaveReason,
    _open: Held,
}

/// The receiving side of the transport.
enum Inbound {
    /// RawSocket frames are taken from the octets as they are.
    RawSocket,
    /// WebSocket keeps a state of its own.
    WebSocket(WebSocketReader),
}

/// Where the connection is.
enum Phase {
    /// It has no session.
    Opening,
    /// It has one.
    Joined { realm: Arc<RealmCell>, session: SessionKey },
}

/// Why and how the transport ends.
struct Farewell {
    reason: LeaveReason,
    /// The last frame, if the transport has one.
    frame: Vec<u8>,
}

/// What a read has brought.
enum Read {
    Octets,
    End,
    Failed(io::Error),
}

/// Serves one connection until it ends. Cancellation drops the connection without notice.
///
/// An idle connection is what this future holds, so it is small: the handshake has a box of its
/// own, which is given back once the transport is agreed upon.
pub(crate) fn serve(
    service: Arc<Service>,
    reader: ReadHalf,
    writer: WriteHalf,
    peer: Box<str>,
) -> impl Future<Output = ()> + Send + 'static {
    let opening = Box::pin(open(service, reader, writer, peer));
    async move {
        if let Some(link) = opening.await {
            link.run().await;
        }
    }
}

/// Agrees with the client on a transport, if it can be done in time.
async fn open(
    service: Arc<Service>,
    reader: ReadHalf,
    writer: WriteHalf,
    peer: Box<str>,
) -> Option<Box<Link>> {
    let limit = service.flowgate.handshake_timeout;
    let opened = async {
        let opening = Opening::new(reader, writer, service.tls.as_ref())?;
        match timeout(limit, opening.open(&service)).await {
            Ok(opened) => opened,
            Err(_elapsed) => Err(OpeningError::TimedOut),
        }
    };
    match opened.await {
        Ok(opened) => return Some(Box::new(Link::new(service, opened, peer))),
        Err(OpeningError::Lost(error)) => {
            service.metrics.handshake_failed(Stage::Lost);
            tracing::debug!(peer, %error, "connection lost");
        }
        Err(error) => {
            service.metrics.handshake_failed(error.stage());
            service.counts.refused();
            tracing::info!(peer, %error, "connection refused");
        }
    }
    None
}

impl Link {
    fn new(service: Arc<Service>, opened: Opened, peer: Box<str>) -> Self {
        let Opened { reader, writer, tls, rest, terms } = opened;
        let inbound = match terms.wire.framing {
            Framing::RawSocket => Inbound::RawSocket,
            Framing::WebSocket => Inbound::WebSocket(WebSocketReader::new(
                terms.wire.serializer.format,
                terms.max_received_bytes,
                terms.max_frame_bytes,
            )),
        };
        let open = service.metrics.open(terms.wire);
        let outlet = Outlet::new(
            terms.wire,
            writer,
            tls,
            terms.max_sent_bytes,
            service.flowgate.send_queue_bytes as u64,
            Arc::clone(&service.metrics),
        );
        Self {
            limits: Limits { message_bytes: terms.max_received_bytes, ..Limits::default() },
            timers: Timers::new(terms.keepalive, terms.handshake_timeout),
            ping_payload_bytes: terms.ping_payload_bytes,
            closing_timeout: terms.closing_timeout,
            peer,
            outlet: Arc::new(outlet),
            opened_at: service.clock.now(),
            ended: LeaveReason::Shutdown,
            _open: open,
            service,
            reader,
            inbound,
            auth: terms.auth,
            phase: Phase::Opening,
            stalled: !rest.is_empty(),
            partial: rest,
            held: VecDeque::new(),
            window_armed: false,
            last_words: None,
            farewell: None,
        }
    }

    async fn run(mut self: Box<Self>) {
        let outlet = Arc::clone(&self.outlet);
        let sleep = sleep_until(self.timers.next());
        tokio::pin!(sleep);
        loop {
            if self.settle().await == Course::Over {
                return;
            }
            let Standing { is_blocked: blocked, is_alarmed } = outlet.standing();
            if is_alarmed {
                self.timers.start_deferral(DEFERRAL);
            }
            if let Some(deadline) = self.timers.deadline()
                && deadline < sleep.deadline()
            {
                sleep.as_mut().reset(deadline);
            }
            let reads = self.may_receive() && !(blocked && outlet.is_congested());
            tokio::select! {
                biased;
                () = outlet.woken.notified() => {}
                () = outlet.writable(), if blocked => {
                    outlet.unblock();
                    self.flush();
                }
                read = poll_fn(|cx| self.poll_receive(cx)), if reads => match read {
                    Read::Octets => self.timers.active(),
                    Read::End => {
                        // It may still read what was sent before.
                        self.flush_deferred();
                        outlet.kill(LeaveReason::TransportLost);
                    }
                    Read::Failed(error) => {
                        tracing::debug!(%error, "read failed");
                        outlet.kill(LeaveReason::TransportLost);
                    }
                },
                () = &mut sleep => {
                    self.tick();
                    sleep.as_mut().reset(self.timers.next());
                }
            }
        }
    }

    /// Does what has become possible since the last wake-up: goes on with what was received, ends
    /// the session, ends the connection.
    async fn settle(&mut self) -> Course {
        loop {
            match self.outlet.ending() {
                Some(Ending::Dead(reason)) => {
                    let farewell = self.farewell.take();
                    self.ended = farewell.map_or(reason, |farewell| farewell.reason);
                    self.leave(self.ended);
                    return Course::Over;
                }
                Some(Ending::Close(_)) if self.outlet.queued_bytes() > 0 => {
                    self.timers.start_closing(self.closing_timeout);
                    return Course::On;
                }
                Some(Ending::Close(Close::Session)) => {
                    self.leave(LeaveReason::Goodbye);
                    self.outlet.reopen();
                    self.timers.start_opening();
                }
                Some(Ending::Close(Close::Connection)) => {
                    let farewell = self.farewell.take();
                    let reason = farewell.as_ref().map(|farewell| farewell.reason);
                    self.ended = self.last_words.or(reason).unwrap_or(LeaveReason::Violation);
                    self.leave(self.ended);
                    match farewell {
                        Some(farewell) => self.outlet.enqueue_control(&farewell.frame),
                        None => self.say_farewell(),
                    }
                    // Rare and large: an idle connection must not have room for it.
                    Box::pin(self.linger()).await;
                    return Course::Over;
                }
                // What waits for the client still goes out and is metered, as in any other ending.
                None if self.farewell.is_some() => self.outlet.close(Close::Connection),
                None if self.stalled && self.may_receive() => {
                    self.stalled = false;
                    self.resume();
                }
                None => {
                    self.arm_window();
                    return Course::On;
                }
            }
        }
    }

    /// Whether received messages may be handled now: between HELLO and WELCOME they may not, so
    /// that the session's first metering window covers exactly the handshake; and while a session
    /// ends they may not, since they belong to the next one.
    fn may_receive(&self) -> bool {
        let open = match self.phase {
            Phase::Opening => true,
            Phase::Joined { .. } => self.outlet.is_welcomed(),
        };
        open && self.farewell.is_none() && self.outlet.ending().is_none()
    }

    /// Reads what there is and handles it, on memory that belongs to the thread.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Read> {
        Scratch::with(|scratch| {
            let mut memory = mem::take(&mut scratch.read);
            let mut buffer = ReadBuf::new(&mut memory);
            let poll = match self.reader.poll_read(cx, &mut buffer) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Err(error)) => Poll::Ready(Read::Failed(error)),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => Poll::Ready(Read::End),
                Poll::Ready(Ok(())) => {
                    let metrics = &self.service.metrics;
                    if let Some(local) = scratch.local(metrics.all()) {
                        metrics.wire_bytes(local, Direction::Received, buffer.filled().len());
                    }
                    self.receive(buffer.filled_mut(), scratch);
                    Poll::Ready(Read::Octets)
                }
            };
            scratch.read = memory;
            poll
        })
    }

    /// Writes what waits in this connection's outlet.
    fn flush(&self) {
        Scratch::with(|scratch| {
            scratch.dirty.push(Arc::clone(&self.outlet));
            deliver(scratch);
        });
    }

    /// Writes statistics that wait for others in this connection's outlet, if there are any.
    fn flush_deferred(&self) {
        if self.outlet.hurry() {
            self.flush();
        }
    }

    /// What `wamp.session.get` says about the session's transport.
    fn describe_transport(&self) -> Value<'static> {
        let wire = &self.outlet.wire;
        let kind = match wire.framing {
            Framing::RawSocket => "rawsocket",
            Framing::WebSocket => "websocket",
        };
        Value::dict([
            ("type", Value::from(kind)),
            ("protocol", Value::from(wire.serializer.subprotocol())),
            ("peer", Value::from(self.peer.clone().into_string())),
            ("secure", Value::from(self.outlet.is_encrypted())),
        ])
    }

    fn tick(&mut self) {
        match self.timers.fire(Instant::now()) {
            timers::Fired::Nothing => {}
            timers::Fired::Ping => {
                let payload = vec![0; self.ping_payload_bytes];
                let ping = self.outlet.wire.control(ControlKind::Ping, &payload);
                self.outlet.enqueue_control(&ping);
                self.flush();
            }
            timers::Fired::Silent => {
                tracing::info!("connection lost: no answer to a ping");
                self.outlet.kill(LeaveReason::TransportLost);
            }
            timers::Fired::OpeningTimeout => {
                if matches!(self.phase, Phase::Opening) {
                    tracing::info!("connection closed: no session opened in time");
                    self.outlet.close(Close::Connection);
                }
            }
            timers::Fired::Deferral => self.flush_deferred(),
            timers::Fired::ClosingTimeout => self.outlet.kill(LeaveReason::SlowConsumer),
        }
        self.close_window();
    }

    /// The transport's own words at the end of the connection.
    fn say_farewell(&self) {
        if let Inbound::WebSocket(_) = self.inbound {
            let (code, reason) = if self.service.is_closing() {
                (CloseCode::Away, "the router shuts down")
            } else {
                (CloseCode::Normal, "")
            };
            self.outlet.enqueue_control(&close_frame(code, reason));
        }
    }

    /// Lets the client read what was sent and close its side; without this, octets that the client
    /// has sent meanwhile would make the kernel reset the connection and drop our last words.
    async fn linger(&mut self) {
        let outlet = Arc::clone(&self.outlet);
        let written = async {
            self.write_all().await;
            // Only now: nothing can be encrypted behind it.
            outlet.say_close();
            self.write_all().await;
        };
        if timeout(self.closing_timeout, written).await.is_err() {
            return;
        }
        outlet.shutdown_socket();
        let limit = self.closing_timeout;
        let reader = &mut self.reader;
        let ended = poll_fn(|cx| {
            Scratch::with(|scratch| {
                let mut buffer = ReadBuf::new(&mut scratch.read);
                reader.poll_read(cx, &mut buffer).map_ok(|()| buffer.filled().len())
            })
        });
        let ended = async {
            tokio::pin!(ended);
            while let Ok(1..) = (&mut ended).await {}
        };
        let _ = timeout(limit, ended).await;
    }

    /// Waits until all that is queued is written, or never will be. Cancellation loses nothing.
    async fn write_all(&self) {
        while !matches!(self.outlet.ending(), Some(Ending::Dead(_))) {
            self.flush();
            if self.outlet.is_blocked() {
                self.outlet.writable().await;
                self.outlet.unblock();
            } else if self.outlet.queued_bytes() > 0 {
                // Another thread is writing; it tells when it is done.
                self.outlet.woken.notified().await;
            } else {
                return;
            }
        }
    }
}

/// However the connection ends, it is counted.
impl Drop for Link {
    fn drop(&mut self) {
        let age = self.service.clock.now().since(self.opened_at);
        self.service.metrics.closed(self.ended, age);
    }
}

/// Whether the connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    On,
    Over,
}

#[cfg(test)]
mod tests;
