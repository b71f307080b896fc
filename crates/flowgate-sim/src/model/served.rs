//! What the model knows of the shell's procedures and of the router's own events.

use std::time::Duration;

use flowgate_router::{Announcement, Reply, ServeId, SessionKey};
use flowgate_wire::{Call, MatchPolicy, Value, uris};

use super::{Model, Parts, Pending, events::Kept};
use crate::{
    said::{self, Said, is_true},
    world::settings::{SERVED, SERVED_PROCEDURES},
};

/// Whether a procedure is the shell's, if it exists.
pub(super) fn is_served(procedure: &str) -> bool {
    procedure == SERVED || procedure.starts_with(&format!("{SERVED}."))
}

impl Model {
    /// A call that the gate has admitted.
    pub(super) fn serve(
        &mut self,
        from: SessionKey,
        message: &Call<'_>,
    ) -> Result<(), &'static str> {
        let (procedure, options) = (message.procedure.as_str(), &message.options);
        if !SERVED_PROCEDURES.iter().any(|name| procedure == format!("{SERVED}.{name}")) {
            return Err(uris::error::NO_SUCH_PROCEDURE);
        }
        if is_true(options, "progress") || options.get("ppt_scheme").is_some() {
            return Err(uris::error::FEATURE_NOT_SUPPORTED);
        }
        let asked = options.get("timeout").and_then(|value| value.as_u64());
        let asked = asked.map(Duration::from_millis);
        let payload = said::payload(&message.payload);
        let said = Said::Serve { procedure: procedure.to_owned(), payload: payload.clone() };
        self.expect(from, said);
        self.see("serve");
        self.add(Pending {
            caller: from,
            request: message.request.get(),
            registration: 0,
            served: Some(None),
            with: None,
            place: 0,
            policy: MatchPolicy::Exact,
            procedure: procedure.to_owned(),
            key: None,
            disclosed: None,
            receive_progress: false,
            passthru: None,
            payload,
            parts: Parts::Whole,
            is_kept: false,
            tried: Vec::new(),
            is_killed: false,
            asked,
            timeout: self.timeout(asked),
            deadline: None,
        });
        Ok(())
    }

    /// The shell was given the latest call of a session.
    pub(crate) fn heard_call(&mut self, key: SessionKey, id: ServeId) {
        let is_it = |call: &&mut Pending| call.caller == key && call.served == Some(None);
        if let Some(call) = self.calls.iter_mut().find(is_it) {
            call.served = Some(Some(id));
        }
    }

    /// The shell answers: the first time, and if the caller still waits.
    pub(super) fn served(&mut self, id: ServeId, reply: &Reply<'_>) {
        let found = self.calls.iter().position(|call| call.served == Some(Some(id)));
        let Some(Pending { caller, request, .. }) = found.map(|index| self.calls.remove(index))
        else {
            return self.see("served for nobody");
        };
        self.expect(
            caller,
            match reply {
                Reply::Result(payload) => {
                    let payload = said::payload(payload);
                    Said::Result { request, progress: false, passthru: None, payload }
                }
                Reply::Error { error, payload } => Said::Failed {
                    request,
                    error: (*error).to_owned(),
                    payload: said::payload(payload),
                },
            },
        );
    }

    /// The router itself publishes.
    pub(super) fn announce(&mut self, announcement: &Announcement<'_>) {
        let Announcement { topic, payload, eligible_authroles, exclude_authroles } = announcement;
        let list = |key: &str, roles: &Option<&[String]>| {
            let items = roles.as_ref()?.iter().map(|role| Value::from(role.clone()));
            Some((key.to_owned(), items.collect::<Vec<_>>()))
        };
        let lists = [
            list("eligible_authrole", eligible_authroles),
            list("exclude_authrole", exclude_authroles),
        ];
        self.sequence += 1;
        self.event(&Kept {
            number: self.sequence,
            at: self.now.to_millis(),
            topic: (*topic).to_owned(),
            lists: lists.into_iter().flatten().collect(),
            payload: said::payload(payload),
            ..Kept::default()
        });
    }
}
