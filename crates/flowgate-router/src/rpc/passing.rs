//! How calls come to callees: at once, in parts, after waiting, and after others turned them down.

use flowgate_event::Observer;
use flowgate_wire::{Call, Payload, RegistrationId, RequestId};

use crate::{
    ClientFeatures, SessionKey,
    calls::{Assignment, CallKey, Disclosed, Kept, Outcome, Parts},
    dealer::{Route, Routing},
    invocation::Invoke,
    options::{CallOptions, Progress},
    realm::State,
    request_error::RequestError,
    turn::Turn,
};

impl State {
    /// Gives a call that has begun to the callee that was chosen, and sends its INVOCATION.
    pub(super) fn invoke<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        call: CallKey,
        from: SessionKey,
        (route, features): (&Route, &ClientFeatures),
        (procedure, options, disclosed): (&str, &CallOptions, Disclosed),
        payload: &Payload<'_>,
    ) {
        let request = self.calls.assign(call, assignment(route, features));
        let progress = options.progress;
        let terms = (procedure, options, disclosed, progress);
        let invoke = self.prepare(from, (route, features), request, terms, payload);
        invoke.send(turn, &self.sessions);
    }

    /// What a callee is told about a call.
    #[inline]
    fn prepare<'a>(
        &'a self,
        from: SessionKey,
        (route, features): (&'a Route, &'a ClientFeatures),
        request: RequestId,
        (procedure, options, disclosed, progress): (&'a str, &'a CallOptions, Disclosed, Progress),
        payload: &'a Payload<'a>,
    ) -> Invoke<'a> {
        let caller = self.sessions.open(from);
        let role = caller.and_then(|caller| self.config.roles.get(caller.role));
        let forwards = route.terms.forwards_timeout(features);
        let timeout = if forwards { self.config.calls.timeout(options.timeout) } else { None };
        Invoke {
            route,
            request,
            procedure,
            options,
            progress,
            caller: caller.filter(|_| disclosed.to(route.terms)),
            trustlevel: role.and_then(|role| role.trustlevel),
            features,
            timeout,
            payload,
        }
    }

    /// A CALL with the request of a pending one: another part of it ("Progressive Call
    /// Invocations"), or a violation.
    pub(super) fn continue_call<O: Observer>(
        &mut self,
        turn: &mut Turn<'_, O>,
        from: SessionKey,
        call: CallKey,
        message: &Call<'_>,
    ) {
        let Some(kept) = self.calls.kept_mut(call).filter(|kept| matches!(kept.parts, Parts::Some))
        else {
            let what = "CALL with the request identifier of a pending call";
            return self.violate(turn, from, what);
        };
        if *kept.procedure != *message.procedure.as_str() {
            return self.violate(turn, from, "CALL goes on with a call of another procedure");
        }
        let progress = match CallOptions::parse_continuation(&message.options) {
            Ok(progress) => progress,
            Err(error) => return self.violate(turn, from, &format!("CALL: {error}")),
        };
        if progress == Progress::No {
            kept.parts = Parts::All;
        }
        self.calls.restart(turn.now, call);
        // Who has been told to stop gets no more.
        let Some((_, request)) = self.calls.callee(call) else { return };
        let Some(kept) = self.calls.kept(call) else { return };
        let Some(route) = &kept.route else { return };
        let terms = (&*kept.procedure, &kept.options, kept.disclosed, progress);
        let to = (route, &self.features(route.callee));
        self.prepare(from, to, request, terms, &message.payload).send(turn, &self.sessions);
    }

    /// A callee has turned a call down: the next one gets it ("Call Re-Routing").
    ///
    /// A call in parts cannot go to another, who does not have the parts before; and one that its
    /// caller has canceled goes nowhere any more.
    pub(super) fn reroute<O: Observer>(&mut self, turn: &mut Turn<'_, O>, call: CallKey) {
        if self.calls.callee(call).is_none() {
            return self.calls.finish(turn, call, Outcome::Refused(RequestError::Canceled));
        }
        let is_whole =
            self.calls.kept(call).is_some_and(|kept| matches!(kept.parts, Parts::Whole(_)));
        if !is_whole {
            return self.calls.finish(
                turn,
                call,
                Outcome::Refused(RequestError::NoAvailableCallee),
            );
        }
        self.calls.withdraw(call);
        match self.route_again(call) {
            Routing::To(route) => self.pass_on(turn, call, &route),
            Routing::Busy(_) => self.calls.enqueue(call),
            Routing::Nowhere => {
                self.calls.finish(turn, call, Outcome::Refused(RequestError::NoAvailableCallee));
            }
        }
    }

    /// Where a call goes that has no callee any more, or not yet.
    fn route_again(&mut self, call: CallKey) -> Routing {
        let Some((registration, kept)) = self.calls.waiting(call) else { return Routing::Nowhere };
        let key = kept.options.rkey.as_deref();
        self.dealer.reroute(registration, &kept.tried, key, &mut self.ids)
    }

    /// Gives a call that was kept to a callee.
    fn pass_on<O: Observer>(&mut self, turn: &mut Turn<'_, O>, call: CallKey, route: &Route) {
        let features = &self.features(route.callee);
        let Some(kept) = self.calls.kept_mut(call) else { return self.give_back(route) };
        kept.route = Some(*route);
        if let Err(error) = kept.options.check_callee(features) {
            self.give_back(route);
            return self.calls.finish(turn, call, Outcome::Refused(error));
        }
        let asked = kept.options.timeout;
        let request = self.calls.assign(call, assignment(route, features));
        if !route.terms.forwards_timeout(features) {
            // An earlier callee may have looked after the timeout itself.
            self.calls.limit(turn.now, call, self.config.calls.timeout(asked));
        }
        let Some((from, kept)) = self.calls.caller(call).zip(self.calls.kept(call)) else { return };
        let Parts::Whole(payload) = &kept.parts else { return };
        let terms = (&*kept.procedure, &kept.options, kept.disclosed, Progress::No);
        turn.trail.visit(self.calls.tag_of(call));
        let payload = &payload.as_payload();
        let invoke = self.prepare(from, (route, features), request, terms, payload);
        invoke.send(turn, &self.sessions);
        turn.trail.leave();
    }

    /// A callee that was chosen does not get the call.
    pub(super) fn give_back(&mut self, route: &Route) {
        if let Some(seat) = route.seat {
            self.dealer.release(route.registration, seat);
        }
    }

    /// Gives calls that wait to callees that have become free; without callees they end.
    fn start_waiting<O: Observer>(&mut self, turn: &mut Turn<'_, O>, registration: RegistrationId) {
        while let Some(call) = self.calls.first_waiting(registration) {
            match self.route_again(call) {
                Routing::To(route) => {
                    self.calls.dequeue(call);
                    self.pass_on(turn, call, &route);
                }
                Routing::Busy(_) => return,
                Routing::Nowhere => {
                    let was_tried =
                        self.calls.kept(call).is_some_and(|kept| !kept.tried.is_empty());
                    let error = if was_tried {
                        RequestError::NoAvailableCallee
                    } else {
                        RequestError::CalleeLeft
                    };
                    self.calls.finish(turn, call, Outcome::Refused(error));
                }
            }
        }
    }

    /// Tells the dealer which counted calls are over, and lets others take their places; what every
    /// input ends with.
    #[inline]
    pub(crate) fn settle<O: Observer>(&mut self, turn: &mut Turn<'_, O>) {
        if !self.calls.is_settled() {
            self.settle_calls(turn);
        }
    }

    // Apart, so that inputs that have nothing to settle pass without a call.
    #[inline(never)]
    fn settle_calls<O: Observer>(&mut self, turn: &mut Turn<'_, O>) {
        while let Some((registration, seat)) = self.calls.pop_released() {
            self.dealer.release(registration, seat);
            self.calls.revisit(registration);
        }
        while let Some(registration) = self.calls.pop_revisit() {
            self.start_waiting(turn, registration);
        }
    }
}

impl Kept {
    pub(super) fn new(
        procedure: &str,
        options: CallOptions,
        disclosed: Disclosed,
        parts: Parts,
    ) -> Self {
        let (procedure, tried, route) = (procedure.into(), Vec::new(), None);
        Self { procedure, options, disclosed, parts, tried, route }
    }
}

fn assignment(route: &Route, features: &ClientFeatures) -> Assignment {
    let &Route { callee, seat, .. } = route;
    Assignment { callee, interrupt: features.interruptible(), seat }
}
