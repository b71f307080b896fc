//! The sending side of a connection: a queue bounded in octets, and the socket behind it.
//!
//! Whoever has routed something to a session appends frames to its [`Outlet`] and flushes it once
//! at the end of the batch, on the thread that it runs on: no task is woken to write.
//! The connection's own task is woken only if the socket does not take everything at once, and for
//! statistics, which wait for others so that many share one write.

mod invocations;
mod queue;
mod sender;

use std::{
    collections::VecDeque,
    future::poll_fn,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use flowgate_event::{LeaveReason, Report, Timestamp};
use flowgate_meter::{Due, SessionMeter};
use flowgate_metrics::Held;
use flowgate_router::{AnsweredCall, Close, SessionKey};
use flowgate_wire::{Message, MessageType};
use rustls::ServerConnection;
use tokio::sync::Notify;

use super::socket::WriteHalf;
use crate::{
    frame::Wire,
    metrics::{Direction, Lane, ListenerMetrics, Local, RealmIndex, Traced},
    realm::RealmCell,
    scratch::Scratch,
};

pub(crate) use invocations::{Began, Invocations};
use queue::{Errand, Flusher, Mark, Queue};
pub(crate) use queue::{Kind, Timing};
use sender::Sender;
pub(crate) use sender::decrypt;

/// Frames from this length on are shared between receivers instead of copied.
pub(crate) const SHARED_FRAME_BYTES: usize = 4096;

/// A client that has this much to read yet, or half of what may wait for it, is not read from, so
/// that the replies to its own requests cannot pile up.
const PAUSE_BYTES: u64 = 256 << 10;

/// How many octets of statistics wait for each other at most: beyond that, one write for more of
/// them saves little.
const DEFERRED_BYTES: usize = 32 << 10;

/// The sending side of one connection.
#[derive(Debug)]
pub(crate) struct Outlet {
    /// How messages become octets.
    pub(crate) wire: Wire,
    /// The longest message that the client takes, in octets.
    max_message_bytes: usize,
    /// How much may wait for the client to read before it is cut off, in octets.
    max_queued_bytes: u64,
    socket: WriteHalf,
    queue: Mutex<Queue>,
    /// Held while octets are handed to the socket; never together with another lock but the two
    /// short ones of this outlet.
    sender: Mutex<Sender>,
    /// Octets handed to the socket so far.
    written: AtomicU64,
    /// Whether the session's WELCOME has been handed to the socket.
    welcomed: AtomicBool,
    /// Whether the connection's task knows that it has to look for statistics in a while; changes
    /// while the queue is locked.
    alarmed: AtomicBool,
    metering: Mutex<Option<Metering>>,
    /// Wakes the connection's task.
    pub(crate) woken: Notify,
    /// Whether what is written is encrypted.
    encrypts: bool,
    metrics: Arc<ListenerMetrics>,
}

/// The meter of the session that the connection has, and where its reports go.
#[derive(Debug)]
pub(crate) struct Metering {
    /// The meter.
    pub(crate) meter: SessionMeter,
    /// Reports not yet published, oldest first.
    ///
    /// They are published with the realm's lock held before this one, so that they stay in order
    /// and none comes after the session has left.
    pub(crate) reports: VecDeque<Report>,
    /// The realm.
    pub(crate) realm: Arc<RealmCell>,
    /// The session's place in it.
    pub(crate) session: SessionKey,
    /// Where the metrics count what it says, which also says where the realm is.
    pub(crate) received: Lane,
    /// What the session has been called with and has not answered.
    pub(crate) invocations: Invocations,
    /// The session's place among those that there are.
    pub(crate) _held: Held,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enqueued {
    /// It waits, and somebody is going to flush, soon or in a while.
    Queued,
    /// It waits, and the caller has to flush.
    Flush,
    /// It is larger than the client takes, and dropped.
    TooLarge,
    /// The connection is ending, and takes no more.
    Closed,
}

/// How the connection is to end, once everything queued is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The session ends after its closing handshake.
    Close(Close),
    /// The connection is of no use any more: nothing else is written.
    Dead(LeaveReason),
}

/// What the connection's own task has to look after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The socket takes no more until it says so.
    pub(crate) is_blocked: bool,
    /// Statistics wait for each other, to be flushed by the task in a while.
    pub(crate) is_alarmed: bool,
}

