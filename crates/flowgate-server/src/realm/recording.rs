//! What is recorded of the messages that a realm is given and sends, while messages are traced.
//!
//! Nobody knows which message is the last of its action before the input has been handled, nor who
//! a session is before it has joined; therefore facts are gathered while the core works, and
//! recorded afterwards, still under the realm's lock.

use std::{ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use flowgate_event::{CallOutcome, Correlation, Position, Step, Timestamp, TraceContext};
use flowgate_router::{Received, SessionKey, Unsent};
use flowgate_trace::{
    Direction, Encryption, Facts, Identity, Object, Recorder, Switch, Undelivered,
};
use flowgate_wire::{Dict, Format, Message, MessageType, RequestId};

use crate::{metrics::Traced, tracing::is_about_traces};

/// What a thread has recorded of the input that is handled; empty between inputs.
#[derive(Debug)]
pub(crate) struct Recording {
    switch: Arc<Switch>,
    recorder: Recorder,
    drafts: Vec<Draft>,
    ended: Vec<(Correlation, Option<CallOutcome>)>,
    /// All texts of the drafts.
    texts: String,
    /// The octets of the message that is handled.
    octets: Option<Octets>,
    /// Which draft is that of the message that was received last.
    latest: Option<usize>,
    /// The place of the message that is sent next.
    place: Option<Placed>,
}

/// The serialized form of a received message.
#[derive(Debug, Clone, Default)]
struct Octets {
    bytes: usize,
    frame: Option<(Format, Bytes)>,
}

/// One record to be.
#[derive(Debug)]
struct Draft {
    direction: Direction,
    session: SessionKey,
    place: Option<Placed>,
    content: Content,
    bytes: usize,
    frame: Option<(Format, Bytes)>,
    undelivered: Option<Undelivered>,
    /// When a received message came, if it had to wait for an authorizer.
    since: Option<Timestamp>,
}

/// What a message says of itself.
#[derive(Debug, Clone)]
struct Content {
    message: MessageType,
    request: Option<RequestId>,
    object: Option<Object>,
    is_progress: bool,
    error: Option<Text>,
    /// Algorithm, key and serializer.
    encryption: Option<(Text, Option<Text>, Option<Text>)>,
}

/// A part of the texts.
type Text = Range<usize>;

/// A place in an action.
#[derive(Debug, Clone)]
struct Placed {
    correlation: Correlation,
    uri: Option<Text>,
    position: Position,
    context: Option<TraceContext>,
    /// On the last message of a call: how it ended.
    outcome: Option<CallOutcome>,
}

/// A place in an action that outlives the input, for what replaces an undeliverable message.
#[derive(Debug)]
pub(crate) struct KeptStep {
    correlation: Correlation,
    uri: Option<Box<str>>,
    context: Option<TraceContext>,
}

/// One message to be sent to one or several sessions.
pub(super) struct Outgoing {
    place: Option<Placed>,
    content: Content,
    /// The message in the formats of its receivers, as far as payloads are wanted.
    frames: [Option<Bytes>; Format::ALL.len()],
}

impl KeptStep {
    pub(super) fn step(&self) -> Step<'_> {
        let Self { correlation, ref uri, context } = *self;
        Step { correlation, uri: uri.as_deref(), position: Position::Inner, context }
    }
}

impl Recording {
    pub(crate) fn new(switch: Arc<Switch>, recorder: Recorder) -> Self {
        Self {
            switch,
            recorder,
            drafts: Vec::new(),
            ended: Vec::new(),
            texts: String::new(),
            octets: None,
            latest: None,
            place: None,
        }
    }

    /// Whether it records for the traces that this switch belongs to: a thread can serve more than
    /// one router, one after the other.
    pub(crate) fn is_of(&self, switch: &Arc<Switch>) -> bool {
        Arc::ptr_eq(&self.switch, switch)
    }

