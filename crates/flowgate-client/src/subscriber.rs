//! Subscriptions and their events.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use flowgate_wire::{Entry, PublicationId, SubscriptionId, Uri};
use futures_util::Stream;
use tokio::sync::mpsc;

use crate::Arguments;

/// An event of a subscription.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The publication.
    pub publication: PublicationId,
    /// Topic, publisher and more, where they apply.
    pub details: Vec<Entry<'static>>,
    /// What was published.
    pub arguments: Arguments,
}

impl Event {
    /// The detail `key`. Cost: the number of details.
    #[must_use]
    pub fn detail(&self, key: &str) -> Option<&flowgate_wire::Value<'static>> {
        self.details.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

/// A subscription: a stream of [`Event`]s, which ends with the session, when the broker revokes the
/// subscription, or when another subscription to the same topic is ended while this one is made.
///
/// Events that arrive while its queue is full are dropped and counted: a slow subscriber must not
/// stop the session, on whose replies it may be waiting.
/// Several subscriptions of a session to one topic share what the router sends.
/// Dropping it drops its events; the router is told when the next event arrives.
/// [`Session::unsubscribe`](crate::Session::unsubscribe) tells it at once.
#[derive(Debug)]
pub struct Subscription {
    id: SubscriptionId,
    topic: Uri<'static>,
    events: mpsc::Receiver<Event>,
    missed: Arc<AtomicU64>,
}

impl Subscription {
    /// The subscription's identifier.
    #[must_use]
    pub const fn id(&self) -> SubscriptionId {
        self.id
    }

    /// The topic or pattern.
    #[must_use]
    pub const fn topic(&self) -> &Uri<'static> {
        &self.topic
    }

    /// The next event; `None` when there will be no more.
    ///
    /// Cancellation safety: safe, no event is lost.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Events that were dropped because the queue was full.
    #[must_use]
    pub fn missed_count(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

impl Stream for Subscription {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.events.poll_recv(cx)
    }
}

/// The session's end of a [`Subscription`].
#[derive(Debug)]
pub(crate) struct Listener {
    events: mpsc::Sender<Event>,
    missed: Arc<AtomicU64>,
}

impl Listener {
    pub(crate) fn new(
        id: SubscriptionId,
        topic: Uri<'static>,
        queue_count: usize,
    ) -> (Self, Subscription) {
        let (sender, events) = mpsc::channel(queue_count);
        let missed = Arc::new(AtomicU64::new(0));
        let subscription = Subscription { id, topic, events, missed: Arc::clone(&missed) };
        (Self { events: sender, missed }, subscription)
    }

    /// Whether nobody listens any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.events.is_closed()
    }

    pub(crate) fn deliver(&self, event: Event) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(event) {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}
