//! The subscriber's and the callee's side of a session: what arrives unasked, and who gets it.

use flowgate_wire::{
    Event, Invocation, MessageType, Registered, RegistrationId, Subscribed, SubscriptionId,
    Unregister, Unregistered, Unsubscribe, Unsubscribed, Uri, uris,
};
use tokio::sync::{mpsc, oneshot};

use super::state::{Answering, Pending, Reply, State, fail, send};
use crate::{
    Arguments, ConnectionWriter, Registration, Violation, arguments::decode_dict,
    subscriber::Listener,
};

/// The error by which a callee lets the dealer try another one.
///
/// Source: advanced profile, "RPC Call Rerouting".
const UNAVAILABLE: &str = "wamp.error.unavailable";

impl State {
    pub(super) fn event(&mut self, message: &Event<'_>, writer: &mut ConnectionWriter) {
        let id = message.subscription;
        // None: the event crossed our UNSUBSCRIBE.
        let Some(listeners) = self.listeners.get(&id) else { return };
        let event = crate::Event {
            publication: message.publication,
            details: decode_dict(&message.details),
            arguments: Arguments::decode(&message.payload),
        };
        if let Some((last, others)) = listeners.split_last() {
            for listener in others {
                listener.deliver(event.clone());
            }
            last.deliver(event);
        }
        if listeners.iter().any(Listener::is_closed) {
            self.unsubscribe(id, None, writer);
        }
    }

    pub(super) fn subscribed(
        &mut self,
        message: &Subscribed,
        writer: &mut ConnectionWriter,
    ) -> Result<(), Violation> {
        let Subscribed { request, subscription } = *message;
        let (topic, reply) = self.take(request, MessageType::Subscribed, Pending::subscribe)?;
        let (listener, handle) = Listener::new(subscription, topic, self.queue_count);
        self.listeners.entry(subscription).or_default().push(listener);
        if reply.send(Ok(handle)).is_err() {
            // Nobody waits any more, and the subscription went with the answer.
            self.unsubscribe(subscription, None, writer);
        }
        Ok(())
    }

    /// Forgets listeners that are gone, and unsubscribes when the last is.
    pub(super) fn unsubscribe(
        &mut self,
        id: SubscriptionId,
        reply: Option<Reply<()>>,
        writer: &mut ConnectionWriter,
    ) {
        if let Some(listeners) = self.listeners.get_mut(&id) {
            listeners.retain(|listener| !listener.is_closed());
            if listeners.is_empty() {
                self.listeners.remove(&id);
                let message = Unsubscribe { request: self.next_request, subscription: id };
                self.ask(message, Pending::Unsubscribe { id, reply }, writer);
                return;
            }
        }
        confirm(reply);
    }

    pub(super) fn unsubscribed(&mut self, message: &Unsubscribed<'_>) -> Result<(), Violation> {
        if let Some(request) = message.request {
            let (id, reply) =
                self.take(request, MessageType::Unsubscribed, Pending::unsubscribe)?;
            // Those who subscribed meanwhile shared the subscription that has now ended.
            self.listeners.remove(&id);
            confirm(reply);
        } else if let Some(id) = revoked(message.details.as_ref(), "subscription")
            && let Ok(id) = SubscriptionId::new(id)
        {
            self.listeners.remove(&id);
        }
        Ok(())
    }

    pub(super) fn invocation(&mut self, message: &Invocation<'_>, writer: &mut ConnectionWriter) {
        let (id, request) = (message.registration, message.request);
        let Some(callee) = self.callees.get(&id) else {
            // The invocation crossed our UNREGISTER.
            refuse(request, uris::error::NO_SUCH_REGISTRATION, writer);
            return;
        };
        let (answer, answering) = oneshot::channel();
        let invocation = crate::Invocation {
            request,
            details: decode_dict(&message.details),
            arguments: Arguments::decode(&message.payload),
            answer,
        };
        match callee.try_send(invocation) {
            Ok(()) => self.answers.push(Answering { request, answer: answering }),
            Err(mpsc::error::TrySendError::Full(_)) => refuse(request, UNAVAILABLE, writer),
            Err(mpsc::error::TrySendError::Closed(_)) => {
                refuse(request, UNAVAILABLE, writer);
                self.unregister(id, None, writer);
            }
        }
    }

    pub(super) fn registered(
        &mut self,
        message: &Registered,
        writer: &mut ConnectionWriter,
    ) -> Result<(), Violation> {
        let Registered { request, registration: id } = *message;
        let (procedure, reply) = self.take(request, MessageType::Registered, Pending::register)?;
        let (callee, invocations) = mpsc::channel(self.queue_count);
        self.callees.insert(id, callee);
        if reply.send(Ok(Registration { id, procedure, invocations })).is_err() {
            // Nobody waits any more, and the registration went with the answer.
            self.unregister(id, None, writer);
        }
        Ok(())
    }

    pub(super) fn unregister(
        &mut self,
        id: RegistrationId,
        reply: Option<Reply<()>>,
        writer: &mut ConnectionWriter,
    ) {
        if self.callees.remove(&id).is_some() {
            let message = Unregister { request: self.next_request, registration: id };
            self.ask(message, Pending::Unregister { reply }, writer);
        } else {
            confirm(reply);
        }
    }

    pub(super) fn unregistered(&mut self, message: &Unregistered<'_>) -> Result<(), Violation> {
        if let Some(request) = message.request {
            confirm(self.take(request, MessageType::Unregistered, Pending::unregister)?);
        } else if let Some(id) = revoked(message.details.as_ref(), "registration")
            && let Ok(id) = RegistrationId::new(id)
        {
            self.callees.remove(&id);
        }
        Ok(())
    }
}

impl Pending {
    fn subscribe(self) -> Option<(Uri<'static>, Reply<crate::Subscription>)> {
        if let Self::Subscribe { topic, reply } = self { Some((topic, reply)) } else { None }
    }

    fn unsubscribe(self) -> Option<(SubscriptionId, Option<Reply<()>>)> {
        if let Self::Unsubscribe { id, reply } = self { Some((id, reply)) } else { None }
    }

    fn register(self) -> Option<(Uri<'static>, Reply<Registration>)> {
        if let Self::Register { procedure, reply } = self { Some((procedure, reply)) } else { None }
    }

    fn unregister(self) -> Option<Option<Reply<()>>> {
        if let Self::Unregister { reply } = self { Some(reply) } else { None }
    }
}

/// What a revocation names ("Subscription Revocation", "Registration Revocation").
fn revoked(details: Option<&flowgate_wire::Dict<'_>>, key: &str) -> Option<u64> {
    details?.get(key)?.as_u64()
}

/// Answers an invocation that no callee takes.
fn refuse(request: flowgate_wire::RequestId, error: &'static str, writer: &mut ConnectionWriter) {
    let fed = fail(request, error.into(), Arguments::default(), writer);
    debug_assert!(fed.is_ok(), "an error without payload fits into any transport");
}

fn confirm(reply: Option<Reply<()>>) {
    if let Some(reply) = reply {
        send(reply, Ok(()));
    }
}
