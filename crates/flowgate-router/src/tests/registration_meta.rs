//! "Registration Meta API", "Registration Revocation", and `force_reregister`.

use super::{Setup, check, check_with};
use crate::MetaApi;

#[test]
fn events_tell_of_registrations_in_order() {
    check(
        r#"
        join w
        w< [2,*
        w> [32,1,{"match":"prefix"},"wamp.registration."]
        w< [33,1,1]
        join a
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{"invoke":"roundrobin","match":"wildcard"},"com..x"]
        a< [65,1,1]
        w< [36,1,$p1,{"topic":"wamp.registration.on_create"},[$a,{"id":1,"created":"1970-01-01T00:00:00.000Z","uri":"com..x","match":"wildcard","invoke":"roundrobin"}]]
        w< [36,1,$p2,{"topic":"wamp.registration.on_register"},[$a,1]]
        a> [64,2,{"invoke":"roundrobin","match":"wildcard"},"com..x"]
        a< [65,2,1]
        b> [64,1,{"invoke":"roundrobin","match":"wildcard"},"com..x"]
        b< [65,1,1]
        w< [36,1,$p3,{"topic":"wamp.registration.on_register"},[$b,1]]
        a> [66,3,1]
        a< [67,3]
        w< [36,1,$p4,{"topic":"wamp.registration.on_unregister"},[$a,1]]
        leave b
        w< [36,1,$p5,{"topic":"wamp.registration.on_unregister"},[$b,1]]
        w< [36,1,$p6,{"topic":"wamp.registration.on_delete"},[$b,1]]
        w> [64,2,{},"com.y"]
        w< [65,2,2]
        w< [36,1,$p7,{"topic":"wamp.registration.on_create"},*
        w< [36,1,$p8,{"topic":"wamp.registration.on_register"},[$w,2]]
        w> [64,3,{},"com.y"]
        w< [8,64,3,{},"wamp.error.procedure_already_exists",*
        "#,
    );
}

#[test]
fn procedures_tell_about_registrations() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{"match":"prefix","invoke":"last"},"com."]
        a< [65,1,1]
        b> [64,1,{"match":"prefix","invoke":"last"},"com."]
        b< [65,1,1]
        a> [64,2,{},"com.x"]
        a< [65,2,2]
        a> [64,3,{"match":"wildcard"},"..x"]
        a< [65,3,3]
        b> [48,2,{},"wamp.registration.list"]
        b< [50,2,{},[{"exact":[2],"prefix":[1],"wildcard":[3]}]]
        b> [48,3,{},"wamp.registration.lookup",["com.x"]]
        b< [50,3,{},[2]]
        b> [48,4,{},"wamp.registration.lookup",["com.",{"match":"prefix"}]]
        b< [50,4,{},[1]]
        b> [48,5,{},"wamp.registration.lookup",["com.x",{"match":"wildcard"}]]
        b< [50,5,{},[null]]
        b> [48,6,{},"wamp.registration.match",["com.y"]]
        b< [50,6,{},[1]]
        b> [48,7,{},"wamp.registration.match",["org.y"]]
        b< [50,7,{},[null]]
        b> [48,8,{},"wamp.registration.get",[1]]
        b< [50,8,{},[{"id":1,"created":"1970-01-01T00:00:00.000Z","uri":"com.","match":"prefix","invoke":"last"}]]
        b> [48,9,{},"wamp.registration.list_callees",[1]]
        b< [50,9,{},[[$a,$b]]]
        b> [48,10,{},"wamp.registration.count_callees",[1]]
        b< [50,10,{},[2]]
        "#,
    );
}

