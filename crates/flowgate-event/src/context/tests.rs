use super::*;

const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn a_traceparent_is_read_and_written() {
    let context = TraceContext::parse(VALID).unwrap();
    assert_eq!(context.trace.get(), 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
    assert_eq!(context.parent.get(), 0x00f0_67aa_0ba9_02b7);
    assert!(context.is_sampled());
    assert_eq!(context.to_string(), VALID);
    let span = SpanId::new(0xabc).unwrap();
    let passed_on = "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000abc-01";
    assert_eq!(context.child(span).to_string(), passed_on);
}

#[test]
fn later_versions_may_have_more_and_unknown_flags_are_not_passed_on() {
    let more = VALID.replacen("00", "cc", 1) + "-what-the-future-holds";
    let context = TraceContext::parse(&more).unwrap();
    assert_eq!(context.to_string(), VALID);
    let flags = TraceContext::parse(&VALID.replace("-01", "-fe")).unwrap();
    assert!(!flags.is_sampled());
    assert!(flags.to_string().ends_with("-00"));
    assert!(TraceContext::parse(&VALID.replacen("00", "cc", 1)).is_some());
}

#[test]
fn what_is_no_traceparent_is_ignored_and_counted() {
    let mut counts = ContextCounts::default();
    let invalid = [
        String::new(),
        VALID.replacen("00", "ff", 1),
        VALID.replacen("00", "0", 1),
        VALID.replacen("00", "0g", 1),
        VALID.to_uppercase(),
        format!("{VALID}-"),
        format!("{VALID}-more"),
        format!("{VALID} "),
        format!("cc{}1", VALID.strip_prefix("00").unwrap()),
        VALID.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
        VALID.replace("00f067aa0ba902b7", &"0".repeat(16)),
        VALID.replace("4bf9", "4bf"),
        VALID.replace("-01", ""),
        VALID.replace("4bf9", "+bf9"),
    ];
    for text in &invalid {
        assert_eq!(counts.read(text, Some("a=1")), None, "{text}");
    }
    let invalid_traceparent = invalid.len() as u64;
    assert_eq!(counts, ContextCounts { invalid_traceparent, ..ContextCounts::default() });
}

#[test]
fn a_tracestate_is_kept_as_it_is() {
    let mut counts = ContextCounts::default();
    let state = |counts: &mut ContextCounts, text: &str| counts.read(VALID, Some(text)).unwrap().1;
    for text in ["rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "fw529a3039@dt=FfFf", "1a-2_3*/=~ !x"] {
        assert_eq!(state(&mut counts, text).as_deref(), Some(text));
    }
    assert_eq!(state(&mut counts, " a=1 ,\t, b=2").as_deref(), Some("a=1,b=2"));
    assert_eq!(state(&mut counts, ""), None);
    let long = format!("a={}", "x".repeat(256));
    let longer = format!("{long},b={}", "y".repeat(253));
    assert_eq!(longer.len(), 514);
    assert_eq!(state(&mut counts, &longer).as_deref(), Some(&*longer));
    assert_eq!(counts.invalid_tracestate, 0);
    assert_eq!(counts.accepted, 6);
}

#[test]
fn a_tracestate_has_at_most_32_members() {
    let mut counts = ContextCounts::default();
    let members =
        |count: u32| (0..count).map(|number| format!("k{number}=v")).collect::<Vec<_>>().join(",");
    assert!(counts.read(VALID, Some(&members(32))).unwrap().1.is_some());
    assert_eq!(counts.read(VALID, Some(&members(33))).unwrap().1, None);
    // A list as long as a message is refused as fast; compared pair by pair it would take hours.
    assert_eq!(counts.read(VALID, Some(&members(1_000_000))).unwrap().1, None);
    assert_eq!(counts.invalid_tracestate, 2);
}

#[test]
fn a_long_tracestate_loses_long_members_first_and_then_the_last() {
    let mut counts = ContextCounts::default();
    let long = |key: &str| format!("{key}={}", "x".repeat(210));
    let text = format!("{},{},{},{},{},z=1", long("a"), long("b"), long("c"), long("d"), long("e"));
    let kept = counts.read(VALID, Some(&text)).unwrap().1.unwrap();
    assert_eq!(
        kept,
        format!("{},{},{},{},z=1", long("a"), long("b"), long("c"), long("d")).as_str()
    );
    let short = |number: usize| format!("k{number}={}", "x".repeat(60));
    let text: Vec<_> = (0..32).map(short).collect();
    let kept = counts.read(VALID, Some(&text.join(","))).unwrap().1.unwrap();
    assert!((960..=1024).contains(&kept.len()) && text.join(",").starts_with(&kept));
}

#[test]
fn an_invalid_tracestate_is_counted_and_the_traceparent_stays() {
    let mut counts = ContextCounts::default();
    let many: Vec<_> = (0..33).map(|number| format!("k{number}=1")).collect();
    let invalid =
        ["a", "=1", "A=1", "a=", "a=1,a=2", "a=b=c", "a@1b=1", "a=\u{e4}", &many.join(",")];
    for text in invalid {
        let (context, state) = counts.read(VALID, Some(text)).unwrap();
        assert_eq!((context.to_string().as_str(), state), (VALID, None), "{text}");
    }
    assert_eq!(counts.invalid_tracestate, invalid.len() as u64);
}

#[test]
fn spans_of_one_action_differ() {
    let correlation = Correlation::new(u128::MAX).unwrap();
    let mut spans = vec![SpanId::of_action(correlation)];
    for session in 1..20 {
        spans.extend((1..20).map(|request| SpanId::of_delivery(correlation, session, request)));
    }
    let count = spans.len();
    spans.sort();
    spans.dedup();
    assert_eq!(spans.len(), count);
}
