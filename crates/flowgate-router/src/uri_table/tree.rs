//! The arena of nodes that both tries are made of.
//!
//! A node knows its parent, so that matching can climb instead of keeping a stack, and is in the
//! doubly linked list of its siblings, so that removal finds what is left.
//! Children are *found* through [`Edges`](super::edges::Edges), never by walking that list.

use std::num::NonZeroU32;

use super::EntryKey;

/// The place of a node in its [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct NodeId(NonZeroU32);

impl NodeId {
    /// The root, which is always there.
    pub(super) const ROOT: Self = Self(NonZeroU32::MIN);

    pub(super) const fn number(self) -> u32 {
        self.0.get()
    }

    fn index(self) -> usize {
        usize::try_from(self.0.get() - 1).unwrap_or(usize::MAX)
    }

    fn from_index(index: usize) -> Option<Self> {
        u32::try_from(index).ok()?.checked_add(1).and_then(NonZeroU32::new).map(Self)
    }
}

/// A node; `L` is what its trie adds.
#[derive(Debug, Clone)]
pub(super) struct Node<L> {
    pub(super) parent: Option<NodeId>,
    pub(super) first_child: Option<NodeId>,
    pub(super) next: Option<NodeId>,
    previous: Option<NodeId>,
    /// The entry whose pattern ends here.
    pub(super) entry: Option<EntryKey>,
    /// Any entry at or below this node: its text holds the text of the path from the root.
    pub(super) sample: Option<EntryKey>,
    /// Octets of the path from the root, up to and with this node.
    pub(super) end: u32,
    pub(super) label: L,
}

/// An arena of nodes.
pub(super) struct Tree<L> {
    nodes: Vec<Node<L>>,
    /// The last removed node, linked to the one before by `next`.
    vacant: Option<NodeId>,
    vacant_count: usize,
}

impl<L> Node<L> {
    /// A node without relations.
    pub(super) const fn new(sample: Option<EntryKey>, end: u32, label: L) -> Self {
        Self {
            parent: None,
            first_child: None,
            next: None,
            previous: None,
            entry: None,
            sample,
            end,
            label,
        }
    }

    /// [`end`](Self::end) as a length.
    pub(super) fn end(&self) -> usize {
        usize::try_from(self.end).unwrap_or(usize::MAX)
    }
}

impl<L> Tree<L> {
    pub(super) fn new(root_label: L) -> Self {
        Self { nodes: vec![Node::new(None, 0, root_label)], vacant: None, vacant_count: 0 }
    }

    pub(super) fn get(&self, id: NodeId) -> Option<&Node<L>> {
        self.nodes.get(id.index())
    }

    pub(super) fn get_mut(&mut self, id: NodeId) -> Option<&mut Node<L>> {
        self.nodes.get_mut(id.index())
    }

    /// Nodes besides the root.
    pub(super) fn len(&self) -> usize {
        self.nodes.len().saturating_sub(self.vacant_count).saturating_sub(1)
    }

    /// Whether `count` more nodes would have identifiers.
    pub(super) fn has_room(&self, count: usize) -> bool {
        let end = self.nodes.len().saturating_sub(self.vacant_count).saturating_add(count);
        NodeId::from_index(end).is_some()
    }

    /// Adds a node below `parent`; the caller has asked [`has_room`](Self::has_room).
    pub(super) fn add(&mut self, parent: NodeId, node: Node<L>) -> NodeId {
        let id = match self.vacant {
            Some(id) => {
                let slot = self.get_mut(id);
                debug_assert!(slot.is_some(), "a vacant node is in the arena");
                if let Some(slot) = slot {
                    let next = slot.next;
                    *slot = node;
                    self.vacant = next;
                    self.vacant_count -= 1;
                }
                id
            }
            None => {
                let id = NodeId::from_index(self.nodes.len()).unwrap_or(NodeId::ROOT);
                debug_assert_ne!(id, NodeId::ROOT, "the caller has asked has_room");
                self.nodes.push(node);
                id
            }
        };
        self.link(parent, id);
        id
    }

