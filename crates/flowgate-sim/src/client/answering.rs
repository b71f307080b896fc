//! What a client answers to invocations.

use fastrand::Rng;
use flowgate_wire::{
    Call, Dict, Error, Hello, Message, MessageType, Payload, PublicationId, Published, RequestId,
    Uri, Value, Yield, uris,
};

use super::{Client, Invoked, dict, passthru};

impl Client {
    /// An answer to one of the invocations that wait, the last one of it or not.
    pub(crate) fn answer(&mut self, random: &mut Rng) -> Option<Message<'static>> {
        if self.invocations.is_empty() {
            return None;
        }
        let at = random.usize(..self.invocations.len());
        let Invoked { request, wants_progress } = self.invocations[at];
        let choice = random.u8(..10);
        if choice < 3 && (wants_progress || choice == 0) {
            let options = dict([("progress", Value::from(true))]);
            return Some(Yield { request, options, payload: self.payload(random) }.into());
        }
        self.invocations.swap_remove(at);
        Some(self.last_answer(random, request))
    }

    /// The final answer to the oldest invocation, for the end of a simulation.
    pub(crate) fn settle(&mut self, random: &mut Rng) -> Option<Message<'static>> {
        let Invoked { request, .. } = self.invocations.pop()?;
        Some(self.last_answer(random, request))
    }

    pub(super) fn last_answer(&mut self, random: &mut Rng, request: RequestId) -> Message<'static> {
        let payload = self.payload(random);
        let announced = self.features.callee_payload_passthru_mode;
        if random.u8(..5) > 1 {
            let mut options = Vec::new();
            if random.u8(..10) == 0 && (announced || random.u16(..200) == 0) {
                options.push(passthru(random));
            }
            return Yield { request, options: Dict::from_vec(options), payload }.into();
        }
        let error = Uri::from(match random.u8(..8) {
            0 => "not valid",
            1..6 => uris::error::UNAVAILABLE,
            _ => "com.error",
        });
        let request_type = MessageType::Invocation;
        Error { request_type, request, details: Dict::EMPTY, error, payload }.into()
    }

    pub(super) fn break_the_protocol(&mut self, random: &mut Rng) -> Message<'static> {
        let (options, payload) = (Dict::EMPTY, Payload::EMPTY);
        match random.u8(..5) {
            0 => Hello { realm: "realm1".into(), details: Dict::EMPTY }.into(),
            1 => {
                let request = RequestId::new(1 << 40).unwrap_or(RequestId::MIN);
                Yield { request, options, payload }.into()
            }
            2 => {
                let request = self.calls.last().copied().unwrap_or(RequestId::MIN);
                self.doubtful.push(request);
                let payload = self.payload(random);
                Call { request, options, procedure: "com.a".into(), payload }.into()
            }
            3 => {
                let (request_type, request) = (MessageType::Call, RequestId::MIN);
                let (details, error) = (Dict::EMPTY, Uri::from("com.error"));
                Error { request_type, request, details, error, payload }.into()
            }
            _ => match self.invocations.pop() {
                Some(Invoked { request, .. }) => {
                    let options = dict([("progress", Value::from("perhaps"))]);
                    Yield { request, options, payload }.into()
                }
                None => Message::Published(Published {
                    request: RequestId::MIN,
                    publication: PublicationId::MIN,
                }),
            },
        }
    }
}
