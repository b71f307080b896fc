//! Testaments: what is published when a session has ended.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use flowgate_event::{
    Disclosure, Event, Gate, GateRequest, LeaveReason, Observer, Timestamp, Verdict,
};
use flowgate_wire::{Format, Limits, Message};

use super::{
    Setup, check,
    harness::{config, join},
};
use crate::{Action, Input, Outbox, Realm, RealmConfig, Role, SessionKey};

/// "Session Testament": `detached` before `destroyed`, each in the order of adding; neither call
/// returns a value.
#[test]
fn testaments_are_published_when_their_session_has_ended() {
    check(
        r#"
        join w
        w< [2,*
        w> [32,1,{"match":"prefix"},"com."]
        w< [33,1,1]
        w> [32,2,{},"wamp.session.on_leave"]
        w< [33,2,2]
        join a
        a< [2,*
        a> [48,1,{},"wamp.session.add_testament",["com.one",["x",1],{"k":"v"}]]
        a< [50,1,{}]
        a> [48,2,{},"wamp.session.add_testament",["com.two",[],{}],{"scope":"destroyed","publish_options":{"acknowledge":true,"exclude_me":true,"disclose_me":true}}]
        a< [50,2,{}]
        a> [48,3,{},"wamp.session.add_testament",["com.three",null,null],{"scope":"detached"}]
        a< [50,3,{}]
        leave a
        w< [36,1,$p1,{"topic":"com.three"}]
        w< [36,1,$p2,{"topic":"com.one"},["x",1],{"k":"v"}]
        w< [36,1,$p3,{"topic":"com.two","publisher":$a,"publisher_authid":"a","publisher_authrole":"anonymous"}]
        w< [36,2,$p4,{},[$a,"a","anonymous"]]
        "#,
    );
}

/// Any end counts: the client's GOODBYE, its ABORT, a violation, a kill.
#[test]
fn every_end_publishes_the_testaments_once() {
    let ends = [
        ("a> [6,{},\"wamp.close.close_realm\"]", "a< [6,*\na closed session"),
        ("a> [3,{},\"com.tired\"]", "a closed connection"),
        ("garbage a", "a< [3,*\na closed connection\n! violation $a not a message"),
        ("w> [48,2,{},\"wamp.session.kill_all\"]", "a< [6,*\nw< [50,2,{},[1]]"),
    ];
    for (end, said) in ends {
        check(&format!(
            r#"
            join w
            w< [2,*
            w> [32,1,{{}},"com.t"]
            w< [33,1,1]
            join a
            a< [2,*
            a> [48,1,{{}},"wamp.session.add_testament",["com.t",["gone"],{{}}]]
            a< [50,1,{{}}]
            {end}
            {said}
            leave a
            w< [36,1,$p1,{{}},["gone"]]
            "#
        ));
    }
}

#[test]
fn flushed_testaments_are_not_published() {
    check(
        r#"
        join w
        w< [2,*
        w> [32,1,{"match":"prefix"},"com."]
        w< [33,1,1]
        join a
        a< [2,*
        a> [48,1,{},"wamp.session.add_testament",["com.one",[],{}]]
        a< [50,1,{}]
        a> [48,2,{},"wamp.session.add_testament",["com.two",[],{}],{"scope":"detached"}]
        a< [50,2,{}]
        a> [48,3,{},"wamp.session.flush_testaments"]
        a< [50,3,{}]
        a> [48,4,{},"wamp.session.flush_testaments"]
        a< [50,4,{}]
        leave a
        w< [36,1,$p1,{"topic":"com.two"}]
        join b
        b< [2,*
        b> [48,1,{},"wamp.session.add_testament",["com.two",[],{}],{"scope":"detached"}]
        b< [50,1,{}]
        b> [48,2,{},"wamp.session.flush_testaments",[],{"scope":"detached"}]
        b< [50,2,{}]
        leave b
        "#,
    );
}

#[test]
fn what_could_not_be_published_is_refused_when_it_is_added() {
    check(
        r#"
        join w
        w< [2,*
        w> [32,1,{"match":"prefix"},"com."]
        w< [33,1,1]
        join a
        a< [2,*
        a> [48,1,{},"wamp.session.add_testament"]
        a< [8,48,1,{},"wamp.error.invalid_argument",["argument \"topic\" is not a string"]]
        a> [48,2,{},"wamp.session.add_testament",["not a uri",[],{}]]
        a< [8,48,2,{},"wamp.error.invalid_uri",["argument \"topic\" is not a valid URI here"]]
        a> [48,3,{},"wamp.session.add_testament",["wamp.session.on_leave",[1],{}]]
        a< [8,48,3,{},"wamp.error.invalid_uri",["\"wamp.session.on_leave\" is reserved for the router"]]
        a> [48,4,{},"wamp.session.add_testament",["com.secret",[],{}]]
        a< [8,48,4,{},"wamp.error.not_authorized",*
        ! denied $a publish com.secret
        a> [48,5,{},"wamp.session.add_testament",["com.x",7,{}]]
        a< [8,48,5,{},"wamp.error.invalid_argument",["argument \"args\" is not a list"]]
        a> [48,6,{},"wamp.session.add_testament",["com.x",[],[]]]
        a< [8,48,6,{},"wamp.error.invalid_argument",["argument \"kwargs\" is not a dictionary"]]
        a> [48,7,{},"wamp.session.add_testament",["com.x",[],{}],{"publish_options":7}]
        a< [8,48,7,{},"wamp.error.invalid_argument",["argument \"publish_options\" is not a dictionary"]]
        a> [48,8,{},"wamp.session.add_testament",["com.x",[],{}],{"publish_options":{"disclose_me":7}}]
        a< [8,48,8,{},"wamp.error.invalid_argument",["option \"disclose_me\" is not a boolean"]]
        a> [48,9,{},"wamp.session.add_testament",["com.x",[],{}],{"scope":"soon"}]
        a< [8,48,9,{},"wamp.error.testament_error",["the scope of a testament is \"destroyed\" or \"detached\""]]
        a> [48,10,{},"wamp.session.flush_testaments",[],{"scope":"soon"}]
        a< [8,48,10,{},"wamp.error.testament_error",*
        leave a
        "#,
    );
}

#[test]
fn the_testaments_of_a_session_are_bounded_in_number_and_size() {
    let mut script = "join a\na< [2,*\n".to_owned();
    let add = |script: &mut String, request: u32, word: &str| {
        let call = format!("[48,{request},{{}},\"wamp.session.add_testament\"");
        let _ = writeln!(script, "a> {call},[\"com.t\",[\"{word}\"],{{}}]]");
    };
    for request in 1..=64 {
        add(&mut script, request, "x");
        let _ = writeln!(script, "a< [50,{request},{{}}]");
    }
    add(&mut script, 65, "x");
    script.push_str(
        "a< [8,48,65,{},\"wamp.error.testament_error\",\
         [\"a session has room for 64 testaments of 65536 octets together\"]]\n\
         a> [48,66,{},\"wamp.session.flush_testaments\"]\na< [50,66,{}]\n",
    );
    add(&mut script, 67, &"x".repeat(40_000));
    script.push_str("a< [50,67,{}]\n");
    add(&mut script, 68, &"x".repeat(40_000));
    script.push_str("a< [8,48,68,{},\"wamp.error.testament_error\",*\n");
    check(&script);
}

/// Admits everything until it is told otherwise.
struct Revocable(Arc<AtomicBool>);

impl Gate for Revocable {
    fn admit(&self, _: &GateRequest<'_>) -> Verdict {
        if self.0.load(Ordering::Relaxed) {
            Verdict::Deny
        } else {
            Verdict::Admit(Disclosure::OnRequest)
        }
    }
}

/// Counts events.
#[derive(Default)]
struct EventCount(usize);

impl Outbox for EventCount {
    fn push(&mut self, action: Action<'_>) {
        self.0 += usize::from(matches!(action, Action::FanOut { .. }));
    }
}

/// Counts publications by their outcome: published and refused.
#[derive(Debug, Default, PartialEq)]
struct Outcomes(usize, usize);

impl Observer for Outcomes {
    fn observe(&mut self, _now: Timestamp, event: &Event<'_>) {
        self.0 += usize::from(matches!(event, Event::Published { .. }));
        self.1 += usize::from(matches!(event, Event::PublishRefused { topic: "com.t", .. }));
    }
}

#[test]
fn a_testament_that_is_denied_when_its_session_ends_is_refused() {
    for is_revoked in [false, true] {
        let revoked = Arc::new(AtomicBool::new(false));
        let gate = Box::new(Revocable(Arc::clone(&revoked)));
        let roles = vec![Role { name: "anonymous".to_owned(), gate, trustlevel: None }];
        let config = RealmConfig { roles, ..config(&Setup::default()) };
        let (mut outcomes, mut events) = (Outcomes::default(), EventCount::default());
        let mut realm = Realm::new(config, 1, &mut outcomes);
        let (watcher, ending) = (SessionKey(0), SessionKey(1));
        let mut handle = |input: Input<'_>| realm.handle(Timestamp::EPOCH, input, &mut events);
        handle(Input::Join(join(watcher, None)));
        handle(Input::Join(join(ending, None)));
        for (session, text) in [
            (watcher, r#"[32,1,{},"com.t"]"#),
            (ending, r#"[48,1,{},"wamp.session.add_testament",["com.t",[],{}]]"#),
        ] {
            let message = Message::decode(Format::Json, text.as_bytes(), &Limits::default());
            handle(Input::Message { session, message: &message.expect("a message") });
        }
        revoked.store(is_revoked, Ordering::Relaxed);
        let reason = LeaveReason::TransportLost;
        handle(Input::Leave { session: ending, reason, report: None });
        let expected = Outcomes(usize::from(!is_revoked), usize::from(is_revoked));
        assert_eq!((events.0, outcomes), (expected.0, expected));
    }
}
