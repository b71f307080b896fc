//! "Subscriptions Meta API" and "Subscription Revocation".

use flowgate_wire::MatchPolicy;

use super::{Setup, check, check_with};
use crate::MetaApi;

#[test]
fn subscriptions_are_listed_looked_up_matched_and_described() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        time 1709210096123456789
        a> [48,1,{},"wamp.subscription.list"]
        a< [50,1,{},[{"exact":[],"prefix":[],"wildcard":[]}]]
        a> [32,2,{},"com.a.x"]
        a< [33,2,1]
        a> [32,3,{"match":"prefix"},"com"]
        a< [33,3,2]
        b> [32,1,{"match":"wildcard"},"com..x"]
        b< [33,1,3]
        b> [32,2,{"match":"prefix"},"com"]
        b< [33,2,2]
        a> [48,4,{},"wamp.subscription.list"]
        a< [50,4,{},[{"exact":[1],"prefix":[2],"wildcard":[3]}]]
        a> [48,5,{},"wamp.subscription.lookup",["com.a.x"]]
        a< [50,5,{},[1]]
        a> [48,6,{},"wamp.subscription.lookup",["com",{"match":"prefix"}]]
        a< [50,6,{},[2]]
        a> [48,7,{},"wamp.subscription.lookup",["com"]]
        a< [50,7,{},[null]]
        a> [48,8,{},"wamp.subscription.match",["com.a.x"]]
        a< [50,8,{},[[1,2,3]]]
        a> [48,9,{},"wamp.subscription.match",["org"]]
        a< [50,9,{},[null]]
        a> [48,10,{},"wamp.subscription.get",[3]]
        a< [50,10,{},[{"id":3,"created":"2024-02-29T12:34:56.123Z","uri":"com..x","match":"wildcard"}]]
        a> [48,11,{},"wamp.subscription.list_subscribers",[2]]
        a< [50,11,{},[[$a,$b]]]
        a> [48,12,{},"wamp.subscription.count_subscribers",[2]]
        a< [50,12,{},[2]]
        "#,
    );
}

