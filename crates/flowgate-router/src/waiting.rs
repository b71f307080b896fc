//! Requests that wait for an authorizer, and what their sessions send meanwhile.
//!
//! A session whose request waits is handled again when the answer is there; until then everything
//! it sends waits behind, so that the order of its messages is that of its sending.

use std::{collections::VecDeque, time::Duration};

use flowgate_event::{Answer, GateRequest, Observer, Timestamp};
use flowgate_wire::Message;

use crate::{
    Action, AskId, SessionKey, realm::State, stored_message::StoredMessage, tracing::Waited,
    turn::Turn,
};

/// The most messages that wait behind a request.
const QUEUE_COUNT_MAX: usize = 256;

/// The most octets that wait behind a request, all messages together.
const QUEUE_BYTES_MAX: usize = 1024 * 1024;

/// A request that waits, and what waits behind it.
///
/// Bounded: when more waits behind a request than there is room for, the request fails, and the
/// session goes on with what waited.
#[derive(Debug)]
pub(crate) struct Waiting {
    ask: AskId,
    request: StoredMessage,
    /// What is known of it.
    waited: Waited,
    /// The answers that the request has got before; one message can ask twice.
    answers: Vec<Answer>,
    /// With the moments at which they came.
    queue: VecDeque<(Timestamp, StoredMessage)>,
    queue_bytes: usize,
}

/// The answers to the questions about one message, handed out in their order.
///
/// The gate asks the same questions again when the message is handled again: its answer depends on
/// nothing but the question.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    all: Vec<Answer>,
    used_count: usize,
}

/// A question that has been asked about the message that is being handled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    ask: AskId,
    within: Duration,
}

impl Answers {
    pub(crate) fn next(&mut self) -> Option<Answer> {
        let answer = self.all.get(self.used_count).copied();
        self.used_count += usize::from(answer.is_some());
        answer
    }
}

impl Waiting {
    fn is_full(&self) -> bool {
        self.queue.len() > QUEUE_COUNT_MAX || self.queue_bytes > QUEUE_BYTES_MAX
    }

    fn push(&mut self, now: Timestamp, message: StoredMessage) {
        self.queue_bytes += message.len_bytes();
        self.queue.push_back((now, message));
    }

    fn pop(&mut self) -> Option<(Timestamp, StoredMessage)> {
        let (since, message) = self.queue.pop_front()?;
        self.queue_bytes -= message.len_bytes();
        Some((since, message))
    }
}

impl<O: Observer> Turn<'_, O> {
    /// Asks an authorizer about the message that is being handled.
    pub(crate) fn ask(
        &mut self,
        session: SessionKey,
        ask: AskId,
        request: GateRequest<'_>,
        within: Duration,
    ) {
        self.asked = Some(Asked { ask, within });
        self.out.push(Action::Ask { session, ask, request });
    }
}

impl State {
    /// Keeps a request about which an authorizer has just been asked.
    #[inline]
    pub(crate) fn park_if_asked<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Message<'_>,
    ) {
        if turn.asked.is_some() {
            self.park(turn, from, message);
        }
    }

    #[cold]
    fn park<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Message<'_>,
    ) {
        let Some(Asked { ask, within }) = turn.asked.take() else { return };
        let waited = turn.trail.take_waited(turn.now);
        let waiting = Waiting {
            ask,
            request: StoredMessage::new(message),
            waited,
            answers: std::mem::take(&mut turn.answers).all,
            queue: VecDeque::new(),
            queue_bytes: 0,
        };
        if let Some(session) = self.sessions.open_mut(from) {
            session.waiting = Some(Box::new(waiting));
            self.sessions.set_deadline(from, turn.now.after(within));
        }
    }

    /// A message of a session whose request waits: it waits behind. Only ABORT does not, since
    /// after it nothing counts that the session has sent.
    pub(crate) fn wait<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Message<'_>,
    ) {
        if let Message::Abort(_) = message {
            turn.note_ignored(from, message);
            return self.handle_abort(turn, from);
        }
        let now = turn.now;
        if let Some(waiting) = self.waiting_mut(from) {
            waiting.push(now, StoredMessage::new(message));
        }
        while self.waiting_mut(from).is_some_and(|waiting| waiting.is_full()) {
            self.resume(turn, from, Answer::Fail);
        }
    }

    /// An authorizer has answered.
    pub(crate) fn handle_answer<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        session: SessionKey,
        ask: AskId,
        answer: Answer,
    ) {
        if self.waiting_mut(session).is_some_and(|waiting| waiting.ask == ask) {
            self.resume(turn, session, answer);
        }
    }

    /// Handles the request that waits, and then what waits behind it, until the next one waits.
    pub(crate) fn resume<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        answer: Answer,
    ) {
        let waiting = self.sessions.open_mut(from).and_then(|session| session.waiting.take());
        let Some(mut waiting) = waiting else { return };
        self.sessions.clear_deadline(from);
        let mut answers = std::mem::take(&mut waiting.answers);
        answers.push(answer);
        turn.answers = Answers { all: answers, used_count: 0 };
        if let Some(request) = waiting.request.message() {
            // Its trace context has been counted.
            let contexts = self.contexts;
            turn.trail.resume(waiting.waited.clone());
            self.dispatch(turn, from, &request);
            self.contexts = contexts;
        }
        turn.answers = Answers::default();
        self.settle(turn);
        // A session that has ended meanwhile takes what waits with it.
        while let Some(session) = self.sessions.open_mut(from) {
            if let Some(next) = &mut session.waiting {
                next.queue = waiting.queue;
                next.queue_bytes = waiting.queue_bytes;
                return;
            }
            let Some((since, message)) = waiting.pop() else { return };
            if let Some(message) = message.message() {
                turn.trail.resume(Waited { since, begun: None });
                self.handle_open(turn, from, &message);
                self.settle(turn);
            }
        }
        while let Some((since, message)) = waiting.pop() {
            self.discard(turn, from, &message, Waited { since, begun: None });
        }
    }

    /// Drops what waits of a session that ends.
    pub(crate) fn discard_waiting<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
    ) {
        let waiting = self.sessions.open_mut(from).and_then(|session| session.waiting.take());
        let Some(mut waiting) = waiting else { return };
        self.discard(turn, from, &waiting.request, waiting.waited.clone());
        while let Some((since, message)) = waiting.pop() {
            self.discard(turn, from, &message, Waited { since, begun: None });
        }
    }

    fn waiting_mut(&mut self, session: SessionKey) -> Option<&mut Waiting> {
        self.sessions.open_mut(session)?.waiting.as_deref_mut()
    }
}
