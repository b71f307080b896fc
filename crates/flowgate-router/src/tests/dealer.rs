//! Registrations: "Registering and Unregistering", "Pattern-based Registrations".

use super::check;

#[test]
fn registering_and_unregistering() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [64,1,{},"com.x"]
        b< [8,64,1,{},"wamp.error.procedure_already_exists",["procedure \"com.x\" is already registered"]]
        a> [64,2,{},"com.x"]
        a< [8,64,2,{},"wamp.error.procedure_already_exists",*
        b> [66,2,1]
        b< [8,66,2,{},"wamp.error.no_such_registration",["the session holds no registration 1"]]
        a> [66,3,1]
        a< [67,3]
        a> [66,4,1]
        a< [8,66,4,{},"wamp.error.no_such_registration",*
        b> [64,3,{"invoke":"single"},"com.x"]
        b< [65,3,2]
        a> [48,5,{},"com.y"]
        a< [8,48,5,{},"wamp.error.no_such_procedure",["no procedure \"com.y\" is registered"]]
        "#,
    );
}

#[test]
fn the_same_text_under_other_policies_is_another_registration() {
    check(
        r#"
        join a
        a< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        a> [64,2,{"match":"prefix"},"com.x"]
        a< [65,2,2]
        a> [64,3,{"match":"wildcard"},"com.x"]
        a< [65,3,3]
        a> [64,4,{"match":"prefix"},"com.x"]
        a< [8,64,4,{},"wamp.error.procedure_already_exists",*
        "#,
    );
}

/// Exact before the longest prefix before the wildcard; the callee of a pattern is told which
/// procedure was called.
#[test]
fn a_call_goes_to_the_most_specific_registration() {
    check(
        r#"
        join a
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{"match":"wildcard"},"com..x"]
        a< [65,1,1]
        b> [48,1,{},"com.me.x"]
        a< [68,1,1,{"procedure":"com.me.x"}]
        a> [64,2,{"match":"prefix"},"com."]
        a< [65,2,2]
        b> [48,2,{},"com.me.x"]
        a< [68,2,2,{"procedure":"com.me.x"}]
        a> [64,3,{"match":"prefix"},"com.me"]
        a< [65,3,3]
        b> [48,3,{},"com.me.x"]
        a< [68,3,3,{"procedure":"com.me.x"}]
        a> [64,4,{},"com.me.x"]
        a< [65,4,4]
        b> [48,4,{},"com.me.x"]
        a< [68,4,4,{}]
        b> [48,5,{},"org.me.x"]
        b< [8,48,5,{},"wamp.error.no_such_procedure",*
        a> [66,5,4]
        a< [67,5]
        b> [48,6,{},"com.me.x"]
        a< [68,5,3,{"procedure":"com.me.x"}]
        "#,
    );
}

#[test]
fn options_of_register_are_checked() {
    check(
        r#"
        join a
        a< [2,*
        a> [64,1,{"match":"foo"},"com.x"]
        a< [8,64,1,{},"wamp.error.invalid_argument",*
        a> [64,2,{"concurrency":0},"com.x"]
        a< [8,64,2,{},"wamp.error.invalid_argument",["option \"concurrency\" is not a number of calls, at least 1"]]
        a> [64,6,{"disclose_caller":1},"com.x"]
        a< [8,64,6,{},"wamp.error.invalid_argument",*
        a> [64,7,{"forward_timeout":1},"com.x"]
        a< [8,64,7,{},"wamp.error.invalid_argument",*
        a> [64,8,{"force_reregister":"no"},"com.x"]
        a< [8,64,8,{},"wamp.error.invalid_argument",*
        a> [64,3,{"invoke":"foo"},"com.x"]
        a< [8,64,3,{},"wamp.error.invalid_argument",["option \"invoke\" is not an invocation policy"]]
        a> [64,4,{"invoke":5},"com.x"]
        a< [8,64,4,{},"wamp.error.invalid_argument",*
        a> [64,5,{"invoke":null,"concurrency":null,"unknown":{}},"com.x"]
        a< [65,5,1]
        "#,
    );
}

#[test]
fn invalid_and_reserved_procedures_are_refused() {
    check(
        r#"
        join a
        a< [2,*
        a> [64,1,{},"com..x"]
        a< [8,64,1,{},"wamp.error.invalid_uri",*
        a> [64,2,{},"wamp.session.count"]
        a< [8,64,2,{},"wamp.error.invalid_uri",["\"wamp.session.count\" is reserved for the router"]]
        a> [64,3,{"match":"prefix"},"wamp"]
        a< [8,64,3,{},"wamp.error.invalid_uri",*
        a> [64,4,{"match":"wildcard"},"wamp..count"]
        a< [8,64,4,{},"wamp.error.invalid_uri",*
        a> [64,5,{"match":"wildcard"},".."]
        a< [65,5,1]
        a> [64,6,{"match":"prefix"},"wam"]
        a< [65,6,2]
        a> [48,7,{},"wamp.no.such"]
        a< [8,48,7,{},"wamp.error.no_such_procedure",*
        a> [48,8,{},"wamp"]
        a< [8,48,8,{},"wamp.error.no_such_procedure",*
        a> [48,9,{},"com..x"]
        a< [8,48,9,{},"wamp.error.invalid_uri",*
        "#,
    );
}

/// Who may not, does not learn what exists.
#[test]
fn denial_reveals_nothing_about_procedures() {
    check(
        r#"
        join a
        a< [2,*
        a> [64,1,{"match":"wildcard"},"com.."]
        a< [65,1,1]
        a> [64,2,{},"com.secret.x"]
        a< [8,64,2,{},"wamp.error.not_authorized",*
        ! denied $a register com.secret.x
        a> [48,3,{},"com.secret.x"]
        a< [8,48,3,{},"wamp.error.not_authorized",["not authorized to call \"com.secret.x\""]]
        ! denied $a call com.secret.x
        a> [48,4,{},"org.secret.x"]
        a< [8,48,4,{},"wamp.error.not_authorized",*
        ! denied $a call org.secret.x
        a> [48,5,{},"wamp.secret"]
        a< [8,48,5,{},"wamp.error.not_authorized",*
        ! denied $a call wamp.secret
        "#,
    );
}
