//! Distributed trace contexts of clients.

use super::harness::check;

#[test]
fn a_trace_context_is_passed_on_as_it_came_if_nothing_is_traced() {
    check(
        r#"
        join a
        a< *
        join b
        b< *
        a> [64,1,{},"com.proc"]
        a< [65,1,1]
        a> [32,2,{},"com.topic"]
        a< [33,2,1]
        b> [48,1,{"_traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","_tracestate":"v=1"},"com.proc"]
        a< [68,1,1,{"_traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","_tracestate":"v=1"}]
        b> [16,2,{"_traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},"com.topic"]
        a< [36,1,$p1,{"_traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}]
        "#,
    );
}

#[test]
fn an_invalid_trace_context_is_ignored() {
    check(
        r#"
        join a
        a< *
        join b
        b< *
        a> [64,1,{},"com.proc"]
        a< [65,1,1]
        b> [48,1,{"_traceparent":"00-0-0-01","_tracestate":"v=1"},"com.proc"]
        a< [68,1,1,{}]
        b> [48,2,{"_traceparent":5},"com.proc"]
        a< [68,2,1,{}]
        b> [48,3,{"_traceparent":null,"_tracestate":"v=1"},"com.proc"]
        a< [68,3,1,{}]
        "#,
    );
}
