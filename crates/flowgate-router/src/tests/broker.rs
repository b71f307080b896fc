//! "Publish and Subscribe" of the basic profile, and the advanced features of the broker.

use flowgate_wire::UriCheck;

use super::{Setup, check, check_with};
use crate::MetaApi;

/// "Subscribing", "Publishing and Events": the subscribers get the event, without a reply to the
/// publisher unless it asks.
#[test]
fn an_event_reaches_the_subscribers() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        join c
        c< [2,*
        a> [32,1,{},"com.x"]
        a< [33,1,1]
        b> [32,1,{},"com.x"]
        b< [33,1,1]
        b> [32,2,{},"com.y"]
        b< [33,2,2]
        c> [16,1,{},"com.x",[1],{"k":"v"}]
        a< [36,1,$p1,{},[1],{"k":"v"}]
        b< [36,1,$p1,{},[1],{"k":"v"}]
        c> [16,2,{"acknowledge":true},"com.y"]
        c< [17,2,$p2]
        b< [36,2,$p2,{}]
        c> [16,3,{"acknowledge":true},"com.nobody"]
        c< [17,3,$p3]
        c> [16,4,{"acknowledge":false},"com.nobody"]
        "#,
    );
}

#[test]
fn subscribing_twice_yields_the_same_subscription_and_one_event() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        a> [32,1,{},"com.x"]
        a< [33,1,1]
        a> [32,2,{"match":"exact"},"com.x"]
        a< [33,2,1]
        b> [16,1,{},"com.x"]
        a< [36,1,$p1,{}]
        a> [34,3,1]
        a< [35,3]
        b> [16,2,{},"com.x"]
        a> [34,4,1]
        a< [8,34,4,{},"wamp.error.no_such_subscription",*
        "#,
    );
}

/// "Unsubscribing": a subscription is ended only by one who holds it, and its number is not used
/// again.
#[test]
fn unsubscribing_ends_the_subscription_of_that_session_only() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        a> [32,1,{},"com.x"]
        a< [33,1,1]
        b> [34,1,1]
        b< [8,34,1,{},"wamp.error.no_such_subscription",["the session holds no subscription 1"]]
        b> [32,2,{},"com.x"]
        b< [33,2,1]
        a> [34,2,1]
        a< [35,2]
        a> [16,3,{},"com.x"]
        b< [36,1,$p1,{}]
        b> [34,3,1]
        b< [35,3]
        b> [32,4,{},"com.x"]
        b< [33,4,2]
        b> [34,5,99]
        b< [8,34,5,{},"wamp.error.no_such_subscription",*
        "#,
    );
}

/// "Pattern-based Subscriptions": one event for each subscription that matches, with the topic in
/// the details where a pattern matched.
#[test]
fn patterns_get_the_topic_and_an_event_for_each_subscription() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        a> [32,1,{"match":"wildcard"},"com..x"]
        a< [33,1,1]
        a> [32,2,{"match":"prefix"},"com.m"]
        a< [33,2,2]
        a> [32,3,{},"com.me.x"]
        a< [33,3,3]
        b> [16,1,{},"com.me.x"]
        a< [36,3,$p1,{}]
        a< [36,2,$p1,{"topic":"com.me.x"}]
        a< [36,1,$p1,{"topic":"com.me.x"}]
        b> [16,2,{},"com.you.x"]
        a< [36,1,$p2,{"topic":"com.you.x"}]
        b> [16,3,{},"com.me"]
        a< [36,2,$p3,{"topic":"com.me"}]
        b> [16,4,{},"org.me.x"]
        "#,
    );
}

