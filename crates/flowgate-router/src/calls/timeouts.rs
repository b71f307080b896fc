//! How long calls may wait for their next result ("Call Timeouts").

use std::time::Duration;

use flowgate_event::{Observer, Timestamp};

use super::{CallKey, Calls, Outcome};
use crate::{deadlines::DeadlineKey, request_error::RequestError, turn::Turn};

/// The time a call has until its next result.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeout {
    pub(super) call: CallKey,
    pub(super) after: Duration,
}

impl Calls {
    /// Sets the deadline of a call.
    pub(super) fn wait(&mut self, now: Timestamp, timeout: Timeout) -> DeadlineKey {
        self.deadlines.set(now.after(timeout.after), timeout)
    }

    /// Limits the time of a call that has no limit yet.
    pub(crate) fn limit(&mut self, now: Timestamp, key: CallKey, timeout: Option<Duration>) {
        let is_unlimited = self.get(key).is_some_and(|call| call.deadline.is_none());
        if let Some(after) = timeout.filter(|_| is_unlimited) {
            let deadline = Some(self.wait(now, Timeout { call: key, after }));
            if let Some(call) = self.get_mut(key) {
                call.deadline = deadline;
            }
        }
    }

    /// Lets the time of a call begin anew, if it has any.
    pub(crate) fn restart(&mut self, now: Timestamp, key: CallKey) {
        let deadline = self.get(key).and_then(|call| call.deadline);
        let Some(timeout) = deadline.and_then(|deadline| self.deadlines.call_off(deadline)) else {
            return;
        };
        let deadline = Some(self.wait(now, timeout));
        if let Some(call) = self.get_mut(key) {
            call.deadline = deadline;
        }
    }

    /// When a call times out, if nothing happens before.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.next()
    }

    /// Ends the calls whose time is over ("Call Timeouts", by the dealer).
    pub(crate) fn expire<O: Observer>(&mut self, turn: &mut Turn<'_, O>) {
        while let Some(Timeout { call, after }) = self.deadlines.expire(turn.now) {
            self.give_up(turn, call, Outcome::Refused(RequestError::Timeout(after)));
        }
    }
}
