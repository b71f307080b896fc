//! What clients ask of the broker.

use flowgate_event::{
    ContextCounts, Disclosure, Event, EventKind, GateAction, Observer, SpanId, Verdict,
};
use flowgate_wire::{
    Dict, Event as EventMessage, MatchPolicy, MessageType, Payload, PublicationId, Publish,
    Published, SessionId, Subscribe, Subscribed, SubscriptionId, Unsubscribe, Unsubscribed, Value,
};

use crate::{
    MetaApi, SessionKey, Traffic,
    audience::Audience,
    broker::{
        self, Broker, Extras, Joined, Left, NewSubscriber, Publication, Released, retained_details,
    },
    foreign_context::ForeignContext,
    ids::Ids,
    options::{
        Acknowledge, DiscloseMe, ExcludeMe, GetRetained, PublishOptions, Retain, SubscribeOptions,
    },
    passthru::Passthru,
    realm::{State, deny},
    request_error::RequestError,
    session::{Session, Sessions},
    tracing::Correlations,
    turn::Turn,
};

/// Whose publication it is.
#[derive(Clone, Copy)]
enum Publisher<'a> {
    Open(SessionKey),
    /// A session that is in no table any more.
    Left(&'a Session),
}

/// What the router publishes events of its own with; what they say may borrow from the rest of the
/// state.
pub(crate) struct Voice<'s> {
    pub(crate) ids: &'s mut Ids,
    pub(crate) sessions: &'s Sessions,
    pub(crate) broker: &'s mut Broker,
    pub(crate) correlations: &'s mut Correlations,
}

