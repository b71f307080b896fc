//! Which action each message belongs to, while messages are traced.
//!
//! A message of a client that asks for something begins an action: its request is the first message
//! of it, the anchor.
//! What the router does about it inherits the action, except that whatever concerns a pending call
//! belongs to the call, which may have begun long before.
//! What the router publishes by itself, without a request that is the cause, is an action of its
//! own, which begins with its first EVENT.
//!
//! The [`Outbox`](crate::Outbox) is told of the end of each action exactly once, after the last
//! message of it; only what replaces a message that turned out to be undeliverable comes later.

use std::{collections::VecDeque, sync::Arc};

use flowgate_event::{CallOutcome, Correlation, Observer, Position, Step, Timestamp, TraceContext};
use flowgate_wire::{Dict, Message, MessageType, RequestId, uris};

use crate::{
    Received, SessionKey, Unsent,
    calls::Standing,
    foreign_context::TRACEPARENT,
    realm::{MAX_URI_BYTES, Service, State},
    stored_message::StoredMessage,
    turn::Turn,
};

/// Whether messages can be traced; `false` only where the cost of that is measured.
const TRACES: bool = !cfg!(feature = "untraced");

/// How many calls that are over a session's late messages about are still recognized.
const OVER_COUNT_MAX: usize = 64;

/// What all messages of one action have in common.
#[derive(Debug)]
pub(crate) struct Tag {
    correlation: Correlation,
    uri: Option<Box<str>>,
    context: Option<TraceContext>,
}

/// The source of correlations.
///
/// Not [`Ids`](crate::ids::Ids): identifiers are the same whether messages are traced or not.
#[derive(Debug)]
pub(crate) struct Correlations(fastrand::Rng);

/// Where the handling of an input stands; nothing if messages are not traced, and then it costs one
/// comparison wherever it matters.
#[derive(Debug)]
pub(crate) struct Trail<'t>(Option<&'t mut Traced>);

/// Where the handling of an input stands that is traced.
#[derive(Debug, Default)]
pub(crate) struct Traced {
    /// Whether the action has no message yet.
    is_fresh: bool,
    /// Whether a pending call has taken over the action, which ends with it.
    is_kept: bool,
    /// The action to which what is sent belongs.
    cause: Option<Arc<Tag>>,
    /// The action to go back to.
    left: Option<Arc<Tag>>,
    /// The action that the message begins that is handled.
    begun: Option<Arc<Tag>>,
    /// When that message came.
    since: Timestamp,
    /// The message to be handled next is one that has waited.
    waited: Option<Waited>,
}

/// What is known of a message that has waited to be handled.
#[derive(Debug, Clone)]
pub(crate) struct Waited {
    /// When it was received.
    pub(crate) since: Timestamp,
    /// The action that it begins, if it has been handled in part.
    pub(crate) begun: Option<Arc<Tag>>,
}

/// The action of a message of a client.
enum Belongs {
    /// To none.
    Nowhere,
    /// To one that has begun before.
    Later(Arc<Tag>),
    /// To one that is over: what comes of it does not belong to it any more.
    TooLate(Arc<Tag>),
    /// It begins one.
    Begins(Arc<Tag>),
}

impl Belongs {
    /// The place of the message itself.
    fn step(&self) -> Option<Step<'_>> {
        match self {
            Self::Nowhere => None,
            Self::Later(tag) | Self::TooLate(tag) => Some(tag.step(Position::Inner)),
            Self::Begins(tag) => Some(tag.step(Position::Anchor)),
        }
    }
}

/// Calls of a session that are over, the latest last, so that what is said about them late is
/// known to belong to them.
#[derive(Debug, Default)]
pub(crate) struct Over(VecDeque<(Part, RequestId, Arc<Tag>)>);

/// The part that a session had in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The request is the CALL's.
    Caller,
    /// The request is the INVOCATION's.
    Callee,
}

