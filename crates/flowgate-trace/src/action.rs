//! From messages to actions.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use flowgate_event::{CallOutcome, Correlation, Timestamp};
use flowgate_wire::{MessageType, uris::error};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::facts::{Identity, Object, Undelivered};
use crate::record::{ActionRecord, MessageRecord, Outcome, RESPONDERS_COUNT_MAX, Responder, Side};

/// Most messages of one open action that wait for what becomes of it.
const HELD_COUNT_MAX: usize = 256;

/// Most messages of all open actions together that wait.
const HELD_TOTAL_COUNT_MAX: usize = 1 << 17;

/// Errors of the advanced profile, which this router may or may not give.
const TIMEOUT: &str = "wamp.error.timeout";
const NO_AVAILABLE_CALLEE: &str = "wamp.error.no_available_callee";
const UNAVAILABLE: &str = "wamp.error.unavailable";

/// Assembles the messages of actions until they end.
///
/// An action begins with its anchor and ends with its last message.
/// The anchor is the request of the originator; where the router itself publishes or calls, it is
/// the first message to a receiver.
/// Exactly one record comes of each anchor, also when the last message never comes: then because
/// too many actions are open, too long a time has passed, or the trace ends.
/// Messages whose anchor was not seen are counted and otherwise ignored.
#[derive(Debug)]
pub struct Assembler {
    open: HashMap<Correlation, Open, FixedState>,
    /// All open actions by the time of their anchors, and some that have ended since.
    by_age: VecDeque<(Timestamp, Correlation, u64)>,
    /// How many actions have been opened: tells apart two actions of the same correlation.
    opened_count: u64,
    open_count_max: usize,
    timeout: Duration,
    orphan_count: u64,
    /// How many messages are held in all open actions.
    held_count: usize,
}

/// An action that has ended, and what was held until it did.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// The action; its `seq` and `gap` are for the trace to fill in.
    pub action: ActionRecord,
    /// Whether any of its messages was one that the trace looks for.
    pub is_relevant: bool,
    /// Its messages that were to be held.
    pub held: Vec<MessageRecord>,
    /// How many more were to be held, but were too many.
    pub overflow_count: u64,
}

/// What the trace thinks of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relevance {
    /// Not what it looks for; part of an action all the same.
    Irrelevant,
    /// What it looks for.
    Relevant,
    /// What it looks for, to be held until the action ends.
    Held,
}

#[derive(Debug)]
struct Open {
    number: u64,
    action: ActionRecord,
    is_relevant: bool,
    held: Vec<MessageRecord>,
    overflow_count: u64,
    /// How many callees have it now, and since when there is at least one.
    invoked_count: u64,
    invoked_since: Timestamp,
    is_canceled: bool,
}

impl Assembler {
    /// An assembler that follows at most `open_count_max` actions at once, none of them longer than
    /// `timeout`.
    #[must_use]
    pub fn new(open_count_max: usize, timeout: Duration) -> Self {
        Self {
            open: HashMap::with_hasher(FixedState::default()),
            by_age: VecDeque::new(),
            opened_count: 0,
            open_count_max: open_count_max.max(1),
            timeout,
            orphan_count: 0,
            held_count: 0,
        }
    }

    /// How many actions are open.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// How many messages belonged to actions whose anchor was not seen, or that had ended.
    #[must_use]
    pub const fn orphan_count(&self) -> u64 {
        self.orphan_count
    }

    /// Takes one message; gives the action that it ends, and one that has to make room.
    pub fn observe(
        &mut self,
        message: &MessageRecord,
        relevance: Relevance,
        mut finished: impl FnMut(Finished),
    ) {
        let Some(step) = &message.step else { return };
        let correlation = step.correlation;
        if step.position.is_anchor() && !self.open.contains_key(&correlation) {
            if self.open.len() >= self.open_count_max
                && let Some(oldest) = self.oldest()
            {
                self.end(oldest, message.at, Outcome::Evicted, &mut finished);
            }
            self.begin(correlation, message);
        }
        let Some(open) = self.open.get_mut(&correlation) else {
            self.orphan_count += 1;
            return;
        };
        open.add(message, relevance);
        if relevance == Relevance::Held {
            self.held_count += open.hold(message, self.held_count);
        }
        if step.position.is_last() {
            let outcome = outcome(message, open.is_canceled);
            self.end(correlation, message.at, outcome, &mut finished);
        }
    }

    /// Ends the actions that have been open for too long.
    pub fn expire(&mut self, now: Timestamp, mut finished: impl FnMut(Finished)) {
        while let Some(oldest) = self.oldest()
            && self.deadline().is_some_and(|deadline| deadline <= now)
        {
            self.end(oldest, now, Outcome::Expired, &mut finished);
        }
    }

    /// When the next action expires; `None` if none is open.
    pub fn deadline(&mut self) -> Option<Timestamp> {
        self.oldest()?;
        self.by_age.front().map(|(at, ..)| at.after(self.timeout))
    }

