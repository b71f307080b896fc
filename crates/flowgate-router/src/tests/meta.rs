//! The session meta API, and session statistics.

use std::fmt::Write as _;

use super::check;

#[test]
fn count_and_list_take_an_optional_filter() {
    check(
        r#"
        join a
        a< [2,*
        join b backend
        b< [2,*
        join c
        c< [2,*
        a> [48,1,{},"wamp.session.count"]
        a< [50,1,{},[3]]
        a> [48,2,{},"wamp.session.count",[["backend","other"]]]
        a< [50,2,{},[1]]
        a> [48,3,{},"wamp.session.count",[[]]]
        a< [50,3,{},[0]]
        a> [48,4,{},"wamp.session.count",[null]]
        a< [50,4,{},[3]]
        a> [48,5,{},"wamp.session.count",[],{"filter_authroles":["anonymous"]}]
        a< [50,5,{},[2]]
        a> [48,6,{},"wamp.session.list"]
        a< [50,6,{},[[$a,$b,$c]]]
        a> [48,7,{},"wamp.session.list",[["backend"]]]
        a< [50,7,{},[[$b]]]
        a> [48,8,{},"wamp.session.list",[],{"filter_authroles":["anonymous"]}]
        a< [50,8,{},[[$a,$c]]]
        a> [48,9,{},"wamp.session.count",["backend"]]
        a< [8,48,9,{},"wamp.error.invalid_argument",["argument \"filter_authroles\" is not a list of roles"]]
        a> [48,10,{},"wamp.session.list",[[1]]]
        a< [8,48,10,{},"wamp.error.invalid_argument",*
        leave c
        a> [48,11,{},"wamp.session.list"]
        a< [50,11,{},[[$a,$b]]]
        "#,
    );
}

/// "Interface Reflection", "Router-to-Router Links": nobody else can offer them either.
#[test]
fn procedures_of_features_that_are_not_there_do_not_exist() {
    let mut script = "join a\na< [2,*\n".to_owned();
    let reflection = ["topic", "procedure", "error"]
        .into_iter()
        .flat_map(|what| ["list", "describe"].map(|verb| format!("wamp.reflection.{what}.{verb}")));
    let others =
        ["wamp.reflect.define", "wamp.reflect.describe", "wamp.r2r.submit_traffic_payment"];
    for (place, uri) in reflection.chain(others.map(str::to_owned)).enumerate() {
        let (call, register) = (2 * place + 1, 2 * place + 2);
        let _ = write!(
            script,
            r#"
            a> [48,{call},{{}},"{uri}",["com.x"]]
            a< [8,48,{call},{{}},"wamp.error.no_such_procedure",["no procedure \"{uri}\" is registered"]]
            a> [64,{register},{{}},"{uri}"]
            a< [8,64,{register},{{}},"wamp.error.invalid_uri",*
            "#,
        );
    }
    check(&script);
}

#[test]
fn get_tells_about_one_session() {
    check(
        r#"
        join a
        a< [2,*
        join b backend
        b< [2,*
        a> [48,1,{},"wamp.session.get",[$b]]
        a< [50,1,{},[{"session":$b,"authid":"b","authrole":"backend","authmethod":"anonymous","authprovider":"static","realm":"realm1","transport":{"peer":"test"}}]]
        a> [48,2,{},"wamp.session.get",[12345]]
        a< [8,48,2,{},"wamp.error.no_such_session",["there is no session 12345"]]
        a> [48,3,{},"wamp.session.get"]
        a< [8,48,3,{},"wamp.error.invalid_argument",["argument \"session\" is not a session identifier"]]
        a> [48,4,{},"wamp.session.get",["x"]]
        a< [8,48,4,{},"wamp.error.invalid_argument",*
        a> [48,5,{},"wamp.session.get",[0]]
        a< [8,48,5,{},"wamp.error.invalid_argument",*
        b> [6,{},"wamp.close.close_realm"]
        b< [6,{},"wamp.close.goodbye_and_out"]
        b closed session
        a> [48,6,{},"wamp.session.get",[$b]]
        a< [8,48,6,{},"wamp.error.no_such_session",*
        "#,
    );
}

#[test]
fn joining_is_announced_to_exact_and_pattern_subscribers() {
    check(
        r#"
        join w
        w< [2,*
        w> [32,1,{},"wamp.session.on_join"]
        w< [33,1,1]
        join v
        v< [2,*
        w< [36,1,$p1,*
        v> [32,1,{"match":"wildcard"},"wamp.."]
        v< [33,1,2]
        join a
        a< [2,*
        w< [36,1,$p2,{},[{"session":$a,"authid":"a","authrole":"anonymous","authmethod":"anonymous","authprovider":"static","realm":"realm1","transport":{"peer":"test"}}]]
        v< [36,2,$p2,{"topic":"wamp.session.on_join"},[{"session":$a,*
        "#,
    );
}

#[test]
fn statistics_have_the_keys_of_crossbar_and_both_directions() {
    check(
        r#"
        join w
        w< [2,*
        join a
        a< [2,*
        stats a
        w> [32,1,{},"wamp.session.on_stats"]
        w< [33,1,1]
        stats a
        w<stats [36,1,$p1,{},[{"authid":"a","authrole":"anonymous","realm":"realm1","session":$a},{"bytes":30,"cycle":3,"duration":400,"first":false,"last":false,"messages":6,"rated_messages":8,"serializer":"json","timestamp":500,"received":{"bytes":10,"messages":2,"rated_messages":3},"sent":{"bytes":20,"messages":4,"rated_messages":5}}]]
        stats w
        w<stats [36,1,$p2,{},[{"authid":"w",*
        w> [32,2,{"match":"prefix"},"wamp.session."]
        w< [33,2,2]
        w> [34,3,1]
        w< [35,3]
        leave a stats
        w<stats [36,2,$p3,{"topic":"wamp.session.on_stats"},[{"authid":"a","authrole":"anonymous","realm":"realm1","session":$a},{"bytes":30,"cycle":3,"duration":400,"first":false,"last":true,*
        w< [36,2,$p4,{"topic":"wamp.session.on_leave"},[$a,"a","anonymous"]]
        "#,
    );
}

#[test]
fn statistics_of_a_session_that_says_goodbye_come_before_on_leave() {
    check(
        r#"
        join w
        w< [2,*
        w> [32,1,{"match":"prefix"},"wamp.session."]
        w< [33,1,1]
        join a
        a< [2,*
        w< [36,1,$p1,*
        a> [6,{},"wamp.close.close_realm"]
        a< [6,{},"wamp.close.goodbye_and_out"]
        a closed session
        stats a
        w<stats [36,1,$p2,*
        leave a stats
        w<stats [36,1,$p3,*
        w< [36,1,$p4,{"topic":"wamp.session.on_leave"},*
        "#,
    );
}

/// "wamp.session.kill": reason and message, given by name or by place, or the defaults.
#[test]
fn a_killed_session_is_told_why_and_by_what_it_ends() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        join c
        c< [2,*
        join d
        d< [2,*
        a> [32,1,{},"wamp.session.on_leave"]
        a< [33,1,1]
        a> [48,2,{},"wamp.session.kill",[$b]]
        b< [6,{},"wamp.close.killed"]
        a< [50,2,{}]
        a> [48,3,{},"wamp.session.kill",[$c],{"reason":"com.enough","message":"go away"}]
        c< [6,{"message":"go away"},"com.enough"]
        a< [50,3,{}]
        a> [48,4,{},"wamp.session.kill",[$d,"com.enough","go"],{"reason":null}]
        d< [6,{"message":"go"},"com.enough"]
        a< [50,4,{}]
        a> [48,5,{},"wamp.session.list"]
        a< [50,5,{},[[$a]]]
        a> [48,6,{},"wamp.session.kill",[$b]]
        a< [8,48,6,{},"wamp.error.no_such_session",*
        b> [48,1,{},"wamp.session.count"]
        b> [6,{},"wamp.close.goodbye_and_out"]
        b closed connection
        leave b
        a< [36,1,$p1,{},[$b,"b","anonymous"]]
        leave c
        a< [36,1,$p2,{},[$c,"c","anonymous"]]
        "#,
    );
}

#[test]
fn what_a_killed_session_held_is_gone_at_once() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        b> [64,1,{},"com.x"]
        b< [65,1,1]
        b> [32,2,{},"com.t"]
        b< [33,2,1]
        a> [48,1,{},"com.x"]
        b< [68,1,1,{}]
        a> [48,2,{},"wamp.session.kill",[$b]]
        a< [8,48,1,{},"wamp.error.canceled",*
        b< [6,{},"wamp.close.killed"]
        a< [50,2,{}]
        a> [16,3,{},"com.t"]
        a> [48,4,{},"com.x"]
        a< [8,48,4,{},"wamp.error.no_such_procedure",*
        "#,
    );
}

#[test]
fn a_kill_that_names_nobody_else_or_is_malformed_is_refused() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        a> [48,1,{},"wamp.session.kill",[$a]]
        a< [8,48,1,{},"wamp.error.no_such_session",["there is no session $a"]]
        a> [48,2,{},"wamp.session.kill",[12345]]
        a< [8,48,2,{},"wamp.error.no_such_session",["there is no session 12345"]]
        a> [48,3,{},"wamp.session.kill"]
        a< [8,48,3,{},"wamp.error.invalid_argument",*
        a> [48,4,{},"wamp.session.kill",[$b],{"reason":"not a uri"}]
        a< [8,48,4,{},"wamp.error.invalid_uri",["argument \"reason\" is not a valid URI here"]]
        a> [48,5,{},"wamp.session.kill",[$b],{"reason":""}]
        a< [8,48,5,{},"wamp.error.invalid_uri",*
        a> [48,6,{},"wamp.session.kill",[$b],{"reason":7}]
        a< [8,48,6,{},"wamp.error.invalid_uri",*
        a> [48,7,{},"wamp.session.kill",[$b],{"message":7}]
        a< [8,48,7,{},"wamp.error.invalid_argument",["argument \"message\" is not a string"]]
        a> [48,8,{},"wamp.session.kill_by_authid"]
        a< [8,48,8,{},"wamp.error.invalid_argument",["argument \"authid\" is not a string"]]
        a> [48,9,{},"wamp.session.kill_by_authid",["b"],{"reason":"x y"}]
        a< [8,48,9,{},"wamp.error.invalid_uri",*
        a> [48,10,{},"wamp.session.kill_by_authrole",[1]]
        a< [8,48,10,{},"wamp.error.invalid_argument",["argument \"authrole\" is not a string"]]
        a> [48,11,{},"wamp.session.kill_by_authrole",["anonymous"],{"reason":"x y"}]
        a< [8,48,11,{},"wamp.error.invalid_uri",*
        a> [48,12,{},"wamp.session.kill_all",[],{"reason":"x y"}]
        a< [8,48,12,{},"wamp.error.invalid_uri",*
        a> [48,13,{},"wamp.session.kill_none"]
        a< [8,48,13,{},"wamp.error.no_such_procedure",*
        a> [48,14,{},"wamp.session.count"]
        a< [50,14,{},[2]]
        "#,
    );
}

/// `kill_by_authid` returns a list, `kill_by_authrole` and `kill_all` a number; the
/// caller is always left out.
#[test]
fn sessions_are_killed_by_who_they_are() {
    check(
        r#"
        join a
        a< [2,*
        join b backend
        b< [2,*
        join c
        c< [2,*
        join d backend
        d< [2,*
        a> [48,1,{},"wamp.session.kill_by_authid",["c"],{"message":"bye"}]
        c< [6,{"message":"bye"},"wamp.close.killed"]
        a< [50,1,{},[[$c]]]
        a> [48,2,{},"wamp.session.kill_by_authid",["a"]]
        a< [50,2,{},[[]]]
        a> [48,3,{},"wamp.session.kill_by_authrole",["backend"],{"reason":"com.r"}]
        b< [6,{},"com.r"]
        d< [6,{},"com.r"]
        a< [50,3,{},[2]]
        a> [48,4,{},"wamp.session.kill_by_authrole",["anonymous"]]
        a< [50,4,{},[0]]
        join e
        e< [2,*
        join f backend
        f< [2,*
        e> [48,1,{},"wamp.session.kill_all",[],{"reason":"com.r","message":"m"}]
        a< [6,{"message":"m"},"com.r"]
        f< [6,{"message":"m"},"com.r"]
        e< [50,1,{},[2]]
        e> [48,2,{},"wamp.session.kill_all"]
        e< [50,2,{},[0]]
        "#,
    );
}

/// The reports of a session that is killed are published like those of any other.
#[test]
fn a_killed_session_has_a_last_report() {
    check(
        r#"
        join w
        w< [2,*
        w> [32,1,{"match":"prefix"},"wamp.session.on_"]
        w< [33,1,1]
        join a
        a< [2,*
        w< [36,1,$p1,*
        w> [48,2,{},"wamp.session.kill_all"]
        a< [6,{},"wamp.close.killed"]
        w< [50,2,{},[1]]
        leave a stats
        w<stats [36,1,$p2,{"topic":"wamp.session.on_stats"},*
        w< [36,1,$p3,{"topic":"wamp.session.on_leave"},[$a,"a","anonymous"]]
        "#,
    );
}

/// A session that is killed and does not answer is closed after five seconds.
#[test]
fn a_killed_session_that_does_not_answer_is_closed() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        a> [48,1,{},"wamp.session.kill_all"]
        b< [6,{},"wamp.close.killed"]
        a< [50,1,{},[1]]
        pass 4999ms
        b> [48,1,{},"wamp.session.count"]
        pass 1ms
        b closed connection
        pass 10000ms
        "#,
    );
}
