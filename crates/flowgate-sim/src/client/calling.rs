//! What a client asks of the dealer.

use fastrand::Rng;
use flowgate_wire::{
    Call, Cancel, Dict, MatchPolicy, Message, Register, RegistrationId, RequestId, Unregister, Uri,
    Value,
};

use super::{Client, Mood, dict, passthru, take};
use crate::material;

/// The invocation policies that there are.
const INVOKE: [&str; 6] = ["single", "first", "last", "roundrobin", "random", "queue_least_loaded"];

/// Procedures that many register, and how they share them.
const SHARED: [(&str, &str); 4] = [
    ("com.a", "roundrobin"),
    ("com.a.a", "random"),
    ("com.b", "queue_least_loaded"),
    ("com.ab", "last"),
];

impl Client {
    pub(super) fn register(&mut self, random: &mut Rng) -> Message<'static> {
        let shared = random.bool().then(|| SHARED[random.usize(..SHARED.len())]);
        let (policy, procedure) = match shared {
            Some((procedure, _)) => (MatchPolicy::Exact, procedure.to_owned()),
            None => material::pattern(random),
        };
        let mut options = vec![("match".into(), Value::from(policy.name()))];
        if let Some((_, invoke)) = shared {
            options.push(("invoke".into(), Value::from(invoke)));
        } else if random.bool() {
            let invoke = if random.u8(..20) == 0 { "best" } else { INVOKE[random.usize(..6)] };
            options.push(("invoke".into(), Value::from(invoke)));
        }
        if random.u8(..if self.mood == Mood::Calls { 2 } else { 3 }) == 0 {
            options.push(("concurrency".into(), Value::from(random.u64(..8).div_ceil(2))));
        }
        for option in ["disclose_caller", "forward_timeout"] {
            if random.u8(..4) == 0 {
                options.push((option.into(), Value::from(true)));
            }
        }
        if random.u8(..16) == 0 {
            options.push(("force_reregister".into(), Value::from(true)));
        }
        let options = Dict::from_vec(options);
        Register { request: self.request(random), options, procedure: procedure.into() }.into()
    }

    pub(super) fn unregister(&mut self, random: &mut Rng) -> Message<'static> {
        let registration = take(random, &mut self.registrations).unwrap_or(RegistrationId::MIN);
        Unregister { request: self.request(random), registration }.into()
    }

    pub(super) fn call(&mut self, random: &mut Rng) -> Message<'static> {
        let request = self.request(random);
        self.calls.push(request);
        let mut options = Vec::new();
        if random.bool() {
            options.push(("receive_progress".into(), Value::from(random.u8(..4) > 0)));
        }
        if random.u8(..4) == 0 {
            options.push(("disclose_me".into(), random.bool().into()));
        }
        if random.u8(..6) == 0 {
            let timeout = [Value::from(0_u64), Value::from(random.u64(..150)), Value::from("soon")];
            let choice = random.usize(..12).div_ceil(5).min(2);
            options.push(("timeout".into(), timeout[choice].clone()));
        }
        options.extend(material::context(random));
        // Seldom without having announced it.
        let breaks = random.u16(..500) == 0;
        let is_stream =
            random.u8(..6) == 0 && (self.features.caller_progressive_call_invocations || breaks);
        if is_stream {
            options.push(("progress".into(), Value::from(true)));
        }
        if random.u8(..8) == 0 && (self.features.caller_payload_passthru_mode || breaks) {
            options.push(passthru(random));
        }
        if random.u8(..6) == 0 {
            let runmode = if random.u8(..20) == 0 { "all" } else { "partition" };
            options.push(("runmode".into(), Value::from(runmode)));
            if random.u8(..20) > 0 {
                options.push(("rkey".into(), material::key(random)));
            }
        }
        if random.u8(..16) == 0 {
            let procedure = ["svc.echo", "svc.b", "svc.nothing", "svc"][random.usize(..10) / 3];
            let (options, payload) = (Dict::from_vec(options), self.payload(random));
            return Call { request, options, procedure: procedure.into(), payload }.into();
        }
        if random.u8(..4) == 0 {
            return self.ask(random, request);
        }
        if random.u8(..12) == 0 {
            let (procedure, payload) = material::session_call(random, &self.peers);
            let (options, procedure) = (Dict::from_vec(options), procedure.into());
            return Call { request, options, procedure, payload }.into();
        }
        let procedure: Uri<'static> = if random.u8(..3) > 0 {
            SHARED[random.usize(..SHARED.len())].0.into()
        } else {
            material::uri(random).into()
        };
        if is_stream {
            self.streams.push((request, procedure.clone()));
        }
        let payload = self.payload(random);
        Call { request, options: Dict::from_vec(options), procedure, payload }.into()
    }

    /// Another part of a call, often after the call is over.
    pub(super) fn continue_stream(&mut self, random: &mut Rng) -> Option<Message<'static>> {
        if self.streams.is_empty() {
            return None;
        }
        let at = random.usize(..self.streams.len());
        let (request, procedure) = self.streams[at].clone();
        let is_last = random.u8(..4) == 0;
        if is_last {
            self.streams.swap_remove(at);
        }
        let options = dict([("progress", Value::from(!is_last))]);
        Some(Call { request, options, procedure, payload: self.payload(random) }.into())
    }

    pub(super) fn cancel(&mut self, random: &mut Rng) -> Message<'static> {
        let request = if self.calls.is_empty() {
            RequestId::MIN
        } else {
            self.calls[random.usize(..self.calls.len())]
        };
        let options = match random.u8(..12) {
            0 => Dict::EMPTY,
            1 => dict([("mode", Value::from("softly"))]),
            other => {
                let mode = ["skip", "kill", "killnowait"][usize::from(other) % 3];
                dict([("mode", Value::from(mode))])
            }
        };
        Cancel { request, options }.into()
    }
}
