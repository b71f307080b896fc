//! The trie of wildcard patterns, over components.
//!
//! Each node has children for literal components, found by hash, and at most one for the wildcard,
//! found by a link.
//! Matching tries the literal child before the wildcard child everywhere, which is the order of
//! precedence that the specification asks for, and climbs back through the parents, so that it
//! needs neither recursion nor a stack.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use super::{
    EntryKey,
    edges::Edges,
    entries::Entries,
    tree::{Node, NodeId, Tree},
};

/// The index of wildcard patterns.
pub(super) struct Wildcard {
    tree: Tree<Component>,
    edges: Edges,
    hash: FixedState,
    entry_count: usize,
}

/// What a node adds: its component, as a range of its sample's text, and its wildcard child.
#[derive(Debug, Clone)]
struct Component {
    /// Where the component begins; it ends at the node's end, and if that is the same, it is a
    /// wildcard.
    start: u32,
    any: Option<NodeId>,
}

impl Node<Component> {
    fn is_any(&self) -> bool {
        self.label.start == self.end
    }

    fn start(&self) -> usize {
        usize::try_from(self.label.start).unwrap_or(usize::MAX)
    }
}

impl Wildcard {
    pub(super) fn new(hash: FixedState) -> Self {
        let root = Component { start: 0, any: None };
        Self { tree: Tree::new(root), edges: Edges::new(), hash, entry_count: 0 }
    }

    /// The entries that match `uri`, by precedence.
    pub(super) fn matches<'a, T>(
        &'a self,
        entries: &'a Entries<T>,
        uri: &'a str,
    ) -> impl Iterator<Item = EntryKey> + 'a {
        let mut search = Search {
            trie: self,
            entries,
            uri: uri.as_bytes(),
            at: (self.entry_count > 0).then_some(NodeId::ROOT),
            start: 0,
        };
        std::iter::from_fn(move || search.next_match())
    }

    /// Adds an entry and returns its node; `None` and no change if the arena cannot take it.
    pub(super) fn insert<T>(
        &mut self,
        entries: &Entries<T>,
        key: EntryKey,
        pattern: &str,
    ) -> Option<NodeId> {
        u32::try_from(pattern.len()).ok()?;
        if !self.tree.has_room(pattern.split('.').count()) {
            return None;
        }
        let mut id = NodeId::ROOT;
        let mut start = 0_u32;
        for component in pattern.split('.') {
            // No pattern is longer than a u32 holds, so neither is a part of it.
            let end = start.saturating_add(u32::try_from(component.len()).unwrap_or(u32::MAX));
            id = self.child(entries, id, component.as_bytes()).unwrap_or_else(|| {
                let label = Component { start, any: None };
                self.add(id, component.as_bytes(), Node::new(Some(key), end, label))
            });
            start = end.saturating_add(1);
        }
        if let Some(node) = self.tree.get_mut(id) {
            node.entry = Some(key);
        }
        self.entry_count += 1;
        Some(id)
    }

    /// Removes an entry whose text was `pattern`, and the nodes that only it needed.
    pub(super) fn remove(&mut self, key: EntryKey, id: NodeId, pattern: &str) {
        self.entry_count = self.entry_count.saturating_sub(1);
        if let Some(node) = self.tree.get_mut(id) {
            node.entry = None;
        }
        let mut lowest = id;
        while let Some(node) = self.tree.get(lowest) {
            let (Some(parent), None, None) = (node.parent, node.first_child, node.entry) else {
                break;
            };
            if node.is_any() {
                if let Some(parent) = self.tree.get_mut(parent) {
                    parent.label.any = None;
                }
            } else {
                let component = pattern.as_bytes().get(node.start()..node.end());
                let hash = self.edge_hash(parent, component.unwrap_or_default());
                self.edges.remove(hash, lowest);
            }
            self.tree.unlink(lowest);
            self.tree.free(lowest);
            lowest = parent;
        }
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
        let mut literal_count = 0;
        for (id, node) in self.tree.walk() {
            let Some(parent_id) = node.parent else { continue };
            literal_count += usize::from(!node.is_any());
            let text = node.sample.map_or("", |sample| entries.text(sample));
            let Some(component) = text.get(node.start()..node.end()) else {
                return Err(format!("wildcard {id:?} has no text"));
            };
            if self.child(entries, parent_id, component.as_bytes()) != Some(id) {
                return Err(format!("wildcard {id:?} has no edge"));
            }
            let pattern = node.entry.map(|entry| entries.text(entry));
            if pattern.is_some_and(|pattern| Some(pattern) != text.get(..node.end())) {
                return Err(format!("wildcard {pattern:?} is at the node of {text:?}"));
            }
            let after_parent = if parent_id == NodeId::ROOT {
                0
            } else {
                self.tree.get(parent_id).map_or(0, Node::end) + 1
            };
            if node.start() != after_parent {
                return Err(format!("wildcard {id:?} does not follow its parent"));
            }
        }
        if literal_count != self.edges.len() || self.entry_count != entry_count {
            return Err(format!("{} edges for {literal_count} literals", self.edges.len()));
        }
        Ok(())
    }

    /// The child for a component of a pattern: the wildcard child for the empty one.
    fn child<T>(&self, entries: &Entries<T>, id: NodeId, component: &[u8]) -> Option<NodeId> {
        if component.is_empty() {
            self.tree.get(id)?.label.any
        } else {
            self.literal(entries, id, component)
        }
    }

    /// The child for a literal component.
    fn literal<T>(&self, entries: &Entries<T>, id: NodeId, component: &[u8]) -> Option<NodeId> {
        self.tree.get(id)?.first_child?;
        self.edges.find(self.edge_hash(id, component), |child| {
            self.tree.get(child).is_some_and(|node| {
                let text = || entries.text(node.sample?).as_bytes().get(node.start()..node.end());
                node.parent == Some(id) && text() == Some(component)
            })
        })
    }

    fn add(&mut self, parent: NodeId, component: &[u8], node: Node<Component>) -> NodeId {
        let id = self.tree.add(parent, node);
        if component.is_empty() {
            if let Some(parent) = self.tree.get_mut(parent) {
                parent.label.any = Some(id);
            }
        } else {
            self.edges.insert(self.edge_hash(parent, component), id);
        }
        id
    }

    fn edge_hash(&self, parent: NodeId, component: &[u8]) -> u64 {
        let mut hasher = self.hash.build_hasher();
        hasher.write_u32(parent.number());
        hasher.write(component);
        hasher.finish()
    }
}

