//! Replies on their way whose call is recorded, for its duration to lead to the records.
//!
//! A reply is queued by one thread and written by another, and what is queued says no more of a call
//! than which it was; what is known of recorded ones waits here.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use flowgate_event::{Correlation, Timestamp, TraceId};
use flowgate_metrics::Exemplar;
use flowgate_router::AnsweredCall;

use super::{RealmIndex, lock};
use crate::tracing::TRACES;

/// As many wait for their sockets; of more, the oldest have no exemplar.
const COUNT_MAX: usize = 256;

/// Calls that began so much before one that is answered are not waited for any more: their callers
/// have gone.
const AGE_MAX: Duration = Duration::from_secs(10);

/// What leads from a measurement to the records of its action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Traced {
    /// The action.
    pub(crate) correlation: Correlation,
    /// The distributed trace that it is a part of.
    pub(crate) trace: TraceId,
}

/// The replies of recorded calls that have been queued, in this order.
#[derive(Debug, Default)]
pub(super) struct TracedReplies {
    /// Whether there are any: all that is looked at while nothing is traced.
    is_any: AtomicBool,
    waiting: Mutex<VecDeque<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    realm: RealmIndex,
    call: AnsweredCall,
    traced: Traced,
}

impl Traced {
    pub(super) fn exemplar(self, at: Timestamp) -> Option<Exemplar> {
        let (correlation, trace) = (self.correlation.to_string(), self.trace.to_string());
        let labels = [("trace_id", trace.as_str()), ("correlation", correlation.as_str())];
        // Never refused: both have a fixed length.
        Exemplar::new(&labels, at).ok()
    }
}

impl TracedReplies {
    /// The reply of this call is queued next.
    pub(super) fn expect(&self, realm: RealmIndex, call: AnsweredCall, traced: Traced) {
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= COUNT_MAX {
            waiting.pop_front();
        }
        waiting.push_back(Waiting { realm, call, traced });
        self.is_any.store(true, Ordering::Relaxed);
    }

    /// The reply of this call has been handed to the socket.
    ///
    /// Calls of one batch look the same; their replies are written in the order in which they are
    /// queued.
    #[inline]
    pub(super) fn take(&self, realm: RealmIndex, call: AnsweredCall) -> Option<Traced> {
        let may_be = TRACES && self.is_any.load(Ordering::Relaxed);
        if may_be { self.take_waiting(realm, call) } else { None }
    }

    #[cold]
    fn take_waiting(&self, realm: RealmIndex, call: AnsweredCall) -> Option<Traced> {
        let mut waiting = lock(&self.waiting);
        while waiting.front().is_some_and(|first| first.call.began.after(AGE_MAX) < call.began) {
            waiting.pop_front();
        }
        let is_it = |of: &Waiting| (of.realm, of.call) == (realm, call);
        let found = waiting.iter().position(is_it).and_then(|place| waiting.remove(place));
        self.is_any.store(!waiting.is_empty(), Ordering::Relaxed);
        found.map(|found| found.traced)
    }
}

#[cfg(test)]
mod tests;
