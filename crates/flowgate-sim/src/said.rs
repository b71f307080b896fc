//! What the realm said to a session, reduced to what can be predicted.

use flowgate_event::GateAction;
use flowgate_router::Close;
use flowgate_wire::{Dict, Message, MessageType, Payload, Value};

/// One action for one session.
///
/// Random identifiers (sessions, publications) are left out; they are checked apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Said {
    Welcome,
    Abort {
        reason: String,
    },
    Goodbye {
        reason: String,
    },
    Error {
        request_type: MessageType,
        request: u64,
        error: String,
    },
    /// An ERROR that a callee gave, with its payload.
    Failed {
        request: u64,
        error: String,
        payload: String,
    },
    Published {
        request: u64,
    },
    Subscribed {
        request: u64,
        subscription: u64,
    },
    Unsubscribed {
        request: u64,
    },
    Event {
        subscription: u64,
        topic: Option<String>,
        publisher: Option<u64>,
        retained: bool,
        scheme: Option<String>,
        payload: String,
    },
    Registered {
        request: u64,
        registration: u64,
    },
    Unregistered {
        request: u64,
        revoked: Option<u64>,
    },
    Invocation {
        request: u64,
        registration: u64,
        procedure: Option<String>,
        caller: Option<u64>,
        receive_progress: bool,
        progress: bool,
        timeout: Option<u64>,
        passthru: Option<String>,
        payload: String,
    },
    Interrupt {
        request: u64,
        mode: String,
    },
    Result {
        request: u64,
        progress: bool,
        passthru: Option<String>,
        payload: String,
    },
    Close {
        connection: bool,
    },
    /// A question about what the session wants to do.
    Ask {
        action: GateAction,
        uri: String,
    },
    /// A call of the session that the shell is to serve.
    Serve {
        procedure: String,
        payload: String,
    },
    /// A message that a router never sends.
    Nonsense(MessageType),
}

impl Said {
    pub(crate) fn close(how: Close) -> Self {
        Self::Close { connection: how == Close::Connection }
    }

    pub(crate) fn message(message: &Message<'_>) -> Self {
        let number = |dict: &Dict<'_>, key: &str| dict.get(key).and_then(|value| value.as_u64());
        match message {
            Message::Welcome(_) => Self::Welcome,
            Message::Abort(abort) => Self::Abort { reason: abort.reason.to_string() },
            Message::Goodbye(goodbye) => Self::Goodbye { reason: goodbye.reason.to_string() },
            Message::Error(error) if error.request_type == MessageType::Call => Self::Failed {
                request: error.request.get(),
                error: error.error.to_string(),
                payload: payload(&error.payload),
            },
            Message::Error(error) => Self::Error {
                request_type: error.request_type,
                request: error.request.get(),
                error: error.error.to_string(),
            },
            Message::Published(published) => Self::Published { request: published.request.get() },
            Message::Subscribed(subscribed) => Self::Subscribed {
                request: subscribed.request.get(),
                subscription: subscribed.subscription.get(),
            },
            Message::Unsubscribed(unsubscribed) => {
                Self::Unsubscribed { request: unsubscribed.request.map_or(0, u64::from) }
            }
            Message::Event(event) => Self::Event {
                subscription: event.subscription.get(),
                topic: text(&event.details, "topic"),
                publisher: number(&event.details, "publisher"),
                retained: is_true(&event.details, "retained"),
                scheme: text(&event.details, "ppt_scheme"),
                payload: payload(&event.payload),
            },
            Message::Registered(registered) => Self::Registered {
                request: registered.request.get(),
                registration: registered.registration.get(),
            },
            Message::Unregistered(unregistered) => {
                let details = unregistered.details.as_ref();
                Self::Unregistered {
                    request: unregistered.request.map_or(0, u64::from),
                    revoked: details.and_then(|details| number(details, "registration")),
                }
            }
            Message::Invocation(invocation) => Self::Invocation {
                request: invocation.request.get(),
                registration: invocation.registration.get(),
                procedure: text(&invocation.details, "procedure"),
                caller: number(&invocation.details, "caller"),
                receive_progress: is_true(&invocation.details, "receive_progress"),
                progress: is_true(&invocation.details, "progress"),
                timeout: number(&invocation.details, "timeout"),
                passthru: text(&invocation.details, "ppt_scheme"),
                payload: payload(&invocation.payload),
            },
            Message::Interrupt(interrupt) => Self::Interrupt {
                request: interrupt.request.get(),
                mode: text(&interrupt.options, "mode").unwrap_or_default(),
            },
            Message::Result(result) => Self::Result {
                request: result.request.get(),
                progress: is_true(&result.details, "progress"),
                passthru: text(&result.details, "ppt_scheme"),
                payload: history(&result.payload).unwrap_or_else(|| payload(&result.payload)),
            },
            Message::Hello(_)
            | Message::Challenge(_)
            | Message::Authenticate(_)
            | Message::Publish(_)
            | Message::Subscribe(_)
            | Message::Unsubscribe(_)
            | Message::Call(_)
            | Message::Cancel(_)
            | Message::Register(_)
            | Message::Unregister(_)
            | Message::Yield(_)
            | Message::EventReceived(_) => Self::Nonsense(message.message_type()),
        }
    }

    /// Forgets what the model does not predict: the router's own words and its own events.
    pub(crate) fn forget_text(&mut self) {
        match self {
            Self::Failed { error, payload, .. }
                if error.starts_with("wamp.") || error.starts_with("crossbar.") =>
            {
                payload.clear();
            }
            Self::Event { topic: Some(topic), payload, .. } if topic.starts_with("wamp.") => {
                payload.clear();
            }
            _ => {}
        }
    }
}

/// The payload as comparable text: the same for the same values in all formats.
pub(crate) fn payload(payload: &Payload<'_>) -> String {
    let (args, kwargs) = payload.decode();
    format!("{args:?} {kwargs:?}")
}

/// The payload of an answer to `wamp.subscription.get_events`, without what is random in it.
fn history(payload: &Payload<'_>) -> Option<String> {
    let (events, kwargs) = payload.decode();
    let (key, is_limit_reached) = kwargs.first()?;
    if key != "is_limit_reached" {
        return None;
    }
    let events = events.iter().map(|event| {
        let topic = event.get("details").and_then(|details| details.get("topic"));
        let args = event.get("args").unwrap_or(&Value::Null);
        recorded(topic.and_then(Value::as_str).unwrap_or_default(), args)
    });
    Some(found(&events.collect::<Vec<_>>(), *is_limit_reached == Value::Bool(true)))
}

/// An event of a history as comparable text.
pub(crate) fn recorded(topic: &str, args: &Value<'_>) -> String {
    format!("{topic} {args:?}")
}

/// What a history answers, as comparable text.
pub(crate) fn found(events: &[String], is_limit_reached: bool) -> String {
    format!("{events:?} {is_limit_reached}")
}

pub(crate) fn text(dict: &Dict<'_>, key: &str) -> Option<String> {
    dict.get(key).and_then(|value| value.as_str().map(str::to_owned))
}

pub(crate) fn is_true(dict: &Dict<'_>, key: &str) -> bool {
    dict.get(key) == Some(Value::Bool(true))
}
