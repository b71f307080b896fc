use std::collections::BTreeMap;

use super::*;

fn table(patterns: &[(MatchPolicy, &str)]) -> UriTable<()> {
    let mut table = UriTable::new(1);
    for (policy, pattern) in patterns {
        table.insert(*policy, pattern, ()).unwrap();
    }
    table.check_invariants().unwrap();
    table
}

/// What `matches` and `best` give, as "policy pattern".
fn matching(table: &UriTable<()>, uri: &str) -> Vec<String> {
    let mut found = Vec::new();
    table.matches(uri, |key| {
        found.push(format!("{} {}", table.policy(key).unwrap().name(), table.pattern(key)));
    });
    let best = table.best(uri).map(|key| table.pattern(key));
    assert_eq!(best, found.first().map(|found| found.split_once(' ').unwrap().1));
    found
}

#[test]
fn calls_go_where_the_specification_says() {
    use MatchPolicy::{Exact, Prefix, Wildcard};
    let table = table(&[
        (Exact, "a1.b2.c3.d4.e55"),
        (Prefix, "a1.b2.c3"),
        (Prefix, "a1.b2.c3.d4"),
        (Wildcard, "a1.b2..d4.e5"),
        (Wildcard, "a1.b2.c33..e5"),
        (Wildcard, "a1.b2..d4.e5..g7"),
        (Wildcard, "a1.b2..d4..f6.g7"),
    ]);
    for (uri, expected) in [
        ("a1.b2.c3.d4.e55", Some("a1.b2.c3.d4.e55")),
        ("a1.b2.c3.d98.e74", Some("a1.b2.c3")),
        ("a1.b2.c3.d4.e325", Some("a1.b2.c3.d4")),
        ("a1.b2.c55.d4.e5", Some("a1.b2..d4.e5")),
        // The specification's own example has "c33" here, which the prefix "a1.b2.c3" matches as
        // characters, so that rule 2 decides; without that prefix the wildcard would.
        ("a1.b2.c33.d4.e5", Some("a1.b2.c3")),
        ("a1.b2.c88.d4.e5.f6.g7", Some("a1.b2..d4.e5..g7")),
        ("a2.b2.c2.d2.e2", None),
    ] {
        assert_eq!(table.best(uri).map(|key| table.pattern(key)), expected, "{uri}");
    }
    let key = table.best_wildcard("a1.b2.c33.d4.e5").unwrap();
    assert_eq!(table.pattern(key), "a1.b2.c33..e5");
}

#[test]
fn all_matches_come_in_the_order_of_precedence() {
    use MatchPolicy::{Exact, Prefix, Wildcard};
    let table = table(&[
        (Wildcard, "..c"),
        (Wildcard, "a.."),
        (Prefix, ""),
        (Wildcard, ".b."),
        (Prefix, "a.b.c"),
        (Wildcard, "a.b."),
        (Prefix, "a."),
        (Wildcard, ".."),
        (Exact, "a.b.c"),
        (Wildcard, "a.b.c"),
        (Prefix, "a.b.cd"),
        (Wildcard, "a.b"),
        (Wildcard, "..."),
    ]);
    let expected = [
        "exact a.b.c",
        "prefix a.b.c",
        "prefix a.",
        "prefix ",
        "wildcard a.b.c",
        "wildcard a.b.",
        "wildcard a..",
        "wildcard .b.",
        "wildcard ..c",
        "wildcard ..",
    ];
    assert_eq!(matching(&table, "a.b.c"), expected);
    assert_eq!(matching(&table, ""), ["prefix "]);
}

#[test]
fn a_pattern_is_unique_within_its_policy() {
    let mut table = UriTable::new(0);
    let keys = MatchPolicy::ALL.map(|policy| table.insert(policy, "a.b", policy).unwrap());
    for (policy, key) in MatchPolicy::ALL.into_iter().zip(keys) {
        assert_eq!(table.insert(policy, "a.b", policy), Err(InsertError::Occupied(key)));
        assert_eq!(table.find(policy, "a.b"), Some(key));
        assert_eq!(table.find(policy, "a"), None);
        assert_eq!(table.get(key), Some(&policy));
    }
    assert_eq!(table.len(), 3);
}

