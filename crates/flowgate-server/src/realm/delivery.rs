//! From the core's actions to frames in outlets.

use std::{mem, sync::Arc};

use bytes::Bytes;
use flowgate_event::{CallOutcome, Correlation, LeaveReason, Step, Timestamp};
use flowgate_router::{
    Action, AnsweredCall, Input, Lost, Outbox, Received, SessionKey, Taken, Traffic, Unsent,
};
use flowgate_trace::Undelivered;
use flowgate_wire::{Message, MessageType};

use super::{
    Seats, ServiceLine,
    recording::{KeptStep, Outgoing, Recording},
};
use crate::{
    link::{Ending, Enqueued, Kind, Outlet, SHARED_FRAME_BYTES, SharedFrame, Timing},
    metrics::{COUNTS, RealmIndex},
    scratch::Scratch,
    tracing::TRACES,
};
/// Appends frames to the outlets of a realm.
pub(super) struct Delivery<'a> {
    pub(super) seats: &'a Seats,
    pub(super) scratch: &'a mut Scratch,
    /// When what is handled came.
    pub(super) now: Timestamp,
    /// The realm's place in the metrics.
    pub(super) place: RealmIndex,
    /// Where the calls go that no client answers.
    pub(super) services: Option<&'a ServiceLine>,
    /// What is to be said about the call that a callee has answered.
    pub(super) answer: &'a mut Answer,
    /// If messages are traced; see [`recording`](Self::recording).
    pub(super) recording: Option<&'a mut Recording>,
}

/// Whether a callee answers a call with what is handled, and what has become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is no answer, or the caller has its reply.
    None,
    /// It is, after so many nanoseconds, if that is known; the caller's reply is to come.
    Given { callee_ns: Option<u64> },
}

/// A message that its receiver's transport does not take.
#[derive(Debug)]
pub(crate) struct Undeliverable {
    session: SessionKey,
    message: MessageType,
    lost: Option<Lost>,
    /// Its place in its action, if it is traced.
    step: Option<Box<KeptStep>>,
}

impl Undeliverable {
    pub(super) fn as_input(&self) -> Input<'_> {
        let &Self { session, message, lost, ref step } = self;
        Input::Undeliverable { session, message, lost, step: step.as_deref().map(KeptStep::step) }
    }
}

/// A frame that is encoded once for all receivers of one wire.
#[derive(Debug, Default)]
pub(crate) struct FanOutFrame {
    octets: Vec<u8>,
    /// The same, if it is long enough to share.
    shared: Option<Bytes>,
    /// Octets of the message in it; zero before it is encoded.
    message_bytes: usize,
}

impl Outbox for Delivery<'_> {
    fn push(&mut self, action: Action<'_>) {
        match action {
            Action::Send { to, message } => {
                let timing = if !COUNTS {
                    Timing::None
                } else if let Message::Invocation(invocation) = message {
                    Timing::Invocation(invocation.request)
                } else if let Message::Event(_) = message {
                    Timing::Event(self.place, self.now)
                } else {
                    Timing::None
                };
                self.send(to, message, timing);
            }
            Action::FanOut { to, message, traffic } => self.fan_out(to, message, traffic),
            // The gates of a configuration decide by themselves; without an answer the request
            // would fail in time.
            Action::Ask { request, .. } => {
                debug_assert!(false, "nobody answers {request:?}");
            }
            Action::Serve { call, request, .. } => {
                let passed_on = match self.services {
                    Some(services) => services.pass_on(call, &request),
                    None => Err(call),
                };
                self.scratch.unserved.extend(passed_on.err());
            }
            Action::Close { session, how } => {
                if let Some(outlet) = self.seats.get(session) {
                    outlet.close(how);
                }
            }
        }
    }

    fn reply(
        &mut self,
        to: SessionKey,
        message: &Message<'_>,
        call: Option<AnsweredCall>,
    ) -> Taken {
        let Some(call) = call else {
            return self.send_as(to, message, Kind::Ordinary, Timing::None);
        };
        // The first final reply is that of the call that is answered; it may free the callee for
        // others, which end after it.
        let callee_ns = match mem::replace(self.answer, Answer::None) {
            Answer::None => None,
            Answer::Given { callee_ns } => callee_ns,
        };
        if let Some(traced) = self.recording().and_then(|recording| recording.traced())
            && let Some(outlet) = self.seats.get(to)
        {
            outlet.expect_traced(self.place, call, traced);
        }
        let timing = if COUNTS { Timing::Reply { call, callee_ns } } else { Timing::None };
        self.send_as(to, message, Kind::Ordinary, timing)
    }

    #[inline]
    fn is_traced(&self) -> bool {
        TRACES && self.recording.is_some()
    }

    fn place(&mut self, step: Step<'_>) {
        self.record(|recording| recording.place(step));
    }

    fn received(&mut self, received: Received<'_>) {
        self.record(|recording| recording.received(&received));
    }

    fn refused(&mut self, error: &str) {
        self.record(|recording| recording.refused(error));
    }

    fn postponed(&mut self) {
        self.record(Recording::postponed);
    }

    fn unsent(&mut self, unsent: Unsent<'_>) {
        self.record(|recording| recording.unsent(&unsent));
    }

    fn ended(&mut self, correlation: Correlation, outcome: Option<CallOutcome>) {
        self.record(|recording| recording.ended(correlation, outcome));
    }
}

