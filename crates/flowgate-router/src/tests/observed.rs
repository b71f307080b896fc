//! What the observer is told about calls, publications, registrations and subscriptions.

use std::time::Duration;

use flowgate_wire::MatchPolicy;

use super::{Setup, check, check_with};
use crate::CallSettings;

#[test]
fn every_call_that_is_accepted_starts_and_ends_once() {
    check(
        r#"
        join a canceling
        a< [2,*
        join b
        b< [2,*
        observe work
        a> [64,1,{"match":"prefix"},"com"]
        a< [65,1,1]
        ! registration 1 com prefix single
        b> [48,1,{},"com.x"]
        a< [68,1,1,{"procedure":"com.x"}]
        ! call of 1
        a> [70,1,{}]
        b< [50,1,{}]
        ! call of 1 ended ok
        a> [70,1,{}]
        b> [48,2,{},"com.x"]
        a< [68,2,1,{"procedure":"com.x"}]
        ! call of 1
        a> [8,68,2,{},"com.failed"]
        b< [8,48,2,{},"com.failed"]
        ! call of 1 ended error: com.failed
        b> [48,3,{},"com.x"]
        a< [68,3,1,{"procedure":"com.x"}]
        ! call of 1
        b> [49,3,{"mode":"killnowait"}]
        a< [69,3,{"mode":"killnowait"}]
        b< [8,48,3,*
        ! call of 1 ended canceled: wamp.error.canceled
        b> [48,4,{},"com.x"]
        a< [68,4,1,{"procedure":"com.x"}]
        ! call of 1
        a> [66,2,1]
        a< [67,2]
        ! registration 1 gone
        leave a
        b< [8,48,4,*
        ! call of 1 ended callee_gone: wamp.error.canceled
        "#,
    );
}

#[test]
fn a_call_whose_caller_leaves_or_whose_time_is_over_ends() {
    let calls =
        CallSettings { default_timeout: Some(Duration::from_millis(10)), ..Default::default() };
    check_with(
        &Setup { calls, ..Setup::default() },
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        observe work
        b> [48,1,{},"com.x"]
        a< [68,1,1,{}]
        ! call of 1
        pass 10ms
        b< [8,48,1,*
        ! call of 1 ended timeout: wamp.error.timeout
        b> [48,2,{},"com.x"]
        a< [68,2,1,{}]
        ! call of 1
        leave b
        ! call of 1 ended caller_gone
        "#,
    );
}

#[test]
fn calls_that_are_refused_or_answered_by_the_router_end_without_a_start() {
    check(
        r#"
        join a
        a< [2,*
        observe work
        a> [48,1,{},"com.none"]
        a< [8,48,1,*
        ! call of nothing ended no_callee: wamp.error.no_such_procedure
        a> [48,2,{},"com.secret"]
        a< [8,48,2,*
        ! denied *
        ! call of nothing ended denied: wamp.error.not_authorized
        a> [48,3,{},"wamp.session.count"]
        a< [50,3,{},[1]]
        ! call of wamp.session.count ended ok
        a> [48,4,{},"wamp.session.get",[0]]
        a< [8,48,4,*
        ! call of wamp.session.get ended error: wamp.error.*
        a> [48,5,{},"wamp.session.nonsense"]
        a< [8,48,5,*
        ! call of nothing ended no_callee: wamp.error.no_such_procedure
        "#,
    );
}

#[test]
fn publications_are_told_with_how_many_get_them() {
    check_with(
        &Setup { histories: &[("com.kept", MatchPolicy::Exact, 1)], ..Setup::default() },
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        observe work
        a> [32,1,{},"com.x"]
        a< [33,1,2]
        ! subscription 2 com.x exact
        b> [32,1,{},"com.x"]
        b< [33,1,2]
        b> [32,2,{"match":"prefix"},"com"]
        b< [33,2,3]
        ! subscription 3 com prefix
        b> [32,3,{},"com.kept"]
        b< [33,3,1]
        ! subscription 1 com.kept exact
        a> [16,2,{"exclude_me":false},"com.x"]
        a< [36,2,$p1,{}]
        b< [36,2,$p1,{}]
        b< [36,3,$p1,{"topic":"com.x"}]
        ! published com.x 3
        a> [16,3,{},"org.x"]
        ! published org.x 0
        a> [16,4,{"acknowledge":true},"com.secret"]
        a< [8,16,4,*
        ! denied *
        ! publication to com.secret refused: wamp.error.not_authorized
        b> [34,4,3]
        b< [35,4]
        ! subscription 3 gone
        leave b
        ! subscription 1 gone
        leave a
        ! subscription 2 gone
        "#,
    );
}
