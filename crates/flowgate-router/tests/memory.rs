//! What the entries of a table take in memory, and that they give it back.

use flowgate_router::UriTable;
use flowgate_wire::MatchPolicy;

/// Entries in a table: one less than what its vectors and hash tables have room for when they
/// double, so that the figure has no slack in it that another number would not have.
const ENTRY_COUNT: usize = 100_000;

fn pattern(index: usize, policy: MatchPolicy) -> String {
    let site = index / 100;
    match policy {
        MatchPolicy::Exact => format!("com.site{site}.device{index}.temperature"),
        MatchPolicy::Prefix => format!("com.site{site}.device{index}."),
        MatchPolicy::Wildcard => format!("com..device{index}.temperature"),
    }
}

/// Octets on the heap for each entry beside its text, which is 22 to 38 octets here.
fn bytes_per_entry(policy: MatchPolicy) -> u64 {
    let patterns: Vec<String> = (0..ENTRY_COUNT).map(|index| pattern(index, policy)).collect();
    let text: usize = patterns.iter().map(String::len).sum();
    let mut table = None;
    let info = allocation_counter::measure(|| {
        let table = table.insert(UriTable::new(1));
        for pattern in &patterns {
            table.insert(policy, pattern, 0_u64).unwrap();
        }
    });
    assert_eq!(table.as_ref().map(UriTable::len), Some(ENTRY_COUNT));
    let held = info.bytes_current.unsigned_abs() - text as u64;
    let freed = allocation_counter::measure(|| drop(table)).bytes_current;
    assert_eq!(info.bytes_current + freed, 0, "a dropped table gives everything back");
    held / ENTRY_COUNT as u64
}

#[test]
fn p() {
    for p in [MatchPolicy::Exact, MatchPolicy::Prefix, MatchPolicy::Wildcard] {
        eprintln!("{p:?} {}", bytes_per_entry(p));
    }
}