impl State {
    pub(crate) fn handle_subscribe<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Subscribe<'_>,
    ) {
        let request = message.request;
        match self.subscribe(turn, from, message) {
            Ok((subscribed, options)) => {
                let subscription = subscribed.id;
                if subscribed.change == Joined::First {
                    let (topic, policy) = (message.topic.as_str(), options.policy);
                    turn.observe(EventKind::SubscriptionCreated, || Event::SubscriptionCreated {
                        subscription,
                        topic,
                        policy,
                    });
                }
                turn.send(from, Subscribed { request, subscription });
                if options.get_retained == GetRetained::Yes {
                    self.send_retained(turn, from, &message.topic, options.policy, subscription);
                }
                self.publish_subscribed(turn, from, subscribed, &message.topic);
            }
            Err(error) => turn.refuse(from, MessageType::Subscribe, request, &error),
        }
    }

    fn subscribe<'m, O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &'m Subscribe<'_>,
    ) -> Result<(broker::Subscribed, SubscribeOptions), RequestError<'m>> {
        let options = SubscribeOptions::parse(&message.options)?;
        let topic = self.check_uri(&message.topic, options.policy)?;
        self.admit(turn, from, GateAction::Subscribe, topic, options.policy)?;
        let new = NewSubscriber {
            session: from,
            policy: options.policy,
            nkey: options.nkey.as_deref(),
            now: turn.now,
        };
        Ok((self.broker.subscribe(topic, &new)?, options))
    }

    /// Sends the retained events of the topics that a subscription matches, the latest of each
    /// that the session may get ("Event Retention").
    fn send_retained<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        to: SessionKey,
        topic: &str,
        policy: MatchPolicy,
        subscription: SubscriptionId,
    ) {
        let Some(session) = self.sessions.open(to) else { return };
        self.retention.find(turn.now, policy, topic, session.identity(), |record| {
            record.read(|details, payload| {
                let details = retained_details(details, policy);
                turn.send(
                    to,
                    EventMessage {
                        subscription,
                        publication: record.publication(),
                        details: Dict::from_entries(&details),
                        payload: payload.reborrow(),
                    },
                );
            });
        });
    }

    pub(crate) fn handle_unsubscribe<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Unsubscribe,
    ) {
        let request = message.request;
        match self.broker.unsubscribe(from, message.subscription) {
            Ok(released) => {
                observe_released(turn, &released);
                turn.send(from, Unsubscribed { request: Some(request), details: None });
                if let Some(session) = self.session_id(from) {
                    self.publish_released(turn, session, released);
                }
            }
            Err(error) => turn.refuse(from, MessageType::Unsubscribe, request, &error),
        }
    }

    /// Ends a session's subscription against its will ("Subscription Revocation"): it is told if
    /// it has announced that it understands.
    pub(crate) fn revoke_subscription<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        session: SessionKey,
        subscription: SubscriptionId,
        reason: Option<&str>,
    ) -> Result<(), RequestError<'static>> {
        let released = self.broker.unsubscribe(session, subscription)?;
        observe_released(turn, &released);
        let Some(revoked) = self.sessions.open(session) else { return Ok(()) };
        let (id, features) = (revoked.id, revoked.features);
        if features.subscriber_subscription_revocation {
            let mut details = vec![("subscription".into(), Value::from(subscription.get()))];
            details.extend(reason.map(|reason| ("reason".into(), Value::from(reason))));
            let details = Some(Dict::from_vec(details));
            turn.send(session, Unsubscribed { request: None, details });
        }
        self.publish_released(turn, id, released);
        Ok(())
    }

    /// Takes a session that is over out of all its subscriptions.
    pub(crate) fn detach_subscriptions<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        session: SessionKey,
    ) {
        let is_told = self.config.meta_api == MetaApi::Enabled;
        let mut all: Vec<Released> = Vec::new();
        // First everything ends, so that the session itself is told nothing.
        self.broker.detach(session, |released| {
            observe_released(turn, &released);
            if is_told && !released.is_reserved {
                all.push(released);
            }
        });
        let Some(id) = self.session_id(session) else { return };
        for released in all {
            self.publish_released(turn, id, released);
        }
    }

    pub(crate) fn session_id(&self, session: SessionKey) -> Option<SessionId> {
        self.sessions.get(session).map(|session| session.id)
    }

    /// A PUBLISH that asks for no acknowledgement gets no ERROR either ("Publishing and Events"):
    /// if it cannot be published it is dropped, and the observer is told.
    pub(crate) fn handle_publish<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Publish<'_>,
    ) {
        let options = PublishOptions::parse(&message.options, &mut self.contexts);
        let acknowledge = match &options {
            Ok(options) => options.acknowledge,
            Err(_) => Acknowledge::of(&message.options),
        };
        if let Ok(options) = &options
            && options.passthru().is_some()
            && !self.announces_passthru(from)
        {
            let what = "PUBLISH with payload passthru mode, which was not announced";
            return self.violate(turn, from, what);
        }
        let outcome = options.and_then(|options| self.publish(turn, from, message, &options));
        match (acknowledge, outcome) {
            (_, Ok(())) => {}
            (Acknowledge::Wanted, Err(error)) => {
                observe_refused(turn, message.topic.as_str(), &error);
                turn.refuse(from, MessageType::Publish, message.request, &error);
            }
            (Acknowledge::Unwanted, Err(error)) => {
                observe_refused(turn, message.topic.as_str(), &error);
                note_refused(turn, &error);
                self.observe_dropped(turn, from, &error);
            }
        }
    }

    pub(crate) fn announces_passthru(&self, publisher: SessionKey) -> bool {
        self.features(publisher).publisher_payload_passthru_mode
    }

    fn publish<'m, O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &'m Publish<'_>,
        options: &PublishOptions,
    ) -> Result<(), RequestError<'m>> {
        let topic = self.check_uri(&message.topic, MatchPolicy::Exact)?;
        if self.is_of_router(topic) {
            return Err(RequestError::ReservedUri(topic));
        }
        let disclosure = self.admit(turn, from, GateAction::Publish, topic, MatchPolicy::Exact)?;
        if !options.disclose_me.is_allowed(disclosure) {
            return Err(RequestError::DiscloseMeDisallowed(topic));
        }
        let publication = self.ids.publication();
        if options.acknowledge == Acknowledge::Wanted {
            turn.send(from, Published { request: message.request, publication });
        }
        self.deliver(turn, Publisher::Open(from), message, options, disclosure, publication);
        Ok(())
    }

    /// Publishes a testament of a session that has left. What has become impossible since it was
    /// added is dropped, and the observer is told. `admitted` is what the gate said then.
    pub(crate) fn publish_testament<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        session: &Session,
        message: &Publish<'_>,
        admitted: Disclosure,
    ) {
        // Counted when the testament was added.
        let Ok(options) = PublishOptions::parse(&message.options, &mut ContextCounts::default())
        else {
            // Invariant: the options were parsed when the testament was added.
            debug_assert!(false, "a testament can be published");
            return;
        };
        let (action, topic) = (GateAction::Publish, message.topic.as_str());
        let disclosure = match self.judge(session, action, topic, MatchPolicy::Exact) {
            Verdict::Admit(disclosure) => disclosure,
            Verdict::Deny => {
                observe_refused(turn, topic, &RequestError::NotAuthorized { action, uri: topic });
                return deny(turn, session.id, action, topic);
            }
            // Nobody is there who could wait for the answer, so the one from before counts.
            Verdict::Ask { .. } => admitted,
        };
        if !options.disclose_me.is_allowed(disclosure) {
            let error = RequestError::DiscloseMeDisallowed(topic);
            observe_refused(turn, topic, &error);
            return drop_publication(turn, session.id, &error);
        }
        let id = self.ids.publication();
        self.deliver(turn, Publisher::Left(session), message, &options, disclosure, id);
    }

    fn deliver<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: Publisher<'_>,
        message: &Publish<'_>,
        options: &PublishOptions,
        disclosure: Disclosure,
        id: PublicationId,
    ) {
        let publisher = match from {
            Publisher::Open(key) => self.sessions.open(key),
            Publisher::Left(session) => Some(session),
        };
        let identity = publisher.map(Session::identity);
        let role = publisher.and_then(|publisher| self.config.roles.get(publisher.role));
        let exclude = match (from, options.exclude_me) {
            (Publisher::Open(key), ExcludeMe::Exclude) => Some(key),
            (Publisher::Open(_), ExcludeMe::Include) | (Publisher::Left(_), _) => None,
        };
        let topic = message.topic.as_str();
        let context = options.context.as_deref();
        let given = context.map(ForeignContext::context);
        let own = turn.begin_own(&mut self.correlations, topic, given);
        let context = context.map(|of| of.pass(turn.trail.correlation().map(SpanId::of_action)));
        let publication = Publication {
            topic,
            id,
            now: turn.now,
            publisher: identity.filter(|_| options.disclose_me.applies(disclosure)),
            trustlevel: role.and_then(|role| role.trustlevel),
            exclude,
            payload: message.payload.reborrow(),
            traffic: Traffic::Ordinary,
            extras: Extras { context: context.as_ref(), ..options.extras() },
        };
        let event_count = self.broker.publish(turn, &self.sessions, &publication);
        turn.end_own(own);
        turn.observe(EventKind::Published, || Event::Published { topic, event_count });
        if options.retain == Retain::Yes && self.retention.is_on() {
            let except = identity.filter(|_| exclude.is_some()).map(|identity| identity.session);
            self.retention.retain(turn.now, publication.record(), except);
        }
    }

    /// Publishes an event of the router itself, to everybody if there is no audience.
    pub(crate) fn publish_own<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        topic: &str,
        payload: Payload<'_>,
        audience: Option<&Audience>,
        traffic: Traffic,
    ) {
        let Self { ids, sessions, broker, correlations, .. } = self;
        Voice { ids, sessions, broker, correlations }
            .publish(turn, topic, payload, audience, traffic);
    }

    /// What the gate denies is observed where it is denied; what waits is not dropped.
    fn observe_dropped<O: Observer>(
        &self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        error: &RequestError<'_>,
    ) {
        if matches!(error, RequestError::NotAuthorized { .. } | RequestError::Asked) {
            return;
        }
        let Some(session) = self.sessions.open(from).map(|session| session.id) else { return };
        drop_publication(turn, session, error);
    }
}

