//! What the entries of a table and idle sessions take in memory, and that they give it back.

use flowgate_event::Timestamp;
use flowgate_router::{Action, Input, Outbox, Realm, SessionKey, UriTable};
use flowgate_wire::MatchPolicy;

use crate::steady;

fn pattern(index: usize, policy: MatchPolicy) -> String {
    let site = index / 100;
    match policy {
        MatchPolicy::Exact => format!("com.site{site}.device{index}.temperature"),
        MatchPolicy::Prefix => format!("com.site{site}.device{index}."),
        MatchPolicy::Wildcard => format!("com..device{index}.temperature"),
    }
}

/// Octets on the heap for each of many entries, beside its text and its value.
fn bytes_per_entry(entry_count: usize, policy: MatchPolicy) -> usize {
    let patterns: Vec<String> = (0..entry_count).map(|index| pattern(index, policy)).collect();
    let mut table = None;
    let held = allocation_counter::measure(|| {
        let table = table.insert(UriTable::new(1));
        for pattern in &patterns {
            table.insert(policy, pattern, ()).unwrap();
        }
    });
    assert_eq!(table.as_ref().map(UriTable::len), Some(entry_count));
    let freed = allocation_counter::measure(|| drop(table));
    assert_eq!(held.bytes_current + freed.bytes_current, 0, "a dropped table gives all back");
    let text: usize = patterns.iter().map(String::len).sum();
    (usize::try_from(held.bytes_current).unwrap() - text) / entry_count
}

/// The figures of `UriTable`'s documentation; each wildcard pattern has two components that it
/// does not share with another.
#[test]
fn entries_take_what_the_documentation_says() {
    for entry_count in [1_000, 100_000] {
        for (policy, limit) in [
            (MatchPolicy::Exact, 50),
            (MatchPolicy::Prefix, 50 + 90),
            (MatchPolicy::Wildcard, 50 + 2 * 60),
        ] {
            let bytes = bytes_per_entry(entry_count, policy);
            assert!(bytes <= limit, "{entry_count} entries, {policy:?}: {bytes} octets each");
        }
    }
}

/// Takes what is sent nowhere.
struct Nowhere;

impl Outbox for Nowhere {
    fn push(&mut self, _: Action<'_>) {}
}

/// Octets on the heap for each of many sessions in a realm, which have joined and done nothing.
fn bytes_per_session(session_count: u32) -> usize {
    let mut realm: Option<Realm> = None;
    let held = allocation_counter::measure(|| {
        let realm = realm.insert(steady::realm());
        for key in 0..session_count {
            let join = steady::join(SessionKey(key), &key.to_string(), "user");
            realm.handle(Timestamp::EPOCH, Input::Join(join), &mut Nowhere);
        }
    });
    let freed = allocation_counter::measure(|| drop(realm));
    assert_eq!(held.bytes_current + freed.bytes_current, 0, "a dropped realm gives all back");
    usize::try_from(held.bytes_current).unwrap() / session_count as usize
}

/// The core's part of an idle session, less than 300 octets; tables grow by doubling, so that it is
/// up to twice as much where they have just grown.
#[test]
fn sessions_take_the_same_however_many_there_are() {
    for session_count in [1_000, 10_000, 100_000] {
        let bytes = bytes_per_session(session_count);
        assert!(bytes <= 512, "{session_count} sessions: {bytes} octets each");
    }
}
