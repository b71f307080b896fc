//! The trie of prefix patterns, over octets, path-compressed.
//!
//! A node stands for the longest text that all entries below it share; it has an entry or at least
//! two children, so there are fewer than twice as many nodes as entries.
//! Descending looks only at the first octet of each branch; the text between is compared once, at
//! the end, with the sample of the deepest node (as in a PATRICIA tree).

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use super::{
    EntryKey,
    edges::Edges,
    entries::Entries,
    tree::{Node, NodeId, Tree},
};

/// The index of prefix patterns.
pub(super) struct Radix {
    /// A node's label is the first octet after its parent's text.
    tree: Tree<u8>,
    edges: Edges,
    hash: FixedState,
    entry_count: usize,
}

impl Radix {
    pub(super) fn new(hash: FixedState) -> Self {
        Self { tree: Tree::new(0), edges: Edges::new(), hash, entry_count: 0 }
    }

    /// The entries that are prefixes of `uri`, the longest first.
    pub(super) fn matches<'a, T>(
        &'a self,
        entries: &Entries<T>,
        uri: &str,
    ) -> impl Iterator<Item = EntryKey> + use<'a, T> {
        let mut next =
            if self.entry_count == 0 { None } else { self.deepest(entries, uri.as_bytes()) };
        std::iter::from_fn(move || {
            while let Some(node) = next {
                next = node.parent.and_then(|parent| self.tree.get(parent));
                if node.entry.is_some() {
                    return node.entry;
                }
            }
            None
        })
    }

    /// Adds an entry and returns its node; `None` and no change if the arena cannot take it.
    pub(super) fn insert<T>(
        &mut self,
        entries: &Entries<T>,
        key: EntryKey,
        pattern: &str,
    ) -> Option<NodeId> {
        let pattern = pattern.as_bytes();
        let end = u32::try_from(pattern.len()).ok()?;
        if !self.tree.has_room(2) {
            return None;
        }
        let (mut at, shared) = self.descend(entries, pattern);
        if self.tree.get(at)?.end() > shared {
            at = self.split(at, u32::try_from(shared).ok()?, entries)?;
        }
        let id = match pattern.get(shared) {
            None => at,
            Some(&label) => {
                let id = self.tree.add(at, Node::new(Some(key), end, label));
                self.edges.insert(self.edge_hash(at, label), id);
                id
            }
        };
        if let Some(node) = self.tree.get_mut(id) {
            node.entry = Some(key);
            node.sample = Some(key);
        }
        self.entry_count += 1;
        Some(id)
    }

    /// Removes an entry, its node if nothing branches there, and then its parent if that only
    /// joined two branches.
    pub(super) fn remove(&mut self, key: EntryKey, id: NodeId) {
        self.entry_count = self.entry_count.saturating_sub(1);
        let Some(node) = self.tree.get_mut(id) else { return };
        node.entry = None;
        let (parent, label, has_children) = (node.parent, node.label, node.first_child.is_some());
        let mut lowest = id;
        if let (Some(parent), false) = (parent, has_children) {
            self.edges.remove(self.edge_hash(parent, label), id);
            self.tree.unlink(id);
            self.tree.free(id);
            lowest = parent;
        }
        lowest = self.merge(lowest);
        self.tree.renew_samples(lowest, key);
    }

    /// Whether nothing is left but the root.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.entry_count == 0 && self.edges.len() == 0 && self.tree.len() == 0
    }

    /// Whether `id` is the node of entry `key`.
    pub(super) fn holds(&self, id: NodeId, key: EntryKey) -> bool {
        self.tree.get(id).is_some_and(|node| node.entry == Some(key))
    }

    /// Proves the trie's own rules.
    pub(super) fn check<T>(&self, entries: &Entries<T>, entry_count: usize) -> Result<(), String> {
        self.tree.check(entry_count)?;
        if self.edges.len() != self.tree.len() || self.entry_count != entry_count {
            return Err(format!("{} prefix edges, {} nodes", self.edges.len(), self.tree.len()));
        }
        for (id, node) in self.tree.walk() {
            if let Some(entry) = node.entry.filter(|entry| entries.text(*entry).len() != node.end())
            {
                return Err(format!("prefix {:?} at depth {}", entries.text(entry), node.end()));
            }
            let Some(parent) = node.parent.and_then(|parent| self.tree.get(parent)) else {
                continue;
            };
            let only_child = node
                .first_child
                .and_then(|child| self.tree.get(child))
                .is_some_and(|child| child.next.is_none());
            if node.entry.is_none() && only_child {
                return Err(format!("prefix {id:?} joins nothing"));
            }
            let Some(sample) = node.sample.and_then(|sample| entries.get(sample)) else {
                return Err(format!("prefix {id:?} has no sample"));
            };
            let text = sample.pattern.as_bytes();
            if text.get(parent.end()) != Some(&node.label)
                || parent.end() >= node.end()
                || text.len() < node.end()
            {
                return Err(format!("prefix {id:?} has a wrong label or length"));
            }
            let parent_text = parent.sample.map(|sample| entries.text(sample).as_bytes());
            if parent.end() > 0
                && parent_text.and_then(|text| text.get(..parent.end())) != text.get(..parent.end())
            {
                return Err(format!("prefix {id:?} is below another text"));
            }
            let found = node.parent.and_then(|parent| self.child(parent, node.label));
            if found != Some(id) {
                return Err(format!("prefix {id:?} has no edge"));
            }
        }
        Ok(())
    }

    /// The deepest node whose text is a prefix of `uri`.
    fn deepest<T>(&self, entries: &Entries<T>, uri: &[u8]) -> Option<&Node<u8>> {
        let mut node = self.tree.get(NodeId::ROOT)?;
        if node.first_child.is_none() {
            // The empty prefix alone, as in the permissions of a role that may do everything.
            return Some(node);
        }
        let mut id = NodeId::ROOT;
        while let Some(below) = uri.get(node.end()).and_then(|label| self.child(id, *label)) {
            let below_node = self.tree.get(below)?;
            if below_node.end() > uri.len() {
                break;
            }
            (id, node) = (below, below_node);
        }
        let shared = self.shared(entries, node, uri);
        while node.end() > shared {
            node = self.tree.get(node.parent?)?;
        }
        Some(node)
    }

    /// Where `pattern` leaves the trie: the highest node whose text has all of what `pattern`
    /// shares with the trie, and the length of that.
    fn descend<T>(&self, entries: &Entries<T>, pattern: &[u8]) -> (NodeId, usize) {
        let mut id = NodeId::ROOT;
        let end = |id| self.tree.get(id).map_or(0, Node::end);
        while let Some(below) = pattern.get(end(id)).and_then(|label| self.child(id, *label)) {
            id = below;
        }
        let shared = self.tree.get(id).map_or(0, |node| self.shared(entries, node, pattern));
        while let Some(parent) = self.tree.get(id).and_then(|node| node.parent) {
            if end(parent) < shared {
                break;
            }
            id = parent;
        }
        (id, shared)
    }

    /// The length of what a node's text and `other` have in common.
    fn shared<T>(&self, entries: &Entries<T>, node: &Node<u8>, other: &[u8]) -> usize {
        if node.end == 0 {
            return 0;
        }
        let text = node.sample.map_or(&[][..], |sample| entries.text(sample).as_bytes());
        let text = text.get(..node.end()).unwrap_or(text);
        if other.starts_with(text) {
            return text.len();
        }
        text.iter().zip(other).take_while(|(left, right)| left == right).count()
    }

    fn child(&self, parent: NodeId, label: u8) -> Option<NodeId> {
        // Most nodes have one child or none: those need no hash.
        let first = self.tree.get(parent)?.first_child?;
        let first_node = self.tree.get(first)?;
        if first_node.label == label {
            return Some(first);
        }
        first_node.next?;
        self.edges.find(self.edge_hash(parent, label), |child| {
            self.tree
                .get(child)
                .is_some_and(|node| node.parent == Some(parent) && node.label == label)
        })
    }

    fn edge_hash(&self, parent: NodeId, label: u8) -> u64 {
        let mut hasher = self.hash.build_hasher();
        hasher.write_u64(u64::from(parent.number()) << 8 | u64::from(label));
        hasher.finish()
    }

    /// Puts a node that ends at `end` between `below` and its parent.
    fn split<T>(&mut self, below: NodeId, end: u32, entries: &Entries<T>) -> Option<NodeId> {
        let node = self.tree.get(below)?;
        let (parent, label, sample) = (node.parent?, node.label, node.sample?);
        let depth = usize::try_from(end).ok()?;
        let below_label = *entries.text(sample).as_bytes().get(depth)?;
        self.edges.remove(self.edge_hash(parent, label), below);
        self.tree.unlink(below);
        let middle = self.tree.add(parent, Node::new(Some(sample), end, label));
        self.edges.insert(self.edge_hash(parent, label), middle);
        self.tree.link(middle, below);
        if let Some(node) = self.tree.get_mut(below) {
            node.label = below_label;
        }
        self.edges.insert(self.edge_hash(middle, below_label), below);
        Some(middle)
    }

    /// If a node has no entry and one child, puts the child in its place; returns the lowest node
    /// of the path that is still there.
    fn merge(&mut self, id: NodeId) -> NodeId {
        let Some(node) = self.tree.get(id) else { return id };
        let (Some(parent), None, Some(child)) = (node.parent, node.entry, node.first_child) else {
            return id;
        };
        let label = node.label;
        let Some(child_node) = self.tree.get(child) else { return id };
        if child_node.next.is_some() {
            return id;
        }
        let child_label = child_node.label;
        self.edges.remove(self.edge_hash(id, child_label), child);
        self.edges.remove(self.edge_hash(parent, label), id);
        self.tree.unlink(child);
        self.tree.unlink(id);
        self.tree.free(id);
        self.tree.link(parent, child);
        if let Some(node) = self.tree.get_mut(child) {
            node.label = label;
        }
        self.edges.insert(self.edge_hash(parent, label), child);
        parent
    }
}
