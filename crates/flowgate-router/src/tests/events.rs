//! Who gets an event, when, and in which shape: the advanced features of the broker.

use flowgate_wire::MatchPolicy;

use super::{Setup, check, check_with};
use crate::RetentionConfig;

/// "Subscriber Black- and Whitelisting": by session, and all lists must admit a receiver.
#[test]
fn sessions_can_be_excluded_and_made_eligible() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        join c
        c< [2,*
        join p
        p< [2,*
        a> [32,1,{},"com.x"]
        a< [33,1,1]
        b> [32,1,{},"com.x"]
        b< [33,1,1]
        c> [32,1,{},"com.x"]
        c< [33,1,1]
        p> [32,1,{},"com.x"]
        p< [33,1,1]
        p> [16,2,{"exclude":[$a,$b,$a]},"com.x"]
        c< [36,1,$p1,{}]
        p> [16,3,{"exclude":[]},"com.x"]
        a< [36,1,$p2,{}]
        b< [36,1,$p2,{}]
        c< [36,1,$p2,{}]
        p> [16,4,{"eligible":[$b,1234567,$b,$p]},"com.x"]
        b< [36,1,$p3,{}]
        p> [16,5,{"eligible":[$a,$b,$c,$p],"exclude":[$b]},"com.x"]
        a< [36,1,$p4,{}]
        c< [36,1,$p4,{}]
        p> [16,6,{"eligible":[],"acknowledge":true},"com.x"]
        p< [17,6,$p5]
        p> [16,7,{"eligible":null,"exclude":[$a,$b]},"com.x"]
        c< [36,1,$p6,{}]
        p> [16,8,{"eligible":[$p],"exclude_me":false},"com.x"]
        p< [36,1,$p7,{}]
        "#,
    );
}

