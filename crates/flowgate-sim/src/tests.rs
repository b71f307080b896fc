use std::collections::BTreeMap;

use super::*;

/// What must happen often in the seeds of this test.
const OFTEN: [&str; 111] = [
    "ABORT sent",
    "ABORT: wamp.close.system_shutdown",
    "ABORT: wamp.error.no_such_role",
    "ABORT: wamp.error.protocol_violation",
    "ERROR to CALL: crossbar.error.max_concurrency_reached",
    "ERROR to CALL: wamp.error.authorization_failed",
    "ERROR to CALL: wamp.error.canceled",
    "ERROR to CALL: wamp.error.feature_not_supported",
    "ERROR to CALL: wamp.error.invalid_argument",
    "ERROR to CALL: wamp.error.invalid_uri",
    "ERROR to CALL: wamp.error.no_available_callee",
    "ERROR to CALL: wamp.error.no_such_procedure",
    "ERROR to CALL: wamp.error.no_such_registration",
    "ERROR to CALL: wamp.error.no_such_session",
    "ERROR to CALL: wamp.error.no_such_subscription",
    "ERROR to CALL: wamp.error.not_authorized",
    "ERROR to CALL: wamp.error.option_not_allowed",
    "ERROR to CALL: wamp.error.payload_size_exceeded",
    "ERROR to CALL: wamp.error.timeout",
    "ERROR to CALL: wamp.error.unavailable",
    "ERROR to CANCEL: wamp.error.invalid_argument",
    "ERROR to PUBLISH: wamp.error.authorization_failed",
    "ERROR to PUBLISH: wamp.error.invalid_argument",
    "ERROR to PUBLISH: wamp.error.invalid_uri",
    "ERROR to PUBLISH: wamp.error.not_authorized",
    "ERROR to REGISTER: wamp.error.procedure_already_exists",
    "ERROR to REGISTER: wamp.error.procedure_exists_with_different_invocation_policy",
    "ERROR to SUBSCRIBE: wamp.error.not_authorized",
    "ERROR to UNREGISTER: wamp.error.no_such_registration",
    "ERROR to UNSUBSCRIBE: wamp.error.no_such_subscription",
    "ERROR to a dead connection",
    "EVENT of a testament",
    "EVENT sent",
    "EVENT that was retained",
    "EVENT to a dead connection",
    "EVENT undeliverable",
    "EVENT with passthru",
    "EVENT with publisher",
    "EVENT with trustlevel",
    "GOODBYE: wamp.close.goodbye_and_out",
    "GOODBYE: wamp.close.killed",
    "GOODBYE: wamp.close.system_shutdown",
    "INTERRUPT kill",
    "INTERRUPT killnowait",
    "INVOCATION in parts",
    "INVOCATION to a dead connection",
    "INVOCATION undeliverable",
    "INVOCATION with _traceparent",
    "INVOCATION with caller",
    "INVOCATION with ppt_scheme",
    "INVOCATION with receive_progress",
    "INVOCATION with timeout",
    "INVOCATION with trustlevel",
    "PUBLISHED sent",
    "REGISTERED sent",
    "RESULT sent",
    "RESULT that is not the last",
    "RESULT undeliverable",
    "RESULT with events",
    "SUBSCRIBED sent",
    "UNREGISTERED revoked",
    "UNREGISTERED sent",
    "UNSUBSCRIBED sent",
    "WELCOME sent",
    "YIELD received",
    "action",
    "announcement",
    "answer",
    "ask",
    "close connection",
    "close session",
    "events found by limit",
    "events found by reverse",
    "join",
    "leave: goodbye",
    "leave: slow_consumer",
    "leave: transport_lost",
    "parts",
    "registration revoked",
    "rerouted",
    "serve",
    "served",
    "served for nobody",
    "sharded call",
    "sharded event",
    "shutdown",
    "started after waiting",
    "stats",
    "tick",
    "tracing interrupted",
    "undeliverable",
    "violation",
    "waited",
    "wamp.registration.count_callees answered",
    "wamp.registration.get answered",
    "wamp.registration.list answered",
    "wamp.registration.list_callees answered",
    "wamp.registration.lookup answered",
    "wamp.registration.match answered",
    "wamp.registration.remove_callee answered",
    "wamp.session.add_testament answered",
    "wamp.session.count answered",
    "wamp.session.flush_testaments answered",
    "wamp.session.get answered",
    "wamp.session.kill_by_authid answered",
    "wamp.session.list answered",
    "wamp.subscription.get_events answered",
    "wamp.subscription.list answered",
    "wamp.subscription.list_subscribers answered",
    "wamp.subscription.lookup answered",
    "wamp.subscription.match answered",
];

