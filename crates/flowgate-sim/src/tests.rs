use std::collections::BTreeMap;

use flowgate_wire::MessageType;

use super::*;

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
    let sent = MessageType::ALL.iter().filter(|kind| {
        !matches!(
            kind,
            MessageType::Hello
                | MessageType::Challenge
                | MessageType::Authenticate
                | MessageType::Publish
                | MessageType::Subscribe
                | MessageType::Unsubscribe
                | MessageType::Call
                | MessageType::Cancel
                | MessageType::Register
                | MessageType::Unregister
                | MessageType::Yield
                | MessageType::EventReceived
        )
    });
    let others = [
        "join",
        "violation",
        "undeliverable",
        "stats",
        "leave",
        "shutdown",
        "tick",
        "parts",
        "waited",
        "answer",
        "ask",
        "serve",
        "served",
        "served for nobody",
        "announcement",
        "action",
    ];
    let closes = ["close session", "close connection"];
    let events = ["retained event", "event with passthru", "subscription revoked", "history read"];
    let names = sent.map(|kind| format!("{} sent", kind.name()));
    for name in names.chain(others.iter().chain(&closes).chain(&events).map(ToString::to_string)) {
        assert!(counts.get(&name).is_some_and(|count| *count > 20), "{name} of {counts:?}");
    }
    // Rarer: somebody has to be there who takes the call.
    assert!(counts.get("rerouted").is_some_and(|count| *count > 2), "rerouted of {counts:?}");
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
        assert_eq!(hash(seed, Traced::Yes), hash(seed, Traced::No), "seed {seed}");
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
