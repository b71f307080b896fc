//! "Progressive Call Invocations".

use super::{Setup, check, check_with};
use crate::RequestIds;

#[test]
fn all_parts_of_a_call_go_to_one_callee_with_the_options_of_the_first() {
    check(
        r#"
        join a canceling parts progress
        a< [2,*
        join b canceling parts
        b< [2,*
        join c parts
        c< [2,*
        a> [64,1,{"invoke":"roundrobin","match":"prefix"},"com."]
        a< [65,1,1]
        b> [64,1,{"invoke":"roundrobin","match":"prefix"},"com."]
        b< [65,1,1]
        c> [48,1,{"progress":true,"disclose_me":true,"receive_progress":true},"com.x",[1]]
        a< [68,1,1,{"procedure":"com.x","caller":$c,"caller_authid":"c","caller_authrole":"anonymous","receive_progress":true,"progress":true},[1]]
        c> [48,2,{},"com.x"]
        b< [68,1,1,{"procedure":"com.x"}]
        c> [48,1,{"progress":true,"disclose_me":false,"timeout":"no"},"com.x",[2]]
        a< [68,1,1,{"procedure":"com.x","caller":$c,"caller_authid":"c","caller_authrole":"anonymous","receive_progress":true,"progress":true},[2]]
        a> [70,1,{"progress":true},["one"]]
        c< [50,1,{"progress":true},["one"]]
        c> [48,1,{},"com.x",[3]]
        a< [68,1,1,{"procedure":"com.x","caller":$c,"caller_authid":"c","caller_authrole":"anonymous","receive_progress":true},[3]]
        a> [70,1,{},["all"]]
        c< [50,1,{},["all"]]
        "#,
    );
}

/// "Continuations on Completed Calls": the caller has its answer, and what it sent before it knew
/// is dropped; a later request is a new call.
#[test]
fn parts_of_a_call_that_is_over_are_dropped() {
    for request_ids in [RequestIds::Tolerant, RequestIds::Sequential] {
        check_with(
            &Setup { request_ids, ..Setup::default() },
            r#"
            join a canceling parts
            a< [2,*
            join b parts
            b< [2,*
            a> [64,1,{},"com.x"]
            a< [65,1,1]
            b> [48,1,{"progress":true},"com.x",[1]]
            a< [68,1,1,{"progress":true},[1]]
            a> [8,68,1,{},"com.failed"]
            b< [8,48,1,{},"com.failed"]
            b> [48,1,{"progress":true},"com.x",[2]]
            b> [48,1,{},"com.x",[3]]
            b> [48,2,{},"com.x",[4]]
            a< [68,2,1,{},[4]]
            "#,
        );
    }
}

/// A gap stays a violation where requests are to be sequential.
#[test]
fn parts_do_not_hide_gaps() {
    check_with(
        &Setup { request_ids: RequestIds::Sequential, ..Setup::default() },
        r#"
        join a canceling parts
        a< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        a> [48,2,{"progress":true},"com.x",[1]]
        a< [68,1,1,{"progress":true},[1]]
        a> [48,2,{"progress":true},"com.x",[2]]
        a< [68,1,1,{"progress":true},[2]]
        a> [48,3,{},"com.y"]
        a< [8,48,3,{},"wamp.error.no_such_procedure",*
        a> [48,5,{},"com.x"]
        a< [3,{"message":"request identifier out of sequence"},"wamp.error.protocol_violation"]
        a closed connection
        ! violation $a request identifier out of sequence
        "#,
    );
}

/// A callee cannot be unaware of it, and one that cannot be interrupted counts as unaware.
#[test]
fn a_callee_that_does_not_take_parts_is_not_called() {
    check(
        r#"
        join a parts
        a< [2,*
        join b canceling
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [64,1,{},"com.y"]
        b< [65,1,2]
        a> [48,2,{"progress":true},"com.x"]
        a< [8,48,2,{},"wamp.error.feature_not_supported",["the other side does not support progressive call invocations"]]
        a> [48,3,{"progress":true},"com.y"]
        a< [8,48,3,{},"wamp.error.feature_not_supported",*
        a> [48,4,{"progress":true},"wamp.session.count"]
        a< [8,48,4,{},"wamp.error.feature_not_supported",*
        a> [48,2,{"progress":true},"com.x"]
        a> [48,2,{},"com.x"]
        a> [48,6,{"progress":true,"timeout":-1},"com.x"]
        a< [8,48,6,{},"wamp.error.invalid_argument",*
        a> [48,6,{},"com.x"]
        a> [48,7,{"progress":1},"com.x"]
        a< [8,48,7,{},"wamp.error.invalid_argument",*
        "#,
    );
}

fn check_violation(role: &str, script: &str, what: &str) {
    let head = format!(
        r#"
        join a canceling parts
        a< [2,*
        join b {role}
        b< [2,*
        a> [64,1,{{}},"com.x"]
        a< [65,1,1]
        "#
    );
    let end = format!(
        r#"
        b< [3,*
        b closed connection
        a< [69,1,{{"mode":"killnowait"}}]
        ! violation $b {what}
        "#
    );
    check(&[&head, script, &end].concat());
}

#[test]
fn parts_that_do_not_belong_to_a_call_in_parts_are_violations() {
    let what = "CALL with the request identifier of a pending call";
    let script = r#"
        b> [48,1,{},"com.x"]
        a< [68,1,1,{}]
        b> [48,1,{"progress":true},"com.x"]
        "#;
    check_violation("parts", script, what);
    let script = r#"
        b> [48,1,{"progress":true},"com.x"]
        a< [68,1,1,{"progress":true}]
        b> [48,1,{},"com.x"]
        a< [68,1,1,{}]
        b> [48,1,{},"com.x"]
        "#;
    check_violation("parts", script, what);
    let script = r#"
        b> [48,1,{"progress":true},"com.x"]
        a< [68,1,1,{"progress":true}]
        b> [48,1,{"progress":true},"com.y"]
        "#;
    check_violation("parts", script, "CALL goes on with a call of another procedure");
    let script = r#"
        b> [48,1,{"progress":true},"com.x"]
        a< [68,1,1,{"progress":true}]
        b> [48,1,{"progress":"yes"},"com.x"]
        "#;
    check_violation("parts", script, "CALL: option \"progress\" is not a boolean");
}

#[test]
fn a_caller_that_has_not_announced_parts_may_not_send_any() {
    check(
        r#"
        join a
        a< [2,*
        a> [48,1,{"progress":true},"com.x"]
        a< [3,{"message":"CALL with progress by a caller without progressive call invocations"},"wamp.error.protocol_violation"]
        a closed connection
        ! violation $a CALL with progress by a caller without progressive call invocations
        "#,
    );
}

/// Nobody who has been told to stop, or is gone, gets further parts.
#[test]
fn parts_end_with_cancel_timeout_and_the_callee() {
    check(
        r#"
        join a canceling parts
        a< [2,*
        join b parts
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [48,1,{"progress":true},"com.x"]
        a< [68,1,1,{"progress":true}]
        b> [49,1,{"mode":"kill"}]
        a< [69,1,{"mode":"kill"}]
        b> [48,1,{"progress":true},"com.x"]
        a> [8,68,1,{},"wamp.error.canceled"]
        b< [8,48,1,{},"wamp.error.canceled"]
        b> [48,2,{"progress":true,"timeout":10},"com.x"]
        a< [68,2,1,{"progress":true}]
        pass 9ms
        b> [48,2,{"progress":true},"com.x"]
        a< [68,2,1,{"progress":true}]
        pass 10ms
        a< [69,2,{"mode":"killnowait"}]
        b< [8,48,2,{},"wamp.error.timeout",*
        b> [48,2,{"progress":true},"com.x"]
        b> [48,3,{"progress":true},"com.x"]
        a< [68,3,1,{"progress":true}]
        toolarge a INVOCATION 3
        a< [69,3,{"mode":"killnowait"}]
        b< [8,48,3,{},"wamp.error.payload_size_exceeded",*
        ! undeliverable $a INVOCATION
        b> [48,4,{"progress":true},"com.x"]
        a< [68,4,1,{"progress":true}]
        leave a
        b< [8,48,4,{},"wamp.error.canceled",*
        b> [48,4,{},"com.x"]
        "#,
    );
}
