//! "Shared Registration", "Call Re-Routing" and "Sharded Registration".

use super::check;

/// Three callees of one policy, and who gets the next calls.
fn check_policy(invoke: &str, callees: &str) {
    let mut script = "join d\nd< [2,*\n".to_owned();
    for name in ["a", "b", "c"] {
        script += &format!(
            "join {name}\n{name}< [2,*\n{name}> [64,1,{{\"invoke\":\"{invoke}\"}},\"com.x\"]\n{name}< [65,1,1]\n"
        );
    }
    let mut invocations = [0; 3];
    for (number, callee) in callees.chars().enumerate() {
        let count = &mut invocations["abc".find(callee).expect("a callee")];
        *count += 1;
        script +=
            &format!("d> [48,{},{{}},\"com.x\"]\n{callee}< [68,{count},1,{{}}]\n", number + 1);
    }
    check(&script);
}

#[test]
fn the_policy_chooses_the_callee() {
    check_policy("first", "aaa");
    check_policy("last", "ccc");
    check_policy("roundrobin", "abcabca");
    check_policy("queue_least_loaded", "abcabc");
}

/// From the seed, so always the same; all of them in the end.
#[test]
fn random_calls_go_to_all_callees() {
    check_policy("random", "baaaacab");
}

#[test]
fn the_least_loaded_callee_is_the_one_with_the_fewest_pending_calls() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{"invoke":"queue_least_loaded"},"com.x"]
        a< [65,1,1]
        b> [64,1,{"invoke":"queue_least_loaded"},"com.x"]
        b< [65,1,1]
        a> [48,2,{},"com.x"]
        a< [68,1,1,{}]
        a> [48,3,{},"com.x"]
        b< [68,1,1,{}]
        b> [70,1,{}]
        a< [50,3,{}]
        a> [48,4,{},"com.x"]
        b< [68,2,1,{}]
        a> [48,5,{},"com.x"]
        a< [68,2,1,{}]
        "#,
    );
}

/// When a callee leaves, the next is whose turn it was.
#[test]
fn standby_and_turns_survive_callees_that_leave() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        join c
        c< [2,*
        a> [64,1,{"invoke":"first"},"com.x"]
        a< [65,1,1]
        b> [64,1,{"invoke":"first"},"com.x"]
        b< [65,1,1]
        a> [64,2,{"invoke":"roundrobin"},"com.y"]
        a< [65,2,2]
        b> [64,2,{"invoke":"roundrobin"},"com.y"]
        b< [65,2,2]
        c> [64,1,{"invoke":"roundrobin"},"com.y"]
        c< [65,1,2]
        c> [48,2,{},"com.y"]
        a< [68,1,2,{}]
        a> [70,1,{}]
        c< [50,2,{}]
        leave a
        c> [48,3,{},"com.x"]
        b< [68,1,1,{}]
        c> [48,4,{},"com.y"]
        b< [68,2,2,{}]
        c> [48,5,{},"com.y"]
        c< [68,1,2,{}]
        b> [66,3,1]
        b< [67,3]
        c> [48,6,{},"com.x"]
        c< [8,48,6,{},"wamp.error.no_such_procedure",*
        "#,
    );
}

#[test]
fn callees_must_agree_on_the_policy() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{"invoke":"random"},"com.x"]
        a< [65,1,1]
        b> [64,1,{"invoke":"first"},"com.x"]
        b< [8,64,1,{},"wamp.error.procedure_exists_with_different_invocation_policy",["procedure \"com.x\" is registered with another invocation policy"]]
        b> [64,2,{},"com.x"]
        b< [8,64,2,{},"wamp.error.procedure_exists_with_different_invocation_policy",*
        a> [64,2,{"invoke":"random"},"com.x"]
        a< [65,2,1]
        a> [64,3,{},"com.y"]
        a< [65,3,2]
        b> [64,3,{"invoke":"random"},"com.y"]
        b< [8,64,3,{},"wamp.error.procedure_already_exists",*
        a> [66,4,1]
        a< [67,4]
        b> [64,4,{"invoke":"first"},"com.x"]
        b< [65,4,3]
        "#,
    );
}

