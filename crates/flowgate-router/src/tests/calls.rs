//! "Calling and Invocations", and the advanced features of calls.

use std::time::Duration;

use super::{Setup, check, check_with};
use crate::CallSettings;

#[test]
fn a_call_gets_the_result_or_the_error_of_its_callee() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [48,1,{},"com.x",[1,2],{"k":"v"}]
        a< [68,1,1,{},[1,2],{"k":"v"}]
        a> [70,1,{},[3],{"r":4}]
        b< [50,1,{},[3],{"r":4}]
        b> [48,2,{},"com.x"]
        a< [68,2,1,{}]
        a> [8,68,2,{"d":1},"com.failed",["why"],{"k":1}]
        b< [8,48,2,{"d":1},"com.failed",["why"],{"k":1}]
        b> [48,3,{},"com.x"]
        a< [68,3,1,{}]
        b> [48,4,{},"com.x"]
        a< [68,4,1,{}]
        a> [70,4,{}]
        b< [50,4,{}]
        a> [70,3,{}]
        b< [50,3,{}]
        b> [48,1,{},"com.x"]
        a< [68,5,1,{}]
        a> [70,5,{"progress":null}]
        b< [50,1,{}]
        "#,
    );
}

#[test]
fn a_session_can_call_itself() {
    check(
        r#"
        join a canceling
        a< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        a> [48,2,{},"com.x"]
        a< [68,1,1,{}]
        a> [70,1,{}]
        a< [50,2,{}]
        a> [48,3,{},"com.x"]
        a< [68,2,1,{}]
        leave a
        "#,
    );
}

/// What the callee says after the final answer, or after the caller is gone, is absorbed.
#[test]
fn late_answers_are_absorbed() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [48,1,{},"com.x"]
        a< [68,1,1,{}]
        a> [70,1,{}]
        b< [50,1,{}]
        a> [70,1,{}]
        a> [70,1,{"progress":true}]
        a> [8,68,1,{},"com.failed"]
        "#,
    );
}

/// An error URI that is none does not leave the caller without an answer.
#[test]
fn an_invalid_error_uri_of_a_callee_is_replaced() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [48,1,{},"com.x"]
        a< [68,1,1,{}]
        a> [8,68,1,{},"com..failed"]
        b< [8,48,1,{},"wamp.error.invalid_uri",["the callee failed with \"com..failed\", which is not a valid URI here"]]
        "#,
    );
}