impl Tag {
    fn step(&self, position: Position) -> Step<'_> {
        let Self { correlation, ref uri, context } = *self;
        Step { correlation, uri: uri.as_deref(), position, context }
    }
}

impl From<Step<'_>> for Tag {
    fn from(step: Step<'_>) -> Self {
        let Step { correlation, uri, context, .. } = step;
        Self { correlation, uri: uri.map(Box::from), context }
    }
}

impl Correlations {
    pub(crate) fn new(seed: u64) -> Self {
        // Another sequence than that of the identifiers, which come from the same seed.
        Self(fastrand::Rng::with_seed(seed.rotate_left(32) ^ 0x9e37_79b9_7f4a_7c15))
    }

    fn begin(&mut self, uri: Option<&str>, context: Option<TraceContext>) -> Arc<Tag> {
        let correlation = Correlation::new(self.0.u128(1..)).unwrap_or(Correlation::MIN);
        let uri = uri.filter(|uri| uri.len() <= MAX_URI_BYTES).map(Box::from);
        Arc::new(Tag { correlation, uri, context })
    }
}

impl Over {
    pub(crate) fn push(&mut self, part: Part, request: RequestId, tag: &Arc<Tag>) {
        if self.0.len() >= OVER_COUNT_MAX {
            self.0.pop_front();
        }
        self.0.push_back((part, request, Arc::clone(tag)));
    }

    pub(crate) fn find(&self, part: Part, request: RequestId) -> Option<&Arc<Tag>> {
        let mut latest = self.0.iter().rev();
        let found = latest.find(|(of, number, _)| (*of, *number) == (part, request));
        found.map(|(.., tag)| tag)
    }
}

impl<'t> Trail<'t> {
    /// The trail of an input, kept in `traced` if messages are traced.
    #[inline]
    pub(crate) fn new(is_on: bool, traced: &'t mut Traced) -> Self {
        Self((TRACES && is_on).then(|| traced.begin()))
    }

    /// Whether messages are traced.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        TRACES && self.0.is_some()
    }

    #[inline]
    fn traced(&mut self) -> Option<&mut Traced> {
        if TRACES { self.0.as_deref_mut() } else { None }
    }

    /// Lets what follows belong to another action, or to none, until that is [left](Self::leave);
    /// one at a time.
    #[inline]
    pub(crate) fn visit(&mut self, tag: Option<&Arc<Tag>>) {
        if let Some(traced) = self.traced() {
            traced.left = std::mem::replace(&mut traced.cause, tag.cloned());
        }
    }

    /// Goes back to the action before.
    #[inline]
    pub(crate) fn leave(&mut self) {
        if let Some(traced) = self.traced() {
            traced.cause = traced.left.take();
        }
    }

    /// The action that is handled, which ends with the pending call that keeps it.
    #[inline]
    pub(crate) fn keep(&mut self) -> Option<Arc<Tag>> {
        let traced = self.traced()?;
        traced.is_kept = true;
        traced.cause.clone()
    }

    /// The action to which what is sent belongs.
    pub(crate) fn correlation(&self) -> Option<Correlation> {
        self.0.as_ref()?.cause.as_ref().map(|tag| tag.correlation)
    }

    /// What is known of the message that is handled, which is to wait.
    pub(crate) fn take_waited(&mut self, now: Timestamp) -> Waited {
        let known = self.traced().and_then(|traced| traced.waited.take());
        known.unwrap_or(Waited { since: now, begun: None })
    }

    /// The next message that is handled has waited.
    pub(crate) fn resume(&mut self, waited: Waited) {
        if let Some(traced) = self.traced() {
            traced.waited = Some(waited);
        }
    }
}

impl Traced {
    /// Another input is handled.
    #[cold]
    fn begin(&mut self) -> &mut Self {
        *self = Self::default();
        self
    }
}

