//! Callees that take so many calls at a time (`concurrency`), and calls that wait for them.

use super::{Setup, check, check_with};
use crate::CallSettings;

fn with_queue(queue_limit: usize) -> Setup {
    let calls = CallSettings { queue_limit, ..CallSettings::default() };
    Setup { calls, ..Setup::default() }
}

#[test]
fn a_callee_gets_no_more_calls_than_it_takes() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{"concurrency":2},"com.x"]
        a< [65,1,1]
        b> [48,1,{},"com.x"]
        a< [68,1,1,{}]
        b> [48,2,{},"com.x"]
        a< [68,2,1,{}]
        b> [48,3,{},"com.x"]
        b< [8,48,3,{},"crossbar.error.max_concurrency_reached",["all callees of \"com.x\" are busy"]]
        b> [49,1,{"mode":"skip"}]
        b< [8,48,1,{},"wamp.error.canceled",*
        b> [48,4,{},"com.x"]
        a< [68,3,1,{}]
        "#,
    );
}

/// Those who share a procedure are tried in turn; who stands by is not called for being free.
#[test]
fn a_busy_callee_is_passed_over_in_turn_but_not_by_standby() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{"invoke":"roundrobin","concurrency":1},"com.x"]
        a< [65,1,1]
        b> [64,1,{"invoke":"roundrobin"},"com.x"]
        b< [65,1,1]
        b> [48,2,{},"com.x"]
        a< [68,1,1,{}]
        b> [48,3,{},"com.x"]
        b< [68,1,1,{}]
        b> [48,4,{},"com.x"]
        b< [68,2,1,{}]
        a> [64,2,{"invoke":"first","concurrency":1},"com.y"]
        a< [65,2,2]
        b> [64,5,{"invoke":"first"},"com.y"]
        b< [65,5,2]
        b> [48,6,{},"com.y"]
        a< [68,2,2,{}]
        b> [48,7,{},"com.y"]
        b< [8,48,7,{},"crossbar.error.max_concurrency_reached",*
        "#,
    );
}

/// First come, first served, with everything that the call said.
#[test]
fn calls_wait_in_order_until_a_callee_is_free() {
    check_with(
        &with_queue(2),
        r#"
        join a canceling progress
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{"concurrency":1,"match":"prefix"},"com."]
        a< [65,1,1]
        b> [48,1,{},"com.x"]
        a< [68,1,1,{"procedure":"com.x"}]
        b> [48,2,{"disclose_me":true,"receive_progress":true},"com.y",[1],{"k":2}]
        b> [48,3,{},"com.z"]
        b> [48,4,{},"com.z"]
        b< [8,48,4,{},"crossbar.error.max_concurrency_reached",*
        a> [70,1,{}]
        b< [50,1,{}]
        a< [68,2,1,{"procedure":"com.y","caller":$b,"caller_authid":"b","caller_authrole":"anonymous","receive_progress":true},[1],{"k":2}]
        a> [70,2,{"progress":true}]
        b< [50,2,{"progress":true}]
        a> [8,68,2,{},"com.failed"]
        b< [8,48,2,{},"com.failed"]
        a< [68,3,1,{"procedure":"com.z"}]
        "#,
    );
}

#[test]
fn waiting_calls_can_be_canceled_and_time_out_and_leave() {
    check_with(
        &with_queue(10),
        r#"
        join a canceling
        a< [2,*
        join b
        b< [2,*
        join c
        c< [2,*
        a> [64,1,{"concurrency":1},"com.x"]
        a< [65,1,1]
        b> [48,1,{},"com.x"]
        a< [68,1,1,{}]
        b> [48,2,{},"com.x"]
        b> [48,3,{"timeout":5},"com.x"]
        c> [48,1,{},"com.x"]
        b> [48,4,{},"com.x"]
        b> [49,2,{"mode":"kill"}]
        b< [8,48,2,{},"wamp.error.canceled",*
        pass 5ms
        b< [8,48,3,{},"wamp.error.timeout",*
        leave c
        a> [70,1,{}]
        b< [50,1,{}]
        a< [68,2,1,{}]
        "#,
    );
}

/// The last callee takes the hope with it; another brings it.
#[test]
fn waiting_calls_end_with_their_registration_and_begin_with_another_callee() {
    check_with(
        &with_queue(10),
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        join c
        c< [2,*
        a> [64,1,{"concurrency":1,"invoke":"last"},"com.x"]
        a< [65,1,1]
        c> [48,1,{},"com.x"]
        a< [68,1,1,{}]
        c> [48,2,{},"com.x"]
        b> [64,1,{"concurrency":1,"invoke":"last"},"com.x"]
        b< [65,1,1]
        b< [68,1,1,{}]
        c> [48,3,{},"com.x"]
        b> [66,2,1]
        b< [67,2]
        c> [48,4,{},"com.x"]
        leave a
        c< [8,48,1,{},"wamp.error.canceled",["the callee left before it answered"]]
        c< [8,48,3,{},"wamp.error.canceled",*
        c< [8,48,4,{},"wamp.error.canceled",*
        b> [70,1,{}]
        c< [50,2,{}]
        "#,
    );
}

#[test]
fn a_call_in_parts_does_not_wait() {
    check_with(
        &with_queue(10),
        r#"
        join a canceling parts
        a< [2,*
        a> [64,1,{"concurrency":1},"com.x"]
        a< [65,1,1]
        a> [48,2,{},"com.x"]
        a< [68,1,1,{}]
        a> [48,3,{"progress":true},"com.x"]
        a< [8,48,3,{},"crossbar.error.max_concurrency_reached",*
        "#,
    );
}

#[test]
fn a_shutdown_ends_waiting_calls() {
    check_with(
        &with_queue(10),
        r#"
        join a
        a< [2,*
        a> [64,1,{"concurrency":1},"com.x"]
        a< [65,1,1]
        a> [48,2,{},"com.x"]
        a< [68,1,1,{}]
        a> [48,3,{},"com.x"]
        shutdown
        a< [8,48,2,{},"wamp.error.canceled",*
        a< [8,48,3,{},"wamp.error.canceled",*
        a< [6,*
        "#,
    );
}