#[test]
fn options_of_call_are_checked() {
    check(
        r#"
        join a
        a< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        a> [48,2,{"disclose_me":"yes"},"com.x"]
        a< [8,48,2,{},"wamp.error.invalid_argument",["option \"disclose_me\" is not a boolean"]]
        a> [48,3,{"receive_progress":1},"com.x"]
        a< [8,48,3,{},"wamp.error.invalid_argument",*
        a> [48,5,{"timeout":"5"},"com.x"]
        a< [8,48,5,{},"wamp.error.invalid_argument",["option \"timeout\" is not a number of milliseconds"]]
        a> [48,6,{"timeout":-5},"com.x"]
        a< [8,48,6,{},"wamp.error.invalid_argument",*
        a> [48,4,{"receive_progress":null,"timeout":5,"unknown":{}},"com.x"]
        a< [68,1,1,{}]
        "#,
    );
}

/// "Caller Identification": on request, or because the gate says so.
#[test]
fn a_caller_is_disclosed_on_request_or_by_the_gate() {
    check(
        r#"
        join a
        a< [2,*
        join b backend
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        a> [64,2,{"match":"prefix"},"com.disclosed"]
        a< [65,2,2]
        b> [48,1,{"disclose_me":true},"com.x"]
        a< [68,1,1,{"caller":$b,"caller_authid":"b","caller_authrole":"backend"}]
        b> [48,2,{},"com.x"]
        a< [68,2,1,{}]
        b> [48,3,{},"com.disclosed.x"]
        a< [68,3,2,{"procedure":"com.disclosed.x","caller":$b,"caller_authid":"b","caller_authrole":"backend"}]
        "#,
    );
}

/// "Progressive Call Results".
#[test]
fn progressive_results_are_passed_on_before_the_last() {
    check(
        r#"
        join a canceling progress
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [48,1,{"receive_progress":true},"com.x"]
        a< [68,1,1,{"receive_progress":true}]
        a> [70,1,{"progress":true},[1]]
        b< [50,1,{"progress":true},[1]]
        a> [70,1,{"progress":true}]
        b< [50,1,{"progress":true}]
        a> [70,1,{"progress":false},[2]]
        b< [50,1,{},[2]]
        a> [70,1,{"progress":true},[3]]
        b> [48,2,{"receive_progress":true},"com.x"]
        a< [68,2,1,{"receive_progress":true}]
        a> [8,68,2,{},"com.failed"]
        b< [8,48,2,{},"com.failed"]
        "#,
    );
}

/// A callee that cannot be canceled is asked, too, and what it sends to nobody is absorbed; results
/// that nobody asked for are not passed on.
#[test]
fn progressive_results_need_both_sides() {
    check(
        r#"
        join a progress
        a< [2,*
        join b canceling
        b< [2,*
        join c
        c< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [64,1,{},"com.y"]
        b< [65,1,2]
        c> [48,1,{"receive_progress":true},"com.x"]
        a< [68,1,1,{"receive_progress":true}]
        c> [48,2,{"receive_progress":true},"com.y"]
        b< [68,1,2,{}]
        c> [48,3,{},"com.x"]
        a< [68,2,1,{}]
        a> [70,2,{"progress":true},[1]]
        a> [70,2,{},[2]]
        c< [50,3,{},[2]]
        a> [70,1,{"progress":true},[3]]
        c< [50,1,{"progress":true},[3]]
        c> [49,1,{"mode":"kill"}]
        c< [8,48,1,{},"wamp.error.canceled",*
        a> [70,1,{"progress":true},[4]]
        a> [70,1,{},[5]]
        "#,
    );
}

/// "Call Canceling", mode `skip`.
#[test]
fn skip_answers_the_caller_and_does_not_tell_the_callee() {
    check(
        r#"
        join a canceling
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [48,1,{},"com.x"]
        a< [68,1,1,{}]
        b> [49,1,{"mode":"skip"}]
        b< [8,48,1,{},"wamp.error.canceled",["the caller canceled the call"]]
        a> [70,1,{},[1]]
        b> [49,1,{"mode":"skip"}]
        "#,
    );
}

/// "Call Canceling", mode `kill`: the callee has the last word.
#[test]
fn kill_interrupts_and_waits_for_the_callee() {
    check(
        r#"
        join a canceling
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [48,1,{},"com.x"]
        a< [68,1,1,{}]
        b> [49,1,{"mode":"kill"}]
        a< [69,1,{"mode":"kill"}]
        b> [49,1,{"mode":"kill"}]
        a> [8,68,1,{},"wamp.error.canceled"]
        b< [8,48,1,{},"wamp.error.canceled"]
        b> [48,2,{},"com.x"]
        a< [68,2,1,{}]
        b> [49,2,{"mode":"kill"}]
        a< [69,2,{"mode":"kill"}]
        a> [70,2,{},["too fast"]]
        b< [50,2,{},["too fast"]]
        b> [48,3,{},"com.x"]
        a< [68,3,1,{}]
        b> [49,3,{"mode":"kill"}]
        a< [69,3,{"mode":"kill"}]
        b> [49,3,{"mode":"killnowait"}]
        b< [8,48,3,{},"wamp.error.canceled",*
        a> [8,68,3,{},"wamp.error.canceled"]
        "#,
    );
}

/// "Call Canceling", mode `killnowait`, which is also the mode of a CANCEL without one.
#[test]
fn killnowait_interrupts_and_answers_at_once() {
    check(
        r#"
        join a canceling
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [48,1,{},"com.x"]
        a< [68,1,1,{}]
        b> [49,1,{"mode":"killnowait"}]
        a< [69,1,{"mode":"killnowait"}]
        b< [8,48,1,{},"wamp.error.canceled",*
        a> [70,1,{},[1]]
        b> [48,2,{},"com.x"]
        a< [68,2,1,{}]
        b> [49,2,{}]
        a< [69,2,{"mode":"killnowait"}]
        b< [8,48,2,{},"wamp.error.canceled",*
        a> [8,68,2,{},"wamp.error.canceled"]
        b> [48,3,{},"com.x"]
        a< [68,3,1,{}]
        b> [49,3,{"mode":null}]
        a< [69,3,{"mode":"killnowait"}]
        b< [8,48,3,{},"wamp.error.canceled",*
        "#,
    );
}

/// A callee without the feature is skipped, whatever the mode.
#[test]
fn canceling_falls_back_to_skip() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [48,1,{},"com.x"]
        a< [68,1,1,{}]
        b> [49,1,{"mode":"kill"}]
        b< [8,48,1,{},"wamp.error.canceled",*
        a> [70,1,{}]
        b> [48,2,{},"com.x"]
        a< [68,2,1,{}]
        b> [49,2,{"mode":"killnowait"}]
        b< [8,48,2,{},"wamp.error.canceled",*
        "#,
    );
}

/// A CANCEL that is no good leaves the call alone; one for a call that is over is ignored.
#[test]
fn canceling_what_cannot_be_canceled() {
    check(
        r#"
        join a canceling
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [48,1,{},"com.x"]
        a< [68,1,1,{}]
        b> [49,1,{"mode":"maim"}]
        b< [8,49,1,{},"wamp.error.invalid_argument",["option \"mode\" is not a cancel mode"]]
        b> [49,1,{"mode":7}]
        b< [8,49,1,{},"wamp.error.invalid_argument",*
        a> [49,1,{}]
        b> [49,99,{}]
        a> [70,1,{}]
        b< [50,1,{}]
        b> [49,1,{}]
        "#,
    );
}

/// `wamp.error.payload_size_exceeded`: the caller never waits for what was dropped.
#[test]
fn what_is_too_large_ends_the_call() {
    check(
        r#"
        join a canceling progress
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [48,1,{},"com.x"]
        a< [68,1,1,{}]
        toolarge a INVOCATION 1
        b< [8,48,1,{},"wamp.error.payload_size_exceeded",["the invocation exceeds what the callee's transport takes"]]
        ! undeliverable $a INVOCATION
        toolarge a INVOCATION 1
        ! undeliverable $a INVOCATION
        b> [48,2,{},"com.x"]
        a< [68,2,1,{}]
        a> [70,2,{},[1]]
        b< [50,2,{},[1]]
        toolarge b RESULT 2
        b< [8,48,2,{},"wamp.error.payload_size_exceeded",["the answer exceeds what the caller's transport takes"]]
        ! undeliverable $b RESULT
        b> [48,3,{"receive_progress":true},"com.x"]
        a< [68,3,1,{"receive_progress":true}]
        a> [70,3,{"progress":true},[1]]
        b< [50,3,{"progress":true},[1]]
        toolarge b RESULT 3 progress
        a< [69,3,{"mode":"killnowait"}]
        b< [8,48,3,{},"wamp.error.payload_size_exceeded",*
        ! undeliverable $b RESULT
        a> [70,3,{},[2]]
        b> [48,4,{},"com.x"]
        a< [68,4,1,{}]
        a> [8,68,4,{},"com.failed"]
        b< [8,48,4,{},"com.failed"]
        toolarge b ERROR 4
        b< [8,48,4,{},"wamp.error.payload_size_exceeded",*
        ! undeliverable $b ERROR
        "#,
    );
}

/// The caller of a call that is over has its final reply, whatever became of the results before.
#[test]
fn a_result_before_the_last_that_is_too_large_does_not_end_a_call_twice() {
    check(
        r#"
        join a canceling progress
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [48,1,{"receive_progress":true},"com.x"]
        a< [68,1,1,{"receive_progress":true}]
        a> [70,1,{"progress":true},[1]]
        b< [50,1,{"progress":true},[1]]
        a> [70,1,{},[2]]
        b< [50,1,{},[2]]
        toolarge b RESULT 1 progress
        ! undeliverable $b RESULT
        "#,
    );
}

/// "Caller Identification": the callee may ask for it, and the configuration may forbid it.
#[test]
fn a_callee_can_ask_who_calls_unless_the_configuration_forbids_it() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{"disclose_caller":true},"com.x"]
        a< [65,1,1]
        b> [48,1,{},"com.x"]
        a< [68,1,1,{"caller":$b,"caller_authid":"b","caller_authrole":"anonymous"}]
        a> [64,2,{"disclose_caller":true},"com.hidden"]
        a< [65,2,2]
        b> [48,2,{},"com.hidden"]
        a< [68,2,2,{}]
        b> [48,3,{"disclose_me":true},"com.hidden"]
        b< [8,48,3,{},"wamp.error.option_disallowed.disclose_me",["the router does not disclose who calls or publishes \"com.hidden\""]]
        "#,
    );
}

/// "Call Trust Levels": that of the caller's role.
#[test]
fn an_invocation_tells_the_trust_level_of_the_callers_role() {
    check(
        r#"
        join a
        a< [2,*
        join b trusted
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [48,1,{},"com.x"]
        a< [68,1,1,{"trustlevel":3}]
        a> [48,2,{},"com.x"]
        a< [68,2,1,{}]
        "#,
    );
}

/// "Call Timeouts", by the callee: if it has announced and asked for it.
#[test]
fn a_timeout_is_forwarded_to_a_callee_that_looks_after_it() {
    check(
        r#"
        join a timeout
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{"forward_timeout":true},"com.x"]
        a< [65,1,1]
        a> [64,2,{},"com.y"]
        a< [65,2,2]
        b> [64,1,{"forward_timeout":true},"com.z"]
        b< [65,1,3]
        b> [48,2,{"timeout":10},"com.x"]
        a< [68,1,1,{"timeout":10}]
        pass 100ms
        a> [8,68,1,{},"wamp.error.timeout"]
        b< [8,48,2,{},"wamp.error.timeout"]
        b> [48,3,{"timeout":10},"com.y"]
        a< [68,2,2,{}]
        a> [48,3,{"timeout":10},"com.z"]
        b< [68,1,3,{}]
        pass 10ms
        b< [8,48,3,{},"wamp.error.timeout",*
        a< [8,48,3,{},"wamp.error.timeout",*
        "#,
    );
}

/// The longest time of the realm counts for those who look after timeouts themselves, too.
#[test]
fn a_forwarded_timeout_is_limited_by_the_realm() {
    let max_timeout = Some(Duration::from_millis(50));
    let calls = CallSettings { max_timeout, ..CallSettings::default() };
    check_with(
        &Setup { calls, ..Setup::default() },
        r#"
        join a timeout
        a< [2,*
        a> [64,1,{"forward_timeout":true},"com.x"]
        a< [65,1,1]
        a> [48,2,{"timeout":80},"com.x"]
        a< [68,1,1,{"timeout":50}]
        pass 50ms
        a< [8,48,2,{},"wamp.error.timeout",*
        "#,
    );
}

/// "Call Timeouts", by the dealer: milliseconds from the CALL to the answer.
#[test]
fn a_call_that_is_not_answered_in_time_ends_with_a_timeout() {
    check(
        r#"
        join a canceling
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [48,1,{"timeout":100},"com.x"]
        a< [68,1,1,{}]
        b> [48,2,{"timeout":50},"com.x"]
        a< [68,2,1,{}]
        b> [48,3,{"timeout":0},"com.x"]
        a< [68,3,1,{}]
        b> [48,4,{"timeout":60},"com.x"]
        a< [68,4,1,{}]
        pass 49ms
        a> [70,4,{}]
        b< [50,4,{}]
        pass 2ms
        a< [69,2,{"mode":"killnowait"}]
        b< [8,48,2,{},"wamp.error.timeout",["the callee did not answer within 50 ms"]]
        a> [70,2,{}]
        pass 1000ms
        a< [69,1,{"mode":"killnowait"}]
        b< [8,48,1,{},"wamp.error.timeout",["the callee did not answer within 100 ms"]]
        a> [70,3,{}]
        b< [50,3,{}]
        "#,
    );
}

/// The cancel mode is `skip` then: there is no INTERRUPT for who cannot be interrupted, nor a
/// second one for who has been.
#[test]
fn a_timeout_interrupts_only_who_can_be_interrupted_and_is_not() {
    check(
        r#"
        join a
        a< [2,*
        join b canceling
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [64,1,{},"com.y"]
        b< [65,1,2]
        b> [48,2,{"timeout":10},"com.x"]
        a< [68,1,1,{}]
        a> [48,2,{"timeout":20},"com.y"]
        b< [68,1,2,{}]
        a> [49,2,{"mode":"kill"}]
        b< [69,1,{"mode":"kill"}]
        pass 20ms
        b< [8,48,2,{},"wamp.error.timeout",*
        a< [8,48,2,{},"wamp.error.timeout",*
        "#,
    );
}

/// "Progressive Call Results", timeouts: the time counts from each result.
#[test]
fn progressive_results_let_the_time_of_a_call_begin_anew() {
    check(
        r#"
        join a canceling progress
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [48,1,{"timeout":100,"receive_progress":true},"com.x"]
        a< [68,1,1,{"receive_progress":true}]
        pass 90ms
        a> [70,1,{"progress":true}]
        b< [50,1,{"progress":true}]
        pass 90ms
        a> [70,1,{"progress":true}]
        b< [50,1,{"progress":true}]
        pass 100ms
        a< [69,1,{"mode":"killnowait"}]
        b< [8,48,1,{},"wamp.error.timeout",*
        "#,
    );
}

#[test]
fn the_realm_has_a_default_and_a_longest_timeout() {
    let default_timeout = Some(Duration::from_millis(30));
    let max_timeout = Some(Duration::from_millis(50));
    let calls = CallSettings { default_timeout, max_timeout, ..CallSettings::default() };
    check_with(
        &Setup { calls, ..Setup::default() },
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [48,1,{},"com.x"]
        a< [68,1,1,{}]
        b> [48,2,{"timeout":0},"com.x"]
        a< [68,2,1,{}]
        b> [48,3,{"timeout":40},"com.x"]
        a< [68,3,1,{}]
        b> [48,4,{"timeout":500},"com.x"]
        a< [68,4,1,{}]
        pass 30ms
        b< [8,48,1,{},"wamp.error.timeout",*
        pass 10ms
        b< [8,48,3,{},"wamp.error.timeout",*
        pass 10ms
        b< [8,48,2,{},"wamp.error.timeout",*
        b< [8,48,4,{},"wamp.error.timeout",*
        "#,
    );
}