impl Voice<'_> {
    /// An action of its own, unless something is its cause.
    pub(crate) fn publish<O: Observer>(
        self,
        turn: &mut Turn<'_, O>,
        topic: &str,
        payload: Payload<'_>,
        audience: Option<&Audience>,
        traffic: Traffic,
    ) {
        let own = turn.begin_own(self.correlations, topic, None);
        let publication = Publication {
            topic,
            id: self.ids.publication(),
            now: turn.now,
            publisher: None,
            trustlevel: None,
            exclude: None,
            payload,
            traffic,
            extras: Extras { audience, ..Extras::default() },
        };
        self.broker.publish(turn, self.sessions, &publication);
        turn.end_own(own);
    }
}

/// Tells the observer of a subscription that nobody has any more.
fn observe_released<O: Observer>(turn: &mut Turn<'_, O>, released: &Released) {
    if released.left == Left::Nobody {
        let subscription = released.id;
        turn.observe(EventKind::SubscriptionDeleted, || Event::SubscriptionDeleted {
            subscription,
        });
    }
}

/// Tells the observer of a publication that is refused; not of one that waits for an authorizer.
fn observe_refused<O: Observer>(turn: &mut Turn<'_, O>, topic: &str, error: &RequestError<'_>) {
    if !matches!(error, RequestError::Asked) {
        let error = error.uri();
        turn.observe(EventKind::PublishRefused, || Event::PublishRefused { topic, error });
    }
}

/// Tells those who trace of a publication that is refused without a reply.
fn note_refused<O: Observer>(turn: &mut Turn<'_, O>, error: &RequestError<'_>) {
    if !matches!(error, RequestError::Asked) {
        turn.note_refused(error.uri());
    }
}

/// Tells the observer of a publication that is not made.
fn drop_publication<O: Observer>(
    turn: &mut Turn<'_, O>,
    session: SessionId,
    error: &RequestError<'_>,
) {
    turn.observe(EventKind::Dropped, || Event::Dropped {
        session,
        message: MessageType::Publish,
        error: error.uri(),
    });
}

impl PublishOptions {
    /// The attributes of a payload that is not to be looked into.
    pub(crate) fn passthru(&self) -> Option<&Passthru> {
        self.passthru.as_deref().filter(|passthru| passthru.is_on())
    }

    fn extras(&self) -> Extras<'_> {
        Extras {
            audience: self.audience.as_deref(),
            rkey: self.rkey.as_deref(),
            passthru: self.passthru(),
            context: None,
        }
    }
}

impl DiscloseMe {
    /// Whether the other side is told: because the session asks, or because the gate says so.
    pub(crate) fn applies(self, disclosure: Disclosure) -> bool {
        match disclosure {
            Disclosure::OnRequest => self == Self::Asked,
            Disclosure::Always => true,
            Disclosure::Never => false,
        }
    }

    /// Whether the session may ask for it.
    pub(crate) fn is_allowed(self, disclosure: Disclosure) -> bool {
        self == Self::NotAsked || disclosure != Disclosure::Never
    }
}
