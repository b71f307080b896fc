//! Distributed trace contexts of clients, passed on to callees and subscribers.
//!
//! Source: W3C Recommendation "Trace Context"; clients put the two headers into options under these
//! names, with an underscore before, as attributes that WAMP does not define.

use flowgate_event::{ContextCounts, SpanId, TraceContext};
use flowgate_wire::Value;

use crate::details::Details;

/// The option and detail for a `traceparent`.
pub(crate) const TRACEPARENT: &str = "_traceparent";

/// The option and detail for a `tracestate`.
pub(crate) const TRACESTATE: &str = "_tracestate";

/// What a client sent in `_traceparent` and `_tracestate`, yet to be checked.
#[derive(Debug, Default)]
pub(crate) struct GivenContext {
    /// Absent if the option is; empty, which is not valid, for what is no string.
    traceparent: Option<Box<str>>,
    tracestate: Option<Box<str>>,
}

/// A client's valid trace context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForeignContext {
    /// The `traceparent` as it came.
    traceparent: Box<str>,
    context: TraceContext,
    tracestate: Option<Box<str>>,
}

/// A trace context on its way out.
#[derive(Debug, Clone)]
pub(crate) struct PassedContext<'a> {
    traceparent: Value<'a>,
    tracestate: Option<&'a str>,
}

impl GivenContext {
    /// How many details a trace context takes.
    pub(crate) const KEY_COUNT: usize = 2;

    /// Takes an option that may be one of the two; `null` counts as absent.
    pub(crate) fn take_option(&mut self, option: &str, value: &Value<'_>) {
        if *value == Value::Null {
            return;
        }
        let text = || Some(Box::from(value.as_str().unwrap_or_default()));
        if option == TRACEPARENT {
            self.traceparent = text();
        } else if option == TRACESTATE {
            self.tracestate = text();
        }
    }

    /// The context, if it is valid; others are ignored and counted.
    pub(crate) fn read(self, counts: &mut ContextCounts) -> Option<Box<ForeignContext>> {
        let Self { traceparent, tracestate } = self;
        let traceparent = traceparent?;
        let (context, state) = counts.read(&traceparent, tracestate.as_deref())?;
        let tracestate = state.map(String::into_boxed_str);
        Some(Box::new(ForeignContext { traceparent, context, tracestate }))
    }
}

impl ForeignContext {
    /// The context as others get it: as it came, or if the router records a span, within that.
    pub(crate) fn pass(&self, span: Option<SpanId>) -> PassedContext<'_> {
        let traceparent = match span {
            None => Value::from(&*self.traceparent),
            Some(span) => Value::from(self.context.child(span).to_string()),
        };
        PassedContext { traceparent, tracestate: self.tracestate.as_deref() }
    }

    /// What the context says.
    pub(crate) fn context(&self) -> TraceContext {
        self.context
    }
}

impl<'a> PassedContext<'a> {
    /// Adds the context to details that have room for it.
    pub(crate) fn push_to<'d, const N: usize>(&'d self, details: &mut Details<'d, N>)
    where
        'a: 'd,
    {
        details.push(TRACEPARENT, self.traceparent.clone());
        if let Some(state) = self.tracestate {
            details.push(TRACESTATE, state);
        }
    }
}
