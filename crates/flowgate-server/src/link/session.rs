//! A connection's session: joining, messages, leaving.

use std::{array, mem, sync::Arc};

use flowgate_event::LeaveReason;
use flowgate_meter::{Due, SessionMeter};
use flowgate_router::{Close, HandshakeStep, Input, Join, Refusal};
use flowgate_wire::{Abort, DecodeError, Dict, Message, MessageType, Payload, Value, Yield, uris};

use super::{
    Enqueued, Kind, Link, Phase,
    inbound::BATCH,
    outlet::{Began, Invocations, Metering, Timing},
    recording::First,
    serialized::Serialized,
};
use crate::{
    metrics::{COUNTS, Direction, Fault, Lane, serializer_name},
    realm::{Turn, deliver},
    scratch::Scratch,
};

impl Link {
    /// Handles messages in order, until one opens or ends a session; how many it has handled.
    pub(super) fn handle(&mut self, messages: &[Serialized<'_>], scratch: &mut Scratch) -> usize {
        let mut handled = 0;
        while let Some(rest) = messages.get(handled..)
            && !rest.is_empty()
            && self.may_receive()
        {
            handled += match self.phase {
                Phase::Opening => {
                    rest.first().inspect(|message| self.open(**message, scratch));
                    1
                }
                Phase::Joined { .. } => self.route(rest.get(..BATCH).unwrap_or(rest), scratch),
            };
        }
        handled
    }

    /// Handles the first message of a session.
    fn open(&mut self, serialized: Serialized<'_>, scratch: &mut Scratch) {
        let octets = serialized.octets();
        let message = serialized.decode(self.outlet.wire.serializer.format, &self.limits);
        let first = self.first(octets, message.as_ref().ok());
        let step = match message {
            Ok(message) => self.auth.judge(&message),
            Err(error) => HandshakeStep::Refuse(Refusal {
                reason: uris::error::PROTOCOL_VIOLATION,
                message: error.to_string(),
            }),
        };
        match step {
            HandshakeStep::Join(accepted) => {
                if self.service.is_closing() {
                    let message = "the router shuts down".to_owned();
                    return self.refuse(
                        Refusal { reason: uris::close::SYSTEM_SHUTDOWN, message },
                        &first,
                        scratch,
                    );
                }
                let Some(realm) = self.service.realms.get(&accepted.realm).cloned() else {
                    return self.refuse(Refusal::no_such_realm(&accepted.realm), &first, scratch);
                };
                let now = self.service.clock.now();
                let mut meter = SessionMeter::new(realm.stats(), now);
                // No window is due before WELCOME.
                let _ = meter.received(octets.len());
                let metrics = self.service.metrics.all();
                let place = metrics.realm(&accepted.realm);
                let serializer = self.outlet.wire.serializer;
                let received = Lane::new(place, Direction::Received, serializer);
                if let Some(local) = scratch.local(metrics)
                    && let Some(tally) = local.messages(received)
                {
                    tally.count(MessageType::Hello, octets.len());
                }
                let authmethod = accepted.authmethod;
                let held = metrics.session(place, authmethod);
                let outlet = &self.outlet;
                let transport = self.describe_transport();
                let session = realm.turn(now, scratch, |turn| {
                    turn.join(outlet, octets, |session| {
                        *outlet.metering() = Some(Metering {
                            meter,
                            reports: Default::default(),
                            realm: Arc::clone(&realm),
                            session,
                            received,
                            invocations: Invocations::default(),
                            _held: held,
                        });
                        Join {
                            session,
                            authid: accepted.authid,
                            authrole: accepted.authrole,
                            authmethod,
                            authprovider: accepted.authprovider,
                            features: accepted.features,
                            serializer: serializer_name(outlet.wire),
                            transport,
                        }
                    })
                });
                self.phase = Phase::Joined { realm, session };
                self.timers.opened();
                self.window_armed = false;
                self.last_words = None;
                // WELCOME goes out later than HELLO came in: the window between has a length.
                let welcomed = self.service.clock.now();
                self.service.metrics.all().admitted(place, authmethod, welcomed.since(now));
                deliver(scratch);
            }
            HandshakeStep::Refuse(refusal) => self.refuse(refusal, &first, scratch),
            HandshakeStep::Close => {
                self.record_refused(&first, None, scratch);
                self.outlet.close(Close::Connection);
            }
        }
    }

    /// Says ABORT to a client that does not get a session.
    fn refuse(&self, refusal: Refusal, first: &First<'_>, scratch: &mut Scratch) {
        self.service.counts.refused();
        self.service.metrics.refused();
        tracing::info!(reason = refusal.reason, message = refusal.message, "session refused");
        let details = [("message".into(), Value::from(refusal.message))];
        let abort = Message::Abort(Abort {
            details: Dict::from_entries(&details),
            reason: refusal.reason.into(),
            payload: Payload::EMPTY,
        });
        let (enqueued, bytes) = self.outlet.enqueue(&abort, Kind::Ordinary, Timing::None);
        self.record_refused(first, Some((&abort, bytes)), scratch);
        if enqueued == Enqueued::Flush {
            scratch.dirty.push(Arc::clone(&self.outlet));
        }
        self.outlet.close(Close::Connection);
    }

    /// Hands a batch of messages to the realm, which it locks once; how many it has handled.
    fn route(&mut self, batch: &[Serialized<'_>], scratch: &mut Scratch) -> usize {
        // Most batches are of one message, and to prepare room for sixteen costs more than to decode
        // a small one.
        match batch {
            [_] => self.route_batch::<1>(batch, scratch),
            _ => self.route_batch::<BATCH>(batch, scratch),
        }
    }

    /// Does so with at most `ROOM` messages.
    fn route_batch<const ROOM: usize>(
        &mut self,
        batch: &[Serialized<'_>],
        scratch: &mut Scratch,
    ) -> usize {
        let Phase::Joined { realm, session } = &self.phase else { return batch.len() };
        let format = self.outlet.wire.serializer.format;
        let mut serialized = batch.iter();
        let decoded: [Option<Result<Message<'_>, DecodeError>>; ROOM] = array::from_fn(|_| {
            serialized.next().map(|serialized| serialized.decode(format, &self.limits))
        });
        let now = self.service.clock.now();
        let (session, outlet) = (*session, &self.outlet);
        let local = scratch.local(self.service.metrics.all()).cloned();
        let mut handled = 0;
        let mut last_words = None;
        let mut violated = false;
        realm.turn(now, scratch, |turn| {
            let mut metering = outlet.metering();
            let Some(metering) = metering.as_mut() else {
                // Invariant: who has joined is metered. What a session without a meter says is lost.
                handled = batch.len();
                return;
            };
            let received = local.as_deref().and_then(|local| local.messages(metering.received));
            for (serialized, slot) in batch.iter().zip(&decoded) {
                let Some(message) = slot else { return };
                let octets = serialized.octets();
                handled += 1;
                let message = match message {
                    Ok(message) => message,
                    Err(error) => {
                        violated = true;
                        turn.handle(Input::Violation { session, what: &error.to_string() });
                        return;
                    }
                };
                let message_type = message.message_type();
                if let Some(received) = received {
                    received.count(message_type, octets.len());
                }
                let due = metering.meter.received(octets.len());
                if message_type == MessageType::Goodbye {
                    last_words = Some(LeaveReason::Goodbye);
                } else if message_type == MessageType::Abort {
                    last_words = Some(LeaveReason::Aborted);
                }
                // The invocation that a callee says its last about.
                let answered = if !COUNTS {
                    None
                } else if let Message::Yield(result) = message {
                    Some(result.request).filter(|_| result.options.is_empty() || is_final(result))
                } else if let Message::Error(error) = message {
                    Some(error.request).filter(|_| error.request_type == MessageType::Invocation)
                } else {
                    None
                };
                match answered {
                    None => turn.receive(session, message, (format, octets)),
                    Some(request) => {
                        let began = metering.invocations.take(request);
                        turn.expect_reply(began);
                        turn.receive(session, message, (format, octets));
                        if turn.has_replied() && began == Began::JustNow {
                            metering.invocations.overtake(request);
                        }
                    }
                }
                if due == Due::Now {
                    metering.reports.extend(metering.meter.close(now));
                    metering.publish(turn);
                }
                if last_words.is_some() {
                    return;
                }
            }
        });
        self.last_words = self.last_words.or(last_words);
        if violated {
            self.service.counts.violation();
            self.service.metrics.protocol_error(Fault::Message);
        }
        handled
    }

    /// Lets the realm abort the session after something that is no message.
    pub(super) fn abort_session(&mut self, what: &str, scratch: &mut Scratch) {
        if let Phase::Joined { realm, session } = &self.phase {
            let session = *session;
            realm.turn(self.service.clock.now(), scratch, |turn| {
                turn.handle(Input::Violation { session, what });
            });
        }
    }

    /// Ends the session, if there is one: its last window, then its leave.
    pub(super) fn leave(&mut self, reason: LeaveReason) {
        if let Phase::Joined { realm, .. } = mem::replace(&mut self.phase, Phase::Opening) {
            let now = self.service.clock.now();
            Scratch::with(|scratch| {
                realm.turn(now, scratch, |turn| turn.leave(&self.outlet, reason));
                deliver(scratch);
            });
        }
    }

    /// Closes the metering window if its time is over, and sets the timer for the next.
    pub(super) fn close_window(&mut self) {
        let Phase::Joined { realm, .. } = &self.phase else { return };
        let now = self.service.clock.now();
        let mut due = false;
        let mut deadline = None;
        if let Some(metering) = self.outlet.metering().as_mut() {
            metering.reports.extend(metering.meter.tick(now));
            due = !metering.reports.is_empty();
            deadline = metering.meter.deadline();
        }
        self.timers.window_ends(deadline.map(|at| self.service.clock.instant(at)));
        if due {
            Scratch::with(|scratch| {
                realm.publish_reports(&self.outlet, now, scratch);
                deliver(scratch);
            });
        }
    }

    /// Sets the timer of the first window once WELCOME is out.
    pub(super) fn arm_window(&mut self) {
        if !self.window_armed && self.outlet.is_welcomed() {
            self.window_armed = true;
            self.close_window();
        }
    }
}

/// Whether no more results follow.
#[cold]
fn is_final(message: &Yield<'_>) -> bool {
    message.options.get("progress") != Some(Value::Bool(true))
}

impl Metering {
    /// Publishes waiting reports, oldest first.
    pub(crate) fn publish(&mut self, turn: &mut Turn<'_>) {
        // No memory is kept for the next report: most sessions have none for a long time.
        for report in mem::take(&mut self.reports) {
            turn.handle(Input::Stats { session: self.session, report });
        }
    }
}
