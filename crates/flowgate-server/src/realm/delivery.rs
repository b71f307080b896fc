//! From the core's actions to frames in outlets.

use std::{mem, sync::Arc, time::Duration};

use bytes::Bytes;
use flowgate_event::{LeaveReason, Timestamp};
use flowgate_router::{Action, AnsweredCall, Outbox, SessionKey, Traffic};
use flowgate_wire::{Message, MessageType, RequestId};

use super::{Seats, ServiceLine};
use crate::{
    link::{Enqueued, Kind, Outlet, SHARED_FRAME_BYTES, SharedFrame, Timing},
    metrics::RealmIndex,
    scratch::Scratch,
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
    pub(super) answer: Answer,
}

/// Whether a callee answers a call with what is handled, and what has become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is no answer, or the caller has its reply.
    None,
    /// It is, after so long, if that is known; the caller's reply is to come.
    Given(Option<Duration>),
}

/// A message that its receiver's transport does not take.
#[derive(Debug)]
pub(crate) struct Undeliverable {
    session: SessionKey,
    message: MessageType,
    request: Option<RequestId>,
}

impl From<Undeliverable> for flowgate_router::Input<'_> {
    fn from(undeliverable: Undeliverable) -> Self {
        let Undeliverable { session, message, request } = undeliverable;
        Self::Undeliverable { session, message, request }
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
                let timing = if let Message::Invocation(invocation) = &message {
                    Timing::Invocation(invocation.request)
                } else if let Message::Event(_) = message {
                    Timing::Event(self.place, self.now)
                } else {
                    Timing::None
                };
                self.send(to, &message, timing);
            }
            Action::FanOut { to, message, traffic } => self.fan_out(to, &message, traffic),
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

    fn reply(&mut self, to: SessionKey, message: Message<'_>, call: AnsweredCall) {
        // The first final reply is that of the call that is answered; it may free the callee for
        // others, which end after it.
        let callee = match mem::replace(&mut self.answer, Answer::None) {
            Answer::None => None,
            Answer::Given(callee) => callee,
        };
        self.send(to, &message, Timing::Reply(call, callee));
    }
}

impl Delivery<'_> {
    fn send(&mut self, to: SessionKey, message: &Message<'_>, timing: Timing) {
        let Some(outlet) = self.seats.get(to) else { return };
        let kind =
            if matches!(message, Message::Welcome(_)) { Kind::Welcome } else { Kind::Ordinary };
        let enqueued = outlet.enqueue(message, kind, timing);
        self.after(to, outlet, message, enqueued);
    }

    fn fan_out(&mut self, to: &[SessionKey], message: &Message<'_>, traffic: Traffic) {
        let (kind, timing) = match traffic {
            Traffic::Ordinary => (Kind::Ordinary, Timing::Event(self.place, self.now)),
            Traffic::Statistics => (Kind::Statistics, Timing::None),
        };
        if let [only] = to {
            let Some(outlet) = self.seats.get(*only) else { return };
            let enqueued = outlet.enqueue(message, kind, timing);
            return self.after(*only, outlet, message, enqueued);
        }
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
            Enqueued::TooLarge => {
                if let Message::Welcome(_) = message {
                    // Nothing that the client takes could tell it so.
                    return outlet.kill(LeaveReason::Violation);
                }
                let request = if let Message::Invocation(invocation) = message {
                    Some(invocation.request)
                } else if let Message::Result(result) = message {
                    Some(result.request)
                } else if let Message::Error(error) = message {
                    Some(error.request).filter(|_| error.request_type == MessageType::Call)
                } else {
                    None
                };
                let message = message.message_type();
                self.scratch.undeliverable.push_back(Undeliverable {
                    session: to,
                    message,
                    request,
                });
            }
        }
    }
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