#[test]
fn wrong_questions_about_subscriptions_are_refused() {
    check(
        r#"
        join a
        a< [2,*
        a> [48,1,{},"wamp.subscription.get",[7]]
        a< [8,48,1,{},"wamp.error.no_such_subscription",["there is no subscription 7"]]
        a> [48,2,{},"wamp.subscription.list_subscribers",[7]]
        a< [8,48,2,{},"wamp.error.no_such_subscription",*
        a> [48,3,{},"wamp.subscription.count_subscribers",[7]]
        a< [8,48,3,{},"wamp.error.no_such_subscription",*
        a> [48,4,{},"wamp.subscription.get",["x"]]
        a< [8,48,4,{},"wamp.error.invalid_argument",*
        a> [48,5,{},"wamp.subscription.lookup"]
        a< [8,48,5,{},"wamp.error.invalid_argument",["argument \"topic\" is not a URI"]]
        a> [48,6,{},"wamp.subscription.lookup",["com.x",{"match":"somehow"}]]
        a< [8,48,6,{},"wamp.error.invalid_argument",*
        a> [48,7,{},"wamp.subscription.match",[1]]
        a< [8,48,7,{},"wamp.error.invalid_argument",*
        a> [48,8,{},"wamp.subscription.unknown"]
        a< [8,48,8,{},"wamp.error.no_such_procedure",*
        a> [48,9,{},"wamp.subscription.secret"]
        a< [8,48,9,{},"wamp.error.not_authorized",*
        ! denied $a call wamp.subscription.secret
        "#,
    );
    let meta_api = MetaApi::Disabled;
    check_with(
        &Setup { meta_api, ..Setup::default() },
        r#"
        join a
        a< [2,*
        a> [48,1,{},"wamp.subscription.list"]
        a< [8,48,1,{},"wamp.error.no_such_procedure",*
        a> [32,2,{"match":"prefix"},"wamp.subscription"]
        a< [33,2,1]
        a> [32,3,{},"com.x"]
        a< [33,3,2]
        "#,
    );
}

/// `on_create` goes before `on_subscribe`, and `on_delete` behind `on_unsubscribe`.
#[test]
fn meta_events_tell_of_subscriptions_in_order() {
    check(
        r#"
        join w
        w< [2,*
        join a
        a< [2,*
        join b
        b< [2,*
        w> [32,1,{"match":"prefix"},"wamp.subscription."]
        w< [33,1,1]
        time 1709210096123456789
        a> [32,1,{"match":"prefix"},"com.x"]
        a< [33,1,2]
        w< [36,1,$p1,{"topic":"wamp.subscription.on_create"},[$a,{"id":2,"created":"2024-02-29T12:34:56.123Z","uri":"com.x","match":"prefix"}]]
        w< [36,1,$p2,{"topic":"wamp.subscription.on_subscribe"},[$a,2]]
        b> [32,1,{"match":"prefix"},"com.x"]
        b< [33,1,2]
        w< [36,1,$p3,{"topic":"wamp.subscription.on_subscribe"},[$b,2]]
        b> [32,2,{"match":"prefix"},"com.x"]
        b< [33,2,2]
        a> [34,2,2]
        a< [35,2]
        w< [36,1,$p4,{"topic":"wamp.subscription.on_unsubscribe"},[$a,2]]
        b> [34,3,2]
        b< [35,3]
        w< [36,1,$p5,{"topic":"wamp.subscription.on_unsubscribe"},[$b,2]]
        w< [36,1,$p6,{"topic":"wamp.subscription.on_delete"},[$b,2]]
        a> [34,3,2]
        a< [8,34,3,{},"wamp.error.no_such_subscription",*
        "#,
    );
}

#[test]
fn meta_events_tell_of_the_subscriptions_of_a_session_that_ends() {
    check(
        r#"
        join w
        w< [2,*
        join a
        a< [2,*
        w> [32,1,{},"wamp.subscription.on_unsubscribe"]
        w< [33,1,1]
        w> [32,2,{},"wamp.subscription.on_delete"]
        w< [33,2,2]
        a> [32,1,{},"com.x"]
        a< [33,1,3]
        a> [32,2,{},"wamp.subscription.on_delete"]
        a< [33,2,2]
        w> [32,3,{},"com.y"]
        w< [33,3,4]
        a> [32,3,{},"com.y"]
        a< [33,3,4]
        leave a
        w< [36,1,$p1,{},[$a,4]]
        w< [36,1,$p2,{},[$a,3]]
        w< [36,2,$p3,{},[$a,3]]
        "#,
    );
}

/// Subscriptions to what the router publishes are no news, so that there is no end to it.
#[test]
fn nothing_is_told_of_subscriptions_to_meta_events() {
    check(
        r#"
        join w
        w< [2,*
        w> [32,1,{"match":"prefix"},"wamp."]
        w< [33,1,1]
        w> [32,2,{},"wamp.subscription.on_subscribe"]
        w< [33,2,2]
        w> [32,3,{"match":"prefix"},"wamp"]
        w< [33,3,3]
        w> [34,4,2]
        w< [35,4]
        join a
        a< [2,*
        w< [36,1,$p1,*
        w< [36,3,$p1,*
        a> [32,1,{},"wamp.session.on_join"]
        a< [33,1,4]
        a> [6,{},"wamp.close.close_realm"]
        a< [6,{},"wamp.close.goodbye_and_out"]
        a closed session
        "#,
    );
}

/// A subscription with a history is there before and after its subscribers; meta events tell of
/// the first and the last of them.
#[test]
fn a_subscription_with_a_history_outlives_its_subscribers() {
    let histories = &[("com.x", MatchPolicy::Exact, 3)];
    check_with(
        &Setup { histories, ..Setup::default() },
        r#"
        join w
        w< [2,*
        w> [32,1,{"match":"prefix"},"wamp.subscription."]
        w< [33,1,2]
        w> [48,2,{},"wamp.subscription.count_subscribers",[1]]
        w< [50,2,{},[0]]
        time 2000000
        w> [32,3,{},"com.x"]
        w< [33,3,1]
        w< [36,2,$p1,{"topic":"wamp.subscription.on_create"},[$w,{"id":1,"created":"1970-01-01T00:00:00.002Z","uri":"com.x","match":"exact"}]]
        w< [36,2,$p2,{"topic":"wamp.subscription.on_subscribe"},[$w,1]]
        w> [34,4,1]
        w< [35,4]
        w< [36,2,$p3,{"topic":"wamp.subscription.on_unsubscribe"},[$w,1]]
        w< [36,2,$p4,{"topic":"wamp.subscription.on_delete"},[$w,1]]
        w> [48,5,{},"wamp.subscription.lookup",["com.x"]]
        w< [50,5,{},[1]]
        "#,
    );
}

/// "Subscription Revocation": those who announced it are told.
#[test]
fn a_removed_subscriber_is_told_if_it_understands() {
    check(
        r#"
        join w
        w< [2,*
        join a revocation
        a< [2,*
        join b
        b< [2,*
        w> [32,1,{"match":"prefix"},"wamp.subscription.on_"]
        w< [33,1,1]
        a> [32,1,{},"com.x"]
        a< [33,1,2]
        w< [36,1,$p1,{"topic":"wamp.subscription.on_create"},*
        w< [36,1,$p2,{"topic":"wamp.subscription.on_subscribe"},*
        b> [32,1,{},"com.x"]
        b< [33,1,2]
        w< [36,1,$p3,{"topic":"wamp.subscription.on_subscribe"},*
        w> [48,2,{},"wamp.subscription.remove_subscriber",[2,$a],{"reason":"no longer authorized"}]
        a< [35,0,{"subscription":2,"reason":"no longer authorized"}]
        w< [36,1,$p4,{"topic":"wamp.subscription.on_unsubscribe"},[$a,2]]
        w< [50,2,{},[null]]
        w> [16,3,{},"com.x"]
        b< [36,2,$p5,{}]
        w> [48,4,{},"wamp.subscription.remove_subscriber",[2,$b]]
        w< [36,1,$p6,{"topic":"wamp.subscription.on_unsubscribe"},[$b,2]]
        w< [36,1,$p7,{"topic":"wamp.subscription.on_delete"},[$b,2]]
        w< [50,4,{},[null]]
        w> [16,5,{},"com.x"]
        "#,
    );
}

#[test]
fn only_a_subscriber_can_be_removed() {
    check(
        r#"
        join a revocation
        a< [2,*
        join b
        b< [2,*
        a> [32,1,{},"com.x"]
        a< [33,1,1]
        b> [48,1,{},"wamp.subscription.remove_subscriber",[7,$a]]
        b< [8,48,1,{},"wamp.error.no_such_subscription",["there is no subscription 7"]]
        b> [48,2,{},"wamp.subscription.remove_subscriber",[1,12345]]
        b< [8,48,2,{},"wamp.error.no_such_session",*
        b> [48,3,{},"wamp.subscription.remove_subscriber",[1,$b]]
        b< [8,48,3,{},"wamp.error.no_such_subscription",["the session holds no subscription 1"]]
        b> [48,4,{},"wamp.subscription.remove_subscriber",[1]]
        b< [8,48,4,{},"wamp.error.invalid_argument",*
        b> [48,5,{},"wamp.subscription.remove_subscriber",[1,$a],{"reason":7}]
        b< [8,48,5,{},"wamp.error.invalid_argument",["argument \"reason\" is not a string"]]
        b> [48,6,{},"wamp.subscription.remove_subscriber",[1,$a]]
        a< [35,0,{"subscription":1}]
        b< [50,6,{},[null]]
        "#,
    );
}
