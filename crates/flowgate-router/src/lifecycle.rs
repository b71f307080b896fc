//! How sessions begin and end.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use flowgate_event::{Answer, Event, EventKind, LeaveReason, Observer, Report, Step};
use flowgate_wire::{Dict, Goodbye, Message, MessageType, Uri, Welcome, uris};

use crate::{
    Close, Join, Lost, SessionKey,
    calls::Outcome,
    details::Details,
    meta,
    realm::{Service, State},
    request_error::RequestError,
    session::{Phase, Session},
    tracing::Tag,
    turn::Turn,
    welcome,
};

/// How long a session that is killed has to answer GOODBYE: enough for a slow link, and short
/// enough for whoever had a reason to kill it.
const FAREWELL_GRACE: Duration = Duration::from_secs(5);

/// What a session is told with the router's GOODBYE.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Farewell<'a> {
    pub(crate) reason: &'a str,
    pub(crate) message: Option<&'a str>,
}

impl Farewell<'static> {
    const SHUTDOWN: Self =
        Self { reason: uris::close::SYSTEM_SHUTDOWN, message: Some("the router is shutting down") };
}

impl State {
    pub(crate) fn handle_join<O: Observer>(&mut self, turn: &mut Turn<'_, O>, mut join: Join) {
        let key = join.session;
        if !self.sessions.is_vacant(key) {
            // Invariant: the shell uses a key again only after its `Leave`.
            debug_assert!(false, "{key:?} joins twice");
            return;
        }
        if self.service == Service::ShuttingDown {
            return turn.abort(key, uris::close::SYSTEM_SHUTDOWN, "the router is shutting down");
        }
        let Some(role) = self.config.roles.iter().position(|role| role.name == join.authrole)
        else {
            let message = format!("no role {:?} in realm {:?}", join.authrole, self.config.name);
            return turn.abort(key, uris::error::NO_SUCH_ROLE, &message);
        };
        let id = self.sessions.unused_id(&mut self.ids);
        let authid = join.authid.take().unwrap_or_else(|| self.ids.authid());
        let session = Session::new(id, authid, role, join);
        let details = Dict::from(welcome::details(self, &session));
        turn.send(key, Welcome { session: session.id, details });
        turn.observe(EventKind::SessionJoined, || Event::SessionJoined {
            session: session.id,
            authid: &session.authid,
            authrole: &session.authrole,
            authmethod: session.authmethod,
        });
        self.publish_on_join(turn, &session);
        self.sessions.insert(key, session);
    }

    /// The client closes its session ("Session Closing").
    pub(crate) fn handle_goodbye<O: Observer>(&mut self, turn: &mut Turn<'_, O>, from: SessionKey) {
        self.end(turn, from, Phase::Closed);
        let reason = Uri::from(uris::close::GOODBYE_AND_OUT);
        turn.send(from, Goodbye { details: Dict::EMPTY, reason });
        turn.close(from, Close::Session);
    }

    /// The client gives up; there is no reply.
    pub(crate) fn handle_abort<O: Observer>(&mut self, turn: &mut Turn<'_, O>, from: SessionKey) {
        self.end(turn, from, Phase::Closed);
        turn.close(from, Close::Connection);
    }

