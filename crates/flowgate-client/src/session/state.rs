//! What a session knows: its open requests, subscriptions, registrations and invocations.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use flowgate_wire::{
    Call, Dict, Entry, Error, Message, MessageType, PublicationId, Publish, Published, Register,
    RegistrationId, RequestId, Subscribe, SubscriptionId, Uri, Value, Yield, uris,
};
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot};

use super::CallResult;
use crate::{
    Arguments, ClientError, ConnectionWriter, Failure, FeedError, Registration, Subscription,
    Violation, arguments::decode_dict, subscriber::Listener,
};

/// Where the answer to a request goes; whoever asked may be gone.
pub(super) type Reply<T> = oneshot::Sender<Result<T, ClientError>>;

/// What a handle asks of the session's task.
pub(super) enum Command {
    Subscribe {
        topic: Uri<'static>,
        options: Dict<'static>,
        reply: Reply<Subscription>,
    },
    Unsubscribe {
        id: SubscriptionId,
        reply: Reply<()>,
    },
    Publish {
        topic: Uri<'static>,
        options: Dict<'static>,
        arguments: Arguments,
        /// Whether, and where, an acknowledgement is awaited.
        reply: Option<Reply<PublicationId>>,
    },
    Register {
        procedure: Uri<'static>,
        options: Dict<'static>,
        reply: Reply<Registration>,
    },
    Unregister {
        id: RegistrationId,
        reply: Reply<()>,
    },
    Call {
        procedure: Uri<'static>,
        options: Dict<'static>,
        arguments: Arguments,
        reply: Reply<CallResult>,
    },
    Leave,
}

/// A request that the router has not answered.
pub(super) enum Pending {
    Subscribe { topic: Uri<'static>, reply: Reply<Subscription> },
    Unsubscribe { id: SubscriptionId, reply: Option<Reply<()>> },
    Publish { reply: Reply<PublicationId> },
    Register { procedure: Uri<'static>, reply: Reply<Registration> },
    Unregister { reply: Option<Reply<()>> },
    Call { reply: Reply<CallResult> },
}

/// A callee's answer to an invocation, or `None` if it dropped the invocation.
pub(super) struct Answer {
    request: RequestId,
    result: Option<Result<Arguments, Failure>>,
}

/// Waits for a callee's answer.
pub(super) struct Answering {
    pub(super) request: RequestId,
    pub(super) answer: oneshot::Receiver<Result<Arguments, Failure>>,
}

impl Future for Answering {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let request = self.request;
        Pin::new(&mut self.answer).poll(cx).map(|result| Answer { request, result: result.ok() })
    }
}

/// The state of an open session.
pub(super) struct State {
    pub(super) queue_count: usize,
    pub(super) next_request: RequestId,
    pending: BTreeMap<RequestId, Pending>,
    pub(super) listeners: BTreeMap<SubscriptionId, Vec<Listener>>,
    pub(super) callees: BTreeMap<RegistrationId, mpsc::Sender<crate::Invocation>>,
    /// Invocations in the hands of callees.
    pub(super) answers: FuturesUnordered<Answering>,
}

impl State {
    pub(super) fn new(queue_count: usize) -> Self {
        Self {
            queue_count,
            next_request: RequestId::MIN,
            pending: BTreeMap::new(),
            listeners: BTreeMap::new(),
            callees: BTreeMap::new(),
            answers: FuturesUnordered::new(),
        }
    }

    /// Sends a handle's request.
    pub(super) fn request(&mut self, command: Command, writer: &mut ConnectionWriter) {
        let request = self.next_request;
        match command {
            Command::Subscribe { topic, options, reply } => {
                let message = Subscribe { request, options, topic: topic.clone() };
                self.ask(message, Pending::Subscribe { topic, reply }, writer);
            }
            Command::Unsubscribe { id, reply } => self.unsubscribe(id, Some(reply), writer),
            Command::Publish { topic, options, arguments, reply } => {
                let payload = arguments.into_payload();
                let message = Publish { request, options, topic, payload };
                if let Some(reply) = reply {
                    self.ask(message, Pending::Publish { reply }, writer);
                } else if writer.feed(&message.into()).is_ok() {
                    self.next_request = request.next();
                }
            }
            Command::Register { procedure, options, reply } => {
                let message = Register { request, options, procedure: procedure.clone() };
                self.ask(message, Pending::Register { procedure, reply }, writer);
            }
            Command::Unregister { id, reply } => self.unregister(id, Some(reply), writer),
            Command::Call { procedure, options, arguments, reply } => {
                let payload = arguments.into_payload();
                let message = Call { request, options, procedure, payload };
                self.ask(message, Pending::Call { reply }, writer);
            }
            // The driver's business.
            Command::Leave => {}
        }
    }

    /// Sends a callee's answer.
    pub(super) fn answer(&self, answer: Answer, writer: &mut ConnectionWriter) {
        let request = answer.request;
        let fed = match answer.result {
            Some(Ok(arguments)) => {
                let payload = arguments.into_payload();
                writer.feed(&Yield { request, options: Dict::EMPTY, payload }.into())
            }
            Some(Err(Failure { error, arguments })) => fail(request, error, arguments, writer),
            None => fail(request, uris::error::CANCELED.into(), Arguments::default(), writer),
        };
        if fed.is_err() {
            let error = Uri::from(uris::error::PAYLOAD_SIZE_EXCEEDED);
            let fed = fail(request, error, Arguments::default(), writer);
            debug_assert!(fed.is_ok(), "an error without payload fits into any transport");
        }
    }

