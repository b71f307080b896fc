//! Sessions: the rules of WAMP over a connection.

mod driver;
mod join;
mod roles;
mod state;

use std::{fmt, sync::Arc, time::Duration};

use flowgate_wire::{Dict, Entry, PublicationId, Serializer, SessionId, Uri, Value};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    Arguments, ClientError, Closed, Connection, Registration, Subscription, Traffic, TrafficCounter,
};
use state::{Command, Reply};

pub use join::{Authenticator, JoinOptions};

/// Requests that wait for the session's task; the next one waits for room.
///
/// Enough to fill one write, so that a busy session gathers requests.
pub const REQUEST_QUEUE_COUNT: usize = 256;

/// Events or invocations that wait in a subscription or registration unless the options say
/// otherwise.
pub const DEFAULT_QUEUE_COUNT: usize = 1024;

/// How long the router has to confirm that this side leaves.
pub const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);

/// A handle to a session, cheap to clone; open one with [`join`](Self::join).
///
/// A task of the session's own, spawned by `join`, owns the connection and ends with the session:
/// after [`leave`](Self::leave), when the last handle is dropped, or when the router ends it.
///
/// All requests are cancellation safe in this sense: a future that is dropped before it was first
/// suspended may or may not have made its request; one dropped later loses the answer, and what
/// the answer would have created (a subscription, a registration) is undone.
#[derive(Clone)]
pub struct Session {
    requests: mpsc::Sender<Command>,
    closed: watch::Receiver<Option<Closed>>,
    welcome: Arc<Welcome>,
}

/// What the router said on joining.
struct Welcome {
    session: SessionId,
    realm: Uri<'static>,
    details: Vec<Entry<'static>>,
    serializer: Serializer,
    traffic: TrafficCounter,
}

/// The result of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallResult {
    /// Additional details.
    pub details: Vec<Entry<'static>>,
    /// The result.
    pub arguments: Arguments,
}

impl Session {
    /// Joins a realm.
    ///
    /// Must be called within a tokio runtime, in which it spawns the session's task.
    ///
    /// Cancellation safety: dropping the future breaks the connection off.
    ///
    /// # Errors
    /// [`ClientError::Refused`], [`ClientError::AuthenticationRequired`], or
    /// [`ClientError::Closed`]; the connection is closed in each case.
    pub async fn join(
        connection: Connection,
        realm: impl Into<Uri<'static>>,
        options: JoinOptions,
    ) -> Result<Self, ClientError> {
        join::join(connection, realm.into(), options).await
    }

