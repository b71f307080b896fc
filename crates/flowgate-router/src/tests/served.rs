//! Procedures that the shell serves, and events of the router itself.

use std::time::Duration;

use super::{Setup, check_with};
use crate::{CallSettings, ServedApi};

fn setup() -> Setup {
    let served = vec![ServedApi {
        prefix: "svc".to_owned(),
        procedures: ["echo", "secret", "asked"].map(str::to_owned).to_vec(),
    }];
    Setup { served, ..Setup::default() }
}

fn check(script: &str) {
    check_with(&setup(), script);
}

#[test]
fn the_shell_answers_calls_in_its_own_order() {
    check(
        r#"
        join a
        a< [2,*
        join b backend
        b< [2,*
        observe work
        a> [48,1,{},"svc.echo",[1],{"k":"v"}]
        a is served svc.echo [1],{"k":"v"}
        b> [48,1,{},"svc.echo"]
        b is served svc.echo
        served 2 result two words
        b< [50,1,{},["two","words"]]
        ! call of svc.echo ended ok
        served 1 error com.failed
        a< [8,48,1,{},"com.failed"]
        ! call of svc.echo ended error: com.failed
        "#,
    );
}

#[test]
fn a_call_has_one_final_reply_however_often_the_shell_answers() {
    check(
        r#"
        join a
        a< [2,*
        a> [48,1,{},"svc.echo"]
        a is served svc.echo
        served 1 result first
        a< [50,1,{},["first"]]
        served 1 result second
        a> [48,2,{},"svc.echo"]
        a is served svc.echo
        served 1 result third
        served 2 result right
        a< [50,2,{},["right"]]
        "#,
    );
}

#[test]
fn a_caller_that_cancels_is_answered_at_once() {
    for mode in ["skip", "kill", "killnowait"] {
        check(
            &r#"
            join a
            a< [2,*
            observe work
            a> [48,1,{},"svc.echo"]
            a is served svc.echo
            a> [49,1,{"mode":"MODE"}]
            a< [8,48,1,{},"wamp.error.canceled",*
            ! call of svc.echo ended canceled: wamp.error.canceled
            served 1 result late
            "#
            .replace("MODE", mode),
        );
    }
}

#[test]
fn a_call_that_the_shell_does_not_answer_in_time_ends() {
    let calls =
        CallSettings { max_timeout: Some(Duration::from_millis(50)), ..CallSettings::default() };
    check_with(
        &Setup { calls, ..setup() },
        r#"
        join a
        a< [2,*
        a> [48,1,{"timeout":20},"svc.echo"]
        a is served svc.echo
        a> [48,2,{},"svc.echo"]
        a is served svc.echo
        pass 19ms
        pass 1ms
        a< [8,48,1,{},"wamp.error.timeout",["the callee did not answer within 20 ms"]]
        pass 30ms
        a< [8,48,2,{},"wamp.error.timeout",*
        served 1 result late
        served 2 result late
        "#,
    );
}

/// Its place is taken by another session, whose call has the same request.
#[test]
fn an_answer_for_a_caller_that_has_gone_goes_to_nobody() {
    check(
        r#"
        join a
        a< [2,*
        observe work
        a> [48,1,{},"svc.echo"]
        a is served svc.echo
        leave a
        ! call of svc.echo ended caller_gone
        join b at 0
        b< [2,*
        b> [48,1,{},"svc.echo"]
        b is served svc.echo
        served 1 result stale
        served 2 result fresh
        b< [50,1,{},["fresh"]]
        ! call of svc.echo ended ok
        "#,
    );
}

#[test]
fn a_shutdown_ends_calls_that_the_shell_has_not_answered() {
    check(
        r#"
        join a
        a< [2,*
        a> [48,1,{},"svc.echo"]
        a is served svc.echo
        shutdown
        a< [8,48,1,{},"wamp.error.canceled",*
        a< [6,*
        served 1 result late
        "#,
    );
}

#[test]
fn an_answer_that_the_caller_cannot_take_becomes_an_error() {
    check(
        r#"
        join a
        a< [2,*
        a> [48,1,{},"svc.echo"]
        a is served svc.echo
        served 1 result large
        a< [50,1,{},["large"]]
        toolarge a RESULT 1
        a< [8,48,1,{},"wamp.error.payload_size_exceeded",*
        ! undeliverable $a RESULT
        "#,
    );
}

#[test]
fn the_permissions_of_the_role_apply() {
    check(
        r#"
        join a
        a< [2,*
        a> [48,1,{},"svc.secret"]
        a< [8,48,1,{},"wamp.error.not_authorized",*
        ! denied $a call svc.secret
        a> [48,2,{},"svc.asked"]
        a asks to call svc.asked
        answer 1 admit
        a is served svc.asked
        served 1 result yes
        a< [50,2,{},["yes"]]
        "#,
    );
}

#[test]
fn what_the_shell_does_not_know_is_no_procedure() {
    check(
        r#"
        join a parts passthru
        a< [2,*
        a> [48,1,{},"svc.nothing"]
        a< [8,48,1,{},"wamp.error.no_such_procedure",*
        a> [48,2,{},"svc"]
        a< [8,48,2,{},"wamp.error.no_such_procedure",*
        a> [48,3,{"progress":true},"svc.echo"]
        a< [8,48,3,{},"wamp.error.feature_not_supported",*
        a> [48,4,{"ppt_scheme":"x_test"},"svc.echo"]
        a< [8,48,4,{},"wamp.error.feature_not_supported",*
        "#,
    );
}

#[test]
fn a_second_call_with_the_request_of_one_that_waits_is_a_violation() {
    check(
        r#"
        join a
        a< [2,*
        a> [48,1,{},"svc.echo"]
        a is served svc.echo
        a> [48,1,{},"svc.echo"]
        a< [3,*
        a closed connection
        ! violation $a CALL with the request identifier of a pending call
        served 1 result late
        "#,
    );
}

/// Nobody takes the procedures over, not by a pattern either.
#[test]
fn clients_cannot_register_or_publish_what_the_shell_serves() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{},"svc.echo"]
        a< [8,64,1,{},"wamp.error.invalid_uri",["\"svc.echo\" is reserved for the router"]]
        a> [64,2,{},"svc"]
        a< [8,64,2,{},"wamp.error.invalid_uri",*
        a> [64,3,{"match":"prefix"},"sv"]
        a< [65,3,1]
        b> [48,1,{},"svc.echo"]
        b is served svc.echo
        b> [48,2,{},"svcs.echo"]
        a< [68,1,1,{"procedure":"svcs.echo"}]
        a> [16,4,{"acknowledge":true},"svc.on_event"]
        a< [8,16,4,{},"wamp.error.invalid_uri",*
        a> [48,5,{},"wamp.session.add_testament",["svc.on_event",[]]]
        a< [8,48,5,{},"wamp.error.invalid_uri",*
        "#,
    );
}

#[test]
fn the_router_publishes_to_those_who_subscribe() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        announce svc.on_event unheard
        a> [32,1,{},"svc.on_event"]
        a< [33,1,1]
        b> [32,1,{"match":"prefix"},"svc"]
        b< [33,1,2]
        announce svc.on_event heard
        a< [36,1,$p1,{},["heard"]]
        b< [36,2,$p1,{"topic":"svc.on_event"},["heard"]]
        "#,
    );
}

#[test]
fn the_router_publishes_to_some_roles_alone() {
    check(
        r#"
        join a
        a< [2,*
        join b backend
        b< [2,*
        join c trusted
        c< [2,*
        a> [32,1,{},"svc.on_event"]
        a< [33,1,1]
        b> [32,1,{},"svc.on_event"]
        b< [33,1,1]
        c> [32,1,{},"svc.on_event"]
        c< [33,1,1]
        announce svc.on_event one +trusted +backend
        b< [36,1,$p1,{},["one"]]
        c< [36,1,$p1,{},["one"]]
        announce svc.on_event two -backend
        a< [36,1,$p2,{},["two"]]
        c< [36,1,$p2,{},["two"]]
        announce svc.on_event three +backend -backend
        "#,
    );
}