/// What a flush has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flushed {
    /// All there is to do.
    Done,
    /// And it has closed metering windows: call [`RealmCell::publish_reports`].
    Reports,
}

/// Locks, and goes on after another thread's panic: the data are valid after each statement.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Outlet {
    /// An outlet over a socket; `tls` encrypts what is written.
    pub(crate) fn new(
        wire: Wire,
        socket: WriteHalf,
        tls: Option<Box<ServerConnection>>,
        max_message_bytes: usize,
        max_queued_bytes: u64,
        metrics: Arc<ListenerMetrics>,
    ) -> Self {
        Self {
            wire,
            max_message_bytes,
            max_queued_bytes,
            socket,
            queue: Mutex::default(),
            encrypts: tls.is_some(),
            sender: Mutex::new(Sender::new(tls)),
            written: AtomicU64::new(0),
            welcomed: AtomicBool::new(false),
            alarmed: AtomicBool::new(false),
            metering: Mutex::default(),
            woken: Notify::new(),
            metrics,
        }
    }

    /// Appends a message, encoded in place; returns the octets of the serialized message too.
    pub(crate) fn enqueue(
        &self,
        message: &Message<'_>,
        kind: Kind,
        timing: Timing,
    ) -> (Enqueued, usize) {
        let mut queue = lock(&self.queue);
        if queue.ending.is_some() {
            return (Enqueued::Closed, 0);
        }
        let wire = self.wire;
        let (frame_bytes, message_bytes) = queue.write(|out| wire.encode(message, out));
        if message_bytes > self.max_message_bytes {
            queue.take_back(frame_bytes);
            return (Enqueued::TooLarge, message_bytes);
        }
        let message = message.message_type();
        (self.commit(&mut queue, message, message_bytes, kind, timing), message_bytes)
    }

    /// Appends a frame that has been encoded for this outlet's wire, holding one message of this
    /// type and `message_bytes` octets.
    pub(crate) fn enqueue_frame(
        &self,
        frame: &SharedFrame<'_>,
        message_type: MessageType,
        message_bytes: usize,
        kind: Kind,
        timing: Timing,
    ) -> Enqueued {
        if message_bytes > self.max_message_bytes {
            return Enqueued::TooLarge;
        }
        let mut queue = lock(&self.queue);
        if queue.ending.is_some() {
            return Enqueued::Closed;
        }
        match frame {
            SharedFrame::Copy(octets) => {
                queue.write(|out| out.extend_from_slice(octets));
            }
            SharedFrame::Share(octets) => queue.share((*octets).clone()),
        }
        self.commit(&mut queue, message_type, message_bytes, kind, timing)
    }

    /// The reply that is queued next is that of a recorded call.
    pub(crate) fn expect_traced(&self, place: RealmIndex, call: AnsweredCall, traced: Traced) {
        self.metrics.all().traced_reply(place, call, traced);
    }

    /// Counts a message that the client does not get since its connection is over.
    pub(crate) fn count_dropped(&self, place: RealmIndex, message: MessageType) {
        self.metrics.all().count(|local| local.dropped(place, message, "closed"));
    }

    /// Appends octets that are no WAMP message: a control frame of the transport.
    pub(crate) fn enqueue_control(&self, octets: &[u8]) {
        let mut queue = lock(&self.queue);
        if !octets.is_empty() && !matches!(queue.ending, Some(Ending::Dead(_))) {
            queue.write(|out| out.extend_from_slice(octets));
            // The caller does.
            queue.flusher = Flusher::Now;
        }
    }

    fn commit(
        &self,
        queue: &mut Queue,
        message_type: MessageType,
        message_bytes: usize,
        kind: Kind,
        timing: Timing,
    ) -> Enqueued {
        queue.mark(message_type, message_bytes, kind, timing);
        // What a client does not read may not grow without bound. One message always fits.
        let waiting = queue.position.saturating_sub(self.written.load(Ordering::Acquire));
        if waiting > self.max_queued_bytes.saturating_add(message_bytes as u64) {
            self.die(queue, LeaveReason::SlowConsumer);
            // It has been queued, and was dropped with the rest.
            return Enqueued::Queued;
        }
        match queue.assign(kind, message_bytes, self.deferred_bytes()) {
            Errand::None => Enqueued::Queued,
            Errand::Flush => Enqueued::Flush,
            Errand::Defer => {
                if !self.alarmed.swap(true, Ordering::Relaxed) {
                    self.woken.notify_one();
                }
                Enqueued::Queued
            }
        }
    }

    /// How many octets of statistics may wait for each other: never so many that what the client
    /// could have read already cuts it off.
    fn deferred_bytes(&self) -> usize {
        usize::try_from(self.max_queued_bytes / 2)
            .map_or(DEFERRED_BYTES, |half| DEFERRED_BYTES.min(half))
    }

    fn die(&self, queue: &mut Queue, reason: LeaveReason) {
        if !matches!(queue.ending, Some(Ending::Dead(_))) {
            queue.ending = Some(Ending::Dead(reason));
        }
        self.count_unsent(&queue.clear());
        self.woken.notify_one();
    }

    /// Counts the events among messages that the client does not get.
    fn count_unsent(&self, unsent: &VecDeque<Mark>) {
        for mark in unsent {
            if let Timing::Event(place, _) = mark.timing {
                self.count_dropped(place, mark.message);
            }
        }
    }

    /// Ends the session once everything queued is written.
    pub(crate) fn close(&self, close: Close) {
        let mut queue = lock(&self.queue);
        if queue.ending.is_none() {
            queue.ending = Some(Ending::Close(close));
        }
        self.woken.notify_one();
    }

    /// Ends the connection without writing anything else.
    pub(crate) fn kill(&self, reason: LeaveReason) {
        self.die(&mut lock(&self.queue), reason);
    }

    /// How the connection is to end, if it is.
    pub(crate) fn ending(&self) -> Option<Ending> {
        lock(&self.queue).ending
    }

    /// Makes a connection whose session has ended take messages again.
    pub(crate) fn reopen(&self) {
        self.welcomed.store(false, Ordering::Relaxed);
        let mut queue = lock(&self.queue);
        if matches!(queue.ending, Some(Ending::Close(Close::Session))) {
            queue.ending = None;
        }
    }

    /// Octets that wait for the client to read.
    pub(crate) fn queued_bytes(&self) -> u64 {
        lock(&self.queue).position.saturating_sub(self.written.load(Ordering::Acquire))
    }

    /// Whether so much waits for the client that no more should be taken from it.
    pub(crate) fn is_congested(&self) -> bool {
        self.queued_bytes() > PAUSE_BYTES.min(self.max_queued_bytes / 2)
    }

    /// Whether the socket takes no more until it says so.
    pub(crate) fn is_blocked(&self) -> bool {
        lock(&self.queue).blocked
    }

    /// What the connection's task has to look after.
    pub(crate) fn standing(&self) -> Standing {
        let queue = lock(&self.queue);
        Standing { is_blocked: queue.blocked, is_alarmed: self.alarmed.load(Ordering::Relaxed) }
    }

    /// Statistics have waited for each other long enough, and [`flush`](Self::flush) writes them;
    /// whether there are any. If not, the task is told when there are some again.
    pub(crate) fn hurry(&self) -> bool {
        let mut queue = lock(&self.queue);
        let is_deferred = queue.hurry();
        self.alarmed.store(is_deferred, Ordering::Relaxed);
        is_deferred
    }

    /// Whether the session's WELCOME has been handed to the socket.
    pub(crate) fn is_welcomed(&self) -> bool {
        self.welcomed.load(Ordering::Relaxed)
    }

    /// The current moment.
    pub(crate) fn now(&self) -> Timestamp {
        self.metrics.now()
    }

    /// The session's meter.
    pub(crate) fn metering(&self) -> MutexGuard<'_, Option<Metering>> {
        lock(&self.metering)
    }

    /// Waits until the socket takes octets again. Cancellation loses nothing.
    pub(crate) async fn writable(&self) {
        if let Err(error) = poll_fn(|cx| self.socket.poll_writable(cx)).await {
            tracing::debug!(%error, "socket failed");
            self.kill(LeaveReason::TransportLost);
        }
    }

    /// Goes on after [`writable`](Self::writable).
    pub(crate) fn unblock(&self) {
        lock(&self.queue).blocked = false;
    }

    /// Decrypts what was read; whatever TLS wants to answer goes out at once.
    ///
    /// Without TLS, `None`: the octets are what they are.
    pub(crate) fn decrypt(
        &self,
        octets: &[u8],
        plain: &mut Vec<u8>,
    ) -> Option<Result<(), rustls::Error>> {
        // Whoever holds the sender must flush after it has let go, or what others have queued
        // meanwhile stays. Here the caller does so, and only where there is TLS.
        if !self.encrypts {
            return None;
        }
        let mut sender = lock(&self.sender);
        let decrypted = sender.decrypt(octets, plain)?;
        if sender.wants_write() {
            lock(&self.queue).urge = true;
        }
        Some(decrypted)
    }

    /// The client's address, if the transport has one and the connection still stands.
    pub(crate) fn peer_address(&self) -> Option<SocketAddr> {
        self.socket.peer_address()
    }

    /// Whether what is written is encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.encrypts
    }

    /// Closes the socket's sending side; what was written still arrives.
    pub(crate) fn shutdown_socket(&self) {
        self.socket.shutdown();
    }

    /// Tells the client that nothing else comes: TLS `close_notify`, if there is TLS.
    pub(crate) fn say_close(&self) {
        lock(&self.sender).say_close();
        lock(&self.queue).urge = true;
    }

    /// Writes as much as the socket takes, without waiting.
    ///
    /// If another thread is writing to the same socket already, it takes over what is queued.
    pub(crate) fn flush(&self, scratch: &mut Scratch) -> Flushed {
        let local = scratch.local(self.metrics.all()).map(|local| &**local);
        let mut flushed = Flushed::Done;
        loop {
            let mut sender = match self.sender.try_lock() {
                Ok(sender) => sender,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                // The holder looks at the queue again after it has let go.
                Err(TryLockError::WouldBlock) => return flushed,
            };
            if self.drain(&mut sender, local) == Flushed::Reports {
                flushed = Flushed::Reports;
            }
            drop(sender);
            if !lock(&self.queue).wants_flush() {
                return flushed;
            }
        }
    }

    fn drain(&self, sender: &mut Sender, local: Option<&Local>) -> Flushed {
        let mut flushed = Flushed::Done;
        loop {
            {
                let mut queue = lock(&self.queue);
                if queue.blocked {
                    return flushed;
                }
                queue.urge = false;
                if !sender.refill(&mut queue) {
                    if queue.ending.is_some() {
                        // The connection's task waits for this, and another thread may have
                        // written.
                        self.woken.notify_one();
                    }
                    return flushed;
                }
            }
            match sender.write(&self.socket) {
                Ok(written) => {
                    if let Some(since) = sender.unstall() {
                        self.metrics.unstalled(self.now().since(since));
                    }
                    if self.account(sender, local, written) == Flushed::Reports {
                        flushed = Flushed::Reports;
                    }
                    // Whoever sees the outlet drained must find everything metered.
                    self.written.store(sender.position(), Ordering::Release);
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    let mut queue = lock(&self.queue);
                    queue.blocked = true;
                    // What is left is in the sender: if the socket takes octets again before this
                    // thread has let go of it, this tells it to look again.
                    queue.urge = true;
                    let queued_bytes = queue.position.saturating_sub(sender.position());
                    drop(queue);
                    self.metrics.stalled(queued_bytes);
                    sender.stall(self.now());
                    self.woken.notify_one();
                    return flushed;
                }
                Err(error) => {
                    tracing::debug!(%error, "write failed");
                    self.count_unsent(&sender.clear());
                    self.die(&mut lock(&self.queue), LeaveReason::TransportLost);
                    return flushed;
                }
            }
        }
    }

    /// Meters the messages whose last octet has been handed to the socket.
    // Apart: inside of the loops around it, what it keeps at hand would go over the stack.
    #[inline(never)]
    fn account(&self, sender: &mut Sender, local: Option<&Local>, written_bytes: usize) -> Flushed {
        if let Some(local) = local {
            self.metrics.wire_bytes(local, Direction::Sent, written_bytes);
        }
        let mut metering = self.metering();
        let Some(metering) = metering.as_mut() else {
            let lane = Lane::new(RealmIndex::NONE, Direction::Sent, self.wire.serializer);
            let sent = local.and_then(|local| local.messages(lane));
            while let Some(mark) = sender.sent() {
                if let Some(sent) = sent {
                    sent.count(mark.message, mark.bytes);
                }
                sender.pass();
            }
            return Flushed::Done;
        };
        let sent = local.and_then(|local| Some((local, local.messages(metering.received.back())?)));
        // One moment for all that one write has taken, read if it matters.
        let mut written = None;
        while let Some(mark) = sender.sent() {
            if let Some((local, sent)) = sent {
                sent.count(mark.message, mark.bytes);
                if !matches!(mark.timing, Timing::None) {
                    let written = *written.get_or_insert_with(|| self.now());
                    match mark.timing {
                        Timing::None => {}
                        Timing::Event(_, since) => {
                            local.event_written(
                                metering.received.realm(),
                                written.nanos_since(since),
                            );
                        }
                        Timing::Invocation(request) => {
                            metering.invocations.written(request, written);
                        }
                        Timing::Reply { call, callee_ns } => {
                            let metrics = self.metrics.all();
                            local.call_answered(
                                metrics,
                                metering.received.realm(),
                                call,
                                callee_ns,
                                written,
                            );
                        }
                    }
                }
            }
            let &Mark { bytes, kind, .. } = mark;
            sender.pass();
            let traffic = match kind {
                Kind::Statistics => flowgate_meter::Traffic::StatsEvent,
                Kind::Ordinary | Kind::Welcome => flowgate_meter::Traffic::Ordinary,
            };
            let due = metering.meter.sent(bytes, traffic);
            if kind == Kind::Welcome || due == Due::Now {
                let written = *written.get_or_insert_with(|| self.now());
                self.close_window(metering, kind, due, written);
            }
        }
        if metering.reports.is_empty() { Flushed::Done } else { Flushed::Reports }
    }

    /// Closes the window that a message has made due, or opens the first.
    #[cold]
    fn close_window(&self, metering: &mut Metering, kind: Kind, due: Due, written: Timestamp) {
        if kind == Kind::Welcome {
            self.welcomed.store(true, Ordering::Relaxed);
            metering.reports.extend(metering.meter.joined(written));
            self.woken.notify_one();
        }
        if due == Due::Now {
            metering.reports.extend(metering.meter.close(written));
        }
    }
}

/// What a connection has not taken when it ends is lost.
impl Drop for Outlet {
    fn drop(&mut self) {
        let queued = lock(&self.queue).clear();
        let taken = lock(&self.sender).clear();
        self.count_unsent(&queued);
        self.count_unsent(&taken);
    }
}

/// A frame for several receivers.
#[derive(Debug)]
pub(crate) enum SharedFrame<'a> {
    /// Short: copying is cheaper than counting references.
    Copy(&'a [u8]),
    /// Long: one buffer for all.
    Share(&'a Bytes),
}

#[cfg(test)]
mod tests;