    /// The session's identifier.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.welcome.session
    }

    /// The realm.
    #[must_use]
    pub fn realm(&self) -> &Uri<'static> {
        &self.welcome.realm
    }

    /// The details of the router's WELCOME: its roles and who the session is.
    #[must_use]
    pub fn details(&self) -> &[Entry<'static>] {
        &self.welcome.details
    }

    /// The serializer of the connection.
    #[must_use]
    pub fn serializer(&self) -> Serializer {
        self.welcome.serializer
    }

    /// What the connection has carried so far; final when [`leave`](Self::leave) or
    /// [`closed`](Self::closed) has returned.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.welcome.traffic.traffic()
    }

    /// Subscribes to a topic, or to a pattern with the option `match`.
    ///
    /// Cancellation safety: see [`Session`].
    ///
    /// # Errors
    /// [`ClientError`]: `Error`, `NotSent` or `Closed`, as all requests.
    pub async fn subscribe(
        &self,
        topic: impl Into<Uri<'static>>,
        options: Dict<'static>,
    ) -> Result<Subscription, ClientError> {
        let topic = topic.into();
        self.request(|reply| Command::Subscribe { topic, options, reply }).await
    }

    /// Ends a subscription; the router is told if it was the session's last to its topic.
    ///
    /// Cancellation safety: see [`Session`]; the subscription ends in any case.
    ///
    /// # Errors
    /// [`ClientError`]: `Error`, `NotSent` or `Closed`, as all requests.
    pub async fn unsubscribe(&self, subscription: Subscription) -> Result<(), ClientError> {
        let id = subscription.id();
        drop(subscription);
        self.request(|reply| Command::Unsubscribe { id, reply }).await
    }

    /// Publishes an event, and does not wait for the router.
    ///
    /// Cancellation safety: see [`Session`].
    ///
    /// # Errors
    /// [`ClientError::Closed`]; whatever else goes wrong with the publication remains unknown.
    pub async fn publish(
        &self,
        topic: impl Into<Uri<'static>>,
        options: Dict<'static>,
        arguments: impl Into<Arguments>,
    ) -> Result<(), ClientError> {
        let (topic, arguments) = (topic.into(), arguments.into());
        self.send(Command::Publish { topic, options, arguments, reply: None }).await
    }

    /// Publishes an event with the option `acknowledge`, and waits until the router has it.
    ///
    /// Cancellation safety: see [`Session`].
    ///
    /// # Errors
    /// [`ClientError`]: `Error`, `NotSent` or `Closed`, as all requests.
    pub async fn publish_acknowledged(
        &self,
        topic: impl Into<Uri<'static>>,
        options: Dict<'static>,
        arguments: impl Into<Arguments>,
    ) -> Result<PublicationId, ClientError> {
        let (topic, arguments) = (topic.into(), arguments.into());
        let options = options
            .entries()
            .filter(|(key, _)| key != "acknowledge")
            .map(|(key, value)| (key.into_owned().into(), value.into_owned()))
            .chain([("acknowledge".into(), Value::Bool(true))])
            .collect();
        let options = Dict::from_vec(options);
        self.request(|reply| Command::Publish { topic, options, arguments, reply: Some(reply) })
            .await
    }

    /// Registers a procedure, or a pattern with the option `match`.
    ///
    /// Cancellation safety: see [`Session`].
    ///
    /// # Errors
    /// [`ClientError`]: `Error`, `NotSent` or `Closed`, as all requests.
    pub async fn register(
        &self,
        procedure: impl Into<Uri<'static>>,
        options: Dict<'static>,
    ) -> Result<Registration, ClientError> {
        let procedure = procedure.into();
        self.request(|reply| Command::Register { procedure, options, reply }).await
    }

    /// Ends a registration; invocations that were not taken from it fail.
    ///
    /// Cancellation safety: see [`Session`]; the registration ends in any case.
    ///
    /// # Errors
    /// [`ClientError`]: `Error`, `NotSent` or `Closed`, as all requests.
    pub async fn unregister(&self, registration: Registration) -> Result<(), ClientError> {
        let id = registration.id();
        drop(registration);
        self.request(|reply| Command::Unregister { id, reply }).await
    }

    /// Calls a procedure and waits for its result; intermediate results are skipped.
    ///
    /// Cancellation safety: see [`Session`]; the call itself goes on.
    ///
    /// # Errors
    /// [`ClientError`]: `Error`, `NotSent` or `Closed`, as all requests.
    pub async fn call(
        &self,
        procedure: impl Into<Uri<'static>>,
        options: Dict<'static>,
        arguments: impl Into<Arguments>,
    ) -> Result<CallResult, ClientError> {
        let (procedure, arguments) = (procedure.into(), arguments.into());
        self.request(|reply| Command::Call { procedure, options, arguments, reply }).await
    }

    /// Says GOODBYE, waits for the router's, closes the connection, and waits until the session's
    /// task is done; all other requests of the session fail.
    ///
    /// Takes at most [`GOODBYE_TIMEOUT`] and [`CLOSE_TIMEOUT`](crate::CLOSE_TIMEOUT).
    ///
    /// Cancellation safety: the session ends in any case, once this was first suspended.
    ///
    /// # Errors
    /// Why the session ended, if not because this side left.
    pub async fn leave(&self) -> Result<(), Closed> {
        // A session that has ended has left its reason.
        let _ = self.requests.send(Command::Leave).await;
        match self.closed().await {
            Closed::Left => Ok(()),
            closed @ (Closed::Unconfirmed
            | Closed::Goodbye { .. }
            | Closed::Aborted { .. }
            | Closed::Violation(_)
            | Closed::Connection(_)) => Err(closed),
        }
    }

    /// Waits until the session has ended, and says why.
    ///
    /// Cancellation safety: safe.
    pub async fn closed(&self) -> Closed {
        let mut closed = self.closed.clone();
        // The task says why it ends before it does; had the runtime dropped it, it would have left
        // without a word.
        closed
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|why| why.clone())
            .unwrap_or(Closed::Unconfirmed)
    }

    /// Makes a request and waits for its answer.
    async fn request<T>(
        &self,
        command: impl FnOnce(Reply<T>) -> Command,
    ) -> Result<T, ClientError> {
        let (reply, answer) = oneshot::channel();
        self.send(command(reply)).await?;
        match answer.await {
            Ok(answer) => answer,
            Err(_) => Err(self.closed().await.into()),
        }
    }

    async fn send(&self, command: Command) -> Result<(), ClientError> {
        if self.requests.send(command).await.is_err() {
            return Err(self.closed().await.into());
        }
        Ok(())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.welcome.session)
            .field("realm", &self.welcome.realm)
            .finish_non_exhaustive()
    }
}
