//! From a node to its children: one hash table for all nodes of a trie.

use hashbrown::HashTable;

use super::tree::NodeId;

/// The children of all nodes of one trie, each under the hash of its parent and its own label.
///
/// The table holds 8 octets for each child; what the hash does not tell apart, the caller does by
/// looking at the child.
pub(super) struct Edges {
    children: HashTable<Edge>,
}

#[derive(Clone, Copy)]
struct Edge {
    hash: u32,
    child: NodeId,
}

impl Edges {
    pub(super) const fn new() -> Self {
        Self { children: HashTable::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.children.len()
    }

    pub(super) fn find(&self, hash: u64, is_it: impl Fn(NodeId) -> bool) -> Option<NodeId> {
        let hash = shorten(hash);
        self.children
            .find(widen(hash), |edge| edge.hash == hash && is_it(edge.child))
            .map(|edge| edge.child)
    }

    pub(super) fn insert(&mut self, hash: u64, child: NodeId) {
        let hash = shorten(hash);
        self.children.insert_unique(widen(hash), Edge { hash, child }, |edge| widen(edge.hash));
    }

    pub(super) fn remove(&mut self, hash: u64, child: NodeId) {
        let hash = shorten(hash);
        if let Ok(edge) = self.children.find_entry(widen(hash), |edge| edge.child == child) {
            edge.remove();
        }
    }
}

/// The half of a hash that is kept, so that growing the table needs no look at the nodes.
fn shorten(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or_default()
}

/// Spreads 32 bits over 64, since the table uses the low bits and the highest seven.
fn widen(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
