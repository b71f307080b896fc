//! What the realm said to a session, reduced to what can be predicted.

use flowgate_event::GateAction;
use flowgate_router::Close;
use flowgate_wire::{Dict, Message, MessageType, Payload, Value};

/// One action for one session.
///
/// Random identifiers (sessions, publications, drawn names) cannot be predicted, but learned where
/// they come first, and must be the same wherever they come again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Said {
    Welcome {
        session: u64,
        authid: String,
    },
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
        publication: u64,
    },
    Subscribed {
        request: u64,
        subscription: u64,
    },
    Unsubscribed {
        request: u64,
        revoked: Option<u64>,
    },
    Event {
        subscription: u64,
        publication: u64,
        topic: Option<String>,
        /// The subscription or registration that an event of the router tells of.
        about: Option<u64>,
        publisher: Option<String>,
        trustlevel: Option<u64>,
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
        caller: Option<String>,
        trustlevel: Option<u64>,
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
            Message::Welcome(welcome) => Self::Welcome {
                session: welcome.session.get(),
                authid: text(&welcome.details, "authid").unwrap_or_default(),
            },
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
            Message::Published(published) => Self::Published {
                request: published.request.get(),
                publication: published.publication.get(),
            },
            Message::Subscribed(subscribed) => Self::Subscribed {
                request: subscribed.request.get(),
                subscription: subscribed.subscription.get(),
            },
            Message::Unsubscribed(unsubscribed) => {
                let details = unsubscribed.details.as_ref();
                Self::Unsubscribed {
                    request: unsubscribed.request.map_or(0, u64::from),
                    revoked: details.and_then(|details| number(details, "subscription")),
                }
            }
            Message::Event(event) => Self::Event {
                about: text(&event.details, "topic").and_then(|topic| {
                    let (args, _) = event.payload.decode();
                    about(&topic, &args)
                }),
                subscription: event.subscription.get(),
                publication: event.publication.get(),
                topic: text(&event.details, "topic"),
                publisher: told(
                    &event.details,
                    ["publisher", "publisher_authid", "publisher_authrole"],
                ),
                trustlevel: number(&event.details, "trustlevel"),
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
                caller: told(&invocation.details, ["caller", "caller_authid", "caller_authrole"]),
                trustlevel: number(&invocation.details, "trustlevel"),
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
                payload: answer(&result.payload),
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

    /// Names the publication of an event.
    pub(crate) fn set_publication(&mut self, name: u64) {
        if let Self::Event { publication, .. } = self {
            *publication = name;
        }
    }

    /// Forgets what the model does not predict: the router's own words.
    pub(crate) fn forget_text(&mut self) {
        match self {
            Self::Failed { error, payload, .. }
                if error.starts_with("wamp.") || error.starts_with("crossbar.") =>
            {
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

/// The subscription or registration that an event of the router tells of.
pub(crate) fn about(topic: &str, args: &[Value<'_>]) -> Option<u64> {
    let is_it = topic.starts_with("wamp.subscription.") || topic.starts_with("wamp.registration.");
    let which = args.get(1).filter(|_| is_it)?;
    which.get("id").unwrap_or(which).as_u64()
}

/// Who calls or publishes, if that is told: session, `authid` and `authrole`.
fn told(details: &Dict<'_>, [session, authid, authrole]: [&str; 3]) -> Option<String> {
    let session = details.get(session)?.as_u64().unwrap_or_default();
    let [authid, authrole] = [authid, authrole].map(|key| text(details, key).unwrap_or_default());
    Some(identity(session, &authid, &authrole))
}

/// A session as comparable text.
pub(crate) fn identity(session: u64, authid: &str, authrole: &str) -> String {
    format!("{session} {authid} {authrole}")
}

/// What `wamp.subscription.get_events` says about whether older events are gone.
pub(crate) const LIMIT_REACHED: &str = "is_limit_reached";

/// The payload of an answer of the router, in a form that can be predicted: without what is random
/// in a history, and lists of identifiers in ascending order.
fn answer(payload: &Payload<'_>) -> String {
    let (mut args, kwargs) = payload.decode();
    if kwargs.first().is_some_and(|(key, _)| key == LIMIT_REACHED) {
        args = args.iter().map(|event| Value::from(event_text(event))).collect();
    } else if let [Value::Dict(entries)] = args.as_mut_slice() {
        entries.iter_mut().for_each(|(_, value)| sort(value));
    } else if let [value] = args.as_mut_slice() {
        sort(value);
    }
    format!("{args:?} {kwargs:?}")
}

fn sort(value: &mut Value<'_>) {
    if let Value::List(items) = value {
        items.sort_by_key(Value::as_u64);
    }
}

fn event_text(event: &Value<'_>) -> String {
    let number = |key| event.get(key).and_then(Value::as_u64).unwrap_or_default();
    let text =
        |value: Option<&Value<'_>>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |key| event.get(key).cloned();
    let Some(Value::Dict(details)) = event.get("details") else { return String::new() };
    let details = Dict::from_entries(details);
    let who = told(&details, ["publisher", "publisher_authid", "publisher_authrole"]);
    let args = match list("args") {
        Some(Value::List(args)) => args,
        _ => Vec::new(),
    };
    let kwargs = match list("kwargs") {
        Some(Value::Dict(kwargs)) => kwargs,
        _ => Vec::new(),
    };
    let payload = format!("{args:?} {kwargs:?}");
    let topic = self::text(&details, "topic").unwrap_or_default();
    let trustlevel = details.get("trustlevel").and_then(|level| level.as_u64());
    let who = publisher(who.as_deref(), trustlevel);
    recorded(number("subscription"), &text(event.get("timestamp")), &topic, &who, &payload)
}

/// Who published an event, and how far they are trusted, as comparable text.
pub(crate) fn publisher(who: Option<&str>, trustlevel: Option<u64>) -> String {
    format!("{} {trustlevel:?}", who.unwrap_or_default())
}

/// An event of a history as comparable text.
pub(crate) fn recorded(
    subscription: u64,
    at: &str,
    topic: &str,
    publisher: &str,
    payload: &str,
) -> String {
    format!("{subscription} {at} {topic} {publisher} {payload}")
}

pub(crate) fn text(dict: &Dict<'_>, key: &str) -> Option<String> {
    dict.get(key).and_then(|value| value.as_str().map(str::to_owned))
}

pub(crate) fn is_true(dict: &Dict<'_>, key: &str) -> bool {
    dict.get(key) == Some(Value::Bool(true))
}
