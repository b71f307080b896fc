//! Gates that ask: requests wait for an authorizer, in order and not for ever.

use std::fmt::Write as _;

use super::check;

#[test]
fn a_request_waits_for_its_answer() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        b> [32,1,{},"com.asked.t"]
        b asks to subscribe com.asked.t
        answer 1 admit
        b< [33,1,1]
        b> [64,2,{},"com.asked.p"]
        b asks to register com.asked.p
        answer 2 admit
        b< [65,2,1]
        a> [16,1,{"acknowledge":true},"com.asked.t",["x"]]
        a asks to publish com.asked.t
        answer 3 disclose
        a< [17,1,$p1]
        b< [36,1,$p1,{"publisher":$a,"publisher_authid":"a","publisher_authrole":"anonymous"},["x"]]
        a> [48,2,{},"com.asked.p",["x"],{"k":1}]
        a asks to call com.asked.p
        answer 4 admit
        b< [68,1,1,{},["x"],{"k":1}]
        b> [70,1,{}]
        a< [50,2,{}]
        "#,
    );
}

#[test]
fn a_request_that_is_denied_or_not_decided_is_refused() {
    check(
        r#"
        join a
        a< [2,*
        a> [48,1,{},"com.asked"]
        a asks to call com.asked
        answer 1 deny
        a< [8,48,1,{},"wamp.error.not_authorized",["not authorized to call \"com.asked\""]]
        ! denied $a call com.asked
        a> [32,2,{},"com.asked"]
        a asks to subscribe com.asked
        answer 2 fail
        a< [8,32,2,{},"wamp.error.authorization_failed",["nobody could say whether the session may subscribe \"com.asked\""]]
        a> [64,3,{},"com.asked"]
        a asks to register com.asked
        pass 999ms
        pass 1ms
        a< [8,64,3,{},"wamp.error.authorization_failed",*
        answer 3 admit
        a> [16,4,{},"com.asked"]
        a asks to publish com.asked
        answer 4 fail
        ! dropped $a PUBLISH wamp.error.authorization_failed
        answer 4 admit
        "#,
    );
}

/// A slow authorizer does not change the order of what a session sends.
#[test]
fn what_a_session_sends_meanwhile_waits_behind() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        b> [32,1,{"match":"prefix"},"com."]
        b< [33,1,1]
        a> [16,1,{},"com.asked.one",[1]]
        a asks to publish com.asked.one
        a> [16,2,{},"com.two",[2]]
        a> [16,3,{},"com.asked.three",[3]]
        a> [16,4,{},"com.four",[4]]
        a> [48,5,{},"com.missing"]
        b> [16,2,{"exclude_me":false},"com.other"]
        b< [36,1,$p1,{"topic":"com.other"}]
        answer 1 admit
        b< [36,1,$p2,{"topic":"com.asked.one"},[1]]
        b< [36,1,$p3,{"topic":"com.two"},[2]]
        a asks to publish com.asked.three
        a> [6,{},"wamp.close.close_realm"]
        pass 1000ms
        b< [36,1,$p4,{"topic":"com.four"},[4]]
        a< [8,48,5,{},"wamp.error.no_such_procedure",*
        a< [6,{},"wamp.close.goodbye_and_out"]
        a closed session
        ! dropped $a PUBLISH wamp.error.authorization_failed
        "#,
    );
}

#[test]
fn a_canceled_call_is_asked_about_first() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        b> [64,1,{},"com.asked"]
        b asks to register com.asked
        answer 1 admit
        b< [65,1,1]
        a> [48,1,{},"com.asked"]
        a asks to call com.asked
        a> [49,1,{"mode":"skip"}]
        answer 2 admit
        b< [68,1,1,{}]
        a< [8,48,1,{},"wamp.error.canceled",*
        "#,
    );
}

#[test]
fn a_session_that_ends_takes_its_questions_with_it() {
    for (end, said) in [
        ("leave a", ""),
        ("a> [3,{},\"com.tired\"]", "a closed connection"),
        ("garbage a", "a< [3,*\na closed connection\n! violation $a not a message"),
        ("b> [48,1,{},\"wamp.session.kill_all\"]", "a< [6,*\nb< [50,1,{},[1]]"),
    ] {
        check(&format!(
            r#"
            join a
            a< [2,*
            join b
            b< [2,*
            a> [48,1,{{}},"com.asked"]
            a asks to call com.asked
            a> [32,2,{{}},"com.t"]
            {end}
            {said}
            answer 1 admit
            "#
        ));
    }
}

/// The key of a session that has gone is used again: the answer to its question is not for the new.
#[test]
fn an_answer_for_another_session_at_the_same_place_does_nothing() {
    check(
        r#"
        join a
        a< [2,*
        a> [48,1,{},"com.asked"]
        a asks to call com.asked
        leave a
        join b at 0
        b< [2,*
        b> [48,1,{},"com.asked"]
        b asks to call com.asked
        answer 1 admit
        answer 2 deny
        b< [8,48,1,{},"wamp.error.not_authorized",*
        ! denied $b call com.asked
        "#,
    );
}

/// One call with two questions: to call the procedure, and to publish the testament.
#[test]
fn one_message_can_ask_twice() {
    check(
        r#"
        join w
        w< [2,*
        w> [32,1,{"match":"prefix"},"com."]
        w< [33,1,1]
        join a careful
        a< [2,*
        a> [48,1,{},"wamp.session.add_testament",["com.t",[1],{}]]
        a asks to call wamp.session.add_testament
        answer 1 admit
        a asks to publish com.t
        a> [48,2,{},"wamp.session.add_testament",["com.t",[2],{}]]
        answer 1 deny
        answer 2 disclose
        a< [50,1,{}]
        a asks to call wamp.session.add_testament
        answer 3 admit
        a asks to publish com.t
        answer 4 deny
        a< [8,48,2,{},"wamp.error.not_authorized",*
        ! denied $a publish com.t
        leave a
        w< [36,1,$p1,{"topic":"com.t","publisher":$a,"publisher_authid":"a","publisher_authrole":"careful"},[1]]
        "#,
    );
}

#[test]
fn too_much_behind_a_request_fails_it() {
    let mut script =
        "join a\na< [2,*\na> [48,1,{},\"com.asked\"]\na asks to call com.asked\n".to_owned();
    for request in 2..=258 {
        let _ = writeln!(script, "a> [48,{request},{{}},\"com.missing\"]");
    }
    script.push_str("a< [8,48,1,{},\"wamp.error.authorization_failed\",*\n");
    for request in 2..=258 {
        let _ = writeln!(script, "a< [8,48,{request},{{}},\"wamp.error.no_such_procedure\",*");
    }
    check(&script);
    let large = "x".repeat(600_000);
    check(&format!(
        "join a\na< [2,*\na> [48,1,{{}},\"com.asked\"]\na asks to call com.asked\n\
         a> [48,2,{{}},\"com.missing\",[\"{large}\"]]\n\
         a> [48,3,{{}},\"com.missing\",[\"{large}\"]]\n\
         a< [8,48,1,{{}},\"wamp.error.authorization_failed\",*\n\
         a< [8,48,2,{{}},\"wamp.error.no_such_procedure\",*\n\
         a< [8,48,3,{{}},\"wamp.error.no_such_procedure\",*\n"
    ));
}