    /// Records a message of or to a connection without a session.
    pub(crate) fn record_alone(
        &mut self,
        at: Timestamp,
        who: &Arc<Identity>,
        (direction, message): (Direction, MessageType),
        bytes: usize,
        error: Option<&str>,
        frame: impl FnOnce() -> Option<(Format, Bytes)>,
    ) {
        let frame = self.switch.wants_payload().then(frame).flatten();
        let mut facts = Facts::new(at, direction, message, who);
        facts.bytes = bytes;
        facts.error = error;
        facts.frame = frame.as_ref().map(|(format, bytes)| (*format, bytes));
        self.recorder.record(&facts);
    }

    /// The octets of the message that is handled next.
    pub(super) fn note_octets(&mut self, format: Format, octets: &[u8]) {
        let frame = self.switch.wants_payload().then(|| (format, Bytes::copy_from_slice(octets)));
        self.octets = Some(Octets { bytes: octets.len(), frame });
    }

    /// HELLO has come from the session that is to join.
    pub(super) fn hello(&mut self, session: SessionKey) {
        let Octets { bytes, frame } = self.octets.take().unwrap_or_default();
        self.drafts.push(Draft {
            direction: Direction::Rx,
            session,
            place: None,
            content: Content::of_type(MessageType::Hello),
            bytes,
            frame,
            undelivered: None,
            since: None,
        });
    }

    pub(super) fn received(&mut self, received: &Received<'_>) {
        let &Received { from, message, step, since } = received;
        // What has waited is not what the octets are of, which wait themselves if anything.
        let Octets { bytes, frame } = match since {
            None => self.octets.take().unwrap_or_default(),
            Some(_) => self.encoded(message),
        };
        let place = step.map(|step| self.placed(step));
        let content = self.content(message);
        self.latest = Some(self.drafts.len());
        self.drafts.push(Draft {
            direction: Direction::Rx,
            session: from,
            place,
            content,
            bytes,
            frame,
            undelivered: None,
            since,
        });
    }

    /// The message that was received last is refused without a reply.
    pub(super) fn refused(&mut self, error: &str) {
        let error = self.text(error);
        if let Some(draft) = self.latest.and_then(|latest| self.drafts.get_mut(latest)) {
            draft.content.error = Some(error);
        }
    }

    /// The message that was received last waits: it is received again.
    pub(super) fn postponed(&mut self) {
        if let Some(latest) = self.latest.take() {
            self.drafts.truncate(latest);
        }
    }

    pub(super) fn place(&mut self, step: Step<'_>) {
        self.place = Some(self.placed(step));
    }

    /// What leads to the records of the message that is sent next, if its action is recorded.
    pub(super) fn traced(&self) -> Option<Traced> {
        let &Placed { correlation, context, .. } = self.place.as_ref()?;
        let trace = context.map_or_else(|| correlation.into(), |context| context.trace);
        self.switch.wants(correlation).then_some(Traced { correlation, trace })
    }

    pub(super) fn ended(&mut self, correlation: Correlation, outcome: Option<CallOutcome>) {
        self.ended.push((correlation, outcome));
    }

    /// A message that there would have been.
    pub(super) fn unsent(&mut self, unsent: &Unsent<'_>) {
        let &Unsent { to, message, request, error, step } = unsent;
        let place = Some(self.placed(step));
        let error = Some(self.text(error));
        let content = Content { request: Some(request), error, ..Content::of_type(message) };
        self.drafts.push(Draft {
            direction: Direction::Tx,
            session: to,
            place,
            content,
            bytes: 0,
            frame: None,
            undelivered: Some(Undelivered::ReceiverGone),
            since: None,
        });
    }

    /// A message is sent.
    pub(super) fn outgoing(&mut self, message: &Message<'_>) -> Outgoing {
        let place = self.place.take();
        Outgoing { place, content: self.content(message), frames: Default::default() }
    }

    /// A message has been sent to one of its receivers, or has not.
    pub(super) fn sent(
        &mut self,
        outgoing: &mut Outgoing,
        message: &Message<'_>,
        (to, format): (SessionKey, Format),
        bytes: usize,
        undelivered: Option<Undelivered>,
    ) {
        let place = outgoing.place.clone();
        if let Some(placed) = &mut outgoing.place {
            // Of several receivers the first begins the action.
            placed.position = Position::Inner;
        }
        let place_of_format = Format::ALL.iter().position(|of| *of == format);
        let frame = place_of_format
            .filter(|_| self.switch.wants_payload())
            .and_then(|place| outgoing.frames.get_mut(place))
            .map(|frame| frame.get_or_insert_with(|| encode(message, format)).clone());
        self.drafts.push(Draft {
            direction: Direction::Tx,
            session: to,
            place,
            content: outgoing.content.clone(),
            bytes,
            frame: frame.map(|frame| (format, frame)),
            undelivered,
            since: None,
        });
    }

