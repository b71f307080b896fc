//! One input after the other: the realm, the model, and what becomes of what is said.

use flowgate_router::{Close, Input, Lost, SessionKey};
use flowgate_wire::{Format, Message, Value};

use super::{Dropped, World};
use crate::{
    actions::{Actions, OwnedStep},
    said::{LIMIT_REACHED, is_true, text},
    shell::{Encoder, Sent, What, decode, encode},
};

/// Tracing begins or ends with one of so many inputs, where it does at all.
const SWITCHED_ONE_IN: u8 = 40;

impl World {
    /// The realm handles one input and those that follow from it at once.
    pub(super) fn handle(&mut self, input: Input<'_>) -> Result<(), String> {
        self.switch_tracing();
        let mut lost = self.handle_one(input)?;
        // Dropped messages are told in their order, before anything else is handled.
        while !lost.is_empty() {
            let Dropped { session, bytes, step } = lost.remove(0);
            let format = self.format(session);
            let message = decode(format, &bytes)?;
            let (message, part) = (message.message_type(), Lost::of(&message));
            let step = step.as_ref().map(OwnedStep::step);
            let input = Input::Undeliverable { session, message, lost: part, step };
            lost.extend(self.handle_one(input)?);
        }
        Ok(())
    }

    /// The realm handles one input; what is said must be what the model predicts.
    pub(super) fn handle_one(&mut self, input: Input<'_>) -> Result<Vec<Dropped>, String> {
        self.input_count += 1;
        self.note_input(&input);
        let told = input.clone();
        if let Some(actions) = self.actions.as_mut().filter(|_| self.is_traced) {
            let undeliverable = match &input {
                Input::Undeliverable { step, .. } => step.as_ref(),
                _ => None,
            };
            actions.begin_input(undeliverable);
        }
        let actions = self.actions.as_mut().filter(|_| self.is_traced);
        let mut encoder = Encoder { seats: &self.seats, sent: Vec::new(), fault: None, actions };
        self.realm.handle(self.now, input, &mut encoder);
        let Encoder { sent, fault, .. } = encoder;
        let mut said = Vec::new();
        for sent in &sent {
            let one = sent.said(self.format(sent.to))?;
            self.transcript.line(&format!("  -> {} {one:?}", sent.to.0));
            said.push((sent.to, one));
        }
        if let Some(fault) = fault {
            return Err(fault);
        }
        self.actions.as_mut().map_or(Ok(()), Actions::end_input)?;
        self.model.judge(self.now, &told, said)?;
        self.check_open_actions()?;
        let lost = self.enqueue(sent)?;
        self.realm.check_invariants()?;
        if self.realm.next_deadline() != self.model.next_deadline() {
            return Err(format!("the next deadline is {:?}", self.realm.next_deadline()));
        }
        if self.realm.session_count() != self.model.open_count() {
            return Err(format!("{} open sessions", self.realm.session_count()));
        }
        Ok(lost)
    }

    /// Begins or ends tracing, if it is time.
    fn switch_tracing(&mut self) {
        let Some(switching) = &mut self.switching else { return };
        if switching.u8(..SWITCHED_ONE_IN) == 0 {
            self.is_traced = !self.is_traced;
            if let Some(actions) = self.actions.as_mut().filter(|_| !self.is_traced) {
                actions.interrupt();
                *self.counts.entry("tracing interrupted".to_owned()).or_default() += 1;
            }
        }
    }

    /// What has begun since tracing did and not ended is pending.
    fn check_open_actions(&self) -> Result<(), String> {
        let Some(actions) = self.actions.as_ref().filter(|_| self.is_traced) else { return Ok(()) };
        let (open, pending) = (actions.open_count(), self.model.pending_count());
        if open > pending {
            return Err(format!("{open} actions are open, but {pending} calls pending"));
        }
        Ok(())
    }

    /// Puts what was sent on its way, and returns what no transport takes.
    pub(super) fn enqueue(&mut self, sent: Vec<Sent>) -> Result<Vec<Dropped>, String> {
        let mut lost = Vec::new();
        for Sent { to, what } in sent {
            let Some(connection) = &mut self.seats[to.0 as usize] else { continue };
            match what {
                What::Ask { ask, .. } => {
                    *self.counts.entry("ask".to_owned()).or_default() += 1;
                    self.questions.push((to, ask));
                    self.model.heard_question(to, ask);
                }
                What::Serve { call, .. } => {
                    self.calls.push(call);
                    self.model.heard_call(to, call);
                }
                What::Close(how) => {
                    connection.closing = Some(how);
                    let kind = if how == Close::Session { "session" } else { "connection" };
                    *self.counts.entry(format!("close {kind}")).or_default() += 1;
                }
                What::Message { bytes, is_too_large, step } => {
                    let message = decode(connection.client.format, &bytes)?;
                    let name = message.message_type().name();
                    *self.counts.entry(format!("{name} sent")).or_default() += 1;
                    for what in noteworthy(&message) {
                        *self.counts.entry(what).or_default() += 1;
                    }
                    if connection.is_dead {
                        *self.counts.entry(format!("{name} to a dead connection")).or_default() +=
                            1;
                    } else if is_too_large {
                        *self.counts.entry(format!("{name} undeliverable")).or_default() += 1;
                        lost.push(Dropped { session: to, bytes, step });
                    } else {
                        connection.queue(bytes);
                    }
                }
            }
        }
        Ok(lost)
    }

