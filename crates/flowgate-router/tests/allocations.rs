//! The paths of calls and events allocate nothing, from the frame received to the frames sent.
//!
//! Each scenario runs in all formats; the buffer that takes the encoded messages, which is the
//! shell's, has grown before allocations are counted.

use flowgate_wire::Format;

use crate::steady::{Scenario, check, check_count, check_transcoded};

#[test]
fn a_call_allocates_nothing() {
    check(&CALL);
}

const CALL: Scenario = Scenario {
    setup: &[r#"b [64,1,{},"com.x"]"#],
    received: &[
        r#"a [48,$n,{},"com.x",["text",1,-1,1.5,null,true,[1,[2,["ü"]]]],{"k":{"l":[]},"m":"v"}]"#,
        r#"b [70,$n,{},[1,"text"],{"k":1}]"#,
    ],
    sent: &[
        r#"b [68,$n,1,{},["text",1,-1,1.5,null,true,[1,[2,["ü"]]]],{"k":{"l":[]},"m":"v"}]"#,
        r#"a [50,$n,{},[1,"text"],{"k":1}]"#,
    ],
};

#[test]
fn a_call_of_a_pattern_allocates_nothing() {
    for setup in [
        &[r#"b [64,1,{"match":"prefix"},"com.x"]"#],
        &[r#"b [64,1,{"match":"wildcard"},"com.x..z"]"#],
    ] {
        check(&Scenario { setup, ..CALL_OF_A_PATTERN });
    }
}

const CALL_OF_A_PATTERN: Scenario = Scenario {
    setup: &[],
    received: &[r#"a [48,$n,{},"com.x.y.z",[1]]"#, r#"b [70,$n,{},[1]]"#],
    sent: &[r#"b [68,$n,1,{"procedure":"com.x.y.z"},[1]]"#, r#"a [50,$n,{},[1]]"#],
};

/// The caller asks to be disclosed, and has options that the router does not know.
#[test]
fn a_call_that_discloses_its_caller_allocates_nothing() {
    check(&Scenario {
        setup: &[r#"b [64,1,{"match":"prefix"},"com.x"]"#],
        received: &[
            r#"a [48,$n,{"disclose_me":true,"timeout":10,"x_trace":"4bf9"},"com.x.y"]"#,
            r#"b [70,$n,{"x_took":1.5}]"#,
        ],
        sent: &[
            r#"b [68,$n,1,{"procedure":"com.x.y","caller":*,"caller_authid":"a","caller_authrole":"user"}]"#,
            r#"a [50,$n,{}]"#,
        ],
    });
}

/// The permissions of the caller's role disclose it.
#[test]
fn a_call_with_a_caller_who_is_always_disclosed_allocates_nothing() {
    check(&Scenario {
        setup: &[r#"b [64,1,{},"com.x.y"]"#],
        received: &[r#"c [48,$n,{},"com.x.y"]"#, r#"b [70,$n,{}]"#],
        sent: &[
            r#"b [68,$n,1,{"caller":*,"caller_authid":"c","caller_authrole":"open"}]"#,
            r#"c [50,$n,{}]"#,
        ],
    });
}

#[test]
fn a_call_with_progressive_results_allocates_nothing() {
    check(&Scenario {
        setup: &[r#"b [64,1,{},"com.x"]"#],
        received: &[
            r#"a [48,$n,{"receive_progress":true},"com.x"]"#,
            r#"b [70,$n,{"progress":true},[1]]"#,
            r#"b [70,$n,{"progress":true},[2]]"#,
            r#"b [70,$n,{},[3]]"#,
        ],
        sent: &[
            r#"b [68,$n,1,{"receive_progress":true}]"#,
            r#"a [50,$n,{"progress":true},[1]]"#,
            r#"a [50,$n,{"progress":true},[2]]"#,
            r#"a [50,$n,{},[3]]"#,
        ],
    });
}

#[test]
fn a_call_that_its_callee_refuses_allocates_nothing() {
    check(&Scenario {
        setup: &[r#"b [64,1,{},"com.x"]"#],
        received: &[
            r#"a [48,$n,{},"com.x"]"#,
            r#"b [8,68,$n,{"x_code":7},"com.failed",["why"],{"k":1}]"#,
        ],
        sent: &[r#"b [68,$n,1,{}]"#, r#"a [8,48,$n,{"x_code":7},"com.failed",["why"],{"k":1}]"#],
    });
}

/// Several calls are pending at once and are answered in another order.
#[test]
fn calls_in_flight_allocate_nothing() {
    check(&Scenario {
        setup: &[r#"b [64,1,{},"com.x"]"#, r#"c [64,1,{},"com.y"]"#],
        received: &[
            r#"a [48,1$n,{},"com.x"]"#,
            r#"a [48,2$n,{"disclose_me":true},"com.y"]"#,
            r#"b [48,1$n,{},"com.x"]"#,
            r#"c [70,$n,{},[2]]"#,
            r#"b [70,$m,{},[3]]"#,
            r#"b [70,$k,{},[1]]"#,
        ],
        sent: &[
            r#"b [68,$k,1,{}]"#,
            r#"c [68,$n,2,{"caller":*,"caller_authid":"a","caller_authrole":"user"}]"#,
            r#"b [68,$m,1,{}]"#,
            r#"a [50,2$n,{},[2]]"#,
            r#"b [50,1$n,{},[3]]"#,
            r#"a [50,1$n,{},[1]]"#,
        ],
    });
}

#[test]
fn an_event_allocates_nothing() {
    check(&EVENT);
}

const EVENT: Scenario = Scenario {
    setup: &[r#"b [32,1,{},"com.x"]"#, r#"c [32,1,{},"com.x"]"#],
    received: &[r#"a [16,$n,{},"com.x",["text",[1.5,{"k":"ü"}]],{"k":"v"}]"#],
    sent: &[
        r#"b [36,1,*,{},["text",[1.5,{"k":"ü"}]],{"k":"v"}]"#,
        r#"c [36,1,*,{},["text",[1.5,{"k":"ü"}]],{"k":"v"}]"#,
    ],
};

/// The publisher subscribes too and is left out, so that the receivers are not all subscribers.
#[test]
fn an_event_of_patterns_without_its_publisher_allocates_nothing() {
    check(&Scenario {
        setup: &[
            r#"a [32,1,{},"com.x.y.z"]"#,
            r#"b [32,1,{},"com.x.y.z"]"#,
            r#"a [32,2,{"match":"prefix"},"com.x"]"#,
            r#"b [32,2,{"match":"prefix"},"com.x"]"#,
            r#"a [32,3,{"match":"prefix"},"com"]"#,
            r#"b [32,3,{"match":"wildcard"},"com..y."]"#,
            r#"c [32,3,{"match":"wildcard"},".x.."]"#,
        ],
        received: &[r#"a [16,$n,{"exclude_me":true},"com.x.y.z",[1]]"#],
        sent: &[
            r#"b [36,1,*,{},[1]]"#,
            r#"b [36,2,*,{"topic":"com.x.y.z"},[1]]"#,
            r#"b [36,4,*,{"topic":"com.x.y.z"},[1]]"#,
            r#"c [36,5,*,{"topic":"com.x.y.z"},[1]]"#,
        ],
    });
}

#[test]
fn an_acknowledged_event_that_discloses_its_publisher_allocates_nothing() {
    check(&Scenario {
        setup: &[r#"b [32,1,{"match":"prefix"},"com.x"]"#],
        received: &[
            r#"a [16,$n,{"acknowledge":true,"disclose_me":true,"x_trace":"4bf9"},"com.x"]"#,
        ],
        sent: &[
            r#"a [17,$n,*]"#,
            r#"b [36,1,*,"publisher_authid":"a","publisher_authrole":"user"}]"#,
        ],
    });
}

/// The permissions of the publisher's role disclose it; it gets its own event.
#[test]
fn an_event_with_a_publisher_who_is_always_disclosed_allocates_nothing() {
    check(&Scenario {
        setup: &[r#"c [32,1,{},"com.x.y"]"#],
        received: &[r#"c [16,$n,{"exclude_me":false},"com.x.y"]"#],
        sent: &[r#"c [36,1,*,"publisher_authid":"c","publisher_authrole":"open"}]"#],
    });
}

#[test]
fn an_event_that_nobody_hears_allocates_nothing() {
    check(&Scenario { setup: &[], received: &[r#"a [16,$n,{},"com.x",[1]]"#], sent: &[] });
}

#[test]
fn transcoding_plain_payloads_allocates_nothing() {
    check_transcoded(&CALL);
    check_transcoded(&EVENT);
}

/// A string with escapes is unescaped in memory of its own; without transcoding it is copied.
#[test]
fn transcoding_a_string_with_escapes_allocates_once() {
    let scenario = Scenario {
        setup: &[r#"b [32,1,{},"com.x"]"#],
        received: &[r#"a [16,$n,{},"com.x",["one\n","two\"","three"]]"#],
        sent: &[r#"b [36,1,*,{},["one\n","two\"","three"]]"#],
    };
    check(&scenario);
    check_count(&scenario, Format::Json, Format::MessagePack, 2);
    check_count(&scenario, Format::Json, Format::Cbor, 2);
    check_count(&scenario, Format::Cbor, Format::Json, 0);
}

/// Octets are decoded from base64 into memory of their own, and encoded to it in place.
#[test]
fn transcoding_octets_from_json_allocates_once() {
    let scenario = Scenario {
        setup: &[r#"b [32,1,{},"com.x"]"#],
        received: &[r#"a [16,$n,{},"com.x",["\u0000AAEC"]]"#],
        sent: &[r#"b [36,1,*,{},["\u0000AAEC"]]"#],
    };
    check(&scenario);
    check_count(&scenario, Format::Json, Format::Cbor, 1);
    check_count(&scenario, Format::Cbor, Format::MessagePack, 0);
    check_count(&scenario, Format::Cbor, Format::Json, 0);
}