/// One walk through the trie.
struct Search<'a, T> {
    trie: &'a Wildcard,
    entries: &'a Entries<T>,
    uri: &'a [u8],
    /// The node that has been reached; `None` at the end of the walk.
    at: Option<NodeId>,
    /// Where the component after that node begins, one past the end if there is none.
    start: usize,
}

impl<T> Search<'_, T> {
    fn next_match(&mut self) -> Option<EntryKey> {
        while let Some(id) = self.at {
            let node = self.trie.tree.get(id)?;
            let Some(rest) = self.uri.get(self.start..) else {
                self.backtrack();
                if node.entry.is_some() {
                    return node.entry;
                }
                continue;
            };
            let length = rest.iter().position(|byte| *byte == b'.').unwrap_or(rest.len());
            let component = rest.get(..length).unwrap_or_default();
            let literal = if component.is_empty() {
                None
            } else {
                self.trie.literal(self.entries, id, component)
            };
            match literal.or(node.label.any) {
                Some(child) => {
                    self.at = Some(child);
                    self.start += length + 1;
                }
                None => self.backtrack(),
            }
        }
        None
    }

    /// Goes to the next untried wildcard child, from the deepest step up.
    fn backtrack(&mut self) {
        while let Some(node) = self.at.and_then(|id| self.trie.tree.get(id)) {
            let parent = node.parent.and_then(|parent| self.trie.tree.get(parent));
            if let Some(any) = parent.and_then(|parent| parent.label.any).filter(|_| !node.is_any())
            {
                self.at = Some(any);
                return;
            }
            self.at = node.parent;
            let end = self.start.saturating_sub(1);
            let before = self.uri.get(..end).unwrap_or_default();
            self.start = before.iter().rposition(|byte| *byte == b'.').map_or(0, |dot| dot + 1);
        }
    }
}
