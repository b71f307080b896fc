//! How sessions join and leave, and what becomes of what they held.

use std::fmt::Write as _;

use flowgate_wire::{MatchPolicy, Value};

use super::{
    Setup, check, check_with,
    harness::{join_random, welcome_details},
};
use crate::{MetaApi, Realm, RetentionConfig};

#[test]
fn welcome_says_who_the_session_is_and_what_works() {
    let broker = [
        "pattern_based_subscription",
        "payload_passthru_mode",
        "publication_trustlevels",
        "publisher_exclusion",
        "publisher_identification",
        "shareded_subscriptions",
        "subscriber_blackwhite_listing",
    ];
    let dealer = [
        "call_canceling",
        "call_reroute",
        "call_timeout",
        "call_trustlevels",
        "caller_identification",
        "pattern_based_registration",
        "payload_passthru_mode",
        "progressive_call_invocations",
        "progressive_call_results",
        "registration_revocation",
        "sharded_registration",
        "shared_registration",
    ];
    let roles = |of_broker: &[&'static str], of_both: &[&'static str]| {
        let features = |own: &[&'static str], more: &[&'static str]| {
            let names = own.iter().chain(more).chain(of_both).copied();
            let features = Value::dict(names.map(|name| (name, Value::Bool(true))));
            Value::dict([("features", features)])
        };
        let of_dealer: &[&str] = match of_both {
            [] => &[],
            _ => &["registration_meta_api", "testament_meta_api"],
        };
        Value::dict([
            ("broker", features(&broker, of_broker)),
            ("dealer", features(&dealer, of_dealer)),
        ])
    };
    let expected = |roles| {
        Value::dict([
            ("realm", Value::from("realm1")),
            ("authid", Value::from("a")),
            ("authrole", Value::from("anonymous")),
            ("authmethod", Value::from("anonymous")),
            ("authprovider", Value::from("static")),
            ("agent", Value::from("Flowgate")),
            ("roles", roles),
        ])
    };
    let details = welcome_details(&Setup::default());
    let meta = ["event_retention", "subscription_meta_api", "subscription_revocation"];
    assert_eq!(details, expected(roles(&meta, &["session_meta_api"])));
    let histories = &[("com.x", MatchPolicy::Exact, 10)];
    let details = welcome_details(&Setup { histories, ..Setup::default() });
    let with_history = [meta.as_slice(), &["event_history"]].concat();
    assert_eq!(details, expected(roles(&with_history, &["session_meta_api"])));
    let retention = RetentionConfig { limit: 0, ..RetentionConfig::default() };
    let meta_api = MetaApi::Disabled;
    let details = welcome_details(&Setup { meta_api, histories, retention, ..Setup::default() });
    assert_eq!(details, expected(roles(&[], &[])));
}

#[test]
fn random_names_and_sessions_come_from_the_seed() {
    let [first, same, other] = [1, 1, 2].map(join_random);
    assert_eq!(first, same);
    assert_ne!(first.0, other.0);
    assert_ne!(first.1, other.1);
    let groups: Vec<&str> = first.1.split('-').collect();
    assert_eq!(groups.iter().map(|group| group.len()).collect::<Vec<_>>(), [4, 4, 4, 4]);
    assert!(first.1.chars().all(|letter| !"01IO".contains(letter)), "{}", first.1);
}

