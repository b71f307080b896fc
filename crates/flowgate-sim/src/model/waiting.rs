//! The model's sessions that wait: for an authorizer, or to be closed.

use std::{collections::VecDeque, time::Duration};

use flowgate_event::{Answer, Disclosure, GateAction};
use flowgate_router::{AskId, SessionKey};
use flowgate_wire::{Format, Message, uris};

use super::{ASKED, Deadline, Model, Phase, Seat};
use crate::{
    said::Said,
    shell::{decode, encode},
};

/// A request that waits, and what waits behind it: messages in CBOR, which keeps all values.
///
/// Without the core's limits, which are beyond what the simulation sends.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// Learned when the question is heard.
    ask: Option<AskId>,
    request: Vec<u8>,
    answers: Vec<Answer>,
    queue: VecDeque<Vec<u8>>,
    deadline: Deadline,
}

impl Seat {
    /// When the session has waited long enough.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        self.waiting.as_ref().map(|waiting| waiting.deadline).or(self.farewell)
    }
}

impl Model {
    /// The realm has asked about the request of a session.
    pub(crate) fn heard_question(&mut self, key: SessionKey, ask: AskId) {
        let waiting = self.sessions.get_mut(&key).and_then(|seat| seat.waiting.as_mut());
        if let Some(waiting) = waiting {
            waiting.ask = Some(ask);
        }
    }

    pub(super) fn wait_or_handle(&mut self, from: SessionKey, message: &Message<'_>) {
        let waiting = self.sessions.get_mut(&from).and_then(|seat| seat.waiting.as_mut());
        match (waiting, message) {
            (Some(_), Message::Abort(_)) => self.close(from),
            (Some(waiting), _) => waiting.queue.push_back(encode(Format::Cbor, message)),
            (None, _) => self.handle(from, message),
        }
    }

    fn handle(&mut self, from: SessionKey, message: &Message<'_>) {
        if self.takes_request(from, message) {
            self.handle_again(from, message);
        } else {
            self.violate(from);
        }
    }

    fn handle_again(&mut self, from: SessionKey, message: &Message<'_>) {
        self.open_message(from, message);
        let Some(within) = self.asked.take() else { return };
        let waiting = Waiting {
            ask: None,
            request: encode(Format::Cbor, message),
            answers: std::mem::take(&mut self.answers),
            queue: VecDeque::new(),
            deadline: self.deadline_in(within),
        };
        if let Some(seat) = self.sessions.get_mut(&from) {
            seat.waiting = Some(waiting);
        }
    }

    /// What comes of a question: an answer from before, or none yet.
    pub(super) fn ask(
        &mut self,
        from: SessionKey,
        action: GateAction,
        uri: &str,
        within: Duration,
    ) -> Result<Disclosure, &'static str> {
        let answer = self.answers.get(self.used_answer_count).copied();
        self.used_answer_count += 1;
        match answer {
            Some(Answer::Admit(disclosure)) => Ok(disclosure),
            Some(Answer::Deny) => Err(uris::error::NOT_AUTHORIZED),
            Some(Answer::Fail) => Err(uris::error::AUTHORIZATION_FAILED),
            None => {
                self.asked = Some(within);
                self.expect(from, Said::Ask { action, uri: uri.to_owned() });
                Err(ASKED)
            }
        }
    }

    pub(super) fn answer(&mut self, from: SessionKey, ask: AskId, answer: Answer) {
        let waiting = self.sessions.get(&from).and_then(|seat| seat.waiting.as_ref());
        if waiting.is_some_and(|waiting| waiting.ask == Some(ask)) {
            self.resume(from, answer);
        }
    }

    pub(super) fn resume(&mut self, from: SessionKey, answer: Answer) {
        let waiting = self.sessions.get_mut(&from).and_then(|seat| seat.waiting.take());
        let Some(Waiting { request, mut answers, mut queue, .. }) = waiting else { return };
        answers.push(answer);
        self.answers = answers;
        self.used_answer_count = 0;
        if let Ok(request) = decode(Format::Cbor, &request) {
            self.handle_again(from, &request);
        }
        loop {
            self.start_waiting();
            self.answers.clear();
            self.used_answer_count = 0;
            let seat = self.sessions.get_mut(&from).filter(|seat| seat.phase == Phase::Open);
            let Some(seat) = seat else { return };
            if let Some(waiting) = &mut seat.waiting {
                waiting.queue = queue;
                return;
            }
            let Some(message) = queue.pop_front() else { return };
            if let Ok(message) = decode(Format::Cbor, &message) {
                self.handle(from, &message);
            }
        }
    }

    pub(super) fn expire_sessions(&mut self) {
        loop {
            let due = self.sessions.iter().filter_map(|(key, seat)| Some((seat.deadline()?, *key)));
            let Some((_, key)) = due.filter(|((at, _), _)| *at <= self.now).min() else { return };
            match self.phase(key) {
                Some(Phase::Open) => self.resume(key, Answer::Fail),
                Some(Phase::ShuttingDown | Phase::Closed | Phase::Refused) | None => {
                    self.close(key);
                }
            }
            self.start_waiting();
        }
    }

    pub(super) fn deadline_in(&mut self, time: Duration) -> Deadline {
        self.deadline_count += 1;
        (self.now.after(time), self.deadline_count)
    }
}
