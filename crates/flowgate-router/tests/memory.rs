//! What the entries of a table take in memory, and that they give it back.

use flowgate_router::UriTable;
use flowgate_wire::MatchPolicy;

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
