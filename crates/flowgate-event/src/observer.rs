//! The seam through which the router is observed.

use flowgate_wire::{MatchPolicy, MessageType, RegistrationId, SessionId, SubscriptionId};

use crate::{GateAction, Timestamp};

/// Something that happened in the router.
///
/// A closed set of borrowed names and copied identifiers; observing one can never change what the
/// router does.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A session joined.
    SessionJoined {
        /// The session.
        session: SessionId,
        /// Who it is.
        authid: &'a str,
        /// The role it has.
        authrole: &'a str,
        /// How it proved who it is.
        authmethod: &'a str,
    },
    /// A session left; its resources are gone.
    SessionLeft {
        /// The session.
        session: SessionId,
        /// How it ended.
        reason: LeaveReason,
    },
    /// A session broke the protocol and is being aborted.
    Violation {
        /// The session.
        session: SessionId,
        /// What it did.
        what: &'a str,
    },
    /// A session was not allowed to do something.
    Denied {
        /// The session.
        session: SessionId,
        /// What it tried.
        action: GateAction,
        /// On which URI.
        uri: &'a str,
    },
    /// A message that has no reply could not be acted on: an unacknowledged PUBLISH that is
    /// refused, but not by a gate ([`Denied`](Self::Denied)).
    Dropped {
        /// The sender.
        session: SessionId,
        /// The message.
        message: MessageType,
        /// The error that a message with a reply would have got.
        error: &'a str,
    },
    /// A message could not be delivered since its receiver's transport does not take its size.
    Undeliverable {
        /// The receiver.
        session: SessionId,
        /// The message.
        message: MessageType,
    },
    /// A registration came to be: a procedure or pattern has its first callee.
    RegistrationCreated {
        /// The registration; its identifier is not used again in the realm.
        registration: RegistrationId,
        /// The procedure or pattern.
        uri: &'a str,
        /// How it matches.
        policy: MatchPolicy,
        /// How one of its callees is chosen, in the word of REGISTER.
        invoke: &'static str,
    },
    /// A registration has no callee any more, and is gone. Calls of it may still be pending.
    RegistrationDeleted {
        /// The registration.
        registration: RegistrationId,
    },
    /// A subscription came to be: a topic or pattern has its first subscriber.
    SubscriptionCreated {
        /// The subscription; its identifier is not used again in the realm, but the subscription
        /// itself may come back if it has a history.
        subscription: SubscriptionId,
        /// The topic or pattern.
        topic: &'a str,
        /// How it matches.
        policy: MatchPolicy,
    },
    /// A subscription has no subscriber any more.
    SubscriptionDeleted {
        /// The subscription.
        subscription: SubscriptionId,
    },
    /// A call was accepted: it is with a callee, or waits for one.
    CallStarted {
        /// The registration that it goes to.
        registration: RegistrationId,
    },
    /// A call has ended: for each [`CallStarted`](Self::CallStarted) exactly one, and one for each
    /// call that was not accepted or that the router has answered itself.
    CallEnded {
        /// What was called.
        called: Called<'a>,
        /// How it ended.
        outcome: CallOutcome,
        /// The error that the caller got, if it got one.
        error: Option<&'a str>,
    },
    /// A client's publication was accepted and handed to its receivers.
    Published {
        /// The topic.
        topic: &'a str,
        /// How many EVENTs came of it: one for each subscription and receiver.
        event_count: usize,
    },
    /// A client's publication was refused.
    PublishRefused {
        /// The topic as the publisher has said it.
        topic: &'a str,
        /// The error that the publisher got, or would have got had it asked for an answer.
        error: &'a str,
    },
}