    /// The place of the message that was sent last.
    pub(super) fn kept_step(&self) -> Option<Box<KeptStep>> {
        let Placed { correlation, uri, context, .. } = self.drafts.last()?.place.as_ref()?;
        let uri = uri.as_ref().and_then(|uri| self.texts.get(uri.clone())).map(Box::from);
        Some(Box::new(KeptStep { correlation: *correlation, uri, context: *context }))
    }

    /// Forgets everything about the input.
    pub(super) fn discard(&mut self) {
        self.drafts.clear();
        self.ended.clear();
    }

    /// Records everything about the input, which has been handled: it was decoded at `decoded`, the
    /// realm was free for it at `at`, and worked on it for `work`.
    ///
    /// What is [about traces](is_about_traces) is left out.
    pub(super) fn flush(
        &mut self,
        (decoded, at): (Timestamp, Timestamp),
        work: Duration,
        mut identify: impl FnMut(SessionKey) -> Option<Arc<Identity>>,
    ) {
        let Self { recorder, drafts, ended, texts, .. } = self;
        for (correlation, outcome) in ended.drain(..) {
            let mut places = drafts.iter_mut().rev().filter_map(|draft| draft.place.as_mut());
            let last = places.find(|place| place.correlation == correlation);
            // Invariant: an action ends with the input that has its last message.
            debug_assert!(last.is_some(), "{correlation} ends without a message");
            if let Some(last) = last {
                last.position = last.position.ending();
                last.outcome = outcome;
            }
        }
        for draft in drafts.drain(..) {
            let uri = draft.place.as_ref().and_then(|place| texts.get(place.uri.clone()?));
            if uri.is_some_and(is_about_traces) {
                continue;
            }
            if let Some(who) = identify(draft.session) {
                recorder.record(&draft.facts(&who, (decoded, at), work, texts));
            }
        }
        texts.clear();
        (self.octets, self.latest, self.place) = (None, None, None);
    }

    fn placed(&mut self, step: Step<'_>) -> Placed {
        let Step { correlation, uri, position, context } = step;
        let uri = uri.map(|uri| self.text(uri));
        Placed { correlation, uri, position, context, outcome: None }
    }

    fn text(&mut self, text: &str) -> Text {
        let start = self.texts.len();
        self.texts.push_str(text);
        start..self.texts.len()
    }

    fn encoded(&self, message: &Message<'_>) -> Octets {
        let frame = encode(message, Format::Json);
        let bytes = frame.len();
        Octets { bytes, frame: self.switch.wants_payload().then_some((Format::Json, frame)) }
    }

