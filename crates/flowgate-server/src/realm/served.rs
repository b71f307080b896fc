//! Calls that are not for clients but for the router's own services.

use std::sync::Arc;

use flowgate_router::{ServeId, ServedCall};
use flowgate_wire::{OwnedPayload, SessionId};
use tokio::sync::mpsc;

/// Calls that wait for a service; whoever comes when it is full is told to come again.
const WAITING_MAX: usize = 256;

/// One call that a service is to answer with [`Input::Served`](flowgate_router::Input::Served).
#[derive(Debug)]
pub(crate) struct ServiceCall {
    /// The realm that wants the answer.
    pub(crate) realm: Arc<str>,
    /// What the answer names.
    pub(crate) call: ServeId,
    /// The whole URI.
    pub(crate) procedure: Box<str>,
    /// The session that calls.
    pub(crate) caller: SessionId,
    /// Its `authid`.
    pub(crate) authid: Box<str>,
    /// Its role.
    pub(crate) authrole: Box<str>,
    /// The arguments.
    pub(crate) payload: OwnedPayload,
}

/// The way of a realm's calls to a service.
#[derive(Debug, Clone)]
pub(crate) struct ServiceLine {
    realm: Arc<str>,
    calls: mpsc::Sender<ServiceCall>,
}

/// The ways of several realms, and where they end.
pub(crate) fn service_lines() -> (ServiceLines, mpsc::Receiver<ServiceCall>) {
    let (calls, heard) = mpsc::channel(WAITING_MAX);
    (ServiceLines { calls }, heard)
}

/// Makes the ways of realms to one service.
#[derive(Debug)]
pub(crate) struct ServiceLines {
    calls: mpsc::Sender<ServiceCall>,
}

impl ServiceLines {
    /// The way of a realm.
    pub(crate) fn of_realm(&self, realm: &str) -> ServiceLine {
        ServiceLine { realm: Arc::from(realm), calls: self.calls.clone() }
    }
}

impl ServiceLine {
    /// Passes a call on. `Err` if the service has too much to do, or is gone.
    pub(super) fn pass_on(&self, call: ServeId, request: &ServedCall<'_>) -> Result<(), ServeId> {
        // Reserved first, so that nothing is copied in vain.
        let place = self.calls.try_reserve().map_err(|_| call)?;
        place.send(ServiceCall {
            realm: Arc::clone(&self.realm),
            call,
            procedure: request.procedure.into(),
            caller: request.caller,
            authid: request.authid.into(),
            authrole: request.authrole.into(),
            payload: request.payload.to_owned(),
        });
        Ok(())
    }
}
