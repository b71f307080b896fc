//! The session meta API, and session statistics.

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
