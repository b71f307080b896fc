//! "Protocol Errors": what no client may send in an open session.

use super::{Setup, check, check_with};
use crate::RequestIds;

/// The session is aborted, everything it held is gone, and nothing it sends is heard any more.
fn check_violation(message: &str, what: &str) {
    let what_json = what.replace('"', "\\\"");
    check(&format!(
        r#"
        join w
        w< [2,*
        join a
        a< [2,*
        a> [32,1,{{}},"com.t"]
        a< [33,1,1]
        a> [64,2,{{}},"com.p"]
        a< [65,2,1]
        w> [48,1,{{}},"com.p"]
        a< [68,1,1,{{}}]
        a> {message}
        a< [3,{{"message":"{what_json}"}},"wamp.error.protocol_violation"]
        a closed connection
        w< [8,48,1,{{}},"wamp.error.canceled",*
        ! violation $a {what}
        a> [32,3,{{}},"com.t"]
        a> {message}
        w> [16,2,{{}},"com.t"]
        w> [48,3,{{}},"com.p"]
        w< [8,48,3,{{}},"wamp.error.no_such_procedure",*
        leave a
        "#
    ));
}

#[test]
fn messages_that_only_a_router_sends_are_violations() {
    let messages = [
        (r#"[1,"realm1",{"roles":{"caller":{}}}]"#, "HELLO"),
        (r"[2,1,{}]", "WELCOME"),
        (r#"[4,"ticket",{}]"#, "CHALLENGE"),
        (r#"[5,"secret",{}]"#, "AUTHENTICATE"),
        ("[17,1,1]", "PUBLISHED"),
        ("[33,1,1]", "SUBSCRIBED"),
        ("[35,1]", "UNSUBSCRIBED"),
        ("[36,1,1,{}]", "EVENT"),
        ("[50,1,{}]", "RESULT"),
        ("[65,1,1]", "REGISTERED"),
        ("[67,1]", "UNREGISTERED"),
        ("[68,1,1,{}]", "INVOCATION"),
        ("[69,1,{}]", "INTERRUPT"),
    ];
    for (message, name) in messages {
        check_violation(message, &format!("unexpected {name} in an open session"));
    }
}

#[test]
fn errors_are_for_invocations() {
    for request_type in [16, 32, 34, 48, 64, 66] {
        let message = format!(r#"[8,{request_type},1,{{}},"com.failed"]"#);
        check_violation(&message, "ERROR for what is not an INVOCATION");
    }
}

#[test]
fn answers_are_for_invocations_that_were_sent() {
    check_violation("[70,2,{}]", "YIELD for an INVOCATION that was never sent");
    check_violation(r#"[8,68,2,{},"com.failed"]"#, "ERROR for an INVOCATION that was never sent");
}

#[test]
fn progress_is_a_boolean() {
    check_violation(r#"[70,1,{"progress":1}]"#, "YIELD: option \"progress\" is not a boolean");
}

#[test]
fn what_is_no_message_is_a_violation() {
    check(
        r#"
        join a
        a< [2,*
        garbage a
        a< [3,{"message":"not a message"},"wamp.error.protocol_violation"]
        a closed connection
        ! violation $a not a message
        garbage a
        "#,
    );
}

#[test]
fn a_pending_call_cannot_be_made_again() {
    check(
        r#"
        join a canceling
        a< [2,*
        join b
        b< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        b> [48,1,{},"com.x"]
        a< [68,1,1,{}]
        b> [48,1,{},"com.x"]
        b< [3,{"message":"CALL with the request identifier of a pending call"},"wamp.error.protocol_violation"]
        b closed connection
        a< [69,1,{"mode":"killnowait"}]
        ! violation $b CALL with the request identifier of a pending call
        "#,
    );
}

/// Clients in the field skip identifiers; a realm can be told to hold it against them.
#[test]
fn gaps_in_request_identifiers_are_violations_where_the_realm_says_so() {
    let script = |refused: &str| {
        format!(
            r#"
            join a
            a< [2,*
            a> [32,1,{{}},"com.x"]
            a< [33,1,1]
            a> [64,2,{{}},"com.x"]
            a< [65,2,1]
            a> {refused}
            a< [3,{{"message":"request identifier out of sequence"}},"wamp.error.protocol_violation"]
            a closed connection
            ! violation $a request identifier out of sequence
            "#
        )
    };
    for refused in [
        r#"[16,4,{},"com.x"]"#,
        r#"[32,4,{},"com.x"]"#,
        "[34,2,1]",
        r#"[48,1,{},"com.x"]"#,
        r#"[64,4,{},"com.y"]"#,
        "[66,5,1]",
    ] {
        let sequential = Setup { request_ids: RequestIds::Sequential, ..Setup::default() };
        check_with(&sequential, &script(refused));
    }
    check(
        r#"
        join a
        a< [2,*
        a> [32,7,{},"com.x"]
        a< [33,7,1]
        a> [32,3,{},"com.y"]
        a< [33,3,2]
        "#,
    );
}

#[test]
fn the_answers_of_a_callee_are_no_requests() {
    let sequential = Setup { request_ids: RequestIds::Sequential, ..Setup::default() };
    check_with(
        &sequential,
        r#"
        join a
        a< [2,*
        a> [64,1,{},"com.x"]
        a< [65,1,1]
        a> [48,2,{},"com.x"]
        a< [68,1,1,{}]
        a> [70,1,{}]
        a< [50,2,{}]
        a> [337,99]
        a> [49,2,{}]
        a> [34,3,9]
        a< [8,34,3,*
        "#,
    );
}
