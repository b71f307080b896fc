//! What clients ask of the broker.

use flowgate_event::{Disclosure, Event, EventKind, GateAction, Observer, Verdict};
use flowgate_wire::{
    MatchPolicy, MessageType, PublicationId, Publish, Published, Subscribe, Subscribed,
    SubscriptionId, Unsubscribe, Unsubscribed,
};

use crate::{
    SessionKey, Traffic,
    broker::Publication,
    options::{Acknowledge, DiscloseMe, ExcludeMe, PublishOptions, SubscribeOptions},
    realm::{State, deny, is_reserved},
    request_error::RequestError,
    session::Session,
    turn::Turn,
};

/// Whose publication it is.
#[derive(Clone, Copy)]
enum Publisher<'a> {
    Open(SessionKey),
    /// A session that is in no table any more.
    Left(&'a Session),
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
            Ok(subscription) => turn.send(from, Subscribed { request, subscription }),
            Err(error) => turn.refuse(from, MessageType::Subscribe, request, &error),
        }
    }

    fn subscribe<'m, O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &'m Subscribe<'_>,
    ) -> Result<SubscriptionId, RequestError<'m>> {
        let SubscribeOptions { policy } = SubscribeOptions::parse(&message.options)?;
        let topic = self.check_uri(&message.topic, policy)?;
        self.admit(turn, from, GateAction::Subscribe, topic, policy)?;
        self.broker.subscribe(from, policy, topic)
    }

    pub(crate) fn handle_unsubscribe<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Unsubscribe,
    ) {
        let request = message.request;
        match self.broker.unsubscribe(from, message.subscription) {
            Ok(()) => turn.send(from, Unsubscribed { request: Some(request), details: None }),
            Err(error) => turn.refuse(from, MessageType::Unsubscribe, request, &error),
        }
    }

    /// A PUBLISH that asks for no acknowledgement gets no ERROR either ("Publishing and Events"):
    /// if it cannot be published it is dropped, and the observer is told.
    pub(crate) fn handle_publish<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Publish<'_>,
    ) {
        let acknowledge = Acknowledge::of(&message.options);
        let outcome = self.publish(turn, from, message, acknowledge);
        match (acknowledge, outcome) {
            (_, Ok(())) => {}
            (Acknowledge::Wanted, Err(error)) => {
                turn.refuse(from, MessageType::Publish, message.request, &error);
            }
            (Acknowledge::Unwanted, Err(error)) => self.observe_dropped(turn, from, &error),
        }
    }

    fn publish<'m, O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &'m Publish<'_>,
        acknowledge: Acknowledge,
    ) -> Result<(), RequestError<'m>> {
        let options = PublishOptions::parse(&message.options)?;
        let topic = self.check_uri(&message.topic, MatchPolicy::Exact)?;
        if is_reserved(topic) {
            return Err(RequestError::ReservedUri(topic));
        }
        let disclosure = self.admit(turn, from, GateAction::Publish, topic, MatchPolicy::Exact)?;
        let publication = self.ids.publication();
        if acknowledge == Acknowledge::Wanted {
            turn.send(from, Published { request: message.request, publication });
        }
        self.deliver(turn, Publisher::Open(from), message, &options, disclosure, publication);
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
        let Ok(options) = PublishOptions::parse(&message.options) else {
            // Invariant: the options were parsed when the testament was added.
            debug_assert!(false, "a testament can be published");
            return;
        };
        let (action, topic) = (GateAction::Publish, message.topic.as_str());
        let disclosure = match self.judge(session, action, topic, MatchPolicy::Exact) {
            Verdict::Admit(disclosure) => disclosure,
            Verdict::Deny => return deny(turn, session.id, action, topic),
            // Nobody is there who could wait for the answer, so the one from before counts.
            Verdict::Ask { .. } => admitted,
        };
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
        let publisher = publisher.map(Session::identity);
        let exclude = match (from, options.exclude_me) {
            (Publisher::Open(key), ExcludeMe::Exclude) => Some(key),
            (Publisher::Open(_), ExcludeMe::Include) | (Publisher::Left(_), _) => None,
        };
        let publication = Publication {
            topic: message.topic.as_str(),
            id,
            publisher: publisher.filter(|_| options.disclose_me.applies(disclosure)),
            exclude,
            payload: message.payload.clone(),
            traffic: Traffic::Ordinary,
        };
        self.broker.publish(turn.out, &publication);
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
        turn.observe(EventKind::Dropped, || Event::Dropped {
            session,
            message: MessageType::Publish,
            error: error.uri(),
        });
    }
}

impl DiscloseMe {
    /// Whether the other side is told: because the session asks, or because the gate says so.
    pub(crate) fn applies(self, disclosure: Disclosure) -> bool {
        self == Self::Asked || disclosure == Disclosure::Always
    }
}
