//! Who the sessions are, for records.

use std::sync::Arc;

use flowgate_router::{Realm, SessionKey};
use flowgate_trace::Identity;

use super::Seats;
use crate::{frame::Framing, link::Outlet, observer::RealmObserver};

/// What is known of a connection, without its session.
pub(crate) fn identity_of(outlet: &Outlet, realm: &str) -> Identity {
    let transport = match outlet.wire.framing {
        Framing::RawSocket => "rawsocket",
        Framing::WebSocket => "websocket",
    };
    Identity {
        realm: realm.into(),
        transport: transport.into(),
        serializer: Some(outlet.wire.serializer),
        peer: outlet.peer_address(),
        ..Identity::default()
    }
}

impl Seats {
    /// Who has a place; asked once of each session.
    pub(super) fn identify(
        &mut self,
        session: SessionKey,
        realm: &Realm<RealmObserver>,
        name: &str,
    ) -> Option<Arc<Identity>> {
        let index = session.0 as usize;
        if let Some(Some(known)) = self.who.get(index) {
            return Some(Arc::clone(known));
        }
        let mut who = identity_of(self.get(session)?, name);
        // One that is refused never gets a session.
        let identity = realm.identity(session);
        if let Some(identity) = identity {
            who.session = Some(identity.session);
            who.authid = Some(identity.authid.into());
            who.authrole = Some(identity.authrole.into());
        }
        let who = Arc::new(who);
        if identity.is_some() {
            if self.who.len() <= index {
                self.who.resize(index + 1, None);
            }
            if let Some(place) = self.who.get_mut(index) {
                *place = Some(Arc::clone(&who));
            }
        }
        Some(who)
    }
}
