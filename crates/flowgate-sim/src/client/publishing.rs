//! What a client asks of the broker.

use fastrand::Rng;
use flowgate_wire::{
    Dict, MatchPolicy, Message, Publish, Subscribe, SubscriptionId, Unsubscribe, Value,
};

use super::{Client, passthru, take};
use crate::material;

/// A topic that many share by node keys.
const SHARDED: &str = "com.ab.a";

impl Client {
    pub(super) fn subscribe(&mut self, random: &mut Rng) -> Message<'static> {
        let is_node = random.u8(..3) == 0;
        let (policy, topic) = if is_node && random.bool() {
            (MatchPolicy::Exact, SHARDED.to_owned())
        } else if random.u8(..6) == 0 {
            let meta = [
                "session.on_join",
                "session.on_leave",
                "session.on_stats",
                "registration.",
                "subscription.on_",
                "subscription.on_create",
                "subscription.on_subscribe",
                "subscription.on_unsubscribe",
                "subscription.on_delete",
            ];
            // As a pattern, so that the receiver sees in the details whose event it is.
            (MatchPolicy::Prefix, format!("wamp.{}", meta[random.usize(..meta.len())]))
        } else {
            material::pattern(random)
        };
        let word = if random.u8(..40) == 0 { "somehow" } else { policy.name() };
        let mut options = vec![("match".into(), Value::from(word))];
        if random.bool() {
            options.push(("get_retained".into(), Value::from(random.u8(..4) > 0)));
        }
        if is_node {
            options.push(("nkey".into(), material::key(random)));
        }
        let options = Dict::from_vec(options);
        Subscribe { request: self.request(random), options, topic: topic.into() }.into()
    }

    pub(super) fn unsubscribe(&mut self, random: &mut Rng) -> Message<'static> {
        let subscription = take(random, &mut self.subscriptions).unwrap_or(SubscriptionId::MIN);
        Unsubscribe { request: self.request(random), subscription }.into()
    }

    pub(super) fn publish(&mut self, random: &mut Rng) -> Message<'static> {
        let mut options = Vec::new();
        if random.bool() {
            options.push(("acknowledge".into(), Value::from(random.u8(..4) > 0)));
        }
        if random.bool() {
            let exclude_me = if random.u8(..30) == 0 { "no".into() } else { random.bool().into() };
            options.push(("exclude_me".into(), exclude_me));
        }
        if random.u8(..4) == 0 {
            options.push(("disclose_me".into(), random.bool().into()));
        }
        if random.u8(..4) == 0 {
            options.push(("retain".into(), random.bool().into()));
        }
        let has_key = random.u8(..4) == 0;
        if has_key {
            options.push(("rkey".into(), material::key(random)));
        }
        if random.u8(..4) == 0 {
            options.extend(material::listing(random, &self.peers));
        }
        if self.features.publisher_payload_passthru_mode && random.u8(..8) == 0
            || random.u8(..200) == 0
        {
            options.push(passthru(random));
        }
        options.extend(material::context(random));
        let request = self.request(random);
        let topic = match has_key && random.bool() {
            true => SHARDED.into(),
            false => material::uri(random).into(),
        };
        let payload = self.payload(random);
        Publish { request, options: Dict::from_vec(options), topic, payload }.into()
    }
}
