//! Calls of the router's own procedures.

use fastrand::Rng;
use flowgate_wire::{Call, Dict, Message, Payload, RequestId, Value};

use super::Client;

impl Client {
    pub(super) fn ask_about_subscriptions(
        &self,
        random: &mut Rng,
        request: RequestId,
    ) -> Message<'static> {
        let held = self.subscriptions.iter().map(|id| id.get());
        let known: Vec<u64> = held.chain([1, 2, 3]).collect();
        let subscription = Value::from(known[random.usize(..known.len())]);
        let (name, args, kwargs) = match random.u8(..8) {
            0..3 => {
                // Itself more often than others, of whose subscriptions it knows nothing.
                let among = if random.bool() { 1 } else { self.peers.len() };
                let session = self.peers[random.usize(..among)];
                ("remove_subscriber", vec![subscription, Value::from(session)], Vec::new())
            }
            3..4 => ("count_subscribers", vec![subscription], Vec::new()),
            _ => {
                let mut query = vec![("reverse".into(), random.bool().into())];
                if random.bool() {
                    query.push(("limit".into(), random.u64(..4).into()));
                }
                if random.u8(..4) == 0 {
                    query.push(("topic".into(), "com.a".into()));
                }
                ("get_events", vec![subscription], query)
            }
        };
        let (options, payload) = (Dict::EMPTY, Payload::from_vecs(args, kwargs));
        let procedure = format!("wamp.subscription.{name}").into();
        Call { request, options, procedure, payload }.into()
    }
}