impl<O: Observer> Turn<'_, O> {
    /// Says where the message that is sent next belongs.
    #[cold]
    pub(crate) fn place(&mut self) {
        let Some(traced) = self.trail.traced() else { return };
        let position = Position::new(std::mem::take(&mut traced.is_fresh), false);
        if let Some(tag) = &traced.cause {
            self.out.place(tag.step(position));
        }
    }

    /// Says that the action of a call has ended, and how; `unsent` is the caller's reply if it gets
    /// none.
    #[cold]
    pub(crate) fn end_call(
        &mut self,
        tag: &Tag,
        outcome: CallOutcome,
        unsent: Option<(SessionKey, RequestId)>,
    ) {
        if let Some((to, request)) = unsent {
            let (message, error) = (MessageType::Error, uris::error::CANCELED);
            let step = tag.step(Position::Inner);
            self.out.unsent(Unsent { to, message, request, error, step });
        }
        self.out.ended(tag.correlation, Some(outcome));
    }

    /// Says that the message that is handled is refused without a reply.
    pub(crate) fn note_refused(&mut self, error: &str) {
        if self.trail.is_on() {
            self.out.refused(error);
        }
    }

    /// A publication of the router begins an action if there is no cause; to be ended by
    /// [`end_own`](Self::end_own).
    pub(crate) fn begin_own(
        &mut self,
        correlations: &mut Correlations,
        topic: &str,
        context: Option<TraceContext>,
    ) -> OwnAction {
        let Some(traced) = self.trail.traced() else { return OwnAction::None };
        if traced.cause.is_some() {
            return OwnAction::None;
        }
        traced.cause = Some(correlations.begin(Some(topic), context));
        traced.is_fresh = true;
        OwnAction::Begun
    }

    /// The publication is out; what nobody has heard has been no action.
    pub(crate) fn end_own(&mut self, own: OwnAction) {
        let OwnAction::Begun = own else { return };
        let Some(traced) = self.trail.traced() else { return };
        let is_heard = !std::mem::take(&mut traced.is_fresh);
        if let Some(tag) = traced.cause.take().filter(|_| is_heard) {
            self.out.ended(tag.correlation, None);
        }
    }

    /// Says that a message of a client is handled, and returns when it came, if it has waited.
    fn receive(&mut self, from: SessionKey, message: &Message<'_>, step: Option<Step<'_>>) {
        let waited = self.trail.traced().and_then(|traced| traced.waited.take());
        let since = waited.map(|waited| waited.since);
        self.out.received(Received { from, message, step, since });
    }

    /// Says that a message of a client has come and that nothing is done about it.
    pub(crate) fn note_ignored(&mut self, from: SessionKey, message: &Message<'_>) {
        if self.trail.is_on() {
            self.receive(from, message, None);
        }
    }
}

/// Whether a publication is an action of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnAction {
    /// It belongs to its cause, or nothing is traced.
    None,
    Begun,
}

