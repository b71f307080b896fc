//! Distributed traces: W3C trace context, and the spans of messages.
//!
//! Source: W3C Recommendation "Trace Context", sections "traceparent Header" and
//! "tracestate Header".

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};

use crate::Correlation;

/// The identifier of a distributed trace; never zero. Written as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(NonZeroU128);

/// The identifier of a span; never zero. Written as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(NonZeroU64);

/// What a `traceparent` says: the trace, the span that a request came from, and the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// The span of the sender.
    pub parent: SpanId,
    /// The flags of version 00: bit 0 is `sampled`, others are to be sent as zero.
    pub flags: u8,
}

/// What became of the trace contexts of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ContextCounts {
    /// Valid `traceparent`s.
    pub accepted: u64,
    /// `traceparent`s that were ignored, with their `tracestate`.
    pub invalid_traceparent: u64,
    /// `tracestate`s that were ignored beside a valid `traceparent`.
    pub invalid_tracestate: u64,
}

/// Most members of a `tracestate`.
const MEMBERS_COUNT_MAX: usize = 32;

/// A `tracestate` longer than this loses members; the recommendation asks to keep 512 at least.
const STATE_BYTES_MAX: usize = 1024;

/// Members longer than this go first when a `tracestate` is too long.
const MEMBER_BYTES_LONG: usize = 128;

impl ContextCounts {
    /// Reads what a client sent in `_traceparent` and `_tracestate`; what is not valid is ignored
    /// and counted, and never refuses the request.
    pub fn read(
        &mut self,
        traceparent: &str,
        tracestate: Option<&str>,
    ) -> Option<(TraceContext, Option<String>)> {
        let Some(context) = TraceContext::parse(traceparent) else {
            self.invalid_traceparent += 1;
            return None;
        };
        self.accepted += 1;
        let state = tracestate.and_then(|text| {
            let state = tracestate_of(text);
            self.invalid_tracestate += u64::from(state.is_none());
            state.filter(|state| !state.is_empty())
        });
        Some((context, state))
    }
}

impl TraceContext {
    /// Reads a `traceparent`; `None` if it is not valid.
    ///
    /// Versions above 00 may have more after the flags, version ff is none, zeros are no
    /// identifiers, and hexadecimal digits are lower case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, '-');
        let [version, trace, parent, flags] =
            [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        let version = hexadecimal(version, 2)?;
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return None;
        }
        Some(Self {
            trace: TraceId(NonZeroU128::new(hexadecimal(trace, 32)?)?),
            parent: SpanId(NonZeroU64::new(u64::try_from(hexadecimal(parent, 16)?).ok()?)?),
            flags: u8::try_from(hexadecimal(flags, 2)?).ok()?,
        })
    }

    /// Whether the sender records the trace.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.flags & 1 != 0
    }

    /// The context to pass on: the same trace, with the router's own span as the parent.
    #[must_use]
    pub const fn child(self, span: SpanId) -> Self {
        Self { parent: span, flags: self.flags & 1, ..self }
    }
}

/// A `traceparent` of version 00.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.parent, self.flags & 1)
    }
}

impl TraceId {
    /// The identifier of these bits; `None` for zero.
    #[must_use]
    pub const fn new(bits: u128) -> Option<Self> {
        match NonZeroU128::new(bits) {
            Some(bits) => Some(Self(bits)),
            None => None,
        }
    }

    /// The bits.
    #[must_use]
    pub const fn get(self) -> u128 {
        self.0.get()
    }

    /// Reads 32 lower case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        NonZeroU128::new(hexadecimal(text, 32)?).map(Self)
    }
}

/// An action that no client's trace contains is a trace of its own.
impl From<Correlation> for TraceId {
    fn from(correlation: Correlation) -> Self {
        // A correlation is never zero.
        Self(NonZeroU128::new(correlation.get()).unwrap_or(NonZeroU128::MIN))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl SpanId {
    /// The identifier of these bits; `None` for zero.
    #[must_use]
    pub const fn new(bits: u64) -> Option<Self> {
        match NonZeroU64::new(bits) {
            Some(bits) => Some(Self(bits)),
            None => None,
        }
    }

    /// The bits.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// Reads 16 lower case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        NonZeroU64::new(u64::try_from(hexadecimal(text, 16)?).ok()?).map(Self)
    }

    /// The span of a whole action, seen from whoever began it.
    #[must_use]
    pub fn of_action(correlation: Correlation) -> Self {
        Self::mixed(correlation, 0, 0)
    }

    /// The span of one delivery within an action: an invocation with all its answers, or an event.
    ///
    /// `receiver` is the callee's or subscriber's session, `number` the invocation's request or
    /// the event's subscription.
    #[must_use]
    pub fn of_delivery(correlation: Correlation, receiver: u64, number: u64) -> Self {
        Self::mixed(correlation, receiver, number)
    }

    /// Derived instead of drawn, so that every worker and every reader comes to the same.
    fn mixed(correlation: Correlation, first: u64, second: u64) -> Self {
        let salt = u128::from(first) << 64 | u128::from(second);
        let mixed = Correlation::new(correlation.get().wrapping_add(salt.wrapping_mul(MULTIPLIER)))
            .map_or(1, Correlation::spread);
        Self(NonZeroU64::new(mixed).unwrap_or(NonZeroU64::MIN))
    }
}

/// An odd constant with well-mixed bits (the golden ratio in 128 bits).
const MULTIPLIER: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Reads exactly `digits_count` lower case hexadecimal digits.
fn hexadecimal(text: &str, digits_count: usize) -> Option<u128> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != digits_count || !text.bytes().all(is_digit) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

/// The valid `tracestate` to pass on, shortened by whole members if it is long; `None` if it is
/// not valid.
fn tracestate_of(text: &str) -> Option<String> {
    let mut members: Vec<&str> = Vec::new();
    for member in text.split(',').map(|member| member.trim_matches([' ', '\t'])) {
        if member.is_empty() {
            continue;
        }
        // Counted before it is compared with the others: a long list costs no more than a short one.
        if members.len() == MEMBERS_COUNT_MAX {
            return None;
        }
        let (key, value) = member.split_once('=')?;
        let is_twice = members.iter().any(|known| known.split('=').next() == Some(key));
        if is_twice || !is_key(key) || !is_state_value(value) {
            return None;
        }
        members.push(member);
    }
    let length = |members: &[&str]| members.iter().map(|member| member.len() + 1).sum::<usize>();
    while length(&members) > STATE_BYTES_MAX + 1 {
        match members.iter().rposition(|member| member.len() > MEMBER_BYTES_LONG) {
            Some(long) => drop(members.remove(long)),
            None => drop(members.pop()),
        }
    }
    Some(members.join(","))
}

fn is_key(key: &str) -> bool {
    let is_part = |part: &str, bytes_max: usize| {
        part.len() <= bytes_max
            && part
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/'))
    };
    let begins = |part: &str, with_digit: bool| {
        part.bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_lowercase() || (with_digit && byte.is_ascii_digit()))
    };
    match key.split_once('@') {
        Some((tenant, system)) => {
            is_part(tenant, 241)
                && begins(tenant, true)
                && is_part(system, 14)
                && begins(system, false)
        }
        None => is_part(key, 256) && begins(key, true),
    }
}

fn is_state_value(value: &str) -> bool {
    let is_char = |byte: u8| matches!(byte, 0x20..=0x2b | 0x2d..=0x3c | 0x3e..=0x7e);
    (1..=256).contains(&value.len()) && value.bytes().all(is_char) && !value.ends_with(' ')
}

#[cfg(test)]
mod tests;
