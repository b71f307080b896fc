use std::cmp::Reverse;

use flowgate_wire::{SessionId, Uri, UriCheck};

use super::*;

use GateAction::{Call, Publish, Register, Subscribe};
use MatchPolicy::{Exact, Prefix, Wildcard};

fn rule(policy: MatchPolicy, pattern: &str, actions: &[GateAction]) -> Rule {
    let allow = Allow {
        call: actions.contains(&Call),
        register: actions.contains(&Register),
        publish: actions.contains(&Publish),
        subscribe: actions.contains(&Subscribe),
    };
    Rule { pattern: pattern.to_owned(), policy, allow, disclose: Disclose::default() }
}

fn verdict(gate: &Permissions, action: GateAction, policy: MatchPolicy, uri: &str) -> Verdict {
    let session = SessionId::MIN;
    gate.admit(&GateRequest { session, authid: "joe", authrole: "user", action, uri, policy })
}

fn admits(gate: &Permissions, action: GateAction, policy: MatchPolicy, uri: &str) -> bool {
    verdict(gate, action, policy, uri) != Verdict::Deny
}

#[test]
fn the_most_specific_rule_decides_about_a_uri() {
    let gate = Permissions::new([
        rule(Prefix, "com.", &[Call]),
        rule(Exact, "com.a", &[Publish]),
        rule(Prefix, "com.a.b", &[Subscribe]),
        rule(Wildcard, "com..x", &[Register]),
        rule(Wildcard, "com.a.", &[Publish]),
    ]);
    for (uri, allowed) in [
        ("com.a", vec![Publish]),
        ("com.abc", vec![Call]),
        ("com.b", vec![Call]),
        ("com.a.x", vec![Publish]),
        ("com.b.x", vec![Register]),
        ("com.a.b", vec![Publish]),
        ("com.a.b.c", vec![Subscribe]),
        ("com", vec![]),
        ("org.a", vec![]),
    ] {
        for action in [Call, Register, Publish, Subscribe] {
            assert_eq!(admits(&gate, action, Exact, uri), allowed.contains(&action), "{uri}");
        }
    }
}

#[test]
fn a_pattern_needs_a_rule_that_covers_all_of_it() {
    let gate = Permissions::new([
        rule(Exact, "com.a", &[Subscribe]),
        rule(Prefix, "com.p.", &[Subscribe]),
        rule(Prefix, "com.p.refused", &[]),
        rule(Wildcard, "com.w..x", &[Subscribe]),
        rule(Wildcard, "com..y", &[Subscribe]),
    ]);
    for (policy, pattern, allowed) in [
        // Not even the text of an exact rule, since the prefix matches more.
        (Prefix, "com.a", false),
        (Prefix, "", false),
        (Prefix, "com.p", false),
        (Prefix, "com.p.", true),
        (Prefix, "com.p.q", true),
        (Prefix, "com.p.refused.too", false),
        (Prefix, "com.w..x", false),
        (Wildcard, "com.a", true),
        (Wildcard, "com.", false),
        (Wildcard, "com.p.", true),
        (Wildcard, "com.p..q", true),
        (Wildcard, "com..p", false),
        (Wildcard, "com.w..x", true),
        (Wildcard, "com.w.v.x", true),
        (Wildcard, "com...x", false),
        (Wildcard, "com.w..", false),
        (Wildcard, "com..y", true),
        (Wildcard, "com.z.y", true),
        (Wildcard, "..y", false),
    ] {
        assert_eq!(admits(&gate, Subscribe, policy, pattern), allowed, "{policy:?} {pattern:?}");
    }
}

#[test]
fn a_later_rule_replaces_an_earlier_one_with_the_same_pattern_and_policy() {
    let gate = Permissions::new([
        rule(Exact, "com.a", &[Call]),
        rule(Prefix, "com.a", &[Publish]),
        rule(Exact, "com.a", &[Subscribe]),
    ]);
    assert!(!admits(&gate, Call, Exact, "com.a"));
    assert!(admits(&gate, Subscribe, Exact, "com.a"));
    assert!(admits(&gate, Publish, Exact, "com.ab"));
}