impl Delivery<'_> {
    /// Whether something follows from what was sent.
    pub(super) fn has_more(&self) -> bool {
        !self.scratch.undeliverable.is_empty() || !self.scratch.unserved.is_empty()
    }

    /// What messages are recorded with, if they are traced.
    #[inline]
    fn recording(&mut self) -> Option<&mut Recording> {
        if TRACES { self.recording.as_deref_mut() } else { None }
    }

    fn record(&mut self, tell: impl FnOnce(&mut Recording)) {
        if let Some(recording) = self.recording() {
            tell(recording);
        }
    }

    fn send(&mut self, to: SessionKey, message: &Message<'_>, timing: Timing) {
        let kind =
            if matches!(message, Message::Welcome(_)) { Kind::Welcome } else { Kind::Ordinary };
        self.send_as(to, message, kind, timing);
    }

    #[inline]
    fn send_as(
        &mut self,
        to: SessionKey,
        message: &Message<'_>,
        kind: Kind,
        timing: Timing,
    ) -> Taken {
        let Some(outlet) = self.seats.get(to) else { return Taken::Whole };
        let (enqueued, bytes) = outlet.enqueue(message, kind, timing);
        if let Some(recording) = self.recording() {
            record_only(recording, (to, outlet), message, (enqueued, bytes));
        }
        self.after(to, outlet, message, enqueued);
        if enqueued == Enqueued::TooLarge { Taken::TooLarge } else { Taken::Whole }
    }

    fn fan_out(&mut self, to: &[SessionKey], message: &Message<'_>, traffic: Traffic) {
        let (kind, timing) = match traffic {
            Traffic::Ordinary => (Kind::Ordinary, Timing::Event(self.place, self.now)),
            Traffic::Statistics => (Kind::Statistics, Timing::None),
        };
        if let [only] = to {
            self.send_as(*only, message, kind, timing);
            return;
        }
        let mut outgoing = self.recording().map(|of| of.outgoing(message));
        let message_type = message.message_type();
        for session in to {
            let Some(outlet) = self.seats.get(*session) else { continue };
            let Some(frame) = self.scratch.frames.get_mut(outlet.wire.index()) else { continue };
            if frame.message_bytes == 0 {
                frame.encode(outlet, message);
            }
            let shared =
                frame.shared.as_ref().map_or(SharedFrame::Copy(&frame.octets), SharedFrame::Share);
            let bytes = frame.message_bytes;
            let enqueued = outlet.enqueue_frame(&shared, message_type, bytes, kind, timing);
            if let (Some(recording), Some(outgoing)) = (self.recording(), &mut outgoing) {
                record_sent(recording, outgoing, (*session, outlet), message, (enqueued, bytes));
            }
            self.after(*session, outlet, message, enqueued);
        }
        for frame in &mut self.scratch.frames {
            frame.clear();
        }
    }

    fn after(
        &mut self,
        to: SessionKey,
        outlet: &Arc<Outlet>,
        message: &Message<'_>,
        enqueued: Enqueued,
    ) {
        match enqueued {
            Enqueued::Queued => {}
            Enqueued::Closed => outlet.count_dropped(self.place, message.message_type()),
            Enqueued::Flush => self.scratch.dirty.push(Arc::clone(outlet)),
            Enqueued::TooLarge => self.note_too_large(to, outlet, message),
        }
    }

    #[cold]
    fn note_too_large(&mut self, to: SessionKey, outlet: &Outlet, message: &Message<'_>) {
        if let Message::Welcome(_) = message {
            // Nothing that the client takes could tell it so.
            return outlet.kill(LeaveReason::Violation);
        }
        let (lost, message) = (Lost::of(message), message.message_type());
        let step = self.recording().and_then(|recording| recording.kept_step());
        self.scratch.undeliverable.push_back(Undeliverable { session: to, message, lost, step });
    }
}

/// Records what has become of a message for its only receiver.
#[cold]
fn record_only(
    recording: &mut Recording,
    receiver: (SessionKey, &Outlet),
    message: &Message<'_>,
    fate: (Enqueued, usize),
) {
    let outgoing = &mut recording.outgoing(message);
    record_sent(recording, outgoing, receiver, message, fate);
}

/// Records what has become of a message for one receiver.
#[cold]
fn record_sent(
    recording: &mut Recording,
    outgoing: &mut Outgoing,
    (to, outlet): (SessionKey, &Outlet),
    message: &Message<'_>,
    (enqueued, bytes): (Enqueued, usize),
) {
    let undelivered = match (enqueued, outlet.ending()) {
        (Enqueued::TooLarge, _) => Some(Undelivered::TooLarge),
        (_, Some(Ending::Dead(LeaveReason::SlowConsumer))) => Some(Undelivered::SlowConsumer),
        (Enqueued::Closed, _) => Some(Undelivered::ReceiverGone),
        (Enqueued::Queued | Enqueued::Flush, _) => None,
    };
    let format = outlet.wire.serializer.format;
    recording.sent(outgoing, message, (to, format), bytes, undelivered);
}

impl FanOutFrame {
    fn encode(&mut self, outlet: &Outlet, message: &Message<'_>) {
        self.message_bytes = outlet.wire.encode(message, &mut self.octets);
        if self.octets.len() >= SHARED_FRAME_BYTES {
            self.shared = Some(Bytes::from(mem::take(&mut self.octets)));
        }
    }

    fn clear(&mut self) {
        self.octets.clear();
        self.shared = None;
        self.message_bytes = 0;
    }
}
