//! One input being handled: the time, and where actions and events go.

use flowgate_event::{Event, EventKind, Observer, Timestamp};
use flowgate_wire::{
    Abort, Dict, Error, Interrupt, Message, MessageType, Payload, RequestId, Uri, Value,
};

use crate::{
    Action, AnsweredCall, Close, Outbox, SessionKey, Taken, Traffic,
    details::Details,
    request_error::RequestError,
    tracing::{Traced, Trail},
    waiting::{Answers, Asked},
};

/// What every handler is given.
pub(crate) struct Turn<'t, O> {
    pub(crate) now: Timestamp,
    pub(crate) out: &'t mut dyn Outbox,
    observer: &'t mut O,
    /// What authorizers have said about the message that is handled, in the order of the questions.
    pub(crate) answers: Answers,
    /// The authorizer that has been asked about the message that is handled.
    pub(crate) asked: Option<Asked>,
    /// The action that is handled, if messages are traced.
    pub(crate) trail: Trail<'t>,
}

impl<'t, O: Observer> Turn<'t, O> {
    pub(crate) fn new(
        now: Timestamp,
        out: &'t mut dyn Outbox,
        observer: &'t mut O,
        traced: &'t mut Traced,
    ) -> Self {
        let trail = Trail::new(out.is_traced(), traced);
        Self { now, out, observer, answers: Answers::default(), asked: None, trail }
    }

    pub(crate) fn send<'m>(&mut self, to: SessionKey, message: impl Into<Message<'m>>) {
        let message = &message.into();
        if self.trail.is_on() {
            self.place();
        }
        self.out.push(Action::Send { to, message });
    }

    pub(crate) fn fan_out<'m>(
        &mut self,
        to: &[SessionKey],
        message: impl Into<Message<'m>>,
        traffic: Traffic,
    ) {
        let message = &message.into();
        if self.trail.is_on() {
            self.place();
        }
        self.out.push(Action::FanOut { to, message, traffic });
    }

    /// Sends the final reply of a call; of one that the router itself answers without saying what
    /// it was.
    pub(crate) fn reply<'m>(
        &mut self,
        to: SessionKey,
        message: impl Into<Message<'m>>,
        call: Option<AnsweredCall>,
    ) -> Taken {
        let message = &message.into();
        if self.trail.is_on() {
            self.place();
        }
        self.out.reply(to, message, call)
    }

    pub(crate) fn close(&mut self, session: SessionKey, how: Close) {
        self.out.push(Action::Close { session, how });
    }

    /// Sends ERROR; nothing if the request waits for an authorizer.
    pub(crate) fn refuse(
        &mut self,
        to: SessionKey,
        request_type: MessageType,
        request: RequestId,
        error: &RequestError<'_>,
    ) {
        if let RequestError::Asked = error {
            return;
        }
        let args = [Value::from(error.to_string())];
        self.send(to, refusal(request_type, request, error, &args));
    }

    /// Sends ERROR as the final reply of a call.
    pub(crate) fn refuse_call(
        &mut self,
        to: SessionKey,
        request: RequestId,
        error: &RequestError<'_>,
        call: Option<AnsweredCall>,
    ) {
        let args = [Value::from(error.to_string())];
        self.reply(to, refusal(MessageType::Call, request, error, &args), call);
    }

    /// Sends ABORT and asks for the connection to be closed.
    pub(crate) fn abort(&mut self, session: SessionKey, reason: &'static str, message: &str) {
        let mut details = Details::<1>::new();
        details.push("message", message);
        self.send(
            session,
            Abort {
                details: details.as_dict(),
                reason: Uri::from(reason),
                payload: Payload::EMPTY,
            },
        );
        self.close(session, Close::Connection);
    }

    /// Sends INTERRUPT.
    pub(crate) fn interrupt(&mut self, to: SessionKey, request: RequestId, mode: &'static str) {
        let mut options = Details::<1>::new();
        options.push("mode", mode);
        self.send(to, Interrupt { request, options: options.as_dict() });
    }

    /// Tells the observer, if it wants to know.
    pub(crate) fn observe<'e>(&mut self, kind: EventKind, build: impl FnOnce() -> Event<'e>) {
        if self.observer.wants(kind) {
            self.observer.observe(self.now, &build());
        }
    }
}

/// ERROR by the router; its text is the only argument.
fn refusal<'m>(
    request_type: MessageType,
    request: RequestId,
    error: &RequestError<'_>,
    args: &'m [Value<'m>; 1],
) -> Error<'m> {
    Error {
        request_type,
        request,
        details: Dict::EMPTY,
        error: Uri::from(error.uri()),
        payload: Payload::from_values(args, &[]),
    }
}
