//! A gate that asks: another thread decides, and the realm serves others meanwhile.
//!
//! The thread stands for whatever takes its time: a database, an HTTP service, a WAMP procedure.
//! Run with `cargo run -p flowgate-router --example asking_gate`.

use std::{io::Write as _, sync::mpsc, thread, time::Duration};

use flowgate_event::{Answer, Disclosure, Gate, GateRequest, Timestamp, Verdict};
use flowgate_router::{
    Action, AskId, CallSettings, ClientFeatures, EventsConfig, Input, Join, MetaApi, Outbox, Realm,
    RealmConfig, RequestIds, Role, SessionKey,
};
use flowgate_wire::{Format, Limits, Message, UriCheck, Value};

/// Decides nothing itself.
struct AskOthers;

impl Gate for AskOthers {
    fn admit(&self, _request: &GateRequest<'_>) -> Verdict {
        Verdict::Ask { within: Duration::from_secs(5) }
    }
}

/// What the authorizer is asked: owned, since it outlives the realm's action.
struct Question {
    session: SessionKey,
    ask: AskId,
    authid: String,
    uri: String,
}

/// Prints what a server would do, and hands questions over.
struct Shell<W> {
    out: W,
    questions: mpsc::Sender<Question>,
}

impl<W: std::io::Write> Outbox for Shell<W> {
    fn push(&mut self, action: Action<'_>) {
        // An example has nobody to tell that its output is closed.
        let _ = match action {
            Action::Send { to, message } => writeln!(self.out, "to {to:?}: {}", message.to_json()),
            Action::FanOut { to, message, .. } => {
                writeln!(self.out, "to {to:?}: {}", message.to_json())
            }
            Action::Ask { session, ask, request } => {
                let (authid, uri) = (request.authid.to_owned(), request.uri.to_owned());
                // Should the authorizer be gone, the realm's deadline ends the request.
                let _ = self.questions.send(Question { session, ask, authid, uri });
                writeln!(
                    self.out,
                    "asked about {session:?}: {} {}",
                    request.action.name(),
                    request.uri
                )
            }
            Action::Serve { call, request, .. } => writeln!(self.out, "{call:?}: {request:?}"),
            Action::Close { session, how } => writeln!(self.out, "close {session:?}: {how:?}"),
        };
    }
}

/// Lets everybody act on what begins with their own name.
fn authorize(question: &Question) -> Answer {
    thread::sleep(Duration::from_millis(10));
    if question.uri.starts_with(&question.authid) {
        Answer::Admit(Disclosure::OnRequest)
    } else {
        Answer::Deny
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
        roles: vec![Role { name: "user".to_owned(), gate: Box::new(AskOthers), trustlevel: None }],
        agent: "example".to_owned(),
        events: EventsConfig::default(),
    };
    let mut realm = Realm::new(config, 1, ());
    let (questions, asked) = mpsc::channel::<Question>();
    let (answers, answered) = mpsc::channel();
    let authorizer = thread::spawn(move || {
        for question in asked {
            let answer = authorize(&question);
            if answers.send((question.session, question.ask, answer)).is_err() {
                return;
            }
        }
    });
    let mut shell = Shell { out: std::io::stdout(), questions };
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
    realm.handle(now, Input::Join(join), &mut shell);
    // The second waits behind the first, though it needs no answer to be refused.
    let texts = [r#"[32,1,{},"joe.mail"]"#, r#"[34,2,7]"#, r#"[32,3,{},"ann.mail"]"#];
    for text in texts {
        writeln!(shell.out, "from {session:?}: {text}")?;
        let message = Message::decode(Format::Json, text.as_bytes(), &Limits::default())?;
        realm.handle(now, Input::Message { session, message: &message }, &mut shell);
    }
    for _ in 0..2 {
        let (session, ask, answer) = answered.recv()?;
        writeln!(shell.out, "answered for {session:?}: {answer:?}")?;
        realm.handle(now, Input::Answer { session, ask, answer }, &mut shell);
    }
    drop(shell);
    authorizer.join().map_err(|_| "the authorizer panicked")?;
    Ok(())
}