impl State {
    /// A message is about to be handled: tells the outbox what it belongs to.
    #[cold]
    pub(crate) fn begin_message<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Message<'_>,
    ) {
        let Some(traced) = turn.trail.traced() else { return };
        traced.since = traced.waited.as_ref().map_or(turn.now, |waited| waited.since);
        let belongs = match traced.waited.as_mut().and_then(|waited| waited.begun.take()) {
            Some(tag) => Belongs::Begins(tag),
            None => self.belongs(from, message),
        };
        turn.receive(from, message, belongs.step());
        let Some(traced) = turn.trail.traced() else { return };
        (traced.cause, traced.begun) = match belongs {
            Belongs::Nowhere | Belongs::TooLate(_) => (None, None),
            Belongs::Later(tag) => (Some(tag), None),
            Belongs::Begins(tag) => (Some(Arc::clone(&tag)), Some(tag)),
        };
        traced.is_kept = false;
    }

    /// A message has been handled: its action ends, unless it waits or a pending call keeps it.
    #[cold]
    pub(crate) fn end_message<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Message<'_>,
    ) {
        let Some(traced) = turn.trail.traced() else { return };
        traced.cause = None;
        let begun = traced.begun.take();
        if turn.asked.is_some() {
            traced.waited = Some(Waited { since: traced.since, begun });
            turn.out.postponed();
        } else if let Some(tag) = begun.filter(|_| !traced.is_kept) {
            turn.out.ended(tag.correlation, None);
            if let Message::Call(call) = message {
                self.calls.note_over(from, call.request, &tag);
            }
        }
    }

    /// Tells the outbox of a message that was to be handled later, and never is.
    pub(crate) fn discard<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &StoredMessage,
        waited: Waited,
    ) {
        if !turn.trail.is_on() {
            return;
        }
        let Some(message) = &message.message() else { return };
        let belongs = match waited.begun.clone() {
            Some(tag) => Belongs::Begins(tag),
            None => self.belongs(from, message),
        };
        turn.trail.resume(waited);
        turn.receive(from, message, belongs.step());
        turn.note_refused(uris::error::CANCELED);
        if let Belongs::Begins(tag) = belongs {
            let outcome = match self.service {
                Service::Running => CallOutcome::CallerGone,
                Service::ShuttingDown => CallOutcome::Refused,
            };
            turn.out.ended(tag.correlation, Some(outcome));
        }
    }

    /// The action of a message about a call that was made before.
    fn part_of_call(&self, from: SessionKey, part: Part, request: RequestId) -> Belongs {
        if let Some(tag) = self.calls.tag(from, part, request) {
            Belongs::Later(Arc::clone(tag))
        } else if let Some(tag) = self.calls.tag_over(from, part, request) {
            Belongs::TooLate(Arc::clone(tag))
        } else {
            Belongs::Nowhere
        }
    }

    /// The action of a message of an open session.
    fn belongs(&mut self, from: SessionKey, message: &Message<'_>) -> Belongs {
        let (uri, context) = match message {
            Message::Call(message) => match self.calls.standing(from, message.request) {
                Standing::New => (Some(message.procedure.as_str()), context(&message.options)),
                Standing::Pending(_) | Standing::Over => {
                    return self.part_of_call(from, Part::Caller, message.request);
                }
            },
            Message::Cancel(message) => {
                return self.part_of_call(from, Part::Caller, message.request);
            }
            Message::Yield(message) => {
                return self.part_of_call(from, Part::Callee, message.request);
            }
            Message::Error(message) if message.request_type == MessageType::Invocation => {
                return self.part_of_call(from, Part::Callee, message.request);
            }
            Message::Publish(message) => (Some(message.topic.as_str()), context(&message.options)),
            Message::Subscribe(message) => (Some(message.topic.as_str()), None),
            Message::Register(message) => (Some(message.procedure.as_str()), None),
            Message::Unsubscribe(message) => {
                (self.broker.info(message.subscription).map(|info| info.pattern), None)
            }
            Message::Unregister(message) => {
                (self.dealer.info(message.registration).map(|info| info.uri), None)
            }
            Message::Hello(_)
            | Message::Welcome(_)
            | Message::Abort(_)
            | Message::Challenge(_)
            | Message::Authenticate(_)
            | Message::Goodbye(_)
            | Message::Error(_)
            | Message::Published(_)
            | Message::Subscribed(_)
            | Message::Unsubscribed(_)
            | Message::Event(_)
            | Message::EventReceived(_)
            | Message::Result(_)
            | Message::Registered(_)
            | Message::Unregistered(_)
            | Message::Invocation(_)
            | Message::Interrupt(_) => return Belongs::Nowhere,
        };
        Belongs::Begins(self.correlations.begin(uri, context))
    }
}

/// The trace context that the options of a request bring.
fn context(options: &Dict<'_>) -> Option<TraceContext> {
    if options.is_empty() {
        return None;
    }
    TraceContext::parse(options.get(TRACEPARENT)?.as_str()?)
}
