//! What the realm says about actions to those who trace, checked.

use std::collections::{BTreeMap, BTreeSet};

use flowgate_event::{Correlation, Position, Step, TraceContext};
use flowgate_router::{Received, Unsent};
use flowgate_wire::{Dict, Message, MessageType};

/// The actions of a realm that is traced, from its first input on or now and then.
///
/// Each has one anchor and ends once; nothing belongs to it before or after, except what a client
/// says too late, and what replaces an undeliverable message; all of it agrees on the URI and the
/// trace context.
/// A call that has begun or gone on while nothing was traced may lack its anchor or its end.
#[derive(Debug, Default)]
pub(crate) struct Actions {
    /// How often tracing has been interrupted.
    era: u32,
    open: BTreeMap<Correlation, Action>,
    over: BTreeMap<Correlation, Action>,
    /// Begun by requests that wait for an authorizer.
    waiting: BTreeSet<Correlation>,
    /// The action of the message that was received last.
    latest: Option<OwnedStep>,
    /// The place of the message that is sent next.
    place: Option<OwnedStep>,
    /// The action whose undeliverable message is being replaced.
    replaced: Option<Correlation>,
    /// Messages that were received and do not wait.
    pub(crate) received_count: u64,
    pub(crate) action_count: u64,
    /// The first fault.
    fault: Option<String>,
}

#[derive(Debug)]
struct Action {
    uri: Option<String>,
    context: Option<TraceContext>,
    /// The type of its anchor.
    anchor: MessageType,
    /// When it began.
    era: u32,
}

/// A [`Step`] that is kept.
#[derive(Debug, Clone)]
pub(crate) struct OwnedStep {
    correlation: Correlation,
    uri: Option<String>,
    position: Position,
    context: Option<TraceContext>,
}

impl OwnedStep {
    pub(crate) fn step(&self) -> Step<'_> {
        let Self { correlation, ref uri, position, context } = *self;
        Step { correlation, uri: uri.as_deref(), position, context }
    }
}

impl From<Step<'_>> for OwnedStep {
    fn from(step: Step<'_>) -> Self {
        let Step { correlation, uri, position, context } = step;
        Self { correlation, uri: uri.map(str::to_owned), position, context }
    }
}

impl Actions {
    /// An input is about to be handled: for an undeliverable message, with its place.
    pub(crate) fn begin_input(&mut self, undeliverable: Option<&Step<'_>>) {
        self.replaced = undeliverable.map(|step| step.correlation);
        self.latest = None;
    }

    /// An input has been handled.
    pub(crate) fn end_input(&mut self) -> Result<(), String> {
        if self.place.is_some() {
            self.blame("a place without a message".to_owned());
        }
        // Only calls last; what waits begins anew.
        let lasting = self.open.iter().find(|(_, action)| action.anchor != MessageType::Call);
        if let Some((correlation, action)) = lasting {
            self.blame(format!("{correlation} has not ended: {action:?}"));
        }
        self.fault.take().map_or(Ok(()), Err)
    }

    /// Tracing ends for now: nothing is told until it begins anew.
    pub(crate) fn interrupt(&mut self) {
        self.era += 1;
    }

    /// How many actions have begun since tracing did, and not ended.
    pub(crate) fn open_count(&self) -> usize {
        self.open.values().filter(|action| action.era == self.era).count()
    }

    /// Everybody has left.
    pub(crate) fn end(&self, received_count: u64) -> Result<(), String> {
        if self.era > 0 {
            return Ok(());
        }
        if let Some((correlation, action)) = self.open.first_key_value() {
            return Err(format!("{correlation} never ends: {action:?}"));
        }
        if !self.waiting.is_empty() {
            return Err(format!("these wait for ever: {:?}", self.waiting));
        }
        if self.received_count != received_count {
            let count = self.received_count;
            return Err(format!("{received_count} messages received, {count} of them traced"));
        }
        Ok(())
    }