    /// The shell could not make a message of what a client has sent.
    pub(crate) fn handle_violation<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        what: &str,
    ) {
        match self.sessions.get(from).map(|session| session.phase) {
            Some(Phase::Open) => self.violate(turn, from, what),
            Some(Phase::ShuttingDown) => self.handle_abort(turn, from),
            Some(Phase::Closed) | None => {}
        }
    }

    /// An open session broke the protocol: it is aborted ("Protocol Errors").
    pub(crate) fn violate<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        what: &str,
    ) {
        let Some(session) = self.sessions.open(from).map(|session| session.id) else { return };
        turn.observe(EventKind::Violation, || Event::Violation { session, what });
        turn.abort(from, uris::error::PROTOCOL_VIOLATION, what);
        self.end(turn, from, Phase::Closed);
    }

    /// A message to a session in shutdown waits for the client's GOODBYE; what the client sent
    /// before it saw the router's is ignored (session state chart, transition 14).
    pub(crate) fn handle_shutting_down<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Message<'_>,
    ) {
        turn.note_ignored(from, message);
        if matches!(message, Message::Goodbye(_) | Message::Abort(_)) {
            self.handle_abort(turn, from);
        }
    }

    /// Says GOODBYE to every session; calls get their final reply first.
    ///
    /// Those who watch sessions end are told last, when all others have left, so that they hear of
    /// every end but their own. Said again, it closes those who have been told and do not answer.
    pub(crate) fn handle_shutdown<O: Observer>(&mut self, turn: &mut Turn<'_, O>) {
        if self.service == Service::ShuttingDown {
            for key in self.sessions.shutting_down() {
                self.handle_abort(turn, key);
            }
            return;
        }
        self.service = Service::ShuttingDown;
        self.calls.shut_down(turn);
        let mut watchers = BTreeSet::new();
        for topic in meta::ENDINGS {
            self.broker.collect_subscribers(topic, &mut watchers);
        }
        let open: Vec<SessionKey> = self.sessions.iter_open().map(|(key, _)| key).collect();
        for key in open.into_iter().filter(|key| !watchers.contains(key)) {
            self.dismiss(turn, key, Farewell::SHUTDOWN);
        }
        self.shut_down_watchers(turn);
    }

    /// Says GOODBYE to those who have not been told yet, once all others have left.
    fn shut_down_watchers<O: Observer>(&mut self, turn: &mut Turn<'_, O>) {
        if self.service == Service::ShuttingDown && self.sessions.are_all_open() {
            let open: Vec<SessionKey> = self.sessions.iter_open().map(|(key, _)| key).collect();
            for key in open {
                self.dismiss(turn, key, Farewell::SHUTDOWN);
            }
        }
    }

    /// Ends an open session for good: it is closed if it does not answer GOODBYE.
    pub(crate) fn kill<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        key: SessionKey,
        farewell: Farewell<'_>,
    ) {
        self.dismiss(turn, key, farewell);
        self.sessions.set_deadline(key, turn.now.after(FAREWELL_GRACE));
    }

    /// Goes on without what sessions have waited for long enough.
    pub(crate) fn expire_sessions<O: Observer>(&mut self, turn: &mut Turn<'_, O>) {
        while let Some(key) = self.sessions.expire(turn.now) {
            match self.sessions.get(key).map(|session| session.phase) {
                Some(Phase::Open) => self.resume(turn, key, Answer::Fail),
                Some(Phase::ShuttingDown) => self.handle_abort(turn, key),
                Some(Phase::Closed) | None => {}
            }
            self.settle(turn);
        }
    }

    /// Says GOODBYE to an open session, whose answer is awaited then.
    pub(crate) fn dismiss<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        key: SessionKey,
        farewell: Farewell<'_>,
    ) {
        self.end(turn, key, Phase::ShuttingDown);
        let mut details = Details::<1>::new();
        if let Some(message) = farewell.message {
            details.push("message", message);
        }
        let reason = Uri::from(farewell.reason);
        turn.send(key, Goodbye { details: details.as_dict(), reason });
    }

    /// The session is over for good: the meta events are published and the key is forgotten.
    pub(crate) fn handle_leave<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        key: SessionKey,
        reason: LeaveReason,
        report: Option<&Report>,
    ) {
        self.end(turn, key, Phase::Closed);
        // A session that was refused leaves without having been here.
        let Some(session) = self.sessions.remove(key) else { return };
        self.publish_testaments(turn, &session);
        if let Some(report) = report {
            self.publish_on_stats(turn, &session, report);
        }
        self.publish_on_leave(turn, &session);
        let session = session.id;
        turn.observe(EventKind::SessionLeft, || Event::SessionLeft { session, reason });
        self.shut_down_watchers(turn);
    }

    /// A message was too large for its receiver's transport ("Basic Profile URIs",
    /// `payload_size_exceeded`): a call that this would leave without an answer is ended.
    pub(crate) fn handle_undeliverable<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        key: SessionKey,
        message: MessageType,
        lost: Option<Lost>,
        step: Option<Step<'_>>,
    ) {
        let Some(session) = self.sessions.get(key) else { return };
        let (session, phase) = (session.id, session.phase);
        turn.observe(EventKind::Undeliverable, || Event::Undeliverable { session, message });
        let Some(lost) = lost.filter(|_| phase == Phase::Open) else { return };
        match lost {
            Lost::Invocation(request) => {
                if let Some(call) = self.calls.of_callee(key, request) {
                    self.calls.lose(turn, call);
                }
            }
            // A call that is over meanwhile has its final reply.
            Lost::Progress(request) => {
                if let Some(call) = self.calls.of_caller(key, request) {
                    let outcome = Outcome::Refused(RequestError::AnswerTooLarge);
                    self.calls.give_up(turn, call, outcome);
                }
            }
            Lost::Reply(request) => {
                let tag = step.map(|step| Arc::new(Tag::from(step)));
                turn.trail.visit(tag.as_ref());
                turn.refuse(key, MessageType::Call, request, &RequestError::AnswerTooLarge);
                turn.trail.leave();
            }
        }
    }

    /// Takes an open session out of all tables but that of the sessions; what it owes to others is
    /// settled, and nothing is sent to itself. Later phases only change to `phase`.
    fn end<O: Observer>(&mut self, turn: &mut Turn<'_, O>, key: SessionKey, phase: Phase) {
        let was_open = self.sessions.open(key).is_some();
        self.discard_waiting(turn, key);
        self.sessions.advance(key, phase);
        if was_open {
            self.detach_subscriptions(turn, key);
            self.detach_callee(turn, key);
        }
    }
}
