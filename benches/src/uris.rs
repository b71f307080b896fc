//! URI tables of any size.

use flowgate_router::UriTable;
use flowgate_wire::MatchPolicy;

/// The URI that entry `index` of a table matches, and no other entry.
#[must_use]
pub fn uri(index: usize) -> String {
    format!("com.site{}.device{index}.temperature", index / 100)
}

/// The pattern of entry `index`.
#[must_use]
pub fn pattern(index: usize, policy: MatchPolicy) -> String {
    match policy {
        MatchPolicy::Exact => uri(index),
        MatchPolicy::Prefix => format!("com.site{}.device{index}.", index / 100),
        MatchPolicy::Wildcard => format!("com..device{index}.temperature"),
    }
}

/// A table whose entries go through `policies` in turn.
///
/// # Panics
/// The table is full.
#[must_use]
pub fn table(entry_count: usize, policies: &[MatchPolicy]) -> UriTable<usize> {
    let mut table = UriTable::new(1);
    for (index, policy) in (0..entry_count).zip(policies.iter().cycle()) {
        table.insert(*policy, &pattern(index, *policy), index).expect("a new pattern");
    }
    table
}