    /// Acts on a message of the router, other than GOODBYE and ABORT.
    pub(super) fn receive(
        &mut self,
        message: Message<'_>,
        writer: &mut ConnectionWriter,
    ) -> Result<(), Violation> {
        match message {
            Message::Event(event) => self.event(&event, writer),
            Message::Invocation(invocation) => self.invocation(&invocation, writer),
            // This client announces no call canceling, so the invocation may go on.
            Message::Interrupt(_) => {}
            Message::Result(result) => self.result(&result)?,
            Message::Error(error) => self.error(&error)?,
            Message::Published(published) => {
                let Published { request, publication } = published;
                let reply = self.take(request, MessageType::Published, Pending::publish)?;
                send(reply, Ok(publication));
            }
            Message::Subscribed(subscribed) => self.subscribed(&subscribed, writer)?,
            Message::Unsubscribed(unsubscribed) => self.unsubscribed(&unsubscribed)?,
            Message::Registered(registered) => self.registered(&registered, writer)?,
            Message::Unregistered(unregistered) => self.unregistered(&unregistered)?,
            Message::Hello(_)
            | Message::Welcome(_)
            | Message::Abort(_)
            | Message::Challenge(_)
            | Message::Authenticate(_)
            | Message::Goodbye(_)
            | Message::Publish(_)
            | Message::Subscribe(_)
            | Message::Unsubscribe(_)
            | Message::Call(_)
            | Message::Cancel(_)
            | Message::Register(_)
            | Message::Unregister(_)
            | Message::Yield(_)
            | Message::EventReceived(_) => {
                return Err(Violation::Unexpected(message.message_type()));
            }
        }
        Ok(())
    }

    fn result(&mut self, message: &flowgate_wire::Result<'_>) -> Result<(), Violation> {
        let details = decode_dict(&message.details);
        let is_progress =
            |(key, value): &Entry<'_>| key == "progress" && *value == Value::Bool(true);
        if details.iter().any(is_progress) && self.pending.contains_key(&message.request) {
            return Ok(());
        }
        let reply = self.take(message.request, MessageType::Result, Pending::call)?;
        let arguments = Arguments::decode(&message.payload);
        send(reply, Ok(CallResult { details, arguments }));
        Ok(())
    }

    fn error(&mut self, message: &Error<'_>) -> Result<(), Violation> {
        let request = message.request;
        let pending = self.take(request, MessageType::Error, Some)?;
        if pending.message_type() != message.request_type {
            return Err(Violation::UnknownRequest { message: MessageType::Error, request });
        }
        let error = ClientError::Error {
            error: message.error.clone().into_owned(),
            details: decode_dict(&message.details),
            arguments: Arguments::decode(&message.payload),
        };
        if let Pending::Unsubscribe { id, .. } = &pending {
            // The router knows nothing of the subscription, so neither do we.
            self.listeners.remove(id);
        }
        pending.fail(error);
        Ok(())
    }

    /// Sends a request that the router answers; should it not be sent, the asker is told.
    pub(super) fn ask<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
        pending: Pending,
        writer: &mut ConnectionWriter,
    ) {
        let request = self.next_request;
        match writer.feed(&message.into()) {
            Ok(()) => {
                self.next_request = request.next();
                self.pending.insert(request, pending);
            }
            Err(error) => pending.fail(error.into()),
        }
    }

    /// Takes the request that a message answers, if it is one of the kind that `pick` accepts.
    pub(super) fn take<T>(
        &mut self,
        request: RequestId,
        message: MessageType,
        pick: impl FnOnce(Pending) -> Option<T>,
    ) -> Result<T, Violation> {
        let unknown = Violation::UnknownRequest { message, request };
        self.pending.remove(&request).and_then(pick).ok_or(unknown)
    }
}

impl Pending {
    /// The type of the request.
    const fn message_type(&self) -> MessageType {
        match self {
            Self::Subscribe { .. } => MessageType::Subscribe,
            Self::Unsubscribe { .. } => MessageType::Unsubscribe,
            Self::Publish { .. } => MessageType::Publish,
            Self::Register { .. } => MessageType::Register,
            Self::Unregister { .. } => MessageType::Unregister,
            Self::Call { .. } => MessageType::Call,
        }
    }

    fn fail(self, error: ClientError) {
        match self {
            Self::Subscribe { reply, .. } => send(reply, Err(error)),
            Self::Publish { reply } => send(reply, Err(error)),
            Self::Register { reply, .. } => send(reply, Err(error)),
            Self::Call { reply } => send(reply, Err(error)),
            Self::Unsubscribe { reply, .. } | Self::Unregister { reply } => {
                if let Some(reply) = reply {
                    send(reply, Err(error));
                }
            }
        }
    }

    fn publish(self) -> Option<Reply<PublicationId>> {
        if let Self::Publish { reply } = self { Some(reply) } else { None }
    }

    fn call(self) -> Option<Reply<CallResult>> {
        if let Self::Call { reply } = self { Some(reply) } else { None }
    }
}

/// Sends an ERROR to an invocation.
pub(super) fn fail(
    request: RequestId,
    error: Uri<'static>,
    arguments: Arguments,
    writer: &mut ConnectionWriter,
) -> Result<(), FeedError> {
    let (request_type, details) = (MessageType::Invocation, Dict::EMPTY);
    let payload = arguments.into_payload();
    writer.feed(&Error { request_type, request, details, error, payload }.into())
}

/// Answers whoever asked, unless nobody waits any more.
pub(super) fn send<T>(reply: Reply<T>, answer: Result<T, ClientError>) {
    let _ = reply.send(answer);
}