    /// Makes `id`, which has no parent, a child of `parent`.
    pub(super) fn link(&mut self, parent: NodeId, id: NodeId) {
        let first = self.get_mut(parent).and_then(|parent| parent.first_child.replace(id));
        if let Some(first) = first.and_then(|first| self.get_mut(first)) {
            first.previous = Some(id);
        }
        if let Some(node) = self.get_mut(id) {
            node.parent = Some(parent);
            node.previous = None;
            node.next = first;
        }
    }

    /// Takes `id` out of its parent's children.
    pub(super) fn unlink(&mut self, id: NodeId) {
        let Some(node) = self.get_mut(id) else { return };
        let (parent, previous, next) = (node.parent.take(), node.previous.take(), node.next.take());
        match previous.and_then(|previous| self.get_mut(previous)) {
            Some(previous) => previous.next = next,
            None => {
                if let Some(parent) = parent.and_then(|parent| self.get_mut(parent)) {
                    parent.first_child = next;
                }
            }
        }
        if let Some(next) = next.and_then(|next| self.get_mut(next)) {
            next.previous = previous;
        }
    }

    /// Removes a node that has been [unlinked](Self::unlink) and has no children.
    pub(super) fn free(&mut self, id: NodeId) {
        let vacant = self.vacant;
        if let Some(node) = self.get_mut(id) {
            node.entry = None;
            node.sample = None;
            node.first_child = None;
            node.next = vacant;
            self.vacant = Some(id);
            self.vacant_count += 1;
        }
    }

    /// Replaces a removed entry as the sample of `from` and the nodes above it.
    pub(super) fn renew_samples(&mut self, from: NodeId, removed: EntryKey) {
        let mut next = Some(from);
        while let Some(id) = next {
            let Some(node) = self.get(id) else { return };
            next = node.parent;
            if node.sample == Some(removed) {
                let below = || {
                    node.first_child.and_then(|child| self.get(child)).and_then(|node| node.sample)
                };
                let sample = node.entry.or_else(below);
                if let Some(node) = self.get_mut(id) {
                    node.sample = sample;
                }
            }
        }
    }

    /// The root and everything below it, parents first; for checks.
    pub(super) fn walk(&self) -> impl Iterator<Item = (NodeId, &Node<L>)> {
        let mut next = self.get(NodeId::ROOT).map(|root| (NodeId::ROOT, root));
        std::iter::from_fn(move || {
            let (id, node) = next?;
            let mut following = node.first_child;
            let mut at = node;
            while following.is_none() {
                following = at.next;
                let Some(parent) = at.parent.and_then(|parent| self.get(parent)) else { break };
                at = parent;
            }
            next = following.and_then(|id| Some((id, self.get(id)?)));
            Some((id, node))
        })
    }

    /// Proves what both tries have in common: links, samples, no useless leaf, nothing lost.
    pub(super) fn check(&self, entry_count: usize) -> Result<(), String> {
        let (mut node_count, mut found_count) = (0, 0);
        for (id, node) in self.walk().take(self.nodes.len() + 1) {
            node_count += 1;
            found_count += usize::from(node.entry.is_some());
            let mut previous = None;
            let mut child = node.first_child;
            while let Some(below) = child {
                let Some(below_node) = self.get(below) else {
                    return Err(format!("{id:?} has a child outside the arena"));
                };
                if below_node.parent != Some(id) || below_node.previous != previous {
                    return Err(format!("{below:?} is linked wrongly below {id:?}"));
                }
                previous = child;
                child = below_node.next;
            }
            if id != NodeId::ROOT && node.first_child.is_none() && node.entry.is_none() {
                return Err(format!("{id:?} is a leaf without an entry"));
            }
        }
        if node_count != self.len() + 1 || found_count != entry_count {
            return Err(format!(
                "{node_count} nodes with {found_count} entries reached, {} with {entry_count} exist",
                self.len() + 1
            ));
        }
        Ok(())
    }
}