/// What must happen at all.
const SELDOM: [&str; 25] = [
    "ERROR to CALL: wamp.error.history_unavailable",
    "ERROR to CALL: wamp.error.option_disallowed.disclose_me",
    "ERROR to CALL: wamp.error.testament_error",
    "ERROR to PUBLISH: wamp.error.option_disallowed.disclose_me",
    "ERROR to YIELD: wamp.error.feature_not_supported",
    "ERROR undeliverable",
    "HELLO received",
    "INTERRUPT to a dead connection",
    "RESULT to a dead connection",
    "UNSUBSCRIBED revoked",
    "events found by after_publication",
    "events found by after_time",
    "events found by before_publication",
    "events found by before_time",
    "events found by from_publication",
    "events found by from_time",
    "events found by topic",
    "events found by until_publication",
    "events found by until_time",
    "wamp.session.kill answered",
    "wamp.session.kill_all answered",
    "wamp.session.kill_by_authrole answered",
    "wamp.subscription.count_subscribers answered",
    "wamp.subscription.get answered",
    "wamp.subscription.remove_subscriber answered",
];

#[test]
fn the_router_keeps_its_promises_for_many_seeds() {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 0..500 {
        match run(seed, &Options::default()) {
            Ok(summary) => {
                for (name, count) in summary.counts {
                    *counts.entry(name).or_default() += count;
                }
            }
            Err(failure) => panic!("{failure}"),
        }
    }
    // A simulation in which something never happens says nothing about it.
    let missing = |names: &[&str], least| -> Vec<String> {
        let count = |name: &str| counts.get(name).copied().unwrap_or_default();
        let thin = names.iter().filter(|name| count(name) < least);
        thin.map(|name| format!("{name}: {}", count(name))).collect()
    };
    assert_eq!(missing(&OFTEN, 20), [""; 0], "of {counts:#?}");
    assert_eq!(missing(&SELDOM, 3), [""; 0], "of {counts:#?}");
}

#[test]
fn the_same_seed_gives_the_same_transcript() {
    let options = Options::default();
    for seed in 0..5 {
        assert_eq!(run(seed, &options), run(seed, &options));
    }
    let hash = |seed| run(seed, &options).unwrap().transcript_hash;
    assert_ne!(hash(1), hash(2));
}

#[test]
fn tracing_changes_nothing_that_is_sent() {
    let options = Options::default();
    let hash = |seed, traced| play(seed, &options, traced).unwrap().transcript_hash;
    for seed in 0..50 {
        let untraced = hash(seed, Traced::No);
        assert_eq!(hash(seed, Traced::Yes), untraced, "seed {seed}");
        assert_eq!(hash(seed, Traced::Sometimes), untraced, "seed {seed}");
    }
}

#[test]
fn a_failure_says_how_to_replay_it() {
    let (what, tail) = ("something".to_owned(), vec!["line".to_owned()]);
    let options = Options { step_count: 50, ..Options::default() };
    let text = Failure { seed: 7, options, step: 3, what, tail }.to_string();
    assert_eq!(
        text,
        "  line\nseed 7, input 3: something\nreplay with: cargo xtask sim --seed 7 --steps 50"
    );
}