    /// Ends all open actions, oldest first: the trace stops.
    pub fn stop(&mut self, now: Timestamp, mut finished: impl FnMut(Finished)) {
        while let Some(oldest) = self.oldest() {
            self.end(oldest, now, Outcome::Unfinished, &mut finished);
        }
    }

    fn begin(&mut self, correlation: Correlation, message: &MessageRecord) {
        self.opened_count += 1;
        let number = self.opened_count;
        self.by_age.push_back((message.at, correlation, number));
        self.open.insert(correlation, Open::new(number, correlation, message));
    }

    fn end(
        &mut self,
        correlation: Correlation,
        at: Timestamp,
        outcome: Outcome,
        finished: &mut impl FnMut(Finished),
    ) {
        if let Some(open) = self.open.remove(&correlation) {
            self.held_count = self.held_count.saturating_sub(open.held.len());
            finished(open.finish(at, outcome));
        }
        // What ended in the meantime must not pile up behind one action that does not.
        if self.by_age.len() > 2 * self.open.len() + 64 {
            let Self { open, by_age, .. } = self;
            by_age.retain(|(_, correlation, number)| is_open(open, *correlation, *number));
        }
    }

    /// The oldest open action, which stands in front afterwards.
    fn oldest(&mut self) -> Option<Correlation> {
        while let Some((_, correlation, number)) = self.by_age.front().copied() {
            if is_open(&self.open, correlation, number) {
                return Some(correlation);
            }
            self.by_age.pop_front();
        }
        None
    }
}

fn is_open(
    open: &HashMap<Correlation, Open, FixedState>,
    correlation: Correlation,
    number: u64,
) -> bool {
    open.get(&correlation).is_some_and(|open| open.number == number)
}

impl Open {
    fn new(number: u64, correlation: Correlation, anchor: &MessageRecord) -> Self {
        let (kind, originator) = match anchor.side() {
            Side::Originator => (anchor.message, Arc::clone(&anchor.who)),
            // The router's own publications and calls begin with what the first receiver gets.
            Side::Responder => (of_router(anchor.message), router_in(&anchor.who)),
        };
        let action = ActionRecord {
            seq: 0,
            at: anchor.at,
            pc_ns: anchor.pc_ns,
            action: kind,
            correlation,
            uri: anchor.step.as_ref().and_then(|step| step.uri.clone()),
            originator,
            request: anchor.request.filter(|_| anchor.side() == Side::Originator),
            responders: Vec::new(),
            fanout: 0,
            end: anchor.at,
            callee_ns: 0,
            outcome: Outcome::Unfinished,
            error: None,
            message_count: 0,
            gap: 0,
            foreign_trace: anchor.foreign_trace,
            foreign_parent: anchor.foreign_parent,
        };
        Self {
            number,
            action,
            is_relevant: false,
            held: Vec::new(),
            overflow_count: 0,
            invoked_count: 0,
            invoked_since: anchor.at,
            is_canceled: false,
        }
    }

    fn add(&mut self, message: &MessageRecord, relevance: Relevance) {
        self.action.message_count += 1;
        self.is_relevant |= relevance != Relevance::Irrelevant;
        if message.side() == Side::Originator && message.error.is_some() {
            self.action.error.clone_from(&message.error);
        }
        match message.message {
            // Whom it did not reach has been told nothing.
            MessageType::Invocation | MessageType::Event if message.undelivered.is_some() => {}
            MessageType::Invocation | MessageType::Event => self.told(message),
            MessageType::Yield | MessageType::Error if message.side() == Side::Responder => {
                self.answered(message);
            }
            MessageType::Cancel => self.is_canceled = true,
            MessageType::Hello
            | MessageType::Welcome
            | MessageType::Abort
            | MessageType::Challenge
            | MessageType::Authenticate
            | MessageType::Goodbye
            | MessageType::Error
            | MessageType::Publish
            | MessageType::Published
            | MessageType::Subscribe
            | MessageType::Subscribed
            | MessageType::Unsubscribe
            | MessageType::Unsubscribed
            | MessageType::EventReceived
            | MessageType::Call
            | MessageType::Result
            | MessageType::Register
            | MessageType::Registered
            | MessageType::Unregister
            | MessageType::Unregistered
            | MessageType::Interrupt
            | MessageType::Yield => {}
        }
    }

    /// Holds a message until the action ends, if there is room; how many were added.
    fn hold(&mut self, message: &MessageRecord, held_in_all_count: usize) -> usize {
        if self.held.len() < HELD_COUNT_MAX && held_in_all_count < HELD_TOTAL_COUNT_MAX {
            self.held.push(message.clone());
            1
        } else {
            self.overflow_count += 1;
            0
        }
    }

