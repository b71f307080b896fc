//! Several observers shown as one.

use std::collections::BTreeMap;

use crate::Snapshot;

/// The sum of what several observers have measured.
///
/// Each one's snapshot *replaces* the one before, so asking more often changes nothing; what an
/// observer had measured before it was started anew stays in the sum.
#[derive(Debug, Default)]
pub struct Aggregate {
    sources: BTreeMap<String, Source>,
}

#[derive(Debug, Default)]
struct Source {
    /// What it had measured before its last start.
    earlier: Snapshot,
    current: Snapshot,
}

impl Aggregate {
    /// Notes what a source has measured.
    pub fn replace(&mut self, source: &str, snapshot: Snapshot) {
        if let Some(known) = self.sources.get_mut(source) {
            if known.current.started_ns != snapshot.started_ns {
                known.earlier.add(&known.current);
            }
            known.current = snapshot;
        } else {
            let new = Source { earlier: Snapshot::default(), current: snapshot };
            self.sources.insert(source.to_owned(), new);
        }
    }

    /// The sum over all sources, and of what is measured here. Cost: O(all label values).
    #[must_use]
    pub fn total(&self, own: Snapshot) -> Snapshot {
        let mut total = own;
        for source in self.sources.values() {
            total.add(&source.earlier);
            total.add(&source.current);
        }
        total
    }
}
