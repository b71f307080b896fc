//! Registrations and their invocations.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use flowgate_wire::{Entry, RegistrationId, RequestId, Uri};
use futures_util::{Stream, StreamExt};
use tokio::sync::{mpsc, oneshot};

use crate::Arguments;

/// What an invocation fails with: the URI and arguments of an ERROR.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What failed.
    pub error: Uri<'static>,
    /// More about what failed.
    pub arguments: Arguments,
}

impl Failure {
    /// A failure with an error URI and arguments.
    pub fn new(error: impl Into<Uri<'static>>, arguments: impl Into<Arguments>) -> Self {
        Self { error: error.into(), arguments: arguments.into() }
    }
}

/// An invocation: a request to a callee that waits for its answer.
///
/// Dropping it answers with `wamp.error.canceled`.
#[derive(Debug)]
pub struct Invocation {
    /// The request.
    pub request: RequestId,
    /// Procedure, caller and more, where they apply.
    pub details: Vec<Entry<'static>>,
    /// The arguments of the call.
    pub arguments: Arguments,
    pub(crate) answer: oneshot::Sender<Result<Arguments, Failure>>,
}

impl Invocation {
    /// Answers; does nothing if the session has ended.
    ///
    /// A result that is too long for the router fails with `wamp.error.payload_size_exceeded`.
    pub fn answer(self, result: Result<Arguments, Failure>) {
        // Without a session there is nobody to answer.
        let _ = self.answer.send(result);
    }

    /// Answers with a result.
    pub fn succeed(self, arguments: impl Into<Arguments>) {
        self.answer(Ok(arguments.into()));
    }

    /// Answers with an error.
    pub fn fail(self, failure: Failure) {
        self.answer(Err(failure));
    }

    /// The detail `key`. Cost: the number of details.
    #[must_use]
    pub fn detail(&self, key: &str) -> Option<&flowgate_wire::Value<'static>> {
        self.details.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

/// A registration: a stream of [`Invocation`]s, which ends with the session or when the dealer
/// revokes the registration.
///
/// Invocations that arrive while its queue is full are answered with `wamp.error.unavailable`.
/// Dropping it fails its invocations; the router is told when the next one arrives.
/// [`Session::unregister`](crate::Session::unregister) tells it at once.
#[derive(Debug)]
pub struct Registration {
    pub(crate) id: RegistrationId,
    pub(crate) procedure: Uri<'static>,
    pub(crate) invocations: mpsc::Receiver<Invocation>,
}

impl Registration {
    /// The registration's identifier.
    #[must_use]
    pub const fn id(&self) -> RegistrationId {
        self.id
    }

    /// The procedure or pattern.
    #[must_use]
    pub const fn procedure(&self) -> &Uri<'static> {
        &self.procedure
    }

    /// The next invocation; `None` when there will be no more.
    ///
    /// Cancellation safety: safe, no invocation is lost.
    pub async fn next(&mut self) -> Option<Invocation> {
        self.invocations.recv().await
    }

    /// Answers all invocations with `handler`, up to `concurrency` of them at a time, until there
    /// will be no more; run it in a task of its own.
    ///
    /// The handler gets the invocation's details and arguments.
    ///
    /// Cancellation safety: dropping the future ends the registration and fails what is being
    /// handled.
    pub async fn serve<H, F>(self, concurrency: usize, handler: H)
    where
        H: Fn(Vec<Entry<'static>>, Arguments) -> F,
        F: Future<Output = Result<Arguments, Failure>>,
    {
        let handler = &handler;
        self.for_each_concurrent(concurrency.max(1), |invocation| async move {
            let Invocation { details, arguments, answer, .. } = invocation;
            // Without a session there is nobody to answer.
            let _ = answer.send(handler(details, arguments).await);
        })
        .await;
    }
}

impl Stream for Registration {
    type Item = Invocation;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Invocation>> {
        self.invocations.poll_recv(cx)
    }
}