    /// A callee or subscriber has been told.
    fn told(&mut self, message: &MessageRecord) {
        let is_invocation = message.message == MessageType::Invocation;
        // A progressive call goes on to a callee that has it already.
        if is_invocation && self.pending(message).is_some() {
            return;
        }
        self.action.fanout += 1;
        if self.action.responders.len() < RESPONDERS_COUNT_MAX {
            if is_invocation {
                if self.invoked_count == 0 {
                    self.invoked_since = message.at;
                }
                self.invoked_count += 1;
            }
            self.action.responders.push(Responder {
                who: Arc::clone(&message.who),
                request: message.request,
                subscription: match message.object {
                    Some(Object::Subscription(subscription, _)) => Some(subscription),
                    Some(Object::Registration(_) | Object::Publication(_)) | None => None,
                },
                start: message.at,
                end: (!is_invocation).then_some(message.at),
                error: None,
                encryption: message.encryption.clone(),
            });
        }
    }

    /// A callee has answered; a progressive result is followed by more, so the last answer counts.
    fn answered(&mut self, message: &MessageRecord) {
        let Some(responder) = self.pending(message) else { return };
        responder.error.clone_from(&message.error);
        if message.is_progress {
            return;
        }
        responder.end = Some(message.at);
        self.invoked_count = self.invoked_count.saturating_sub(1);
        if self.invoked_count == 0 {
            self.leave_callees(message.at);
        }
    }

    fn pending(&mut self, message: &MessageRecord) -> Option<&mut Responder> {
        self.action.responders.iter_mut().rfind(|responder| {
            responder.end.is_none()
                && responder.who.session == message.who.session
                && responder.request == message.request
        })
    }

    fn leave_callees(&mut self, at: Timestamp) {
        let callee_ns = at.as_nanos().saturating_sub(self.invoked_since.as_nanos());
        self.action.callee_ns = self.action.callee_ns.saturating_add(callee_ns);
    }

    fn finish(mut self, at: Timestamp, outcome: Outcome) -> Finished {
        if self.invoked_count > 0 {
            self.leave_callees(at);
        }
        self.action.end = at.max(self.action.at);
        self.action.outcome = outcome;
        Finished {
            action: self.action,
            is_relevant: self.is_relevant,
            held: self.held,
            overflow_count: self.overflow_count,
        }
    }
}

/// The kind of an action of the router itself, by the first message to a receiver.
fn of_router(first: MessageType) -> MessageType {
    if first == MessageType::Event { MessageType::Publish } else { MessageType::Call }
}

/// The router as the originator of an action: nobody in particular, in a realm.
fn router_in(receiver: &Identity) -> Arc<Identity> {
    Arc::new(Identity { realm: receiver.realm.clone(), ..Identity::default() })
}

/// How an action ended whose last message this is.
fn outcome(last: &MessageRecord, is_canceled: bool) -> Outcome {
    let is_gone =
        matches!(last.undelivered, Some(Undelivered::ReceiverGone | Undelivered::SlowConsumer));
    let error = last.error.as_deref();
    match last.outcome {
        _ if is_gone && last.side() == Side::Originator => Outcome::CallerGone,
        Some(CallOutcome::Canceled) => Outcome::Canceled,
        Some(CallOutcome::Timeout) => Outcome::Timeout,
        Some(CallOutcome::NoCallee) => Outcome::NoCallee,
        Some(CallOutcome::Denied) => Outcome::Denied,
        Some(CallOutcome::CalleeGone) => Outcome::CalleeGone,
        Some(CallOutcome::CallerGone) => Outcome::CallerGone,
        // What the callee says when it is told to stop.
        Some(CallOutcome::Error) if error == Some(error::CANCELED) && is_canceled => {
            Outcome::Canceled
        }
        Some(CallOutcome::Error) => Outcome::Error,
        Some(CallOutcome::Refused) if error == Some(error::CANCELED) => Outcome::Shutdown,
        // A result can turn out to be too large for the caller, who gets an error instead.
        Some(CallOutcome::Ok | CallOutcome::Refused) | None => outcome_of_error(last, is_canceled),
    }
}

/// How an action ended, by what its originator got.
fn outcome_of_error(last: &MessageRecord, is_canceled: bool) -> Outcome {
    match last.error.as_deref() {
        None if last.message == MessageType::Error => Outcome::Error,
        None => Outcome::Ok,
        Some(error::CANCELED) if is_canceled => Outcome::Canceled,
        // Nobody has canceled it, so the callee went away.
        Some(error::CANCELED) => Outcome::CalleeGone,
        Some(TIMEOUT) => Outcome::Timeout,
        Some(error::NO_SUCH_PROCEDURE | NO_AVAILABLE_CALLEE | UNAVAILABLE) => Outcome::NoCallee,
        Some(error::NOT_AUTHORIZED | error::AUTHORIZATION_FAILED) => Outcome::Denied,
        Some(_) => Outcome::Error,
    }
}

#[cfg(test)]
mod tests;