#[test]
fn the_same_text_under_other_policies_is_another_subscription() {
    check(
        r#"
        join a
        a< [2,*
        a> [32,1,{},"com.x"]
        a< [33,1,1]
        a> [32,2,{"match":"prefix"},"com.x"]
        a< [33,2,2]
        a> [32,3,{"match":"wildcard"},"com.x"]
        a< [33,3,3]
        a> [32,4,{"match":null},"com.x"]
        a< [33,4,1]
        "#,
    );
}

/// "Publisher Exclusion".
#[test]
fn a_publisher_gets_its_own_event_only_if_it_asks() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        a> [32,1,{},"com.x"]
        a< [33,1,1]
        a> [16,2,{},"com.x"]
        a> [16,3,{"exclude_me":true},"com.x"]
        a> [16,4,{"exclude_me":false},"com.x"]
        a< [36,1,$p1,{}]
        b> [32,1,{},"com.x"]
        b< [33,1,1]
        a> [16,5,{},"com.x"]
        b< [36,1,$p2,{}]
        "#,
    );
}

/// "Publisher Identification": on request, or because the gate says so.
#[test]
fn a_publisher_is_disclosed_on_request_or_by_the_gate() {
    check(
        r#"
        join a
        a< [2,*
        join b backend
        b< [2,*
        a> [32,1,{"match":"prefix"},"com."]
        a< [33,1,1]
        a> [32,2,{},"com.disclosed"]
        a< [33,2,2]
        b> [16,1,{"disclose_me":true},"com.x"]
        a< [36,1,$p1,{"topic":"com.x","publisher":$b,"publisher_authid":"b","publisher_authrole":"backend"}]
        b> [16,2,{"disclose_me":false},"com.x"]
        a< [36,1,$p2,{"topic":"com.x"}]
        b> [16,3,{},"com.disclosed"]
        a< [36,2,$p3,{"publisher":$b,"publisher_authid":"b","publisher_authrole":"backend"}]
        a< [36,1,$p3,{"topic":"com.disclosed","publisher":$b,"publisher_authid":"b","publisher_authrole":"backend"}]
        "#,
    );
}

#[test]
fn options_of_the_wrong_type_are_refused() {
    check(
        r#"
        join a
        a< [2,*
        a> [32,1,{"match":"foo"},"com.x"]
        a< [8,32,1,{},"wamp.error.invalid_argument",["option \"match\" is not a match policy"]]
        a> [32,2,{"match":1},"com.x"]
        a< [8,32,2,{},"wamp.error.invalid_argument",*
        a> [16,3,{"acknowledge":1},"com.x"]
        a< [8,16,3,{},"wamp.error.invalid_argument",["option \"acknowledge\" is not a boolean"]]
        a> [16,4,{"acknowledge":true,"exclude_me":"no"},"com.x"]
        a< [8,16,4,{},"wamp.error.invalid_argument",["option \"exclude_me\" is not a boolean"]]
        a> [16,5,{"acknowledge":true,"disclose_me":0},"com.x"]
        a< [8,16,5,{},"wamp.error.invalid_argument",*
        a> [16,6,{"acknowledge":true,"exclude_me":null,"unknown":[1]},"com.x"]
        a< [17,6,$p1]
        "#,
    );
}

/// What cannot be published and has no reply is dropped, and the observer is told.
#[test]
fn an_unacknowledged_publication_that_is_refused_is_observed() {
    check(
        r#"
        join a
        a< [2,*
        a> [16,1,{"exclude_me":"no"},"com.x"]
        ! dropped $a PUBLISH wamp.error.invalid_argument
        a> [16,2,{},"com..x"]
        ! dropped $a PUBLISH wamp.error.invalid_uri
        a> [16,3,{},"wamp.session.on_join"]
        ! dropped $a PUBLISH wamp.error.invalid_uri
        a> [16,4,{},"com.secret"]
        ! denied $a publish com.secret
        "#,
    );
}

/// "Authorization": the gate decides, and the observer hears of what it denies.
#[test]
fn the_gate_is_asked_about_topics() {
    check(
        r#"
        join a
        a< [2,*
        a> [32,1,{},"com.secret"]
        a< [8,32,1,{},"wamp.error.not_authorized",["not authorized to subscribe \"com.secret\""]]
        ! denied $a subscribe com.secret
        a> [32,2,{"match":"prefix"},"com.secret"]
        a< [8,32,2,{},"wamp.error.not_authorized",*
        ! denied $a subscribe com.secret
        a> [16,3,{"acknowledge":true},"com.secret"]
        a< [8,16,3,{},"wamp.error.not_authorized",*
        ! denied $a publish com.secret
        "#,
    );
}

/// "URIs": loose by default; patterns may have empty components where their policy says so.
#[test]
fn invalid_topics_are_refused() {
    let meta_api = MetaApi::Disabled;
    check_with(
        &Setup { meta_api, ..Setup::default() },
        r#"
        join a
        a< [2,*
        a> [32,1,{},"com..x"]
        a< [8,32,1,{},"wamp.error.invalid_uri",["\"com..x\" is not a valid URI here"]]
        a> [32,2,{},""]
        a< [8,32,2,{},"wamp.error.invalid_uri",*
        a> [32,3,{"match":"prefix"},"com..x"]
        a< [8,32,3,{},"wamp.error.invalid_uri",*
        a> [32,4,{"match":"prefix"},""]
        a< [33,4,1]
        a> [32,5,{"match":"wildcard"},".."]
        a< [33,5,2]
        a> [16,6,{"acknowledge":true},"com x"]
        a< [8,16,6,{},"wamp.error.invalid_uri",*
        a> [16,7,{"acknowledge":true},"wamp"]
        a< [8,16,7,{},"wamp.error.invalid_uri",["\"wamp\" is reserved for the router"]]
        a> [16,8,{"acknowledge":true},"wamp.x"]
        a< [8,16,8,{},"wamp.error.invalid_uri",*
        a> [16,9,{"acknowledge":true},"wampx"]
        a< [17,9,$p1]
        a> [16,10,{"acknowledge":true},"COM.X"]
        a< [17,10,$p2]
        "#,
    );
}

#[test]
fn strict_realms_take_strict_uris_only() {
    let strict = Setup { uri_check: UriCheck::Strict, ..Setup::default() };
    check_with(
        &strict,
        r#"
        join a
        a< [2,*
        a> [32,1,{},"com.x_1"]
        a< [33,1,1]
        a> [32,2,{},"COM.X"]
        a< [8,32,2,{},"wamp.error.invalid_uri",*
        a> [16,3,{"acknowledge":true},"com.x-1"]
        a< [8,16,3,{},"wamp.error.invalid_uri",*
        a> [64,4,{},"com.X"]
        a< [8,64,4,{},"wamp.error.invalid_uri",*
        a> [48,5,{},"com.X"]
        a< [8,48,5,{},"wamp.error.invalid_uri",*
        "#,
    );
}

#[test]
fn an_event_too_large_for_a_subscriber_is_observed() {
    check(
        r#"
        join a
        a< [2,*
        toolarge a EVENT
        ! undeliverable $a EVENT
        "#,
    );
}

/// "Event acknowledgement" is not asked for, and not punished.
#[test]
fn event_received_is_absorbed() {
    check(
        r#"
        join a
        a< [2,*
        a> [337,12345]
        a> [32,1,{},"com.x"]
        a< [33,1,1]
        "#,
    );
}

#[test]
fn a_uri_of_any_length_is_answered_and_one_too_long_is_refused() {
    let longest = "x".repeat(2048);
    check(&format!(
        r#"
        join a
        a< [2,*
        a> [32,1,{{}},"{longest}"]
        a< [33,1,1]
        a> [32,2,{{}},"{longest}x"]
        a< [8,32,2,{{}},"wamp.error.invalid_uri",["a URI of 2049 octets is too long"]]
        a> [48,3,{{}},"{longest}x"]
        a< [8,48,3,{{}},"wamp.error.invalid_uri",["a URI of 2049 octets is too long"]]
        "#
    ));
}