#[test]
fn an_unknown_role_is_refused() {
    check(
        r#"
        observe sessions
        join w
        w< [2,*
        ! joined $w w anonymous anonymous
        w> [32,1,{},"wamp.session.on_leave"]
        w< [33,1,1]
        w> [32,2,{},"wamp.session.on_join"]
        w< [33,2,2]
        join a nobody
        a< [3,{"message":"no role \"nobody\" in realm \"realm1\""},"wamp.error.no_such_role"]
        a closed connection
        a> [32,1,{},"com.x"]
        stats a
        garbage a
        toolarge a EVENT
        leave a stats
        "#,
    );
}

/// "Session Closing": everything the session held is gone at once, and its leaving is announced
/// when the shell has finished it.
#[test]
fn goodbye_detaches_at_once_and_is_answered() {
    check(
        r#"
        join w
        w< [2,*
        w> [32,1,{},"wamp.session.on_leave"]
        w< [33,1,1]
        join a
        a< [2,*
        a> [32,1,{},"com.t"]
        a< [33,1,2]
        a> [64,2,{},"com.p"]
        a< [65,2,1]
        a> [6,{},"wamp.close.close_realm"]
        a< [6,{},"wamp.close.goodbye_and_out"]
        a closed session
        a> [32,3,{},"com.t"]
        a> [1,"realm1",{}]
        a> [6,{},"wamp.close.close_realm"]
        garbage a
        toolarge a RESULT 1
        ! undeliverable $a RESULT
        w> [16,2,{},"com.t"]
        w> [48,3,{},"com.p"]
        w< [8,48,3,{},"wamp.error.no_such_procedure",*
        w> [48,4,{},"wamp.session.count"]
        w< [50,4,{},[1]]
        leave a
        w< [36,1,$p1,{},[$a,"a","anonymous"]]
        "#,
    );
}

#[test]
fn a_client_that_aborts_gets_no_reply() {
    check(
        r#"
        join w
        w< [2,*
        w> [32,1,{},"wamp.session.on_leave"]
        w< [33,1,1]
        join a
        a< [2,*
        a> [3,{},"com.tired"]
        a closed connection
        a> [32,1,{},"com.t"]
        leave a
        w< [36,1,$p1,{},[$a,"a","anonymous"]]
        "#,
    );
}

#[test]
fn a_lost_session_leaves_in_order() {
    check(
        r#"
        observe sessions
        join w
        w< [2,*
        ! joined $w w anonymous anonymous
        w> [32,1,{"match":"prefix"},"wamp.session.on_"]
        w< [33,1,1]
        join a
        a< [2,*
        w< [36,1,$p1,{"topic":"wamp.session.on_join"},*
        ! joined $a a anonymous anonymous
        leave a stats
        w<stats [36,1,$p2,{"topic":"wamp.session.on_stats"},*
        w< [36,1,$p3,{"topic":"wamp.session.on_leave"},[$a,"a","anonymous"]]
        ! left $a transport_lost
        "#,
    );
}

/// "Callee Leaving During an RPC Invocation", by a closed session and by a lost one.
#[test]
fn callers_of_a_callee_that_leaves_are_answered() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        join c
        c< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        c> [64,1,{},"com.y"]
        c< [65,1,2]
        b> [48,1,{},"com.x"]
        a< [68,1,1,{}]
        b> [48,2,{},"com.x"]
        a< [68,2,1,{}]
        b> [48,3,{},"com.y"]
        c< [68,1,2,{}]
        a> [6,{},"wamp.close.close_realm"]
        b< [8,48,1,{},"wamp.error.canceled",["the callee left before it answered"]]
        b< [8,48,2,{},"wamp.error.canceled",*
        a< [6,{},"wamp.close.goodbye_and_out"]
        a closed session
        leave a
        leave c
        b< [8,48,3,{},"wamp.error.canceled",*
        b> [48,4,{},"com.x"]
        b< [8,48,4,{},"wamp.error.no_such_procedure",*
        "#,
    );
}

/// "Caller Leaving During an RPC Invocation": interrupted if that is possible, and what the callee
/// still says is absorbed.
#[test]
fn callees_of_a_caller_that_leaves_are_interrupted() {
    check(
        r#"
        join a canceling
        a< [2,*
        join b
        b< [2,*
        join c
        c< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [64,1,{},"com.y"]
        b< [65,1,2]
        c> [48,1,{},"com.x"]
        a< [68,1,1,{}]
        c> [48,2,{},"com.y"]
        b< [68,1,2,{}]
        c> [48,3,{},"com.x"]
        a< [68,2,1,{}]
        c> [49,3,{"mode":"kill"}]
        a< [69,2,{"mode":"kill"}]
        leave c
        a< [69,1,{"mode":"killnowait"}]
        a> [70,1,{},[1]]
        a> [8,68,2,{},"wamp.error.canceled"]
        b> [70,1,{},[1]]
        b> [8,68,1,{},"com.failed"]
        "#,
    );
}

#[test]
fn a_key_is_used_again_after_leave() {
    check(
        r#"
        join a
        a< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        a> [48,2,{},"com.x"]
        a< [68,1,1,{}]
        leave a
        join b at 0
        b< [2,*
        b> [64,1,{},"com.x"]
        b< [65,1,2]
        b> [48,2,{},"com.x"]
        b< [68,1,2,{}]
        "#,
    );
}

/// `wamp.close.system_shutdown`: every call gets its final reply, every session GOODBYE.
#[test]
fn shutdown_says_goodbye_to_everybody() {
    check(
        r#"
        join a canceling
        a< [2,*
        join b
        b< [2,*
        join c
        c< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [32,1,{},"com.t"]
        b< [33,1,1]
        b> [48,2,{},"com.x"]
        a< [68,1,1,{}]
        c> [6,{},"wamp.close.close_realm"]
        c< [6,{},"wamp.close.goodbye_and_out"]
        c closed session
        shutdown
        b< [8,48,2,{},"wamp.error.canceled",["the router shut down before the callee answered"]]
        a< [6,{"message":"the router is shutting down"},"wamp.close.system_shutdown"]
        b< [6,{"message":"the router is shutting down"},"wamp.close.system_shutdown"]
        a> [70,1,{},[1]]
        a> [16,2,{},"com.t"]
        a> [1,"realm1",{}]
        a> [6,{},"wamp.close.goodbye_and_out"]
        a closed connection
        a> [6,{},"wamp.close.goodbye_and_out"]
        garbage b
        b closed connection
        join d
        d< [3,{"message":"the router is shutting down"},"wamp.close.system_shutdown"]
        d closed connection
        shutdown
        leave a
        leave b stats
        leave c
        leave d
        "#,
    );
}

#[test]
fn without_the_meta_api_there_are_no_events() {
    let disabled = Setup { meta_api: MetaApi::Disabled, ..Setup::default() };
    check_with(
        &disabled,
        r#"
        join w
        w< [2,*
        w> [32,1,{"match":"prefix"},""]
        w< [33,1,1]
        join a
        a< [2,*
        stats a
        a> [48,1,{},"wamp.session.count"]
        a< [8,48,1,{},"wamp.error.no_such_procedure",*
        a> [64,2,{},"wamp.session.count"]
        a< [8,64,2,{},"wamp.error.invalid_uri",*
        leave a stats
        "#,
    );
}

/// What is sent about the calls of a session that leaves comes in the order of the calls.
#[test]
fn the_calls_of_a_callee_that_leaves_end_in_order() {
    let mut script =
        "join a\na< [2,*\njoin b\nb< [2,*\na> [64,1,{},\"com.x\"]\na< [65,1,1]\n".to_owned();
    for call in 1..=20 {
        let _ = writeln!(script, "b> [48,{call},{{}},\"com.x\"]\na< [68,{call},1,{{}}]");
    }
    script.push_str("leave a\n");
    for call in 1..=20 {
        let _ = writeln!(script, "b< [8,48,{call},{{}},\"wamp.error.canceled\",*");
    }
    check(&script);
}

#[test]
fn a_realm_can_be_owned_by_any_thread() {
    fn is_send<T: Send>() {}
    is_send::<Realm>();
}

/// Who watches sessions end hears of every end but its own, also at the shutdown; said again, the
/// shutdown closes those who do not answer.
#[test]
fn those_who_watch_sessions_end_are_told_of_the_shutdown_last() {
    check(
        r#"
        join w
        w< [2,*
        w> [32,1,{},"wamp.session.on_stats"]
        w< [33,1,1]
        join v
        v< [2,*
        v> [32,1,{"match":"prefix"},"wamp.session."]
        v< [33,1,2]
        join a
        a< [2,*
        v< [36,2,*
        join b
        b< [2,*
        v< [36,2,*
        shutdown
        a< [6,{"message":"the router is shutting down"},"wamp.close.system_shutdown"]
        b< [6,{"message":"the router is shutting down"},"wamp.close.system_shutdown"]
        a> [6,{},"wamp.close.goodbye_and_out"]
        a closed connection
        leave a stats
        w<stats [36,1,*
        v<stats [36,2,*
        v< [36,2,*
        shutdown
        b closed connection
        leave b stats
        w<stats [36,1,*
        v<stats [36,2,*
        v< [36,2,*
        w< [6,{"message":"the router is shutting down"},"wamp.close.system_shutdown"]
        v< [6,{"message":"the router is shutting down"},"wamp.close.system_shutdown"]
        w> [6,{},"wamp.close.goodbye_and_out"]
        w closed connection
        v> [6,{},"wamp.close.goodbye_and_out"]
        v closed connection
        leave w
        leave v
        "#,
    );
}
