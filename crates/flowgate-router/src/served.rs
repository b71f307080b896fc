//! What the shell serves: its procedures, and its events.
//!
//! The core keeps the calls, so that they end like all others: exactly once, with the caller's
//! leave, in time, or not at all if the caller has gone.

use std::sync::Arc;

use flowgate_event::Observer;
use flowgate_wire::{Call, Dict, Uri};

use crate::{
    Action, Announcement, ClientFeatures, Reply, ServeId, ServedApi, ServedCall, SessionKey,
    Traffic,
    audience::Audience,
    calls::Outcome,
    options::CallOptions,
    realm::{State, is_below, is_reserved},
    request_error::RequestError,
    turn::Turn,
};

/// The URIs that the shell serves.
pub(crate) struct Served {
    apis: Vec<Api>,
    /// What the prefixes begin with, each once: a call of anything else is passed at once.
    heads: Vec<Head>,
}

/// The first octets of a prefix, as one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    octets: u64,
    /// The bits of the octets that the prefix has.
    mask: u64,
}

struct Api {
    prefix: Box<str>,
    /// The whole URIs, sorted.
    procedures: Vec<Arc<str>>,
}

impl Served {
    pub(crate) fn new(apis: Vec<ServedApi>) -> Self {
        let apis: Vec<Api> = apis.into_iter().map(Api::new).collect();
        let mut heads: Vec<Head> = apis.iter().map(|api| Head::of_prefix(&api.prefix)).collect();
        heads.sort_unstable();
        heads.dedup();
        Self { apis, heads }
    }

    /// Whether a URI or pattern is one of the shell's. Cost: O(prefixes), of which there are few.
    #[inline]
    pub(crate) fn covers(&self, uri: &str) -> bool {
        let octets = first_octets(uri);
        let may_be = self.heads.iter().any(|head| octets & head.mask == head.octets);
        may_be && self.api(uri).is_some()
    }

    fn api(&self, uri: &str) -> Option<&Api> {
        self.apis.iter().find(|api| is_below(uri, &api.prefix))
    }

    fn procedure(&self, uri: &str) -> Option<&Arc<str>> {
        let procedures = &self.api(uri)?.procedures;
        let place = procedures.binary_search_by(|known| (**known).cmp(uri)).ok()?;
        procedures.get(place)
    }
}

impl Head {
    fn of_prefix(prefix: &str) -> Self {
        let mask = prefix.bytes().take(8).fold(0, |mask, _| mask << 8 | 0xff);
        Self { octets: first_octets(prefix), mask }
    }
}

/// The first eight octets as a number, the first in the lowest bits; those that are not there are
/// zero.
#[inline]
fn first_octets(uri: &str) -> u64 {
    match uri.as_bytes().first_chunk() {
        Some(octets) => u64::from_le_bytes(*octets),
        None => uri.bytes().rev().fold(0, |number, octet| number << 8 | u64::from(octet)),
    }
}

impl Api {
    fn new(ServedApi { prefix, procedures }: ServedApi) -> Self {
        let whole = |name: String| Arc::from(format!("{prefix}.{name}"));
        let mut procedures: Vec<Arc<str>> = procedures.into_iter().map(whole).collect();
        procedures.sort_unstable();
        Self { prefix: prefix.into(), procedures }
    }
}

impl State {
    /// Whether a URI or pattern belongs to the router, core or shell.
    pub(crate) fn is_of_router(&self, uri: &str) -> bool {
        is_reserved(uri) || self.served.covers(uri)
    }

    /// Hands a call to the shell; the gate has admitted it.
    pub(crate) fn serve<'m, O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        message: &'m Call<'_>,
        options: &CallOptions,
    ) -> Result<(), RequestError<'m>> {
        let uri = message.procedure.as_str();
        let procedure = self.served.procedure(uri).ok_or(RequestError::NoSuchProcedure(uri))?;
        // It takes calls as a callee does that has announced nothing.
        options.check_callee(&ClientFeatures::default())?;
        let procedure = Arc::clone(procedure);
        let timeout = self.config.calls.timeout(options.timeout);
        let call =
            self.calls.begin_served(turn, (from, message.request), Arc::clone(&procedure), timeout);
        let Some(caller) = self.sessions.open(from).map(|caller| caller.identity()) else {
            // Invariant: messages are handled for open sessions only.
            debug_assert!(false, "a session that calls is open");
            return Ok(());
        };
        let request = ServedCall {
            procedure: &procedure,
            caller: caller.session,
            authid: caller.authid,
            authrole: caller.authrole,
            payload: &message.payload,
        };
        turn.out.push(Action::Serve { session: from, call, request });
        Ok(())
    }

    /// The shell has answered a call.
    pub(crate) fn handle_served<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        call: ServeId,
        reply: Reply<'_>,
    ) {
        let Some(call) = self.calls.served(call) else { return };
        let outcome = match reply {
            Reply::Result(ref payload) => Outcome::Result(payload, None),
            Reply::Error { error, payload } => {
                Outcome::Error { details: Dict::EMPTY, error: Uri::from(error), payload }
            }
        };
        self.calls.finish(turn, call, outcome);
    }

    /// The router itself publishes an event.
    pub(crate) fn announce<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        announcement: &Announcement<'_>,
    ) {
        let Announcement { topic, payload, eligible_authroles, exclude_authroles } = announcement;
        if !self.broker.is_heard(topic) {
            return;
        }
        let audience = Audience::of_roles(*eligible_authroles, *exclude_authroles);
        let audience = Some(&audience).filter(|audience| !audience.is_everybody());
        self.publish_own(turn, topic, payload.reborrow(), audience, Traffic::Ordinary);
    }
}

#[cfg(test)]
mod tests;
