use std::collections::BTreeMap;

use flowgate_wire::{Payload, PublicationId, Value};

use super::*;
use crate::{audience::Audience, record::NewRecord};

const NOW: Timestamp = Timestamp::from_nanos(1_000_000_000);

fn reader(session: u64, authid: &str) -> Identity<'_> {
    Identity { session: SessionId::new(session).unwrap(), authid, authrole: "user" }
}

fn record(topic: &str, publication: u64, eligible: &[&str]) -> EventRecord {
    let mut audience = None;
    if !eligible.is_empty() {
        let names = eligible.iter().map(|name| Value::from(*name)).collect();
        let audience: &mut Box<Audience> = audience.get_or_insert_default();
        audience.take_option("eligible_authid", &Value::List(names)).unwrap();
    }
    EventRecord::new(NewRecord {
        publication: PublicationId::new(publication).unwrap(),
        timestamp: NOW,
        topic,
        audience,
        details: &[],
        payload: &Payload::from_values(&[Value::from(publication)], &[]),
    })
}

fn retain(retention: &mut Retention, topic: &str, publication: u64) {
    retention.retain(NOW, record(topic, publication, &[]), None);
    retention.check().unwrap();
}

fn find(
    retention: &mut Retention,
    now: Timestamp,
    policy: MatchPolicy,
    pattern: &str,
    reader: Identity<'_>,
) -> Vec<u64> {
    let mut found = Vec::new();
    retention.find(now, policy, pattern, reader, |record| found.push(record.publication().get()));
    retention.check().unwrap();
    found
}

#[test]
fn patterns_find_what_a_naive_matcher_finds() {
    let mut random = fastrand::Rng::with_seed(7);
    let text = |random: &mut fastrand::Rng, parts: &[&str]| {
        let parts: Vec<_> =
            (0..random.usize(1..=4)).map(|_| parts[random.usize(..parts.len())]).collect();
        parts.join(".")
    };
    let mut matched = 0;
    for _ in 0..300 {
        let mut retention = Retention::new(RetentionConfig::default());
        let mut naive: BTreeMap<String, u64> = BTreeMap::new();
        for publication in 1..random.u64(2..40) {
            // Octets on both sides of the dot and of the slash that follows it.
            let topic = text(&mut random, &["a", "b", "a-", "a/", "a!b", "", "é"]);
            retain(&mut retention, &topic, publication);
            naive.insert(topic, publication);
        }
        for _ in 0..20 {
            let policy = MatchPolicy::ALL[random.usize(..3)];
            let pattern = text(&mut random, &["a", "b", "a-", "a!b", "", ""]);
            let expected = naive.iter().filter(|(topic, _)| policy.matches(&pattern, topic));
            let expected: Vec<_> = expected.map(|(_, publication)| *publication).collect();
            matched += expected.len();
            let found = find(&mut retention, NOW, policy, &pattern, reader(1, "x"));
            assert_eq!(found, expected, "{policy:?} {pattern:?} in {naive:?}");
        }
    }
    assert!(matched > 1000, "{matched}");
}

#[test]
fn an_event_for_everybody_replaces_all_and_one_for_some_none() {
    let mut retention = Retention::new(RetentionConfig::default());
    retain(&mut retention, "com.a", 1);
    retention.retain(NOW, record("com.a", 2, &["x"]), None);
    retention.retain(NOW, record("com.a", 3, &["y"]), None);
    let mut get = |name| find(&mut retention, NOW, MatchPolicy::Exact, "com.a", reader(1, name));
    assert_eq!((get("x"), get("y"), get("z")), (vec![2], vec![3], vec![1]));
    retain(&mut retention, "com.a", 4);
    let mut get = |name| find(&mut retention, NOW, MatchPolicy::Exact, "com.a", reader(1, name));
    assert_eq!((get("x"), get("y"), get("z")), (vec![4], vec![4], vec![4]));
    assert_eq!(retention.by_age.len(), 1);
}

#[test]
fn a_publisher_that_excluded_itself_does_not_get_its_event_back() {
    let mut retention = Retention::new(RetentionConfig::default());
    retention.retain(NOW, record("com.a", 1, &[]), Some(SessionId::new(7).unwrap()));
    let mut get =
        |session| find(&mut retention, NOW, MatchPolicy::Exact, "com.a", reader(session, "x"));
    assert_eq!((get(7), get(8)), (vec![], vec![1]));
}

#[test]
fn of_more_events_than_allowed_the_oldest_go() {
    let mut retention = Retention::new(RetentionConfig { limit: 2, ..RetentionConfig::default() });
    for (publication, topic) in (1..).zip(["com.a", "com.b", "com.a", "com.c"]) {
        retain(&mut retention, topic, publication);
    }
    assert_eq!(find(&mut retention, NOW, MatchPolicy::Prefix, "", reader(1, "x")), [3, 4]);
    let limit_bytes = record("com.a", 1, &[]).len_bytes() * 2;
    let config = RetentionConfig { limit_bytes, ..RetentionConfig::default() };
    let mut retention = Retention::new(config);
    for (publication, topic) in (1..).zip(["com.a", "com.b", "com.c"]) {
        retain(&mut retention, topic, publication);
    }
    assert_eq!(find(&mut retention, NOW, MatchPolicy::Prefix, "", reader(1, "x")), [2, 3]);
    // What alone is more than all may be is not kept, and drives nothing out but its predecessor.
    retain(&mut retention, &format!("com.{}", "x".repeat(limit_bytes)), 4);
    assert_eq!(find(&mut retention, NOW, MatchPolicy::Prefix, "", reader(1, "x")), [2, 3]);
}

#[test]
fn the_supplemental_events_of_a_topic_are_limited() {
    let mut retention = Retention::new(RetentionConfig::default());
    for publication in 1..=20 {
        retention.retain(NOW, record("com.a", publication, &["x"]), None);
        retention.check().unwrap();
    }
    assert_eq!(retention.by_age.len(), SUPPLEMENTAL_COUNT_MAX + 1);
}

#[test]
fn an_event_is_gone_when_its_time_is_over() {
    let ttl = Duration::from_secs(10);
    let config = RetentionConfig { ttl: Some(ttl), ..RetentionConfig::default() };
    let mut retention = Retention::new(config);
    retain(&mut retention, "com.a", 1);
    let mut get = |now| find(&mut retention, now, MatchPolicy::Exact, "com.a", reader(1, "x"));
    let last = Timestamp::from_nanos(NOW.after(ttl).as_nanos() - 1);
    assert_eq!((get(last), get(NOW.after(ttl))), (vec![1], vec![]));
    assert!(retention.topics.is_empty());
}
