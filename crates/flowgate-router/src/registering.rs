//! How sessions become callees, and stop being callees.

use flowgate_event::{GateAction, Observer};
use flowgate_wire::{MessageType, Register, Registered, RegistrationId, Unregister, Unregistered};

use crate::{
    SessionKey,
    dealer::{Joined, JoinedWhat},
    details::Details,
    options::{ForceReregister, RegisterOptions},
    realm::State,
    request_error::RequestError,
    turn::Turn,
};

/// What UNREGISTERED says to callees whose procedure another has taken over; Crossbar.io's word.
const REREGISTERED: &str = "wamp.error.unregistered";

impl State {
    pub(crate) fn handle_register<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Register<'_>,
    ) {
        let request = message.request;
        match self.register(turn, from, message) {
            Ok(joined) => {
                turn.send(from, Registered { request, registration: joined.registration });
                self.publish_registered(turn, from, joined);
                if joined.what == JoinedWhat::Shared {
                    self.calls.revisit(joined.registration);
                }
            }
            Err(error) => turn.refuse(from, MessageType::Register, request, &error),
        }
    }

    fn register<'m, O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &'m Register<'_>,
    ) -> Result<Joined, RequestError<'m>> {
        let RegisterOptions { policy, invoke, terms, force } =
            RegisterOptions::parse(&message.options)?;
        let procedure = self.check_uri(&message.procedure, policy)?;
        if self.is_of_router(procedure) {
            return Err(RequestError::ReservedUri(procedure));
        }
        self.admit(turn, from, GateAction::Register, procedure, policy)?;
        if force == ForceReregister::Yes
            && let Some(taken) = self.dealer.find(policy, procedure)
        {
            // From here on nothing fails: what is given free has room for the same again.
            self.revoke_all(turn, taken, REREGISTERED);
        }
        self.dealer.register(turn.now, from, (policy, procedure), invoke, terms)
    }

    pub(crate) fn handle_unregister<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &Unregister,
    ) {
        let request = message.request;
        match self.dealer.unregister(from, message.registration) {
            Ok(left) => {
                turn.send(from, Unregistered { request: Some(request), details: None });
                self.publish_unregistered(turn, from, left);
                self.calls.revisit(left.registration);
            }
            Err(error) => turn.refuse(from, MessageType::Unregister, request, &error),
        }
    }

    fn revoke_all<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        registration: RegistrationId,
        reason: &str,
    ) {
        let callees: Vec<_> = self.dealer.callees(registration).into_iter().flatten().collect();
        for callee in callees {
            // Invariant: who is listed holds the registration.
            let revoked = self.revoke(turn, callee, registration, Some(reason));
            debug_assert!(revoked.is_ok(), "a callee holds its registration");
        }
    }

    /// Takes a registration from a callee, and tells it if it understands ("Registration
    /// Revocation"). What it has begun it may finish.
    pub(crate) fn revoke<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        callee: SessionKey,
        registration: RegistrationId,
        reason: Option<&str>,
    ) -> Result<(), RequestError<'static>> {
        let left = self.dealer.unregister(callee, registration)?;
        if self.features(callee).callee_registration_revocation {
            let mut details = Details::<2>::new();
            details.push("registration", registration.get());
            if let Some(reason) = reason {
                details.push("reason", reason);
            }
            let details = Some(details.as_dict());
            turn.send(callee, Unregistered { request: None, details });
        }
        self.publish_unregistered(turn, callee, left);
        self.calls.revisit(registration);
        Ok(())
    }

    /// Ends all registrations of a session, and then its calls.
    pub(crate) fn detach_callee<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        session: SessionKey,
    ) {
        while let Some(left) = self.dealer.detach_one(session) {
            self.publish_unregistered(turn, session, left);
            self.calls.revisit(left.registration);
        }
        self.calls.detach(turn, session);
    }
}
