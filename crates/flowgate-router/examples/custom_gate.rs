//! A gate of one's own: everybody may do anything below their own name, and call `public.*`.
//!
//! Run with `cargo run -p flowgate-router --example custom_gate`.

use std::io::Write as _;

use flowgate_event::{Disclosure, Gate, GateAction, GateRequest, Timestamp, Verdict};
use flowgate_router::{
    Action, CallSettings, ClientFeatures, EventsConfig, Input, Join, MetaApi, Outbox, Realm,
    RealmConfig, RequestIds, Role, SessionKey,
};
use flowgate_wire::{Format, Limits, Message, UriCheck, Value};

/// Lets a session act on `user.<its authid>` and what is below it.
struct OwnName;

impl Gate for OwnName {
    fn admit(&self, request: &GateRequest<'_>) -> Verdict {
        let own = request
            .uri
            .strip_prefix("user.")
            .and_then(|rest| rest.strip_prefix(request.authid))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let public = request.action == GateAction::Call && request.uri.starts_with("public.");
        if own || public { Verdict::Admit(Disclosure::OnRequest) } else { Verdict::Deny }
    }
}

/// Prints what a server would do.
struct Print<W>(W);

impl<W: std::io::Write> Outbox for Print<W> {
    fn push(&mut self, action: Action<'_>) {
        // An example has nobody to tell that its output is closed.
        let _ = match action {
            Action::Send { to, message } => writeln!(self.0, "to {to:?}: {}", message.to_json()),
            Action::FanOut { to, message, .. } => {
                writeln!(self.0, "to {to:?}: {}", message.to_json())
            }
            Action::Ask { ask, request, .. } => writeln!(self.0, "{ask:?}: {request:?}"),
            Action::Serve { call, request, .. } => writeln!(self.0, "{call:?}: {request:?}"),
            Action::Close { session, how } => writeln!(self.0, "close {session:?}: {how:?}"),
        };
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = RealmConfig {
        name: "realm1".to_owned(),
        uri_check: UriCheck::Loose,
        meta_api: MetaApi::Enabled,
        served: Vec::new(),
        request_ids: RequestIds::Tolerant,
        calls: CallSettings::default(),
        roles: vec![Role { name: "user".to_owned(), gate: Box::new(OwnName), trustlevel: None }],
        agent: "example".to_owned(),
        events: EventsConfig::default(),
    };
    let mut realm = Realm::new(config, 1, ());
    let mut out = Print(std::io::stdout());
    let now = Timestamp::EPOCH;

    let session = SessionKey(0);
    let join = Join {
        session,
        authid: Some("joe".to_owned()),
        authrole: "user".to_owned(),
        authmethod: "anonymous",
        authprovider: "static",
        features: ClientFeatures::default(),
        serializer: "json",
        transport: Value::Null,
    };
    realm.handle(now, Input::Join(join), &mut out);
    for text in [r#"[32,1,{},"user.joe.mail"]"#, r#"[32,2,{},"user.ann.mail"]"#] {
        writeln!(out.0, "from {session:?}: {text}")?;
        let message = Message::decode(Format::Json, text.as_bytes(), &Limits::default())?;
        realm.handle(now, Input::Message { session, message: &message }, &mut out);
    }
    Ok(())
}
