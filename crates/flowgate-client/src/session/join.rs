//! Opening a session: HELLO, perhaps CHALLENGE and AUTHENTICATE, WELCOME or ABORT.

use std::{fmt, sync::Arc};

use flowgate_wire::{Abort, Authenticate, Dict, Entry, Hello, Message, Uri, Value, uris};
use tokio::sync::{mpsc, watch};

use super::{
    DEFAULT_QUEUE_COUNT, REQUEST_QUEUE_COUNT, Session, Welcome,
    driver::{Driver, Phase},
    state::State,
};
use crate::{ClientError, Connection, Frame, SendError, Violation, arguments::decode_dict};

/// The roles announced in HELLO, each with the features that this client can live with.
const ROLES: [(&str, &[&str]); 4] = [
    (
        "publisher",
        &["publisher_exclusion", "publisher_identification", "subscriber_blackwhite_listing"],
    ),
    (
        "subscriber",
        &["pattern_based_subscription", "publisher_identification", "subscription_revocation"],
    ),
    ("caller", &["caller_identification"]),
    (
        "callee",
        &[
            "caller_identification",
            "pattern_based_registration",
            "registration_revocation",
            "shared_registration",
        ],
    ),
];

/// Answers a CHALLENGE: from its method and extra, the signature and extra of AUTHENTICATE.
pub type Authenticator =
    Box<dyn FnMut(&str, &[Entry<'static>]) -> (String, Vec<Entry<'static>>) + Send>;

/// How to join a realm.
pub struct JoinOptions {
    /// Details of HELLO besides the roles: `authid`, `authmethods`, `agent` and others.
    pub details: Vec<Entry<'static>>,
    /// Events or invocations that may wait in each subscription or registration, at least 1.
    pub queue_count: usize,
    /// The answer to a CHALLENGE; see [`with_authenticator`](Self::with_authenticator).
    pub authenticator: Option<Authenticator>,
}

impl Default for JoinOptions {
    /// No details, queues of [`DEFAULT_QUEUE_COUNT`], no answer to a CHALLENGE.
    fn default() -> Self {
        Self { details: Vec::new(), queue_count: DEFAULT_QUEUE_COUNT, authenticator: None }
    }
}

impl JoinOptions {
    /// Answers each CHALLENGE: from its method and extra, the signature and extra of AUTHENTICATE.
    ///
    /// The details must announce the methods (`authmethods`).
    #[must_use]
    pub fn with_authenticator(
        mut self,
        answer: impl FnMut(&str, &[Entry<'static>]) -> (String, Vec<Entry<'static>>) + Send + 'static,
    ) -> Self {
        self.authenticator = Some(Box::new(answer));
        self
    }
}

impl fmt::Debug for JoinOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinOptions")
            .field("details", &self.details)
            .field("queue_count", &self.queue_count)
            .finish_non_exhaustive()
    }
}

/// What a router answered.
enum Answer {
    Welcome(flowgate_wire::SessionId, Vec<Entry<'static>>),
    Challenge(String, Vec<Entry<'static>>),
}

pub(super) async fn join(
    mut connection: Connection,
    realm: Uri<'static>,
    mut options: JoinOptions,
) -> Result<Session, ClientError> {
    let details = Dict::from_vec(hello_details(std::mem::take(&mut options.details)));
    send(&mut connection, &Hello { realm: realm.clone(), details }.into()).await?;
    let (session, details) = loop {
        let frame = connection.recv().await?;
        match answer(&frame) {
            Ok(Answer::Welcome(session, details)) => break (session, details),
            Ok(Answer::Challenge(method, extra)) => {
                let Some(authenticator) = &mut options.authenticator else {
                    abort(connection, uris::error::NO_MATCHING_AUTH_METHOD).await;
                    return Err(ClientError::AuthenticationRequired { method });
                };
                let (signature, extra) = authenticator(&method, &extra);
                let extra = Dict::from_vec(extra);
                let reply = Authenticate { signature: signature.into(), extra };
                send(&mut connection, &reply.into()).await?;
            }
            Err(error @ ClientError::Refused { .. }) => {
                // The session is not there to be told.
                let _ = connection.close().await;
                return Err(error);
            }
            Err(error) => {
                abort(connection, uris::error::PROTOCOL_VIOLATION).await;
                return Err(error);
            }
        }
    };
    let welcome = Welcome {
        session,
        realm,
        details,
        serializer: connection.serializer(),
        traffic: connection.traffic_counter(),
    };
    Ok(start(connection, welcome, options.queue_count))
}

/// Spawns the session's task.
fn start(connection: Connection, welcome: Welcome, queue_count: usize) -> Session {
    let (requests, commands) = mpsc::channel(REQUEST_QUEUE_COUNT);
    let (ending, closed) = watch::channel(None);
    let driver =
        Driver { connection, commands, state: State::new(queue_count.max(1)), phase: Phase::Open };
    tokio::spawn(driver.run(ending));
    Session { requests, closed, welcome: Arc::new(welcome) }
}

fn answer(frame: &Frame) -> Result<Answer, ClientError> {
    let message = frame.message().map_err(Violation::from)?;
    let message_type = message.message_type();
    if let Message::Welcome(welcome) = message {
        return Ok(Answer::Welcome(welcome.session, decode_dict(&welcome.details)));
    }
    if let Message::Challenge(challenge) = message {
        let extra = decode_dict(&challenge.extra);
        return Ok(Answer::Challenge(challenge.auth_method.into_owned(), extra));
    }
    if let Message::Abort(abort) = message {
        let details = decode_dict(&abort.details);
        return Err(ClientError::Refused { reason: abort.reason.into_owned(), details });
    }
    Err(Violation::Unexpected(message_type).into())
}

fn hello_details(mut details: Vec<Entry<'static>>) -> Vec<Entry<'static>> {
    if !details.iter().any(|(key, _)| key == "roles") {
        let roles = ROLES.map(|(role, features)| {
            let features = Value::dict(features.iter().map(|name| (*name, Value::Bool(true))));
            (role, Value::dict([("features", features)]))
        });
        details.push(("roles".into(), Value::dict(roles)));
    }
    details
}

async fn send(connection: &mut Connection, message: &Message<'_>) -> Result<(), ClientError> {
    connection.send(message).await.map_err(|error| match error {
        SendError::Feed(error) => ClientError::NotSent(error),
        SendError::Connection(error) => error.into(),
    })
}

/// Says why, as far as the router listens, and closes.
async fn abort(mut connection: Connection, reason: &'static str) {
    let message = Abort {
        details: Dict::EMPTY,
        reason: reason.into(),
        payload: flowgate_wire::Payload::EMPTY,
    };
    if connection.send(&message.into()).await.is_ok() {
        let _ = connection.close().await;
    }
}