/// "Call Re-Routing": by the order of the policy, until nobody is left.
#[test]
fn an_unavailable_callee_leaves_the_call_to_the_next() {
    for (invoke, order) in [("first", "abc"), ("last", "cba"), ("roundrobin", "abc")] {
        let mut script = "join d\nd< [2,*\n".to_owned();
        for name in ["a", "b", "c"] {
            script += &format!(
                "join {name} reroute\n{name}< [2,*\n{name}> [64,1,{{\"invoke\":\"{invoke}\"}},\"com.x\"]\n{name}< [65,1,1]\n"
            );
        }
        script += "d> [48,1,{\"disclose_me\":true},\"com.x\",[7]]\n";
        for callee in order.chars() {
            script += &format!(
                "{callee}< [68,1,1,{{\"caller\":$d,\"caller_authid\":\"d\",\"caller_authrole\":\"anonymous\"}},[7]]\n{callee}> [8,68,1,{{}},\"wamp.error.unavailable\"]\n"
            );
        }
        script +=
            "d< [8,48,1,{},\"wamp.error.no_available_callee\",[\"no callee is available\"]]\n";
        check(&script);
    }
}

#[test]
fn unavailable_is_an_error_like_others_unless_the_callee_has_announced_it() {
    check(
        r#"
        join a
        a< [2,*
        join b reroute
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [64,1,{},"com.y"]
        b< [65,1,2]
        b> [48,2,{},"com.x"]
        a< [68,1,1,{}]
        a> [8,68,1,{},"wamp.error.unavailable",["busy"]]
        b< [8,48,2,{},"wamp.error.unavailable",["busy"]]
        b> [48,3,{},"com.y"]
        b< [68,1,2,{}]
        b> [8,68,1,{},"wamp.error.unavailable"]
        b< [8,48,3,{},"wamp.error.no_available_callee",*
        "#,
    );
}

/// A timeout that the first callee looked after is the dealer's with a second that does not; and
/// who has canceled gets no other callee.
#[test]
fn rerouted_calls_keep_their_timeout_and_can_be_canceled() {
    check(
        r#"
        join a reroute timeout canceling
        a< [2,*
        join b reroute canceling
        b< [2,*
        a> [64,1,{"invoke":"first","forward_timeout":true},"com.x"]
        a< [65,1,1]
        b> [64,1,{"invoke":"first"},"com.x"]
        b< [65,1,1]
        b> [48,2,{"timeout":10},"com.x"]
        a< [68,1,1,{"timeout":10}]
        a> [8,68,1,{},"wamp.error.unavailable"]
        b< [68,1,1,{}]
        pass 10ms
        b< [69,1,{"mode":"killnowait"}]
        b< [8,48,2,{},"wamp.error.timeout",*
        b> [48,3,{},"com.x"]
        a< [68,2,1,{}]
        b> [49,3,{"mode":"kill"}]
        a< [69,2,{"mode":"kill"}]
        a> [8,68,2,{},"wamp.error.unavailable"]
        b< [8,48,3,{},"wamp.error.canceled",*
        "#,
    );
}

/// "Sharded Registration", partitioned calls: one key, one callee; only the keys of a callee that
/// leaves move.
#[test]
fn partitioned_calls_go_where_their_key_is() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        join c
        c< [2,*
        a> [64,1,{"invoke":"roundrobin"},"com.x"]
        a< [65,1,1]
        b> [64,1,{"invoke":"roundrobin"},"com.x"]
        b< [65,1,1]
        c> [64,1,{"invoke":"roundrobin"},"com.x"]
        c< [65,1,1]
        c> [48,2,{"runmode":"partition","rkey":"k1"},"com.x"]
        c< [68,1,1,{}]
        c> [48,3,{"runmode":"partition","rkey":"k1"},"com.x"]
        c< [68,2,1,{}]
        c> [48,4,{"runmode":"partition","rkey":"k2"},"com.x"]
        b< [68,1,1,{}]
        leave a
        c> [48,8,{"runmode":"partition","rkey":"k1"},"com.x"]
        c< [68,3,1,{}]
        b> [66,2,1]
        b< [67,2]
        c> [48,9,{"runmode":"partition","rkey":"k2"},"com.x"]
        c< [68,4,1,{}]
        c> [48,5,{"runmode":"partition"},"com.x"]
        c< [8,48,5,{},"wamp.error.invalid_argument",["option \"rkey\" is not a string, which runmode \"partition\" needs"]]
        c> [48,7,{"runmode":"partition","rkey":7},"com.x"]
        c< [8,48,7,{},"wamp.error.invalid_argument",*
        "#,
    );
}

/// "Sharded Registration", calls to all: the specification does not say what becomes of results.
#[test]
fn other_run_modes_than_partition_are_refused() {
    check(
        r#"
        join a
        a< [2,*
        a> [64,1,{"invoke":"roundrobin"},"com.x"]
        a< [65,1,1]
        a> [48,2,{"runmode":"all"},"com.x"]
        a< [8,48,2,{},"wamp.error.option_not_allowed",["option \"runmode\" can only be \"partition\""]]
        a> [48,3,{"runmode":"all","rkey":"k1"},"com.x"]
        a< [8,48,3,{},"wamp.error.option_not_allowed",*
        "#,
    );
}