#[test]
fn without_rules_nothing_is_allowed() {
    let gate = Permissions::new([]);
    assert!(!admits(&gate, Call, Exact, "a"));
    assert!(!admits(&gate, Subscribe, Prefix, ""));
}

#[test]
fn disclosure_follows_the_rule_and_the_action() {
    let all = [Disclosure::OnRequest, Disclosure::Always, Disclosure::Never];
    for (caller, publisher) in all.into_iter().flat_map(|one| all.map(|other| (one, other))) {
        let gate = Permissions::allow_all(Disclose { caller, publisher });
        let on_request = Verdict::Admit(Disclosure::OnRequest);
        assert_eq!(verdict(&gate, Call, Exact, "a"), Verdict::Admit(caller));
        assert_eq!(verdict(&gate, Publish, Exact, "a"), Verdict::Admit(publisher));
        assert_eq!(verdict(&gate, Register, Wildcard, ".a"), on_request);
        assert_eq!(verdict(&gate, Subscribe, Prefix, ""), on_request);
    }
}

/// Patterns over a few components; valid, since others match nothing.
fn random_pattern(random: &mut fastrand::Rng) -> (MatchPolicy, String) {
    loop {
        let policy = [Exact, Prefix, Wildcard][random.usize(..3)];
        let components: Vec<_> =
            (0..random.usize(1..=3)).map(|_| ["", "a", "b", "ab"][random.usize(..4)]).collect();
        let pattern = components.join(".");
        if Uri::from(pattern.as_str()).is_valid(UriCheck::Loose, policy) {
            return (policy, pattern);
        }
    }
}

/// Enough URIs to tell any two of those patterns apart: `z` is in no pattern, and there are more
/// components than in any.
fn universe() -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for count in 0..4 {
        let longer = |uri: &String| {
            ["a", "b", "ab", "z", "az", "bz", "abz"].map(|component| {
                if count == 0 { component.to_owned() } else { format!("{uri}.{component}") }
            })
        };
        last = last.iter().flat_map(longer).collect();
        all.extend(last.iter().cloned());
    }
    all.split_off(1)
}

#[test]
fn the_deciding_rule_is_the_most_specific_of_those_that_cover_every_uri() {
    let universe = universe();
    let mut random = fastrand::Rng::with_seed(1);
    for round in 0..200 {
        let rules: Vec<_> = (0..random.usize(0..8)).map(|_| random_pattern(&mut random)).collect();
        let gate = Permissions::new(rules.iter().map(|(policy, text)| rule(*policy, text, &[])));
        for _ in 0..4 {
            let (policy, pattern) = random_pattern(&mut random);
            let asked: Vec<_> =
                universe.iter().filter(|uri| policy.matches(&pattern, uri)).collect();
            let rank = |(policy, text): &&(MatchPolicy, String)| {
                let runs: Vec<_> = match policy {
                    Exact => vec![usize::MAX, 2],
                    Prefix => vec![0, text.len()],
                    Wildcard => text
                        .split('.')
                        .collect::<Vec<_>>()
                        .split(|component| component.is_empty())
                        .map(<[&str]>::len)
                        .collect(),
                };
                (Reverse([Exact, Wildcard, Prefix].iter().position(|other| other == policy)), runs)
            };
            let expected = rules
                .iter()
                .filter(|(policy, text)| asked.iter().all(|uri| policy.matches(text, uri)))
                .max_by_key(rank);
            let decided = gate
                .rule(policy, &pattern)
                .map(|key| (gate.rules.policy(key).unwrap(), gate.rules.pattern(key).to_owned()));
            assert_eq!(
                decided.as_ref(),
                expected,
                "round {round}: {policy:?} {pattern:?} {rules:?}"
            );
        }
    }
}