    pub(crate) fn received(&mut self, received: &Received<'_>) {
        self.received_count += 1;
        self.latest = received.step.map(OwnedStep::from);
        let message = received.message.message_type();
        let Some(step) = received.step else { return };
        if step.position == Position::Anchor {
            if step.context != context(received.message) {
                self.blame(format!("{step:?} is not that of {message:?}"));
            }
            self.begin(&step, message);
        } else {
            let comes_late = matches!(
                message,
                MessageType::Call | MessageType::Cancel | MessageType::Yield | MessageType::Error
            );
            self.go_on(&step, comes_late);
        }
    }

    pub(crate) fn postponed(&mut self) {
        self.received_count -= 1;
        let Some(step) = self.latest.take() else {
            return self.blame("a message waits that begins nothing".to_owned());
        };
        self.open.remove(&step.correlation);
        self.waiting.insert(step.correlation);
        self.action_count -= 1;
    }

    pub(crate) fn place(&mut self, step: Step<'_>) {
        if self.place.replace(step.into()).is_some() {
            self.blame("two places of one message".to_owned());
        }
    }

    /// A message is sent; returns its place.
    pub(crate) fn sent(&mut self, message: &Message<'_>) -> Option<OwnedStep> {
        let request_type = match message {
            Message::Error(error) => Some(error.request_type),
            _ => None,
        };
        let message = message.message_type();
        let Some(owned) = self.place.take() else {
            // A call that has never been made, or long ago, can be canceled in vain.
            let is_free =
                matches!(message, MessageType::Welcome | MessageType::Abort | MessageType::Goodbye)
                    || request_type == Some(MessageType::Cancel);
            let is_of_call =
                matches!(
                    message,
                    MessageType::Invocation | MessageType::Result | MessageType::Interrupt
                ) || matches!(request_type, Some(MessageType::Call | MessageType::Yield));
            // The call may have begun while nothing was traced.
            let is_old = self.era > 0 && is_of_call;
            if !is_free && !is_old {
                self.blame(format!("{message:?} belongs to no action"));
            }
            return None;
        };
        let step = owned.step();
        if step.position == Position::Anchor {
            if message != MessageType::Event {
                self.blame(format!("{message:?} begins an action"));
            }
            self.begin(&step, message);
        } else {
            self.go_on(&step, self.replaced == Some(step.correlation));
        }
        Some(owned)
    }

    pub(crate) fn unsent(&mut self, unsent: &Unsent<'_>) {
        self.go_on(&unsent.step, false);
    }

    pub(crate) fn ended(&mut self, correlation: Correlation) {
        match self.open.remove(&correlation) {
            Some(action) => {
                self.over.insert(correlation, action);
            }
            None => self.blame(format!("{correlation} ends, but is not open")),
        }
    }

    fn begin(&mut self, step: &Step<'_>, anchor: MessageType) {
        let Step { correlation, uri, context, .. } = *step;
        self.waiting.remove(&correlation);
        self.action_count += 1;
        let action = Action { uri: uri.map(str::to_owned), context, anchor, era: self.era };
        let is_old = self.over.contains_key(&correlation);
        if self.open.insert(correlation, action).is_some() || is_old {
            self.blame(format!("{correlation} begins twice"));
        }
    }

    fn go_on(&mut self, step: &Step<'_>, may_be_over: bool) {
        let over = || self.over.get(&step.correlation).filter(|_| may_be_over);
        let agrees = match self.open.get(&step.correlation).or_else(over) {
            Some(action) => action.uri.as_deref() == step.uri && action.context == step.context,
            None => false,
        };
        if !agrees || step.position != Position::Inner {
            self.blame(format!("{step:?} is no part of an action"));
        }
    }

    fn blame(&mut self, what: String) {
        self.fault.get_or_insert(what);
    }
}

/// The trace context that a request brings.
fn context(message: &Message<'_>) -> Option<TraceContext> {
    let of_options = |options: &Dict<'_>| {
        TraceContext::parse(options.get("_traceparent").as_ref().and_then(|value| value.as_str())?)
    };
    match message {
        Message::Call(call) => of_options(&call.options),
        Message::Publish(publish) => of_options(&publish.options),
        _ => None,
    }
}