#[test]
fn wrong_arguments_of_procedures_are_refused() {
    check(
        r#"
        join a
        a< [2,*
        a> [48,1,{},"wamp.registration.get",[5]]
        a< [8,48,1,{},"wamp.error.no_such_registration",["there is no registration 5"]]
        a> [48,2,{},"wamp.registration.list_callees",[5]]
        a< [8,48,2,{},"wamp.error.no_such_registration",*
        a> [48,3,{},"wamp.registration.count_callees",[5]]
        a< [8,48,3,{},"wamp.error.no_such_registration",*
        a> [48,4,{},"wamp.registration.get"]
        a< [8,48,4,{},"wamp.error.invalid_argument",["argument \"registration\" is not a registration identifier"]]
        a> [48,5,{},"wamp.registration.lookup"]
        a< [8,48,5,{},"wamp.error.invalid_argument",["argument \"procedure\" is not a URI"]]
        a> [48,6,{},"wamp.registration.lookup",["com.x",{"match":"foo"}]]
        a< [8,48,6,{},"wamp.error.invalid_argument",*
        a> [48,7,{},"wamp.registration.lookup",["com.x",5]]
        a< [8,48,7,{},"wamp.error.invalid_argument",*
        a> [48,8,{},"wamp.registration.match",[5]]
        a< [8,48,8,{},"wamp.error.invalid_argument",*
        a> [48,9,{},"wamp.registration.nothing"]
        a< [8,48,9,{},"wamp.error.no_such_procedure",*
        a> [48,10,{},"wamp.registration.remove_callee",[1,$a]]
        a< [8,48,10,{},"wamp.error.no_such_registration",*
        a> [48,11,{},"wamp.registration.remove_callee",[1,12345]]
        a< [8,48,11,{},"wamp.error.no_such_session",*
        a> [48,12,{},"wamp.registration.remove_callee",[1]]
        a< [8,48,12,{},"wamp.error.invalid_argument",*
        "#,
    );
}

#[test]
fn without_the_meta_api_nothing_is_told() {
    check_with(
        &Setup { meta_api: MetaApi::Disabled, ..Setup::default() },
        r#"
        join a
        a< [2,*
        a> [32,1,{"match":"prefix"},"wamp.registration."]
        a< [33,1,1]
        a> [64,2,{},"com.x"]
        a< [65,2,1]
        a> [48,3,{},"wamp.registration.list"]
        a< [8,48,3,{},"wamp.error.no_such_procedure",*
        "#,
    );
}

/// Only who understands is told; what has begun may be finished.
#[test]
fn a_callee_can_be_removed() {
    check(
        r#"
        join a revocation
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{"invoke":"first"},"com.x"]
        a< [65,1,1]
        b> [64,1,{"invoke":"first"},"com.x"]
        b< [65,1,1]
        b> [48,2,{},"com.x"]
        a< [68,1,1,{}]
        b> [48,3,{},"wamp.registration.remove_callee",[1,$a],{"reason":"com.moved"}]
        a< [67,0,{"registration":1,"reason":"com.moved"}]
        b< [50,3,{},[null]]
        a> [70,1,{}]
        b< [50,2,{}]
        b> [48,4,{},"com.x"]
        b< [68,1,1,{}]
        b> [48,5,{},"wamp.registration.remove_callee",[1,$a]]
        b< [8,48,5,{},"wamp.error.no_such_registration",*
        b> [48,6,{},"wamp.registration.remove_callee",[1,$b]]
        b< [50,6,{},[null]]
        b> [48,7,{},"com.x"]
        b< [8,48,7,{},"wamp.error.no_such_procedure",*
        "#,
    );
}

/// The new registration is another one, so that nobody takes it for theirs.
#[test]
fn force_reregister_takes_a_procedure_from_its_callees() {
    check(
        r#"
        join w
        w< [2,*
        join a revocation
        a< [2,*
        join b
        b< [2,*
        w> [32,1,{"match":"prefix"},"wamp.registration."]
        w< [33,1,1]
        b> [64,1,{"force_reregister":true},"com.x"]
        b< [65,1,1]
        w< [36,1,$p1,{"topic":"wamp.registration.on_create"},*
        w< [36,1,$p2,{"topic":"wamp.registration.on_register"},[$b,1]]
        a> [64,1,{"force_reregister":true},"com.x"]
        w< [36,1,$p3,{"topic":"wamp.registration.on_unregister"},[$b,1]]
        w< [36,1,$p4,{"topic":"wamp.registration.on_delete"},[$b,1]]
        a< [65,1,2]
        w< [36,1,$p5,{"topic":"wamp.registration.on_create"},*
        w< [36,1,$p6,{"topic":"wamp.registration.on_register"},[$a,2]]
        w> [34,2,1]
        w< [35,2]
        b> [48,2,{},"com.x"]
        a< [68,1,2,{}]
        b> [64,3,{"force_reregister":true,"invoke":"random"},"com.x"]
        a< [67,0,{"registration":2,"reason":"wamp.error.unregistered"}]
        b< [65,3,3]
        a> [70,1,{}]
        b< [50,2,{}]
        a> [64,2,{"force_reregister":true},"com.secret"]
        a< [8,64,2,{},"wamp.error.not_authorized",*
        ! denied $a register com.secret
        "#,
    );
}