#[test]
fn a_removed_key_is_gone_and_used_again() {
    let mut table = UriTable::new(0);
    let key = table.insert(MatchPolicy::Exact, "a", 1).unwrap();
    *table.get_mut(key).unwrap() += 1;
    assert_eq!(table.remove(key), Some(2));
    assert_eq!(table.remove(key), None);
    assert_eq!((table.get(key), table.pattern(key), table.policy(key)), (None, "", None));
    assert_eq!(table.insert(MatchPolicy::Prefix, "b", 3), Ok(key));
    assert_eq!(table.iter().collect::<Vec<_>>(), [(key, &3)]);
    assert_eq!(format!("{table:?}"), r#"{("prefix", "b"): 3}"#);
}

#[test]
fn every_combination_of_wildcards_is_found_once() {
    let mut table = UriTable::new(3);
    for mask in 0..1 << 10 {
        let pattern: Vec<_> =
            (0..10).map(|bit| if mask >> bit & 1 == 0 { "a" } else { "" }).collect();
        table.insert(MatchPolicy::Wildcard, &pattern.join("."), ()).unwrap();
    }
    let uri = ["a"; 10].join(".");
    assert_eq!(matching(&table, &uri).len(), 1 << 10);
    assert_eq!(matching(&table, &format!("{uri}.a")).len(), 0);
}

/// Precedence among all that match: the naive way, by sorting.
fn naive(model: &BTreeMap<(MatchPolicy, String), EntryKey>, uri: &str) -> Vec<EntryKey> {
    let mut found: Vec<_> =
        model.iter().filter(|((policy, pattern), _)| policy.matches(pattern, uri)).collect();
    found.sort_by_key(|((policy, pattern), _)| {
        let runs: Vec<_> = match policy {
            MatchPolicy::Exact => Vec::new(),
            MatchPolicy::Prefix => vec![usize::MAX - pattern.len()],
            // Lengths of the runs of literal components, longest first.
            MatchPolicy::Wildcard => pattern
                .split('.')
                .collect::<Vec<_>>()
                .split(|component| component.is_empty())
                .map(|run| usize::MAX - run.len())
                .collect(),
        };
        (*policy, runs)
    });
    found.into_iter().map(|(_, key)| *key).collect()
}

fn random_text(random: &mut fastrand::Rng) -> String {
    let components = ["", "", "a", "a", "b", "ab", "abc", "ä"];
    let count = random.usize(1..=5);
    let parts: Vec<_> = (0..count).map(|_| components[random.usize(..components.len())]).collect();
    let mut text = parts.join(".");
    while random.u8(..4) == 0 && text.pop().is_some() {}
    text
}

#[test]
fn equals_a_naive_matcher_under_random_changes() {
    for seed in 0..30 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut table = UriTable::new(seed);
        let mut model = BTreeMap::new();
        let growth = random.u8(2..8);
        for step in 0..400 {
            let policy = MatchPolicy::ALL[random.usize(..3)];
            let text = random_text(&mut random);
            let name = (policy, text.clone());
            if random.u8(..10) < growth {
                let before = model.get(&name).copied();
                match table.insert(policy, &text, name.clone()) {
                    Ok(key) => assert_eq!(model.insert(name, key), None),
                    Err(error) => assert_eq!(Some(error), before.map(InsertError::Occupied)),
                }
            } else if let Some((name, key)) = (step % 2 == 0).then(|| model.pop_first()).flatten() {
                assert_eq!(table.remove(key), Some(name));
            } else if let Some(key) = model.remove(&name) {
                assert_eq!(table.remove(key), Some(name));
            }
            table.check_invariants().unwrap_or_else(|what| panic!("seed {seed}, {step}: {what}"));
            assert_eq!(table.len(), model.len());
            let uri = random_text(&mut random);
            let mut found = Vec::new();
            table.matches(&uri, |key| found.push(key));
            assert_eq!(found, naive(&model, &uri), "seed {seed}, step {step}, {uri:?}, {model:?}");
            assert_eq!(table.best(&uri), found.first().copied());
            let (policy, pattern) = (MatchPolicy::ALL[random.usize(..3)], random_text(&mut random));
            let name = (policy, pattern);
            assert_eq!(table.find(policy, &name.1), model.get(&name).copied());
        }
        let mut rest: Vec<_> = model.into_values().collect();
        random.shuffle(&mut rest);
        for key in rest {
            assert!(table.remove(key).is_some());
            table.check_invariants().unwrap();
        }
        assert!(table.is_empty() && table.prefixes.is_empty() && table.wildcards.is_empty());
    }
}

#[test]
fn the_same_seed_and_operations_give_the_same_keys() {
    let run = || {
        let mut random = fastrand::Rng::with_seed(7);
        let mut table = UriTable::new(7);
        (0..300)
            .map(|_| {
                let policy = MatchPolicy::ALL[random.usize(..3)];
                let text = random_text(&mut random);
                match table.insert(policy, &text, ()) {
                    Err(InsertError::Occupied(key)) => {
                        table.remove(key);
                        None
                    }
                    other => Some(other),
                }
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}
