//! What the core wants done: the outputs of a realm.

#[cfg(doc)]
use flowgate_event::Verdict;
use flowgate_event::{CallOutcome, Correlation, GateRequest, Step, Timestamp};
use flowgate_wire::{Message, MessageType, Payload, RegistrationId, RequestId, SessionId};

use crate::calls::CallKey;

/// The place of a session in its realm, chosen by the shell when the session joins.
///
/// Small and dense: the shell and the realm use it as an index. It may be used again once the
/// realm has handled the session's [`Leave`](crate::Input::Leave).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey(pub u32);

impl SessionKey {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One question to an authorizer; never used again in its realm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AskId(u64);

impl AskId {
    pub(crate) const FIRST: Self = Self(1);

    pub(crate) const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// One call that the shell serves; never used again in its realm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ServeId {
    /// The place of the call, which others may have after it.
    pub(crate) call: CallKey,
    pub(crate) serial: u64,
}

/// A call of a procedure that the shell serves.
#[derive(Debug, Clone, Copy)]
pub struct ServedCall<'a> {
    /// The procedure, one of a [`ServedApi`](crate::ServedApi).
    pub procedure: &'a str,
    /// The session that calls.
    pub caller: SessionId,
    /// Its `authid`.
    pub authid: &'a str,
    /// Its role, which is allowed to call the procedure.
    pub authrole: &'a str,
    /// The arguments.
    pub payload: &'a Payload<'a>,
}

/// One thing to do, in order.
#[derive(Debug)]
pub enum Action<'a> {
    /// Send a message to one session.
    Send {
        /// The receiver.
        to: SessionKey,
        /// The message.
        message: &'a Message<'a>,
    },
    /// Send one message to many sessions; each is listed once.
    FanOut {
        /// The receivers, never empty.
        to: &'a [SessionKey],
        /// The message, the same for all.
        message: &'a Message<'a>,
        /// Whether the delivery may close a metering window of its receiver.
        traffic: Traffic,
    },
    /// Ask whoever decides in place of a gate that said [`Verdict::Ask`].
    ///
    /// The shell answers with [`Input::Answer`](crate::Input::Answer), in time or not at all.
    Ask {
        /// The session whose request waits.
        session: SessionKey,
        /// What the answer names.
        ask: AskId,
        /// The question.
        request: GateRequest<'a>,
    },
    /// Serve a call.
    ///
    /// The shell answers with [`Input::Served`](crate::Input::Served), now or later; the realm
    /// knows by itself when nobody waits for the answer any more.
    Serve {
        /// Who calls.
        session: SessionKey,
        /// What the answer names.
        call: ServeId,
        /// What is to be served.
        request: ServedCall<'a>,
    },
    /// End a session once everything sent to it so far is written.
    ///
    /// The shell answers with [`Leave`](crate::Input::Leave).
    Close {
        /// The session.
        session: SessionKey,
        /// How.
        how: Close,
    },
}

/// How the router ends a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// After the GOODBYE handshake: the client may open another session on the connection.
    Session,
    /// The router has sent ABORT: the connection is closed.
    Connection,
}

/// What a delivery is, to the receiver's meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// Anything but session statistics.
    Ordinary,
    /// A `wamp.session.on_stats` event: metered, but never by itself the reason for another.
    Statistics,
}

/// The call that a final reply is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnsweredCall {
    /// What was called.
    pub registration: RegistrationId,
    /// When the realm was given CALL.
    pub began: Timestamp,
}

/// What became of the final reply of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is on its way, or nobody is there who could get it.
    Whole,
    /// Its receiver's transport does not take it: the caller gets an ERROR in its place.
    TooLarge,
}

/// A client's message that is handled, for those who trace.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// The sender.
    pub from: SessionKey,
    /// The message.
    pub message: &'a Message<'a>,
    /// Its place in its action, if it belongs to one.
    pub step: Option<Step<'a>>,
    /// When the realm was given it, if it had to wait until now.
    pub since: Option<Timestamp>,
}

/// A message that there would have been, for those who trace: its receiver is gone.
#[derive(Debug, Clone, Copy)]
pub struct Unsent<'a> {
    /// Who would have got it.
    pub to: SessionKey,
    /// Its type.
    pub message: MessageType,
    /// The request that it would have answered.
    pub request: RequestId,
    /// The error that it would have carried.
    pub error: &'static str,
    /// Its place in its action.
    pub step: Step<'a>,
}

/// Receives a realm's actions while it handles an input.
///
/// The borrowed message is valid during the call only: encode it or copy it.
///
/// # Tracing
/// To an outbox that [traces](Self::is_traced) the realm says which action each message belongs to.
/// The first message of an action is its anchor ([`Position::Anchor`]), and
/// [`ended`](Self::ended) comes exactly once, after the last; which that is nobody knows before.
/// Only what replaces a message that the shell calls
/// [undeliverable](crate::Input::Undeliverable) comes after it, while that input is handled.
/// What the realm sends is the same for an outbox that does not trace, except that trace contexts
/// of clients are passed on as they are.
///
/// [`Position::Anchor`]: flowgate_event::Position::Anchor
pub trait Outbox {
    /// Takes the next action.
    fn push(&mut self, action: Action<'_>);

    /// Takes the final reply of a call; for who does not measure calls, a message like any other.
    ///
    /// `call` says more of a call that was accepted for a registered procedure.
    /// Whoever returns [`Taken::TooLarge`] says
    /// [undeliverable](crate::Input::Undeliverable) too, as for every message.
    fn reply(
        &mut self,
        to: SessionKey,
        message: &Message<'_>,
        call: Option<AnsweredCall>,
    ) -> Taken {
        let _ = call;
        self.push(Action::Send { to, message });
        Taken::Whole
    }

    /// Whether messages are traced; asked once for each input, and if not, nothing below is called.
    fn is_traced(&self) -> bool {
        false
    }

    /// The place of the message that comes next; one without belongs to no action.
    fn place(&mut self, step: Step<'_>) {
        let _ = step;
    }

    /// A client's message is handled: what comes next is about it.
    fn received(&mut self, received: Received<'_>) {
        let _ = received;
    }

    /// The message that was [received](Self::received) last is refused without a reply.
    fn refused(&mut self, error: &str) {
        let _ = error;
    }

    /// The message that was [received](Self::received) last waits; it is received again later.
    fn postponed(&mut self) {}

    /// A message is not sent, since its receiver is gone.
    fn unsent(&mut self, unsent: Unsent<'_>) {
        let _ = unsent;
    }

    /// An action has ended; if it was a call that had been accepted, in this way.
    ///
    /// The last message alone does not tell: several ends have one error URI, which a callee can use
    /// too.
    fn ended(&mut self, correlation: Correlation, outcome: Option<CallOutcome>) {
        let _ = (correlation, outcome);
    }
}