/// What a call was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Called<'a> {
    /// A registered procedure.
    Registered(RegistrationId),
    /// A procedure of the router itself, one of a closed set.
    Router(&'a str),
    /// Nothing that there is, or nothing that the call has come to.
    Nothing,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallOutcome {
    /// With a result.
    Ok,
    /// With an error of the callee or of the router's procedure, or with an answer that its caller
    /// could not take.
    Error,
    /// The caller canceled it.
    Canceled,
    /// There was no answer in time.
    Timeout,
    /// Nobody has registered the procedure, or all who have turned the call down.
    NoCallee,
    /// The caller is not allowed to call it.
    Denied,
    /// The callee left before it answered.
    CalleeGone,
    /// The caller left before it had an answer.
    CallerGone,
    /// The router refused or ended it for another reason, which the error says.
    Refused,
}

impl CallOutcome {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Ok,
        Self::Error,
        Self::Canceled,
        Self::Timeout,
        Self::NoCallee,
        Self::Denied,
        Self::CalleeGone,
        Self::CallerGone,
        Self::Refused,
    ];

    /// A word for logs and labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Canceled => "canceled",
            Self::Timeout => "timeout",
            Self::NoCallee => "no_callee",
            Self::Denied => "denied",
            Self::CalleeGone => "callee_gone",
            Self::CallerGone => "caller_gone",
            Self::Refused => "refused",
        }
    }
}

/// The kinds of [`Event`], to ask for before building one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// [`Event::SessionJoined`].
    SessionJoined,
    /// [`Event::SessionLeft`].
    SessionLeft,
    /// [`Event::Violation`].
    Violation,
    /// [`Event::Denied`].
    Denied,
    /// [`Event::Dropped`].
    Dropped,
    /// [`Event::Undeliverable`].
    Undeliverable,
    /// [`Event::RegistrationCreated`].
    RegistrationCreated,
    /// [`Event::RegistrationDeleted`].
    RegistrationDeleted,
    /// [`Event::SubscriptionCreated`].
    SubscriptionCreated,
    /// [`Event::SubscriptionDeleted`].
    SubscriptionDeleted,
    /// [`Event::CallStarted`].
    CallStarted,
    /// [`Event::CallEnded`].
    CallEnded,
    /// [`Event::Published`].
    Published,
    /// [`Event::PublishRefused`].
    PublishRefused,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeaveReason {
    /// The client said GOODBYE, or answered the router's.
    Goodbye,
    /// The client sent ABORT.
    Aborted,
    /// The transport went away.
    TransportLost,
    /// The client broke the protocol of WAMP or of its transport.
    Violation,
    /// The client did not read what was sent to it.
    SlowConsumer,
    /// The router shut down before the client answered its GOODBYE.
    Shutdown,
}

impl LeaveReason {
    /// A word for logs and labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Goodbye => "goodbye",
            Self::Aborted => "aborted",
            Self::TransportLost => "transport_lost",
            Self::Violation => "violation",
            Self::SlowConsumer => "slow_consumer",
            Self::Shutdown => "shutdown",
        }
    }
}

/// Watches the router without being able to change it.
///
/// Implemented for `()` (nothing is observed and the calls compile to nothing), pairs, `Option`
/// and mutable references, so that observers compose without the router knowing.
pub trait Observer {
    /// Called after the fact, in the order of the facts.
    fn observe(&mut self, now: Timestamp, event: &Event<'_>);

    /// Whether events of this kind are of interest; the router may skip building others.
    fn wants(&self, _kind: EventKind) -> bool {
        true
    }
}

impl Observer for () {
    #[inline]
    fn observe(&mut self, _now: Timestamp, _event: &Event<'_>) {}
    #[inline]
    fn wants(&self, _kind: EventKind) -> bool {
        false
    }
}

impl<A: Observer, B: Observer> Observer for (A, B) {
    fn observe(&mut self, now: Timestamp, event: &Event<'_>) {
        self.0.observe(now, event);
        self.1.observe(now, event);
    }
    fn wants(&self, kind: EventKind) -> bool {
        self.0.wants(kind) || self.1.wants(kind)
    }
}

impl<O: Observer> Observer for Option<O> {
    fn observe(&mut self, now: Timestamp, event: &Event<'_>) {
        if let Some(observer) = self {
            observer.observe(now, event);
        }
    }
    fn wants(&self, kind: EventKind) -> bool {
        self.as_ref().is_some_and(|observer| observer.wants(kind))
    }
}

impl<O: Observer + ?Sized> Observer for &mut O {
    fn observe(&mut self, now: Timestamp, event: &Event<'_>) {
        (**self).observe(now, event);
    }
    fn wants(&self, kind: EventKind) -> bool {
        (**self).wants(kind)
    }
}

#[cfg(test)]
mod tests;