    fn content(&mut self, message: &Message<'_>) -> Content {
        let mut content = Content::of_type(message.message_type());
        let mut attributes = None;
        match message {
            Message::Hello(_)
            | Message::Welcome(_)
            | Message::Challenge(_)
            | Message::Authenticate(_)
            | Message::Goodbye(_) => {}
            Message::Abort(abort) => content.error = Some(self.text(abort.reason.as_str())),
            Message::Error(error) => {
                content.request = Some(error.request);
                content.error = Some(self.text(error.error.as_str()));
                attributes = Some(&error.details);
            }
            Message::Publish(publish) => {
                content.request = Some(publish.request);
                attributes = Some(&publish.options);
            }
            Message::Published(published) => {
                content.request = Some(published.request);
                content.object = Some(Object::Publication(published.publication));
            }
            Message::Subscribe(subscribe) => content.request = Some(subscribe.request),
            Message::Subscribed(subscribed) => {
                content.request = Some(subscribed.request);
                content.object = Some(Object::Subscription(subscribed.subscription, None));
            }
            Message::Unsubscribe(unsubscribe) => {
                content.request = Some(unsubscribe.request);
                content.object = Some(Object::Subscription(unsubscribe.subscription, None));
            }
            Message::Unsubscribed(unsubscribed) => content.request = unsubscribed.request,
            Message::Event(event) => {
                let publication = Some(event.publication);
                content.object = Some(Object::Subscription(event.subscription, publication));
                attributes = Some(&event.details);
            }
            Message::EventReceived(received) => {
                content.object = Some(Object::Publication(received.publication));
            }
            Message::Call(call) => {
                content.request = Some(call.request);
                content.is_progress = is_progress(&call.options);
                attributes = Some(&call.options);
            }
            Message::Cancel(cancel) => content.request = Some(cancel.request),
            Message::Result(result) => {
                content.request = Some(result.request);
                content.is_progress = is_progress(&result.details);
                attributes = Some(&result.details);
            }
            Message::Register(register) => content.request = Some(register.request),
            Message::Registered(registered) => {
                content.request = Some(registered.request);
                content.object = Some(Object::Registration(registered.registration));
            }
            Message::Unregister(unregister) => {
                content.request = Some(unregister.request);
                content.object = Some(Object::Registration(unregister.registration));
            }
            Message::Unregistered(unregistered) => content.request = unregistered.request,
            Message::Invocation(invocation) => {
                content.request = Some(invocation.request);
                content.object = Some(Object::Registration(invocation.registration));
                content.is_progress = is_progress(&invocation.details);
                attributes = Some(&invocation.details);
            }
            Message::Interrupt(interrupt) => content.request = Some(interrupt.request),
            Message::Yield(result) => {
                content.request = Some(result.request);
                content.is_progress = is_progress(&result.options);
                attributes = Some(&result.options);
            }
        }
        content.encryption = attributes.and_then(|attributes| self.encryption(attributes));
        content
    }

    /// The attributes of a payload that is not to be looked into.
    fn encryption(&mut self, of: &Dict<'_>) -> Option<(Text, Option<Text>, Option<Text>)> {
        if of.is_empty() {
            return None;
        }
        let mut text = |key| of.get(key).and_then(|value| Some(self.text(value.as_str()?)));
        Some((text("ppt_scheme")?, text("ppt_keyid"), text("ppt_serializer")))
    }
}

impl Content {
    fn of_type(message: MessageType) -> Self {
        let (request, object, error, encryption) = (None, None, None, None);
        Self { message, request, object, is_progress: false, error, encryption }
    }
}

impl Draft {
    fn facts<'a>(
        &'a self,
        who: &'a Arc<Identity>,
        (decoded, at): (Timestamp, Timestamp),
        work: Duration,
        texts: &'a str,
    ) -> Facts<'a> {
        let text = |text: &Text| texts.get(text.clone()).unwrap_or_default();
        let mut facts = Facts::new(at, self.direction, self.content.message, who);
        facts.step = self.place.as_ref().map(|place| Step {
            correlation: place.correlation,
            uri: place.uri.as_ref().map(text),
            position: place.position,
            context: place.context,
        });
        facts.outcome = self.place.as_ref().and_then(|place| place.outcome);
        facts.bytes = self.bytes;
        facts.request = self.content.request;
        facts.object = self.content.object;
        facts.is_progress = self.content.is_progress;
        facts.error = self.content.error.as_ref().map(text);
        facts.undelivered = self.undelivered;
        facts.frame = self.frame.as_ref().map(|(format, bytes)| (*format, bytes));
        facts.encryption = self.content.encryption.as_ref().map(|(algo, key, serializer)| {
            let (key, serializer) = (key.as_ref().map(text), serializer.as_ref().map(text));
            Encryption { algo: text(algo), key, serializer }
        });
        if self.direction == Direction::Rx {
            facts.queue_ns = Some(nanos(at.since(self.since.unwrap_or(decoded))));
            facts.router_ns = Some(nanos(work));
        }
        facts
    }
}

fn encode(message: &Message<'_>, format: Format) -> Bytes {
    let mut octets = Vec::new();
    message.encode(format, &mut octets);
    octets.into()
}

fn is_progress(options: &Dict<'_>) -> bool {
    !options.is_empty()
        && options.get("progress").is_some_and(|value| value.as_bool() == Some(true))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
