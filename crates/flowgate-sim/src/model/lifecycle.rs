//! How sessions begin and end in the model.

use flowgate_event::Report;
use flowgate_router::{Join, SessionKey};
use flowgate_wire::{MessageType, uris};

use super::{Heard, Model, Pending, Phase, Seat};
use crate::said::Said;

impl Model {
    pub(super) fn join(&mut self, join: &Join) {
        let key = join.session;
        let role = self.settings.roles.iter().position(|(name, _)| *name == join.authrole);
        let refusal = if self.is_shutting_down {
            Some(uris::close::SYSTEM_SHUTDOWN)
        } else if role.is_none() {
            Some(uris::error::NO_SUCH_ROLE)
        } else {
            None
        };
        let welcome = self.said.iter().find_map(|(to, said)| match said {
            Said::Welcome { session, authid } if *to == key => Some((*session, authid.clone())),
            _ => None,
        });
        let (id, drawn) = welcome.unwrap_or_default();
        if self.sessions.values().any(|seat| id != 0 && seat.id == id) {
            self.fault = Some(format!("session {id} exists twice"));
        }
        let seat = Seat {
            phase: if refusal.is_some() { Phase::Refused } else { Phase::Open },
            role: role.unwrap_or_default(),
            features: join.features,
            last_request: 0,
            issued: 0,
            streamed: 0,
            id,
            authid: join.authid.clone().unwrap_or(drawn),
            authrole: join.authrole.clone(),
            serializer: join.serializer,
            testaments: Vec::new(),
            waiting: None,
            farewell: None,
            heard: Heard::default(),
        };
        match refusal {
            Some(reason) => {
                self.expect(key, Said::Abort { reason: reason.to_owned() });
                self.expect(key, Said::Close { connection: true });
            }
            None => {
                self.expect(key, Said::Welcome { session: id, authid: seat.authid.clone() });
                self.meta_event("wamp.session.on_join", &[seat.details()]);
            }
        }
        self.sessions.insert(key, seat);
    }

    /// A session has sent what is no message.
    pub(super) fn malformed(&mut self, from: SessionKey) {
        match self.phase(from) {
            Some(Phase::Open) => self.violate(from),
            Some(Phase::ShuttingDown) => self.close(from),
            Some(Phase::Closed | Phase::Refused) | None => {}
        }
    }

    pub(super) fn violate(&mut self, from: SessionKey) {
        let reason = uris::error::PROTOCOL_VIOLATION.to_owned();
        self.expect(from, Said::Abort { reason });
        self.close(from);
    }

    /// Ends a session without a word.
    pub(super) fn close(&mut self, from: SessionKey) {
        self.expect(from, Said::Close { connection: true });
        self.end(from, Phase::Closed);
    }

    pub(super) fn shut_down(&mut self) {
        if self.is_shutting_down {
            let told = self.sessions.iter().filter(|(_, seat)| seat.phase == Phase::ShuttingDown);
            let told: Vec<_> = told.map(|(key, _)| *key).collect();
            for key in told {
                self.close(key);
            }
            return;
        }
        self.is_shutting_down = true;
        for Pending { caller, request, .. } in std::mem::take(&mut self.calls) {
            self.refuse(caller, MessageType::Call, request, uris::error::CANCELED);
        }
        for key in self.open() {
            let watches = self.subscriptions.iter().any(|((policy, pattern), subscription)| {
                subscription.subscribers.contains(&key)
                    && (policy.matches(pattern, "wamp.session.on_stats")
                        || policy.matches(pattern, "wamp.session.on_leave"))
            });
            if !watches {
                self.tell_shutdown(key);
            }
        }
        self.shut_down_watchers();
    }

    /// Those who watch sessions end are told when nobody else is left.
    fn shut_down_watchers(&mut self) {
        let joined = self.sessions.values().filter(|seat| seat.phase != Phase::Refused);
        let open = self.open();
        if self.is_shutting_down && joined.count() == open.len() {
            for key in open {
                self.tell_shutdown(key);
            }
        }
    }

    pub(super) fn open(&self) -> Vec<SessionKey> {
        let open = self.sessions.iter().filter(|(_, seat)| seat.phase == Phase::Open);
        open.map(|(key, _)| *key).collect()
    }

    fn tell_shutdown(&mut self, key: SessionKey) {
        self.dismiss(key, uris::close::SYSTEM_SHUTDOWN);
    }

    pub(super) fn dismiss(&mut self, key: SessionKey, reason: &str) {
        self.expect(key, Said::Goodbye { reason: reason.to_owned() });
        self.end(key, Phase::ShuttingDown);
    }

    pub(super) fn leave(&mut self, key: SessionKey, report: Option<&Report>) {
        self.end(key, Phase::Closed);
        let seat = self.sessions.remove(&key);
        let Some(seat) = seat.filter(|seat| seat.phase != Phase::Refused) else { return };
        self.publish_testaments(&seat);
        if let Some(report) = report {
            self.meta_event("wamp.session.on_stats", &seat.stats(report));
        }
        let Seat { id, authid, authrole, .. } = seat;
        self.meta_event("wamp.session.on_leave", &[id.into(), authid.into(), authrole.into()]);
        self.shut_down_watchers();
    }

    pub(super) fn stats(&mut self, key: SessionKey, report: &Report) {
        let seat = self.sessions.get(&key).filter(|seat| seat.phase != Phase::Refused);
        if let Some(stats) = seat.map(|seat| seat.stats(report)) {
            self.meta_event("wamp.session.on_stats", &stats);
        }
    }

    /// Takes everything from an open session; others get what it owes them.
    pub(super) fn end(&mut self, key: SessionKey, phase: Phase) {
        let Some(seat) = self.sessions.get_mut(&key) else { return };
        if seat.phase == Phase::Refused {
            return;
        }
        seat.waiting = None;
        seat.farewell = None;
        if std::mem::replace(&mut seat.phase, phase) != Phase::Open {
            return;
        }
        self.unsubscribe_all(key);
        let held = self.registrations.iter().filter(|(_, one)| one.holds(key));
        let held: Vec<_> = held.map(|(name, _)| name.clone()).collect();
        for name in held {
            self.drop_callee(&name, key);
        }
        let ends = |call: &Pending| call.caller == key || call.is_with(key);
        let (ended, calls) = std::mem::take(&mut self.calls).into_iter().partition(ends);
        self.calls = calls;
        for call in ended {
            if call.caller != key {
                self.refuse(call.caller, MessageType::Call, call.request, uris::error::CANCELED);
            } else if !call.is_with(key) {
                self.give_up(&call);
            }
        }
    }
}