#[test]
fn people_and_roles_can_be_excluded_and_made_eligible() {
    check(
        r#"
        join a
        a< [2,*
        join b backend
        b< [2,*
        join c backend
        c< [2,*
        join p
        p< [2,*
        a> [32,1,{},"com.x"]
        a< [33,1,1]
        b> [32,1,{"match":"prefix"},"com"]
        b< [33,1,2]
        c> [32,1,{"match":"prefix"},"com"]
        c< [33,1,2]
        p> [16,1,{"exclude_authid":["a","c"]},"com.x"]
        b< [36,2,$p1,{"topic":"com.x"}]
        p> [16,2,{"eligible_authid":["c","d"]},"com.x"]
        c< [36,2,$p2,{"topic":"com.x"}]
        p> [16,3,{"exclude_authrole":["backend"]},"com.x"]
        a< [36,1,$p3,{}]
        p> [16,4,{"eligible_authrole":["backend","other"],"exclude_authid":["b"]},"com.x"]
        c< [36,2,$p4,{"topic":"com.x"}]
        p> [16,5,{"eligible_authrole":["nobody"]},"com.x"]
        p> [16,6,{"eligible_authid":["a","b"],"eligible":[$b,$c]},"com.x"]
        b< [36,2,$p5,{"topic":"com.x"}]
        "#,
    );
}

#[test]
fn lists_of_the_wrong_type_are_refused() {
    check(
        r#"
        join a
        a< [2,*
        a> [16,1,{"acknowledge":true,"exclude":1},"com.x"]
        a< [8,16,1,{},"wamp.error.invalid_argument",["option \"exclude\" is not a list of session identifiers"]]
        a> [16,2,{"acknowledge":true,"eligible":["a"]},"com.x"]
        a< [8,16,2,{},"wamp.error.invalid_argument",*
        a> [16,3,{"acknowledge":true,"exclude_authid":"a"},"com.x"]
        a< [8,16,3,{},"wamp.error.invalid_argument",["option \"exclude_authid\" is not a list of strings"]]
        a> [16,4,{"acknowledge":true,"eligible_authid":[1]},"com.x"]
        a< [8,16,4,{},"wamp.error.invalid_argument",*
        a> [16,5,{"acknowledge":true,"exclude_authrole":{}},"com.x"]
        a< [8,16,5,{},"wamp.error.invalid_argument",*
        a> [16,6,{"acknowledge":true,"eligible_authrole":false},"com.x"]
        a< [8,16,6,{},"wamp.error.invalid_argument",*
        a> [16,7,{"eligible_authrole":false},"com.x"]
        ! dropped $a PUBLISH wamp.error.invalid_argument
        "#,
    );
}

/// "Publisher Identification": a publisher that asks is refused where the configuration forbids
/// it, and not disclosed if it does not ask.
#[test]
fn disclosure_is_refused_where_it_is_forbidden() {
    check(
        r#"
        join a
        a< [2,*
        join p
        p< [2,*
        a> [32,1,{"match":"prefix"},"com"]
        a< [33,1,1]
        p> [16,1,{"acknowledge":true,"disclose_me":true},"com.hidden"]
        p< [8,16,1,{},"wamp.error.option_disallowed.disclose_me",["the router does not disclose who calls or publishes \"com.hidden\""]]
        p> [16,2,{"disclose_me":true},"com.hidden"]
        ! dropped $p PUBLISH wamp.error.option_disallowed.disclose_me
        p> [16,3,{"acknowledge":true,"disclose_me":false},"com.hidden"]
        p< [17,3,$p1]
        a< [36,1,$p1,{"topic":"com.hidden"}]
        "#,
    );
}

/// "Payload Passthru Mode": the attributes are passed on as they are.
#[test]
fn passthru_attributes_reach_the_subscribers() {
    check(
        r#"
        join a
        a< [2,*
        join p passthru
        p< [2,*
        a> [32,1,{},"com.x"]
        a< [33,1,1]
        a> [32,2,{"match":"prefix"},"com"]
        a< [33,2,2]
        p> [16,1,{"disclose_me":true,"ppt_scheme":"wamp","ppt_serializer":"cbor","ppt_cipher":"xsalsa20poly1305","ppt_keyid":"key"},"com.x",["\u0000AAEC"]]
        a< [36,1,$p1,{"publisher":$p,"publisher_authid":"p","publisher_authrole":"anonymous","ppt_scheme":"wamp","ppt_serializer":"cbor","ppt_cipher":"xsalsa20poly1305","ppt_keyid":"key"},["\u0000AAEC"]]
        a< [36,2,$p1,{"topic":"com.x","publisher":$p,"publisher_authid":"p","publisher_authrole":"anonymous","ppt_scheme":"wamp","ppt_serializer":"cbor","ppt_cipher":"xsalsa20poly1305","ppt_keyid":"key"},["\u0000AAEC"]]
        p> [16,2,{"ppt_scheme":"x_mine","ppt_keyid":null},"com.x"]
        a< [36,1,$p2,{"ppt_scheme":"x_mine"}]
        a< [36,2,$p2,{"topic":"com.x","ppt_scheme":"x_mine"}]
        p> [16,3,{"acknowledge":true,"ppt_scheme":"x_mine","ppt_cipher":1},"com.x"]
        p< [8,16,3,{},"wamp.error.invalid_argument",["option \"ppt_cipher\" is not a string"]]
        "#,
    );
}

/// As the CBOR of some clients for JavaScript has them: a float with the value of an integer.
#[test]
fn identifiers_and_numbers_may_be_whole_floats() {
    check_history(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        b> [32,1,{},"com.x"]
        b< [33,1,1]
        a> [16,1,{"acknowledge":true,"exclude":[$b.0]},"com.x",[1]]
        a< [17,1,$p1]
        a> [16,2,{"acknowledge":true,"eligible":[$b.0]},"com.x",[2]]
        a< [17,2,$p2]
        b< [36,1,$p2,{},[2]]
        a> [16,3,{"acknowledge":true,"eligible":[1.5]},"com.x",[3]]
        a< [8,16,3,{},"wamp.error.invalid_argument",*
        a> [48,4,{"timeout":100.0},"wamp.subscription.get_events",[2.0],{"limit":1.0}]
        a< [50,4,{},[],{"is_limit_reached":false}]
        a> [48,5,{},"wamp.subscription.remove_subscriber",[1.0,$b.0]]
        a< [50,5,{},[null]]
        a> [48,6,{},"wamp.session.kill",[$b.0]]
        b< [6,*
        a< [50,6,{}]
        "#,
    );
}

/// "Publication Trust Levels": that of the publisher's role, in every copy of the event.
#[test]
fn an_event_tells_the_trust_level_of_the_publishers_role() {
    check_history(
        r#"
        join a
        a< [2,*
        join b trusted
        b< [2,*
        a> [32,1,{"match":"prefix"},"com."]
        a< [33,1,2]
        b> [16,1,{"retain":true,"disclose_me":true},"com.x",[1]]
        a< [36,2,$p1,{"topic":"com.x","publisher":$b,"publisher_authid":"b","publisher_authrole":"trusted","trustlevel":3},[1]]
        a> [16,2,{"exclude_me":false},"com.y"]
        a< [36,2,$p2,{"topic":"com.y"}]
        b> [48,2,{},"wamp.session.add_testament",["com.last",[],{}]]
        b< [50,2,{}]
        leave b
        a< [36,2,$p3,{"topic":"com.last","trustlevel":3}]
        a> [32,3,{"get_retained":true},"com.x"]
        a< [33,3,1]
        a< [36,1,$p1,{"publisher":$b,"publisher_authid":"b","publisher_authrole":"trusted","trustlevel":3,"retained":true},[1]]
        a> [48,4,{},"wamp.subscription.get_events",[2],{"topic":"com.last"}]
        a< [50,4,{},[{"timestamp":"1970-01-01T00:00:00.000Z","subscription":2,"publication":$p3,"details":{"topic":"com.last","trustlevel":3}}],{"is_limit_reached":false}]
        "#,
    );
}

/// A publisher that has not announced the mode breaks the protocol by using it; without a scheme
/// it does not use it.
#[test]
fn passthru_mode_that_was_not_announced_is_a_violation() {
    check(
        r#"
        join a
        a< [2,*
        join p
        p< [2,*
        a> [32,1,{},"com.x"]
        a< [33,1,1]
        p> [16,1,{"acknowledge":true,"ppt_scheme":"","ppt_serializer":"cbor"},"com.x",[1]]
        p< [8,16,1,{},"wamp.error.invalid_argument",["option \"ppt_scheme\" is not a scheme"]]
        p> [16,2,{"ppt_scheme":"wamp","ppt_serializer":"cbor"},"com.x",[1]]
        p< [3,{"message":"PUBLISH with payload passthru mode, which was not announced"},"wamp.error.protocol_violation"]
        p closed connection
        ! violation $p PUBLISH with payload passthru mode, which was not announced
        "#,
    );
}

/// "Event Retention": SUBSCRIBED comes first, then the latest retained event.
#[test]
fn a_subscriber_that_asks_gets_the_latest_retained_event() {
    check(
        r#"
        join p passthru
        p< [2,*
        p> [16,1,{"retain":true},"com.x",[1]]
        p> [16,2,{"retain":true,"disclose_me":true,"ppt_scheme":"wamp"},"com.x",[2],{"k":"v"}]
        p> [16,3,{"retain":false},"com.x",[3]]
        p> [16,4,{},"com.x",[4]]
        join a
        a< [2,*
        a> [32,1,{"get_retained":true},"com.x"]
        a< [33,1,1]
        a< [36,1,$p1,{"publisher":$p,"publisher_authid":"p","publisher_authrole":"anonymous","ppt_scheme":"wamp","retained":true},[2],{"k":"v"}]
        join b
        b< [2,*
        b> [32,1,{},"com.x"]
        b< [33,1,1]
        b> [32,2,{"get_retained":false},"com.x"]
        b< [33,2,1]
        b> [32,3,{"get_retained":true},"com.y"]
        b< [33,3,2]
        leave p
        b> [32,4,{"get_retained":true},"com.x"]
        b< [33,4,1]
        b< [36,1,$p1,{"publisher":*
        b> [32,5,{"get_retained":"yes"},"com.x"]
        b< [8,32,5,{},"wamp.error.invalid_argument",*
        b> [16,6,{"acknowledge":true,"retain":1},"com.x"]
        b< [8,16,6,{},"wamp.error.invalid_argument",["option \"retain\" is not a boolean"]]
        "#,
    );
}

#[test]
fn a_pattern_gets_the_retained_event_of_each_topic() {
    check(
        r#"
        join p
        p< [2,*
        p> [16,1,{"retain":true},"com.b.x",[1]]
        p> [16,2,{"retain":true},"com.a.x",[2]]
        p> [16,3,{"retain":true},"com.a.y",[3]]
        p> [16,4,{"retain":true},"org.a.x",[4]]
        join a
        a< [2,*
        a> [32,1,{"get_retained":true,"match":"wildcard"},"com..x"]
        a< [33,1,1]
        a< [36,1,$p1,{"topic":"com.a.x","retained":true},[2]]
        a< [36,1,$p2,{"topic":"com.b.x","retained":true},[1]]
        a> [32,2,{"get_retained":true,"match":"prefix"},"com.a"]
        a< [33,2,2]
        a< [36,2,$p1,{"topic":"com.a.x","retained":true},[2]]
        a< [36,2,$p3,{"topic":"com.a.y","retained":true},[3]]
        "#,
    );
}

/// A subscriber gets what it would have got had it subscribed before.
#[test]
fn retained_events_respect_their_lists_and_the_excluded_publisher() {
    check(
        r#"
        join p
        p< [2,*
        join a
        a< [2,*
        join b backend
        b< [2,*
        p> [16,1,{"retain":true},"com.x",["all"]]
        p> [16,2,{"retain":true,"eligible_authrole":["backend"]},"com.x",["backend"]]
        p> [16,3,{"retain":true,"exclude":[$a,$b]},"com.x",["others"]]
        a> [32,1,{"get_retained":true},"com.x"]
        a< [33,1,1]
        a< [36,1,$p1,{"retained":true},["all"]]
        b> [32,1,{"get_retained":true},"com.x"]
        b< [33,1,1]
        b< [36,1,$p2,{"retained":true},["backend"]]
        p> [32,4,{"get_retained":true},"com.x"]
        p< [33,4,1]
        p> [16,5,{"retain":true,"exclude_me":false},"com.y",["mine"]]
        p> [32,6,{"get_retained":true},"com.y"]
        p< [33,6,2]
        p< [36,2,$p3,{"retained":true},["mine"]]
        p> [16,7,{"retain":true,"acknowledge":true},"com.secret"]
        p< [8,16,7,{},"wamp.error.not_authorized",*
        ! denied $p publish com.secret
        "#,
    );
}

#[test]
fn retention_can_be_switched_off_and_limited_in_time() {
    let retention = RetentionConfig { limit: 0, ..RetentionConfig::default() };
    check_with(
        &Setup { retention, ..Setup::default() },
        r#"
        join p
        p< [2,*
        p> [16,1,{"retain":true,"exclude_me":false},"com.x",[1]]
        p> [32,2,{"get_retained":true},"com.x"]
        p< [33,2,1]
        "#,
    );
    let ttl = Some(std::time::Duration::from_nanos(10));
    let retention = RetentionConfig { ttl, ..RetentionConfig::default() };
    check_with(
        &Setup { retention, ..Setup::default() },
        r#"
        join p
        p< [2,*
        time 5000
        p> [16,1,{"retain":true,"exclude_me":false},"com.x",[1]]
        time 5009
        p> [32,2,{"get_retained":true},"com.x"]
        p< [33,2,1]
        p< [36,1,$p1,{"retained":true},[1]]
        time 5010
        p> [32,3,{"get_retained":true},"com.x"]
        p< [33,3,1]
        "#,
    );
}

/// "Sharded Subscription": of the subscribers with node keys one gets an event with a resource
/// key, always the same; an event without one goes to all.
#[test]
fn of_sharded_subscribers_one_gets_an_event_with_a_resource_key() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        join c
        c< [2,*
        join p
        p< [2,*
        a> [32,1,{"nkey":"node1"},"com.x"]
        a< [33,1,1]
        b> [32,1,{"nkey":"node2"},"com.x"]
        b< [33,1,1]
        c> [32,1,{},"com.x"]
        c< [33,1,1]
        p> [16,1,{},"com.x"]
        a< [36,1,$p1,{}]
        b< [36,1,$p1,{}]
        c< [36,1,$p1,{}]
        p> [16,2,{"rkey":"sensor1"},"com.x"]
        a< [36,1,$p2,{}]
        c< [36,1,$p2,{}]
        p> [16,3,{"rkey":"sensor4"},"com.x"]
        b< [36,1,$p3,{}]
        c< [36,1,$p3,{}]
        p> [16,4,{"rkey":"sensor1","exclude_authid":["c"]},"com.x"]
        a< [36,1,$p4,{}]
        p> [16,5,{"rkey":"sensor1","exclude_authid":["a"]},"com.x"]
        b< [36,1,$p5,{}]
        c< [36,1,$p5,{}]
        a> [34,2,1]
        a< [35,2]
        p> [16,6,{"rkey":"sensor1"},"com.x"]
        c< [36,1,$p6,{}]
        b< [36,1,$p6,{}]
        b> [32,2,{},"com.x"]
        b< [33,2,1]
        a> [32,3,{"nkey":"node1"},"com.x"]
        a< [33,3,1]
        p> [16,7,{"rkey":"sensor4"},"com.x"]
        c< [36,1,$p7,{}]
        b< [36,1,$p7,{}]
        a< [36,1,$p7,{}]
        p> [16,8,{"acknowledge":true,"rkey":7},"com.x"]
        p< [8,16,8,{},"wamp.error.invalid_argument",["option \"rkey\" is not a string"]]
        p> [32,9,{"nkey":7},"com.x"]
        p< [8,32,9,{},"wamp.error.invalid_argument",*
        "#,
    );
}

const HISTORIES: &[(&str, MatchPolicy, usize)] =
    &[("com.x", MatchPolicy::Exact, 3), ("com.", MatchPolicy::Prefix, 100)];

fn check_history(script: &str) {
    check_with(&Setup { histories: HISTORIES, ..Setup::default() }, script);
}

/// "Event History": a history records from the start, each event once, and for each of the
/// subscriptions it belongs to.
#[test]
fn a_history_records_without_subscribers_and_once_for_many() {
    check_history(
        r#"
        join a
        a< [2,*
        join p
        p< [2,*
        time 1709210096123456789
        p> [16,1,{"acknowledge":true},"com.x",[1],{"k":"v"}]
        p< [17,1,$p1]
        a> [48,1,{},"wamp.subscription.lookup",["com.x"]]
        a< [50,1,{},[1]]
        a> [48,2,{},"wamp.subscription.get_events",[1]]
        a< [50,2,{},[{"timestamp":"2024-02-29T12:34:56.123Z","subscription":1,"publication":$p1,"details":{"topic":"com.x"},"args":[1],"kwargs":{"k":"v"}}],{"is_limit_reached":false}]
        a> [32,3,{},"com.x"]
        a< [33,3,1]
        p> [32,2,{},"com.x"]
        p< [33,2,1]
        p> [16,3,{"exclude_me":false,"disclose_me":true},"com.x"]
        a< [36,1,$p2,*
        p< [36,1,$p2,*
        a> [48,4,{},"wamp.subscription.get_events",[1]]
        a< [50,4,{},[{"timestamp":"2024-02-29T12:34:56.123Z","subscription":1,"publication":$p1,"details":{"topic":"com.x"},"args":[1],"kwargs":{"k":"v"}},{"timestamp":"2024-02-29T12:34:56.123Z","subscription":1,"publication":$p2,"details":{"topic":"com.x","publisher":$p,"publisher_authid":"p","publisher_authrole":"anonymous"}}],{"is_limit_reached":false}]
        p> [16,4,{"acknowledge":true},"com.y",[2]]
        p< [17,4,$p3]
        a> [48,5,{},"wamp.subscription.get_events",[2],{"topic":"com.y"}]
        a< [50,5,{},[{"timestamp":"2024-02-29T12:34:56.123Z","subscription":2,"publication":$p3,"details":{"topic":"com.y"},"args":[2]}],{"is_limit_reached":false}]
        a> [48,6,{},"wamp.subscription.get_events",[2],{"limit":1}]
        a< [50,6,{},[{"timestamp":"2024-02-29T12:34:56.123Z","subscription":2,"publication":$p1,*
        "#,
    );
}

/// The filters, alone and together, and both orders.
#[test]
fn a_history_is_read_by_time_publication_topic_and_order() {
    let mut script = r#"
        join a
        a< [2,*
        time 1000000000
        a> [16,1,{"acknowledge":true},"com.a"]
        a< [17,1,$p1]
        time 2000000000
        a> [16,2,{"acknowledge":true},"com.b"]
        a< [17,2,$p2]
        time 3000000000
        a> [16,3,{"acknowledge":true},"com.a"]
        a< [17,3,$p3]
        time 4000000000
        a> [16,4,{"acknowledge":true},"com.b"]
        a< [17,4,$p4]
        "#
    .to_owned();
    for (request, (query, expected)) in (5..).zip([
        (r#"{}"#, &[1, 2, 3, 4][..]),
        (r#"{"reverse":true}"#, &[4, 3, 2, 1]),
        (r#"{"reverse":false,"limit":2}"#, &[1, 2]),
        (r#"{"reverse":true,"limit":2}"#, &[4, 3]),
        (r#"{"limit":null,"topic":"com.b"}"#, &[2, 4]),
        (r#"{"topic":"com.c"}"#, &[]),
        (r#"{"from_time":"1970-01-01T00:00:02.000Z"}"#, &[2, 3, 4]),
        (r#"{"after_time":"1970-01-01T01:00:02+01:00"}"#, &[3, 4]),
        (r#"{"before_time":"1970-01-01T00:00:03Z"}"#, &[1, 2]),
        (r#"{"until_time":"1970-01-01T00:00:03Z"}"#, &[1, 2, 3]),
        (r#"{"from_publication":$p2}"#, &[2, 3, 4]),
        (r#"{"after_publication":$p2}"#, &[3, 4]),
        (r#"{"before_publication":$p3}"#, &[1, 2]),
        (r#"{"until_publication":$p3}"#, &[1, 2, 3]),
        (r#"{"after_publication":$p1,"until_publication":$p3,"reverse":true}"#, &[3, 2]),
        (r#"{"after_publication":$p3,"before_publication":$p2}"#, &[]),
        (r#"{"from_publication":12345}"#, &[]),
        (r#"{"from_time":"1970-01-01T00:00:02Z","topic":"com.a","limit":5}"#, &[3]),
    ]) {
        let event = |number: &i32| {
            let topic = if number % 2 == 1 { "com.a" } else { "com.b" };
            format!(
                r#"{{"timestamp":"1970-01-01T00:00:0{number}.000Z","subscription":2,"publication":$p{number},"details":{{"topic":"{topic}"}}}}"#
            )
        };
        let events: Vec<_> = expected.iter().map(event).collect();
        let args =
            if events.is_empty() { "[]".to_owned() } else { format!("[{}]", events.join(",")) };
        script += &format!(
            r#"a> [48,{request},{{}},"wamp.subscription.get_events",[2],{query}]
            a< [50,{request},{{}},{args},{{"is_limit_reached":false}}]
            "#
        );
    }
    check_history(&script);
}

#[test]
fn a_full_history_drops_the_oldest_and_says_so() {
    check_history(
        r#"
        join a
        a< [2,*
        a> [16,1,{},"com.x",[1]]
        a> [16,2,{},"com.x",[2]]
        a> [16,3,{},"com.x",[3]]
        a> [16,4,{},"com.x",[4]]
        a> [48,5,{},"wamp.subscription.get_events",[1,1]]
        a< [50,5,{},[{"timestamp":"1970-01-01T00:00:00.000Z","subscription":1,"publication":*
        a> [32,6,{"get_retained":true},"com.x"]
        a< [33,6,1]
        a> [48,7,{},"wamp.subscription.get_events",[1],{"topic":"com.y"}]
        a< [50,7,{},[],{"is_limit_reached":true}]
        "#,
    );
}

/// "Event History", "Security Aspects": lists of people count for readers too, and what has lists
/// of sessions is not recorded.
#[test]
fn readers_of_a_history_see_what_they_may() {
    check_history(
        r#"
        join a
        a< [2,*
        join b backend
        b< [2,*
        join p
        p< [2,*
        p> [16,1,{"acknowledge":true,"eligible_authrole":["backend"]},"com.x"]
        p< [17,1,$p1]
        p> [16,2,{"acknowledge":true,"exclude_authid":["b"]},"com.x"]
        p< [17,2,$p2]
        p> [16,3,{"exclude":[]},"com.x"]
        p> [16,4,{"eligible":[$a]},"com.x"]
        a> [48,1,{},"wamp.subscription.get_events",[1]]
        a< [50,1,{},[{"timestamp":"1970-01-01T00:00:00.000Z","subscription":1,"publication":$p2,"details":{"topic":"com.x"}}],{"is_limit_reached":false}]
        b> [48,1,{},"wamp.subscription.get_events",[1]]
        b< [50,1,{},[{"timestamp":"1970-01-01T00:00:00.000Z","subscription":1,"publication":$p1,"details":{"topic":"com.x"}}],{"is_limit_reached":false}]
        "#,
    );
}

#[test]
fn a_history_is_refused_to_those_who_may_not_subscribe_and_to_wrong_questions() {
    let histories = &[("com.secret", MatchPolicy::Exact, 3), ("com.x", MatchPolicy::Exact, 3)];
    check_with(
        &Setup { histories, ..Setup::default() },
        r#"
        join a
        a< [2,*
        a> [48,1,{},"wamp.subscription.get_events",[1]]
        a< [8,48,1,{},"wamp.error.not_authorized",["not authorized to call \"wamp.subscription.get_events\""]]
        ! denied $a subscribe com.secret
        a> [48,2,{},"wamp.subscription.get_events",[9]]
        a< [8,48,2,{},"wamp.error.no_such_subscription",["there is no subscription 9"]]
        a> [32,3,{},"com.y"]
        a< [33,3,3]
        a> [48,4,{},"wamp.subscription.get_events",[3]]
        a< [8,48,4,{},"wamp.error.history_unavailable",["there is no event history for subscription 3"]]
        a> [48,5,{},"wamp.subscription.get_events"]
        a< [8,48,5,{},"wamp.error.invalid_argument",["argument \"subscription\" is not a subscription identifier"]]
        a> [48,6,{},"wamp.subscription.get_events",[2],{"limit":0}]
        a< [8,48,6,{},"wamp.error.invalid_argument",["argument \"limit\" is not a positive integer"]]
        a> [48,7,{},"wamp.subscription.get_events",[2,"all"]]
        a< [8,48,7,{},"wamp.error.invalid_argument",*
        a> [48,8,{},"wamp.subscription.get_events",[2],{"from_time":"yesterday"}]
        a< [8,48,8,{},"wamp.error.invalid_argument",["argument \"from_time\" is not a time in the form of RFC 3339"]]
        a> [48,9,{},"wamp.subscription.get_events",[2],{"after_publication":"x"}]
        a< [8,48,9,{},"wamp.error.invalid_argument",*
        a> [48,10,{},"wamp.subscription.get_events",[2],{"reverse":1}]
        a< [8,48,10,{},"wamp.error.invalid_argument",*
        a> [48,11,{},"wamp.subscription.get_events",[2],{"topic":"a b"}]
        a< [8,48,11,{},"wamp.error.invalid_argument",*
        "#,
    );
}