    pub(super) fn note_input(&mut self, input: &Input<'_>) {
        let (name, text) = match input {
            Input::Join(join) => ("join".to_owned(), format!("{join:?}")),
            Input::Message { session, message } => {
                let json = encode(Format::Json, message);
                let name = format!("{} received", message.message_type().name());
                (name, format!("{} {}", session.0, String::from_utf8_lossy(&json)))
            }
            Input::Violation { session, .. } => ("violation".to_owned(), session.0.to_string()),
            Input::Undeliverable { session, message, lost, .. } => {
                let text = format!("{} {} {lost:?}", session.0, message.name());
                ("undeliverable".to_owned(), text)
            }
            Input::Stats { session, .. } => ("stats".to_owned(), session.0.to_string()),
            Input::Leave { session, reason, .. } => {
                (format!("leave: {}", reason.name()), session.0.to_string())
            }
            Input::Answer { session, ask, answer } => {
                ("answer".to_owned(), format!("{} {ask:?} {answer:?}", session.0))
            }
            Input::Served { call, reply } => ("served".to_owned(), format!("{call:?} {reply:?}")),
            Input::Publish(announcement) => ("publish".to_owned(), format!("{announcement:?}")),
            Input::Tick => ("tick".to_owned(), String::new()),
            Input::Shutdown => ("shutdown".to_owned(), String::new()),
        };
        self.transcript.line(&format!("{} {name} {text}", self.input_count));
        *self.counts.entry(name).or_default() += 1;
    }

    pub(super) fn format(&self, session: SessionKey) -> Format {
        let seat = self.seats.get(session.0 as usize).and_then(Option::as_ref);
        seat.map_or(Format::Json, |connection| connection.client.format)
    }
}

/// What a message is beside its type, where a simulation without it would say less.
fn noteworthy(message: &Message<'_>) -> Vec<String> {
    const KEYS: [&str; 6] =
        ["_traceparent", "caller", "trustlevel", "timeout", "receive_progress", "ppt_scheme"];
    let mut all = Vec::new();
    let mut note = |is_it: bool, what: &str| all.extend(is_it.then(|| what.to_owned()));
    match message {
        Message::Event(event) => {
            let (args, _) = event.payload.decode();
            note(is_true(&event.details, "retained"), "EVENT that was retained");
            note(event.details.get("ppt_scheme").is_some(), "EVENT with passthru");
            note(event.details.get("publisher").is_some(), "EVENT with publisher");
            note(event.details.get("trustlevel").is_some(), "EVENT with trustlevel");
            note(args.first() == Some(&Value::from("testament")), "EVENT of a testament");
        }
        Message::Unsubscribed(message) => note(message.request.is_none(), "UNSUBSCRIBED revoked"),
        Message::Unregistered(message) => note(message.request.is_none(), "UNREGISTERED revoked"),
        Message::Invocation(invocation) => {
            for key in KEYS {
                let is_there = invocation.details.get(key).is_some();
                note(is_there, &format!("INVOCATION with {key}"));
            }
            note(is_true(&invocation.details, "progress"), "INVOCATION in parts");
        }
        Message::Interrupt(interrupt) => {
            note(
                true,
                &format!("INTERRUPT {}", text(&interrupt.options, "mode").unwrap_or_default()),
            );
        }
        Message::Result(result) => {
            note(is_true(&result.details, "progress"), "RESULT that is not the last");
            let (events, kwargs) = result.payload.decode();
            let is_history = kwargs.first().is_some_and(|(key, _)| key == LIMIT_REACHED);
            note(is_history && !events.is_empty(), "RESULT with events");
        }
        Message::Error(error) if error.error.contains(".error.") => {
            note(true, &format!("ERROR to {}: {}", error.request_type.name(), error.error));
        }
        Message::Goodbye(goodbye) => note(true, &format!("GOODBYE: {}", goodbye.reason)),
        Message::Abort(abort) => note(true, &format!("ABORT: {}", abort.reason)),
        _ => {}
    }
    all
}
