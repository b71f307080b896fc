//! "Payload Passthru Mode", of calls.

use super::check;

#[test]
fn attributes_of_payloads_are_passed_on_in_both_directions() {
    check(
        r#"
        join a passthru canceling progress
        a< [2,*
        join b passthru
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [48,1,{"ppt_scheme":"wamp","ppt_serializer":"cbor","ppt_cipher":"aes256gcm","ppt_keyid":"k","receive_progress":true},"com.x",["b"]]
        a< [68,1,1,{"receive_progress":true,"ppt_scheme":"wamp","ppt_serializer":"cbor","ppt_cipher":"aes256gcm","ppt_keyid":"k"},["b"]]
        a> [70,1,{"progress":true,"ppt_scheme":"mqtt"},["c"]]
        b< [50,1,{"progress":true,"ppt_scheme":"mqtt"},["c"]]
        a> [70,1,{"ppt_scheme":"mqtt","ppt_serializer":"native","ppt_keyid":null},["d"]]
        b< [50,1,{"ppt_scheme":"mqtt","ppt_serializer":"native"},["d"]]
        b> [48,2,{"ppt_scheme":"x"},"com.x"]
        a< [68,2,1,{"ppt_scheme":"x"}]
        a> [8,68,2,{"ppt_scheme":"x","ppt_keyid":"k"},"com.failed",["e"]]
        b< [8,48,2,{"ppt_scheme":"x","ppt_keyid":"k"},"com.failed",["e"]]
        "#,
    );
}

#[test]
fn attributes_without_a_scheme_are_refused() {
    check(
        r#"
        join a passthru
        a< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        a> [48,2,{"ppt_keyid":"k"},"com.x"]
        a< [8,48,2,{},"wamp.error.invalid_argument",["option \"ppt_scheme\" is not a scheme"]]
        a> [48,3,{"ppt_scheme":"","ppt_keyid":"k"},"com.x"]
        a< [8,48,3,{},"wamp.error.invalid_argument",*
        a> [48,4,{"ppt_scheme":5},"com.x"]
        a< [8,48,4,{},"wamp.error.invalid_argument",["option \"ppt_scheme\" is not a string"]]
        a> [48,5,{"ppt_scheme":null,"ppt_keyid":null},"com.x"]
        a< [68,1,1,{}]
        a> [70,1,{"ppt_keyid":"k"}]
        a< [3,*
        a closed connection
        ! violation $a YIELD: option "ppt_scheme" is not a scheme
        "#,
    );
}

/// Protocol errors of those who have not announced it, application errors where the other has not.
#[test]
fn both_sides_must_have_announced_the_mode() {
    check(
        r#"
        join a
        a< [2,*
        join b passthru canceling
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [64,1,{},"com.y"]
        b< [65,1,2]
        b> [48,2,{"ppt_scheme":"x"},"com.x"]
        b< [8,48,2,{},"wamp.error.feature_not_supported",["the other side does not support payload passthru mode"]]
        a> [48,2,{},"com.y"]
        b< [68,1,2,{}]
        b> [70,1,{"ppt_scheme":"x"}]
        b< [8,70,1,{},"wamp.error.feature_not_supported",*
        a< [8,48,2,{},"wamp.error.feature_not_supported",*
        a> [48,3,{"receive_progress":true},"com.y"]
        b< [68,2,2,{}]
        b> [70,2,{"ppt_scheme":"x","progress":true}]
        b< [8,70,2,{},"wamp.error.feature_not_supported",*
        b< [69,2,{"mode":"killnowait"}]
        a< [8,48,3,{},"wamp.error.feature_not_supported",*
        b> [48,3,{},"com.x"]
        a< [68,1,1,{}]
        a> [70,1,{"ppt_scheme":"x"}]
        a< [3,*
        a closed connection
        b< [8,48,3,{},"wamp.error.canceled",*
        ! violation $a YIELD with ppt_scheme by a callee without payload passthru mode
        join c
        c< [2,*
        c> [48,1,{"ppt_scheme":"x"},"com.y"]
        c< [3,*
        c closed connection
        ! violation $c CALL with ppt_scheme by a caller without payload passthru mode
        "#,
    );
}
